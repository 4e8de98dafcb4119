"""Designs over parameters and policies: what is planned, what is computed, and that nothing is computed twice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from borderport.cli import simulate as cli_simulate
from borderport.errors import ScenarioInvalid, UsageError
from borderport.store import LIST, ResultStore
from borderport.sweep import Sweep, parse_variation, plan_sweep, run_sweep
from tests.test_cli import borderport, made, means, rows_of, write_tiny

DESK = "ports.east.resources.desk.capacity"
LANE = "ports.east.resources.lane.capacity"
GATE = "ports.east.stations.gate.service"
POLICY = "policies.fast-desk"
PASSAGE = ("all", "all", "all", "passage_time_mean")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_simulate, "_draw", lambda folder, samples, comparison: None)
    return write_tiny(tmp_path)


def sweep_of(folder: Path, *vary: str, scenario: str = "tiny.yaml", reps: int = 3, **options: Any) -> Sweep:
    variations = [parse_variation(text) for text in vary]
    points = plan_sweep(str(folder / scenario), variations)
    store = ResultStore(folder / "store.sqlite")
    try:
        return run_sweep(variations, points, store, replications=reps, seed=options.pop("seed", 1), **options)
    finally:
        store.close()


# ------------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("1..4", ("1", "2", "3", "4")),
        ("-1..1", ("-1", "0", "1")),
        ("7..7", ("7",)),
        ("0.5,1,2", ("0.5", "1", "2")),
        ("10 min, 20 min", ("10 min", "20 min")),
        ("on,off", ("on", "off")),
        ("0.1:0.9", ("0.1", "0.3", "0.5", "0.7", "0.9")),
        ("5:25 min", ("5 min", "10 min", "15 min", "20 min", "25 min")),
        ("5 min:25 min", ("5 min", "10 min", "15 min", "20 min", "25 min")),
        ("0:100 %", ("0 %", "25 %", "50 %", "75 %", "100 %")),
        ("-1:1", ("-1", "-0.5", "0", "0.5", "1")),
        ("08:00-16:00", ("08:00-16:00",)),  # hours, not a range
        ("many", ("many",)),
    ],
)
def test_values_are_read(spec: str, values: tuple[str, ...]) -> None:
    assert parse_variation(f"a.b = {spec}").values == values
    assert parse_variation(f"a.b={spec}").path == "a.b"


@pytest.mark.parametrize(
    "text", ["", "a", "=1", "a=", "a= ", "a=3..1", "a=2:1", "a=1:1", "a=1 s:2 min", "a=1,1", "a=,"]
)
def test_what_is_no_variation_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--vary "):
        parse_variation(text)


def test_a_design_is_every_combination_after_the_base(tiny: Path) -> None:
    points = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1..2"), parse_variation(f"{GATE}=1 min,3 min,5 min")])
    assert [point.values for point in points] == [(), *((d, f"{g} min") for d in "12" for g in "135")]
    desks = [point.scenario.ports["east"].resources["desk"].capacity for point in points]
    assert desks == [1, 1, 1, 1, 2, 2, 2]


def test_a_policy_is_put_in_force_and_left_out(tiny: Path) -> None:
    for name in ("tiny.yaml", "quick.yaml"):
        base, on, off = plan_sweep(str(tiny.parent / name), [parse_variation(f"{POLICY}=on,off")])
        assert (list(on.scenario.policies), list(off.scenario.policies)) == (["fast-desk"], [])
        assert list(base.scenario.policies) == (["fast-desk"] if name == "quick.yaml" else [])


def test_options_of_the_command_hold_at_every_point(tiny: Path) -> None:
    points = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1..2")], sets=[f"{LANE}=7"], with_policies=["fast-desk"])
    assert all(p.scenario.ports["east"].resources["lane"].capacity == 7 for p in points)
    assert all(list(p.scenario.policies) == ["fast-desk"] for p in points)


def test_a_wrong_value_is_named_by_its_option(tiny: Path) -> None:
    with pytest.raises(ScenarioInvalid, match=rf"^--vary {DESK}=x: {DESK}: must be a whole number"):
        plan_sweep(str(tiny), [parse_variation(f"{DESK}=1,x")])
    with pytest.raises(UsageError, match="at most 100,000"):
        plan_sweep(str(tiny), [parse_variation(f"{path}=1..400") for path in (DESK, LANE)])


# ----------------------------------------------------------------------------------------------- what is run


def test_every_point_is_what_a_run_of_it_gives(tiny: Path) -> None:
    result = sweep_of(tiny.parent, f"{DESK}=1..2", f"{POLICY}=on,off", jobs=2)
    words = ("--reps", "3", "--jobs", "1", "--json", "--out", "out")
    for number, values in enumerate([("1", "off"), ("1", "on"), ("1", "off"), ("2", "on"), ("2", "off")]):
        policy = ("--with", "fast-desk") if values[1] == "on" else ()
        found = means(borderport("run", "tiny.yaml", "--set", f"{DESK}={values[0]}", *policy, *words).document)
        for key, mean in zip(result.keys, result.values[number].mean(axis=0).tolist(), strict=True):
            expected = found[key]
            assert mean == pytest.approx(expected, nan_ok=True) if expected is not None else np.isnan(mean), key


def test_the_point_that_is_the_base_differs_by_nothing(tiny: Path) -> None:
    result = sweep_of(tiny.parent, f"{DESK}=1..3", f"{POLICY}=on,off")
    same = [point.values for point in result.points].index(("1", "off"))
    assert np.array_equal(result.values[same], result.values[0], equal_nan=True)
    low, mean, high = result.difference(PASSAGE)
    assert low[same - 1] == mean[same - 1] == high[same - 1] == 0
    assert (mean[np.arange(6) != same - 1] < 0).all()
    assert result.computed == 6 * 3  # seven points, two of them equal


def test_only_what_is_missing_is_computed(tiny: Path) -> None:
    folder = tiny.parent
    first = sweep_of(folder, f"{DESK}=1..2", reps=2)
    assert first.computed == 4
    again = sweep_of(folder, f"{DESK}=1..2", reps=2, jobs=2)
    assert again.computed == 0 and again.keys == first.keys
    assert np.array_equal(again.values, first.values, equal_nan=True)
    wider = sweep_of(folder, f"{DESK}=1..2", reps=5)
    assert wider.computed == 6
    assert np.array_equal(wider.values[:, :2], first.values, equal_nan=True)
    assert sweep_of(folder, f"{DESK}=1..3", reps=5).computed == 5
    assert sweep_of(folder, f"{DESK}=1..3", reps=5, seed=2).computed == 15
    assert sweep_of(folder, f"{DESK}=1..2", reps=2, engine="simpy").computed == 0  # both engines give the same


def test_a_changed_scenario_or_model_is_computed_anew(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_of(tiny.parent, f"{DESK}=1..2", reps=1)
    tiny.write_text(tiny.read_text().replace("title: Tiny", "title: Another title"))
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 0
    tiny.write_text(tiny.read_text().replace("volume: 20", "volume: 21"))
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 2
    monkeypatch.setattr("borderport.sweep.model_hash", lambda: "another")
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 2


def test_a_damaged_record_is_computed_again(tiny: Path) -> None:
    before = sweep_of(tiny.parent, f"{DESK}=1..2")
    connection = sqlite3.connect(tiny.parent / "store.sqlite")
    connection.execute("UPDATE results SET record = x'00' || substr(record, 2) WHERE rowid IN (1, 4)")
    connection.commit()
    connection.close()
    after = sweep_of(tiny.parent, f"{DESK}=1..2")
    assert after.computed == 2 and np.array_equal(before.values, after.values, equal_nan=True)
    assert sweep_of(tiny.parent, f"{DESK}=1..2").computed == 0


# ------------------------------------------------------------------------------------------- from the command line


def test_the_command_writes_table_figure_and_store(tiny: Path) -> None:
    command = (
        "sweep",
        "tiny.yaml",
        "--vary",
        f"{DESK}=1..2",
        "--vary",
        f"{POLICY}=on,off",
        "--reps",
        "2",
        "--jobs",
        "1",
    )
    done = borderport(*command)
    folder = made("tiny-sweep")
    assert done.code == 0 and "8 of 10 replications were computed" in done.out
    assert {path.name for path in folder.iterdir()} == {"sweep.csv", "run.json", "figures", LIST}
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "store.sqlite"}
    assert (folder / "figures" / "response.png").read_bytes()[:4] == b"\x89PNG"
    rows = [
        row
        for row in rows_of(folder / "sweep.csv")
        if tuple(row[k] for k in ("port", "flow", "station", "metric")) == PASSAGE
    ]
    assert [(row["point"], row[DESK], row[POLICY]) for row in rows] == [
        ("0", "base", "base"),
        ("1", "1", "on"),
        ("2", "1", "off"),
        ("3", "2", "on"),
        ("4", "2", "off"),
    ]
    assert rows[2]["difference"] == "0" and float(rows[1]["difference"]) < 0
    assert json.loads((folder / "run.json").read_text())["vary"] == {DESK: ["1", "2"], POLICY: ["on", "off"]}
    table = (folder / "sweep.csv").read_bytes()
    again = borderport(*command)
    assert "0 of 10 replications were computed" in again.out and (folder / "sweep.csv").read_bytes() == table
    wider = borderport(*(word.replace("1..2", "1..3") for word in command))  # another folder, the same store
    assert "4 of 14 replications were computed" in wider.out and (folder / "sweep.csv").read_bytes() == table


@pytest.mark.parametrize(
    "what",
    [
        (),
        ("--metric", "queue_mean", "--port", "east", "--station", "desk"),
        ("--metric", "passage_waiting_mean", "--port", "east", "--station", "desk"),
        ("--metric", "passage_waiting_mean", "--station", "east.desk"),
        ("--metric", "vehicles_cleared", "--flow", "everything"),
        ("--metric", "tonnes_cleared", "--port", "east", "--flow", "vans"),
    ],
)
def test_any_metric_can_be_shown(tiny: Path, what: tuple[str, ...]) -> None:
    done = borderport("sweep", "tiny.yaml", "--vary", f"{GATE}=1:9 min", "--reps", "2", "--jobs", "1", "--json", *what)
    assert done.code == 0, done.err
    document = done.document
    assert document["metric"] == (what[1] if what else "passage_time_mean")
    assert [list(point["values"].values()) for point in document["points"]] == [[f"{n} min"] for n in (1, 3, 5, 7, 9)]
    assert all(set(point["response"]) == {"mean", "low", "high"} for point in document["points"])
    assert all(point["response"]["mean"] is not None for point in document["points"])


@pytest.mark.parametrize(
    ("spec", "values", "parameter"),
    [
        ("1 min,2 min,9 min", [1.0, 2.0, 9.0], f"{GATE} (min)"),
        ("1 min,2 min,1 h", ["1 min", "2 min", "1 h"], GATE),
        ("{exponential: {mean: 1 min}}", ["{exponential: {mean: 1 min}}"], GATE),
    ],
)
def test_values_of_one_unit_are_drawn_to_scale(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, spec: str, values: list[float] | list[str], parameter: str
) -> None:
    drawn: list[tuple[Any, str]] = []

    def curve(at: Any, *_: Any, parameter: str, **__: Any) -> Figure:
        drawn.append((at, parameter))
        return Figure()

    monkeypatch.setattr("borderport.figures.response.response_curve", curve)
    done = borderport("sweep", "tiny.yaml", "--vary", f"{GATE}={spec}", "--reps", "1", "--jobs", "1", "--quiet")
    assert done.code == 0, done.err
    assert drawn == [(values, parameter)]


def test_a_metric_without_a_value_is_refused_or_null_but_never_nan(tiny: Path) -> None:
    done = borderport("sweep", "tiny.yaml", "--vary", f"{DESK}=0..1", "--reps", "2", "--jobs", "1", "--json")
    assert done.code == 0, done.err
    closed, open_ = done.document["points"]
    assert closed["response"]["mean"] is None and open_["response"]["mean"] > 0


def test_a_store_that_is_none_ends_with_5(tiny: Path) -> None:
    (tiny.parent / "out").mkdir()
    (tiny.parent / "out" / "store.sqlite").write_bytes(b"not a store, " * 500)
    done = borderport("sweep", "tiny.yaml", "--vary", f"{DESK}=1..2", "--reps", "1", "--out", "out")
    assert (done.code, done.out) == (5, "")
    assert "out/store.sqlite: cannot use this store: " in done.err and "move it away" in done.err
