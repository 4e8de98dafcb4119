"""Designs over parameters and policies: what is planned, what is computed, and that nothing is computed twice."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from borderport.errors import ScenarioInvalid, UsageError
from borderport.store import LIST, ResultStore
from borderport.sweeping import Sweep, parse_variation, plan_sweep, run_sweep
from borderport.workers import SERIAL, Processes
from tests.test_cli import borderport, made, means, rows_of, write_tiny

DESK = "ports.east.resources.desk.capacity"
LANE = "ports.east.resources.lane.capacity"
GATE = "ports.east.stations.gate.service"
POLICY = "policies.fast-desk"
PASSAGE = ("all", "all", "all", "passage_time_mean")


OPEN: list[ResultStore] = []


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("borderport.figures.catalogue.figures_of_run", lambda samples: {})
    yield write_tiny(tmp_path)
    while OPEN:
        OPEN.pop().close()


def sweep_of(folder: Path, *vary: str, scenario: str = "tiny.yaml", reps: int = 3, **options: Any) -> Sweep:
    variations = [parse_variation(text) for text in vary]
    design = plan_sweep(str(folder / scenario), variations)
    store = ResultStore(folder / "store.sqlite")
    OPEN.append(store)
    with options.pop("workers", SERIAL) as workers:
        return run_sweep(design, store, replications=reps, seed=options.pop("seed", 1), workers=workers, **options)


def values_of(result: Sweep) -> NDArray[np.float64]:
    """Every figure of every point, shape (points, replications, keys)."""
    return np.asarray([result.values(number) for number in range(len(result.design))])


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
        ("1000001:1000009 t", ("1000001 t", "1000003 t", "1000005 t", "1000007 t", "1000009 t")),
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
    design = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1..2"), parse_variation(f"{GATE}=1 min,3 min,5 min")])
    assert list(design.points()) == [(), *((d, f"{g} min") for d in "12" for g in "135")] and len(design) == 7
    desks = [design.load(values).ports["east"].resources["desk"].capacity for values in design.points()]
    assert desks == [1, 1, 1, 1, 2, 2, 2]


def test_a_policy_is_put_in_force_and_left_out(tiny: Path) -> None:
    for name in ("tiny.yaml", "quick.yaml"):
        design = plan_sweep(str(tiny.parent / name), [parse_variation(f"{POLICY}=on,off")])
        base, on, off = (list(design.load(values).policies) for values in design.points())
        assert (on, off) == (["fast-desk"], [])
        assert base == (["fast-desk"] if name == "quick.yaml" else [])


def test_options_of_the_command_hold_at_every_point(tiny: Path) -> None:
    design = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1..2")], sets=[f"{LANE}=7"], with_policies=["fast-desk"])
    points = [design.load(values) for values in design.points()]
    assert all(scenario.ports["east"].resources["lane"].capacity == 7 for scenario in points)
    assert all(list(scenario.policies) == ["fast-desk"] for scenario in points)


def test_a_wrong_value_is_named_by_its_option(tiny: Path) -> None:
    with pytest.raises(ScenarioInvalid, match=rf"^--vary {DESK}=x: {DESK}: must be a whole number"):
        plan_sweep(str(tiny), [parse_variation(f"{DESK}=1,x")])
    with pytest.raises(UsageError, match="at most 100,000"):
        plan_sweep(str(tiny), [parse_variation(f"{path}=1..400") for path in (DESK, LANE)])


def test_values_that_are_right_together_are_not_refused_for_being_wrong_alone(tiny: Path) -> None:
    design = plan_sweep(
        str(tiny), [parse_variation("horizon.start=2024-02-01"), parse_variation("horizon.end=2024-02-03,2024-02-05")]
    )
    assert len(design) == 3 and design.load(("2024-02-01", "2024-02-03")).horizon.end.day == 3


def test_every_value_of_a_short_list_is_checked_before_anything_runs(tiny: Path) -> None:
    """In as many points as the longest list has values, and no more than a hundred."""
    told: list[tuple[int, int]] = []

    def checked(*specs: str) -> int:
        told.clear()
        variations = [parse_variation(spec) for spec in specs]
        plan_sweep(str(tiny), variations, progress=lambda done, total: told.append((done, total)))
        assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
        return len(told)

    assert checked(f"{DESK}=1..4", f"{GATE}=1 min,2 min", f"{POLICY}=on,off") == 4
    for place in range(3):
        gates = ["1 min", "2 min", "3 min"]
        gates[place] = "3 mni"
        with pytest.raises(ScenarioInvalid, match=f"--vary {GATE}=3 mni"):
            checked(f"{DESK}=1..2", f"{GATE}={','.join(gates)}")


# ----------------------------------------------------------------------------------------------- what is run


def test_points_are_loaded_as_they_are_needed_and_not_kept(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand points only the one at work is there, whether it is computed or found in the store."""
    base = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1")]).base
    measures = dataclasses.make_dataclass("Stub", ["keys", "numbers"])((PASSAGE,), np.ones(1))
    loaded = kept = 0

    def freed() -> None:
        nonlocal kept
        kept -= 1

    def load(*words: Any) -> Any:
        nonlocal loaded, kept
        made = base.model_copy(update={"name": str(words[-2])})
        weakref.finalize(made, freed)
        loaded, kept = loaded + 1, kept + 1
        assert kept <= 4
        return made

    def told(done: int, total: int) -> None:
        assert loaded * 2 <= done + 4 and total == 2002

    monkeypatch.setattr("borderport.sweeping._load_point", load)
    monkeypatch.setattr("borderport.sweeping.scenario_hash", lambda scenario: scenario.name)
    monkeypatch.setattr("borderport.sweeping.prepare", lambda scenario: None)
    monkeypatch.setattr("borderport.sweeping.replicate", lambda *words, **more: measures)
    store = ResultStore(tiny.parent / "lazy.sqlite")
    OPEN.append(store)
    for computed in (2002, 0):
        design = plan_sweep(str(tiny), [parse_variation(f"{DESK}=1..1000")])
        assert loaded <= 101
        loaded = 0
        assert run_sweep(design, store, replications=2, seed=1, progress=told).computed == computed
        assert loaded == 1000
        loaded = 0


def test_a_wrong_value_far_down_a_long_list_ends_the_sweep_and_keeps_what_was_computed(tiny: Path) -> None:
    values = [str(number) for number in range(1, 150)]
    values[2] = "many"
    with pytest.raises(ScenarioInvalid, match=f"--vary {DESK}=many"):
        sweep_of(tiny.parent, f"{DESK}={','.join(values)}", reps=1)
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 0


BOOTH = """\
title: Booth
horizon: {start: 2024-01-01, end: 2024-01-03, zone: UTC, lead_in: 0 s}
ports:
  east:
    label: {en: East}
    resources: {booth: {capacity: 2}}
    stations: {booth: {needs: [booth], service: 20 min}, walk: {service: 5 min}}
    routes: {road: {steps: [booth]}, path: {steps: [walk]}}
    flows:
      cars: {route: road, volume: 90 cars per d}
      carts: {route: path, volume: 9 vehicles per d}
"""
CAPACITY = "ports.east.resources.booth.capacity"


def test_a_shut_port_is_marked_and_stands_beside_who_was_cleared(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no booth at all only those who need none get through, and quickly: a short mean of other vehicles."""
    (tiny.parent / "booth.yaml").write_text(BOOTH)
    drawn: list[Any] = []

    def curve(*_: Any, marked: Any, **__: Any) -> Figure:
        drawn.append(marked.tolist())
        return Figure()

    monkeypatch.setattr("borderport.figures.swept.response_curve", curve)
    words = ("sweep", "booth.yaml", "--vary", f"{CAPACITY}=0..3", "--reps", "3", "--jobs", "1", "--out", "out")
    document = borderport(*words, "--json").document
    shut, one, two, three = document["points"]
    assert (
        shut["response"]["mean"] == pytest.approx(5) and shut["difference"]["high"] < 0
    )  # the best, were it not marked
    assert [point["marked"] for point in document["points"]] == [True, True, False, False] == drawn[0]
    assert shut["cleared"]["mean"] < 30 < 100 < shut["unfinished"]["mean"] and shut["not_cleared"] > 0.8
    assert document["base_point"]["marked"] is False and document["marked_above"] == 0.01
    assert document["base_point"]["cleared"] == two["cleared"] and three["not_cleared"] < 0.02 < one["not_cleared"]
    rows = rows_of(tiny.parent / "out" / "sweep.csv")
    totals = [row for row in rows if tuple(row[k] for k in ("port", "flow", "station", "metric")) == PASSAGE]
    assert [row["marked"] for row in totals] == ["False", "True", "True", "False", "False"]
    assert float(totals[1]["not_cleared"]) == pytest.approx(shut["not_cleared"])
    carts = [row["marked"] for row in rows if (row["flow"], row["metric"]) == ("carts", "passage_time_mean")]
    assert carts == ["False"] * 5  # which need no booth
    table = borderport(*words).out
    lines = {number: line for line in table.splitlines() for number in re.findall(r"^(base|\d)(?: \*)? ", line)}
    assert [number for number, line in lines.items() if " * " in line[:6]] == ["1", "2"]
    assert "not cleared" in table and "* the share not cleared is more than 1 percentage point" in " ".join(
        table.split()
    )
    assert " *" not in borderport(*words[:3], f"{CAPACITY}=2..3", *words[4:]).out


def test_an_abandoned_queue_is_marked_though_nobody_is_unfinished(tiny: Path) -> None:
    impatient = BOOTH.replace("90 cars per d", "90 cars per d, patience: {after: 30 min, share: 100 %, at: [booth]}")
    (tiny.parent / "impatient.yaml").write_text(impatient)
    result = sweep_of(tiny.parent, f"{CAPACITY}=1..2", scenario="impatient.yaml")
    response = result.response(PASSAGE)
    assert response.marked.tolist() == [False, True, False]
    assert (response.unfinished[1] < 0.05 * response.cleared[1]).all() and (response.not_cleared[1] > 0.2).all()


def test_every_point_is_what_a_run_of_it_gives(tiny: Path) -> None:
    result = sweep_of(tiny.parent, f"{DESK}=1..2", f"{POLICY}=on,off", workers=Processes(2))
    words = ("--reps", "3", "--jobs", "1", "--json", "--out", "out")
    for number, values in enumerate([("1", "off"), ("1", "on"), ("1", "off"), ("2", "on"), ("2", "off")]):
        policy = ("--with", "fast-desk") if values[1] == "on" else ()
        found = means(borderport("run", "tiny.yaml", "--set", f"{DESK}={values[0]}", *policy, *words).document)
        for key, mean in zip(result.keys, result.values(number).mean(axis=0).tolist(), strict=True):
            expected = found[key]
            assert mean == pytest.approx(expected, nan_ok=True) if expected is not None else np.isnan(mean), key


def test_the_point_that_is_the_base_differs_by_nothing(tiny: Path) -> None:
    result = sweep_of(tiny.parent, f"{DESK}=1..3", f"{POLICY}=on,off")
    same = list(result.design.points()).index(("1", "off"))
    assert np.array_equal(result.values(same), result.values(0), equal_nan=True)
    low, mean, high = result.response(PASSAGE).differences()
    assert low[same] == mean[same] == high[same] == 0
    assert (np.delete(mean, [0, same]) < 0).all()
    assert result.computed == 6 * 3  # seven points, two of them equal


def test_only_what_is_missing_is_computed(tiny: Path) -> None:
    folder = tiny.parent
    first = sweep_of(folder, f"{DESK}=1..2", reps=2)
    assert first.computed == 4
    again = sweep_of(folder, f"{DESK}=1..2", reps=2, workers=Processes(2))
    assert again.computed == 0 and again.keys == first.keys
    assert np.array_equal(values_of(again), values_of(first), equal_nan=True)
    wider = sweep_of(folder, f"{DESK}=1..2", reps=5)
    assert wider.computed == 6
    assert np.array_equal(values_of(wider)[:, :2], values_of(first), equal_nan=True)
    assert sweep_of(folder, f"{DESK}=1..3", reps=5).computed == 5
    assert sweep_of(folder, f"{DESK}=1..3", reps=5, seed=2).computed == 15
    assert sweep_of(folder, f"{DESK}=1..2", reps=2, engine="simpy").computed == 0  # both engines give the same


def test_a_changed_scenario_or_model_is_computed_anew(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_of(tiny.parent, f"{DESK}=1..2", reps=1)
    tiny.write_text(tiny.read_text().replace("title: Tiny", "title: Another title"))
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 0
    tiny.write_text(tiny.read_text().replace("volume: 20", "volume: 21"))
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 2
    monkeypatch.setattr("borderport.sweeping.model_hash", lambda: "another")
    assert sweep_of(tiny.parent, f"{DESK}=1..2", reps=1).computed == 2


def test_a_damaged_record_is_computed_again(tiny: Path) -> None:
    before = values_of(sweep_of(tiny.parent, f"{DESK}=1..2"))
    connection = sqlite3.connect(tiny.parent / "store.sqlite")
    connection.execute("UPDATE results SET record = x'00' || substr(record, 2) WHERE rowid IN (1, 4)")
    connection.commit()
    connection.close()
    after = sweep_of(tiny.parent, f"{DESK}=1..2")
    assert after.computed == 2 and np.array_equal(before, values_of(after), equal_nan=True)
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

    monkeypatch.setattr("borderport.figures.swept.response_curve", curve)
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
