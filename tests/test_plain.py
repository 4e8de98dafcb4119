"""Compiled tally and tables against the plain functions, figure by figure, whatever the network and the scenario."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import partial
from math import isclose, isnan

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from borderport.engines import compiled
from borderport.experiment import EngineName
from borderport.loading import load_scenario
from borderport.manifest import FlowManifest, Manifest
from borderport.metrics import METRICS, Measures, measure, plain, plan_metrics
from borderport.network import DELAY, END, SEIZE, WAIT, Column, FlowLayout, FlowPlan, Network, NetworkPlan
from borderport.scenario import Ref, Scenario
from borderport.timeline import Timeline
from borderport.units import MS_PER_HOUR
from tests.builders import port, run
from tests.random_networks import HORIZON, networks


def assert_as_plain(scenario: Scenario, manifest: Manifest, timeline: Timeline, measures: Measures) -> None:
    """Every figure of the table, every mean queue by hour and every kept quantile is the plain one."""
    expected = plain.values(scenario, manifest, timeline, measures.keys)
    wrong = {
        key: (value, expected[key])
        for key, value in measures.values.items()
        if not (isclose(value, expected[key], rel_tol=1e-9, abs_tol=1e-9) or (isnan(value) and isnan(expected[key])))
    }
    assert not wrong
    for name, resource in plain.resources_of(scenario, timeline).items():
        assert measures.queue_by_hour[name] == pytest.approx(plain.queue_by_hour(resource), rel=1e-9), name


# ---------------------------------------------------------------------------------------------------------- the list


def test_every_metric_has_a_plain_function_with_its_words() -> None:
    functions = {**plain.OF_GROUPS, **plain.OF_STATIONS, **plain.OF_RESOURCES}
    assert set(functions) == set(METRICS)
    for function in functions.values():
        bare = function.func if isinstance(function, partial) else function
        assert inspect.getdoc(bare) != inspect.getdoc(partial) and inspect.getdoc(bare), bare


# --------------------------------------------------------------------------------------------------------- scenarios

TOP = """
costs:
  time: {rate: 20 CNY/h}
  idling: {rate: 3 l/h, share: 50 %}
  altitude: {extra_per_km: 5 %}
  fuel: {price: 8 CNY/l}
  co2: {per_litre: 2.5 kg/l}
  officers: {rate: 60 CNY/h}
inspections:
  cargo:
    contraband: {share: 20 %}
    targeting: 70 %
    scan: {sensitivity: 80 %, false_alarms: 20 %}
groups: {both: [east.cars, east.fruit], on_foot: [east.people], far: [west.cars]}
"""
EAST = """
zone: Asia/Kathmandu
altitude: 2 km
calendars:
  day: {open: ["08:00-12:00", "13:00-18:00"], closed_on: [sunday]}
  early: {open: ["06:00-19:00"]}
closures: {snow: {stops: [day], random: {count: 1, length: 2 d}}}
paces: {rain: {factor: 50 %, daily_share: 40 %}, storm: {factor: 0 %, daily_share: 20 %}}
resources:
  lane: {capacity: 1, calendar: day, holding_area: 30 m, breakdowns: {every: 3 d, length: 5 h}}
  yard: {capacity: 30}
  bay: {capacity: 2, calendar: early}
  officers: {capacity: 3, calendar: day, periods: [{capacity: 0, first_day: 2024-01-31, last_day: 2024-01-31}]}
  places: {quota: {amount: 12}}
  drivers: {capacity: 2}
  counter: {capacity: 1}
stations:
  gate: {needs: [lane], officers: 1, service: {exponential: {mean: 8 min}}, pace: rain}
  declare:
    needs: [officers]
    officers: 2
    service: {lognormal: {mean: 10 min, cv: 1}}
    once_per: consignment
    declaration: true
    pace: storm
  check:
    needs: [bay, officers]
    officers: 3
    inspection: true
    service: {lognormal: {mean: 40 min, cv: 0.6}}
    pace: storm
  bridge: {needs: [places], service: 2 min}
  back: {service: 9 h}
  counter: {needs: [counter], service: 5 min, declaration: true}
routes:
  out:
    steps:
      - gate: {holds_until: yard}
      - enter: yard
      - declare
      - check: {if: selected, share: 80 %}
      - enter: drivers
      - bridge
      - leave: yard
      - signal: over
    passage: {from: gate, to: check, clock: day}
  back: {steps: [{wait: over}, back, {leave: drivers}]}
  walk: {steps: [counter]}
  across: {steps: [gate, {enter: yard}, bridge, {leave: yard}], passage: {from: gate, to: gate, clock: day}}
flows:
  cars:
    route: out
    volume: 14 trips per d
    payload: {a: {law: {lognormal: {mean: 9 t, cv: 0.3}}}, b: {law: 3 t, if: laden_in, cleared_after: gate}}
    value: 10 CNY/kg
    marks: {selected: 30 %, laden_in: 30 %}
    inspection: cargo
    patience: {after: 8 h, share: 40 %, at: [gate], loses: 30 %}
    holding_back: {closures_over: 1 d, sets_out: 50 %, rest: never}
    diversion: {to: west.cars, after: 5 h, while: [day], share: 40 %, detour: 3 h}
    consignment: 3
    vehicle_length: 15 m
    spoilage: {rate: 30 %/d, after: 3 h}
  fruit:
    route: out
    volume: 8 trips per d
    convoy: {size: 4 cars, gap: 1 h}
    payload: {a: {law: 4 t}, b: {law: 1 t, cleared_after: bridge}}
    value: 50,000 CNY/vehicle
    marks: {selected: 60 %}
    priority: 2
    patience: {after: 1 d, share: 50 %, at: [drivers], loses: 50 %}
    vehicle_length: 6 m
    idling: 1 l/h
    time_cost: 7 CNY/h
  crates:
    route: across
    volume: 9 trips per d
    payload:
      a: {law: 4 t}
      b: {law: 2 t, if: laden_in, cleared_after: gate}
      c: {law: {lognormal: {mean: 1 t, cv: 1}}, cleared_after: gate}
      d: {law: 3 t, if: laden_in, cleared_after: bridge}
    value: 3 CNY/kg
    marks: {laden_in: 40 %}
    patience:
      after: 3 h
      share: 80 %
      at: [gate, bridge]
      goods: wait
      fetched_after: {uniform: {low: 1 h, high: 30 h}}
      still_worth: 80 %
      goes_along: [b]
      loses: 50 %
    holding_back: {closures_over: 1 d, sets_out: 30 %, rest: {uniform: {low: 1 h, high: 3 d}}}
    spoilage: {rate: 20 %/d, after: 2 h}
  people: {route: walk, counts: persons, volume: 20 persons per d, value: 100 CNY/person}
  drivers: {route: back, companion_of: cars}
  fruit_drivers: {route: back, companion_of: fruit}
"""
WEST = """
west:
  label: {en: West}
  resources: {desk: {capacity: 1}}
  stations: {desk: {needs: [desk], officers: 1, service: 50 min}}
  routes: {in: {steps: [desk]}}
  flows: {cars: {route: in, diverted_from: east.cars, vehicle_length: 9 m}}
"""


def everything(lead_in: str) -> Scenario:
    """Two ports with every feature that a metric looks at, over the turn of a month and in a zone of odd minutes."""
    return port(EAST, top=TOP, others=WEST, start="2024-01-27", end="2024-02-05", lead_in=lead_in)


@pytest.mark.parametrize("lead_in", ["0 s", "30 h"])
def test_a_scenario_with_everything_has_the_plain_figures(engine: EngineName, lead_in: str) -> None:
    scenario = everything(lead_in)
    found = run(scenario, engine, seed=11)
    rare = (*(f"vehicles_{kind}" for kind in ("held_back", "diverted", "abandoned")), "unfinished", "beyond_line")
    assert min(found.value(metric, "cars") for metric in (*rare, "contraband_found")) > 0
    delayed = ("vehicles_postponed", "vehicles_held_back", "tonnes_left_behind", "spoilage_cost", "giving_up_cost")
    assert min(found.value(metric, "crates") for metric in delayed) > 0
    assert min(found.value(f"total_{part}_mean") for part in ("waiting", "blocked", "closed")) > 0
    assert_as_plain(scenario, found.manifest, found.timeline, found.measures)


@pytest.mark.parametrize("name", ["tutorial-crossing", pytest.param("ferry-port", marks=pytest.mark.slow)])
def test_small_scenarios_have_the_plain_figures(name: str) -> None:
    scenario = load_scenario(name).scenario
    found = run(scenario, seed=2)
    assert_as_plain(scenario, found.manifest, found.timeline, found.measures)


# ---------------------------------------------------------------------------------------------------- random networks

COLUMNS = 9
SCENARIO = """
costs:
  time: {rate: 20 CNY/h}
  idling: {rate: 3 l/h, share: 50 %}
  officers: {rate: 60 CNY/h}
inspections: {cargo: {contraband: {share: 20 %}}}
"""
KINDS_OF_FLOWS = ("inspection: cargo", "counts: persons", "spoilage: {rate: 40 %/d, after: 2 h}", "idling: 1 l/h")


def dated(network: Network) -> Network:
    """The same network in hours instead of milliseconds, the vehicles of each program together as one flow."""
    hour, places = MS_PER_HOUR, np.argsort(network.start, kind="stable")
    place = np.empty_like(places)
    place[places] = np.arange(places.size)
    programs, counts = np.unique(network.start, return_counts=True)
    first = np.cumsum([0, *counts])
    flows = tuple(
        FlowLayout(
            Ref("east", f"f{number}"),
            columns_of(network, int(start), number),
            int(first[number]) * COLUMNS,
            places[first[number] : first[number + 1]],
            (number % 4, 5 + number % 5),
            Ref("east", "day") if number % 2 else None,
        )
        for number, start in enumerate(programs)
    )
    return replace(
        network,
        horizon_ms=network.horizon_ms * hour,
        lead_in_ms=network.lead_in_ms * hour,
        resources=tuple(Ref("east", f"r{number}") for number in range(len(network.resources))),
        change_ms=network.change_ms * hour,
        pace_ms=network.pace_ms * hour,
        arrival_ms=network.arrival_ms * hour,
        deadline_ms=np.where(network.deadline_ms <= HORIZON, network.deadline_ms * hour, network.deadline_ms),
        row=place * COLUMNS,
        work_ms=network.work_ms.reshape(-1, COLUMNS)[places].ravel() * hour,
        windows={Ref("east", "day"): np.asarray([[3, 20], [26, 45]], dtype=np.int64) * hour},
        flows=flows,
    )


def columns_of(network: Network, start: int, flow: int) -> tuple[Column, ...]:
    """Columns that a program records: queues, some of them blocked, services, signals; two make a station."""
    columns = [Column(Ref("east", f"s{place // 2}"), "service") for place in range(COLUMNS)]
    for code, argument, place, *_ in network.ops[start:].tolist():
        station = Ref("east", f"s{place // 2}")
        if code == END:
            break
        if code == SEIZE:
            columns[place] = Column(station, "blocked" if (flow + place) % 3 == 0 else "wait", resource=argument)
        elif code == DELAY:
            columns[place] = Column(station, "service", pace=argument - 1)
        elif code == WAIT:
            columns[place] = Column(station, "signal")
    return tuple(columns)


def scenario_of(network: Network) -> Scenario:
    """A scenario with the names of the network; what its vehicles do is not asked of it."""
    flows = []
    for number in range(len(network.flows)):
        kind = ("inspection: cargo", "counts: persons", "spoilage: {rate: 40 %/d, after: 2 h}", "idling: 1 l/h")[
            number % 4
        ]
        loses = "patience: {after: 1 h, share: 50 %, at: [], loses: 20 %}"
        flows.append(
            f"f{number}: {{route: out, volume: 1 trips per d, value: 1 CNY/t, vehicle_length: {4 + number} m, "
            f"marks: {{selected: 50 %}}, {kind}, {loses}}}"
        )
    stations = [
        f"s{number}: {{service: 1 h, officers: {number % 3}, declaration: {str(number % 2 == 0).lower()}, "
        f"inspection: {str(number % 2 == 1).lower()}}}"
        for number in range(-(-COLUMNS // 2))
    ]
    lead_in = network.lead_in_ms // MS_PER_HOUR
    resources = [f"{name.split('.')[1]}: {{capacity: 0, holding_area: 5 m}}" for name in network.resources]
    body = f"""
    altitude: 1 km
    calendars: {{day: {{open: ["08:00-18:00"]}}}}
    resources: {{{", ".join(resources)}}}
    stations: {{{", ".join(stations)}}}
    routes: {{out: {{steps: [s0]}}}}
    flows: {{{", ".join(flows)}}}
    """
    return port(
        body,
        top=SCENARIO,
        start=f"2024-01-30T{lead_in:02}:00",
        end="2024-02-01T12:00",
        zone="Asia/Kathmandu",
        lead_in=f"{lead_in} h",
    )


def plan_of(scenario: Scenario, network: Network) -> NetworkPlan:
    """The plan that measuring asks of a network before it is run."""
    route = scenario.ports["east"].routes["out"]
    flows = tuple(
        FlowPlan(
            *(layout.name, scenario.flows()[layout.name], route, layout.columns),
            **dict.fromkeys(("work", "steps", "choices", "priorities", "shares_by"), ()),
            passage=layout.passage,
            clock=layout.clock,
            declares=-1,
            shares_always=False,
            leader=None,
            left=0,
        )
        for layout in network.flows
    )
    paces = tuple(Ref("east", f"p{number}") for number in range(network.pace_first.size - 1))
    return NetworkPlan(scenario, network.resources, frozenset(), paces, (0, 1), flows, network.windows, 1)


def manifest_of(network: Network, rng: np.random.Generator) -> Manifest:
    """Loads, values and marks for the vehicles of a network, in any order of their numbers."""
    flows = {}
    for layout in network.flows:
        n = layout.vehicle.size
        flows[layout.name] = FlowManifest(
            name=layout.name,
            index=rng.permutation(n),
            arrival_ms=network.arrival_ms[layout.vehicle],
            payload_t=rng.integers(0, 40, n) / 4,
            value_cny=rng.integers(0, 1000, n).astype(np.float64),
            marks={mark: rng.random(n) < 0.5 for mark in ("selected", "opened", "contraband", "found")},
            adopted={},
            tasks=(),
            work=np.zeros((0, n), dtype=np.int64),
            deadline_ms=network.deadline_ms[layout.vehicle],
            consignment=np.arange(n),
            ready_ms=network.arrival_ms[layout.vehicle],
            fetches=np.full(n, -1),
            waiting_t=np.zeros(n),
            waiting_cny=np.zeros(n),
            held_back=rng.integers(0, network.horizon_ms, 2),
            held_back_index=np.arange(2),
            postponed=np.zeros(0, dtype=np.int64),
        )
        if len(flows) % 2:
            station = layout.columns[int(rng.integers(len(layout.columns)))].station
            apart = flows[layout.name].payload_t * rng.integers(0, 2, n) * 0.3
            waiting = {station: np.zeros(n)}
            flows[layout.name] = replace(flows[layout.name], apart_t={station: apart}, waiting_apart_t=waiting)
    return Manifest(0, 0, flows, {}, {})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks(), st.integers(0, 1000))
def test_random_networks_have_the_plain_figures(network: Network, seed: int) -> None:
    if not network.start.size:
        return
    network = dated(network)
    scenario = scenario_of(network)
    manifest, timeline = manifest_of(network, np.random.default_rng(seed)), compiled.run(network)
    measures = measure(plan_metrics(scenario, plan_of(scenario, network)), manifest, timeline)
    assert_as_plain(scenario, manifest, timeline, measures)
