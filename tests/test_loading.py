"""Scenario files: what is read from them, and what is said about every mistake."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from borderport.distributions import LAW_NAMES, Constant, Gamma, Lognormal
from borderport.errors import Problem, ScenarioInvalid, UsageError
from borderport.loading import (
    Loaded,
    Origin,
    builtin_folder,
    builtin_names,
    load_policies,
    load_scenario,
    policy_schema,
    scenario_schema,
    schema_text,
)
from borderport.loading import files as loading_files
from borderport.loading.merge import law_name, merged
from borderport.loading.tree import option_node
from borderport.loading.yaml import MAX_BYTES, read_yaml

TINY = """\
title: Tiny
horizon: {start: 2024-01-01, end: 2024-02-01}
ports:
  east:
    label: {en: East}
    calendars:
      day: {open: ["08:00-16:00"]}
    resources:
      lane: {capacity: 1, calendar: day}
      yard: {capacity: 5}
    stations:
      gate: {needs: [lane], service: 2 min}
      dock: {service: 10 min}
    routes:
      out:
        steps:
          - gate
          - {enter: yard}
          - {dock: {if: heavy}}
          - {leave: yard}
    flows:
      cars: {route: out, volume: 100 cars per year, payload: 2 t, marks: {heavy: 30 %}}
"""
SHORT = "  east: {label: {en: E}, stations: {s: {}}, routes: {r: {steps: [s]}}, "
MINIMAL = f"title: T\nhorizon: {{start: 2024-01-01, end: 2024-01-02}}\nports:\n{SHORT}flows: {{}}}}\n"


def edited(*changes: tuple[str, str]) -> str:
    """The tiny scenario with parts of its text replaced."""
    text = TINY
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def load(folder: Path, text: str | bytes = TINY, **options: Any) -> Loaded:
    file = folder / "tiny.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_scenario(str(file), **options)


def problems(folder: Path, text: str | bytes = TINY, **options: Any) -> list[Problem]:
    """Problems of a scenario; the places without the folder."""
    with pytest.raises(ScenarioInvalid) as caught:
        load(folder, text, **options)
    return [Problem(p.where.replace(f"{folder}{os.sep}", ""), p.path, p.message) for p in caught.value.problems]


def problem(folder: Path, text: str | bytes = TINY, **options: Any) -> Problem:
    """The one thing that is wrong with a scenario."""
    found = problems(folder, text, **options)
    assert len(found) == 1, found
    return found[0]


def plain(text: str | bytes) -> Any:
    node, findings = read_yaml(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    assert node is not None and not findings, findings
    return node.plain()


def complaint(text: str | bytes) -> str:
    _, findings = read_yaml(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    assert findings
    return f"{findings[0].at}: {findings[0].message}"


# ---------------------------------------------------------------------------------------------- what is read


def test_a_tiny_scenario_is_read(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    port = loaded.scenario.ports["east"]
    assert loaded.scenario.name == "tiny"
    assert port.stations["gate"].tasks["service"].service == Constant(120_000)
    assert port.flows["cars"].payload["cargo"].law == Constant(2.0)
    assert [step.kind for step in port.routes["out"].steps] == ["visit", "enter", "visit", "leave"]
    assert loaded.plain == loaded.scenario


def test_origins_say_where_each_value_was_written(tmp_path: Path) -> None:
    origins = load(tmp_path).origins
    file = str(tmp_path / "tiny.yaml")
    assert str(origins["ports.east.resources.lane.capacity"]) == f"{file}:9:24"
    assert origins["ports.east.stations.gate.tasks.service.service"] == Origin(file, 12, 38)
    assert origins["ports.east.flows.cars.payload.cargo.law"].line == 22


def test_numbers_and_words_follow_yaml_1_2() -> None:
    text = "a: NO\nb: 22:30\nc: 1e3\nd: 010\ne: 1.10\nf: 2026-01-02\ng: ~\nh: True\ni: 0o17\nj: 0x1F\nk: -0.0\n"
    assert plain(text + "2023: yes\n") == {
        "a": "NO",
        "b": "22:30",
        "c": 1000.0,
        "d": 10,
        "e": 1.1,
        "f": "2026-01-02",
        "g": None,
        "h": True,
        "i": 15,
        "j": 31,
        "k": 0.0,
        "2023": "yes",
    }
    assert str(plain("-0.0")) == "0.0"
    assert plain("['010', \"1e3\"]") == ["010", "1e3"]


@pytest.mark.parametrize("text", [TINY, "a: [1, {b: '2'}]\nc:\nd: ''\n", "a: {b: }\ne: |\n x\n"])
def test_both_parsers_of_pyyaml_give_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_yaml(text.encode(), "f.yaml")
    monkeypatch.setattr("borderport.loading.yaml._PARSER", yaml.SafeLoader)
    assert read_yaml(text.encode(), "f.yaml") == first


def test_byte_order_mark_crlf_and_compositions_do_not_matter() -> None:
    assert plain(b"\xef\xbb\xbfa: 1\r\nb: x\r\n") == {"a": 1, "b": "x"}
    assert plain("cafe\u0301: caf\u00e9") == {"caf\u00e9": "caf\u00e9"}
    assert plain("名: 满洲里 🚚") == {"名": "满洲里 🚚"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_no_scenario(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text).message == "must be a mapping (key: value)"


# ------------------------------------------------------------------------------------------ what is not read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: 'a' is given twice; the first is in line 1"),
        ("cafe\u0301: 1\ncaf\u00e9: 2\n", "f.yaml:2:1: 'caf\u00e9' is given twice; the first is in line 1"),
        ("a: .nan", "f.yaml:1:4: must be a finite number, got '.nan'"),
        ("a: -.inf", "must be a finite number"),
        ("a: 1e999", "too large"),
        ("a: 1000000000000000000000000000000", "more than 18 digits"),
        ("a: &x 1\nb: *x", "f.yaml:1:4: anchors (&name) are not read"),
        ("a: *x", "aliases (*name) are not read"),
        ("a: !!python/name:os.system x", "tags such as"),
        ("a: !!str 5", "tags such as"),
        ("<<: {a: 1}", "merge keys (<<) are not read; use extends"),
        ("? [a]\n: 1", "a key must be a name, not a list"),
        ("{a}: 1", "a key must be a name, not a list"),
        ('"": 1', "a key is missing before ':'"),
        (
            "a:\n\tb: 1",
            "f.yaml:2:1: is not YAML: found character that cannot start any token; indent with spaces",
        ),
        ("a: @b", "put the text in quotes"),
        ("a: [1", "is not YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here"),
        ("a: x\x07y", "f.yaml:1:5: holds the control character U+0007"),
        ("a: 1".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"a: 1\nb: \xff", "f.yaml:2:1: is not UTF-8 text (byte 0xff)"),
        (b"a: \xed\xa0\x80", "is not UTF-8 text"),  # half of a surrogate pair
        (b" " * (MAX_BYTES + 1), "is longer than 1 MB"),
    ],
)
def test_what_is_not_read_is_named(text: str | bytes, says: str) -> None:
    assert says in complaint(text)


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{a: " * 240_000,
        "- " * 490_000,
        "".join(" " * depth + "a:\n" for depth in range(1_000)),
        BOMB,
        "a: [" + "1," * 490_000,
        "".join(f"k{index}:\n" for index in range(120_000)),
        "a: '" + "x" * 990_000 + "'\nb: !t",
    ],
    ids=["lists", "mappings", "dashes", "indentation", "aliases", "many values", "many keys", "long text"],
)
def test_bombs_do_no_harm(text: str) -> None:
    began = time.perf_counter()
    _, findings = read_yaml(text.encode(), "f.yaml")
    assert time.perf_counter() - began < 5  # below 1 s where it was written
    if not text.startswith("k0"):  # 120,000 keys are many, but they are read
        assert findings


def test_many_mistakes_do_not_take_long(tmp_path: Path) -> None:
    began = time.perf_counter()
    found = problems(tmp_path, TINY + "".join(f"titel{index}: 1\n" for index in range(60_000)))
    assert time.perf_counter() - began < 5
    assert len(found) == 21 and found[-1].message.startswith("… and at least ")


# --------------------------------------------------------------------------------------- the shape of values


@pytest.mark.parametrize(
    ("old", "new", "at", "path", "says"),
    [
        (
            "capacity: 1",
            "capcity: 1",
            "capcity",
            "resources.lane.capcity",
            "unknown key 'capcity'; did you mean 'capacity'?",
        ),
        (
            "needs: [lane]",
            "need: [lane]",
            "need:",
            "stations.gate.need",
            "unknown key 'need'; did you mean 'needs'?",
        ),
        ("service: 2", "servise: 2", "servise", "stations.gate.servise", "did you mean 'service'?"),
        (
            "{dock: {if:",
            "{dock: {iff:",
            "iff",
            "routes.out.steps.2.dock.iff",
            "unknown key 'iff'; did you mean 'if'?",
        ),
        ("2 min", "2", "2}", "stations.gate.service", "needs a unit (ms, s, min, h, d), for example '2 ms'"),
        ("2 min", "2 parsecs", "2 parsecs", "stations.gate.service", "unknown duration unit 'parsecs'"),
        ("2 min", "-2 min", "-2", "stations.gate.service", "must not be negative, got '-2 min'"),
        ("capacity: 5", "capacity: -5", "-5", "resources.yard.capacity", "must not be negative, got -5"),
        (
            "capacity: 5",
            "capacity: 2000000",
            "2000000",
            "resources.yard.capacity",
            "must be at most 1,000,000",
        ),
        ("capacity: 5", "capacity: many", "many", "resources.yard.capacity", "must be a whole number"),
        ("capacity: 5", "capacity: 2.5", "2.5", "resources.yard.capacity", "must be a whole number"),
        ("capacity: 5", "capacity: '5'", "'5'", "resources.yard.capacity", "must be a whole number"),
        ("capacity: 5", "capacity: true", "true", "resources.yard.capacity", "must be a whole number"),
        ("capacity: 5", "capacity: .nan", ".nan", "resources.yard.capacity", "must be a finite number"),
        ("{capacity: 5}", "5 lanes", "5 lanes", "resources.yard", "must be a mapping (key: value)"),
        ("30 %", "130 %", "130", "flows.cars.marks.heavy", "a share is at most 100 %"),
        ("{en: East}", "{zh: 东}", "label:", "label.en", "is missing"),
        ("{en: East}", "{en: 5}", "5}", "label.en", 'must be text; write it in quotes: "5"'),
        ("needs: [lane]", "needs: lane", "lane, ser", "stations.gate.needs", "must be a list"),
        (
            "service: 10 min",
            "service: 10 min, tasks: {}",
            "dock:",
            "stations.dock",
            "give service or tasks, not both",
        ),
        (
            "service: 10 min",
            "service: {weibull: 2 min}",
            "service: {w",
            "stations.dock.service",
            "exactly one law of",
        ),
        ("service: 10 min", "declaration: 1", "1}", "stations.dock.declaration", "must be true or false"),
        ("out:", "Out Door:", "Out", "routes.Out Door", "'Out Door' is not a name; use lower-case letters"),
        ("payload: 2 t", "direction: exprot", "exprot", "flows.cars.direction", "did you mean 'export'?"),
        (
            "payload: 2 t",
            "payload: 1e307 kt",
            "1e307",
            "flows.cars.payload",
            "a load is at most 1,000 kt",
        ),
        ("payload: 2 t", "months: [1, 2]", "months", "flows.cars.months", "must have 12 items, got 2"),
        (
            "payload: 2 t",
            "months: 7",
            "7,",
            "flows.cars.months",
            "must be twelve numbers or the name of a profile",
        ),
        ("payload: 2 t", "hours: dawn", "dawn", "flows.cars.hours", "must be 24 numbers, or {calendar: ..."),
        (
            "payload: 2 t",
            "hours: {first: 2 h, share: 1 %}",
            "hours",
            "flows.cars.hours.calendar",
            "is missing",
        ),
        (
            "payload: 2 t",
            "arrivals: sometimes",
            "sometimes",
            "flows.cars.arrivals",
            "must be poisson, fixed or {trace",
        ),
        (
            "payload: 2 t",
            "arrivals: {trase: f}",
            "arrivals",
            "flows.cars.arrivals",
            "must be poisson, fixed or {trace",
        ),
        (
            "payload: 2 t",
            "weekdays: [1, 1, 1, true, 1, 1, 1]",
            "true",
            "flows.cars.weekdays.3",
            "must be a number",
        ),
        (
            "payload: 2 t",
            "weekdays: [1, '1e3', 1, 1, 1, 1, 1]",
            "'1e3'",
            "flows.cars.weekdays.1",
            "must be a number",
        ),
        ("volume: 100 cars per year, ", "", "cars:", "flows.cars", "needs a volume, or a trace of arrivals"),
        (
            "100 cars per year, payload: 2 t",
            "5 kt per year",
            "5 kt",
            "flows.cars.volume",
            "is a mass, which is divided by the mean load, but this flow's vehicles carry none",
        ),
        (
            "100 cars per year, payload: 2 t",
            "5 kt per year, payload: {a: {law: 2 t, if: found}}",
            "5 kt",
            "flows.cars.volume",
            "'found' is not a mark of the flow's own",
        ),
        (
            "capacity: 5",
            "capacity: 5, breakdowns: {every: 1 d}",
            "breakdowns",
            "resources.yard.breakdowns.length",
            "is missing",
        ),
        (
            "payload: 2 t",
            "arrivals: fixed}\n    closures:\n      c: {stops: all, random: {every: 9 d, length: 1 d, chance: 1 %}",
            "random",
            "closures.c.random",
            "chance goes with count",
        ),
        (
            "payload: 2 t",
            "arrivals: fixed}\n    closures:\n      c: {stops: all, random: {every: 1 min, length: 1 d}",
            "random",
            "closures.c.random",
            "every must be at least 1 h",
        ),
        (
            "capacity: 5",
            "capacity: 5, breakdowns: {every: 1 min, length: 1 h}",
            "breakdowns",
            "resources.yard.breakdowns",
            "every must be at least 1 h",
        ),
        (
            "capacity: 5",
            "capacity: 5, breakdowns: {every: 1 d, length: 1 h, servers: 0}",
            "0}",
            "resources.yard.breakdowns.servers",
            "must be at least 1, got 0",
        ),
        (
            "capacity: 5",
            "quota: {amount: 5}, breakdowns: {every: 1 d, length: 1 h}",
            "yard",
            "resources.yard",
            "a quota has no calendar, no periods and no breakdowns",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, at: str, path: str, says: str
) -> None:
    text = edited((old, new))
    found = next(p for p in problems(tmp_path, text) if says in p.message)
    assert found.path in (f"ports.east.{path}", path)
    if at.strip():
        start = text.index(new)
        offset = text.find(at, max(0, start - len(at) - 6))
        assert found.where == place_of(text, offset), found


def place_of(text: str, offset: int) -> str:
    before = text[:offset]
    return f"tiny.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_stops_is_all_or_a_list(tmp_path: Path) -> None:
    text = edited(
        (
            "    resources:",
            "    closures: {c: {stops: day, first_day: 2024-01-02, last_day: 2024-01-03}}\n    resources:",
        )
    )
    assert problem(tmp_path, text).message == "must be 'all' or a list of calendars"


@pytest.mark.parametrize("key", ["name", "adoptions", "amendments", "policy_costs"])
def test_what_the_program_fills_in_may_not_be_given(tmp_path: Path, key: str) -> None:
    found = problem(tmp_path, f"{key}: x\n{TINY}")
    assert (found.where, found.path) == ("tiny.yaml:1:1", key)
    assert found.message.startswith(f"unknown key '{key}'")


def test_duplicate_keys_are_placed_at_the_second(tmp_path: Path) -> None:
    text = edited(("      yard: {capacity: 5}", "      yard: {capacity: 5}\n      lane: {capacity: 2}"))
    found = problem(tmp_path, text)
    assert found == Problem(
        "tiny.yaml:11:7", "ports.east.resources.lane", "'lane' is given twice; the first is in line 9"
    )


# ------------------------------------------------------------------------------------------------ references

COMPANION = (
    "      cars: {",
    "      escort: {route: escort, companion_of: cars}\n      cars: {",
)
ESCORT = ("      out:\n", "      escort: {steps: [dock, {wait: done}]}\n      out:\n")


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        (
            [("- gate", "- gat")],
            "routes.out.steps.0",
            "port 'east' has no station 'gat'; did you mean 'gate'?",
        ),
        ([("- gate", "- west.gate")], "routes.out.steps.0", "unknown port 'west'"),
        (
            [("needs: [lane]", "needs: [lain]")],
            "stations.gate.needs.0",
            "unknown resource 'lain'; did you mean 'lane'?",
        ),
        ([("needs: [lane]", "needs: [lane, lane]")], "stations.gate.needs.1", "needs 'lane' twice"),
        (
            [("calendar: day", "calendar: dai")],
            "resources.lane.calendar",
            "unknown calendar 'dai'; did you mean 'day'?",
        ),
        (
            [("service: 2", "pace: rain, service: 2")],
            "stations.gate.pace",
            "unknown pace 'rain'; there are none",
        ),
        ([("route: out", "route: in")], "flows.cars.route", "unknown route 'in'"),
        ([("payload: 2 t", "months: peak")], "flows.cars.months", "unknown profile 'peak'"),
        (
            [("payload: 2 t", "hours: {calendar: dy, first: 2 h, share: 50 %}")],
            "flows.cars.hours.calendar",
            "unknown calendar 'dy'; did you mean 'day'?",
        ),
        (
            [
                (
                    "    resources:",
                    "    closures:\n"
                    "      c: {stops: [dey], first_day: 2024-01-02, last_day: 2024-01-03}\n"
                    "    resources:",
                )
            ],
            "closures.c.stops.0",
            "unknown calendar 'dey'",
        ),
        (
            [("if: heavy", "if: hevy")],
            "routes.out.steps.2.dock.if",
            "flow 'cars' has no mark 'hevy'; did you mean 'heavy'?",
        ),
        ([("if: heavy", "unless: big")], "routes.out.steps.2.dock.unless", "flow 'cars' has no mark 'big'"),
        (
            [("service: 10 min", "tasks: {look: {service: 1 min, if: odd}}")],
            "stations.dock.tasks.look.if",
            "flow 'cars' has no mark 'odd'",
        ),
        (
            [("payload: 2 t", "payload: {cargo: {law: 2 t, if: big}}")],
            "flows.cars.payload.cargo.if",
            "unknown mark of flow 'cars': 'big'",
        ),
        (
            [("- {leave: yard}", "- {leave: yad}")],
            "routes.out.steps.3.leave",
            "port 'east' has no resource 'yad'",
        ),
        ([("          - {leave: yard}\n", "")], "routes.out.steps.1.enter", "enters 'yard', but neither"),
        ([("          - {enter: yard}\n", "")], "routes.out.steps.2.leave", "leaves 'yard', but neither"),
        (
            [("- gate", "- {enter: yard}\n          - gate")],
            "routes.out.steps.2.enter",
            "enters 'yard' a second time",
        ),
        (
            [("- {leave: yard}", "- {leave: yard}\n          - gate")],
            "routes.out.steps.4",
            "visits 'gate' a second time",
        ),
        (
            [("- gate", "- {gate: {holds_until: lane}}")],
            "routes.out.steps.0.gate.holds_until",
            "no later step visits or enters",
        ),
        (
            [("- gate", "- gate\n          - {wait: go}")],
            "routes.out.steps.1.wait",
            "waits for 'go', but no vehicle",
        ),
        (
            [("        steps:", "        passage: {from: gate, to: doc}\n        steps:")],
            "routes.out.passage.to",
            "did you mean 'dock'?",
        ),
        (
            [("        steps:", "        passage: {from: dock, to: gate}\n        steps:")],
            "routes.out.passage",
            "'gate' comes before 'dock'",
        ),
        (
            [("        steps:", "        passage: {from: gate, to: dock, clock: night}\n        steps:")],
            "routes.out.passage.clock",
            "unknown calendar 'night'",
        ),
        (
            [("payload: 2 t", "patience: {after: 2 h, share: 5 %, at: [lane]}")],
            "flows.cars.patience.at.0",
            "route 'out' does not visit or enter 'lane'; there are gate, yard, dock",
        ),
        (
            [("payload: 2 t", "payload: {goods: {law: 2 t, cleared_after: yrad}}")],
            "flows.cars.payload.goods.cleared_after",
            "route 'out' does not visit 'yrad'; there are gate, dock",
        ),
        (
            [COMPANION, ESCORT],
            "routes.escort.steps.1.wait",
            "waits for 'done', but no vehicle that it travels with signals it",
        ),
        (
            [
                (COMPANION[0], COMPANION[1].replace("cars}", "car}")),
                ESCORT,
                ("- gate", "- gate\n          - {signal: done}"),
            ],
            "flows.escort.companion_of",
            "unknown flow 'car'; did you mean 'cars'?",
        ),
        (
            [
                (COMPANION[0], COMPANION[1].replace("cars}", "cars, consignment: 2}")),
                ESCORT,
                ("- gate", "- gate\n          - {signal: done}"),
            ],
            "flows.escort.consignment",
            "a companion has no consignments of its own",
        ),
    ],
)
def test_a_name_that_points_at_nothing(tmp_path: Path, changes: list[tuple[str, str]], path: str, says: str) -> None:
    found = {p.path: p.message for p in problems(tmp_path, edited(*changes))}
    assert says in found.get(f"ports.east.{path}", ""), found


DIVERSION = "diversion: {to: west.cars, after: 2 d, while: [day], share: 15 %, detour: 36 h}"
WEST = """\
  west:
    label: {en: West}
    stations: {gate: {service: 2 min}}
    routes: {out: {steps: [gate]}}
    flows:
      cars: {route: out, diverted_from: east.cars}
"""


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        (
            "to: west.cars",
            "to: west.car",
            "east.flows.cars.diversion.to",
            "unknown flow 'west.car'; did you mean 'west.cars'?",
        ),
        ("to: west.cars", "to: cars", "east.flows.cars.diversion.to", "'east.cars' does not expect these vehicles"),
        ("while: [day]", "while: [dey]", "east.flows.cars.diversion.while.0", "no calendar 'dey'; did you mean 'day'?"),
        ("while: [day]", "while: [west.day]", "east.flows.cars.diversion.while.0", "port 'west' has no calendar 'day'"),
        (
            "while: [day]",
            "while: [wst.day]",
            "east.flows.cars.diversion.while.0",
            "unknown port 'wst'; did you mean 'west'?",
        ),
        ("while: [day]", "while: []", "east.flows.cars.diversion.while", "must not be empty"),
        ("while: [day], ", "", "east.flows.cars.diversion", "the passage of route 'out' has no clock"),
        ("share: 15 %", "share: 115 %", "east.flows.cars.diversion.share", "a share is at most 100 %"),
        ("detour: 36 h", "detour: 36", "east.flows.cars.diversion.detour", "needs a unit"),
        (", detour: 36 h", "", "east.flows.cars.diversion.detour", "is missing"),
        (
            "from: east.cars",
            "from: east.car",
            "west.flows.cars.diverted_from",
            "unknown flow 'east.car'; did you mean 'east.cars'?",
        ),
        ("from: east.cars", "from: cars", "west.flows.cars.diverted_from", "'west.cars' diverts nobody to 'west.cars'"),
        (
            ", diverted_from: east.cars",
            ", volume: 1 cars per d",
            "east.flows.cars.diversion.to",
            "write 'diverted_from: east.cars' there",
        ),
        (DIVERSION, "payload: 3 t", "west.flows.cars.diverted_from", "'east.cars' diverts nobody to 'west.cars'"),
        ("from: east.cars", "from: east.cars, volume: 1 cars per d", "west.flows.cars", "needs a volume, or"),
        ("from: east.cars", "from: east.cars, companion_of: cars", "west.flows.cars", "diverted_from: one of them"),
        ("from: east.cars", "from: east.cars, payload: 2 t, months: x", "west.flows.cars", "leave out months, payload"),
        (
            "from: east.cars",
            "from: east.cars, diversion: {to: east.cars, after: 1 d, share: 1 %, detour: 1 h}",
            "west.flows.cars",
            "leave out diversion",
        ),
        (
            "from: east.cars}",
            "from: east.cars}\n      men: {route: out, companion_of: cars, "
            "diversion: {to: east.cars, after: 1 d, share: 1 %, detour: 1 h}}",
            "west.flows.men",
            "a companion goes where its leader goes",
        ),
    ],
)
def test_a_diversion_that_cannot_be(tmp_path: Path, old: str, new: str, path: str, says: str) -> None:
    text = edited(("payload: 2 t", DIVERSION)) + WEST
    load(tmp_path, text)
    assert text.count(old) == 1
    found = {p.path: p.message for p in problems(tmp_path, text.replace(old, new))}
    assert says in found.get(f"ports.{path}", ""), found


def test_a_companion_leaves_what_its_leader_entered(tmp_path: Path) -> None:
    signals = ("- gate", "- gate\n          - {signal: done}")
    escort = (ESCORT[0], ESCORT[1].replace("{wait: done}", "{wait: done}, {leave: yard}"))
    load(tmp_path, edited(COMPANION, escort, signals, ("          - {leave: yard}\n", "")))


def test_groups_and_reported_figures_name_flows(tmp_path: Path) -> None:
    text = (
        TINY
        + """\
groups: {all_cars: [east.cars, east.trucks]}
reported:
  a: {port: west, tonnes: 3 t, first_day: 2024-01-01, last_day: 2024-01-31}
  b: {port: east, flow: trucks, tonnes: 3 t, first_day: 2024-01-01, last_day: 2024-01-31}
  c: {flow: all_cars, tonnes: 3 t, first_day: 2024-01-01, last_day: 2024-01-31}
"""
    )
    found = {p.path: p.message for p in problems(tmp_path, text)}
    assert found.keys() == {"groups.all_cars.1", "reported.a.port", "reported.b.flow"}
    assert found["groups.all_cars.1"] == "unknown flow 'east.trucks' (write port.flow); did you mean 'east.cars'?"


def test_a_scenario_without_flows_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path, MINIMAL).message == "there are no flows, so nothing would happen"


# -------------------------------------------------------------------------------------------------- policies

POLICY = """\
title: {en: Quick gate}
description: The gate is quicker.
assumed: a test
effects:
  - {on: {station: gate}, service: 1 min}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "quick-gate.yaml").write_text(POLICY)
    return folder


def test_a_policy_beside_the_scenario_is_found(tmp_path: Path, policies: Path) -> None:
    loaded = load(tmp_path, TINY + "policies:\n  quick-gate:\n")
    assert list(loaded.plain.policies) == ["quick-gate"]
    assert loaded.scenario.amendments and not loaded.plain.amendments
    assert loaded.catalogue["quick-gate"].title.en == "Quick gate"


def test_policies_are_added_and_taken_away(tmp_path: Path, policies: Path) -> None:
    assert list(load(tmp_path, with_policies=["quick-gate"]).plain.policies) == ["quick-gate"]
    text = TINY + "policies: {quick-gate: {adoption: 40 %}}\n"
    assert load(tmp_path, text, with_policies=["quick-gate"]).plain.policies["quick-gate"].adoption == 0.4
    assert not load(tmp_path, text, without_policies=["quick-gate"]).plain.policies
    sets = ["policies.quick-gate.adoption=70 %"]
    assert load(tmp_path, with_policies=["quick-gate"], sets=sets).scenario.adoptions == {
        "quick-gate": pytest.approx(0.7)
    }


def test_unknown_policies_are_named(tmp_path: Path, policies: Path) -> None:
    looked = f"looked among the built-in ones (borderport list policies) and in {policies}"
    own = "one of your own is a file NAME.yaml in policies/ beside the scenario or in the folder that --policies DIR "
    own += "names"
    meant = f"unknown policy 'quick-gat'; did you mean 'quick-gate'? {looked}; {own}"
    assert problem(tmp_path, with_policies=["quick-gat"]) == Problem("--with quick-gat", "", meant)
    assert problem(tmp_path, without_policies=["quick-gat"]) == Problem("--without quick-gat", "", meant)
    assert (
        problem(tmp_path, without_policies=["quick-gate"]).message
        == "policy 'quick-gate' is not in force; in force: none"
    )
    text = TINY + "policies:\n  quick-gat: {}\n"
    assert problem(tmp_path, text) == Problem("tiny.yaml:24:3", "policies.quick-gat", meant)


def test_a_variant_that_a_policy_lacks(tmp_path: Path, policies: Path) -> None:
    found = problem(tmp_path, TINY + "policies: {quick-gate: {variant: B}}\n")
    assert found.message == "policy 'quick-gate' has no variant 'B'; there are none"


def test_a_policy_that_selects_nothing_is_placed_where_it_is_named(tmp_path: Path, policies: Path) -> None:
    (policies / "quick-gate.yaml").write_text(POLICY.replace("station: gate", "station: gait"))
    found = problems(tmp_path, TINY + "policies:\n  quick-gate:\n")
    assert found[0].where == "tiny.yaml:24:3" and found[0].path.startswith("policies.quick-gate")


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("station: gate", "sation: gate", "5:11", "unknown key 'sation'; did you mean 'station'?"),
        ("service: 1 min", "service: 1", "5:36", "needs a unit"),
        ("service: 1 min", "", "5:5", "give exactly one of"),
        ("effects", "name: other\neffects", "4:7", "must be the file's name, 'quick-gate', or be left out"),
        ("assumed", "&a assumed", "3:1", "anchors"),
    ],
)
def test_a_policy_file_is_checked_like_a_scenario(
    tmp_path: Path, policies: Path, old: str, new: str, where: str, says: str
) -> None:
    (policies / "quick-gate.yaml").write_text(POLICY.replace(old, new))
    found = problem(tmp_path)
    assert found.where.endswith(f"quick-gate.yaml:{where}") and says in found.message
    with pytest.raises(ScenarioInvalid):
        load_policies(policies)


def test_names_in_a_policy_in_force_are_checked(tmp_path: Path, policies: Path) -> None:
    text = POLICY.replace("service: 1 min", "inland: docks") + "after: [slow-gate]\n"
    (policies / "quick-gate.yaml").write_text(text)
    found = {p.message for p in problems(tmp_path, with_policies=["quick-gate"])}
    assert "unknown station 'docks'; did you mean 'dock'?" in found
    assert any(message.startswith("unknown policy 'slow-gate'") for message in found)


def test_a_folder_of_policies_is_looked_into_and_wins(tmp_path: Path, policies: Path) -> None:
    more = tmp_path / "elsewhere"
    more.mkdir()
    (more / "quick-gate.yaml").write_text(POLICY.replace("Quick gate", "Another gate"))
    (more / "longer-hours.yaml").write_text(POLICY)
    loaded = load(tmp_path, with_policies=["quick-gate"], policies=more)
    assert loaded.catalogue["quick-gate"].title.en == "Another gate"
    assert load(tmp_path, with_policies=["quick-gate"]).catalogue["quick-gate"].title.en == "Quick gate"
    assert load_scenario("2024", policies=more).catalogue["longer-hours"].title.en == "Quick gate"
    with pytest.raises(UsageError, match="is not a folder"):
        load(tmp_path, policies=tmp_path / "nowhere")


def test_policies_beside_a_scenario_may_not_be_a_link_out_of_its_folder(tmp_path: Path, policies: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "policies").symlink_to(policies)
    assert problem(inner).message == "is a link out of the scenario's folder"
    (inner / "policies").unlink()
    assert load(inner, with_policies=["quick-gate"], policies=policies).plain.policies


def test_a_policy_asked_for_by_its_file_is_told_its_name(tmp_path: Path, policies: Path) -> None:
    for asked in ("quick-gate.yaml", "policies/quick-gate.yaml", "policies\\quick-gate.yaml"):
        assert "did you mean 'quick-gate'?" in problem(tmp_path, with_policies=[asked]).message


def test_a_policy_that_is_a_link_out_of_its_folder_is_refused(tmp_path: Path, policies: Path) -> None:
    (tmp_path / "outside.yaml").write_text(POLICY)
    (policies / "linked.yaml").symlink_to(tmp_path / "outside.yaml")
    assert problem(tmp_path).message == "is a link out of its folder"


# --------------------------------------------------------------------------------------------------- extends


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


def test_a_file_changes_what_it_extends(tmp_path: Path) -> None:
    write(tmp_path, base=TINY)
    text = """\
extends: base.yaml
title: Changed
ports:
  east:
    resources: {lane: {capacity: 3}}
    flows: {cars: {payload: null}}
"""
    loaded = load(tmp_path, text)
    assert loaded.scenario.title == "Changed"
    assert loaded.scenario.ports["east"].resources["lane"].calendar == "day"
    assert loaded.scenario.ports["east"].flows["cars"].payload == {}
    assert loaded.origins["ports.east.resources.lane.capacity"] == Origin(str(tmp_path / "tiny.yaml"), 5, 34)
    assert loaded.origins["ports.east.resources.lane.calendar"].file == str(tmp_path / "base.yaml")
    assert "ports.east.flows.cars.payload" not in loaded.origins


def test_laws_replace_each_other_and_lists_do_too(tmp_path: Path) -> None:
    write(tmp_path, base=edited(("service: 2 min", "service: {lognormal: {mean: 2 min, cv: 1}}")))
    changed = "extends: base.yaml\nports: {east: {stations: {gate: {service: {%s}}}}}\n"
    other = load(tmp_path, changed % "gamma: {mean: 3 min, cv: 0.5}").scenario.ports["east"].stations["gate"]
    assert other.tasks["service"].service == Gamma(180_000, 0.5)
    same = load(tmp_path, changed % "lognormal: {mean: 3 min}").scenario.ports["east"].stations["gate"]
    assert same.tasks["service"].service == Lognormal(180_000, 1.0)
    steps = "extends: base.yaml\nports: {east: {routes: {out: {steps: [gate]}}}}\n"
    assert len(load(tmp_path, steps).scenario.ports["east"].routes["out"].steps) == 1


def test_a_thing_that_is_called_like_a_law_is_none() -> None:
    below = option_node({"normal": {"open": ["08:00-12:00"]}}, "below")
    above = option_node({"early": {"open": ["06:00-12:00"]}}, "above")
    assert law_name(below) is None
    assert set(merged(below, above).plain()) == {"normal", "early"}
    assert law_name(option_node({"normal": {"mean": "2 min"}}, "x")) == "normal"


@pytest.mark.parametrize("name", sorted(LAW_NAMES))
def test_a_policy_called_like_a_law_does_not_replace_the_others(tmp_path: Path, policies: Path, name: str) -> None:
    """``exponential: {}`` is a law where a law stands, and a name elsewhere."""
    (policies / f"{name}.yaml").write_text(
        POLICY.replace("station: gate", "flow: cars").replace("service: 1 min", "priority: 1")
    )
    write(tmp_path, base=TINY + "policies: {quick-gate: {adoption: 40 %}}\ngroups: {some: [east.cars]}\n")
    loaded = load(
        tmp_path, f"extends: base.yaml\npolicies: {{{name}: {{}}}}\ngroups: {{{name}: [east.cars]}}\n"
    ).scenario
    assert list(loaded.policies) == ["quick-gate", name] and list(loaded.groups) == ["some", name]


def test_what_is_entered_is_not_called_as_a_station(tmp_path: Path) -> None:
    text = edited(
        ("- {enter: yard}", "- {enter: gate}"),
        ("- {leave: yard}", "- {leave: gate}"),
        ("      yard: {capacity: 5}", "      gate: {capacity: 5}"),
    )
    assert "'gate' is a station too" in problem(tmp_path, text).message


def test_all_policies_of_another_file_can_be_left_out(tmp_path: Path, policies: Path) -> None:
    write(tmp_path, base=TINY + "policies: {quick-gate: {adoption: 40 %}}\n")
    assert load(tmp_path, "extends: base.yaml\n").plain.policies["quick-gate"].adoption == 0.4
    assert not load(tmp_path, "extends: base.yaml\npolicies: null\n").plain.policies


def test_all_problems_at_once_across_files(tmp_path: Path) -> None:
    write(tmp_path, base=edited(("capacity: 5", "capacity: -5"), ("2 min", "2 parsecs")))
    text = "extends: base.yaml\ntitel: x\nports:\n  east:\n    flows: {cars: {route: 5}}\n"
    assert {(p.where, p.path) for p in problems(tmp_path, text, sets=["horizon.start=tomorrow", "prts.x=1"])} == {
        ("base.yaml:10:24", "ports.east.resources.yard.capacity"),
        ("base.yaml:12:38", "ports.east.stations.gate.service"),
        ("tiny.yaml:2:1", "titel"),
        ("tiny.yaml:5:27", "ports.east.flows.cars.route"),
        ("--set horizon.start=tomorrow", "horizon.start"),
        ("--set prts.x=1", "prts"),
    }


def test_a_circle_is_printed(tmp_path: Path) -> None:
    write(tmp_path, b="extends: c.yaml\n", c="extends: tiny.yaml\n")
    found = problem(tmp_path, "extends: b.yaml\n")
    assert found == Problem("c.yaml:1:10", "extends", "goes in a circle: tiny.yaml -> b.yaml -> c.yaml -> tiny.yaml")
    assert "tiny.yaml -> tiny.yaml" in problem(tmp_path, "extends: tiny.yaml\n").message


def test_at_most_sixteen_levels(tmp_path: Path) -> None:
    write(tmp_path, f0=TINY, **{f"f{n}": f"extends: f{n - 1}.yaml\n" for n in range(1, 17)})
    load(tmp_path, "extends: f14.yaml\n")
    assert "more than 16 levels" in problem(tmp_path, "extends: f15.yaml\n").message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("../outside.yaml", "lies outside the folder of this file"),
        ("link.yaml", "lies outside the folder of this file"),
        ("~/outside.yaml", "must be relative to the folder of this file"),
        ("/etc/passwd.yaml", "must be relative to the folder of this file"),
        ('"a\\0.yaml"', "must be relative to the folder of this file"),
        ("missing.yaml", "cannot read 'missing.yaml': No such file or directory"),
        ("folder/", "is not a regular file"),
        ("pipe.yaml", "is not a regular file"),
        ("loop.yaml", "cannot read 'loop.yaml'"),
        ("20244", "no built-in scenario '20244'"),
        ("[a]", "must be the name of a built-in scenario or of a file"),
        ("x" * 5000 + ".yaml", "cannot read"),
    ],
)
def test_what_may_not_be_extended(tmp_path: Path, given: str, says: str) -> None:
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text(TINY)
    (inside / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (inside / "loop.yaml").symlink_to(inside / "loop.yaml")
    os.mkfifo(inside / "pipe.yaml")
    found = problem(inside, f"extends: {given}\n{TINY}")
    assert found.path == "extends" and says in found.message


def test_a_built_in_scenario_can_be_extended(tmp_path: Path) -> None:
    for name in builtin_names():
        loaded = load(tmp_path, f"extends: {name}\ntitle: Mine\n")
        assert loaded.scenario.title == "Mine"


# -------------------------------------------------------------------------------------------------- overlays


@pytest.fixture
def calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "calibration"
    folder.mkdir()

    def fake(kind: loading_files.Kind) -> Path:
        return folder if kind == "calibration" else builtin_folder(kind)

    monkeypatch.setattr(loading_files, "builtin_folder", fake)
    return folder


LAYER = "targets: anything\noverlay: {ports: {east: {resources: {lane: {capacity: 7}, yard: {capacity: 8}}}}}\n"


def test_an_overlay_lies_over_the_file_that_names_it(tmp_path: Path, calibration: Path) -> None:
    write(tmp_path, base=TINY)
    (calibration / "fit.yaml").write_text(LAYER)
    text = "extends: base.yaml\noverlays: [fit]\nports: {east: {resources: {yard: {capacity: 9}}}}\n"
    loaded = load(tmp_path, text)
    resources = loaded.scenario.ports["east"].resources
    assert (resources["lane"].capacity, resources["yard"].capacity) == (7, 8)
    assert loaded.origins["ports.east.resources.lane.capacity"].file.endswith("fit.yaml")
    write(tmp_path, mid=text)
    resources = load(tmp_path, "extends: mid.yaml\noverlays: []\n").scenario.ports["east"].resources
    assert (resources["lane"].capacity, resources["yard"].capacity) == (1, 9)


def test_an_overlay_that_is_missing_or_wrong(tmp_path: Path, calibration: Path) -> None:
    (calibration / "fit.yaml").write_text(LAYER.replace("overlay", "layover"))
    found = problems(tmp_path, f"overlays: [fitt, ../x, 5]\n{TINY}")
    assert [(p.where, p.path) for p in found] == [
        (f"tiny.yaml:1:{column}", f"overlays.{index}") for index, column in enumerate((12, 18, 24))
    ]
    assert found[0].message == "there is no calibration/fitt.yaml; did you mean 'fit'?"
    assert "must be a mapping to lay over" in problem(tmp_path, f"overlays: [fit]\n{TINY}").message
    assert "must be a list" in problem(tmp_path, f"overlays: fit\n{TINY}").message
    assert "must be the name of a file" in problem(tmp_path, f"overlays: [{'x' * 5000}]\n{TINY}").message


# ----------------------------------------------------------------------------------------------------- --set


def test_sets_change_values(tmp_path: Path) -> None:
    sets = [
        "ports.east.resources.lane.capacity=3",
        "ports.east.stations.gate.service={lognormal: {mean: 4 min, cv: 1}}",
        "ports.east.stations.gate.service.lognormal.cv=0.5",
        "ports.east.routes.out.steps.2.dock.share=25 %",
        "ports.east.flows.cars.payload=",
        "horizon.lead_in=2 d",
    ]
    loaded = load(tmp_path, sets=sets)
    port = loaded.scenario.ports["east"]
    assert port.resources["lane"].capacity == 3
    assert port.stations["gate"].tasks["service"].service == Lognormal(240_000, 0.5)
    assert port.routes["out"].steps[2].share == 0.25
    assert port.flows["cars"].payload == {}
    assert loaded.scenario.horizon.lead_in == 172_800_000
    assert str(loaded.origins["ports.east.resources.lane.capacity"]) == f"--set {sets[0]}"


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        ("horizon.end", "", "must be PATH=VALUE"),
        ("=3", "", "must be PATH=VALUE"),
        ("ports.eest.label=3", "ports.eest", "does not exist; did you mean 'east'?"),
        ("ports.west.label=3", "ports.west", "does not exist"),
        ("ports..label=3", "ports.", "does not exist"),
        ("title.x=3", "title.x", "there is nothing below 'Tiny'"),
        (
            "ports.east.routes.out.steps.9=gate",
            "ports.east.routes.out.steps.9",
            "must be an index from 0 to 3",
        ),
        (
            "ports.east.routes.out.steps.²=gate",
            "ports.east.routes.out.steps.²",
            "must be an index from 0 to 3",
        ),
        (
            "ports.east.resources.lane.capcity=3",
            "ports.east.resources.lane.capcity",
            "did you mean 'capacity'?",
        ),
        (
            "ports.east.resources.lane.capacity=x",
            "ports.east.resources.lane.capacity",
            "must be a whole number",
        ),
        ("title=[1", "", "is not YAML"),
        ("title=1e999", "", "too large"),
        ("title=\udcff", "", "is not UTF-8 text"),
        (
            "ports.east.stations.gate.tasks.service.service=3 min",
            "ports.east.stations.gate.tasks",
            "is written in its short form, ports.east.stations.gate.service",
        ),
    ],
)
def test_a_set_that_cannot_be(tmp_path: Path, given: str, path: str, says: str) -> None:
    found = problem(tmp_path, sets=[given])
    assert found.where == f"--set {given}"
    assert found.path == path and says in found.message


# --------------------------------------------------------------------------------------- which file is meant


def test_what_a_terminal_would_obey_is_written_out() -> None:
    """A file may hold anything; what is said about it is one line of text."""
    found = Problem("a\nb.yaml:1:1", "ports.\x1b[31m", "no \x07\ud800 '东'")
    assert str(found) == "a\\nb.yaml:1:1: ports.\\x1b[31m: no \\x07\\ud800 '东'"


def test_an_unknown_scenario_is_a_usage_error(tmp_path: Path) -> None:
    for reference in ("no-such-scenario", "no/such/file.yaml", "nul\0.yaml", "../../x", ""):
        with pytest.raises(UsageError):
            load_scenario(reference)


def test_places_are_shown_as_the_file_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, base=edited(("2 min", "2")), child="extends: ./base.yaml\n")
    with pytest.raises(ScenarioInvalid) as caught:
        load_scenario("child.yaml")
    assert caught.value.problems[0].where == "base.yaml:12:38"


def test_a_scenario_file_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("pipe.yaml", "folder.yaml"):
        (tmp_path / "folder.yaml").mkdir(exist_ok=True)
        with pytest.raises(ScenarioInvalid, match="is not a regular file"):
            load_scenario(str(tmp_path / name))


# ----------------------------------------------------------------------------------------- the built-in data

SCENARIO_FILES = sorted(builtin_folder("scenarios").glob("*.yaml"))
POLICY_FILES = sorted((builtin_folder("scenarios") / "policies").glob("*.yaml"))


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_scenarios_are_valid(name: str) -> None:
    assert load_scenario(name).scenario.name == name


def test_the_built_in_policies_are_valid() -> None:
    assert list(load_policies()) == [path.stem for path in POLICY_FILES]


@pytest.mark.parametrize("path", SCENARIO_FILES, ids=lambda path: path.stem)
def test_built_in_scenarios_fit_the_editors_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(scenario_schema()).validate(plain(path.read_bytes()))


@pytest.mark.parametrize("path", POLICY_FILES, ids=lambda path: path.stem)
def test_built_in_policies_fit_the_editors_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(policy_schema()).validate(plain(path.read_bytes()))


@pytest.mark.parametrize(
    ("file", "schema"), [("schema.json", scenario_schema), ("policies/schema.json", policy_schema)]
)
def test_the_committed_schemas_are_the_generated_ones(file: str, schema: Any) -> None:
    committed = (builtin_folder("scenarios") / file).read_text(encoding="utf-8")
    assert committed == schema_text(schema()), f"write scenarios/{file} anew: borderport schema"


def test_the_schema_takes_the_short_forms_and_sees_mistakes() -> None:
    validator = jsonschema.Draft202012Validator(scenario_schema())
    good = "extends: x\noverlays: [fit]\npolicies: {a: , b: {adoption: 40 %}}\n" + TINY
    validator.validate(plain(good))
    validator.validate(plain(edited(("payload: 2 t", "payload: {normal: {mean: 2 t, sd: 1 t}}"))))
    validator.validate(plain(edited(("payload: 2 t", "payload: {cargo: {law: 2 t, if: heavy}}"))))
    for old, new in [
        ("capacity: 5", "capcity: 5"),
        ("capacity: 5", "capacity: 5 lanes"),
        ("{dock: {if: heavy}}", "{dock: {iff: heavy}}"),
        ("{enter: yard}", "{enter: yard, leave: yard}"),
        ("30 %", "30"),
        ("out:", "Out:"),
        ("title", "name"),
    ]:
        assert not validator.is_valid(plain(edited((old, new)))), new


# ----------------------------------------------------------------------------------------------------- speed


def big(ports: int) -> str:
    """A scenario of ten times as many lines as ports."""
    lines = ["title: Big", "horizon: {start: 2024-01-01, end: 2024-02-01}", "ports:"]
    for index in range(ports):
        lines += [
            f"  p{index}:",
            "    label: {en: Port}",
            '    calendars: {day: {open: ["08:00-16:00"]}}',
            "    resources:",
            "      lane: {capacity: 1, calendar: day}",
            "    stations:",
            "      gate: {needs: [lane], service: {lognormal: {mean: 2 min, cv: 1}}}",
            "    routes: {out: {steps: [gate]}}",
            "    flows:",
            "      cars: {route: out, volume: 100 cars per year}",
        ]
    return "\n".join(lines)


def test_a_thousand_lines_load_at_once(tmp_path: Path) -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        load(tmp_path, big(100))
        took.append(time.perf_counter() - began)
    assert min(took) < 0.2  # 0.05 s where it was written


def test_ten_thousand_lines_load_within_two_seconds(tmp_path: Path) -> None:
    began = time.perf_counter()
    load(tmp_path, big(1_000))
    assert time.perf_counter() - began < 2


def test_loading_imports_nothing_heavy() -> None:
    heavy = "'numba', 'simpy', 'matplotlib', 'pandas', 'scipy.stats'"
    code = f"import sys, borderport.loading; print([name for name in ({heavy}) if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"


# --------------------------------------------------------------------------------------------------- fuzzing

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def survives(folder: Path, text: bytes) -> None:
    """Loading ends with a scenario, or with `ScenarioInvalid` that can be printed."""
    try:
        load(folder, text)
    except ScenarioInvalid as error:
        assert str(error) and 0 < len(error.problems) <= 21


@MANY
@given(text=st.text() | st.text(alphabet="{}[]:,-&*!|>'\"#%@` \n\tab1.~?<"))
@example(text="? - :")
@example(text="%YAML 9.9\n---\na: 1")
@example(text="a: |\n")
def test_random_text_is_refused_not_fatal(tmp_path: Path, text: str) -> None:
    survives(tmp_path, text.encode("utf-8", "surrogatepass"))


@MANY
@given(content=st.binary())
def test_random_bytes_are_refused_not_fatal(tmp_path: Path, content: bytes) -> None:
    survives(tmp_path, content)


@MANY
@given(start=st.integers(0, len(TINY)), length=st.integers(0, 40), new=st.text(max_size=12))
def test_damaged_scenarios_are_refused_not_fatal(tmp_path: Path, start: int, length: int, new: str) -> None:
    damaged = TINY[:start] + new + TINY[start + length :]
    survives(tmp_path, damaged.encode("utf-8", "surrogatepass"))


WORDS = st.sampled_from(
    [
        "2 min",
        "3 t",
        "40 %",
        "gate",
        "lane",
        "day",
        "all",
        "poisson",
        "east.cars",
        "5 cars per year",
        "1e400 d",
    ]
    + [
        "visit",
        "lognormal",
        "2024-01-01",
        "08:00-16:00",
        "Asia/Shanghai",
        "1e300 bn CNY",
        "x.y",
        "-0 t",
        "07-31",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | WORDS | st.text(max_size=8)
KEYS = st.sampled_from(
    [
        "label",
        "calendars",
        "closures",
        "paces",
        "resources",
        "stations",
        "routes",
        "flows",
        "steps",
        "open",
        "needs",
    ]
    + [
        "service",
        "tasks",
        "if",
        "months",
        "hours",
        "arrivals",
        "payload",
        "marks",
        "convoy",
        "value",
        "patience",
    ]
    + [
        "lognormal",
        "mixture",
        "mean",
        "cv",
        "share",
        "law",
        "kind",
        "name",
        "enter",
        "en",
        "gate",
        "random",
        "stops",
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), below, max_size=4),
    max_leaves=12,
)
PLACES = """
    title horizon ports profiles policies groups reported extends overlays
    ports.east ports.east.label ports.east.calendars ports.east.calendars.day ports.east.closures
    ports.east.closures.x ports.east.paces ports.east.resources.lane ports.east.resources.lane.capacity
    ports.east.stations.gate ports.east.stations.gate.service ports.east.stations.gate.tasks
    ports.east.routes.out ports.east.routes.out.steps ports.east.routes.out.steps.2 ports.east.flows
    ports.east.flows.cars ports.east.flows.cars.hours ports.east.flows.cars.months
    ports.east.flows.cars.arrivals ports.east.flows.cars.payload ports.east.flows.cars.convoy
""".split()


@MANY
@given(place=st.sampled_from(PLACES), tree=TREES)
def test_random_structures_are_refused_not_fatal(tmp_path: Path, place: str, tree: Any) -> None:
    whole = plain(TINY)
    target = whole
    *above, last = place.split(".")
    for part in above:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    target[int(last) if isinstance(target, list) else last] = tree
    survives(tmp_path, json.dumps(whole).encode())


@MANY
@given(place=st.sampled_from(PLACES) | st.text(max_size=20), value=st.text(max_size=20) | TREES.map(json.dumps))
def test_random_sets_are_refused_not_fatal(tmp_path: Path, place: str, value: str) -> None:
    try:
        load(tmp_path, sets=[f"{place}={value}"])
    except ScenarioInvalid as error:
        assert str(error)


def test_null_leaves_out_a_policy_of_the_file_that_is_extended(tmp_path: Path) -> None:
    """If the other file has none of that name, a name with nothing behind it puts it in force."""
    (tmp_path / "case.yaml").write_text('extends: "2024"\npolicies: {smart-review: null, longer-hours: }\n')
    policies = load_scenario(str(tmp_path / "case.yaml")).scenario.policies
    assert "smart-review" not in policies
    assert "longer-hours" in policies
    assert "seconds-declaration" in policies


@pytest.mark.parametrize("name", [name for name in builtin_names() if name.startswith("without-")])
def test_a_scenario_without_a_policy_has_all_the_others_of_2024(name: str) -> None:
    there = load_scenario("2024").scenario.policies
    policy = name.removeprefix("without-")
    assert policy in there
    assert load_scenario(name).scenario.policies == {key: use for key, use in there.items() if key != policy}
