"""Goods that outlast their truck: left behind and fetched, held back and brought later. Moments worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from borderport.calendars import NEVER
from borderport.errors import ScenarioInvalid
from borderport.experiment import EngineName, prepare, simulate
from borderport.manifest import FlowManifest
from borderport.network import ABANDONED, EXITED, UNFINISHED
from borderport.scenario import Ref, Scenario
from borderport.units import MS_PER_MINUTE
from tests.builders import at_minutes, port

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
    patience: {PATIENCE}
"""
WAITING = "after: 90 min, share: 100 %, at: [desk], goods: wait, fetched_after: 200 min"


def queue(patience: str = WAITING) -> Scenario:
    return port(QUEUE.replace("PATIENCE", patience))


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
