"""Full names, and routes resolved: who takes a step, what is done there, what is held meanwhile."""

from __future__ import annotations

import pickle

from borderport.scenario import Condition, Ref, Scenario, visits_of
from tests.builders import port

BODY = """
resources: {yard: {capacity: 3}, desk: {capacity: 1}}
stations:
  desk: {needs: [desk], tasks: {paper: {service: 10 min}, stamp: {service: 1 min, if: rare}}}
  check: {service: 60 min}
  bridge: {service: 5 min}
routes:
  out:
    steps:
      - {desk: {holds_until: yard}}
      - {check: {if: selected, unless: rare, share: 30 %}}
      - enter: yard
      - west.gate
      - {signal: gone}
      - leave: yard
flows:
  cars: {route: out, volume: 10 cars per d, marks: {selected: 20 %, rare: 1 %}}
"""
WEST = "west: {label: {en: West}, stations: {gate: {service: 60 min}}}"


def scenario() -> Scenario:
    return port(BODY, others=WEST)


def test_a_full_name_is_a_text_with_two_halves() -> None:
    name = Ref("east", "desk")
    assert (name, name.port, name.name) == ("east.desk", "east", "desk")
    assert {name: 1}["east.desk"] == 1
    copied = pickle.loads(pickle.dumps(name))  # noqa: S301  # our own
    assert type(copied) is Ref and copied == name
    assert Ref.parse("east.desk") == Ref.seen_from("east", "desk") == Ref.seen_from("west", "east.desk") == name


def test_steps_are_resolved_in_their_order() -> None:
    visits = visits_of(scenario(), "east", "out")
    assert [(v.kind, v.ref) for v in visits] == [
        ("visit", "east.desk"),
        ("visit", "east.check"),
        ("enter", "east.yard"),
        ("visit", "west.gate"),
        ("signal", "east.gone"),
        ("leave", "east.yard"),
    ]


def test_a_condition_has_all_that_a_step_asks_for() -> None:
    desk, check, *_ = visits_of(scenario(), "east", "out")
    assert desk.condition.always and desk.share is None
    assert check.condition == Condition(has=("selected", "check.visited"), lacks=("rare",))
    assert (check.share, check.visited) == (0.3, "check.visited")


def test_tasks_know_their_station_and_whom_they_concern() -> None:
    desk, _, _, gate, *_ = visits_of(scenario(), "east", "out")
    assert [(t.key, t.local_key, t.mark) for t in desk.tasks] == [
        ("east.desk.paper", "desk.paper", None),
        ("east.desk.stamp", "desk.stamp", "rare"),
    ]
    assert [t.key for t in gate.tasks] == ["west.gate.service"]


def test_a_station_is_held_until_the_place_named_is_reached() -> None:
    held = [visit.held for visit in visits_of(scenario(), "east", "out")]
    assert held == [None, "east.desk", "east.desk", None, None, None]
