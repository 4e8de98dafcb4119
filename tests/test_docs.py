"""The documentation: all that it shows is executed, and all that it lists exists.

``python -m tests.test_docs`` writes the shown outputs and figures, the generated tables and ``results/reference`` anew;
with ``--tables``, only the outputs and the tables; with ``--figures``, only the figures; with the paths of pages, only
the outputs and figures of these. In a page, a block after
``<!-- file: NAME -->`` is a file, a ``console`` block holds commands and what they print, a picture after
``<!-- figure: NAME -->`` is that file of theirs, and what stands between ``<!-- begin: NAME -->`` and
``<!-- end: NAME -->`` is generated.
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
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel

from borderport.calibrating import Recipe
from borderport.cli import cli
from borderport.distributions import LAW_NAMES
from borderport.errors import SimError
from borderport.experiment import Sample
from borderport.loading import builtin_names, load_scenario
from borderport.loading.yaml import read_yaml
from borderport.metrics import METRICS
from borderport.scenario import EFFECT_KINDS, Policy, Scenario, Step
from tests.test_architecture import ORDER

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "sim" / "borderport"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PAGE_NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SCENARIO_PAGES = sorted(page for page in (DOCS / "scenarios").glob("*.md") if page.stem != "README")
EXECUTED = [DOCS / "tutorial.md", *SCENARIO_PAGES]  # what the README shows is run by test_readme.py
QUICK = ("tutorial", "ferry-port", "tutorial-crossing")  # the others run whole years
README = ROOT / "README.md"
REFERENCE = ROOT / "results" / "reference"
REPLICATIONS, SEED = 20, 1
MAIN_JOB = ["2024-before", "2024"]
# Results of one seed may differ in a last bit between processors; what follows from it stays within this.
RELATIVE, ABSOLUTE = 0.02, 1.0
MOST_BYTES_OF_A_FIGURE = 120_000

FILE = re.compile(r"<!-- file: (\S+) -->\n+```\w*\n(.*?)```", re.DOTALL)
FIGURE = re.compile(r"<!-- figure: (\S+) -->\n+!\[[^\]]+\]\((\S+)\)")
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```.*?```", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


# --- what a page shows is executed ------------------------------------------------------------------------


def commands(block: str) -> list[tuple[str, str]]:
    """(command as shown, what is shown below it) of a console block."""
    parts = re.split(r"^(?=\$ )", block, flags=re.MULTILINE)
    return [(head, rest) for head, _, rest in (part.partition("\n") for part in parts if part)]


def printed(command: str) -> str:
    """Standard output of a command, or the message it ends with."""
    words = shlex.split(command.removeprefix("$ "))
    if words[0] == "borderport":
        out = io.StringIO()
        with redirect_stdout(out):
            try:
                cli.main(words[1:], prog_name="borderport", standalone_mode=False)
            except SimError as error:
                print(error)
        text = out.getvalue()
    else:
        text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"{text}\n" if text else ""


def write_files(text: str, folder: Path) -> None:
    """Write the files that a page shows."""
    for name, content in FILE.findall(text):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


def words_and_numbers(text: str) -> tuple[str, list[float]]:
    """A text without its numbers, and these; how lines and columns are laid out does not count."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    return " ".join(re.sub("─+", "─", NUMBER.sub("0", text)).split()), numbers


def assert_same(shown: str, found: str, what: str) -> None:
    """The words are equal, the numbers nearly."""
    (words, numbers), (found_words, found_numbers) = words_and_numbers(shown), words_and_numbers(found)
    assert found_words == words, f"{what}\n{found}"
    assert found_numbers == pytest.approx(numbers, rel=RELATIVE, abs=ABSOLUTE), f"{what}\n{found}"


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem, marks=() if page.stem in QUICK else pytest.mark.slow) for page in EXECUTED],
)
def test_every_command_prints_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    write_files(text, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a pool of workers costs more than the few replications of a page
    shown = [pair for block in CONSOLE.findall(text) for pair in commands(block)]
    assert shown
    for command, output in shown:
        assert_same(output, printed(command), command)
    for drawn, _ in FIGURE.findall(text):
        assert (tmp_path / drawn).stat().st_size > 0, f"no command of the page draws {drawn}"


@pytest.mark.parametrize("page", SCENARIO_PAGES, ids=lambda page: page.stem)
def test_a_page_on_a_scenario_has_its_parts(page: Path) -> None:
    """Question, what changes, what comes out, and one small figure; CONTRIBUTING.md has the pattern."""
    text = page.read_text(encoding="utf-8")
    assert page.stem in {page_of(name) for name in builtin_names()}
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Question", "What changes", "What comes out"]
    assert [kept for _, kept in FIGURE.findall(text)] == [f"figures/{page.stem}.png"]
    assert (page.parent / "figures" / f"{page.stem}.png").stat().st_size < MOST_BYTES_OF_A_FIGURE


def page_of(scenario: str) -> str:
    """The page that is about a built-in scenario: a policy alone and 2024 without it share one."""
    found = re.fullmatch(r"(?:only|without)-(.+)", scenario)
    return f"policy-{found[1]}" if found else scenario.replace("ferry-port-20-minutes", "ferry-port")


@pytest.mark.parametrize("name", builtin_names())
def test_every_scenario_has_a_page_that_names_it(name: str) -> None:
    page = DOCS / "scenarios" / f"{page_of(name)}.md"
    assert f"`{name}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_examples_in_yaml_can_be_read(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        _, findings = read_yaml(block.encode(), page.name)
        assert not findings, [str(finding.problem()) for finding in findings]


# --- links ------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Texts that may follow the # of a link to a page."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        goal = page.parent / name if name else page
        assert goal.exists(), target
        assert not anchor or anchor in anchors(goal), f"{target}: there are {sorted(anchors(goal))}"


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_file_of_the_repository_that_is_named_is_there(page: Path) -> None:
    """Named in full, ``sim/borderport/network/``, or a module from the package, ``scenario/routes.py``."""
    kept = ("sim", "tests", "scenarios", "calibration", "docs", ".ci")
    for name in re.findall(r"`([\w.-]+(?:/[\w.-]*)+)`", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if name.split("/")[0] in kept and "NAME" not in name:
            assert (ROOT / name).exists(), name
        elif name.endswith(".py"):
            assert (PACKAGE / name).exists(), name


def test_every_decision_has_its_number_and_its_parts() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    for number, page in enumerate(pages, start=1):
        text = page.read_text(encoding="utf-8")
        assert page.name.startswith(f"{number:04d}-") and text.startswith(f"# {number:04d} ")
        for part in ("## Context", "## Decision", "## What is given up"):
            assert part in text, f"{page.name} lacks {part}"


# --- lists and tables -------------------------------------------------------------------------------------


def test_the_readme_lists_the_modules_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listing = text.partition("```text\nsim/borderport/\n")[2].partition("```")[0]
    listed = re.findall(r"^  ([a-z_]+)(?:\.py|/)", listing, flags=re.MULTILINE)
    there = {path.stem for path in (ROOT / "sim" / "borderport").iterdir() if not path.name.startswith(("_", "."))}
    assert listed == [name for name in ORDER if name in there]


def generated(page: Path, name: str) -> str:
    """The text between the markers of a generated part."""
    text = page.read_text(encoding="utf-8")
    return text.partition(f"<!-- begin: {name} -->\n")[2].partition(f"<!-- end: {name} -->")[0]


def metrics_table() -> str:
    """The table of `borderport.metrics.METRICS` in Markdown."""
    rows = [f"| `{m.name}` | {m.unit} | {m.formula} |" for m in METRICS.values()]
    return "\n".join(["| metric | unit | formula |", "| --- | --- | --- |", *rows]) + "\n"


# What the program fills in itself, and what only files have.
FILLED_IN = {"Scenario": {"name", "traces", "adoptions", "amendments", "policy_costs"}}
ONLY_IN_FILES = {
    "Scenario": {"extends", "overlays"},
    "Station": {"service"},
    "Step": {"enter", "leave", "signal", "wait"},
}
WRITTEN_SHORT = {"Step": {"kind", "name"}}
EVERYWHERE = {"source", "assumed"}  # described once


def models_in(kind: Any) -> Iterator[type[BaseModel]]:
    """Models in the type of a field, whatever they are wrapped in."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from models_in(part)


def keys_by_model() -> dict[str, set[str]]:
    """Keys of every model that a scenario, a policy or a recipe is read into."""
    found: dict[str, set[str]] = {}
    waiting: list[type[BaseModel]] = [Scenario, Policy, Recipe]
    while waiting:
        model = waiting.pop()
        name = model.__name__
        if name in found:
            continue
        fields = {field.alias or key: field for key, field in model.model_fields.items()}
        fields = {key: field for key, field in fields.items() if key not in FILLED_IN.get(name, set())}
        waiting += [part for field in fields.values() for part in models_in(field.annotation)]
        found[name] = set(fields) - EVERYWHERE - WRITTEN_SHORT.get(name, set()) | ONLY_IN_FILES.get(name, set())
    return found


def documented_keys() -> dict[str, set[str]]:
    """By model, the keys in the first column of its table in docs/scenarios.md."""
    text = (DOCS / "scenarios.md").read_text(encoding="utf-8")
    tables = re.findall(r"<!-- keys: (\w+) -->\n+\|.*\n\| ---.*\n((?:\|.*\n)+)", text)
    return {
        name: {key for row in rows.splitlines() for key in re.findall(r"`([a-z0-9_]+)`", row.split("|")[1])}
        for name, rows in tables
    }


def test_the_page_on_scenarios_has_every_key_and_no_other() -> None:
    assert documented_keys() == keys_by_model()


@pytest.mark.parametrize("name", [*LAW_NAMES, *EFFECT_KINDS])
def test_the_page_on_scenarios_has_every_law_and_effect(name: str) -> None:
    assert f"`{name}`" in (DOCS / "scenarios.md").read_text(encoding="utf-8")


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


def scenario_index() -> str:
    """Every built-in scenario, the question it asks and its page."""
    asked = {name: load_scenario(name).scenario.question or "" for name in builtin_names()}
    rows = ((f"[`{name}`]({page_of(name)}.md)", question) for name, question in asked.items())
    return table(("scenario", "question"), *rows)


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
    """Table of the savings of the same vehicles, on each clock."""
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
    """Table of the stations at which vehicles wait at the largest port, before and after."""
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
    wanted = ("all", "all", "tonnes_cleared")
    found = {r["scenario"]: r for r in rows_of("metrics.csv") if (r["port"], r["flow"], r["metric"]) == wanted}
    rows = [(f"`{name}`", between(found[name], 0)) for name in MAIN_JOB]
    (change,) = rows_of("tonnes-difference.csv")
    return table(("", "tonnes cleared"), *rows, ("difference, paired", between(change, 0)))


STEP_WORDS = {"visit": "", "enter": "enter ", "leave": "leave ", "signal": "signal ", "wait": "wait for "}


def step_text(step: Step) -> str:
    """``inspection if selected``, ``enter yard``."""
    words = [f"{STEP_WORDS[step.kind]}{step.name}"]
    words += [f"if {step.if_}"] if step.if_ else []
    words += [f"unless {step.unless}"] if step.unless else []
    words += [f"for {step.share * 100:g} %"] if step.share is not None else []
    words += [f"held until {step.holds_until}"] if step.holds_until else []
    return " ".join(words)


def routes_table() -> str:
    """Routes of the built-in study as its file has them; what lies between brackets is the passage, if one is named."""

    rows = [("port", "route", "steps")]
    for port in load_scenario(MAIN_JOB[0]).scenario.ports.values():
        for name, route in port.routes.items():
            texts = [step_text(step) for step in route.steps]
            places = [step.name for step in route.steps]
            if route.passage is not None:
                first, last = places.index(route.passage.from_), places.index(route.passage.to)
                texts[first] = f"[{texts[first]}"
                texts[last] = f"{texts[last]}]"
            rows.append((port.label.en, route.label.en if route.label else name, " → ".join(texts)))
    return table(*rows)


GENERATED: dict[tuple[Path, str], Callable[[], str]] = {
    (DOCS / "model.md", "routes"): routes_table,
    (DOCS / "metrics.md", "metrics"): metrics_table,
    (README, "validation"): validation_table,
    (DOCS / "scenarios" / "README.md", "index"): scenario_index,
    (README, "saving"): saving_table,
    (README, "backlog"): backlog_table,
    (README, "tonnes"): tonnes_table,
}


@pytest.mark.parametrize("where", GENERATED, ids=lambda where: f"{where[0].stem}-{where[1]}")
def test_generated_tables_are_up_to_date(where: tuple[Path, str]) -> None:
    assert generated(*where) == GENERATED[where](), "python -m tests.test_docs --tables writes it anew"


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
    waiting = [r for r in rows if r["station"] in BACKLOG and r["metric"] in waits and r["scenario"] in MAIN_JOB]
    _write(
        folder / "waiting.csv",
        [r for r in waiting if (r["port"], r["flow"]) == (r["station"].partition(".")[0], "all")],
    )
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
        from borderport.statistics import t_interval

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
    """Each reported figure with what is simulated: runs `2024-before`, `2024`, `2023` and `flood-2025`."""
    from borderport.comparing import compare_scenarios
    from borderport.experiment import run_scenarios

    before, after, *others = (load_scenario(name).scenario for name in (*MAIN_JOB, "2023", "flood-2025"))
    comparison = compare_scenarios([before, after], replications=REPLICATIONS, seed=SEED)
    past, flood = run_scenarios(others, replications=REPLICATIONS, seed=SEED)
    now = comparison.samples[1]
    wanted = ("all", "export_trucks", "passage", "service")
    saving = next(e.saving for e in comparison.effects[0] if (e.port, e.flow, e.span, e.clock) == wanted)
    queue, medians = one_by_one(after)

    def kilotonnes(sample: Sample, port: str, flow: str, first: str, last: str) -> NDArray[np.float64]:
        months = [key[3] for key in sample.keys if key[:3] == (port, flow, "all") and _is_month(key[3], first, last)]
        return np.asarray(np.sum([sample.of(port, flow, month) for month in months], axis=0) / 1000)

    def cars(port: str, first: str, last: str) -> NDArray[np.float64]:
        return kilotonnes(now, port, "nev", first, last) * 1000 / TONNES_OF_A_CAR

    def millions(sample: Sample, port: str, flow: str) -> NDArray[np.float64]:
        return sample.of(port, flow, "value_cleared") / 1e6

    held = np.sum([flood.of("gyirong", flow, "unfinished") for flow in ("general", "perishable", "dangerous")], axis=0)
    fiscal = kilotonnes(past, "zhangmu", "all", "2023-05", "2023-12") + kilotonnes(
        now, "zhangmu", "all", "2024-01", "2024-04"
    )
    year, quarter, year_before = ("2024-01", "2024-12"), ("2024-01", "2024-03"), ("2023-01", "2023-12")
    open_time = now.of("all", "nev", "passage_open_time_mean")
    rows = [
        near("tonnes of 2024, all ports", kilotonnes(now, "all", "all", *year), 260.0, 0.02, "kt", "fitted"),
        near("tonnes of 2023, all ports", kilotonnes(past, "all", "all", *year_before), 178.3, 0.05, "kt", "predicted"),
        near("tonnes, January to March 2024", kilotonnes(now, "all", "all", *quarter), 45.0, 0.05, "kt", "shaped"),
        near("the same, Zhangmu", kilotonnes(now, "zhangmu", "all", *quarter), 24.0, 0.05, "kt", "shaped"),
        near("Zhangmu, May 2023 to April 2024", fiscal, 96.0, 0.05, "kt", "input"),
        near("new-energy vehicles of 2024", now.of("all", "nev", "vehicles_cleared"), 11842, 0.025, "", "input", 0),
        near("the same, Gyirong, to September", cars("gyirong", "2024-01", "2024-09"), 5231, 0.1, "", "shaped", 0),
        near("the same, all ports, to March", cars("all", *quarter), 1623, 0.1, "", "shaped", 0),
        near("new-energy vehicles of 2023", past.of("all", "nev", "vehicles_cleared"), 4837, 0.05, "", "input", 0),
        near("silage imported", now.of("zhangmu", "silage", "tonnes_cleared"), 601.54, 0.1, "t", "input", 0),
        near("medicinal herbs imported", now.of("zhangmu", "herbs", "tonnes_cleared"), 215.49, 0.1, "t", "input", 0),
        near("value of the cars of 2024", millions(now, "all", "nev"), 1549, 0.025, "M CNY", "input", 0),
        near("value of residents' trade", millions(now, "all", "residents"), 44, 0.05, "M CNY", "input", 0),
        near("value of Gyirong's trade", millions(now, "gyirong", "all"), 4250, 0.05, "M CNY", "input", 0),
        Checked("trucks held at Gyirong, flood of 2025", held, "", 0, "shaped", 200, 400, "200 to 400", "band"),
        at_most("residents' declaration", now.of("all", "residents", "declaration_time_mean") * 60, 2, "s", "input", 2),
        at_most("cars' passage, mean, open hours", open_time, 60, "min", "checked", 0),
        at_most("the same, median", medians, 60, "min", "checked", 0),
        Checked("trailers waiting at Zhangmu, mid-November", queue, "", 0, "shaped", 150, 300, "150 to 300", "band"),
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
    from borderport.experiment import prepare, simulate
    from borderport.metrics import measure
    from borderport.timeline import visits_of

    study, queue, medians = prepare(scenario), [], []
    for replication in range(REPLICATIONS):
        manifest, timeline = simulate(study, SEED, replication)
        flows = measure(study.metrics, manifest, timeline).flows
        cars = [flow for name, flow in flows.items() if name.endswith(".nev")]
        passage = np.concatenate([flow.times["passage", "open"][flow.done["passage"]] for flow in cars])
        medians.append(float(np.median(passage)) / 60_000)
        visits = visits_of(timeline, {name: flow.index for name, flow in manifest.flows.items()})
        here = np.isin(visits.station.astype(str), YARD)
        waits = here & (visits.joined_ms <= MID_NOVEMBER) & (visits.started_ms > MID_NOVEMBER)
        queue.append(float(waits.sum()))
    return np.asarray(queue), np.asarray(medians)


def keep_small(drawn: Path, kept: Path) -> None:
    """Copy a figure with few colours: a repository keeps every version of it."""
    from PIL import Image

    kept.parent.mkdir(exist_ok=True)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(kept, optimize=True)


def refresh(page: Path, outputs: bool, figures: bool) -> None:
    """Run a page's commands; write what they print into it, and what they draw beside it."""
    text = page.read_text(encoding="utf-8")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write_files(text, Path(folder))
        os.chdir(folder)
        try:
            for block in CONSOLE.findall(text):
                fresh = "".join(f"{command}\n{printed(command)}" for command, _ in commands(block))
                text = text.replace(f"```console\n{block}```", f"```console\n{fresh}```")
            for drawn, kept in FIGURE.findall(text) if figures else []:
                keep_small(Path(drawn), page.parent / kept)
        finally:
            os.chdir(before)
    if outputs:
        page.write_text(text, encoding="utf-8")


def main() -> None:
    """Write the reference set, the generated tables, the shown outputs and the figures anew, or some of them."""
    os.environ.pop("COLUMNS", None)  # what the pages show is as wide as in any pipe
    unknown = [name for name in sys.argv[1:] if name.startswith("-") and name not in ("--tables", "--figures")]
    if unknown:
        sys.exit(f"unknown option {unknown[0]}: there are --tables and --figures\n\n{__doc__}")
    pages = [Path(name).resolve() for name in sys.argv[1:] if not name.startswith("-")]
    tables, figures = "--figures" not in sys.argv, "--tables" not in sys.argv
    if tables and figures and not pages:
        write_reference(REFERENCE)
    for (page, name), made in GENERATED.items() if tables and not pages else ():
        text = page.read_text(encoding="utf-8")
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        page.write_text(text.replace(begin + generated(page, name) + end, begin + made() + end), encoding="utf-8")
    for page in pages or EXECUTED:
        refresh(page, outputs=tables, figures=figures)


if __name__ == "__main__":
    main()
