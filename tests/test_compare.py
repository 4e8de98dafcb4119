"""Paired comparison of the same vehicles, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from borderport.comparing import (
    MOST_APART,
    PairedSums,
    VehicleEffect,
    _effects,
    come_otherwise,
    compare_scenarios,
    headline_group,
    not_cleared,
    of_flows,
    pair_flow,
    unlike,
)
from borderport.experiment import run_scenarios
from borderport.metrics import FlowTimes
from borderport.scenario import Ref, Scenario
from borderport.statistics import Precision, share_interval, t_interval
from borderport.units import MS_PER_MINUTE
from borderport.workers import Processes
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
        return FlowTimes(np.asarray(index), np.asarray(index), passed, {("passage", "wall"): times})

    base = flow([0, 2, 5, 6], [10, 20, 30, 99], [1, 1, 1, 0])
    other = flow([0, 1, 5, 6], [4, 9, 36, 50], [1, 1, 1, 1])
    saving, only_base, only_other = pair_flow(base, other, "passage", "wall")
    assert (saving / MS_PER_MINUTE).tolist() == [6, -6]
    assert (only_base, only_other) == (1, 2)  # number 2; numbers 1 and 6


def test_savings_by_clock_of_a_desk_that_works_twice_as_fast() -> None:
    # cars at 0, 5, 30. 10 min each: out at 10, 20, 40: 10, 15, 10 min. 5 min each: 5, 10, 35: 5, 5, 5 min.
    base, other = (at_minutes(desk(s, end="2024-01-02"), "cars", [0, 5, 30]) for s in ("10 min", "5 min"))
    found = compare_scenarios([base, other], replications=2, seed=1)
    wall, service = (effect(found.effects[0], clock) for clock in ("wall", "service"))
    assert wall.saving.mean == pytest.approx((5 + 10 + 5) / 3)
    assert (wall.better.mean, wall.worse.mean, wall.pairs) == (1, 0, 3)
    assert service.saving.mean == 5
    key = ("east", "cars", "all", "total_time_mean")
    column = found.samples[0].keys.index(key)
    assert found.differences[0].mean[column] == pytest.approx(-20 / 3)


def test_who_finishes_in_one_world_only_is_named_and_not_averaged() -> None:
    # the day ends at 1,440: with 10 min each two of the three are out, with 4 min all
    minutes = [1415.0, 1415.0, 1415.0]
    base, other = (at_minutes(desk(s, end="2024-01-02"), "cars", minutes) for s in ("10 min", "4 min"))
    found = effect(compare_scenarios([base, other], replications=2, seed=1).effects[0], "wall")
    assert (found.pairs, found.only_base, found.only_other) == (2, 0, 1)
    assert found.saving.mean == (6 + 12) / 2


def test_a_measure_may_make_some_worse_off() -> None:
    policy = "effects: [{on: {flow: vans}, priority: 1}]"
    body = BODY.replace("SERVICE", "10 min").replace("flows: {", "flows: {vans: {route: out, volume: 50 cars per d}, ")
    worlds = [port(body, policies=p, end="2024-01-02") for p in ({}, {"first": policy})]
    worlds = [at_minutes(at_minutes(w, "cars", [0, 1]), "vans", [2]) for w in worlds]
    # base: cars out at 10, 20, van at 30; with priority the van at 20, the second car at 30
    effects = compare_scenarios(worlds, replications=2, seed=1).effects[0]
    cars, vans, both = (effect(effects, "wall", flow=f) for f in ("cars", "vans", "all"))
    assert (cars.better.mean, cars.worse.mean, cars.saving.mean) == (0, 0.5, -5)
    assert (vans.better.mean, vans.worse.mean, vans.saving.mean) == (1, 0, 10)
    assert both.saving.mean == 0


def test_a_replication_counts_alike_in_the_saving_and_in_the_shares() -> None:
    """A quiet year in which all ten gain 6 min, and a busy one in which 20 of 90 gain and 70 lose."""
    years = [PairedSums(60 * MS_PER_MINUTE, 10, 10, 0, 0, 0), PairedSums(-90 * MS_PER_MINUTE, 90, 18, 63, 0, 0)]
    sample = run_scenarios([at_minutes(desk("1 min"), "cars", [0])], replications=2, seed=1)[0]
    (found,) = _effects([{("east", "cars", "total", "wall"): year} for year in years], sample, sample)
    assert found.saving == t_interval([6.0, -1.0])
    assert found.better == share_interval([1.0, 0.2]) and found.better.mean == 0.6
    assert found.worse == share_interval([0.0, 0.7])
    (found,) = _effects(
        [{("east", "cars", "total", "wall"): year} for year in (years[0], PairedSums(0, 0, 0, 0, 1, 1))], sample, sample
    )
    assert (found.saving.mean, found.better.mean, found.pairs, found.only_base) == (6, 1, 5, 0.5)  # nobody: no value


def test_the_hours_of_everybody_tell_what_those_who_passed_do_not() -> None:
    """Vans gain five minutes each; the car, which no longer passes at all, is in no pair."""
    body = """
    resources: {desk: {capacity: 1}, window: {capacity: CAPACITY}}
    stations: {desk: {needs: [desk], service: SERVICE}, window: {needs: [window], service: 10 min}}
    routes: {out: {steps: [desk]}, in: {steps: [window]}}
    flows: {vans: {route: out, volume: 5 cars per d}, cars: {route: in, volume: 5 cars per d}}
    """
    worlds = []
    for capacity, service in (("1", "10 min"), ("0", "5 min")):
        world = port(body.replace("CAPACITY", capacity).replace("SERVICE", service), end="2024-01-02")
        worlds.append(at_minutes(at_minutes(world, "vans", [0, 60]), "cars", [0]))
    effects = compare_scenarios(worlds, replications=2, seed=1).effects[0]
    vans, cars, both = (effect(effects, "wall", flow=flow) for flow in ("vans", "cars", "all"))
    assert both.saving.mean == vans.saving.mean == 5
    assert vans.hours_saved.mean == pytest.approx(10 / 60) and cars.hours_saved.mean == pytest.approx(-1430 / 60)
    assert both.hours_saved.mean == pytest.approx(-1420 / 60)
    assert (both.base_not_cleared, both.other_not_cleared) == (0, pytest.approx(1 / 3))
    assert (vans.marked, cars.marked, both.marked) == (False, True, True)


def test_who_gave_up_is_in_the_hours_of_everybody_until_then() -> None:
    """Of two cars at once, one is served for ten minutes; the other waits, or gives up after three."""
    waits, leaves = (
        at_minutes(
            port(BODY.replace("SERVICE", "10 min").replace("payload: 2 t", more), end="2024-01-02"), "cars", [0, 0]
        )
        for more in ("payload: 2 t", "payload: 2 t, patience: {after: 3 min, share: 100 %, at: [desk]}")
    )
    found = effect(compare_scenarios([waits, leaves], replications=2, seed=1).effects[0], "wall")
    assert found.saving.mean == 0 and found.hours_saved.mean == pytest.approx((20 - 3) / 60)
    assert (found.base_not_cleared, found.other_not_cleared, found.marked) == (0, 0.5, True)


def test_who_stays_away_is_not_cleared_and_who_goes_elsewhere_is_cleared_there() -> None:
    keys = tuple(
        (port, flow, "all", metric)
        for port, flow in (("east", "cars"), ("west", "cars"))
        for metric in ("vehicles_arrived", "vehicles_held_back", "vehicles_diverted", "vehicles_cleared")
    )
    west = "west: {label: {en: West}, resources: {desk: {capacity: 1}}, routes: {out: {steps: [desk]}}, "
    west += "stations: {desk: {needs: [desk], service: 1 min}}, flows: {cars: {route: out, diverted_from: east.cars}}}"
    body = """
    calendars: {day: {open: ["08:00-18:00"]}}
    resources: {desk: {capacity: 1, calendar: day}}
    stations: {desk: {needs: [desk], service: 1 min}}
    routes: {out: {steps: [desk]}}
    flows:
      cars:
        route: out
        volume: 50 cars per d
        diversion: {to: west.cars, after: 1 d, while: [day], share: 50 %, detour: 3 h}
    """
    scenario = port(body, others=west)
    # east: 60 came, 10 were held back, 30 went west, 50 were cleared; west: 28 came in time, 25 were cleared
    values = np.asarray([[60.0, 10.0, 30.0, 50.0, 28.0, 0.0, 0.0, 25.0]])
    assert not_cleared(scenario, [Ref("east", "cars")], keys, values).tolist() == [1 - 50 / 100]
    assert not_cleared(scenario, [Ref("west", "cars")], keys, values) == pytest.approx([1 - 25 / 28])
    assert not_cleared(scenario, [Ref("east", "cars"), Ref("west", "cars")], keys, values).tolist() == [1 - 75 / 100]
    assert np.isnan(not_cleared(scenario, [Ref("north", "cars")], keys, values)).all()
    assert of_flows(keys, values, [Ref("east", "cars"), Ref("west", "cars")], "vehicles_arrived").tolist() == [88]


def test_shares_that_are_far_apart_are_unlike_either_way() -> None:
    base = np.asarray([0.1, 0.2])
    assert not unlike(base, base + 0.9 * MOST_APART) and not unlike(base, base - 0.9 * MOST_APART)
    assert unlike(base, base + 1.1 * MOST_APART) and unlike(base, base - 1.1 * MOST_APART)
    nobody = np.full(2, np.nan)
    assert unlike(base, nobody) and unlike(nobody, base) and not unlike(nobody, nobody)


def test_a_precision_is_about_the_saving_of_the_first_named_group() -> None:
    body = BODY.replace("flows: {", "flows: {vans: {route: out, volume: 9 cars per d}, ")
    worlds = [
        port(body.replace("SERVICE", service), top="groups: {light: [east.vans], heavy: [east.cars]}\n")
        for service in ("{exponential: {mean: 20 min}}", "{exponential: {mean: 18 min}}")
    ]
    assert headline_group(worlds[0]) == "light" and headline_group(desk("1 min")) == "all"
    wanted = Precision(0.05)
    found = compare_scenarios(worlds, replications=3, seed=1, precision=wanted)
    saving = next(e.saving for e in found.effects[0] if (e.flow, e.span, e.clock) == ("light", "passage", "wall"))
    assert 3 < found.samples[0].replications < 1000
    assert saving.half_width <= 0.05 * saving.mean and t_interval(found.watched[:, 0]) == saving
    fewer = compare_scenarios(worlds, replications=3, seed=1, precision=wanted, watched="vehicles_arrived")
    assert fewer.samples[0].replications == 3 and not fewer.watched.any()  # the same vehicles: no difference at all


def test_common_random_numbers_save_variance() -> None:
    base, other = desk("{exponential: {mean: 20 min}}"), desk("{exponential: {mean: 19 min}}")
    found = compare_scenarios([base, other], replications=20, seed=1)
    column = found.samples[0].keys.index(("all", "all", "all", "total_time_mean"))
    assert found.differences[0].variance_saved[column] > 0.9
    assert found.differences[0].high[column] < 0


def test_holms_correction_runs_over_the_scenarios_compared() -> None:
    worlds = [desk(f"{{exponential: {{mean: {m} min}}}}") for m in (20, 19, 20, 15)]
    found = compare_scenarios(worlds, replications=6, seed=1)
    alone = compare_scenarios(worlds[:2], replications=6, seed=1)
    column = found.samples[0].keys.index(("all", "all", "all", "total_time_mean"))
    p = [difference.p_holm[column] for difference in found.differences]
    assert p[1] == 1  # the same scenario
    assert p[0] >= alone.differences[0].p_holm[column]
    assert p[2] <= p[0]


def test_groups_and_totals_hold_the_pairs_of_their_flows() -> None:
    body = BODY.replace("SERVICE", "10 min").replace("flows: {", "flows: {vans: {route: out, volume: 9 cars per d}, ")
    top = "groups: {all_cars: [east.cars, east.vans]}\n"
    worlds = [port(b, top=top, end="2024-01-04") for b in (body, body.replace("10 min", "9 min"))]
    with Processes(2) as workers:
        effects = compare_scenarios(worlds, replications=2, seed=1, workers=workers).effects[0]
    pairs = {e.flow: e.pairs for e in effects if (e.span, e.clock) == ("total", "wall") and e.port == "east"}
    assert pairs["all"] == pairs["cars"] + pairs["vans"]
    group = next(e for e in effects if (e.flow, e.span, e.clock) == ("all_cars", "total", "wall"))
    assert group.pairs == pairs["all"]


def test_flows_that_come_at_other_times_are_named() -> None:
    """Twice the volume, or other days: the i-th car is another moment's car. Another service is not."""
    base = desk("10 min")
    assert come_otherwise(base, desk("5 min")) == []
    busy = port(BODY.replace("SERVICE", "10 min").replace("50 cars", "100 cars"))
    assert come_otherwise(base, busy) == [Ref("east", "cars")]
    assert come_otherwise(base, desk("10 min", end="2024-01-21")) == [Ref("east", "cars")]
