"""What the documentation shows is executed, and what it lists exists.

``python -m tests.test_docs`` writes the shown outputs, the generated tables and ``results/reference`` anew; with
``--tables``, all but the reference set. In a page, a block after ``<!-- file: NAME -->`` is a file, a ``console`` block
holds commands and what they print, and what stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->`` is
generated.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sim.calibrate import Recipe
from sim.cli import cli
from sim.distributions import LAW_NAMES
from sim.errors import SimError
from sim.loading.yaml import read_yaml
from sim.metrics import METRICS
from sim.scenario import EFFECT_KINDS, Policy, Scenario
from tests.test_architecture import ORDER

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PAGE_NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
EXECUTED = ["tutorial.md"]
# Results of one seed may differ in a last bit between processors; what follows from it stays within this.
RELATIVE, ABSOLUTE = 0.02, 1.0

FILE = re.compile(r"<!-- file: (\S+) -->\n+```\w*\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```.*?```", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


# --- what a page shows is executed ------------------------------------------------------------------------


def commands(block: str) -> list[tuple[str, str]]:
    """(command as shown, what is shown below it) of a console block."""
    parts = re.split(r"^(?=\$ )", block, flags=re.MULTILINE)
    return [(head, rest) for head, _, rest in (part.partition("\n") for part in parts if part)]


def printed(command: str) -> str:
    """What a command prints on standard output, or the message it ends with; lines that hold nothing are left out."""
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
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


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


@pytest.mark.parametrize("name", EXECUTED)
def test_every_command_prints_what_is_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    write_files(text, tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = [pair for block in CONSOLE.findall(text) for pair in commands(block)]
    assert shown
    for command, output in shown:
        found = printed(command)
        words, numbers = words_and_numbers(output)
        found_words, found_numbers = words_and_numbers(found)
        assert found_words == words, f"{command}\n{found}"
        assert found_numbers == pytest.approx(numbers, rel=RELATIVE, abs=ABSOLUTE), f"{command}\n{found}"


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_examples_in_yaml_can_be_read(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        _, findings = read_yaml(block.encode(), page.name)
        assert not findings, [str(finding.problem()) for finding in findings]


# --- links ------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What may follow the # of a link to a page."""
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


def test_every_decision_has_its_number_and_its_parts() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    for number, page in enumerate(pages, start=1):
        text = page.read_text(encoding="utf-8")
        assert page.name.startswith(f"{number:04d}-") and text.startswith(f"# {number:04d} ")
        for part in ("## Context", "## Decision", "## What is given up"):
            assert part in text, f"{page.name} lacks {part}"


# --- lists and tables -------------------------------------------------------------------------------------


def test_the_readme_lists_the_modules_there_are() -> None:
    listing = (ROOT / "README.md").read_text(encoding="utf-8").partition("```text\nsim/\n")[2].partition("```")[0]
    listed = re.findall(r"^  ([a-z_]+)(?:\.py|/)", listing, flags=re.MULTILINE)
    there = {path.stem for path in (ROOT / "sim").iterdir() if not path.name.startswith(("_", "."))}
    assert listed == [name for name in ORDER if name in there]


def test_the_readme_reports_the_reference_results() -> None:
    """Figures in its table are those of ``results/reference/metrics.csv``, rounded."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with (ROOT / "results" / "reference" / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = {(r["scenario"], r["flow"], r["metric"]): r for r in csv.DictReader(file) if r["port"] == "all"}
    for flow, metric, scale, digits in (
        ("all", "tonnes_cleared", 1e-3, 1),
        ("nev", "vehicles_cleared", 1, 0),
        ("residents", "declaration_time_mean", 60, 2),
        ("nev", "passage_open_time_mean", 1, 0),
    ):
        row = rows["2024", flow, metric]
        mean, low, high = (f"{float(row[name]) * scale:,.{digits}f}" for name in ("mean", "low", "high"))
        assert f"{mean} [{low}, {high}]" in readme, f"{flow} {metric}: {mean} [{low}, {high}]"


def generated(page: Path, name: str) -> str:
    """What stands between the markers of a generated part."""
    text = page.read_text(encoding="utf-8")
    return text.partition(f"<!-- begin: {name} -->\n")[2].partition(f"<!-- end: {name} -->")[0]


def metrics_table() -> str:
    """The table of `sim.metrics.METRICS` in Markdown."""
    rows = [f"| `{m.name}` | {m.unit} | {m.formula} |" for m in METRICS.values()]
    return "\n".join(["| metric | unit | formula |", "| --- | --- | --- |", *rows]) + "\n"


def test_the_page_on_metrics_is_that_of_the_code() -> None:
    assert generated(DOCS / "metrics.md", "metrics") == metrics_table(), "python -m tests.test_docs writes it anew"


# What the program fills in itself, and what only files have.
FILLED_IN = {"Scenario": {"name", "traces", "adoptions", "amendments"}}
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
        name: {key for row in rows.splitlines() for key in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
        for name, rows in tables
    }


def test_the_page_on_scenarios_has_every_key_and_no_other() -> None:
    assert documented_keys() == keys_by_model()


@pytest.mark.parametrize("name", [*LAW_NAMES, *EFFECT_KINDS])
def test_the_page_on_scenarios_has_every_law_and_effect(name: str) -> None:
    assert f"`{name}`" in (DOCS / "scenarios.md").read_text(encoding="utf-8")


# --- writing it anew --------------------------------------------------------------------------------------


def refresh_output(page: Path) -> None:
    """Run a page's commands and write what they print into it."""
    text = page.read_text(encoding="utf-8")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write_files(text, Path(folder))
        os.chdir(folder)
        try:
            for block in CONSOLE.findall(text):
                fresh = "".join(f"{command}\n{printed(command)}" for command, _ in commands(block))
                text = text.replace(f"```console\n{block}```", f"```console\n{fresh}```")
        finally:
            os.chdir(before)
    page.write_text(text, encoding="utf-8")


def main() -> None:
    """Write the table of metrics and the shown outputs anew."""
    page = DOCS / "metrics.md"
    text = page.read_text(encoding="utf-8")
    old = generated(page, "metrics")
    page.write_text(text.replace(f"-->\n{old}<!-- end", f"-->\n{metrics_table()}<!-- end"), encoding="utf-8")
    for name in EXECUTED:
        refresh_output(DOCS / name)


if __name__ == "__main__":
    main()
