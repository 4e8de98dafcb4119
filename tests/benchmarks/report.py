"""Results → targets and tables: plain text with absolute figures, or Markdown with ratios alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.benchmarks.measure import Result
from tests.benchmarks.tools import BUILT_IN, TOOLS

Table = list[list[str]]
Verdict = Literal["met", "missed", "not measured"]

MARK_BEGIN, MARK_END = "<!-- table -->", "<!-- /table -->"
LEFT_ALIGNED = ("workload", "implementation", "stage", "promise", "verdict")


@dataclass(frozen=True)
class Target:
    """A promise, and what was measured."""

    name: str
    value: float | None
    limit: float
    at_least: bool
    unit: str = "x"

    @property
    def verdict(self) -> Verdict:
        """True if the promise is kept."""
        if self.value is None:
            return "not measured"
        return "met" if (self.value >= self.limit if self.at_least else self.value <= self.limit) else "missed"

    @property
    def wanted(self) -> str:
        """The promise in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}".rstrip()


@dataclass
class Findings:
    """All that one call of the benchmark found.

    Attributes
    ----------
    results : list of Result
        By workload.
    growth : list of Result
        The same workload with ever more vehicles.
    start : list of Result
        Of a few vehicles, one process at a time.
    extras : dict
        Measurements of `tests.benchmarks.extras`, by name.
    not_run : dict of str to str
        Tools that could not run here, and why.
    """

    results: list[Result] = field(default_factory=list)
    growth: list[Result] = field(default_factory=list)
    start: list[Result] = field(default_factory=list)
    extras: dict[str, dict[str, float]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)

    @property
    def differ(self) -> int:
        """Vehicles with another exit than the compiled engine's, over all tools and workloads."""
        return sum(result.differ or 0 for result in [*self.results, *self.growth, *self.start])

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "results": [_plain(result) for result in self.results],
            "growth": [_plain(result) for result in self.growth],
            "start": [_plain(result) for result in self.start],
            "extras": self.extras,
            "not_run": self.not_run,
        }


def _plain(result: Result) -> dict[str, Any]:
    return {**vars(result.cell), **{key: value for key, value in vars(result).items() if key != "cell"}}


# --- ratios and targets ------------------------------------------------------------------------------------


def ratios(results: Sequence[Result], slow: str, fast: str) -> dict[str, float]:
    """CPU time of ``slow`` over that of ``fast`` by workload, where they ran side by side with the most vehicles."""
    groups: dict[tuple[str, int], dict[str, Result]] = {}
    for result in results:
        groups.setdefault((result.cell.workload, result.cell.vehicles), {})[result.cell.tool] = result
    found = {}
    for (workload, _), group in sorted(groups.items()):
        if slow in group and fast in group:
            found[workload] = group[slow].cpu_s / group[fast].cpu_s
    return found


def _least(found: dict[str, float]) -> float | None:
    return min(found.values(), default=None)


def _most(found: dict[str, float]) -> float | None:
    return max(found.values(), default=None)


def gates(findings: Findings) -> list[Target]:
    """Loose limits, for machines that do other work as well: what continuous integration asks for."""
    results = findings.results
    return [
        _no_difference(findings),
        Target(
            f"compiled against reference engine, {BUILT_IN}",
            ratios(results, "reference", "compiled").get(BUILT_IN),
            80,
            True,
        ),
        Target("compiled engine's time against C, worst workload", _most(ratios(results, "compiled", "c")), 1.6, False),
        Target(
            "pipeline of one replication against its kernel",
            findings.extras.get("pipeline", {}).get("pipeline"),
            3.5,
            False,
        ),
    ]


def targets(findings: Findings) -> list[Target]:
    """Promises of the simulator, measured on a quiet machine."""
    results, extras = findings.results, findings.extras

    def extra(name: str, key: str) -> float | None:
        return extras.get(name, {}).get(key)

    return [
        _no_difference(findings),
        Target(
            f"compiled against reference engine, {BUILT_IN}",
            ratios(results, "reference", "compiled").get(BUILT_IN),
            120,
            True,
        ),
        Target(
            "compiled against idiomatic SimPy, worst workload",
            _least(ratios(results, "idiomatic", "compiled")),
            150,
            True,
        ),
        Target("compiled against simmer, worst workload", _least(ratios(results, "simmer", "compiled")), 50, True),
        Target("compiled against Ciw, worst workload", _least(ratios(results, "ciw", "compiled")), 1000, True),
        Target("compiled against salabim, worst workload", _least(ratios(results, "salabim", "compiled")), 1000, True),
        Target(
            "compiled engine's time against C, worst workload", _most(ratios(results, "compiled", "c")), 1.25, False
        ),
        Target(
            "reference engine's time against idiomatic SimPy, worst workload",
            _most(ratios(results, "reference", "idiomatic")),
            1.2,
            False,
        ),
        Target("time per event, most against fewest vehicles", _growth(findings.growth), 1.4, False),
        Target("pipeline of one replication against its kernel", extra("pipeline", "pipeline"), 2.7, False),
        Target("two workers against one", extra("workers", "speed_up"), 1.8, True),
        Target("start-up of `borderport run 2024 --reps 1`", extra("start_up", "seconds"), 1.5, False, "s"),
        Target("ten million vehicles of a small route in one process", extra("large", "gib"), 8, False, "GiB"),
    ]


def _no_difference(findings: Findings) -> Target:
    return Target("vehicles whose exit differs between implementations", float(findings.differ), 0, False, "")


def _growth(growth: Sequence[Result]) -> float | None:
    ours = sorted((r.vehicles, r.ns_per_event) for r in growth if r.cell.tool == "compiled")
    return ours[-1][1] / ours[0][1] if len(ours) > 1 else None


# --- tables ------------------------------------------------------------------------------------------------


def _base(result: Result, results: Sequence[Result]) -> Result | None:
    """The result to compare with: idiomatic SimPy beside it, or the reference engine where there is none."""
    beside = {r.cell.tool: r for r in results if (r.cell.workload, r.cell.vehicles) == _group(result)}
    return beside.get("idiomatic") or beside.get("reference")


def _group(result: Result) -> tuple[str, int]:
    return result.cell.workload, result.cell.vehicles


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def tools_table(findings: Findings, absolute: bool) -> Table:
    """Every implementation on every workload."""
    rows = [["workload", "vehicles", "implementation", "speed"]]
    rows[0] += ["ns/event", "peak MiB", "differ"] if absolute else ["memory", "differ"]
    for result in findings.results:
        base = _base(result, findings.results)
        row = [result.cell.workload, f"{result.vehicles:,}", TOOLS[result.cell.tool].label]
        row.append(_times(base.cpu_s / result.cpu_s) if base else "-")
        if absolute:
            row += [f"{result.ns_per_event:,.0f}", f"{result.peak_mib:,.0f}"]
        else:
            row.append(_times(result.peak_mib / base.peak_mib) if base else "-")
        rows.append([*row, "-" if result.differ is None else f"{result.differ:,}"])
    return rows


def growth_table(findings: Findings, absolute: bool) -> Table:
    """Time per event with ever more vehicles."""
    rows = [["workload", "vehicles", "implementation", "ns/event" if absolute else "time", *["peak MiB"] * absolute]]
    for result in findings.growth:
        first = next(r for r in findings.growth if r.cell.tool == result.cell.tool)
        row = [result.cell.workload, f"{result.vehicles:,}", TOOLS[result.cell.tool].label]
        row.append(f"{result.ns_per_event:,.1f}" if absolute else f"{result.ns_per_event / first.ns_per_event:.2f}")
        rows.append(row + ([f"{result.peak_mib:,.0f}"] if absolute else []))
    return rows


def start_table(findings: Findings, absolute: bool) -> Table:
    """From nothing to the first result."""
    rows = [["vehicles", "implementation", "start-up s" if absolute else "start-up"]]
    base = next((r.start_s for r in findings.start if r.cell.tool == "idiomatic"), None)
    for result in findings.start:
        value = f"{result.start_s:.2f}" if absolute else f"{result.start_s / base:.1f}" if base else "-"
        rows.append([f"{result.vehicles:,}", TOOLS[result.cell.tool].label, value])
    return rows


def pipeline_table(findings: Findings) -> Table:
    """The stages of one replication, as multiples of the kernel."""
    stages = {"kernel": 1.0, **findings.extras.get("pipeline", {})}
    return [["stage", "time"], *([stage, f"{value:.2f}"] for stage, value in stages.items())]


def targets_table(found: Sequence[Target], absolute: bool) -> Table:
    """Promises and whether they are kept; without ``absolute``, no figures in seconds or bytes."""
    rows = [["promise", "value", "target", "verdict"]]
    for target in found:
        shown = absolute or target.unit in ("x", "")
        value = "-" if target.value is None or not shown else f"{target.value:,.4g} {target.unit}".rstrip()
        rows.append([target.name, value, target.wanted, target.verdict])
    return rows


def _sections(findings: Findings, found: Sequence[Target], absolute: bool) -> list[tuple[str, Table]]:
    sections = [
        (
            "Speed: CPU time of idiomatic SimPy (on 2024: of the reference engine) over that of the implementation",
            tools_table(findings, absolute),
        ),
        ("Growth: time per event with more vehicles", growth_table(findings, absolute)),
        ("Start-up: a fresh process until its first result", start_table(findings, absolute)),
        ("One replication of 2024, CPU time as multiples of the kernel's", pipeline_table(findings)),
        ("Promises", targets_table(found, absolute)),
    ]
    return [(title, table) for title, table in sections if len(table) > (2 if title.startswith("One") else 1)]


def as_text(findings: Findings, found: Sequence[Target]) -> str:
    """Aligned columns, with absolute figures of this machine."""
    parts = []
    for title, table in _sections(findings, found, absolute=True):
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        right = [name not in LEFT_ALIGNED for name in table[0]]
        lines = [
            "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True))
            for row in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        parts.append("\n".join([title, *(line.rstrip() for line in lines)]))
    parts += [f"not run: {TOOLS[tool].label}: {reason}" for tool, reason in findings.not_run.items()]
    return "\n\n".join(parts) + "\n"


def as_markdown(findings: Findings, found: Sequence[Target]) -> str:
    """The same as ratios alone."""
    parts = []
    for title, table in _sections(findings, found, absolute=False):
        lines = ["| " + " | ".join(row) + " |" for row in table]
        lines.insert(1, "| " + " | ".join("---:" if name not in LEFT_ALIGNED else "---" for name in table[0]) + " |")
        parts.append("\n".join([f"**{title}**", "", *lines]))
    parts += [f"Not run: {TOOLS[tool].label} ({reason})." for tool, reason in findings.not_run.items()]
    return "\n\n".join(parts) + "\n"


def write_into(path: Path, findings: Findings, found: Sequence[Target]) -> None:
    """Put the tables between the marks of a page."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(MARK_BEGIN)
    _, end, after = rest.partition(MARK_END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the marks {MARK_BEGIN} and {MARK_END}")
    path.write_text(f"{before}{begin}\n\n{as_markdown(findings, found)}\n{end}{after}", encoding="utf-8")
