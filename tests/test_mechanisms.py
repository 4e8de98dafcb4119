"""Mechanisms that the built-in ports are put together from, each in a case small enough to be worked out on paper.

The operations and features one by one stand in `test_network.py`; here is how a port uses them together.
"""

from __future__ import annotations

import pytest

from borderport.experiment import EngineName
from tests.builders import DAY, at_minutes, port, run


def test_high_and_cold_slows_the_winter_more_than_the_rest_of_the_year(engine: EngineName) -> None:
    """63 min of work: 90 min at 70 % in March, 70 min at 90 % in April."""
    scenario = port(
        """
        paces: {thin_air: {factor: 70 %, season: {first: 12-01, last: 03-31}, otherwise: 90 %}}
        stations: {check: {service: 63 min, pace: thin_air}}
        routes: {out: {steps: [check]}}
        flows: {cars: {route: out, volume: 1 trips per d}}
        """,
        start="2024-03-31",
        end="2024-04-02",
    )
    assert run(at_minutes(scenario, "cars", [600, DAY + 600]), engine).exits("cars") == [690, DAY + 670]


def test_a_truck_waits_for_the_officer_who_looks_at_a_traveller(engine: EngineName) -> None:
    """One officer. A traveller from 0 to 4, another from 4 to 8 who came at 1; the truck of 2 declares from 8 to 18."""
    scenario = port(
        """
        resources: {officers: {capacity: 1}}
        stations:
          passenger_check: {needs: [officers], service: 4 min, officers: 1}
          declaration: {needs: [officers], service: 10 min, officers: 1}
        routes: {walk: {steps: [passenger_check]}, drive: {steps: [declaration]}}
        flows:
          travellers: {route: walk, counts: persons, volume: 1 persons per d}
          trucks: {route: drive, volume: 1 trucks per d}
        """
    )
    found = run(at_minutes(at_minutes(scenario, "travellers", [0, 1]), "trucks", [2]), engine)
    assert found.exits("trucks") == [18]
    assert found.value("vehicles_cleared") == 1  # persons are not in totals
    assert found.value("officer_hours", "trucks") == pytest.approx(10 / 60)
    assert found.value("queue_max", station="officers") == 2


def test_fruit_has_an_appointment_at_the_weekend_and_other_goods_wait_for_monday(engine: EngineName) -> None:
    """6 January 2024 is a Saturday. Both come at 12:00: the fruit is checked at once, the rest on Monday at 10:00."""
    scenario = port(
        """
        calendars:
          every_day: {open: ["10:00-18:00"]}
          weekdays: {open: ["10:00-18:00"], closed_on: [saturday, sunday]}
        resources:
          weekday_desk: {capacity: 1000, calendar: weekdays}
          bay: {capacity: 2, calendar: every_day}
        stations:
          admission: {needs: [weekday_desk]}
          check: {needs: [bay], service: 20 min}
        routes: {out: {steps: [{admission: {unless: by_appointment}}, check]}}
        flows:
          fruit: {route: out, volume: 1 trucks per d, marks: {by_appointment: 100 %}}
          other: {route: out, volume: 1 trucks per d, marks: {by_appointment: 0 %}}
        """
    )
    saturday = 5 * DAY + 720
    here = at_minutes(scenario, "fruit", [saturday], by_appointment=[1])
    found = run(at_minutes(here, "other", [saturday], by_appointment=[0]), engine)
    assert found.exits("fruit") == [saturday + 20]
    assert found.exits("other") == [7 * DAY + 620]
    assert found.value("total_closed_mean", "other") == 7 * DAY + 600 - saturday


def test_plants_are_quarantined_before_their_papers_are_reviewed(engine: EngineName) -> None:
    """No place is held meanwhile: two trucks are looked at side by side, 240 min, then 30 min of review each."""
    scenario = port(
        """
        resources: {lane: {capacity: 1}}
        stations: {gate: {needs: [lane], service: 5 min}, quarantine: {service: 4 h}, review: {service: 30 min}}
        routes: {plants: {steps: [gate, quarantine, review]}, goods: {steps: [gate, review]}}
        flows:
          herbs: {route: plants, direction: import, volume: 1 trucks per d}
          tools: {route: goods, direction: import, volume: 1 trucks per d}
        """
    )
    found = run(at_minutes(at_minutes(scenario, "herbs", [0, 1]), "tools", [2]), engine)
    assert found.exits("herbs") == [275, 280]
    assert found.exits("tools") == [45]


def test_a_full_yard_beyond_the_line_holds_the_bridge_and_the_bridge_holds_the_gate(engine: EngineName) -> None:
    """One place in the yard, cleared in 60 min. The first truck passes the gate (5 min) and the bridge (1 min) by 6.

    The second is done at the gate at 10 but keeps the lane until it has the place and the bridge, at 66. So the third,
    which came at 1, is at the gate from 66 to 71 and has the place at 127.
    """
    scenario = port(
        """
        resources: {lane: {capacity: 1}, yard: {capacity: 1}, bridge: {capacity: 1}}
        stations:
          gate: {needs: [lane], service: 5 min}
          bridge: {needs: [bridge], service: 1 min}
          clearance: {service: 60 min}
        routes: {out: {steps: [gate: {holds_until: bridge}, {enter: yard}, bridge, clearance, {leave: yard}]}}
        flows: {trucks: {route: out, volume: 1 trucks per d}}
        """
    )
    found = run(at_minutes(scenario, "trucks", [0, 0, 1]), engine)
    assert found.done("trucks", "gate") == [5, 10, 71]
    assert found.granted("trucks", "yard") == [5, 66, 127]
    assert found.exits("trucks") == [66, 127, 188]
    assert found.value("passage_blocked_mean") == pytest.approx((0 + 56 + 56) / 3)
