"""Names that mean something already are refused where they are given, and by the models themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from borderport.distributions import LAW_NAMES
from borderport.errors import Problem, ScenarioInvalid
from borderport.loading import load_scenario
from borderport.policies import apply_policies
from borderport.scenario import RESERVED, Closure, Inspection, Pace, Policy, PolicyUse, Port, Scenario
from tests.builders import at_minutes, port, run, scenario_text

BODY = """
calendars: {day: {open: ["08:00-16:00"]}}
resources: {lane: {capacity: 1}, yard: {capacity: 5}}
stations: {gate: {needs: [lane], tasks: {look: {service: 2 min}}}, dock: {service: 10 min}}
routes: {out: {steps: [gate, {enter: yard}, dock, {leave: yard}]}}
flows:
  cars: {route: out, volume: 1 cars per d, payload: {cargo: {law: 2 t}, fuel: {law: 1 t}}, marks: {heavy: 30 %}}
  lorries: {route: out, volume: 1 vans per d}
"""


def problems(text: str, folder: Path) -> list[Problem]:
    (folder / "case.yaml").write_text(text)
    with pytest.raises(ScenarioInvalid) as caught:
        load_scenario(str(folder / "case.yaml"))
    return caught.value.problems


def renamed(kind: str, name: str) -> str:
    """The scenario with one thing of a kind called otherwise."""
    old = {"station": "dock", "task": "look", "mark": "heavy", "load": "fuel", "name": "lorries"}[kind]
    return scenario_text(re.sub(rf"\b{old}\b", name, BODY))


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in RESERVED.items() if "." not in k for n in names])
def test_a_name_that_means_something_is_refused_where_it_stands(tmp_path: Path, kind: str, name: str) -> None:
    text = renamed(kind, name)
    (found,) = problems(text, tmp_path)
    line, column = map(int, found.where.split(":")[-2:])
    assert text.splitlines()[line - 1][column - 1 :].startswith(f"{name}: ")
    assert found.message == f"'{name}' means {RESERVED[kind][name]}; choose another name"


@pytest.mark.parametrize("old", ["east", "day", "yard", "lane", "out", "gate", "look", "heavy", "fuel", "cars"])
def test_nothing_at_all_may_be_called_all(tmp_path: Path, old: str) -> None:
    text = re.sub(rf"\b{old}\b", "all", scenario_text(BODY))
    assert any("'all' means the total" in p.message for p in problems(text, tmp_path))


@pytest.mark.parametrize("top", ["groups: {all: [east.cars]}", "policies: {all: {}}", "profiles: {all: [1]}"])
def test_no_group_policy_or_profile_may_be_called_all(tmp_path: Path, top: str) -> None:
    assert "'all' means the total" in problems(scenario_text(BODY, top=top + "\n"), tmp_path)[0].message


def test_the_models_refuse_them_too() -> None:
    station, named = {"service": "1 min"}, {"label": {"en": "P"}}
    for wrong in ({"stations": {"all": station}}, {"resources": {"all": {"capacity": 1}}}, {"flows": {"all": {}}}):
        with pytest.raises(ValidationError, match="'all' means the total"):
            Port.model_validate({**named, **wrong})
    with pytest.raises(ValidationError, match="'patience' means a draw"):
        Inspection.model_validate({"contraband": {"share": "1 %"}, "traders": {"patience": {"share": "1 %"}}})


@pytest.mark.parametrize("task", [name.partition(".")[2] for name in RESERVED["station.task"]])
def test_a_task_may_not_take_the_draws_of_inspection(tmp_path: Path, task: str) -> None:
    """They begin with the word inspection, as do the draws of a station that is called so."""
    text = scenario_text(BODY.replace("gate", "inspection").replace("look", task))
    (found,) = problems(text, tmp_path)
    assert found.path == f"ports.east.stations.inspection.tasks.{task}" and "a draw of what is found" in found.message


@pytest.mark.parametrize(
    ("groups", "path", "says"),
    [
        ("{some: [east.cars, east.cars]}", "groups.some.1", "'east.cars' is in this group twice"),
        ("{some: []}", "groups.some", "holds no flow"),
        ("{east: [east.cars]}", "groups.east", "'east' is a port"),
        ("{cars: [east.lorries]}", "groups.cars", "is called like a flow, so it must hold east.cars too"),
    ],
)
def test_a_group_shows_what_it_seems_to(tmp_path: Path, groups: str, path: str, says: str) -> None:
    (found,) = problems(scenario_text(BODY, top=f"groups: {groups}\n"), tmp_path)
    assert (found.where.split(":")[-2], found.path) == ("3", path) and says in found.message


def test_a_group_may_be_called_like_the_flows_that_it_holds() -> None:
    found = port(BODY, top="groups: {cars: [east.cars, east.lorries]}\n")
    assert found.groups["cars"] == ("east.cars", "east.lorries")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("yard", "dock", "'dock' is a station too"),
        ("{enter: yard}", "{wait: gate}, {signal: gate}, {enter: yard}", "'gate' is a station or yard too"),
        ("{enter: yard}", "{wait: yard}, {signal: yard}, {enter: yard}", "'yard' is a station or yard too"),
        ("{enter: yard}", "{signal: east.done}, {enter: yard}", "has no point in its name"),
    ],
)
def test_places_of_a_route_are_told_apart(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert any(says in p.message for p in problems(scenario_text(BODY.replace(old, new)), tmp_path))


def applied(scenario: Scenario, *effects: dict[str, object]) -> Scenario:
    policy = Policy.model_validate(
        {"name": "rain", "title": {"en": "R"}, "description": "R.", "effects": effects, "assumed": "for a test"}
    )
    asked = scenario.model_copy(update={"policies": {"rain": PolicyUse()}})
    changed, wrong = apply_policies(asked, {"rain": policy})
    assert not wrong
    return changed


def test_a_policy_takes_no_closure_or_pace_of_its_name_away() -> None:
    scenario = port(
        BODY.replace("stations:", "paces: {rain: {factor: 50 %}}\nstations:").replace("{needs", "{pace: rain, needs")
        + "closures: {rain: {stops: all, first_day: 2024-01-05, last_day: 2024-01-05}}\n"
    )
    other = {"first_day": "2024-01-07", "last_day": "2024-01-07"}
    changed = applied(scenario, {"on": {"station": "dock"}, "pace": "80 %"}, {"on": {}, "close": other}).ports["east"]
    assert isinstance(changed.paces["rain"], Pace) and changed.paces["rain"].factor == 0.5
    assert isinstance(changed.closures["rain"], Closure) and str(changed.closures["rain"].first_day) == "2024-01-05"
    assert sorted(str(closure.first_day) for closure in changed.closures.values()) == ["2024-01-05", "2024-01-07"]


def test_two_effects_of_one_policy_each_have_a_pace_of_their_own() -> None:
    """2 min at half pace and 10 min at a fifth: 4 and 50 minutes."""
    changed = applied(
        port(BODY), {"on": {"station": "gate"}, "pace": "50 %"}, {"on": {"station": "dock"}, "pace": "20 %"}
    )
    assert run(at_minutes(at_minutes(changed, "lorries", []), "cars", [0])).exits("cars") == [54]


@pytest.mark.parametrize("name", LAW_NAMES)
def test_what_is_called_like_a_law_is_merged_like_any_other(tmp_path: Path, name: str) -> None:
    base = scenario_text(BODY.replace("heavy", name), top=f"groups: {{{name}: [east.cars]}}\n")
    (tmp_path / "base.yaml").write_text(base)
    marks = "ports: {east: {flows: {cars: {marks: {wide: 5 %}}}}}\n"
    (tmp_path / "case.yaml").write_text(f"extends: base.yaml\n{marks}groups: {{others: [east.lorries]}}\n")
    found = load_scenario(str(tmp_path / "case.yaml")).scenario
    assert set(found.groups) == {name, "others"}
    assert set(found.ports["east"].flows["cars"].marks) == {name, "wide"}


def test_the_page_on_scenarios_lists_them_all() -> None:
    page = (Path(__file__).parents[1] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    table = page.partition("### Names\n")[2].partition("### ")[0]
    names = {name.rpartition(".")[2] for kind, taken in RESERVED.items() if kind != "load" for name in taken}
    assert names <= set(re.findall(r"`([a-z_]+)`", table))
