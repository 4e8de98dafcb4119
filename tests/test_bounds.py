"""Numbers without bounds end in nonsense: each has one, whoever makes it; what follows from several is checked too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from borderport import bounds
from borderport.bounds import Bound
from borderport.distributions import (
    Beta,
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Law,
    Lognormal,
    Mixture,
    Normal,
    Triangular,
    Uniform,
    parse_law,
)
from borderport.errors import ScenarioInvalid, TooLarge
from borderport.experiment import EngineName, prepare, run_scenarios
from borderport.loading import scenario_schema
from borderport.scenario import Flow, Pace, Scenario
from tests.builders import at_minutes, port, run
from tests.test_loading import edited, problem

ROOT = Path(__file__).resolve().parent.parent
PLAIN = """
    paces: {slow: {factor: 100 %}}
    resources: {lane: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 10 min, pace: slow}}
    routes: {out: {steps: [gate]}}
    flows: {cars: {route: out, volume: 50 cars per d, payload: 2 t, marks: {selected: 40 %}}}
"""


def plain(*changes: tuple[str, str], **options: Any) -> Scenario:
    text = PLAIN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return port(text, **options)


# --------------------------------------------------------------------------------------------------- one by one

BEYOND = [
    ("service: 2 min", "service: 1e18 min", "a duration is at most 1,000,000 d"),
    ("service: 2 min", "service: {lognormal: {mean: 1e9 d, cv: 1}}", "a duration is at most 1,000,000 d"),
    ("service: 2 min", "service: {lognormal: {mean: 1 min, cv: 1.0e-300}}", "0 or a plain number from 0.001 to 100"),
    ("service: 2 min", "service: {lognormal: {mean: 0 min, cv: 1}}", "needs a mean above 0"),
    ("service: 2 min", "service: {gamma: {mean: 0 min, cv: 1}}", "needs a mean above 0"),
    ("service: 2 min", "service: {exponential: {mean: 0.1 ms}}", "needs a mean above 0"),
    ("service: 2 min", "service: {beta: {a: 1.0e-9, b: 1, low: 0 s, high: 1 s}}", "a plain number from 0.001 to 100"),
    ("capacity: 5", "capacity: 1000001", "must be at most 1,000,000, got 1000001"),
    ("payload: 2 t", "payload: 1e12 t", "a load is at most 1,000 kt"),
    ("payload: 2 t", "value: 1e18 CNY/kg", "a sum of money is at most 100,000 bn CNY"),
    ("payload: 2 t", "value: 90000 bn CNY/kg", "a value of a tonne is at most 100,000 bn CNY"),
    ("100 cars per year", "1e18 cars per year", "a volume is at most 100,000,000,000 vehicles or t"),
    ("payload: 2 t", "convoy: {size: 1e18 cars, gap: 1 s}", "at most 10,000 vehicles"),
    ("payload: 2 t", "convoy: {size: 0.2 cars, gap: 1 s}", "a convoy has at least 1 vehicle on average, not 0.2"),
    ("payload: 2 t", f"weekdays: {[0] * 7}", "needs a weight above 0"),
    ("payload: 2 t", f"months: {[0] * 12}", "needs a weight above 0"),
    ("payload: 2 t", f"hours: {[0] * 24}", "needs a weight above 0"),
    ("payload: 2 t", f"weekdays: [1e7, {', '.join('1' * 6)}]", "must be at most 1,000,000, got 10000000.0"),
    ("payload: 2 t", "hours: {calendar: day, first: 0 s, share: 1 %}", "must be longer than 0 s"),
    ("payload: 2 t", "time_cost: 1e9 CNY/h", "a cost of an hour is at most 1 M CNY/h"),
    ("payload: 2 t", "vehicle_length: 1e9 km", "a length is at most 1,000 km"),
    ("label: {en: East}", "label: {en: East}\n    altitude: 10 km", "an altitude is at most 9 km"),
    ("label: {en: East}", "label: {en: East}\n    paces: {p: {factor: 1e18 %}}", "a factor is at most 100,000 %"),
    (
        "label: {en: East}",
        "label: {en: East}\n    paces: {p: {factor: 0.04 %}}",
        "is 0 % (work is suspended) or at least",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BEYOND)
def test_a_number_beyond_its_bound_is_refused_where_it_stands(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = problem(tmp_path, edited((old, new)))
    assert message in found.message and found.where.startswith("tiny.yaml:")


def all_bounds() -> dict[str, Bound]:
    return {name: value for name, value in vars(bounds).items() if isinstance(value, Bound)}


def test_every_bound_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    missing = [name for name, bound in all_bounds().items() if bound.text not in text or bound.why not in text]
    assert missing == []


def test_the_schema_shows_bounds() -> None:
    definitions = scenario_schema()["$defs"]
    assert definitions["Task"]["properties"]["service"]["anyOf"][0]["description"].startswith("From 0 to 1,000,000 d")
    assert definitions["Quota"]["properties"]["amount"]["anyOf"][0]["maximum"] == bounds.MOST_SERVERS
    weekdays = next(kind for kind in definitions["Flow"]["properties"]["weekdays"]["anyOf"] if kind["type"] == "array")
    assert (weekdays["items"]["minimum"], weekdays["items"]["maximum"]) == (0, bounds.MOST_WEIGHT)


# --------------------------------------------------------------------------------------------- laws from Python

NO_LAWS = [
    (Constant, (-1.0,)),
    (Constant, (math.nan,)),
    (Constant, (math.inf,)),
    (Constant, ("2",)),
    (Constant, (True,)),
    (Lognormal, (0.0, 1.0)),
    (Lognormal, (-5.0, 1.0)),
    (Lognormal, (5.0, 1e-300)),
    (Lognormal, (5.0, math.nan)),
    (Lognormal, (5.0, 1e9)),
    (Exponential, (0.0,)),
    (Gamma, (5.0, 0.0)),
    (Gamma, (5.0, 1e-300)),
    (Gamma, (0.0, 1.0)),
    (Normal, (5.0, -1.0)),
    (Normal, (5.0, 1.0, 3.0, 2.0)),
    (Normal, (5.0, 1.0, -3.0)),
    (Normal, (5.0, math.inf)),
    (Uniform, (3.0, 1.0)),
    (Uniform, (1.0, math.inf)),
    (Triangular, (3.0, 1.0, 2.0)),
    (Triangular, (1.0, 3.0, 2.0)),
    (Beta, (0.0, 1.0, 0.0, 1.0)),
    (Beta, (1.0, 1e-300, 0.0, 1.0)),
    (Beta, (1.0, 1.0, 2.0, 1.0)),
    (Empirical, ((),)),
    (Empirical, ((1.0, math.nan, 2.0),)),
    (Empirical, ((1.0, -1.0),)),
    (Mixture, ((),)),
    (Mixture, (((0.0, Constant(1.0)), (0.0, Constant(2.0))),)),
    (Mixture, (((1.5, Constant(1.0)), (-0.5, Constant(2.0))),)),
    (Mixture, (((math.nan, Constant(1.0)),),)),
]


@pytest.mark.parametrize(("kind", "parameters"), NO_LAWS)
def test_parameters_that_make_no_law_are_refused_by_the_law_itself(
    kind: type[Law], parameters: tuple[Any, ...]
) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__.lower()} "):
        kind(*parameters)


@pytest.mark.parametrize(
    "law",
    [
        Lognormal(60.0, bounds.LEAST_CV),
        Lognormal(60.0, 99.0),
        Lognormal(60.0, 0.0),
        Gamma(60.0, bounds.LEAST_CV),
        Gamma(60.0, 99.0),
        Beta(bounds.LEAST_SHAPE, bounds.LEAST_SHAPE, 0.0, 60.0),
        Beta(99.0, 99.0, 0.0, 60.0),
        Beta(99.0, bounds.LEAST_SHAPE, 0.0, 60.0),
        Normal(0.0, 5.0),
        Triangular(5.0, 5.0, 5.0),
        Uniform(5.0, 5.0),
    ],
)
def test_laws_at_their_bounds_have_values(law: Law) -> None:
    """For all luck that any generator gives; they rise with it."""
    values = law.at(np.linspace(-9, 9, 3001))
    assert not np.isnan(values).any() and (values >= 0).all()
    assert (np.diff(values[np.isfinite(values)]) >= -1e-9 * 60).all()


def test_models_refuse_what_files_may_not_say() -> None:
    """From Python too: laws beyond the bound of their field, weights that are none."""
    with pytest.raises(ValueError, match="at most"):
        parse_law(Constant(bounds.DURATION.most * 2), lambda value: 0.0, bounds.DURATION.most)
    given = {"route": "out", "volume": "5 cars per d"}
    for wrong in (
        {"payload": {"cargo": {"law": Constant(1e9)}}},
        {"convoy": {"size": Constant(1e9), "gap": "1 s"}},
        {"convoy": {"size": Constant(0.0), "gap": "1 s"}},
        {"weekdays": (0.0,) * 7},
        {"weekdays": (math.nan,) * 7},
        {"weekdays": (math.inf,) * 7},
        {"hours": (1e-300,) * 24},
        {"months": (-1.0,) * 12},
    ):
        with pytest.raises(ValidationError):
            Flow.model_validate({**given, **wrong})
    with pytest.raises(ValidationError):
        Pace.model_validate({"factor": "1e18 %"})


# ------------------------------------------------------------------------------------------ what follows from them


def test_a_faster_pace_is_never_slower(engine: EngineName) -> None:
    """An endless pace once overflowed and was slower than ten times normal."""
    times = []
    for pace in ("0.1 %", "50 %", "100 %", "1000 %", "100,000 %"):
        scenario = at_minutes(plain(("factor: 100 %", f'factor: "{pace}"')), "cars", [0])
        times.append(run(scenario, engine).exits("cars"))
    assert times == [[10_000.0], [20.0], [10.0], [1.0], [0.01]]


def test_endless_work_never_ends_and_overflows_nothing(engine: EngineName) -> None:
    tasks = ", ".join(f"t{i}: {{service: {{lognormal: {{mean: 1e6 d, cv: 99}}}}}}" for i in range(40))
    endless = ("service: 10 min", f"tasks: {{{tasks}, last: {{service: 1e6 d}}}}")
    fast = ("factor: 100 %", 'factor: "100,000 %"')
    for scenario in (plain(endless), plain(endless, fast)):
        done = run(at_minutes(scenario, "cars", [0, 5]), engine)
        assert done.exits("cars") == [None, None]
        assert done.value("unfinished", "cars") == 2


@pytest.mark.parametrize(("strength", "minutes"), [("100 %", 1.0), ("105 %", 0.55), ("300 %", 0.0)])
def test_strength_beyond_the_whole_effect_stops_at_nothing(strength: str, minutes: float) -> None:
    scenario = port(
        PLAIN,
        top=f"policies: {{quick: {{strength: {strength}}}}}\n",
        policies={"quick": "effects: [{on: {station: gate}, service: 1 min}]\n"},
    )
    assert run(at_minutes(scenario, "cars", [0])).exits("cars") == [pytest.approx(minutes)]


GATE = "on: {station: gate}"
SCALED = [
    ("{on: {flow: cars}, scale_volume: 100000 %}", "50 cars", "9e9 cars", "volume: becomes 9e+12"),
    ("{on: {resource: lane}, add_servers: 1000}", "capacity: 1", "capacity: 999999", "becomes 1,000,999"),
    (
        "{on: {resource: lane}, add_servers: 1000, first_day: 2024-01-01, last_day: 2024-01-02}",
        *("capacity: 1", "capacity: 999999", "becomes 1,000,999"),
    ),
    ("{on: {mark: selected}, scale_share: 300 %}", "", "", "selected: becomes 120.0000 % by the policies"),
    (
        f"{{{GATE}, scale: 50000 %}}, {{{GATE}, scale: 1000 %}}",
        *("", "", "makes the time of 'east.gate.service' 5,000 times as long; at most 100,000 %"),
    ),
]


@pytest.mark.parametrize(("effects", "old", "new", "message"), SCALED)
def test_what_policies_make_of_a_number_keeps_its_bound(effects: str, old: str, new: str, message: str) -> None:
    """Each effect by itself is right; what they come to is looked at again."""
    with pytest.raises(ScenarioInvalid) as caught:
        port(PLAIN.replace(old, new), policies={"much": f"effects: [{effects}]\n"})
    assert message in str(caught.value)


CENTURY = {"start": "2024-01-01", "end": "2123-01-01"}
LOAD, VOLUME = "payload: 2 t", "50 cars per d"
TOO_MANY: list[tuple[list[tuple[str, str]], dict[str, str], str]] = [
    ([(VOLUME, "1e11 cars per d")], {}, "1,000,000,000,000 vehicles are expected, 1,000,000,000,000 of them east.cars"),
    ([(VOLUME, "1e6 t per d"), (LOAD, "payload: 1e-6 kg")], {}, "vehicles are expected"),
    ([(VOLUME, "1000 cars per h")], CENTURY, "about 2,097,150 fit one run of these routes and 36,159 days"),
    (
        [(VOLUME, "1e9 cars per d"), (LOAD, "convoy: {size: 10000 cars, gap: 1 s}")],
        {},
        "10,000,000,000 of them east.cars",
    ),
]


@pytest.mark.parametrize(("changes", "days", "message"), TOO_MANY)
def test_vehicles_that_do_not_fit_are_refused_before_any_is_drawn(
    changes: list[tuple[str, str]], days: dict[str, str], message: str
) -> None:
    with pytest.raises(TooLarge) as caught:
        prepare(plain(*changes, **days))
    assert message in str(caught.value) and "lower the volumes, or simulate a shorter time" in str(caught.value)


def test_as_many_vehicles_as_the_message_says_do_fit() -> None:
    with pytest.raises(TooLarge) as caught:
        prepare(plain(("50 cars per d", "1e9 cars per d")))
    fit = int(str(caught.value).split("about ")[1].split(" fit")[0].replace(",", ""))
    prepare(plain(("50 cars per d", f"{fit / 10:.3f} cars per d")))
    with pytest.raises(TooLarge):
        prepare(plain(("50 cars per d", f"{1.001 * fit / 10:.3f} cars per d")))


def test_a_route_with_more_choices_than_bits_is_refused() -> None:
    """The answers of a vehicle are bits of one number, and too many once ended in an overflow."""
    steps = ", ".join(f"s{i}: {{if: selected}}" for i in range(bounds.MOST_CHOICES + 1))
    stations = ", ".join(f"s{i}: {{service: 1 min}}" for i in range(bounds.MOST_CHOICES + 1))
    many = plain(("steps: [gate]", f"steps: [gate, {steps}]"), ("stations: {", f"stations: {{{stations}, "))
    with pytest.raises(TooLarge, match=r"has 49 steps that not every vehicle takes .*at most 48 fit"):
        prepare(many)


def test_more_failures_than_memory_holds_are_refused() -> None:
    lanes = ", ".join(f"l{i}: {{capacity: 1, breakdowns: {{every: 1 h, length: 1 min}}}}" for i in range(100))
    with pytest.raises(TooLarge, match="closures and breakdowns are expected"):
        prepare(plain(("resources: {", f"resources: {{{lanes}, "), start="1950-01-01", end="2050-01-01"))


def test_more_replications_than_memory_holds_are_refused() -> None:
    with pytest.raises(TooLarge, match=r"^1,000,000,000 replications have \d+ figures each; at most [\d,]+ fit$"):
        run_scenarios([plain()], replications=10**9, seed=1)


def test_a_horizon_with_its_lead_in_fits_the_clock(tmp_path: Path) -> None:
    horizon = "horizon: {start: 2024-01-01, end: 2024-02-01}"
    found = problem(tmp_path, edited((horizon, horizon.replace("}", ", lead_in: 40000 d}"))))
    assert "40,000" in found.message and "lead-in included" in found.message
