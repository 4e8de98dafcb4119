"""Quantities as scenario files write them, with their units, and what every entry of a file has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from borderport import bounds, units
from borderport.bounds import Bound
from borderport.distributions import LAW_NAMES, Law, law_text, parse_law

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


MINUTES_PER_DAY = 1440


class Model(BaseModel):
    """Base of all models: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


def refuse(found: Iterable[tuple[tuple[str | int, ...], str]]) -> None:
    """Raise what a model's own validator found, each at its place below the model; do nothing if that is nothing.

    Parameters
    ----------
    found : iterable of (path, message)
        Path below the model, in the models' words.

    Raises
    ------
    ValidationError
        Pydantic joins it to the other faults, with the path of the model in front.
    """
    errors = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{error}", {"error": message}), loc=path, input=None)
        for path, message in found
    ]
    if errors:
        raise ValidationError.from_exception_data("", errors)


@dataclass(frozen=True)
class _ReadOnly:
    """The mark of a field that is there to be read, see `ForReaders`."""


T = TypeVar("T")


READ_ONLY = _ReadOnly()


# A field for readers: whatever stands in it changes no result. Which fields these are is said here, in the models, and
# nowhere by the name of a key, for users call their own things `source` or `label` too.
ForReaders = Annotated[T, READ_ONLY]


def for_readers(model: type[BaseModel], field: str) -> bool:
    """True if a field of a model is there to be read only."""
    return READ_ONLY in model.model_fields[field].metadata


def _text(pattern: str, example: str, bound: Bound) -> WithJsonSchema:
    """The form of a quantity in a file, for editors."""
    most = f"From 0 to {bound.text}."
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example], "description": most})


def _law_schema(example: str, bound: Bound) -> WithJsonSchema:
    names: dict[str, object] = {name: {} for name in LAW_NAMES}
    law = {"type": "object", "properties": names, "minProperties": 1, "maxProperties": 1}
    most = f"From 0 to {bound.text}, as are the parameters of laws."
    return WithJsonSchema(
        {
            "oneOf": [{"type": "string", "examples": [example]}, {**law, "additionalProperties": False}],
            "description": most,
        }
    )


_NUMBER = rf"^\s*{units.NUMBER}\s*"


def _shown(write: Callable[[Any], str]) -> PlainSerializer:
    """The form of a value where a scenario is printed: as in a file, so that it can be read back."""
    return PlainSerializer(write, return_type=str, when_used="json")


def _percent(value: float) -> str:
    return f"{value * 100:.12g} %"


def _tonnes(value: float) -> str:
    return f"{value:.12g} t"


Duration = Annotated[
    int,
    BeforeValidator(units.parse_duration),
    _shown(units.format_duration),
    _text(_NUMBER + "(ms|s|min|h|d)$", "30 min", bounds.DURATION),
]


def _above_nought(value_ms: int) -> int:
    if value_ms == 0:
        raise ValueError("must be longer than 0 s")
    return value_ms


SomeTime = Annotated[Duration, AfterValidator(_above_nought)]


Mass = Annotated[
    float, BeforeValidator(units.parse_mass), _shown(_tonnes), _text(_NUMBER + "(kg|t|kt)$", "18 t", bounds.MASS)
]


Load = Annotated[
    float, BeforeValidator(units.parse_load), _shown(_tonnes), _text(_NUMBER + "(kg|t|kt)$", "18 t", bounds.LOAD)
]


Length = Annotated[
    float,
    BeforeValidator(units.parse_length),
    _shown(lambda value: f"{value:.12g} m"),
    _text(_NUMBER + "(m|km)$", "18 m", bounds.LENGTH),
]


Altitude = Annotated[
    float,
    BeforeValidator(units.parse_altitude),
    _shown(lambda value: f"{value:.12g} m"),
    _text(_NUMBER + "(m|km)$", "4,772 m", bounds.ALTITUDE),
]


Share = Annotated[
    float, BeforeValidator(units.parse_share), _shown(_percent), _text(_NUMBER + "(%|per mille)$", "15 %", bounds.SHARE)
]


Factor = Annotated[
    float,
    BeforeValidator(units.parse_factor),
    _shown(_percent),
    _text(_NUMBER + "(%|per mille)$", "80 %", bounds.FACTOR),
]


Speed = Annotated[
    float,
    BeforeValidator(units.parse_pace),
    _shown(_percent),
    _text(_NUMBER + "(%|per mille)$", "50 %", bounds.FACTOR),
]


Volume = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_rate),
    _shown(units.format_rate),
    _text(_NUMBER + ".* per (year|d|h)$", "5,570 trailers per year", bounds.VOLUME),
]


Value = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_value),
    _shown(lambda value: f"{value[0]:.12g} CNY/{value[1]}"),
    _text(_NUMBER + ".*/(kg|t|kt|vehicle|person)$", "25 CNY/kg", bounds.MONEY),
]


Money = Annotated[
    float,
    BeforeValidator(units.parse_money),
    _shown(lambda value: f"{value:.12g} CNY"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)$", "3 M CNY", bounds.MONEY),
]


Hourly = Annotated[
    float,
    BeforeValidator(units.parse_hourly),
    _shown(lambda value: f"{value:.12g} CNY/h"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/h$", "25 CNY/h", bounds.HOUR_COST),
]


Price = Annotated[
    float,
    BeforeValidator(units.parse_price),
    _shown(lambda value: f"{value:.12g} CNY/l"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/l$", "8 CNY/l", bounds.FUEL_PRICE),
]


Consumption = Annotated[
    float,
    BeforeValidator(units.parse_consumption),
    _shown(lambda value: f"{value:.12g} l/h"),
    _text(_NUMBER + "l/h$", "2.4 l/h", bounds.CONSUMPTION),
]


Emission = Annotated[
    float,
    BeforeValidator(units.parse_emission),
    _shown(lambda value: f"{value * 1000:.12g} kg/l"),
    _text(_NUMBER + "(kg|t|kt)/l$", "2.7 kg/l", bounds.EMISSION),
]


Loss = Annotated[
    float,
    BeforeValidator(units.parse_loss),
    _shown(lambda value: f"{value * 100:.12g} %/d"),
    _text(_NUMBER + "(%|per mille)/d$", "2 %/d", bounds.LOSS),
]


Years = Annotated[
    float,
    BeforeValidator(units.parse_years),
    _shown(lambda value: f"{value:.12g} years"),
    _text(_NUMBER + "years?$", "10 years", bounds.LIFETIME),
]


DurationLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_duration, bounds.DURATION.most)),
    _shown(lambda law: law_text(law, lambda value: units.format_duration(round(value)))),
    _law_schema("30 min", bounds.DURATION),
]


def _read_rest(value: Any) -> Law | None:
    return None if value in (None, "never") else parse_law(value, units.parse_duration)


def _show_rest(law: Law | None) -> str:
    return "never" if law is None else law_text(law, lambda value: units.format_duration(round(value)))


Rest = Annotated[
    Law | None,
    PlainValidator(_read_rest),
    _shown(_show_rest),
    _law_schema("never", bounds.DURATION),
]


LoadLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_load, bounds.LOAD.most)),
    _shown(lambda law: law_text(law, _tonnes)),
    _law_schema("18 t", bounds.LOAD),
]


CountLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_count, bounds.CONVOY.most)),
    _shown(lambda law: law_text(law, lambda value: f"{value:.12g} vehicles")),
    _law_schema("25 cars", bounds.CONVOY),
]


ItemLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_items, bounds.ITEMS.most)),
    _shown(lambda law: law_text(law, lambda value: f"{value:.12g} items")),
    _law_schema("200 items", bounds.ITEMS),
]


ShareLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_share, bounds.SHARE.most)),
    _shown(lambda law: law_text(law, _percent)),
    _law_schema("5 %", bounds.SHARE),
]


Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$", max_length=120)]


Servers = Annotated[int, Field(ge=0, le=bounds.MOST_SERVERS, strict=True)]


# Far enough from the ends of the calendar that no zone, lead-in or night shift can pass them.
YEARS = range(1900, 2201)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?")
_OFFSET = re.compile(r"([+-][0-9]{2}:?[0-9]{2}|Z)$")


def _parse_day(text: object) -> date:
    if not isinstance(text, str):
        raise ValueError(f"must be a day such as 2024-02-09, got '{text}'")
    try:
        day = date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise ValueError(f"'{text}' is not a day; write it like 2024-02-09") from None
    return _within_years(day)


def _parse_moment(text: object) -> datetime:
    if not isinstance(text, str):
        raise ValueError(f"must be a local date or time such as 2024-01-01 or '2024-01-01 08:00', got '{text}'")
    if _OFFSET.search(text) and not _DAY.fullmatch(text):
        raise ValueError("times are local to the zone; leave out the offset")
    try:
        moment = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
    except ValueError:
        raise ValueError(f"'{text}' is not a date; write it like 2024-01-01 or '2024-01-01 08:00'") from None
    return _within_years(moment)


D = TypeVar("D", date, datetime)


def _within_years(day: D) -> D:
    if day.year not in YEARS:
        raise ValueError(f"the year {day.year:04d} is not from {YEARS[0]} to {YEARS[-1]}, which this program knows")
    return day


def check_order(first: date | None, last: date | None, names: tuple[str, str] = ("first_day", "last_day")) -> None:
    """Refuse a pair of days, both included, of which the last comes before the first.

    Raises
    ------
    ValidationError
        At the last of the two.
    """
    if first is not None and last is not None and last < first:
        refuse([((names[1],), f"{names[1]} is before {names[0]}, {first}; got {last}")])


def check_exists(moment: datetime, zone: str) -> str:
    """The fault of a local moment that the clocks of ``zone`` skip; empty if it exists.

    Of a moment that comes twice, when clocks are put back, the first is meant.
    """
    there = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if there == moment:
        return ""
    return (
        f"there was no {moment:%Y-%m-%d %H:%M} in {zone}, where clocks were put forward; write '{there:%Y-%m-%d %H:%M}'"
    )


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # which mean another zone on each machine


def _parse_zone(text: object) -> str:
    if not isinstance(text, str) or text not in _zones():
        raise ValueError(f"'{text}' is not a time zone; write it like Asia/Shanghai")
    return text


_WINDOW = re.compile(r"^([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})$")


def _parse_window(text: object) -> tuple[int, int]:
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' is not a window; write it in quotes like \"10:00-12:30\"")
    h1, m1, h2, m2 = map(int, match.groups())
    start, stop = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start >= MINUTES_PER_DAY or stop > MINUTES_PER_DAY:
        raise ValueError(f"'{text}' is not a time of day; hours run from 00:00 to 24:00")
    if start == stop:
        raise ValueError(f"'{text}' is empty; for all day write \"00:00-24:00\"")
    return start, stop if stop > start else stop + MINUTES_PER_DAY


def overlapping(windows: Sequence[tuple[int, int]]) -> bool:
    """True if daily windows have minutes in common, those over midnight with the morning of the next day too."""
    ordered = sorted(windows)
    following = [*ordered[1:], *((start + MINUTES_PER_DAY, stop) for start, stop in ordered[:1])]
    return any(stop > later for (_, stop), (later, _) in zip(ordered, following, strict=True))


def _format_window(window: tuple[int, int]) -> str:
    start, stop = window
    stop = stop if stop <= MINUTES_PER_DAY else stop - MINUTES_PER_DAY
    return f"{start // 60:02d}:{start % 60:02d}-{stop // 60:02d}:{stop % 60:02d}"


Day = Annotated[date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})]


Moment = Annotated[datetime, BeforeValidator(_parse_moment), WithJsonSchema({"type": "string"})]


Zone = Annotated[str, BeforeValidator(_parse_zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai"]})]


Window = Annotated[
    tuple[int, int],
    BeforeValidator(_parse_window),
    PlainSerializer(_format_window, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _WINDOW.pattern, "examples": ["10:00-12:30"]}),
]


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _in_some_year(text: str) -> str:
    try:
        date.fromisoformat(f"2024-{text}")
    except ValueError:
        raise ValueError(f"'{text}' is a day of no year; write it like \"02-09\"") from None
    return text


# As a first day, 02-29 means 1 March in other years, as a last day 28 February: these are text, and compared as such.
MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"), AfterValidator(_in_some_year)]


Weight = Annotated[float, Field(ge=0, le=bounds.MOST_WEIGHT, allow_inf_nan=False)]


def _some_weight(weights: tuple[float, ...]) -> tuple[float, ...]:
    if max(weights) < bounds.LEAST_WEIGHT:
        raise ValueError(f"needs a weight above 0 (at least {bounds.LEAST_WEIGHT:f}): all of them are 0")
    return weights


Months = Annotated[tuple[Weight, ...], Field(min_length=12, max_length=12), AfterValidator(_some_weight)]


Weekdays = Annotated[tuple[Weight, ...], Field(min_length=7, max_length=7), AfterValidator(_some_weight)]


Hours = Annotated[tuple[Weight, ...], Field(min_length=24, max_length=24), AfterValidator(_some_weight)]


class Label(Model):
    """Label of a thing on figures, in English and, where known, in Chinese."""

    en: str
    zh: str | None = None


class Entry(Model):
    """Something with numbers in it, and where they come from.

    Attributes
    ----------
    source : str or None
        Publisher, title and date of what the numbers are taken from.
    assumed : str or None
        The reason for numbers that nobody has published. Both may stand: each says what it covers.
    """

    source: ForReaders[str | None] = None
    assumed: ForReaders[str | None] = None
