"""``python -m tests.benchmarks``: this simulator beside others on one workload; prints tables, 1 if exits differ."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import extras
from tests.benchmarks.measure import Cell, environment, measure
from tests.benchmarks.report import Findings, as_text, gates, targets, write_into
from tests.benchmarks.tools import BUILT_IN, TOOLS, missing
from tests.benchmarks.workload import VARIANTS

GROWTH = (10_000, 100_000, 1_000_000)
GROWTH_WORKLOAD = "wcal"
START_VEHICLES = 400


@dataclass(frozen=True)
class Settings:
    """Extent of the measurements.

    Attributes
    ----------
    vehicles : int
        In all ports together; 40,000 are a year.
    rounds : int
        Measured ones.
    slow_vehicles, slow_rounds : int
        At most so many for tools that are slow.
    tools : tuple of str
        Those that can run here.
    quick : bool
        Only what the gates need.
    """

    vehicles: int
    rounds: int
    slow_vehicles: int
    slow_rounds: int
    tools: tuple[str, ...]
    quick: bool


def groups(settings: Settings) -> list[tuple[list[Cell], int]]:
    """Cells that are measured side by side, and in how many rounds."""
    found = []
    for workload in VARIANTS:
        able = [tool for tool in settings.tools if workload in TOOLS[tool].workloads]
        slow = [tool for tool in able if TOOLS[tool].slow and settings.vehicles > settings.slow_vehicles]
        fast = [tool for tool in able if tool not in slow]
        beside = [tool for tool in fast if tool in ("compiled", "idiomatic")]
        found.append(([Cell(tool, workload, settings.vehicles) for tool in fast], settings.rounds))
        if slow:
            cells = [Cell(tool, workload, settings.slow_vehicles) for tool in beside + slow]
            found.append((cells, min(settings.rounds, settings.slow_rounds)))
    built_in = [Cell(tool, BUILT_IN, 0) for tool in settings.tools if BUILT_IN in TOOLS[tool].workloads]
    return [(cells, rounds) for cells, rounds in [*found, (built_in, settings.rounds)] if cells]


def find(settings: Settings, folder: Path) -> Findings:
    """Measure everything."""
    findings = Findings()
    for cells, rounds in groups(settings):
        note(f"{cells[0].workload}, {cells[0].vehicles or 'all'} vehicles: {', '.join(c.tool for c in cells)}")
        findings.results += measure(cells, rounds, folder)
    if settings.quick:
        _add_extras(findings, ("pipeline",), folder)
        return findings
    growing = [tool for tool in ("compiled", "c") if tool in settings.tools]
    for vehicles in GROWTH if growing else ():
        note(f"growth: {vehicles:,} vehicles")
        findings.growth += measure([Cell(tool, GROWTH_WORKLOAD, vehicles) for tool in growing], 3, folder)
    for tool in settings.tools:
        note(f"start-up: {tool}")
        findings.start += measure([Cell(tool, "w24", START_VEHICLES)], 1, folder)
    _add_extras(findings, extras.EXTRAS, folder)
    return findings


def _add_extras(findings: Findings, names: Iterable[str], folder: Path) -> None:
    for name in names:
        note(name)
        values = extras.run(name, environment(), folder)
        if values is not None:
            findings.extras[name] = values


def note(text: str) -> None:
    """Say what is going on, beside the tables."""
    print(f"... {text}", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--vehicles", type=int, help="in all ports together (40,000 are a year; 10,000 with --quick)")
    parser.add_argument("--rounds", type=int, help="measured rounds (5; 1 with --quick)")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"some of {','.join(TOOLS)}")
    parser.add_argument("--quick", action="store_true", help="only equality and loose ratios, within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables, as ratios, into a page")
    options = parser.parse_args(arguments)
    options.tools = tuple(options.tools.split(","))
    unknown = [tool for tool in options.tools if tool not in TOOLS]
    if unknown:
        parser.error(f"unknown tool '{unknown[0]}': there are {', '.join(TOOLS)}")
    if (options.vehicles or 4) < 4 or (options.rounds or 1) < 1:
        parser.error("at least 4 vehicles and 1 round")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; the status says whether all implementations agree."""
    options = parse(arguments)
    not_run = {tool: reason for tool in options.tools if (reason := missing(tool)) is not None}
    settings = Settings(
        vehicles=options.vehicles or (10_000 if options.quick else 40_000),
        rounds=options.rounds or (1 if options.quick else 5),
        slow_vehicles=400 if options.quick else 10_000,
        slow_rounds=1 if options.quick else 2,
        tools=tuple(tool for tool in options.tools if tool not in not_run),
        quick=options.quick,
    )
    with tempfile.TemporaryDirectory() as folder:
        findings = find(settings, Path(folder))
    findings.not_run = not_run
    found = gates(findings) if options.quick else targets(findings)
    print(as_text(findings, found), end="")
    if options.json is not None:
        promises = [{**vars(target), "verdict": target.verdict} for target in found]
        options.json.write_text(json.dumps({**findings.as_json(), "promises": promises}, indent=1), encoding="utf-8")
    if options.write is not None:
        write_into(options.write, findings, found)
    return 1 if findings.differ else 0


if __name__ == "__main__":
    sys.exit(main())
