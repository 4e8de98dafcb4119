"""The tables of visits and vehicles: what is in them adds up to the metrics, and pandas reads them as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from borderport.experiment import EngineName, prepare, simulate
from borderport.histories import Table, vehicle_table, visit_table
from borderport.metrics import measure
from borderport.scenario import Scenario
from borderport.store import RunFolder
from borderport.units import MS_PER_DAY
from tests.builders import port

BUSY = """
zone: Europe/Berlin
calendars: {day: {open: ["08:00-18:00"]}, road: {open: ["00:00-24:00"]}}
closures: {snow: {stops: [road], first_day: 2024-03-27, last_day: 2024-03-30}}
resources:
  lane: {capacity: 1, calendar: day}
  yard: {capacity: 6}
  bridge: {quota: {amount: 25}}
stations:
  road: {service: 30 min}
  gate: {needs: [lane], service: {exponential: {mean: 8 min}}}
  check: {service: {lognormal: {mean: 60 min, cv: 0.6}}}
  bridge: {needs: [bridge], service: 2 min}
  back: {service: 30 min}
routes:
  out:
    steps: [road, gate, {check: {if: selected}}, {enter: yard}, bridge, {leave: yard}, {signal: over}]
    passage: {from: gate, to: check, clock: day}
  back: {steps: [{wait: over}, back]}
flows:
  cars:
    route: out
    volume: 40 cars per d
    payload: {lognormal: {mean: 9 t, cv: 0.3}}
    value: 2 CNY/kg
    marks: {selected: 30 %}
    patience: {after: 6 h, share: 40 %, at: [gate, bridge]}
    holding_back: {closures_over: 1 d, sets_out: 50 %, rest: never}
    diversion: {to: west.cars, after: 1 d, share: 30 %, detour: 5 h, while: [road]}
  drivers: {route: back, companion_of: cars}
"""
OTHER = """
west:
  label: {en: West}
  zone: Asia/Kathmandu
  stations: {s: {service: {exponential: {mean: 9 min}}}}
  routes: {r: {steps: [s]}}
  flows: {cars: {route: r, diverted_from: east.cars}}
"""


def busy() -> Scenario:
    """Ten days with three of lead-in, around the day on which the clocks change."""
    return port(BUSY, others=OTHER, start="2024-03-26", end="2024-04-05", zone="Europe/Berlin", lead_in="3 d")


def read_back(folder: Path, table: Table) -> pd.DataFrame:
    """A table as pandas reads the file that the program writes of it."""
    RunFolder(folder).write_csv("table.csv", tuple(table.columns), table.rows())
    return pd.read_csv(folder / "table.csv")


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_vehicles_add_up_to_the_metrics(tmp_path: Path, engine: EngineName) -> None:
    study = prepare(busy())
    manifest, timeline = simulate(study, 3, 0, engine)
    values = measure(study.metrics, manifest, timeline).values
    vehicles = read_back(tmp_path, vehicle_table(study.scenario, manifest, timeline))
    assert not vehicles.duplicated(["flow", "vehicle"]).any()
    counted = vehicles[vehicles.counted]
    for flow in ("east.cars", "west.cars"):
        here, (owner, name) = counted[counted.flow == flow], flow.split(".")
        number = here.outcome.value_counts()
        kinds = {"cleared": "vehicles_cleared", "abandoned": "vehicles_abandoned", "unfinished": "unfinished"}
        kinds |= {"held_back": "vehicles_held_back", "diverted": "vehicles_diverted"}
        for outcome, metric in kinds.items():
            assert number.get(outcome, 0) == values[owner, name, "all", metric], (flow, outcome)
            assert number.get(outcome, 0) > 5 or flow == "west.cars"
        came = here[here.outcome.isin(["cleared", "abandoned", "unfinished"])]
        cleared = here[here.outcome == "cleared"]
        beyond = cleared[cleared.exited_ms.isna() & cleared.gave_up_ms.isna()]
        assert len(came) == values[owner, name, "all", "vehicles_arrived"]
        assert len(beyond) == values[owner, name, "all", "beyond_line"]
        assert cleared.payload_t.sum() == pytest.approx(values[owner, name, "all", "tonnes_cleared"])
        assert cleared.value_cny.sum() == pytest.approx(values[owner, name, "all", "value_cleared"])
        passage, stay = cleared.cleared_ms - cleared.began_ms, here.exited_ms - here.arrived_ms
        assert passage.mean() / 60_000 == pytest.approx(values[owner, name, "all", "passage_time_mean"])
        assert stay.mean() / 60_000 == pytest.approx(values[owner, name, "all", "total_time_mean"])
    assert set(vehicles[vehicles.flow == "east.drivers"].counted) == {False}
    assert (vehicles[~vehicles.counted & (vehicles.flow == "east.cars")].arrived_ms < 0).all()
    assert vehicles.arrived_ms.min() < -MS_PER_DAY


def test_some_give_up_beyond_the_line_and_are_cleared_all_the_same() -> None:
    study = prepare(busy())
    columns = vehicle_table(study.scenario, *simulate(study, 3, 0)).columns
    gave_up = {o for o, time in zip(columns["outcome"], columns["gave_up_ms"], strict=True) if time is not None}
    assert gave_up == {"cleared", "abandoned"}


def test_visits_add_up_to_the_stay_and_what_has_not_happened_is_empty(tmp_path: Path) -> None:
    study = prepare(busy())
    manifest, timeline = simulate(study, 3, 0)
    visits = read_back(tmp_path, visit_table(study.scenario, manifest, timeline))
    vehicles = read_back(tmp_path, vehicle_table(study.scenario, manifest, timeline))
    assert (visits.joined_ms >= -3 * MS_PER_DAY).all() and (visits.joined_ms < -1).any()
    assert visits.left_ms.isna().any() and visits.started_ms.isna().any()
    assert (visits.left_ms.isna() | (visits.started_ms <= visits.left_ms)).all()
    assert (visits.started_ms.isna() | (visits.joined_ms <= visits.started_ms)).all()
    spent = (visits.left_ms - visits.joined_ms).groupby([visits.flow, visits.vehicle]).sum()
    out = vehicles[vehicles.flow.isin(["east.cars", "west.cars"]) & vehicles.exited_ms.notna()]
    stay = (out.exited_ms - out.arrived_ms).set_axis(pd.MultiIndex.from_frame(out[["flow", "vehicle"]]))
    assert len(stay) > 100
    assert (spent[stay.index] == stay).all()


def test_local_times_are_those_of_the_port_and_mean_the_same_moments(tmp_path: Path) -> None:
    study = prepare(busy())
    manifest, timeline = simulate(study, 3, 0)
    vehicles = read_back(tmp_path, vehicle_table(study.scenario, manifest, timeline))
    start = pd.Timestamp("2024-03-26", tz="Europe/Berlin")
    for moment in ("arrived", "began", "cleared", "exited", "gave_up"):
        read = pd.to_datetime(vehicles[moment], utc=True)
        assert (read.isna() == vehicles[f"{moment}_ms"].isna()).all()
        assert ((read - start) / pd.Timedelta(milliseconds=1) - vehicles[f"{moment}_ms"]).abs().max() == 0
    east, west = (vehicles[vehicles.port == name].arrived for name in ("east", "west"))
    assert set(east.str[-6:]) == {"+01:00", "+02:00"}
    assert set(west.str[-6:]) == {"+05:45"}
    gate = read_back(tmp_path, visit_table(study.scenario, manifest, timeline)).query("station == 'east.gate'")
    hour = pd.to_datetime(gate.started.dropna().str[:19]).dt.hour
    assert hour.between(8, 17).all() and np.isin([8, 17], hour).all()
