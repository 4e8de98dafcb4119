"""Goods that outlast their truck: left behind and fetched, held back and brought later. Moments worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from borderport.calendars import NEVER
from borderport.cli.simulate import print_effects
from borderport.comparing import VehicleEffect, compare_scenarios, not_cleared
from borderport.errors import ScenarioInvalid
from borderport.experiment import EngineName, prepare, simulate
from borderport.histories import vehicle_table, visit_table
from borderport.manifest import FlowManifest
from borderport.network import ABANDONED, EXITED, UNFINISHED
from borderport.scenario import Ref, Scenario
from borderport.timeline import visits_of
from borderport.units import MS_PER_MINUTE
from tests.builders import Run, at_minutes, port, run

DAY = 1440
QUEUE = """
resources: {desk: {capacity: 1}}
stations: {desk: {needs: [desk], service: 60 min}}
routes: {out: {steps: [desk]}}
flows:
  cars:
    route: out
    volume: 1 cars per d
    payload: {export: {law: 9 t}, import: {law: 2 t, if: laden}}
    value: 1 CNY/kg
    marks: {laden: 0 %}
    patience: {PATIENCE, loses: 100 %}
"""
WAITING = "after: 90 min, share: 100 %, at: [desk], goods: wait, fetched_after: 200 min"
COSTS = "costs: {time: {rate: 6 CNY/h}}\n"


def queue(patience: str = WAITING, more: str = "", **where: str) -> Scenario:
    """One desk and cars with patience; ``more`` are further lines of their flow."""
    return port(QUEUE.replace("PATIENCE", patience) + more, top=COSTS, **where)


def values(found: Run, *metrics: str) -> list[float]:
    """Some figures of the cars."""
    return [found.value(metric, "cars") for metric in metrics]


COUNTS = ("vehicles_arrived", "vehicles_abandoned", "vehicles_cleared", "unfinished")
TONNES = ("tonnes_arrived", "tonnes_left_behind", "tonnes_cleared")


def simulated(scenario: Scenario, engine: EngineName) -> tuple[FlowManifest, list[float | None], list[int]]:
    """The cars with their exits in minutes and their outcomes."""
    manifest, timeline = simulate(prepare(scenario), 1, 0, engine)
    timeline.check()
    vehicle = timeline.network.flows[0].vehicle
    exits = [None if t < 0 else t / MS_PER_MINUTE for t in timeline.exit_ms[vehicle].tolist()]
    return manifest.flows[Ref("east", "cars")], exits, timeline.outcome[vehicle].tolist()


def test_a_later_truck_fetches_what_a_driver_left_behind(engine: EngineName) -> None:
    """Four cars come at 0. Service ends at 60, 120; the third and fourth leave at 90.

    Their later trucks come at 290, and are served at once: until 350 and until 410, since the last waits 60 min only.
    """
    cars, exits, outcomes = simulated(at_minutes(queue(), "cars", [0] * 4, payload_t=[9] * 4), engine)
    assert cars.fetches.tolist()[:4] == [-1] * 4
    later = {int(row): i for i, row in enumerate(cars.fetches.tolist()) if row >= 0}
    assert exits[:4] == [60, 120, 90, 90]
    assert outcomes[:4] == [EXITED, EXITED, ABANDONED, ABANDONED]
    assert [exits[later[row]] for row in (2, 3)] == [350, 410]
    assert [outcomes[later[row]] for row in (0, 1)] == [UNFINISHED, UNFINISHED]  # they never set out
    assert [cars.ready_ms[later[row]] for row in (2, 3)] == [0, 0]
    assert [cars.arrival_ms[later[row]] for row in (2, 3)] == [290 * MS_PER_MINUTE] * 2


def test_a_later_driver_has_patience_too(engine: EngineName) -> None:
    """Of nine cars two are served, until 60 and 120; seven leave at 90, and their later trucks come at 290.

    Of those two are served, until 350 and 410; five leave at 380, and others come at 580; and so on, two each time.
    """
    cars, exits, outcomes = simulated(at_minutes(queue(), "cars", [0] * 9, payload_t=[9] * 9), engine)
    assert outcomes.count(ABANDONED) == 7 + 5 + 3 + 1
    done = sorted(t for t, o in zip(exits, outcomes, strict=True) if o == EXITED and t is not None)
    assert done == [60, 120, 350, 410, 640, 700, 930, 990, 1220]
    assert len(set(cars.index.tolist())) == cars.index.size
    assert cars.fetches.max() < cars.index.size


def test_goods_that_are_not_worth_it_are_lost(engine: EngineName) -> None:
    cars, exits, _ = simulated(
        at_minutes(queue(WAITING + ", still_worth: 0 %"), "cars", [0] * 4, payload_t=[9] * 4), engine
    )
    assert cars.index.size == 4 and not cars.waiting_t.any()
    assert exits == [60, 120, 90, 90]


def test_loads_on_the_truck_leave_with_it() -> None:
    scenario = at_minutes(queue(WAITING + ", goes_along: [import]"), "cars", [0] * 4, laden=[0, 1, 1, 0])
    cars, _, _ = simulated(scenario, "compiled")
    assert cars.payload_t[:4].tolist() == [9, 11, 11, 9]
    assert cars.waiting_t[:4].tolist() == [9, 9, 9, 9]
    np.testing.assert_allclose(cars.waiting_cny[:4], 9000)
    later = cars.fetches >= 0
    assert set(cars.payload_t[later].tolist()) == {9}
    assert not cars.marks["laden"][later].any()


def test_who_does_not_set_out_comes_after_the_reopening_at_the_hour_at_which_it_was_due() -> None:
    """Shut from 2 to 4 January: due on the 2nd at 06:00, two days later at least, so on the 6th, since the 5th at 06:00
    is only 30 hours after the reopening.
    """
    scenario = port(
        """
        calendars: {day: {open: ["00:00-24:00"]}}
        closures: {storm: {stops: [day], first_day: 2024-01-02, last_day: 2024-01-03}}
        resources: {desk: {capacity: 9, calendar: day}}
        stations: {desk: {needs: [desk], service: 60 min}}
        routes: {out: {steps: [desk]}}
        flows:
          cars:
            route: out
            volume: 1000 cars per d
            arrivals: fixed
            holding_back: {closures_over: 1 d, sets_out: 0 %, rest: 31 h}
        """
    )
    cars, _, _ = simulated(scenario, "compiled")
    late = cars.arrival_ms > cars.ready_ms
    day = DAY * MS_PER_MINUTE
    assert (cars.ready_ms[late] // day).min() == 1 and (cars.ready_ms[late] // day).max() == 2
    assert ((cars.arrival_ms - cars.ready_ms)[late] % day == 0).all()
    wait = cars.arrival_ms[late] - 3 * day
    assert wait.min() >= 31 * 60 * MS_PER_MINUTE and wait.max() < 31 * 60 * MS_PER_MINUTE + day
    assert cars.postponed.size == late.sum() > 1900 and not cars.held_back.size
    assert (cars.deadline_ms == NEVER).all()


@pytest.mark.parametrize(
    ("patience", "message"),
    [
        ("after: 1 h, share: 1 %, at: [desk], goods: wait", "fetched_after"),
        ("after: 1 h, share: 1 %, at: [desk], still_worth: 20 %", "still_worth goes with goods: wait"),
        (WAITING + ", goes_along: [imports]", "unknown load of flow 'cars': 'imports'; did you mean 'import'?"),
    ],
)
def test_what_is_said_of_goods_must_fit(patience: str, message: str) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        queue(patience)
    assert message in str(caught.value)


# ----------------------------------------------------------------------------------------------- trucks that never came


def test_a_later_truck_that_never_set_out_is_counted_nowhere(engine: EngineName) -> None:
    """Of the four cars and later trucks of the first test six set out: 60, 120, 90, 90, then 60 and 120 min inside."""
    found = run(at_minutes(queue(), "cars", [0] * 4, payload_t=[9] * 4), engine)
    assert values(found, *COUNTS, "beyond_line") == [6, 2, 4, 0, 0]
    assert values(found, *TONNES, "value_cleared") == [36, 18, 36, 36_000]
    assert values(found, "vehicle_hours", "overnight_stays", "delay_cost") == [9, 0, (90 + 90 + 60 + 60) / 60 * 6]
    assert values(found, "total_time_mean", "passage_time_mean", "goods_time_mean") == [
        90,
        90,
        (60 + 120 + 350 + 410) / 4,
    ]
    assert found.value("vehicles_arrived") == found.value("vehicles_arrived", port="all") == 6
    assert found.value("queue_mean", station="desk") == pytest.approx((60 + 90 + 90 + 60) / (10 * DAY))
    assert {station for _, _, station, _ in found.measures.keys} == {"all", "desk", "east.desk"}
    pairs = found.measures.flows["east.cars"]
    assert pairs.index.size == 6 and pairs.loads.tolist() == [0, 1, 2, 3]
    assert (pairs.times["goods", "wall"] / MS_PER_MINUTE).tolist() == [60, 120, 350, 410]


def test_tables_of_visits_and_vehicles_know_only_trucks_that_set_out(engine: EngineName) -> None:
    found = run(at_minutes(queue(), "cars", [0] * 4, payload_t=[9] * 4), engine)
    told = found.study.scenario, found.manifest, found.timeline
    vehicles, visits = vehicle_table(*told).columns, visit_table(*told).columns
    assert sorted(vehicles["outcome"]) == ["abandoned"] * 2 + ["cleared"] * 4  # type: ignore[type-var]
    assert all(vehicles["counted"]) and len(set(vehicles["vehicle"])) == 6
    assert sorted(vehicles["left_behind_t"]) == [0, 0, 0, 0, 9, 9]  # type: ignore[type-var]
    minutes = [ms / MS_PER_MINUTE for ms in vehicles["arrived_ms"]]  # type: ignore[operator]
    assert sorted(minutes) == [0, 0, 0, 0, 290, 290] and set(vehicles["ready_ms"]) == {0}
    assert set(visits["station"]) == {"east.desk"} and len(visits["vehicle"]) == 6


def test_a_later_truck_does_not_set_out_before_the_goods_are_left(engine: EngineName) -> None:
    """Two cars are weighed for 300 min; then one has the desk until 360. The other leaves, at 300 instead of at 90.

    Its later truck, due at 190, sets out at 300, is weighed until 600 and served until 660.
    """
    scenario = port(
        """
        resources: {desk: {capacity: 1}}
        stations: {scales: {service: 300 min}, desk: {needs: [desk], service: 60 min}}
        routes: {out: {steps: [scales, desk]}}
        flows:
          cars:
            route: out
            volume: 1 cars per d
            patience: {after: 90 min, share: 100 %, at: [desk], goods: wait, fetched_after: 100 min}
        """
    )
    found = run(at_minutes(scenario, "cars", [0, 0]), engine)
    assert found.manifest.flows["east.cars"].arrival_ms.tolist()[2:4] == [190 * MS_PER_MINUTE] * 2
    assert values(found, *COUNTS) == [3, 1, 2, 0]
    assert values(found, "vehicle_hours", "total_time_mean", "goods_time_mean") == [(360 + 300 + 360) / 60, 360, 510]
    assert found.value("total_waiting_mean", "cars") == 0
    visits = visits_of(found.timeline, {name: flow.index for name, flow in found.manifest.flows.items()})
    assert sorted(visits.joined_ms[visits.vehicle > 1] / MS_PER_MINUTE) == [300, 600]


def test_a_truck_that_fetches_counts_with_the_first(engine: EngineName) -> None:
    """The cars of the first test come on the day before the reported period; two later trucks come in it."""
    at = DAY - 100  # leaves at 1430, comes again at 1630
    scenario = queue(lead_in="1 d")
    found = run(at_minutes(scenario, "cars", [at - DAY] * 4, payload_t=[9] * 4), engine)
    assert values(found, *COUNTS, *TONNES) == [0] * 7
    assert not any(vehicle_table(scenario, found.manifest, found.timeline).columns["counted"])
    assert found.timeline.outcome.tolist().count(EXITED) == 4


# ----------------------------------------------------------------------------------------------------------- the goods


def test_goods_lose_value_from_when_they_were_ready_to_their_exit_on_any_truck(engine: EngineName) -> None:
    """At 1 % an hour the loads of 9,000 CNY lose 1, 2, 5.83 and 6.83 %, and nothing by giving up."""
    scenario = queue(more="    spoilage: {rate: 24 %/d}\n")
    found = run(at_minutes(scenario, "cars", [0] * 4, payload_t=[9] * 4), engine)
    assert found.value("spoilage_cost", "cars") == pytest.approx(90 * (60 + 120 + 350 + 410) / 60)
    assert found.value("giving_up_cost", "cars") == 0


def test_goods_that_nobody_fetches_within_the_horizon_wait_and_lose_value(engine: EngineName) -> None:
    """Trucks would come after 20 days: at 1 % a day two loads lose 10 % by the end, the others an hour's and two."""
    late = WAITING.replace("200 min", "20 d")
    scenario = queue(late, more="    spoilage: {rate: 1 %/d}\n")
    found = run(at_minutes(scenario, "cars", [0] * 4, payload_t=[9] * 4), engine)
    assert values(found, *COUNTS, *TONNES) == [4, 2, 2, 0, 36, 18, 18]
    assert found.value("spoilage_cost", "cars") == pytest.approx(90 * (1 / 24 + 2 / 24 + 10 + 10))
    assert values(found, "giving_up_cost", "goods_time_mean") == [0, 90]


def test_lost_goods_and_those_on_the_truck_are_given_up(engine: EngineName) -> None:
    """Laden: the second car, which is served, and the third, which leaves with 2 t of imports; 9 t each wait."""
    scenario = queue(WAITING + ", goes_along: [import]", more="    spoilage: {rate: 24 %/d}\n")
    found = run(at_minutes(scenario, "cars", [0] * 4, laden=[0, 1, 1, 0]), engine)
    assert values(found, *TONNES) == [9 + 11 + 11 + 9, 18, 9 + 11 + 9 + 9]
    assert found.value("giving_up_cost", "cars") == pytest.approx(2000 * (1 - 0.015))
    assert found.value("spoilage_cost", "cars") == pytest.approx(90 + 110 * 2 + 20 * 1.5 + 90 * (350 + 410) / 60)
    lost = run(at_minutes(queue(WAITING + ", still_worth: 0 %"), "cars", [0] * 4, payload_t=[9] * 4), engine)
    assert values(lost, *COUNTS, *TONNES, "giving_up_cost") == [4, 2, 2, 0, 36, 0, 18, 18_000]


def test_what_was_cleared_before_it_was_left_behind_is_not_cleared_again(engine: EngineName) -> None:
    """Loads are cleared at the gate, imports at the scales; who cannot have the desk at once leaves after both."""
    scenario = port(
        """
        resources: {desk: {capacity: 1}}
        stations: {scales: {service: 5 min}, gate: {service: 5 min}, desk: {needs: [desk], service: 60 min}}
        routes: {out: {steps: [scales, gate, desk], passage: {from: gate, to: gate}}}
        flows:
          cars:
            route: out
            volume: 1 cars per d
            payload: {export: {law: 9 t}, import: {law: 2 t, cleared_after: scales}, samples: {law: 1 t}}
            value: 1 CNY/kg
            patience:
              after: 1 min
              share: 100 %
              at: [desk]
              goods: wait
              fetched_after: 1 d
              goes_along: [samples]
              loses: 100 %
        """,
        top=COSTS,
    )
    found = run(at_minutes(scenario, "cars", [0, 0]), engine)
    assert values(found, *COUNTS) == [3, 0, 3, 0]
    assert values(found, *TONNES) == [24, 11, 24]
    assert values(found, "value_cleared", "giving_up_cost") == [24_000, 0]
    assert values(found, "tonnes_cleared_2024-01", "goods_time_mean") == [24, (70 + 1 + DAY + 70) / 2]


def test_loads_cleared_apart_stay_or_leave_one_by_one(engine: EngineName) -> None:
    """Both imports are cleared at the scales. The second driver leaves before the desk with one, and with the post."""
    scenario = port(
        """
        resources: {desk: {capacity: 1}}
        stations: {scales: {service: 5 min}, desk: {needs: [desk], service: 60 min}}
        routes: {out: {steps: [scales, desk]}}
        flows:
          cars:
            route: out
            volume: 1 cars per d
            payload:
              export: {law: 9 t}
              post: {law: 1 t}
              fuel: {law: 2 t, cleared_after: scales}
              spares: {law: 4 t, cleared_after: scales}
            value: 1 CNY/kg
            patience:
              after: 1 min
              share: 100 %
              at: [desk]
              goods: wait
              fetched_after: 1 d
              goes_along: [fuel, post]
              loses: 100 %
        """,
        top=COSTS,
    )
    found = run(at_minutes(scenario, "cars", [0, 0]), engine)
    cars = found.manifest.flows["east.cars"]
    assert cars.apart_t[Ref("east", "scales")].tolist()[:3] == [6, 6, 4]
    assert values(found, *COUNTS, *TONNES) == [3, 1, 2, 0, 32, 13, 31]
    assert values(found, "value_cleared", "giving_up_cost") == [31_000, 1000]  # the post


# ------------------------------------------------------------------------------------------------ held back, and later

STORM = """
calendars: {day: {open: ["00:00-24:00"]}}
closures: {storm: {stops: [day], first_day: 2024-01-04, last_day: 2024-01-05}}
resources: {desk: {capacity: 99, calendar: day}}
stations: {desk: {needs: [desk], service: 60 min}}
routes: {out: {steps: [desk]}}
flows:
  cars:
    route: out
    volume: 10 cars per d
    arrivals: fixed
    payload: 1 t
    value: 1 CNY/kg
    spoilage: {rate: 24 %/d}
    holding_back: {closures_over: 1 d, sets_out: 0 %, rest: REST}
"""


def test_who_is_postponed_is_arrived_and_its_goods_have_waited_since_they_were_due(engine: EngineName) -> None:
    scenario = port(STORM.replace("REST", "1 h"), top=COSTS)
    found = run(scenario, engine)
    cars = found.manifest.flows["east.cars"]
    held = (cars.ready_ms // MS_PER_MINUTE // DAY >= 3) & (cars.ready_ms // MS_PER_MINUTE // DAY < 5)
    late = (cars.arrival_ms - cars.ready_ms)[held] / MS_PER_MINUTE
    assert (
        held.sum() > 10 and set(late) <= {DAY, 2 * DAY, 3 * DAY} and not (cars.arrival_ms != cars.ready_ms)[~held].any()
    )
    in_time = found.timeline.outcome == EXITED
    assert values(found, *COUNTS) == [100, 0, in_time.sum(), 100 - in_time.sum()] and in_time.sum() >= 98
    assert values(found, "vehicles_postponed", "vehicles_held_back", "total_time_mean") == [held.sum(), 0, 60]
    number = found.value("vehicles_cleared", "cars")
    assert found.value("goods_time_mean", "cars") == pytest.approx(60 + late.sum() / number)
    assert found.value("spoilage_cost", "cars") == pytest.approx((late.sum() / 60 + 100) * 10, rel=0.01)


def test_who_would_come_after_the_horizon_is_held_back(engine: EngineName) -> None:
    scenario = port(STORM.replace("REST", "20 d"), top=COSTS)
    found = run(scenario, engine)
    numbers = values(found, "vehicles_arrived", "vehicles_held_back", "vehicles_postponed", "vehicles_cleared")
    assert numbers[0] + numbers[1] == 100 and numbers[1] > 10 and numbers[2] == 0
    shares = not_cleared(scenario, [Ref("east", "cars")], found.measures.keys, found.measures.numbers[None])
    assert shares == pytest.approx(1 - numbers[3] / 100)
    outcomes = vehicle_table(scenario, found.manifest, found.timeline).columns["outcome"]
    assert outcomes.count("held_back") == numbers[1] and len(outcomes) == 100


# ------------------------------------------------------------------------------------------------------- in two worlds


def effects_of(base: Scenario, other: Scenario, engine: EngineName) -> dict[tuple[str, str], VehicleEffect]:
    """Of the cars, by span and clock."""
    found = compare_scenarios([base, other], replications=2, seed=1, engine=engine)
    return {(e.span, e.clock): e for e in found.effects[0] if e.flow == "cars"}


def test_the_same_loads_are_paired_whichever_trucks_take_them(engine: EngineName) -> None:
    """At 60 min a car, loads are out at 60, 120, 350 and 410; at 30 min at 30, 60, 90 and 120, all on first trucks."""
    base = at_minutes(queue(), "cars", [0] * 4, payload_t=[9] * 4)
    other = port(QUEUE.replace("PATIENCE", WAITING).replace("60 min", "30 min"), top=COSTS)
    found = effects_of(base, at_minutes(other, "cars", [0] * 4, payload_t=[9] * 4), engine)
    goods, trucks = found["goods", "wall"], found["total", "wall"]
    assert (goods.pairs, goods.only_base, goods.only_other, goods.better.mean) == (4, 0, 0, 1)
    assert goods.saving.mean == pytest.approx((30 + 60 + 260 + 290) / 4)
    assert (trucks.pairs, trucks.only_base, trucks.only_other) == (2, 2, 2)
    assert trucks.saving.mean == pytest.approx((30 + 60) / 2)


def test_the_saving_of_goods_stands_beside_that_of_trucks_where_they_part(capsys: pytest.CaptureFixture[str]) -> None:
    for patience, stands in ((WAITING, True), ("after: 90 min, share: 100 %, at: [desk]", False)):
        scenario = at_minutes(queue(patience), "cars", [0] * 4, payload_t=[9] * 4)
        found = compare_scenarios([scenario, scenario], replications=2, seed=1)
        print_effects(*found.samples, found.effects[0], ("base", "other"))
        printed = capsys.readouterr().out
        assert ("goods ready" in printed) == stands
        assert max(map(len, printed.splitlines())) <= 80
