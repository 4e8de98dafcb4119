"""What the documentation shows is executed, and what it lists exists.

``python -m tests.test_docs`` writes the shown outputs, the generated tables and ``results/reference`` anew. In a page, a
block after ``<!-- file: NAME -->`` is a file, a ``console`` block holds commands and what they print, and what stands
between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->`` is generated.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel

from sim import scenario as models
from sim.calibrate import Free, Recipe, Target
from sim.distributions import LAW_NAMES
from sim.errors import SimError
from sim.experiment import Sample
from sim.metrics import METRICS
from sim.scenario import EFFECT_KINDS, Policy, Scenario
from tests.test_architecture import ORDER

ROOT = Path(__file__).resolve().parent.parent
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
METRICS_PAGE, SCENARIOS_PAGE = ROOT / "docs" / "metrics.md", ROOT / "docs" / "scenarios.md"
REFERENCE = ROOT / "results" / "reference"
PAGES = sorted([README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
REPLICATIONS, SEED = 20, 1
MAIN_JOB = ["2024-before", "2024"]
# Results of one seed may differ in the last digits between processors: by so much, and no more.
RELATIVE, ABSOLUTE = 0.02, 0.6

FILE = re.compile(r"<!-- file: (\S+) -->\n+```\w*\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


# --- running what a page shows ----------------------------------------------------------------------------


def commands(block: str) -> list[tuple[str, str]]:
    """(command, what is shown below it) of a console block; a command may go on after a backslash."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        found.append((" ".join(command.split()), shown))
    return found


def printed(command: str) -> str:
    """What a command prints on standard output, and the message if it ends with an error."""
    from sim.cli import cli

    words = shlex.split(command)
    if Path(words[0]).name != "borderport":
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            cli.main(words[1:], prog_name="borderport", standalone_mode=False)
        except SimError as error:
            print(error)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def written_files(text: str, folder: Path) -> None:
    """Write the files that a page shows."""
    for name, content in FILE.findall(text):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


def words_and_numbers(text: str) -> tuple[str, list[float]]:
    """A text with its numbers taken out: lines, spaces and rules of tables do not count."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    words = re.sub(r"─+", "─", NUMBER.sub("#", text))
    return " ".join(words.split()), numbers


def assert_same(shown: str, found: str, what: str) -> None:
    """The words are equal, the numbers nearly."""
    words, numbers = words_and_numbers(shown)
    found_words, found_numbers = words_and_numbers(found)
    assert found_words == words, f"{what}\nprinted:\n{found}"
    for one, other in zip(numbers, found_numbers, strict=True):
        assert math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE), f"{what}: {one} is now {other}\n{found}"


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=lambda page: page.stem)
def test_every_command_prints_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    written_files(text, tmp_path)
    shown = [pair for block in CONSOLE.findall(text) for pair in commands(block)]
    assert shown
    for command, output in shown:
        assert_same(output, printed(command), command)


# --- links, lists and tables ------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What may follow the # of a link to a page, as GitHub names headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        goal = page.parent / name if name else page
        assert goal.exists(), f"{page.name} links to {target}"
        if anchor and goal.suffix == ".md":
            assert anchor in anchors(goal), f"{page.name} links to {target}; there are {sorted(anchors(goal))}"


def test_the_readme_lists_the_modules_there_are() -> None:
    listing = README.read_text(encoding="utf-8").partition("```text\nsim/\n")[2].partition("```")[0]
    listed = re.findall(r"^  ([a-z_]+)(?:\.py|/)", listing, flags=re.MULTILINE)
    there = {path.stem for path in (ROOT / "sim").iterdir() if not path.name.startswith("_")}
    assert set(listed) == there
    assert listed == [name for name in ORDER if name in there]


def section(page: Path, name: str) -> str:
    """What stands between the markers of a generated part."""
    text = page.read_text(encoding="utf-8")
    return text.partition(f"<!-- begin: {name} -->\n")[2].partition(f"<!-- end: {name} -->")[0]


def metrics_table() -> str:
    """The table of `sim.metrics.METRICS` in Markdown."""
    rows = [f"| `{m.name}` | {m.unit} | {m.formula} |" for m in METRICS.values()]
    return "\n".join(["| metric | unit | formula |", "| --- | --- | --- |", *rows]) + "\n"


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """Keys of a model as a file writes them, with their types; what the program fills in itself is left out."""
    internal = {"name", "traces", "adoptions", "amendments"} if model in (Scenario, Policy) else set()
    fields = {(field.alias or name): field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in fields.items() if name not in internal}


def models_in(kind: Any) -> Iterator[type[BaseModel]]:
    """Models in a type, whatever they are wrapped in."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in (Union, UnionType, dict, tuple, list) or get_args(kind):
        for part in get_args(kind):
            yield from models_in(part)


def file_models() -> dict[str, type[BaseModel]]:
    """Every model that a scenario file, a policy file or a recipe is read into, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [Scenario, Policy, Recipe, Free, Target]
    while waiting:
        model = waiting.pop()
        if model.__name__ not in found:
            found[model.__name__] = model
            waiting += [part for kind in keys_of(model).values() for part in models_in(kind)]
    return found


EXTRA_KEYS = {"Scenario": {"extends", "overlays"}, "Station": {"service"}, "Step": {"enter", "leave", "signal", "wait"}}
OMITTED = {"Step": {"kind", "name"}}  # a step is written in its short form


def documented_keys() -> dict[str, set[str]]:
    """By model: the keys in the first column of the table after ``<!-- keys: MODEL -->``."""
    text = SCENARIOS_PAGE.read_text(encoding="utf-8")
    found = {}
    for name, rows in re.findall(r"<!-- keys: (\w+) -->\n+\|.*\n\| ---.*\n((?:\|.*\n)+)", text):
        cells = [row.split("|")[1] for row in rows.splitlines()]
        found[name] = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
    return found


def test_the_page_on_scenarios_has_every_key_and_no_other() -> None:
    documented, there = documented_keys(), file_models()
    assert set(documented) == set(there)
    for name, model in there.items():
        expected = set(keys_of(model)) | EXTRA_KEYS.get(name, set()) - OMITTED.get(name, set())
        expected -= OMITTED.get(name, set()) | ({"source", "assumed"} if name != "Entry" else set())
        assert documented[name] == expected, name


def test_the_page_on_scenarios_has_every_law_and_effect() -> None:
    text = SCENARIOS_PAGE.read_text(encoding="utf-8")
    for name in (*LAW_NAMES, *EFFECT_KINDS):
        assert f"`{name}`" in text, name


def test_every_model_of_files_is_one_of_ours() -> None:
    assert all(model.__module__ in (models.__name__, Free.__module__) for model in file_models().values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_in_yaml_are_read(page: Path) -> None:
    """No example is text that a scenario file could not hold."""
    from sim.loading.yaml import read_yaml

    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        _, findings = read_yaml(block.encode(), page.name)
        assert not findings, [str(finding.problem()) for finding in findings]


# --- the reference set and the tables drawn from it -------------------------------------------------------

Row = dict[str, str]
CLOCKS = (
    ("passage", "service", "in service, passage"),
    ("passage", "open", "in open hours, passage"),
    ("passage", "wall", "on the wall clock, passage"),
    ("total", "wall", "on the wall clock, arrival to exit"),
)
GROUPS = {"export_trucks": "export trucks", "nev": "new-energy vehicles", "imports": "imports"}
BACKLOG = {"gyirong.gate_in": "gate in", "gyirong.transload": "loading in the town", "gyirong.gate_out": "gate out"}


def rows_of(name: str) -> list[Row]:
    """A table of the reference set."""
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str, digits: int = 0) -> str:
    """``12,345.6``, with a true minus sign."""
    return f"{float(text):,.{digits}f}".replace("-", "−")


def percent(text: str) -> str:
    """``18 %``."""
    return f"{float(text) * 100:.0f} %"


def between(row: Row, digits: int, mean: str = "mean", low: str = "low", high: str = "high") -> str:
    """``30.0 [29.9, 30.1]``."""
    return f"{number(row[mean], digits)} [{number(row[low], digits)}, {number(row[high], digits)}]"


def table(*rows: Sequence[str]) -> str:
    """A table in Markdown; the first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "| --- " * len(rows[0]) + "|", *lines[1:]]) + "\n"


def validation_table() -> str:
    """Targets beside what is simulated."""
    rows = [
        (
            row["target"],
            row["reported"],
            row["tolerance"],
            between(row, int(row["digits"])),
            row["role"],
            row["met"] if row["met"] != "no" else "**no**",
        )
        for row in rows_of("validation.csv")
    ]
    return table(("", "reported", "tolerance", "simulated", "role", "met"), *rows)


def saving_table() -> str:
    """What the same vehicles save, on each clock."""
    found = {(r["flow"], r["span"], r["clock"]): r for r in rows_of("vehicles.csv") if r["port"] == "all"}
    names = ("saving_min", "low_min", "high_min")
    rows = [
        (words, *(between(found[group, span, clock], 1, *names) for group in GROUPS)) for span, clock, words in CLOCKS
    ]
    walls = [found[group, "passage", "wall"] for group in GROUPS]
    better = [f"{percent(wall['better'])} / {percent(wall['worse'])}" for wall in walls]
    alone = [f"{number(wall['only_base'])} / {number(wall['only_other'])}" for wall in walls]
    rows.append(("share better / worse off, passage on the wall clock", *better))
    rows.append((f"cleared in `{MAIN_JOB[0]}` only / in `{MAIN_JOB[1]}` only", *alone))
    return table(("minutes saved per vehicle", *GROUPS.values()), *rows)


def backlog_table() -> str:
    """Where vehicles wait at the largest port, before and after."""
    found = {(r["scenario"], r["station"], r["metric"]): float(r["mean"]) for r in rows_of("waiting.csv")}
    rows = []
    for station, words in BACKLOG.items():
        hours = [
            sum(found[name, station, f"passage_{part}_mean"] for part in ("waiting", "closed")) / 60
            for name in MAIN_JOB
        ]
        rows.append((words, *(f"{value:.1f}" for value in hours)))
    return table(("hours in queue per vehicle at Gyirong, nights included", *(f"`{n}`" for n in MAIN_JOB)), *rows)


def tonnes_table() -> str:
    """Tonnes cleared with and without the measures."""
    found = {(r["scenario"], r["port"]): r for r in rows_of("metrics.csv") if r["metric"] == "tonnes_cleared"}
    rows = [(f"`{name}`", between(found[name, "all"], 0)) for name in MAIN_JOB]
    (change,) = rows_of("tonnes-difference.csv")
    return table(("", "tonnes cleared"), *rows, ("difference, paired", between(change, 0)))


GENERATED: dict[tuple[Path, str], Callable[[], str]] = {
    (METRICS_PAGE, "metrics"): metrics_table,
    (README, "validation"): validation_table,
    (README, "saving"): saving_table,
    (README, "backlog"): backlog_table,
    (README, "tonnes"): tonnes_table,
}


@pytest.mark.parametrize("where", GENERATED, ids=lambda where: f"{where[0].stem}-{where[1]}")
def test_generated_tables_are_up_to_date(where: tuple[Path, str]) -> None:
    assert section(*where) == GENERATED[where](), "python -m tests.test_docs --tables writes it anew"


@pytest.mark.slow
def test_the_reference_set_is_what_the_program_gives(tmp_path: Path) -> None:
    write_reference(tmp_path)
    for name in TABLES:
        assert_same((REFERENCE / name).read_text(encoding="utf-8"), (tmp_path / name).read_text(encoding="utf-8"), name)


# --- writing it anew --------------------------------------------------------------------------------------


TABLES = ("metrics.csv", "vehicles.csv", "waiting.csv", "tonnes-difference.csv", "validation.csv")


def write_reference(folder: Path) -> None:
    """Run the main job and 2023, keep totals and groups, paired effects, two figures and what was reported."""
    runs = folder / "runs"
    options = ["--reps", str(REPLICATIONS), "--seed", str(SEED), "--quiet"]
    printed(shlex.join(["borderport", "compare", *MAIN_JOB, *options, "--out", str(runs / "main")]))
    printed(shlex.join(["borderport", "run", "2023", *options, "--out", str(runs / "2023")]))
    rows = [row for name in ("main", "2023") for row in _read(runs / name / "metrics.csv")]
    totals = [r for r in rows if r["station"] == "all" and (r["flow"] == "all" or r["port"] == "all")]
    _write(folder / "metrics.csv", totals)
    _write(folder / "vehicles.csv", [r for r in _read(runs / "main" / "vehicles.csv") if _is_total(r)])
    waits = [f"passage_{part}_mean" for part in ("waiting", "closed")]
    waiting = [r for r in rows if r["station"] in BACKLOG and r["metric"] in waits and r["flow"] == "all"]
    _write(folder / "waiting.csv", [r for r in waiting if r["port"] == r["station"].partition(".")[0]])
    changes = _read(runs / "main" / "differences.csv")
    total = [r for r in changes if (r["port"], r["flow"], r["metric"]) == ("all", "all", "tonnes_cleared")]
    _write(folder / "tonnes-difference.csv", total)
    _write(folder / "validation.csv", validation_rows())
    for name in ("saving-per-vehicle", "time-by-station"):
        shutil.copyfile(runs / "main" / "figures" / f"{name}.png", folder / f"{name}.png")
    shutil.rmtree(runs)


def _is_total(row: Row) -> bool:
    return row["port"] == "all" or row["flow"] == "all"


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@dataclass(frozen=True)
class Checked:
    """A reported figure and what replications gave for it: within a share of it, at most it, or in a band."""

    target: str
    values: NDArray[np.float64]
    unit: str
    digits: int
    role: str
    low: float
    high: float
    reported: str
    tolerance: str

    def row(self) -> dict[str, object]:
        """As a row of ``validation.csv``."""
        from sim.statistics import t_interval

        found = t_interval(self.values)
        shown = {name: f"{getattr(found, name):.6g}" for name in ("mean", "low", "high")}
        texts = {"target": self.target, "reported": self.reported, "tolerance": self.tolerance, "unit": self.unit}
        met = "yes" if self.low <= found.mean <= self.high else "no"
        return {**texts, **shown, "digits": self.digits, "role": self.role, "met": met}


def near(target: str, values: Any, reported: float, share: float, unit: str, role: str, digits: int = 1) -> Checked:
    """Within a share of what was reported."""
    text = f"{reported:,.{digits}f} {unit}".strip()
    tolerance = f"± {share * 100:.3g} %"
    return Checked(target, values, unit, digits, role, reported * (1 - share), reported * (1 + share), text, tolerance)


def at_most(target: str, values: Any, reported: float, unit: str, role: str, digits: int) -> Checked:
    """No more than what was reported."""
    return Checked(target, values, unit, digits, role, -math.inf, reported, f"{reported:g} {unit}", "at most")


def validation_rows() -> list[dict[str, object]]:
    """Each reported figure with what is simulated: runs `2024-before`, `2024` and `2023`."""
    from sim.compare import compare_scenarios
    from sim.experiment import run_scenarios
    from sim.loading import load_scenario

    before, after, year_before = (load_scenario(name).scenario for name in (*MAIN_JOB, "2023"))
    comparison = compare_scenarios([before, after], replications=REPLICATIONS, seed=SEED)
    (past,) = run_scenarios([year_before], replications=REPLICATIONS, seed=SEED)
    now = comparison.samples[1]
    wanted = ("all", "export_trucks", "passage", "service")
    saving = next(e.saving for e in comparison.effects[0] if (e.port, e.flow, e.span, e.clock) == wanted)
    queue, medians = one_by_one(after)

    def kilotonnes(sample: Sample, port: str, flow: str, first: str, last: str) -> NDArray[np.float64]:
        months = [key[3] for key in sample.keys if key[:3] == (port, flow, "all") and _is_month(key[3], first, last)]
        return np.asarray(np.sum([sample.of(port, flow, month) for month in months], axis=0) / 1000)

    def cars(port: str, first: str, last: str) -> NDArray[np.float64]:
        return kilotonnes(now, port, "nev", first, last) * 1000 / TONNES_OF_A_CAR

    fiscal = kilotonnes(past, "zhangmu", "all", "2023-05", "2023-12") + kilotonnes(
        now, "zhangmu", "all", "2024-01", "2024-04"
    )
    year, quarter = ("2024-01", "2024-12"), ("2024-01", "2024-03")
    rows = [
        near("tonnes of 2024, all ports", kilotonnes(now, "all", "all", *year), 260.0, 0.02, "kt", "fitted"),
        near("tonnes of 2023, all ports", past.of("all", "all", "tonnes_cleared") / 1000, 178.3, 0.05, "kt", "predicted"),
        near("tonnes, January to March 2024", kilotonnes(now, "all", "all", *quarter), 45.0, 0.05, "kt", "profile"),
        near("the same at Zhangmu", kilotonnes(now, "zhangmu", "all", *quarter), 24.0, 0.05, "kt", "profile"),
        near("Zhangmu, May 2023 to April 2024", fiscal, 96.0, 0.05, "kt", "checked"),
        near("new-energy vehicles of 2024", now.of("all", "nev", "vehicles_cleared"), 11842, 0.025, "", "input", 0),
        near("the same at Gyirong, to September", cars("gyirong", "2024-01", "2024-09"), 5231, 0.1, "", "profile", 0),
        near("the same, January to March", cars("all", *quarter), 1623, 0.1, "", "profile", 0),
        near("new-energy vehicles of 2023", past.of("all", "nev", "vehicles_cleared"), 4837, 0.05, "", "input", 0),
        at_most("residents' declaration", now.of("all", "residents", "declaration_time_mean") * 60, 2, "s", "input", 2),
        at_most("cars' passage, mean, open hours", now.of("all", "nev", "passage_open_time_mean"), 60, "min", "checked", 0),
        at_most("the same, median", medians, 60, "min", "checked", 0),
        Checked("trailers waiting at Zhangmu, mid-November", queue, "", 0, "profile", 150, 300, "150 to 300", "band"),
    ]  # fmt: skip
    # The saving's interval is that of the paired comparison; its half-width stands for the spread.
    direct = near("direct saving per export truck", np.zeros(2), 30.0, 1 / 30, "min", "fitted").row()
    direct |= {name: f"{getattr(saving, name):.6g}" for name in ("mean", "low", "high")}
    direct |= {"tolerance": "± 1 min", "met": "yes" if abs(saving.mean - 30) <= 1 else "no"}
    found = [row.row() for row in rows]
    return [found[0], direct, *found[1:]]


TONNES_OF_A_CAR = 1.6
MID_NOVEMBER = 320 * 86_400_000 + 12 * 3_600_000  # noon of 16 November, in ms since the start of a leap year
YARD = ("zhangmu.yard_gate", "zhangmu.inspection_yard", "zhangmu.inspection")


def _is_month(metric: str, first: str, last: str) -> bool:
    month = metric.removeprefix("tonnes_cleared_")
    return month != metric and first <= month <= last


def one_by_one(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By replication: trailers that queue at Zhangmu's yard in mid-November, the median of cars' open passage (min)."""
    from sim.experiment import prepare, simulate
    from sim.metrics import measure
    from sim.timeline import visits_of

    study, queue, medians = prepare(scenario), [], []
    for replication in range(REPLICATIONS):
        manifest, timeline = simulate(study, SEED, replication)
        flows = measure(study.metrics, manifest, timeline).flows
        cars = [flow for name, flow in flows.items() if name.endswith(".nev")]
        passage = np.concatenate([flow.times["passage", "open"][flow.done["passage"]] for flow in cars])
        medians.append(float(np.median(passage)) / 60_000)
        visits = visits_of(timeline, {name: flow.index for name, flow in manifest.flows.items()})
        started = np.where(visits.started_ms < 0, np.iinfo(np.int64).max, visits.started_ms)
        waits = (
            np.isin(visits.station.astype(str), YARD) & (visits.joined_ms <= MID_NOVEMBER) & (started > MID_NOVEMBER)
        )
        queue.append(float(waits.sum()))
    return np.asarray(queue), np.asarray(medians)


def refresh_output(page: Path, folder: Path) -> None:
    """Run a page's commands and write what they print into it."""
    text = page.read_text(encoding="utf-8")
    written_files(text, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for block in CONSOLE.findall(text):
            fresh = ""
            for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
                head = re.match(r"(?:.*\\\n)*.*\n", part)
                assert head
                (pair,) = commands(part)
                fresh += head[0] + _tidied(printed(pair[0]))
            text = text.replace(block, fresh)
    finally:
        os.chdir(before)
    page.write_text(text, encoding="utf-8")


def _tidied(output: str) -> str:
    """Without lines that hold nothing."""
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines() if line.strip())


def main() -> None:
    """Write the reference set, the generated tables and the shown outputs anew."""
    import tempfile

    if "--tables" not in sys.argv:
        REFERENCE.mkdir(parents=True, exist_ok=True)
        write_reference(REFERENCE)
    for (page, name), made in GENERATED.items():
        text = page.read_text(encoding="utf-8")
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        old = text.partition(begin)[2].partition(end)[0]
        page.write_text(text.replace(begin + old + end, begin + made() + end), encoding="utf-8")
    for page in (README, TUTORIAL):
        with tempfile.TemporaryDirectory() as folder:
            refresh_output(page, Path(folder))


if __name__ == "__main__":
    main()
