"""The library: what a program gets by `import borderport`."""

from __future__ import annotations

import csv
import doctest
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import pytest

import borderport
from borderport import api
from tests.test_cli import borderport as command
from tests.test_cli import write_tiny

DESK = "ports.east.resources.desk.capacity"
DAY = {"start": "2024-01-01", "end": "2024-01-03", "zone": "UTC"}
MAPPING = {
    "title": "One desk",
    "horizon": DAY,
    "ports": {
        "east": {
            "label": {"en": "East"},
            "resources": {"desk": {"capacity": 1}},
            "stations": {"gate": {"needs": ["desk"], "service": "5 min"}},
            "routes": {"out": {"steps": ["gate"]}},
            "flows": {"cars": {"route": "out", "volume": "40 cars per d"}},
        }
    },
}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_tiny(tmp_path)


def test_every_example_of_the_library_runs() -> None:
    for module in (api, borderport):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed


def test_the_package_gives_the_library_and_imports_nothing_before_it_is_used() -> None:
    code = (
        "import sys, borderport\n"
        "assert not {'numpy', 'pydantic', 'borderport.api'} & set(sys.modules)\n"
        "from borderport.comparing import Comparison\n"
        "assert all(callable(getattr(borderport, name)) for name in borderport.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        borderport.rum  # noqa: B018


def test_a_mapping_runs_as_its_file_does(tiny: Path) -> None:
    import yaml

    from_file = borderport.load(tiny)
    from_mapping = borderport.from_dict(yaml.safe_load(tiny.read_text()))
    assert from_mapping == from_file.model_copy(update={"name": from_file.title})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": {**DAY, "end": "soon"}}, "mapping: horizon.end: 'soon' is not a date"),
        ({"horizont": DAY}, "mapping: horizont: unknown key"),
        ({"policies": {"smart-chanel": {}}}, "unknown policy 'smart-chanel'; did you mean 'smart-channel'"),
        ({"groups": {"all_cars": ["east.carz"]}}, "did you mean"),
        ({"extends": "2o24"}, "no built-in scenario '2o24'"),
        ({"title": float("nan")}, "mapping: title: must be a finite number"),
        ({"title": object()}, "mapping: title: must be text, a number, a list or a mapping, got object"),
        ({"ports": {(1, 2): {}}}, "a key must be text"),
    ],
)
def test_a_mapping_has_every_check_of_a_file(change: dict[str, object], message: str) -> None:
    with pytest.raises(borderport.ScenarioInvalid) as caught:
        borderport.from_dict({**MAPPING, **change})
    assert message in "\n".join(map(str, caught.value.problems))


def test_a_mapping_that_holds_itself_is_refused() -> None:
    endless: dict[str, object] = {"title": "x"}
    endless["ports"] = endless
    with pytest.raises(borderport.ScenarioInvalid, match="nested more than"):
        borderport.from_dict(endless)


def test_the_library_and_the_command_write_the_same_bytes(tiny: Path) -> None:
    base, other = borderport.load("tiny.yaml"), borderport.load("tiny.yaml", sets=[f"{DESK}=2"])
    assert other.name == "tiny+capacity-2" and other.title.endswith(f"{DESK}=2")
    borderport.run(base, replications=2).save("mine/run", timeline=True)
    borderport.compare(base, other, replications=2).save("mine/compare")
    borderport.sweep("tiny.yaml", {DESK: [1, 2]}, replications=2).save("mine/sweep")
    few = ("--reps", "2", "--quiet", "--out")
    assert command("run", "tiny.yaml", "--timeline", *few, "theirs/run").code == 0
    assert command("compare", "tiny.yaml", "tiny.yaml", "--set-other", f"{DESK}=2", *few, "theirs/compare").code == 0
    assert command("sweep", "tiny.yaml", "--vary", f"{DESK}=1,2", *few, "theirs/sweep").code == 0
    both = [
        {str(p.relative_to(top)): p.read_bytes() for p in Path(top).rglob("*") if p.is_file() and "store" not in p.name}
        for top in ("mine", "theirs")
    ]
    assert set(both[0]) == set(both[1]) and "run/figures/passage-time.png" in both[0]
    assert [name for name in both[0] if both[0][name] != both[1][name]] == []


def test_frames_are_tidy_and_name_units(tiny: Path) -> None:
    base, other = borderport.load("tiny.yaml"), borderport.load("tiny.yaml", sets=[f"{DESK}=2"])
    ran, compared = borderport.run(base, replications=2), borderport.compare(base, other, replications=2)
    swept = borderport.sweep("tiny.yaml", {DESK: [1, 2]}, replications=2)
    for frame in (ran.frame(), ran.summary(), compared.frame(), swept.frame()):
        assert len(frame) and set(frame.query("metric == 'passage_time_mean'")["unit"]) == {"min"}
    assert set(compared.vehicles()["scenario"]) == {"tiny+capacity-2"}
    with open(ran.save("out") / "metrics.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(ran.summary())
    for drawn in (ran, compared, swept):
        figures = drawn.figures()
        assert figures and all(isinstance(figure, matplotlib.figure.Figure) for figure in figures.values())
    assert borderport.run(base, replications=1).figures() == {}


def test_one_replication_to_look_at_is_the_one_that_runs_count(tiny: Path) -> None:
    scenario = borderport.load("tiny.yaml")
    seen = borderport.simulate(scenario, seed=3)
    frame = borderport.run(scenario, replications=1, seed=3).frame()
    cleared = frame.query("port == flow == station == 'all' and metric == 'vehicles_cleared'")["value"].item()
    vehicles = seen.vehicles()
    assert ((vehicles["outcome"] == "cleared") & vehicles["counted"]).sum() == cleared
    assert set(seen.visits().columns) >= {"vehicle", "flow", "station", "joined_ms", "started_ms", "left_ms"}
    assert set(seen.queues()["hour"]) == set(range(24))


def test_scenarios_of_one_name_are_told_apart() -> None:
    scenario = borderport.from_dict(MAPPING)
    found = borderport.run(scenario, scenario, replications=2).frame()
    assert set(found["scenario"]) == {"One desk", "One desk-2"}


@pytest.mark.parametrize(
    "asked",
    [
        lambda s: borderport.run(s, replications=0),
        lambda s: borderport.compare(s),
        lambda s: borderport.sweep(s, {DESK: [1]}),
        lambda s: borderport.frontier(s),
        lambda s: borderport.frontier(s, replications=1),
        lambda s: borderport.frontier(s, rates=[1.5]),
        lambda s: borderport.load("no-such"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(asked: object) -> None:
    with pytest.raises(borderport.UsageError):
        asked(borderport.from_dict(MAPPING))  # type: ignore[operator]


def test_the_page_on_the_library_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).resolve().parent.parent / "docs" / "library.md").read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "library"}
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, "docs/library.md", "exec"), names)  # noqa: S102
