"""Names of things change no figure: not those of a user whose names the program uses too.

A scenario with every kind of name is written with its names in angle brackets, and read with other names in their
places. Which numbers a vehicle draws is the one thing that names decide, and by design: a draw's address has the names
of its flow and purpose, not their places, so that another flow or station leaves every other draw as it was. So there
are two properties. What has no address may be called anything, to the bit. What has one, too, once streams are told
apart by the order in which they are first asked for, and not by the hash of their address: then nothing but luck
depends on names, and two draws that shared an address would still show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from borderport.errors import ScenarioInvalid
from borderport.experiment import prepare, replicate, scenario_hash
from borderport.metrics import METRICS, Measures
from borderport.scenario import RESERVED, Scenario
from borderport.streams import Streams
from tests.builders import read

SCENARIO = """
title: Every kind of name
question: What is in one?
horizon: {start: 2024-01-01, end: 2024-01-08, zone: UTC, lead_in: 1 d}
profiles: {<early>: [3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], <late>: [1, 2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1]}
costs: {time: {rate: 20 CNY/h}, idling: {rate: 3 l/h}, officers: {rate: 60 CNY/h}, fuel: {price: 8 CNY/l}}
inspections:
  <rule>:
    contraband: {share: 20 %, items: 50 items, bad_share: {uniform: {low: 0 %, high: 20 %}}}
    traders: {<known>: {share: 30 %, selection: 50 %}, <poor>: {share: 20 %, selection: 300 %, contraband: 200 %}}
    targeting: 70 %
    scan: {sensitivity: 80 %, false_alarms: 10 %}
    sample: {items: 20}
policies:
  <faster>: {adoption: 50 %}
  <grouped>: {variant: <second>}
  <slower>: {}
groups: {<goods>: [<east>.<trucks>, <east>.<vans>], <guests>: [<west>.<others>]}
reported: {<figure>: {flow: <goods>, tonnes: 500 t, first_day: 2024-01-01, last_day: 2024-01-05}}
ports:
  <east>:
    label: {en: East}
    calendars: {<day>: {open: ["08:00-20:00"]}, <long>: {open: ["06:00-23:00"], closed_on: [sunday]}}
    closures:
      <holiday>: {stops: [<day>], first_day: 2024-01-03, last_day: 2024-01-03}
      <slide>: {stops: all, random: {every: 3 d, length: 5 h}}
      <storm>: {stops: [<long>], random: {count: 2, chance: 60 %, length: {exponential: {mean: 6 h}}}}
      <fog>: {stops: [<day>], random: {daily_share: 20 %}}
    paces: {<rain>: {factor: 60 %, daily_share: 40 %}, <cold>: {factor: 90 %}}
    resources:
      <lanes>: {capacity: 4, calendar: <long>, breakdowns: {every: 2 d, length: {exponential: {mean: 2 h}}}}
      <bays>: {capacity: 3, calendar: <day>, periods: [{first_day: 2024-01-02, last_day: 2024-01-04, capacity: 2}]}
      <permits>: {quota: {amount: 80}}
      <yard>: {capacity: 4, holding_area: 100 m}
      <officers>: {capacity: 5, calendar: <day>}
    stations:
      <gate>: {needs: [<lanes>], pace: <cold>, service: {lognormal: {mean: 6 min, cv: 1}}}
      <papers>: {needs: [<officers>, <permits>], officers: 1, declaration: true, once_per: consignment, service: 10 min}
      <search>:
        needs: [<bays>, <officers>]
        pace: <rain>
        inspection: true
        officers: 2
        tasks:
          <unload>: {service: {gamma: {mean: 30 min, cv: 0.5}}, if: <heavy>}
          <look>: {service: {exponential: {mean: 20 min}}}
    routes:
      <across>:
        steps:
          - <gate>: {holds_until: <papers>}
          - <papers>
          - {enter: <yard>}
          - <search>: {if: selected}
          - {leave: <yard>}
          - {signal: <done>}
          - <west>.<exit>: {share: 40 %}
        passage: {from: <gate>, to: <papers>, clock: <day>}
      <beside>: {steps: [<gate>, {wait: <done>}]}
    flows:
      <trucks>:
        route: <across>
        volume: 40 trucks per d
        months: <early>
        hours: {calendar: <long>, first: 2 h, share: 40 %}
        payload: {<first_load>: {law: {normal: {mean: 10 t, sd: 2 t}}}, <second_load>: {law: 5 t, if: <heavy>}}
        value: 3 CNY/kg
        marks: {selected: 30 %, <heavy>: 50 %, <urgent>: 10 %}
        inspection: <rule>
        patience: {after: 3 h, share: 50 %, at: [<gate>, <papers>, <yard>], loses: 10 %}
        holding_back: {closures_over: 4 h, sets_out: 70 %, rest: never}
        diversion: {to: <west>.<others>, after: 2 h, while: [<day>, <long>], share: 50 %, detour: 3 h}
        consignment: 2
        spoilage: {rate: 5 %/d}
      <escorts>: {route: <beside>, companion_of: <trucks>}
      <vans>:
        route: <across>
        volume: 20 vans per d
        months: <late>
        convoy: {size: {uniform: {low: 1 cars, high: 5 cars}}, gap: 1 min}
        payload: {lognormal: {mean: 2 t, cv: 0.3}}
        marks: {selected: 20 %, <heavy>: 30 %}
        priority: 3
  <west>:
    label: {en: West}
    stations: {<exit>: {service: {triangular: {low: 1 min, mode: 2 min, high: 9 min}}}}
    routes: {<through>: {steps: [<exit>]}}
    flows: {<others>: {route: <through>, diverted_from: <east>.<trucks>}}
"""
POLICIES = {
    "<faster>": """
        effects:
          - {on: {station: <search>, task: <look>}, scale: 50 %}
          - {on: {flow: <trucks>, mark: <heavy>}, scale_share: 50 %}
        """,
    "<grouped>": """
        adoption: 40 %
        variant: <first>
        variants:
          <first>: [{on: {flow: <trucks>}, priority: 2}]
          <second>: [{on: {station: <papers>}, once_per: consignment}]
        after: [<faster>]
        """,
    "<slower>": """
        effects:
          - {on: {port: <east>, station: <papers>}, pace: 80 %}
          - {on: {port: <east>, resource: <officers>}, add_servers: -1, first_day: 2024-01-05, last_day: 2024-01-05}
          - {on: {port: <east>, calendar: <day>}, close: {first_day: 2024-01-06, last_day: 2024-01-06}}
        """,
}
# Names that must differ from one another; across the lines, one name may be given to several things.
# Policies select stations of both ports by name; what is entered may not be called as a station.
SPACES = (
    ("east", "west"),
    ("trucks", "escorts", "vans"),
    ("others",),
    ("day", "long"),
    ("holiday", "slide", "storm", "fog"),
    ("rain", "cold"),
    ("lanes", "bays", "permits", "officers", "yard", "gate", "papers", "search", "exit"),
    ("unload", "look"),
    ("across", "beside"),
    ("through",),
    ("done",),
    ("heavy", "urgent", "known", "poor"),
    ("first_load", "second_load"),
    ("early", "late"),
    ("rule",),
    ("faster", "grouped", "slower"),
    ("first", "second"),
    ("goods", "guests"),
    ("figure",),
)
# What is part of no draw's address: breakdowns, daily shares and random closures have one, what stands here has not.
FREE = (
    ("day", "long"),
    ("across", "beside"),
    ("through",),
    ("done",),
    ("known", "poor"),
    ("early", "late"),
    ("rule",),
    ("first", "second"),
    ("goods", "guests"),
    ("figure",),
    ("bays", "permits", "officers"),
    ("holiday",),
    ("cold",),
    ("slower",),
)
# Words that the program or a scenario file uses itself.
WORDS = (
    *(
        "source",
        "label",
        "assumed",
        "description",
        "title",
        "question",
        "reported",
        "name",
        "x",
        "on",
        "off",
        "yes",
        "no",
    ),
    *(
        "inf",
        "nan",
        "e1",
        "visit",
        "policy",
        "port",
        "flow",
        "station",
        "service",
        "capacity",
        "volume",
        "kind",
        "share",
    ),
    *(
        "patience",
        "arrivals",
        "trader",
        "sets_out",
        "convoy",
        "diversion",
        "closed",
        "start",
        "length",
        "happens",
        "slow",
    ),
    *("visited", "adopted", "breakdown", "inspection", "scan", "items", "passage", "total", "waiting", "replication"),
    *METRICS,
)
# Words that a file cannot use for everything; where it can, they change nothing.
STRICTER = (
    *{name for names in RESERVED.values() for name in names if "." not in name},
    *("payload", "selected", "contraband", "opened", "found", "if", "wait", "signal", "enter"),
    *("leave", "normal", "uniform", "exponential", "empirical", "constant", "mixture", "law"),
)
ANY_NAME = st.sampled_from([word for word in WORDS if word not in STRICTER]) | st.from_regex(
    "[a-z][a-z0-9_-]{0,5}", fullmatch=True
)
TOKEN = re.compile("<([a-z_]+)>")


def renamed(spaces: tuple[tuple[str, ...], ...]) -> st.SearchStrategy[dict[str, str]]:
    """Other names for some of the things in the scenario, not those of the others."""
    kept = {name for space in SPACES for name in space} - {name for space in spaces for name in space}
    name = ANY_NAME.filter(lambda name: name not in kept and name not in STRICTER)
    lists = [st.lists(name, min_size=len(space), max_size=len(space), unique=True) for space in spaces]
    pairs = st.tuples(*lists).map(
        lambda new: {
            old: name for space, names in zip(spaces, new, strict=True) for old, name in zip(space, names, strict=True)
        }
    )
    return pairs.filter(told_apart)


def called(names: Mapping[str, str]) -> Scenario:
    """The scenario with other names; those that are not given are their own."""

    def put(text: str) -> str:
        return TOKEN.sub(lambda found: names.get(found[1], found[1]), text)

    return read(put(SCENARIO), policies={put(name): put(text) for name, text in POLICIES.items()})


def told_apart(names: Mapping[str, str]) -> bool:
    """True if tables tell the renamed things apart: a group from ports and flows, stations from resources."""
    new = {old: names.get(old, old) for space in SPACES for old in space}
    flows = {new[old] for old in ("trucks", "escorts", "vans", "others")}
    groups = {new["goods"], new["guests"]}
    places = {new[old] for old in ("yard", "gate", "papers", "search", "exit")}
    return not (groups & (flows | {new["east"], new["west"]}) or new["done"] in places)


@cache
def plain() -> Measures:
    return measured({})


def measured(names: Mapping[str, str]) -> Measures:
    return replicate(prepare(called(names)), seed=1, replication=0)


def same_figures(found: Measures, expected: Measures, names: Mapping[str, str]) -> None:
    """The same values in the same order, under names that differ as those of the scenario do."""
    assert np.array_equal(found.numbers, expected.numbers, equal_nan=True)
    for new, old in zip(found.keys, expected.keys, strict=True):
        renamed = [".".join(names.get(part, part) for part in text.split(".")) for text in old[:3]]
        assert new == (*renamed, old[3])


def numbered(self: Streams, owner: str, purpose: str) -> bytes:
    """In the place of an address' hash: its number, by when it was first asked for in this replication."""
    seen: dict[tuple[str, str], int] = vars(self).setdefault("seen", {})
    number = seen.setdefault((owner, purpose), len(seen))
    return np.random.SeedSequence([self.seed, self.replication, number]).generate_state(3, np.uint64).tobytes()


@cache
def by_order() -> Measures:
    return measured_by_order({})


def measured_by_order(names: Mapping[str, str]) -> Measures:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Streams, "_digest", numbered)
        return measured(names)


def test_everything_in_the_scenario_matters() -> None:
    """A scenario in which nothing happens would pass the tests below."""
    values = plain().values
    assert values["all", "all", "all", "vehicles_cleared"] > 100
    assert values["west", "others", "all", "vehicles_cleared"] > 0
    for metric in ("contraband_found", "vehicles_abandoned", "vehicles_diverted", "unfinished", "delay_cost"):
        assert values["east", "trucks", "all", metric] > 0, metric
    assert set(TOKEN.findall(SCENARIO + "".join(POLICIES) + "".join(POLICIES.values()))) == set(sum(SPACES, ()))


@given(renamed(FREE))
@settings(max_examples=15, deadline=None)
def test_what_has_no_address_may_be_called_anything(names: dict[str, str]) -> None:
    same_figures(measured(names), plain(), names)


@given(renamed(SPACES))
@settings(max_examples=25, deadline=None)
def test_on_names_nothing_but_the_luck_depends(names: dict[str, str]) -> None:
    same_figures(measured_by_order(names), by_order(), names)


@given(st.sampled_from([name for space in SPACES for name in space]), st.sampled_from(STRICTER))
@settings(max_examples=25, deadline=None)
def test_a_name_that_means_something_else_is_refused_or_changes_nothing(token: str, name: str) -> None:
    try:
        found = measured_by_order({token: name})
    except ScenarioInvalid:
        return
    same_figures(found, by_order(), {token: name})


@given(renamed(SPACES), st.sampled_from(SPACES))
@settings(max_examples=10, deadline=None)
def test_every_name_counts_in_the_hash(names: dict[str, str], space: tuple[str, ...]) -> None:
    """All but those of what is for readers."""
    before = scenario_hash(called({}))
    one = {space[0]: names[space[0]]}
    assert (scenario_hash(called(one)) == before) is (space in (("figure",), ("first", "second")))


def test_a_policy_called_like_a_pace_or_a_closure_leaves_it_alone() -> None:
    """An object that a policy adds to a port has a name that no file can write."""
    for other in ("cold", "holiday"):
        names = {"slower": other}
        same_figures(measured(names), plain(), names)
