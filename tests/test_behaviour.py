"""Sentences about how ports behave, true whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from borderport.comparing import compare_scenarios
from borderport.experiment import EngineName, prepare, replicate, run_scenarios, simulate
from borderport.loading import load_scenario
from borderport.scenario import Scenario
from borderport.workers import Processes
from tests.builders import port

SEED = 11
REPLICATIONS = 5

LANES = """
calendars: {day: {open: ["08:00-18:00"]}}
resources: {lane: {capacity: LANES, calendar: day}}
stations: {gate: {needs: [lane], service: {lognormal: {mean: MEAN min, cv: 1}}}}
routes: {out: {steps: [gate]}}
flows: {cars: {route: out, volume: VOLUME cars per d, marks: {selected: 20 %}}}
"""


def lanes(lanes: int = 2, mean: int = 20, volume: int = 40) -> Scenario:
    body = LANES.replace("LANES", str(lanes)).replace("MEAN", str(mean)).replace("VOLUME", str(volume))
    return port(body, end="2024-02-01")


def exits(scenario: Scenario, replication: int = 0, engine: EngineName = "compiled") -> NDArray[np.int64]:
    """Moments at which vehicles left; the end of time for those still inside."""
    timeline = simulate(prepare(scenario), SEED, replication, engine)[1]
    return np.where(timeline.exit_ms < 0, 2**62, timeline.exit_ms)


# ------------------------------------------------------------------------------------- one queue, first come first


@pytest.mark.parametrize("replication", range(REPLICATIONS))
def test_another_lane_delays_nobody(replication: int) -> None:
    one, two = exits(lanes(2), replication), exits(lanes(3), replication)
    assert (two <= one).all()
    assert (two < one).any()


@pytest.mark.parametrize("replication", range(REPLICATIONS))
def test_shorter_work_delays_nobody(replication: int) -> None:
    assert (exits(lanes(mean=15), replication) <= exits(lanes(mean=20), replication)).all()


@pytest.mark.parametrize("replication", range(REPLICATIONS))
def test_longer_hours_delay_nobody(replication: int) -> None:
    longer = port(LANES_LONGER, end="2024-02-01")
    assert (exits(longer, replication) <= exits(lanes(), replication)).all()


LANES_LONGER = LANES.replace("08:00-18:00", "06:00-20:00").replace("LANES", "2").replace("MEAN", "20")
LANES_LONGER = LANES_LONGER.replace("VOLUME", "40")


@pytest.mark.parametrize("replication", range(REPLICATIONS))
def test_more_demand_makes_the_same_vehicles_wait_longer(replication: int) -> None:
    few, many = (prepare(lanes(volume=v)) for v in (30, 40))
    times = [replicate(study, SEED, replication).flows["east.cars"] for study in (few, many)]
    n = times[0].index.size
    assert times[1].index.size > n
    # The i-th vehicle comes earlier the more there are, so time inside, not the moment of leaving, is compared.
    both = times[0].done["total"] & times[1].done["total"][:n]
    work = [t.times["total", "service"][:n][both] for t in times]
    inside = [t.times["total", "wall"][:n][both].mean() for t in times]
    assert both.mean() > 0.5
    assert np.array_equal(work[0], work[1])
    assert inside[1] > inside[0]


def test_one_queue_for_all_lanes_is_no_slower_than_a_queue_for_each() -> None:
    """Pooled against split: twice the demand on two lanes together, against half of it on each of two single lanes."""
    split = port(
        """
    resources: {a: {capacity: 1}, b: {capacity: 1}}
    stations:
      gate_a: {needs: [a], service: {exponential: {mean: 20 min}}}
      gate_b: {needs: [b], service: {exponential: {mean: 20 min}}}
    routes: {a: {steps: [gate_a]}, b: {steps: [gate_b]}}
    flows: {a: {route: a, volume: 60 cars per d}, b: {route: b, volume: 60 cars per d}}
    """,
        end="2024-04-01",
    )
    pooled = port(
        """
    resources: {lane: {capacity: 2}}
    stations: {gate_a: {needs: [lane], service: {exponential: {mean: 20 min}}}}
    routes: {a: {steps: [gate_a]}}
    flows: {a: {route: a, volume: 120 cars per d}}
    """,
        end="2024-04-01",
    )
    means = [
        run_scenarios([s], replications=REPLICATIONS, seed=SEED)[0].of("east", "all", "passage_time_mean")
        for s in (split, pooled)
    ]
    assert means[1].max() < means[0].min()


def test_a_priority_changes_who_waits_and_not_how_much_work_is_done() -> None:
    """Work conservation: with equal work, the times at which the desk is busy do not depend on the order."""
    body = """
    resources: {desk: {capacity: 1}}
    stations: {desk: {needs: [desk], service: 10 min}}
    routes: {out: {steps: [desk]}}
    flows: {a: {route: out, volume: 60 cars per d}, b: {route: out, volume: 60 cars per d, priority: PRIORITY}}
    """
    even, first = (port(body.replace("PRIORITY", p), end="2024-01-21") for p in ("5", "1"))
    assert np.array_equal(np.sort(exits(even)), np.sort(exits(first)))
    waits = [replicate(prepare(s), SEED, 0).values["east", "b", "all", "passage_waiting_mean"] for s in (even, first)]
    assert waits[1] < waits[0]


# ---------------------------------------------------------------------------------------------------- comparisons


def test_a_scenario_compared_with_itself_differs_by_exactly_zero() -> None:
    scenario = load_scenario("2024").scenario
    found = compare_scenarios([scenario, scenario], replications=2, seed=SEED)
    base = found.samples[0].values
    assert np.array_equal(base, found.samples[1].values, equal_nan=True)
    difference = found.differences[0]
    present = ~np.isnan(base).any(axis=0)
    assert present.sum() > 500
    for column in (difference.low, difference.mean, difference.high):
        assert (column[present] == 0).all()
    for effect in found.effects[0]:
        assert effect.better.mean == effect.worse.mean == effect.only_base == effect.only_other == 0 or not effect.pairs
        assert effect.saving.mean == 0 or effect.pairs == 0


def test_raising_inspection_only_adds_selected() -> None:
    scenario = load_scenario("2024-before")
    more = load_scenario("2024-before", sets=["ports.gyirong.flows.general.marks.selected=30 %"])
    before, after = (
        simulate(prepare(loaded.scenario), SEED, 0)[0].flows["gyirong.general"].marks["selected"]
        for loaded in (scenario, more)
    )
    assert (after >= before).all()
    assert after.mean() == pytest.approx(0.3, abs=0.02)


def test_smart_channel_moves_almost_no_tonnes() -> None:
    """The +45.8 % of 2024 was demand: the year with and without its measures differs by less than 1.5 % in tonnes."""
    base, other = run_scenarios(
        [load_scenario("2024-before").scenario, load_scenario("2024").scenario], replications=4, seed=SEED
    )
    tonnes = [sample.of("all", "all", "tonnes_cleared").mean() for sample in (base, other)]
    assert tonnes[1] / tonnes[0] == pytest.approx(1, abs=0.015)
    service = [sample.of("gyirong", "general", "passage_service_time_mean").mean() for sample in (base, other)]
    assert service[0] - service[1] > 20  # minutes per truck: it does save time


def test_skipping_a_station_saves_its_work_for_everybody_who_did_it() -> None:
    body = LANES.replace("LANES", "9").replace("MEAN", "20").replace("VOLUME", "40")
    body = body.replace("steps: [gate]", "steps: [gate, paper]").replace(
        "stations: {", "stations: {paper: {service: 30 min}, "
    )
    base = port(body)
    without = port(body, policies={"quick": "effects: [{on: {station: paper}, skip: true}]"})
    found = compare_scenarios([base, without], replications=3, seed=SEED)
    effect = next(e for e in found.effects[0] if (e.flow, e.span, e.clock) == ("cars", "total", "service"))
    assert effect.saving.mean == effect.saving.low == effect.saving.high == 30
    assert (effect.better.mean, effect.worse.mean) == (1, 0)


# ------------------------------------------------------------------------------------------------ same everywhere


def test_results_do_not_depend_on_workers_or_chunking() -> None:
    scenario = lanes()
    (alone,) = run_scenarios([scenario], replications=7, seed=SEED)
    with Processes(2) as workers:
        (two,) = run_scenarios([scenario], replications=7, seed=SEED, workers=workers)
    assert alone.keys == two.keys
    assert np.array_equal(alone.values, two.values, equal_nan=True)
    single = [replicate(prepare(scenario), SEED, r).values for r in range(7)]
    assert np.array_equal(alone.values, [[row[key] for key in alone.keys] for row in single], equal_nan=True)


def test_more_replications_begin_with_the_fewer() -> None:
    few, more = (run_scenarios([lanes()], replications=n, seed=SEED)[0].values for n in (3, 8))
    assert np.array_equal(few, more[:3], equal_nan=True)


def test_both_engines_give_equal_metrics_of_the_built_in_year() -> None:
    study = prepare(load_scenario("2024").scenario)
    fast, slow = replicate(study, SEED, 0, "compiled"), replicate(study, SEED, 0, "simpy")
    assert fast.values.keys() == slow.values.keys()
    assert np.array_equal(list(fast.values.values()), list(slow.values.values()), equal_nan=True)


def test_nobody_waits_for_ever_in_the_built_in_year() -> None:
    """Whoever came to a consignment's declaration more than 60 days before the end has passed it."""
    scenario = load_scenario("2024").scenario
    _, timeline = simulate(prepare(scenario), SEED, 0)
    early = timeline.network.horizon_ms - 60 * 86_400_000
    for layout in timeline.network.flows:
        if scenario.flows()[layout.name].companion_of is not None:
            continue  # a tractor whose trailer gives up is never let go, and never counted
        signals = [i for i, column in enumerate(layout.columns) if column.kind == "signal"]
        moments, arrival = timeline.of(layout), timeline.network.arrival_ms[layout.vehicle]
        inside = timeline.exit_ms[layout.vehicle] < 0
        for column in signals:
            last = np.maximum(moments.max(axis=1, initial=-1), arrival)
            stuck = inside & (timeline.standing[layout.vehicle] == column)
            assert not (stuck & (last < early)).any(), layout.name
