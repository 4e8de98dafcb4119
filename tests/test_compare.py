"""Paired comparison of the same vehicles, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from borderport.compare import VehicleEffect, come_otherwise, compare_scenarios, pair_flow
from borderport.metrics import FlowTimes
from borderport.scenario import Scenario
from borderport.units import MS_PER_MINUTE
from tests.builders import at_minutes, port

BODY = """
resources: {desk: {capacity: 1}}
stations: {desk: {needs: [desk], service: SERVICE}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 50 cars per d, payload: 2 t}}
"""


def desk(service: str, **options: str) -> Scenario:
    return port(BODY.replace("SERVICE", service), **options)


def effect(effects: list[VehicleEffect], clock: str, span: str = "total", flow: str = "cars") -> VehicleEffect:
    return next(e for e in effects if (e.flow, e.span, e.clock) == (flow, span, clock))


def test_vehicles_are_paired_by_number_and_those_in_one_world_only_are_counted() -> None:
    # number:      0    2    5    6        number: 0    1    5    6
    # base passes  10   20   30   -        other   4    9    36   50
    def flow(index: list[int], minutes: list[int], done: list[int]) -> FlowTimes:
        times = np.asarray(minutes, dtype=np.int64) * MS_PER_MINUTE
        passed = {"passage": np.asarray(done, dtype=bool)}
        return FlowTimes(np.asarray(index), passed, {("passage", "wall"): times})

    base = flow([0, 2, 5, 6], [10, 20, 30, 99], [1, 1, 1, 0])
    other = flow([0, 1, 5, 6], [4, 9, 36, 50], [1, 1, 1, 1])
    saving, only_base, only_other = pair_flow(base, other, "passage", "wall")
    assert (saving / MS_PER_MINUTE).tolist() == [6, -6]
    assert (only_base, only_other) == (1, 2)  # number 2; numbers 1 and 6


def test_savings_by_clock_of_a_desk_that_works_twice_as_fast() -> None:
    # cars at 0, 5, 30. 10 min each: out at 10, 20, 40: 10, 15, 10 min. 5 min each: 5, 10, 35: 5, 5, 5 min.
    base, other = (at_minutes(desk(s, end="2024-01-02"), "cars", [0, 5, 30]) for s in ("10 min", "5 min"))
    found = compare_scenarios([base, other], replications=2, seed=1, jobs=1)
    wall, service = (effect(found.effects[0], clock) for clock in ("wall", "service"))
    assert wall.saving.mean == pytest.approx((5 + 10 + 5) / 3)
    assert (wall.better, wall.worse, wall.pairs) == (1, 0, 3)
    assert service.saving.mean == 5
    key = ("east", "cars", "all", "total_time_mean")
    column = found.samples[0].keys.index(key)
    assert found.differences[0].mean[column] == pytest.approx(-20 / 3)


def test_who_finishes_in_one_world_only_is_named_and_not_averaged() -> None:
    # the day ends at 1,440: with 10 min each two of the three are out, with 4 min all
    minutes = [1415.0, 1415.0, 1415.0]
    base, other = (at_minutes(desk(s, end="2024-01-02"), "cars", minutes) for s in ("10 min", "4 min"))
    found = effect(compare_scenarios([base, other], replications=2, seed=1, jobs=1).effects[0], "wall")
    assert (found.pairs, found.only_base, found.only_other) == (2, 0, 1)
    assert found.saving.mean == (6 + 12) / 2


def test_a_measure_may_make_some_worse_off() -> None:
    policy = "effects: [{on: {flow: vans}, priority: 1}]"
    body = BODY.replace("SERVICE", "10 min").replace("flows: {", "flows: {vans: {route: out, volume: 50 cars per d}, ")
    worlds = [port(body, policies=p, end="2024-01-02") for p in ({}, {"first": policy})]
    worlds = [at_minutes(at_minutes(w, "cars", [0, 1]), "vans", [2]) for w in worlds]
    # base: cars out at 10, 20, van at 30; with priority the van at 20, the second car at 30
    effects = compare_scenarios(worlds, replications=2, seed=1, jobs=1).effects[0]
    cars, vans, both = (effect(effects, "wall", flow=f) for f in ("cars", "vans", "all"))
    assert (cars.better, cars.worse, cars.saving.mean) == (0, 0.5, -5)
    assert (vans.better, vans.worse, vans.saving.mean) == (1, 0, 10)
    assert both.saving.mean == 0


def test_common_random_numbers_save_variance() -> None:
    base, other = desk("{exponential: {mean: 20 min}}"), desk("{exponential: {mean: 19 min}}")
    found = compare_scenarios([base, other], replications=20, seed=1, jobs=1)
    column = found.samples[0].keys.index(("all", "all", "all", "total_time_mean"))
    assert found.differences[0].variance_saved[column] > 0.9
    assert found.differences[0].high[column] < 0


def test_holms_correction_runs_over_the_scenarios_compared() -> None:
    worlds = [desk(f"{{exponential: {{mean: {m} min}}}}") for m in (20, 19, 20, 15)]
    found = compare_scenarios(worlds, replications=6, seed=1, jobs=1)
    alone = compare_scenarios(worlds[:2], replications=6, seed=1, jobs=1)
    column = found.samples[0].keys.index(("all", "all", "all", "total_time_mean"))
    p = [difference.p_holm[column] for difference in found.differences]
    assert p[1] == 1  # the same scenario
    assert p[0] >= alone.differences[0].p_holm[column]
    assert p[2] <= p[0]


def test_groups_and_totals_hold_the_pairs_of_their_flows() -> None:
    body = BODY.replace("SERVICE", "10 min").replace("flows: {", "flows: {vans: {route: out, volume: 9 cars per d}, ")
    top = "groups: {all_cars: [east.cars, east.vans]}\n"
    worlds = [port(b, top=top, end="2024-01-04") for b in (body, body.replace("10 min", "9 min"))]
    effects = compare_scenarios(worlds, replications=2, seed=1, jobs=2).effects[0]
    pairs = {e.flow: e.pairs for e in effects if (e.span, e.clock) == ("total", "wall") and e.port == "east"}
    assert pairs["all"] == pairs["cars"] + pairs["vans"]
    group = next(e for e in effects if (e.flow, e.span, e.clock) == ("all_cars", "total", "wall"))
    assert group.pairs == pairs["all"]


def test_flows_that_come_at_other_times_are_named() -> None:
    """Twice the volume, or other days: the i-th car is another moment's car. Another service is not."""
    base = desk("10 min")
    assert come_otherwise(base, desk("5 min")) == []
    busy = port(BODY.replace("SERVICE", "10 min").replace("50 cars", "100 cars"))
    assert come_otherwise(base, busy) == ["east.cars"]
    assert come_otherwise(base, desk("10 min", end="2024-01-21")) == ["east.cars"]
