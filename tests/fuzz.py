"""Mutated scenarios: small ones that between them use every key of the format, changed at random but by a seed.

A case is a scenario with the policies and the trace beside it, as plain data. `mutated` changes it; a `Bench` loads it,
simulates a day of it and says what is wrong with what came out, so that a test may ask for nothing at all.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from borderport import bounds
from borderport.bounds import Bound
from borderport.errors import ScenarioInvalid, TooLarge
from borderport.experiment import Study, prepare, simulate
from borderport.loading import load_scenario
from borderport.loading.catalogue import _read_policy
from borderport.loading.yaml import read_yaml
from borderport.metrics import METRICS, Measures, measure
from borderport.scenario import Horizon, Scenario

Outcome = Literal["refused", "too large", "too long to wait for", "ran"]
Path_ = tuple[str | int, ...]
MOST_MOMENTS = 100_000  # of a case that is run: what takes longer than some hundredths of a second is not waited for
MAY_BE_NEGATIVE = ("buffer_index",)

YARDS = """
title: Yards, quotas, consignments, companions
question: Who waits for whom?
horizon: {start: "2024-02-28 06:00", end: 2024-03-04, zone: Asia/Kathmandu, lead_in: 2 h}
profiles: {even: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5]}
groups: {heavy: [east.trucks, east.tractors], both: [east.trucks, west.trucks]}
reported:
  year: {port: east, flow: trucks, tonnes: 2 kt, first_day: 2024-02-28, last_day: 2024-02-29, source: a table}
  some: {vehicles: 120, first_day: 2024-02-28, last_day: 2024-03-01, assumed: for a test}
policies:
  faster: {adoption: 60 %, strength: 80 %, variant: B, assumed: for a test}
  wider:
ports:
  east:
    label: {en: East, zh: 东}
    zone: Asia/Shanghai
    altitude: 1,500 m
    assumed: for a test
    calendars:
      day: {open: ["06:00-12:30", "13:30-20:00"], closed_on: [sunday], source: a table}
      night: {open: ["20:00-04:00"], zone: Asia/Kathmandu, season: {first: 11-01, last: 03-31}, assumed: for a test}
    closures:
      fixed: {stops: [day], first_day: 2024-03-02, last_day: 2024-03-02, assumed: for a test}
      storms: {stops: all, random: {count: 2, chance: 50 %, length: 5 h, first_day: 2024-02-28, last_day: 2024-03-03}}
      strikes: {stops: [night], random: {every: 30 h, length: {lognormal: {mean: 3 h, cv: 1}}}}
      snow: {stops: [day, night], random: {daily_share: 10 %}}
    paces:
      rain: {factor: 50 %, otherwise: 95 %, daily_share: 40 %, season: {first: 02-15, last: 09-30}, assumed: for a test}
      rush: {factor: 150 %, first_day: 2024-02-28, last_day: 2024-02-29, assumed: for a test}
    resources:
      lane:
        label: {en: lane, zh: 车道}
        capacity: 3
        calendar: day
        holding_area: 250 m
        periods: [{first_day: 2024-02-29, last_day: 2024-03-01, capacity: 1, assumed: for a test}]
        breakdowns: {every: 20 h, length: {exponential: {mean: 1 h}}, servers: 1, assumed: for a test}
        source: a table
      hoist: {capacity: 2, calendar: night, assumed: for a test}
      yard: {capacity: 12}
      tokens: {quota: {amount: 40, first_day: 2024-02-28, last_day: 2024-03-02}}
    stations:
      gate: {label: {en: gate}, needs: [lane], service: 2 min, pace: rain, officers: 1, assumed: for a test}
      token: {needs: [tokens], service: 1 s}
      desk: {service: {triangular: {low: 1 min, mode: 2 min, high: 9 min}}, declaration: true, once_per: consignment}
      bay:
        needs: [lane, hoist]
        inspection: true
        officers: 2
        tasks:
          open: {service: {gamma: {mean: 20 min, cv: 0.6}}, if: selected}
          weigh: {service: {uniform: {low: 1 min, high: 3 min}}}
      turn: {service: {normal: {mean: 5 min, sd: 2 min, low: 1 min, high: 20 min}}, pace: rush}
    routes:
      out:
        label: {en: out}
        steps: [token, {enter: yard}, desk, bay: {if: selected, holds_until: gate}, {signal: go}, gate, {leave: yard}]
        passage: {from: desk, to: gate, clock: day}
        assumed: for a test
      along: {steps: [turn, {wait: go}, {west.gate: {share: 30 %}}]}
    flows:
      trucks:
        label: {en: trucks, zh: 货车}
        route: out
        direction: export
        volume: 21,960 trucks per year
        months: even
        weekdays: [1, 1, 1, 1, 1, 1, 0.5]
        hours: {calendar: day, first: 3 h, share: 60 %}
        payload: {cargo: {law: {normal: {mean: 18 t, sd: 3 t}}}, extra: {law: 2 t, if: fragile, cleared_after: desk}}
        value: 25 CNY/kg
        marks: {selected: 30 %, fragile: 20 %}
        patience: {after: 6 h, share: 50 %, at: [yard, bay], loses: 10 %}
        holding_back: {closures_over: 2 h, sets_out: 50 %, rest: never}
        consignment: 3
        priority: 4
        vehicle_length: 18 m
        spoilage: {rate: 2 %/d, after: 4 h, assumed: for a test}
        time_cost: 30 CNY/h
        idling: 2 l/h
        diversion: {to: west.trucks, after: 1 h, while: [day], share: 60 %, detour: 2 h}
        source: a table
      tractors: {route: along, companion_of: trucks, counts: vehicles}
  west:
    label: {en: West}
    calendars: {all-day: {open: ["00:00-24:00"]}}
    resources: {gate: {capacity: 2, calendar: all-day}}
    stations: {gate: {needs: [gate], service: {beta: {a: 2, b: 5, low: 1 min, high: 10 min}}}}
    routes: {out: {steps: [gate]}}
    flows: {trucks: {route: out, diverted_from: east.trucks, patience: {after: 2 h, share: 20 %, at: [gate]}}}
costs:
  time: {rate: 25 CNY/h, source: a table}
  idling: {rate: 1.7 l/h, share: 25 %, assumed: for a test}
  altitude: {extra_per_km: 3 %}
  fuel: {price: 8 CNY/l}
  co2: {per_litre: 2.7 kg/l}
  officers: {rate: 90 CNY/h}
"""

INSPECTION = """
title: Inspection, a trace, convoys, persons
horizon: {start: 2024-07-01, end: 2024-07-03}
inspections:
  cargo:
    contraband: {share: 20 %, items: {triangular: {low: 20 items, mode: 50 items, high: 90 items}}, bad_items: 3 items}
    traders:
      known: {share: 30 %, selection: 20 %, contraband: 10 %, assumed: for a test}
      new: {share: 10 %, selection: 500 %, contraband: 300 %}
    targeting: 70 %
    scan: {sensitivity: 80 %, false_alarms: 5 %, source: a table}
    sample: {level: 5 %, confidence: 95 %}
  bags:
    contraband: {share: 5 %, items: 40 items, bad_share: {beta: {a: 1, b: 9, low: 0 %, high: 100 %}}}
    sample: {items: 5}
policies:
  inland: {}
  longer: {cost: {once: 3 M CNY, life: 10 years, per_year: 0.1 M CNY, assumed: for a test}}
ports:
  north:
    label: {en: North}
    zone: Europe/London
    calendars: {desk: {open: ["05:00-23:00"]}}
    paces: {slow: {factor: 0 %, daily_share: 5 %}}
    resources:
      desks: {capacity: 2, calendar: desk}
      bays: {capacity: 1}
    stations:
      desk: {needs: [desks], service: {empirical: [1 min, 2 min, 90 s]}, officers: 1, pace: slow}
      depot: {service: 3 min}
      check:
        needs: [bays]
        inspection: true
        officers: 3
        service: {mixture: [{share: 70 %, law: 5 min}, {share: 30 %, law: {exponential: {mean: 20 min}}}]}
    routes:
      in: {steps: [desk, check: {if: selected}, depot: {unless: selected}], passage: {from: desk, to: desk}}
      walk: {steps: [desk]}
    flows:
      seen: {route: in, arrivals: {trace: seen.csv}, inspection: cargo, direction: import, marks: {selected: 40 %}}
      cars:
        route: in
        volume: 4 cars per h
        active_from: 2024-06-30
        active_until: "2024-07-02 12:00"
        convoy: {size: {lognormal: {mean: 5 cars, cv: 0.8}}, gap: 20 s}
        hours: [0, 0, 0, 0, 0, 1, 2, 3, 3, 2, 1, 1, 1, 1, 1, 1, 2, 3, 2, 1, 1, 1, 0, 0]
        months: [1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1]
        payload: {car: {law: 1.5 t}, bag: {law: 100 kg, if: laden}}
        value: 8,000 CNY/vehicle
        inspection: cargo
        marks: {selected: 25 %, laden: 50 %}
        patience: {after: 1 h, share: 50 %, at: [desk], goods: wait, fetched_after: {uniform: {low: 1 h, high: 9 h}},
          still_worth: 80 %, goes_along: [bag], loses: 20 %}
        holding_back: {closures_over: 2 h, sets_out: 50 %, rest: {exponential: {mean: 4 h}}}
      walkers:
        route: walk
        counts: persons
        volume: 60 persons per d
        arrivals: fixed
        inspection: bags
        marks: {selected: 5 %}
"""

POLICIES = """
faster:
  effects:
    - {on: {port: east, station: gate}, service: 1 min}
    - {on: {station: bay, task: weigh}, scale: 50 %, assumed: for a test}
    - {on: {flow: trucks, mark: selected}, scale_share: 70 %}
  variants:
    A: [{on: {flow: trucks}, priority: 2}]
    B: [{on: {flow: trucks}, cap_payload: 15 t, first_day: 2024-02-28, last_day: 2024-03-01}]
  variant: A
  adoption: 90 %
wider:
  after: [faster]
  cost: {once: 1 M CNY, life: 5 years, assumed: for a test}
  effects:
    - {on: {resource: lane}, add_servers: 1, first_day: 2024-02-28, last_day: 2024-02-29}
    - {on: {resource: yard}, add_servers: 5}
    - {on: {calendar: day}, open: ["06:00-20:00"]}
    - {on: {port: east, station: turn}, pace: 120 %}
    - {on: {calendar: night}, close: {first_day: 2024-03-01, last_day: 2024-03-01}}
    - {on: {flow: trucks}, consignment: 4}
    - {on: {flow: trucks}, scale_volume: 110 %}
inland:
  effects:
    - {on: {station: check}, inland: depot}
    - {on: {flow: cars, mark: selected}, share: 30 %}
  adoption: 50 %
longer:
  effects:
    - {on: {station: desk}, skip: true}
    - {on: {port: north, station: desk}, once_per: consignment}
  adoption: 20 %
"""

TRACE: dict[str, list[Any]] = {
    "arrival": ["2024-07-01 05:00:00", "2024-07-01 06:30:00", "2024-07-01 06:30:00", "2024-07-01T21:00:00+01:00"],
    "payload_t": [12, 3.5, 0, 18],
    "value_cny": [1000, 250000, 3, 7],
    "consignment": ["a", "a", "b", "c"],
    "selected": [1, 0, 0, 1],
    "desk_s": [30, 60, 90, 120],
}

NUMBERS = [
    *"0 1 2 0.5 3.25 17 99.9 100 1000 1000000 1e-300 1e-9 0.001 1e4 1e6 1e9 1e12 1e15 1e18 1e300 -1 +5 1,500".split(),
    *"1,5 0.999999999 1.000000001".split(),
    "12 000",
]
UNITS: tuple[tuple[str, ...], ...] = (
    ("ms", "s", "min", "h", "d"),
    ("kg", "t", "kt"),
    ("%", "per mille"),
    ("CNY", "M CNY", "bn CNY"),
    ("m", "km"),
    ("items", "boxes"),
    ("trucks per year", "cars per d", "persons per h", "t per year", "kt per d", "kg per h"),
    ("CNY/kg", "CNY/t", "bn CNY/kt", "CNY/vehicle"),
)
EDGES = [value.text for value in vars(bounds).values() if isinstance(value, Bound)]
NAMED = (
    "ports calendars closures paces resources stations tasks routes flows marks payload groups reported traders "
    "inspections profiles policies"
).split()
LAWS = (
    "constant: {}",
    "lognormal: {{mean: {}, cv: {cv}}}",
    "exponential: {{mean: {}}}",
    "gamma: {{mean: {}, cv: {cv}}}",
    "normal: {{mean: {}, sd: {}}}",
    "normal: {{mean: {}, sd: {}, low: {}, high: {}}}",
    "uniform: {{low: {}, high: {}}}",
    "beta: {{a: {cv}, b: {cv}, low: {}, high: {}}}",
    "triangular: {{low: {}, mode: {}, high: {}}}",
    "empirical: [{}, {}, {}]",
    "mixture: [{{share: 30 %, law: {}}}, {{share: 70 %, law: {}}}]",
)
SHAPES = "0 0.001 0.3 1 2.5 20 99 1e-300 1e9 -1".split()
TEXTS = "all poisson fixed vehicle consignment persons import selected contraband x".split()
_QUANTITY = re.compile(r"([0-9][0-9.,]*) ([a-zA-Z%].*)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WINDOW = re.compile(r"\d{2}:\d{2}-\d{2}:\d{2}")
_MONTH_DAY = re.compile(r"\d{2}-\d{2}")
_TAKES_LAW = "service length size items bad_items bad_share law payload constant".split()


@dataclass(frozen=True)
class Case:
    """A scenario with the policies beside it, by name, and the columns of its trace, as plain data."""

    scenario: dict[str, Any]
    policies: dict[str, Any]
    trace: dict[str, list[Any]]

    def files(self) -> dict[str, str]:
        """Its files by their path in one folder; JSON is YAML too."""
        texts = {"case.yaml": json.dumps(self.scenario)}
        for name, policy in self.policies.items():
            full = {"title": {"en": name}, "description": "For a test.", "assumed": "for a test"}
            full.update(policy if isinstance(policy, dict) else {"effects": policy})
            texts[f"policies/{name}.yaml"] = json.dumps(full)
        columns = [column if isinstance(column, list) else [column] for column in self.trace.values()]
        rows = [list(self.trace), *itertools.zip_longest(*columns, fillvalue="")]
        return {**texts, "seen.csv": "".join(",".join(map(str, row)) + "\n" for row in rows)}


def read(text: str) -> Any:
    """YAML text as plain data, by the rules of scenario files."""
    node, findings = read_yaml(text.encode(), "base.yaml")
    assert node is not None and not findings, findings
    return node.plain()


def bases() -> list[Case]:
    """The scenarios that cases are made from."""
    return [Case(read(text), read(POLICIES), TRACE) for text in (YARDS, INSPECTION)]


def cases(seed: int) -> Iterator[Case]:
    """Cases without end, each of one to three changes of a base; case by case the same for the same seed."""
    known = bases()
    for number in itertools.count():
        yield mutated(known[number % len(known)], random.Random(f"{seed}-{number}"))


def mutated(case: Case, rng: random.Random) -> Case:
    """A copy of a case with some changes."""
    new = copy.deepcopy(case)
    trees: list[Any] = [new.scenario] * 12 + [new.policies] * 3 + [new.trace]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = rng.choice(trees)
        places = [place for place in _places(tree) if place]
        if places:
            rng.choice(_CHANGES)(tree, rng.choice(places), rng)
    return new


def _places(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of everything in a tree."""
    yield path
    for key, item in _items(tree):
        yield from _places(item, (*path, key))


def _items(tree: Any) -> list[tuple[Any, Any]]:
    if isinstance(tree, dict):
        return list(tree.items())
    return list(enumerate(tree)) if isinstance(tree, list) else []


def _at(tree: Any, path: Path_) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _put(tree: Any, path: Path_, value: Any) -> None:
    _at(tree, path[:-1])[path[-1]] = value


def _change_value(tree: Any, path: Path_, rng: random.Random) -> None:
    """Another value of the same kind: a number, a unit, a date, a window, a text."""
    value = _at(tree, path)
    if isinstance(value, bool) or value is None:
        _put(tree, path, rng.choice((True, False, None, {})))
    elif isinstance(value, int | float):
        _put(tree, path, _near(float(value), rng) if rng.random() < 0.5 else _plain(rng.choice(NUMBERS)))
    elif isinstance(value, str):
        _put(tree, path, _other_text(value, path, tree, rng))
    else:
        inside = [place for place in _places(value) if place and not _items(_at(value, place))]
        if inside:
            _change_value(tree, (*path, *rng.choice(inside)), rng)


def _near(value: float, rng: random.Random) -> float:
    """A number some powers of ten from another, whole where that is."""
    near = (value or 1.0) * 10 ** rng.uniform(-2, 2)
    return round(near) if value == round(value) and rng.random() < 0.8 else near


def _plain(text: str) -> Any:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text


def _other_text(value: str, path: Path_, tree: Any, rng: random.Random) -> Any:
    quantity = _QUANTITY.fullmatch(value)
    if quantity is not None:
        number, unit = quantity.groups()
        kind = rng.randrange(4)
        if kind == 0:
            return f"{_near(float(number.replace(',', '')), rng):.6g} {unit}"
        if kind == 1:
            edges = [edge for edge in EDGES if _QUANTITY.fullmatch(edge) and _of_one_kind(edge.partition(" ")[2], unit)]
            return rng.choice([*edges, *(f"{odd} {unit}" for odd in rng.choices(NUMBERS, k=4))])
        if kind == 2 or path[-1] not in _TAKES_LAW:
            return f"{number} {_other_unit(unit, rng)}"
        return _law(number, unit, rng)
    if _DATE.match(value):
        moved = np.datetime64(value[:10]) + rng.choice((-400, -3, -1, 0, 1, 2, 400, 40_000))
        return f"{moved}{value[10:]}"
    if _WINDOW.fullmatch(value):
        return "-".join(f"{rng.randrange(25):02d}:{rng.choice((0, 30, 59)):02d}" for _ in range(2))
    if _MONTH_DAY.fullmatch(value):
        return f"{rng.randrange(1, 13):02d}-{rng.randrange(1, 32):02d}"
    texts = [_at(tree, place) for place in _places(tree)]
    return rng.choice([*TEXTS, *(text for text in texts if isinstance(text, str))])


def _of_one_kind(unit: str, other: str) -> bool:
    return any(unit in kind and other in kind for kind in UNITS)


def _other_unit(unit: str, rng: random.Random) -> str:
    """A unit of the same kind, or now and then of any."""
    likely = [other for kind in UNITS for other in kind if _of_one_kind(unit, other)]
    return rng.choice(likely if likely and rng.random() < 0.9 else list(itertools.chain(*UNITS)))


def _law(number: str, unit: str, rng: random.Random) -> Any:
    """A law around a quantity, most of them right."""
    middle = float(number.replace(",", ""))
    some = sorted(middle * 10 ** rng.uniform(-1, 1) for _ in range(4))
    quantities = [f"{value:.6g} {unit}" if rng.random() < 0.95 else f"{rng.choice(NUMBERS)} {unit}" for value in some]
    shape = rng.choice(SHAPES)
    return read(f"{{{rng.choice(LAWS).format(*quantities, cv=shape)}}}")


def _drop(tree: Any, path: Path_, rng: random.Random) -> None:
    del _at(tree, path[:-1])[path[-1]]


def _repeat(tree: Any, path: Path_, rng: random.Random) -> None:
    """An item of a list twice, or what has a name under another name as well."""
    path = rng.choice(
        [p for p in _places(tree) if p and (_named(p) or (isinstance(p[-1], int) and p[-1] < 5))] or [path]
    )
    above, value = _at(tree, path[:-1]), copy.deepcopy(_at(tree, path))
    if isinstance(above, list):
        above.insert(rng.randrange(len(above) + 1), value)
    else:
        above[rng.choice(("x", "again", "all", f"{path[-1]}-2"))] = value


def _named(path: Path_) -> bool:
    """True if the last part of a path is a name that the file's author chose."""
    return len(path) > 1 and path[-2] in NAMED and isinstance(path[-1], str)


def _swap(tree: Any, path: Path_, rng: random.Random) -> None:
    """Two values change places, where they are of one kind most of the time."""
    value = _at(tree, path)
    likely = [place for place in _places(tree) if place and place[-1] == path[-1]]
    other = rng.choice(likely if rng.random() < 0.7 else [place for place in _places(tree) if place])
    if path[: len(other)] != other and other[: len(path)] != path:
        _put(tree, path, copy.deepcopy(_at(tree, other)))
        _put(tree, other, value)


def _rename(tree: Any, path: Path_, rng: random.Random) -> None:
    """Something gets another name, most of the time wherever it is mentioned."""
    path = rng.choice([place for place in _places(tree) if _named(place)] or [path])
    old, new = str(path[-1]), rng.choice(("renamed", "all", "x_1", "a-b", "source", "label"))
    if rng.random() < 0.2:
        items = {new if key == old else key: value for key, value in _items(_at(tree, path[:-1]))}
        _put(tree, path[:-1], items) if path[:-1] else None
        return
    text = json.dumps(tree)
    renamed = json.loads(re.sub(rf'(?<=["./]){re.escape(old)}(?=["./])', new, text))
    tree.clear()
    tree.update(renamed)


def _copy(tree: Any, path: Path_, rng: random.Random) -> None:
    """Write the value at one place over that with the same key at another."""
    likely = [place for place in _places(tree) if place and place[-1] == path[-1] and place != path]
    if likely:
        other = rng.choice(likely)
        if path[: len(other)] != other and other[: len(path)] != path:
            _put(tree, path, copy.deepcopy(_at(tree, other)))


_CHANGES = (_change_value,) * 8 + (_drop, _repeat, _swap, _rename, _copy)


class Bench:
    """A bench on which cases are tried out, one after the other.

    Parameters
    ----------
    folder : Path
        Folder for their files; a file that did not change is not written or read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, str] = {}
        self.policies: dict[Path, Any] = {}
        (folder / "policies").mkdir()

    def policy(self, path: Path) -> Any:
        """The content of a policy's file for `borderport.loading.catalogue`, which would read it for every case."""
        if path not in self.policies:
            self.policies[path] = _read_policy(path)
        return self.policies[path]

    def write(self, case: Case) -> Path:
        """Write the files of a case; returns the scenario's."""
        files = case.files()
        for name in self.written.keys() - files.keys():
            (self.folder / name).unlink()
        for name, text in files.items():
            if self.written.get(name) != text:
                (self.folder / name).write_text(text)
                self.policies.pop(self.folder / name, None)
        self.written = files
        return self.folder / "case.yaml"

    def try_out(self, case: Case, *, both_engines: bool = False) -> tuple[Outcome, list[str]]:
        """Load a case, simulate its first day, and say what came of it and what is wrong with the figures.

        Parameters
        ----------
        case : Case
        both_engines : bool
            True if the reference must return the same timeline.

        Returns
        -------
        outcome : str
        faults : list of str
            Messages that say nothing, and figures that no simulation can have. Anything but a refusal is raised.
        """
        try:
            scenario = load_scenario(str(self.write(case))).scenario
        except ScenarioInvalid as error:
            return "refused", [str(p) for p in error.problems if not p.message or "Error" in p.message]
        try:
            study = prepare(first_day(scenario))
        except TooLarge:
            return "too large", []
        expected = study.manifest.expected_vehicles()
        if sum(expected[plan.name] * len(plan.columns) for plan in study.network.flows) > MOST_MOMENTS:
            return "too long to wait for", []
        return "ran", list(_faults(study, both_engines))


def first_day(scenario: Scenario) -> Scenario:
    """The scenario with a day of its horizon only, and of its lead-in at most six hours."""
    given = scenario.horizon
    day = Horizon.model_construct(
        start=given.start,
        end=min(given.end, given.start + timedelta(days=1)),
        zone=given.zone,
        lead_in=min(given.lead_in, 6 * 3_600_000),
    )
    return scenario.model_copy(update={"horizon": day})


def _faults(study: Study, both_engines: bool) -> Iterator[str]:
    manifest, timeline = simulate(study, 1, 0)
    if both_engines:
        _, other = simulate(study, 1, 0, "simpy")
        for name in ("moments", "exit_ms", "outcome", "standing", "busy_ms", "queue_max", "queue_ms"):
            if not np.array_equal(getattr(timeline, name), getattr(other, name)):
                yield f"the engines differ in {name}"
    yield from figure_faults(measure(study.metrics, manifest, timeline))


def figure_faults(measures: Measures) -> Iterator[str]:
    """Figures that are infinite, negative where none can be, missing where there were vehicles, or out of balance."""
    for (port, flow, station, metric), value in measures.values.items():
        where = f"{port}, {flow}, {station}, {metric}: {value}"
        if math.isinf(value):
            yield f"{where} is infinite"
        if value < 0 and not metric.endswith(MAY_BE_NEGATIVE):
            yield f"{where} is negative"
        if METRICS.get(metric) is not None and METRICS[metric].unit == "vehicles" and math.isnan(value):
            yield f"{where} is not there"
        if metric == "passage_time_mean" and station == "all":
            cleared = measures.values[port, flow, station, "vehicles_cleared"]
            if math.isnan(value) != (cleared == 0):
                yield f"{where}, with {cleared} cleared"
        if metric == "vehicles_arrived":
            kinds = ("vehicles_cleared", "vehicles_abandoned", "unfinished")
            if value != sum(measures.values[port, flow, station, kind] for kind in kinds):
                yield f"{where} does not balance"
