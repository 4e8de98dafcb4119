"""Policies are a pure function of scenarios: every kind of effect, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from borderport.calendars import open_windows
from borderport.distributions import Constant
from borderport.experiment import EngineName, prepare, replicate, scenario_hash
from borderport.loading import load_policies, load_scenario
from borderport.network.changes import capacity_changes
from borderport.policies import apply_policies
from borderport.scenario import EFFECT_KINDS, VEHICLE_KINDS, Effect, Policy, PolicyUse, Rescale, Retime, Scenario, claim
from borderport.units import MS_PER_DAY, MS_PER_HOUR
from tests.builders import at_minutes, port, run

BODY = """
calendars: {day: {open: ["08:00-12:00"]}, night: {open: ["20:00-24:00"]}}
resources: {desk: {capacity: 2, calendar: day}, bay: {capacity: 1}, places: {quota: {amount: 5}}}
stations:
  desk: {needs: [desk], tasks: {paper: {service: 10 min}, stamp: {service: 1 min}}}
  check: {needs: [bay], service: 60 min}
  unused: {service: 5 min}
  drive: {service: 5 min}
routes:
  out: {steps: [desk, {check: {if: selected}}]}
  home: {steps: [desk]}
  walk: {steps: [{wait: gone}]}
  ride: {steps: [drive, {signal: gone}]}
flows:
  cars: {route: out, volume: 10 cars per d, marks: {selected: 20 %}, payload: 9 t, consignment: 2}
  vans: {route: home, volume: 10 cars per d}
  buses: {route: ride, volume: 1 cars per d}
  guides: {route: walk, companion_of: buses}
"""
WEST = "west: {label: {en: West}, stations: {check: {service: 60 min}}}"


def plain() -> Scenario:
    return port(BODY, others=WEST)


def policy(*effects: dict[str, object], name: str = "p", **keys: object) -> Policy:
    given = {"name": name, "title": {"en": name}, "description": name, "effects": tuple(effects), **keys}
    return Policy.model_validate(given)


def use(**keys: object) -> PolicyUse:
    return PolicyUse.model_validate(keys)


def apply(*policies: Policy, scenario: Scenario | None = None, **uses: PolicyUse) -> tuple[Scenario, list[str]]:
    """The scenario with policies applied in this order, and what is said against it."""
    asked = {p.name: uses.get(p.name, PolicyUse()) for p in policies}
    given = (scenario or plain()).model_copy(update={"policies": asked})
    applied, problems = apply_policies(given, {p.name: p for p in policies})
    return applied, [f"{path}: {message}" for path, message in problems]


def amendments(*effects: dict[str, object]) -> list[tuple[str, str, str]]:
    """(kind, flow, target) of what the effects come to."""
    applied, problems = apply(policy(*effects))
    assert not problems
    return [(a.kind, a.flow, claim(a)[2]) for a in applied.amendments]


# ------------------------------------------------------------------------------------------------ vehicle effects


def test_a_law_is_replaced_for_every_flow_that_visits_the_station() -> None:
    assert amendments({"on": {"station": "desk", "task": "paper"}, "service": "2 min"}) == [
        ("service", "east.cars", "east.desk.paper"),
        ("service", "east.vans", "east.desk.paper"),
    ]


def test_a_scale_touches_all_tasks_of_a_station_for_the_flows_selected() -> None:
    assert amendments({"on": {"station": "desk", "flow": "cars"}, "scale": "50 %"}) == [
        ("scale", "east.cars", "east.desk.paper"),
        ("scale", "east.cars", "east.desk.stamp"),
    ]


def test_a_task_is_selected_at_every_station_that_has_it() -> None:
    assert amendments({"on": {"task": "stamp", "port": "east", "flow": ["vans"]}, "service": "0 min"}) == [
        ("service", "east.vans", "east.desk.stamp")
    ]


@pytest.mark.parametrize(
    "effect", [{"skip": True}, {"inland": "west.check"}, {"once_per": "consignment"}], ids=lambda e: next(iter(e))
)
def test_a_station_is_skipped_moved_or_shared_by_the_flows_that_visit_it(effect: dict[str, object]) -> None:
    assert amendments({"on": {"station": "check"}, **effect}) == [(next(iter(effect)), "east.cars", "east.check")]


@pytest.mark.parametrize("effect", [{"share": "50 %"}, {"scale_share": "50 %"}], ids=lambda e: next(iter(e)))
def test_a_rate_is_changed_for_the_flows_with_the_mark(effect: dict[str, object]) -> None:
    assert amendments({"on": {"mark": "selected"}, **effect}) == [(next(iter(effect)), "east.cars", "selected")]


@pytest.mark.parametrize("effect", [{"priority": 3}, {"cap_payload": "7 t"}], ids=lambda e: next(iter(e)))
def test_a_vehicles_own_properties_are_changed_but_not_a_companions(effect: dict[str, object]) -> None:
    kind = next(iter(effect))
    assert amendments({"on": {}, **effect}) == [
        (kind, flow, "vehicle") for flow in ("east.cars", "east.vans", "east.buses")
    ]


def test_an_adopted_priority_is_served_first() -> None:
    scenario, problems = apply(policy({"on": {"flow": "vans"}, "priority": 1}))
    assert not problems
    scenario = at_minutes(at_minutes(scenario, "cars", [480] * 4, selected=[0] * 4), "vans", [481])
    # two desks, 11 min each: the van goes before the two cars that wait
    assert run(scenario).exits("vans") == [502]


def test_the_strength_and_variant_of_a_use_are_taken_over() -> None:
    variants = {
        "a": ({"on": {"station": "check"}, "scale": "50 %"},),
        "b": ({"on": {"station": "desk"}, "service": "3 min"},),
    }
    one = policy(variants=variants, variant="a")
    default, _ = apply(one)
    chosen, _ = apply(one, p=use(variant="b", strength="40 %"))
    assert [a.factor for a in default.amendments if isinstance(a, Rescale)] == [0.5]
    assert {(a.law, a.strength) for a in chosen.amendments if isinstance(a, Retime)} == {(Constant(180_000), 0.4)}
    assert {a.kind for a in chosen.amendments} == {"service"}


def test_adoption_is_the_policys_unless_the_scenario_says_otherwise() -> None:
    one = policy({"on": {"station": "check"}, "scale": "50 %"}, adoption="30 %")
    assert apply(one)[0].adoptions == {"p": 0.3}
    assert apply(one, p=use(adoption="80 %"))[0].adoptions == {"p": 0.8}


# ------------------------------------------------------------------------------------------------- world effects


def test_servers_are_added_but_never_fewer_than_none() -> None:
    more, _ = apply(policy({"on": {"resource": ["desk", "bay"]}, "add_servers": 3}))
    fewer, _ = apply(policy({"on": {"resource": "desk"}, "add_servers": -9}))
    assert [more.ports["east"].resources[n].capacity for n in ("desk", "bay")] == [5, 4]
    assert fewer.ports["east"].resources["desk"].capacity == 0


def test_servers_may_be_added_for_some_days_on_top_of_what_there_is_on_each() -> None:
    # 2, on the 2nd and 3rd 4; one more from the 3rd to the 5th, two fewer on the 5th: 2, 4, 5, 3, 1, 2
    body = BODY.replace(
        "bay: {capacity: 1}",
        "bay: {capacity: 2, periods: [{first_day: 2024-01-02, last_day: 2024-01-03, capacity: 4}]}",
    )
    more = {"on": {"resource": "bay"}, "add_servers": 1, "first_day": "2024-01-03", "last_day": "2024-01-05"}
    fewer = {"on": {"resource": "bay"}, "add_servers": -2, "first_day": "2024-01-05", "last_day": "2024-01-05"}
    changed, problems = apply(policy(more, fewer), scenario=port(body, others=WEST))
    assert not problems
    times, servers = capacity_changes(changed.ports["east"].resources["bay"], None, "UTC", changed.horizon)
    assert (times // MS_PER_DAY).tolist() == [0, 1, 2, 3, 4, 5]
    assert servers.tolist() == [2, 4, 5, 3, 1, 2]


def test_servers_added_for_a_day_work_on_that_day(engine: EngineName) -> None:
    # one bay, 60 min each; two on the 2nd. Of three at 23:30 the first is served to 00:30, the second from 00:00
    effect = {"on": {"resource": "bay"}, "add_servers": 1, "first_day": "2024-01-02", "last_day": "2024-01-02"}
    body = BODY.replace("[desk, {check: {if: selected}}]", "[check]")
    changed, problems = apply(policy(effect), scenario=port(body, others=WEST))
    assert not problems
    scenario = at_minutes(at_minutes(changed, "vans", [9000]), "cars", [1410, 1410, 1410], selected=[1, 1, 1])
    assert run(scenario, engine).granted("cars", "bay") == [1410, 1440, 1470]


def test_hours_are_replaced_for_the_calendar_selected() -> None:
    longer, _ = apply(policy({"on": {"calendar": "day"}, "open": ("08:00-18:00",)}))
    windows = {
        name: int((w := open_windows(calendar, "UTC", longer.horizon))[0, 1] - w[0, 0]) // MS_PER_HOUR
        for name, calendar in longer.ports["east"].calendars.items()
    }
    assert windows == {"day": 10, "night": 4}


def test_a_pace_is_set_for_the_stations_selected() -> None:
    slow, _ = apply(policy({"on": {"station": "check"}, "pace": "50 %"}))
    found = run(at_minutes(at_minutes(slow, "vans", [9000]), "cars", [480], selected=[1]))
    assert found.exits("cars") == [480 + 11 + 120]


def test_calendars_are_closed_on_the_days_given() -> None:
    closed, _ = apply(
        policy({"on": {"calendar": "day"}, "close": {"first_day": "2024-01-01", "last_day": "2024-01-02"}})
    )
    found = run(at_minutes(at_minutes(closed, "cars", [9000]), "vans", [0]))
    assert found.granted("vans", "desk") == [2 * 1440 + 480]


def test_two_paces_and_two_closures_of_one_policy_both_hold() -> None:
    both, _ = apply(
        policy({"on": {"station": "check"}, "pace": "50 %"}, {"on": {"station": "drive"}, "pace": "25 %"}),
    )
    alone = at_minutes(at_minutes(both, "vans", [9000]), "buses", [0])
    found = run(at_minutes(alone, "cars", [480], selected=[1]))
    assert found.exits("cars") == [480 + 11 + 120] and found.exits("buses") == [20]
    first, last = ({"first_day": f"2024-01-0{day}", "last_day": f"2024-01-0{day}"} for day in (1, 2))
    closed, _ = apply(policy({"on": {"calendar": "day"}, "close": first}, {"on": {"calendar": "day"}, "close": last}))
    alone = at_minutes(at_minutes(closed, "cars", [9000]), "vans", [0])
    assert run(alone).granted("vans", "desk") == [2 * 1440 + 480]


def test_consignments_get_their_size() -> None:
    grouped, _ = apply(policy({"on": {"flow": "vans"}, "consignment": 3}))
    assert {n: f.consignment for n, f in grouped.ports["east"].flows.items()} == {
        "cars": 2,
        "vans": 3,
        "buses": 1,
        "guides": 1,
    }


def test_every_kind_of_effect_is_tested_here() -> None:
    tested = {"service", "scale", "skip", "inland", "once_per", "share", "scale_share", "priority", "cap_payload"}
    world = {"add_servers", "open", "pace", "close", "consignment", "scale_volume"}
    assert set(EFFECT_KINDS) == tested | world
    assert set(VEHICLE_KINDS) == tested
    assert set(EFFECT_KINDS) < set(Effect.model_fields)


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("effect", "says"),
    [
        ({"scale": "50 %", "last_day": "2024-01-02"}, "give first_day and last_day, or neither"),
        (
            {"scale": "50 %", "first_day": "2024-01-02", "last_day": "2024-01-02"},
            "scale cannot have days; cap_payload and",
        ),
        ({"cap_payload": "1 t", "first_day": "2024-01-02", "last_day": "2024-01-01"}, "last_day is before first_day"),
        ({"cap_payload": "1 t", "first_day": "monday", "last_day": "2024-01-01"}, "'monday' is not a day"),
    ],
)
def test_days_that_an_effect_cannot_have_are_refused(effect: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        policy({"on": {}, **effect})


NOTHING: list[dict[str, object]] = [
    {"on": {"station": "unused"}, "service": "1 min"},
    {"on": {"station": "desk", "task": "sing"}, "scale": "50 %"},
    {"on": {"station": "check", "flow": "vans"}, "skip": True},
    {"on": {"station": "unused"}, "inland": "west.check"},
    {"on": {"station": "unused"}, "once_per": "consignment"},
    {"on": {"mark": "blue"}, "share": "1 %"},
    {"on": {"flow": "vans", "mark": "selected"}, "scale_share": "1 %"},
    {"on": {"flow": "guides"}, "priority": 1},
    {"on": {"port": "west"}, "cap_payload": "1 t"},
    {"on": {"resource": "places"}, "add_servers": 1},
    {"on": {"calendar": "noon"}, "open": ("00:00-24:00",)},
    {"on": {"port": "west", "station": "desk"}, "pace": "50 %"},
    {"on": {"port": "west"}, "close": {"first_day": "2024-01-01", "last_day": "2024-01-02"}},
    {"on": {"flow": "guides"}, "consignment": 2},
    {"on": {"flow": "others"}, "consignment": 2},
    {"on": {"flow": "others"}, "cap_payload": "1 t"},
]


@pytest.mark.parametrize("effect", NOTHING, ids=lambda e: next(key for key in e if key != "on"))
def test_an_effect_that_selects_nothing_is_a_problem(effect: dict[str, object]) -> None:
    # `others` are diverted vehicles: they have the loads and consignments of the flow that they come from
    diversion = "{to: others, after: 2 d, while: [day], share: 10 %, detour: 1 d}"
    body = BODY.replace(
        "  vans: {", f"  others: {{route: home, diverted_from: vans}}\n  vans: {{diversion: {diversion}, "
    )
    _, problems = apply(policy(effect), scenario=port(body, others=WEST))
    assert len(problems) == 1 and problems[0].startswith("policies.p: effect ") and "selects nothing" in problems[0]


TWICE: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"on": {"station": "desk"}, "service": "1 min"}, {"on": {"task": "paper"}, "scale": "50 %"}),
    ({"on": {"station": "check"}, "skip": True}, {"on": {"station": "check"}, "inland": "west.check"}),
    ({"on": {"mark": "selected"}, "share": "1 %"}, {"on": {"mark": "selected"}, "scale_share": "50 %"}),
    ({"on": {"flow": "cars"}, "priority": 1}, {"on": {}, "priority": 2}),
    ({"on": {"resource": "bay"}, "add_servers": 1}, {"on": {"resource": "bay"}, "add_servers": 1}),
    ({"on": {"calendar": "day"}, "open": ()}, {"on": {"calendar": "day"}, "open": ("00:00-24:00",)}),
    ({"on": {"station": "check"}, "pace": "50 %"}, {"on": {"port": "east"}, "pace": "20 %"}),
]


@pytest.mark.parametrize(("first", "second"), TWICE, ids=[next(k for k in a if k != "on") for a, _ in TWICE])
def test_two_policies_that_set_the_same_thing_are_a_problem_unless_one_comes_after_the_other(
    first: dict[str, object], second: dict[str, object]
) -> None:
    one = policy(first, name="one")
    _, problems = apply(one, policy(second, name="two"))
    assert problems and all(p.startswith("policies.two: ") and "'one' sets too" in p for p in problems)
    assert apply(one, policy(second, name="two", after=("one",)))[1] == []


def test_two_policies_on_different_things_are_no_problem() -> None:
    one = policy({"on": {"station": "desk", "flow": "cars"}, "scale": "50 %"}, name="one")
    two = policy({"on": {"station": "desk", "flow": "vans"}, "scale": "50 %"}, name="two")
    assert apply(one, two)[1] == []


WORLD: list[dict[str, object]] = [
    {"on": {"resource": "bay"}, "add_servers": 1},
    {"on": {"calendar": "day"}, "open": ("08:00-18:00",)},
    {"on": {"station": "check"}, "pace": "50 %"},
    {"on": {"port": "east"}, "close": {"first_day": "2024-01-01", "last_day": "2024-01-02"}},
    {"on": {"flow": "vans"}, "consignment": 2},
]


@pytest.mark.parametrize("effect", WORLD, ids=lambda e: next(key for key in e if key != "on"))
def test_what_changes_the_port_for_everybody_cannot_be_adopted_by_some(effect: dict[str, object]) -> None:
    _, problems = apply(policy(effect), p=use(adoption="50 %"))
    assert len(problems) == 1 and "adoption must be 100 %" in problems[0]
    assert apply(policy(effect))[1] == []


def test_the_scenario_given_is_left_as_it_was() -> None:
    before = plain()
    copy = before.model_copy(deep=True)
    apply(policy(*WORLD, {"on": {"station": "check"}, "skip": True}), scenario=before)
    assert before == copy


def test_a_policy_changes_the_scenarios_hash_and_its_name_does_not() -> None:
    before, _ = apply(policy({"on": {"station": "check"}, "scale": "50 %"}))
    after, _ = apply(policy({"on": {"station": "check"}, "scale": "51 %"}))
    assert scenario_hash(before) != scenario_hash(after)
    assert scenario_hash(before) == scenario_hash(before.model_copy(update={"name": "other", "title": "Other"}))


# ----------------------------------------------------------------------------------------------------- built in


@pytest.mark.parametrize("name", sorted(load_policies()))
def test_a_built_in_policy_applies_to_the_year_without_measures_and_changes_something(name: str) -> None:
    before = load_scenario("2024-before").scenario
    after = load_scenario("2024-before", with_policies=[name]).scenario
    assert list(after.policies) == [name]
    values = [replicate(prepare(s), 1, 0, detail=False).values for s in (before, after)]
    changed = [key for key in values[0] if values[0][key] != values[1][key] and values[0][key] == values[0][key]]
    assert changed


def test_the_effects_of_a_policy_name_flows_of_the_scenario_only() -> None:
    scenario = load_scenario("2024").scenario
    assert {a.flow for a in scenario.amendments} <= set(scenario.flows())
    assert {a.kind for a in scenario.amendments} <= set(VEHICLE_KINDS)


def test_growth_brings_more_vehicles_and_the_first_ones_keep_their_draws(engine: EngineName) -> None:
    """Ten days of 10 cars become 15; the i-th car has the same load and selection as before."""
    grown, problems = apply(policy({"on": {"flow": "cars"}, "scale_volume": "150 %"}))
    assert not problems
    assert grown.ports["east"].flows["cars"].volume == (15.0, "d")
    assert grown.ports["east"].flows["vans"].volume == (10.0, "d")
    few, many = run(plain(), engine).manifest.flows["east.cars"], run(grown, engine).manifest.flows["east.cars"]
    n = few.index.size
    assert many.index.size > n
    assert (many.marks["selected"][:n] == few.marks["selected"]).all()
    assert (many.payload_t[:n] == few.payload_t).all()
    _, problems = apply(policy({"on": {"flow": "guides"}, "scale_volume": "150 %"}))
    assert problems == ["policies.p: effect 'scale_volume' on flow guides selects nothing in this scenario"]
