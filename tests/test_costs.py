"""Costs of time, fuel, spoilage, officers and policies: each against a sum done on paper, on both engines."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from borderport.cli import cli
from borderport.cli.simulate import print_costs
from borderport.comparing import compare_scenarios
from borderport.errors import ScenarioInvalid
from borderport.experiment import EngineName, prepare, run_scenarios, scenario_hash
from borderport.figures.costs import costs as costs_figure
from borderport.figures.style import save
from borderport.metrics import COST_WORDS, METRICS
from borderport.scenario import Costs, PolicyCost, Scenario
from tests.builders import DAY, Run, at_minutes, port, run

# The costs that every flow has: of the parts of the total all but that of policies.
COSTS = ("idling_fuel", "idling_co2", *(name for name in COST_WORDS if name != "infrastructure_cost"))
TOP = """
costs:
  time: {rate: 20 CNY/h, assumed: for a test}
  idling: {rate: 3 l/h, share: 50 %}
  altitude: {extra_per_km: 5 %}
  fuel: {price: 8 CNY/l}
  co2: {per_litre: 2.5 kg/l}
  officers: {rate: 60 CNY/h}
"""
DESK = """
altitude: 2 km
calendars: {day: {open: ["08:00-18:00"]}}
resources: {desk: {capacity: 1, calendar: day}}
stations: {desk: {needs: [desk], service: 60 min, officers: 2}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 1 trips per d}}
"""
HALF_PAST_FIVE = 17 * 60 + 30  # minutes since midnight


def values(found: Run, flow: str = "all", port: str = "all") -> dict[str, float]:
    """All costs of a flow or group."""
    names = [*COSTS, *(("infrastructure_cost",) if (port, flow) == ("all", "all") else ()), "total_cost"]
    return {name: found.measures.values[port, flow, "all", name] for name in names}


# --------------------------------------------------------------------------------------------- time, fuel, officers


def test_a_night_at_the_gate_on_paper(engine: EngineName) -> None:
    # The first truck is served from 17:00 to 18:00. The second comes at 17:30, waits 30 min while the desk is open and
    # 14 h while it is shut, and is served from 8:00 to 9:00.
    found = run(at_minutes(port(DESK, top=TOP), "cars", [HALF_PAST_FIVE - 30, HALF_PAST_FIVE]), engine)
    assert found.exits("cars") == [18 * 60, DAY + 9 * 60]
    litres = 0.5 * 0.5 * 3 * (1 + 0.05 * 2)  # h x share x l/h, 5 % more for each of 2 km
    assert found.value("officer_hours") == 2 * 2
    assert found.value("officer_hours", station="east.desk") == 4
    assert values(found) == pytest.approx(
        {
            "idling_fuel": litres,  # 0.825 l
            "idling_co2": litres * 0.0025,
            "delay_cost": 14.5 * 20,
            "service_cost": 2 * 20,
            "fuel_cost": 6.6,
            "spoilage_cost": 0,
            "giving_up_cost": 0,
            "officer_cost": 4 * 60,
            "infrastructure_cost": 0,
            "total_cost": 290 + 40 + 6.6 + 240,
        },
        rel=1e-12,
    )


def test_a_driver_who_gives_up_costs_until_he_does(engine: EngineName) -> None:
    # gives up after 60 min, at 18:30: half an hour open, half an hour shut
    body = DESK.replace("per d}", "per d, patience: {after: 60 min, share: 100 %, at: [desk]}}")
    found = run(at_minutes(port(body, top=TOP), "cars", [HALF_PAST_FIVE - 30, HALF_PAST_FIVE]), engine)
    assert found.value("vehicles_abandoned") == 1
    assert found.value("delay_cost") == 1 * 20
    assert found.value("idling_fuel") == pytest.approx(0.825, rel=1e-12)


def test_who_is_inside_at_the_end_costs_until_then(engine: EngineName) -> None:
    # to midnight: 30 min open and 6 h shut
    found = run(
        at_minutes(port(DESK, top=TOP, end="2024-01-02"), "cars", [HALF_PAST_FIVE - 30, HALF_PAST_FIVE]), engine
    )
    assert found.value("unfinished") == 1
    assert found.value("delay_cost") == 6.5 * 20


def test_a_service_cut_off_by_the_end_counts_as_far_as_it_went(engine: EngineName) -> None:
    body = DESK.replace("08:00-18:00", "00:00-24:00")
    found = run(at_minutes(port(body, top=TOP, end="2024-01-02"), "cars", [DAY - 15]), engine)
    assert found.value("service_cost") == 0.25 * 20
    assert found.value("officer_hours") == 2 * 0.25
    assert found.value("delay_cost") == 0


def test_engines_idle_while_blocked_too(engine: EngineName) -> None:
    # The second truck waits for the lane until 0:10, is served until 0:20 and blocked until 1:10: an hour in all.
    body = """
    resources: {lane: {capacity: 1}, hall: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 10 min}, hall: {needs: [hall], service: 60 min}}
    routes: {out: {steps: [{gate: {holds_until: hall}}, hall]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body, top=TOP), "cars", [0, 0]), engine)
    assert found.value("idling_fuel") == pytest.approx(1 * 0.5 * 3, rel=1e-12)
    assert found.value("delay_cost") == pytest.approx(1 * 20, rel=1e-12)


def test_work_suspended_by_a_pace_is_delay_without_officers(engine: EngineName) -> None:
    # begins at 23:30, is suspended on the second day from 0:00 to 24:00, and ends at 0:30 on the third
    body = """
    paces: {storm: {factor: 0 %, first_day: 2024-01-02, last_day: 2024-01-02}}
    stations: {desk: {service: 60 min, pace: storm, officers: 1}}
    routes: {out: {steps: [desk]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body, top=TOP), "cars", [DAY - 30]), engine)
    assert found.value("officer_hours") == 1
    assert (found.value("delay_cost"), found.value("service_cost")) == (24 * 20, 1 * 20)
    assert found.value("idling_fuel") == 0


def test_engines_burn_for_the_height_of_the_port_they_stand_at(engine: EngineName) -> None:
    # The second truck waits an hour at the sea and, from 2:00 on, two hours at 4 km.
    others = """
    hill:
      label: {en: Hill}
      altitude: 4,000 m
      resources: {desk: {capacity: 1}}
      stations: {desk: {needs: [desk], service: 3 h}}
    """
    body = """
    resources: {desk: {capacity: 1}}
    stations: {desk: {needs: [desk], service: 60 min}}
    routes: {out: {steps: [desk, hill.desk]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body, top=TOP, others=others), "cars", [0, 0]), engine)
    assert found.value("idling_fuel") == pytest.approx(0.5 * 3 * (1 + 2 * 1.2), rel=1e-12)


def test_a_flow_may_have_rates_of_its_own_and_persons_have_no_others(engine: EngineName) -> None:
    flows = """
    flows:
      cars: {route: out, volume: 1 trips per d, time_cost: 100 CNY/h, idling: 1 l/h}
      walkers: {route: out, volume: 1 persons per d, counts: persons}
      paid: {route: out, volume: 1 persons per d, counts: persons, time_cost: 7 CNY/h}
    """
    scenario = port(DESK[: DESK.index("flows:")] + textwrap.dedent(flows), top=TOP)
    scenario = at_minutes(scenario, "cars", [HALF_PAST_FIVE - 30, HALF_PAST_FIVE])
    scenario = at_minutes(at_minutes(scenario, "walkers", [9 * 60]), "paid", [10 * 60])  # nobody else is there
    found = run(scenario, engine)
    assert found.value("delay_cost", "cars") == 14.5 * 100
    assert found.value("idling_fuel", "cars") == pytest.approx(0.5 * 0.5 * 1 * 1.1, rel=1e-12)
    assert found.value("service_cost", "walkers") == found.value("idling_fuel", "walkers") == 0
    assert found.value("service_cost", "paid") == 7
    assert found.value("officer_cost", "walkers") == 2 * 60
    assert found.value("total_cost") == found.value("total_cost", "cars")  # persons are not in totals


def test_who_comes_in_the_lead_in_is_not_counted(engine: EngineName) -> None:
    scenario = port(DESK, top=TOP, start="2024-01-02", lead_in="1 d")
    found = run(at_minutes(scenario, "cars", [HALF_PAST_FIVE - DAY, 10 * 60]), engine)
    assert len(found.exits("cars")) == 2
    assert found.value("officer_hours") == 2
    assert found.value("total_cost") == 20 + 120


# -------------------------------------------------------------------------------------------------------- spoilage

FRUIT = """
stations: {load: {service: %(load)s}, road: {service: 3 d}}
routes: {out: {steps: [load, road]}}
flows:
  fruit:
    route: out
    volume: 1 trips per d
    payload: 5 t
    value: 2 CNY/kg
    spoilage: {rate: %(rate)s, after: 24 h}
"""


@pytest.mark.parametrize(
    ("load", "rate", "cost"),
    [
        ("0 min", "10 %/d", 2000.0),  # 2 of 3 d, a tenth of 10,000 CNY each
        ("1 d", "10 %/d", 3000.0),
        ("0 min", "80 %/d", 10_000.0),  # no more than all
        ("8 d", "10 %/d", 9000.0),  # still on the road at the end of 10 d
    ],
)
def test_goods_lose_value_for_each_day_inside(engine: EngineName, load: str, rate: str, cost: float) -> None:
    body = FRUIT % {"load": load, "rate": rate}
    found = run(at_minutes(port(body, top="costs: {}\n"), "fruit", [0]), engine)
    assert found.value("spoilage_cost") == pytest.approx(cost, abs=1e-9)
    assert found.value("total_cost") == found.value("spoilage_cost")


def test_goods_that_are_given_up_lose_a_share_of_what_they_are_still_worth(engine: EngineName) -> None:
    # 10,000 CNY; gives up after 3 d, of which 2 d spoil a tenth each: 2,000 CNY, and half of the rest
    body = """
    resources: {desk: {capacity: 1}}
    stations: {desk: {needs: [desk], service: 9 d}}
    routes: {out: {steps: [desk]}}
    flows:
      fruit:
        route: out
        volume: 1 trips per d
        payload: 5 t
        value: 2 CNY/kg
        spoilage: {rate: 10 %/d, after: 24 h}
        patience: {after: 3 d, share: 100 %, at: [desk], loses: 50 %}
      cloth:
        route: out
        volume: 1 trips per d
        payload: 5 t
        value: 2 CNY/kg
        patience: {after: 3 d, share: 100 %, at: [desk], loses: 10 %}
    """
    scenario = port(body, top="costs: {}\n")
    found = run(at_minutes(at_minutes(scenario, "fruit", [0, 1]), "cloth", [2]), engine)
    assert found.value("vehicles_abandoned") == 2
    assert found.value("spoilage_cost") == pytest.approx(8000 + 2000)  # the first is inside for 9 d
    assert found.value("giving_up_cost", "fruit") == pytest.approx(4000)
    assert found.value("giving_up_cost", "cloth") == pytest.approx(1000)
    assert found.value("total_cost") == pytest.approx(15_000)


# -------------------------------------------------------------------------------------------------------- policies

MEASURE = {
    "measure": """
    effects: [{on: {station: desk}, scale: 50 %}]
    cost: {once: 1 M CNY, life: 10 years, per_year: 0.1 M CNY, assumed: for a test}
    """
}
HALF_A_YEAR: dict[str, Any] = {"end": "2024-07-02"}  # 183 of 366 days


def test_half_a_year_of_a_policy(engine: EngineName) -> None:
    scenario = port(DESK, top=TOP, policies=MEASURE, **HALF_A_YEAR)
    found = values(run(at_minutes(scenario, "cars", [9 * 60]), engine))
    assert found["infrastructure_cost"] == 100_000  # half of 100,000 + 100,000 a year
    assert found["service_cost"] == 10
    assert found["total_cost"] == 100_000 + 10 + 60


def test_a_scenario_may_say_what_its_use_costs() -> None:
    top = TOP + "policies: {measure: {cost: {per_year: 3 M CNY}, adoption: 5 %}}\n"
    scenario = port(DESK, top=top, policies=MEASURE, **HALF_A_YEAR)
    assert prepare(scenario).metrics.rates.infrastructure == 1_500_000  # whatever the adoption


def test_years_are_calendar_years() -> None:
    def years(start: str, end: str) -> float:
        return port(DESK, start=start, end=end).horizon.years()

    assert years("2024-01-01", "2025-01-01") == years("2023-01-01", "2024-01-01") == 1
    assert years("2023-07-01", "2025-01-01") == pytest.approx(1 + 184 / 365)


def test_costs_count_in_the_hash() -> None:
    plain = port(DESK, top=TOP, policies=MEASURE)
    dearer = port(DESK, top=TOP, policies={"measure": MEASURE["measure"].replace("1 M", "2 M")})
    other = port(DESK, top=TOP.replace("20 CNY/h", "21 CNY/h"), policies=MEASURE)
    assert len({scenario_hash(s) for s in (plain, dearer, other)}) == 3


# ---------------------------------------------------------------------------------------------- what holds everywhere

BUSY = """
calendars: {day: {open: ["08:00-12:00", "13:00-18:00"]}}
resources: {lane: {capacity: 1, calendar: day}, bay: {capacity: 2, calendar: day}, yard: {capacity: 3}}
stations:
  gate: {needs: [lane], service: {exponential: {mean: 12 min}}, officers: 1}
  check: {needs: [bay], service: {lognormal: {mean: 30 min, cv: 0.6}}, officers: 2}
routes: {out: {steps: [{gate: {holds_until: yard}}, {enter: yard}, {check: {if: selected}}, {leave: yard}]}}
flows:
  cars:
    route: out
    volume: 20 trips per d
    payload: 5 t
    value: 1 CNY/kg
    marks: {selected: 30 %}
    patience: {after: 6 h, share: 50 %, at: [gate], loses: 10 %}
  fruit:
    route: out
    volume: 10 trips per d
    marks: {selected: 10 %}
    payload: 5 t
    value: 2 CNY/kg
    spoilage: {rate: 5 %/d}
"""


def busy(**keys: Any) -> Scenario:
    return port(BUSY, top=TOP, lead_in="1 d", start="2024-01-02", **keys)


def test_costs_of_flows_add_up_to_those_of_the_port_and_parts_to_totals(engine: EngineName) -> None:
    found = run(busy(), engine)
    assert found.value("vehicles_abandoned") > 0 and found.value("unfinished") > 0
    for metric in ("officer_hours", *COSTS, "total_cost"):
        flows = [found.value(metric, flow) for flow in ("cars", "fruit")]
        assert min(flows) > 0 or metric in ("spoilage_cost", "giving_up_cost")
        assert found.value(metric) == pytest.approx(sum(flows), rel=1e-12)
        assert found.value(metric, port="all") == found.value(metric)
    stations = [found.value("officer_hours", station=f"east.{name}") for name in ("gate", "check")]
    assert sum(stations) == pytest.approx(found.value("officer_hours"), rel=1e-12)
    money = [metric for metric in COSTS if METRICS[metric].unit == "CNY"]
    assert found.value("total_cost") == pytest.approx(sum(found.value(metric) for metric in money), rel=1e-12)


def test_both_engines_cost_the_same() -> None:
    one, other = (run(busy(), engine).measures.values for engine in ("compiled", "simpy"))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)


def test_every_hour_inside_is_delay_or_service() -> None:
    found = run(busy())
    network, inside = found.timeline.network, 0
    for name in ("cars", "fruit"):
        layout = found.layout(name)
        ends = np.where(
            found.timeline.outcome[layout.vehicle] == 0, network.horizon_ms, found.timeline.exit_ms[layout.vehicle]
        )
        stays = ends - network.arrival_ms[layout.vehicle]
        inside += int(stays[network.arrival_ms[layout.vehicle] >= network.lead_in_ms].sum())
    assert found.value("delay_cost") + found.value("service_cost") == pytest.approx(inside / 3_600_000 * 20, rel=1e-12)


def test_a_scenario_against_itself_saves_nothing() -> None:
    scenario = busy(policies={"measure": MEASURE["measure"].replace("desk", "gate")})
    comparison = compare_scenarios([scenario, scenario], replications=3, seed=1)
    keys = comparison.samples[0].keys
    costs = [i for i, key in enumerate(keys) if key[3] in (*COSTS, "infrastructure_cost", "total_cost")]
    assert len(costs) == 4 * 9 + 1
    (difference,) = comparison.differences
    assert not difference.mean[costs].any() and not difference.low[costs].any() and not difference.high[costs].any()


def test_a_policy_is_weighed_against_what_it_saves() -> None:
    before = busy()
    after = busy(policies={"measure": MEASURE["measure"].replace("desk", "gate")})
    comparison = compare_scenarios([before, after], replications=4, seed=1)
    keys, (difference,) = comparison.samples[0].keys, comparison.differences
    change = {key[3]: difference.mean[i] for i, key in enumerate(keys) if key[:3] == ("all", "all", "all")}
    assert change["infrastructure_cost"] == pytest.approx(200_000 * 9 / 366)
    assert change["delay_cost"] < 0 and change["service_cost"] < 0
    parts = [metric for metric in (*COSTS, "infrastructure_cost") if METRICS[metric].unit == "CNY"]
    assert change["total_cost"] == pytest.approx(sum(change[part] for part in parts))


def test_nothing_is_costed_unless_asked_for() -> None:
    found = run(at_minutes(port(DESK), "cars", [9 * 60])).measures.values
    names = {key[3] for key in found}
    assert not names & {*COSTS, "total_cost", "infrastructure_cost"}
    assert "officer_hours" in names  # hours need no rate
    bare = run(at_minutes(port(DESK.replace(", officers: 2", "")), "cars", [9 * 60])).measures.values
    assert not any(key[3] == "officer_hours" for key in bare)


def test_costs_are_printed_with_their_change_only_where_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    before = busy()
    after = busy(policies={"measure": MEASURE["measure"].replace("desk", "gate")})
    samples = run_scenarios([before, after.model_copy(update={"name": "after"})], replications=3, seed=1)
    print_costs(samples, paired=True)
    printed = capsys.readouterr().out
    assert "What the period cost" in printed and "change: after" in printed
    assert "CNY for each CNY more that its policies cost" in printed
    print_costs(samples[:1])
    alone = capsys.readouterr().out
    assert "policies" in alone and "change" not in alone
    print_costs(run_scenarios([port(DESK)], replications=1, seed=1))
    assert capsys.readouterr().out == ""


def test_what_is_assumed_is_listed_with_its_place() -> None:
    done = CliRunner().invoke(cli, ["show", "2024", "--assumptions"])
    for path in (
        "costs.time",
        "costs.idling",
        "ports.gyirong.flows.perishable.spoilage",
        "policies/smart-channel.yaml.cost",
    ):
        assert re.search(rf"^{re.escape(path)}: \S", done.output, flags=re.MULTILINE), path


def test_a_scenario_with_costs_is_printed_as_its_file_would_say_it() -> None:
    top = TOP + "policies: {measure: {cost: {once: 3 M CNY, life: 10 years}}}\n"
    scenario = port(BUSY, top=top, policies={"measure": MEASURE["measure"].replace("desk", "gate")})
    plain = scenario.model_dump(mode="json", by_alias=True)
    assert plain["costs"]["co2"]["per_litre"] == "2.5 kg/l" and plain["costs"]["time"]["rate"] == "20 CNY/h"
    assert plain["policies"]["measure"]["cost"]["once"] == "3000000 CNY"
    assert plain["ports"]["east"]["flows"]["fruit"]["spoilage"]["rate"] == "5 %/d"
    assert Costs.model_validate(plain["costs"]) == scenario.costs
    assert PolicyCost.model_validate(plain["policies"]["measure"]["cost"]) == scenario.policies["measure"].cost


# ----------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ("rate: 20 CNY/h", "rate: 20 CNY", "costs.time.rate", "must be a cost of an hour such as '25 CNY/h'"),
        ("rate: 20 CNY/h", "rate: 20 CNY/d", "costs.time.rate", "is per h"),
        ("rate: 20 CNY/h", "rate: -20 CNY/h", "costs.time.rate", "must not be negative"),
        ("price: 8 CNY/l", "price: 8 CNY/h", "costs.fuel.price", "a price of fuel is per l"),
        ("price: 8 CNY/l", "price: 8 l", "costs.fuel.price", "must be a price of fuel"),
        ("rate: 3 l/h", "rate: 3 kg/h", "costs.idling.rate", "unknown consumption unit 'kg'"),
        ("share: 50 %", "share: 150 %", "costs.idling.share", "at most 100 %"),
        ("2.5 kg/l", "2.5 g/l", "costs.co2.per_litre", "unknown emission unit 'g'"),
        ("extra_per_km", "extra_per_mile", "costs.altitude.extra_per_mile", "did you mean 'extra_per_km'?"),
        ("  idling: {rate: 3 l/h, share: 50 %}\n", "", "costs", "altitude needs idling"),
        ("  officers:", "  officer:", "costs.officer", "did you mean 'officers'?"),
    ],
)
def test_a_wrong_rate_is_named(old: str, new: str, path: str, says: str) -> None:
    assert old in TOP
    assert (path, says) in wrong(top=TOP.replace(old, new), says=says)


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ("rate: 5 %/d", "rate: 5 %", "spoilage.rate", "must be a loss such as '2 %/d'"),
        ("rate: 5 %/d", "after: 1 d", "spoilage.rate", "is missing"),
        ("    value: 2 CNY/kg\n", "", "", "spoilage needs a value"),
        ("value: 2 CNY/kg", "value: 2 CNY/kg\n    time_cost: 5 l/h", "time_cost", "unknown cost of an hour unit 'l'"),
        ("value: 2 CNY/kg", "value: 2 CNY/kg\n    idling: 2 l", "idling", "must be a consumption such as '2.4 l/h'"),
    ],
)
def test_a_wrong_rate_of_a_flow_is_named(old: str, new: str, path: str, says: str) -> None:
    assert old in BUSY
    full = "ports.east.flows.fruit" + (f".{path}" if path else "")
    assert (full, says) in wrong(body=BUSY.replace(old, new), says=says)


@pytest.mark.parametrize("given", ["time_cost: 5 CNY/h", "idling: 2 l/h", "spoilage: {rate: 1 %/d}, value: 2 CNY/kg"])
def test_a_companion_costs_nothing(given: str) -> None:
    body = BUSY + f"  escort: {{route: out, companion_of: cars, marks: {{selected: 10 %}}, {given}}}\n"
    says = "a companion is not counted, so it costs nothing"
    assert (f"ports.east.flows.escort.{given.partition(':')[0]}", says) in wrong(body=body, says=says)


@pytest.mark.parametrize(
    ("cost", "path", "says"),
    [
        ("{once: 1 M CNY}", "cost", "once and life go together"),
        ("{life: 10 years}", "cost", "once and life go together"),
        ("{once: 1 M CNY, life: 0 years}", "cost.life", "must be above 0"),
        ("{once: 1 M CNY, life: 3650 d}", "cost.life", "unknown lifetime unit 'd'"),
        ("{per_year: 5}", "cost.per_year", "needs a unit"),
        ("{yearly: 5 CNY}", "cost.yearly", "unknown key 'yearly'"),
    ],
)
def test_a_wrong_cost_of_a_policy_is_named(cost: str, path: str, says: str) -> None:
    text = "effects: [{on: {station: gate}, scale: 50 %}]\n" + f"cost: {cost}\n"
    assert (path, says) in wrong(says=says, policies={"measure": text})


def wrong(*, says: str, body: str = BUSY, top: str = TOP, **keys: Any) -> list[tuple[str, str]]:
    """(path, ``says``) of every problem that says so."""
    with pytest.raises(ScenarioInvalid) as caught:
        port(body, top=top, **keys)
    return [(problem.path, says) for problem in caught.value.problems if says in problem.message]


# ---------------------------------------------------------------------------------------------------------- the figure


def test_the_figure_stacks_the_parts_and_shows_what_changes(tmp_path: Path) -> None:
    before = busy().model_copy(update={"name": "before"})
    after = busy(policies={"measure": MEASURE["measure"].replace("desk", "gate")}).model_copy(update={"name": "after"})
    samples = run_scenarios([before, after], replications=3, seed=1)
    figure = costs_figure(samples)
    left, right = figure.axes
    for number, sample in enumerate(samples):
        widths = [
            bars[number].get_width() for bars in left.containers if len(bars) == 2 and hasattr(bars[0], "get_width")
        ]
        shown = sum(widths) * (1e3 if "thousand" in left.get_xlabel() else 1e6)
        assert shown == pytest.approx(float(sample.of("all", "all", "total_cost").mean()), rel=1e-9)
    assert "CNY" in left.get_xlabel() and "CNY" in right.get_xlabel()
    save(figure, tmp_path / "a.png")
    alone = costs_figure(samples[:1])
    assert len(alone.axes) == 1
