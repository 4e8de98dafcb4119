"""Days, moments, hours and zones that cannot be meant are refused where they stand, by the models too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ValidationError

from borderport.calibrating import Target
from borderport.errors import Problem, ScenarioInvalid
from borderport.loading import load_scenario
from borderport.scenario import (
    Calendar,
    CapacityPeriod,
    Closure,
    Effect,
    Flow,
    Horizon,
    Pace,
    Quota,
    RandomDays,
    Reported,
    Resource,
    Season,
)
from tests.builders import read

TEXT = """\
title: A case
horizon: {start: 2024-01-01, end: 2024-03-01, zone: Europe/Berlin}
ports:
  east:
    label: {en: East}
    calendars: {day: {open: ["08:00-16:00"], season: {first: 04-25, last: 12-15}}}
    closures: {snow: {stops: all, random: {count: 2, length: 1 d}}}
    paces: {rain: {factor: 50 %}}
    resources: {lane: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 2 min}}
    routes: {out: {steps: [gate]}}
    flows: {cars: {route: out, volume: 100 cars per year}}
"""
REVERSED = "first_day: 2024-02-09, last_day: 2024-02-08"
BEFORE = "last_day is before first_day, 2024-02-09; got 2024-02-08"


def problems(folder: Path, text: str) -> list[Problem]:
    (folder / "case.yaml").write_text(text)
    with pytest.raises(ScenarioInvalid) as caught:
        load_scenario(str(folder / "case.yaml"))
    return caught.value.problems


def problem(folder: Path, old: str, new: str, at: str) -> Problem:
    """The one thing wrong after a change; it is placed where ``at`` stands in what is new."""
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    (found,) = problems(folder, text)
    offset = text.index(at, text.index(new))
    before = text[:offset]
    assert found.where.endswith(f"case.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"), found
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("capacity: 1", f"capacity: 1, periods: [{{{REVERSED}, capacity: 2}}]"),
        ("capacity: 1", f"quota: {{amount: 1, {REVERSED}}}"),
        ("factor: 50 %", f"factor: 50 %, {REVERSED}"),
        ("random: {count: 2, length: 1 d}", REVERSED),
        ("length: 1 d", f"length: 1 d, {REVERSED}"),
        ("title: A case", f"title: A case\nreported: {{a: {{tonnes: 1 t, {REVERSED}}}}}"),
    ],
)
def test_days_in_the_wrong_order(tmp_path: Path, old: str, new: str) -> None:
    found = problem(tmp_path, old, new, "2024-02-08")
    assert found.path.endswith("last_day") and found.message == BEFORE


DAYS = {"first_day": "2024-02-09", "last_day": "2024-02-08"}


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (CapacityPeriod, {"capacity": 1, **DAYS}),
        (Quota, {"amount": 1, **DAYS}),
        (Pace, {"factor": "50 %", **DAYS}),
        (Closure, {"stops": "all", **DAYS}),
        (RandomDays, {"daily_share": "5 %", **DAYS}),
        (Reported, {"tonnes": "1 t", **DAYS}),
        (Effect, {"on": {}, "close": DAYS}),
        (Effect, {"on": {}, "add_servers": 1, **DAYS}),
    ],
)
def test_every_model_with_days_refuses_them(model: type[BaseModel], keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="last_day is before first_day, 2024-02-09"):
        model.model_validate(keys)


def test_every_model_with_days_is_tested_here() -> None:
    from borderport.scenario import Policy, Scenario
    from tests.test_docs import models_in

    waiting, found = [Scenario, Policy], set()
    while waiting:
        model = waiting.pop()
        below = [part for field in model.model_fields.values() for part in models_in(field.annotation)]
        waiting += [part for part in below if part not in found]
        found |= {*below, model}
    dated = {model.__name__ for model in found if "last_day" in model.model_fields}
    assert dated == {
        "CapacityPeriod",
        "Quota",
        "Pace",
        "Closure",
        "RandomDays",
        "Reported",
        "Effect",
        "Closing",
        "CapPayload",
    }


def test_a_random_closure_has_its_days_within(tmp_path: Path) -> None:
    found = problem(tmp_path, "stops: all", "stops: all, first_day: 2024-02-01", "2024-02-01")
    assert found.path.endswith("snow.first_day")
    assert found.message == "does not go with random; say within random where closures may start"


def test_two_periods_of_a_resource_have_no_day_in_common() -> None:
    january, until_march = ("2024-01-01", "2024-01-31"), ("2024-01-31", "2024-03-01")
    periods = tuple({"first_day": a, "last_day": b, "capacity": 2} for a, b in (january, until_march))
    with pytest.raises(ValidationError, match=r"periods.1\n.*days of another period, from 2024-01-01 to 2024-01-31"):
        Resource.model_validate({"capacity": 1, "periods": periods})


def test_a_flow_exists_for_some_time(tmp_path: Path) -> None:
    keys = "active_from: 2024-02-01, active_until: 2024-02-01"
    found = problem(tmp_path, "route: out", f"route: out, {keys}", "2024-02-01, volume")
    assert found.path.endswith("active_until") and "is not after active_from" in found.message


# ---------------------------------------------------------------------------------- days that are no days


@pytest.mark.parametrize("text", ["02-30", "02-31", "04-31", "06-31", "09-31", "11-31"])
def test_a_day_of_no_year(tmp_path: Path, text: str) -> None:
    found = problem(tmp_path, "first: 04-25", f"first: {text}", text)
    assert (
        found.path.endswith("season.first")
        and found.message == f"'{text}' is a day of no year; write it like \"02-09\""
    )


def test_the_29th_of_february_is_a_day_of_some_years() -> None:
    assert Season.model_validate({"first": "02-29", "last": "02-29"}).first == "02-29"


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2023-02-29", "20240209", "2024-W06-5", "2024-2-9", "2024-040", "٢٠٢٤-٠٢-٠٩"]
)
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a day; write it like 2024-02-09"):
        Quota.model_validate({"amount": 1, "first_day": text})


@pytest.mark.parametrize(
    "text", ["2024-W06", "20240209T08", "2024-02-09 8:00", "2024-02-09 25:00", "2024-02-09 08:60", "now"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a date; write it like 2024-01-01"):
        Horizon.model_validate({"start": text, "end": "2025-01-01"})


@pytest.mark.parametrize("text", ["2024-01-01 08:00Z", "2024-01-01 08:00+08:00", "2024-01-01T08:00-0300"])
def test_a_moment_is_local(text: str) -> None:
    with pytest.raises(ValidationError, match="times are local to the zone; leave out the offset"):
        Horizon.model_validate({"start": text, "end": "2025-01-01"})


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar(text: str) -> None:
    says = f"the year {text[:4]} is not from 1900 to 2200"
    for model, keys in (
        (Horizon, {"start": text, "end": "9999-12-31"}),
        (Quota, {"amount": 1, "first_day": text}),
        (Flow, {"route": "out", "volume": "1 cars per d", "active_from": text}),
    ):
        with pytest.raises(ValidationError, match=says):
            model.model_validate(keys)


@pytest.mark.parametrize("zone", ["localtime", "Factory", "asia/shanghai", "", "../etc"])
def test_a_zone_is_the_same_everywhere(zone: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        Calendar.model_validate({"open": ("08:00-12:00",), "zone": zone})


# ------------------------------------------------------------------------------------------------- horizon


@pytest.mark.parametrize(
    ("old", "new", "at", "path", "says"),
    [
        (
            "end: 2024-03-01",
            "end: 2024-01-01",
            "2024-01-01, zone",
            "end",
            "end is not after start (2024-01-01 00:00:00)",
        ),
        ("end: 2024-03-01", "end: 2023-12-31", "2023", "end", "end is not after start"),
        ("end: 2024-03-01", "end: 2199-01-01", "2199", "end", "a horizon of 63,918 days"),
        (
            "start: 2024-01-01",
            "start: 1900-01-01, lead_in: 39990 d",
            "39990",
            "lead_in",
            "the simulator's clock holds 40,000",
        ),
    ],
)
def test_a_horizon_that_cannot_be(tmp_path: Path, old: str, new: str, at: str, path: str, says: str) -> None:
    found = problem(tmp_path, old, new, at)
    assert found.path == f"horizon.{path}" and says in found.message


# ------------------------------------------------------------------------------------- changes of the clocks


def test_a_moment_that_the_clocks_skip(tmp_path: Path) -> None:
    says = "there was no 2024-03-31 02:30 in Europe/Berlin, where clocks were put forward; write '2024-03-31 03:30'"
    found = problem(tmp_path, "end: 2024-03-01", 'end: "2024-03-31 02:30"', '"2024-03-31')
    assert (found.path, found.message) == ("horizon.end", says)
    found = problem(tmp_path, "route: out", 'route: out, active_from: "2024-03-31 02:30"', '"2024-03-31')
    assert (found.path, found.message) == ("ports.east.flows.cars.active_from", says)


def test_a_midnight_that_the_clocks_skip() -> None:
    with pytest.raises(ValidationError, match=r"no 2018-11-04 00:00 in America/Sao_Paulo.*write '2018-11-04 01:00'"):
        Horizon.model_validate({"start": "2018-11-04", "end": "2018-12-01", "zone": "America/Sao_Paulo"})


def test_a_moment_of_a_port_is_one_of_its_own_zone(tmp_path: Path) -> None:
    text = TEXT.replace("route: out", 'route: out, active_from: "2024-03-31 02:30"')
    (tmp_path / "case.yaml").write_text(text.replace("label:", "zone: Asia/Shanghai\n    label:"))
    load_scenario(str(tmp_path / "case.yaml"))


def test_of_a_moment_that_comes_twice_the_first_is_meant() -> None:
    """At 03:00 of 27 October 2024 clocks in Berlin went back to 02:00: 02:30 was first 00:30 UTC."""
    here = Horizon.model_validate({"start": "2024-10-27 02:30", "end": "2024-10-27 03:30", "zone": "Europe/Berlin"})
    assert here.origin().astimezone(UTC) == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert here.length_ms() == 2 * 3_600_000


def test_a_lead_in_is_as_long_as_it_says_when_clocks_change_in_it() -> None:
    """Thirty days before 10 April are an hour more on the clocks of Berlin, which skip one on 31 March."""
    keys = {"start": "2024-04-10", "end": "2024-04-11", "zone": "Europe/Berlin", "lead_in": "30 d"}
    here = Horizon.model_validate(keys)
    start = datetime(2024, 4, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    assert here.origin().astimezone(UTC) + timedelta(days=30) == start.astimezone(UTC)
    assert here.length_ms() == 31 * 86_400_000


# ---------------------------------------------------------------------------------------------------- hours


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("08:00-08:00", "is empty; for all day write"),
        ("00:00-00:00", "is empty; for all day write"),
        ("08:00-25:00", "is not a time of day"),
        ("24:00-06:00", "is not a time of day"),
        ("08:60-12:00", "is not a time of day"),
        ("8:00-12:00", "is not a window"),
        ("08:00-12:00\n", "is not a window"),
        ("08:00 - 12:00", "is not a window"),
        ("٠٨:٠٠-١٢:٠٠", "is not a window"),
    ],
)
def test_what_are_no_hours(text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Calendar.model_validate({"open": (text,)})


def test_hours_over_midnight_are_hours() -> None:
    assert Calendar.model_validate({"open": ("22:00-06:00",)}).open == ((1320, 1800),)


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        ('{open: ["08:00-12:00", "11:00-14:00"]}', "has windows that overlap"),
        ('{open: ["22:00-06:00", "05:00-09:00"]}', "has windows that overlap"),
        ('{open: ["22:00-23:00", "20:00-22:30"]}', "has windows that overlap"),
        ("{open: []}", "never opens, so nobody could come"),
        (
            '{open: ["08:00-12:00"], closed_on: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}',
            "never opens, so nobody could come",
        ),
    ],
)
def test_arrivals_need_a_calendar_with_hours_of_its_own(tmp_path: Path, calendar: str, says: str) -> None:
    text = TEXT.replace("calendars: {", f"calendars: {{odd: {calendar}, ")
    text = text.replace("route: out", "route: out, hours: {calendar: odd, first: 1 h, share: 50 %}")
    (found,) = problems(tmp_path, text)
    assert found.path == "ports.east.flows.cars.hours.calendar" and says in found.message


def test_windows_that_touch_do_not_overlap(tmp_path: Path) -> None:
    text = TEXT.replace('"08:00-16:00"', '"20:00-06:00", "06:00-08:00", "19:00-20:00"')
    (tmp_path / "case.yaml").write_text(
        text.replace("volume", "hours: {calendar: day, first: 1 h, share: 9 %}, volume")
    )
    load_scenario(str(tmp_path / "case.yaml"))


def test_a_policy_gives_hours_that_can_be(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="has windows that overlap; join them to one"):
        Effect.model_validate({"on": {"calendar": "day"}, "open": ("08:00-12:00", "11:00-13:00")})
    text = TEXT.replace("volume", "hours: {calendar: day, first: 1 h, share: 9 %}, volume")
    with pytest.raises(ScenarioInvalid, match=r"leaves no hours to calendar 'day', in which 'east.cars' comes"):
        read(text, policies={"shut": "effects: [{on: {calendar: day}, open: []}]"})


# ------------------------------------------------------------------------------------------------ recipes


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"tonnes": "1 kt", "first_month": "2024-03", "last_month": "2024-01"}, "last_month is before first_month"),
        ({"vehicles": 5.0, "last_month": "2024-01"}, "go with tonnes"),
        ({"tonnes": "1 kt", "last_month": "2024-13"}, "last_month"),
    ],
)
def test_the_months_of_a_target(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Target.model_validate({"tolerance": "2 %", **keys})
