"""Quantities as scenario files write them, with their units, and what every entry of a file has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from borderport import units
from borderport.distributions import LAW_NAMES, Law, law_text, parse_law

NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


MINUTES_PER_DAY = 1440


class Model(BaseModel):
    """Base of all models: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


@dataclass(frozen=True)
class _ReadOnly:
    """The mark of a field that is there to be read, see `ForReaders`."""


T = TypeVar("T")


READ_ONLY = _ReadOnly()


# A field for readers: whatever stands in it changes no result. Which fields these are is said here, in the models, and
# nowhere by the name of a key, for users call their own things `source` or `label` too.
ForReaders = Annotated[T, READ_ONLY]


def for_readers(model: type[BaseModel], field: str) -> bool:
    """Whether a field of a model is there to be read only."""
    return READ_ONLY in model.model_fields[field].metadata


def _text(pattern: str, example: str) -> WithJsonSchema:
    """How a quantity looks in a file, for editors."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


def _law_schema(example: str) -> WithJsonSchema:
    names: dict[str, object] = {name: {} for name in LAW_NAMES}
    law = {"type": "object", "properties": names, "minProperties": 1, "maxProperties": 1}
    return WithJsonSchema(
        {"oneOf": [{"type": "string", "examples": [example]}, {**law, "additionalProperties": False}]}
    )


_NUMBER = r"^\s*[0-9][0-9,_ ]*\.?[0-9]*([eE][+-]?[0-9]+)?\s*"


def _shown(write: Callable[[Any], str]) -> PlainSerializer:
    """How a value is written where a scenario is printed: as in a file, so that it can be read back."""
    return PlainSerializer(write, return_type=str, when_used="json")


def _percent(value: float) -> str:
    return f"{value * 100:.12g} %"


def _tonnes(value: float) -> str:
    return f"{value:.12g} t"


Duration = Annotated[
    int,
    BeforeValidator(units.parse_duration),
    _shown(units.format_duration),
    _text(_NUMBER + "(ms|s|min|h|d)$", "30 min"),
]


Mass = Annotated[float, BeforeValidator(units.parse_mass), _shown(_tonnes), _text(_NUMBER + "(kg|t|kt)$", "18 t")]


Length = Annotated[
    float,
    BeforeValidator(units.parse_length),
    _shown(lambda value: f"{value:.12g} m"),
    _text(_NUMBER + "(m|km)$", "18 m"),
]


Share = Annotated[
    float, BeforeValidator(units.parse_share), _shown(_percent), _text(_NUMBER + "(%|per mille)$", "15 %")
]


Factor = Annotated[
    float, BeforeValidator(units.parse_factor), _shown(_percent), _text(_NUMBER + "(%|per mille)$", "80 %")
]


Volume = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_rate),
    _shown(units.format_rate),
    _text(_NUMBER + ".* per (year|d|h)$", "5,570 trailers per year"),
]


Value = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_value),
    _shown(lambda value: f"{value[0]:.12g} CNY/{value[1]}"),
    _text(_NUMBER + ".*/(kg|t|kt|vehicle|person)$", "25 CNY/kg"),
]


Money = Annotated[
    float,
    BeforeValidator(units.parse_money),
    _shown(lambda value: f"{value:.12g} CNY"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)$", "3 M CNY"),
]


Hourly = Annotated[
    float,
    BeforeValidator(units.parse_hourly),
    _shown(lambda value: f"{value:.12g} CNY/h"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/h$", "25 CNY/h"),
]


Price = Annotated[
    float,
    BeforeValidator(units.parse_price),
    _shown(lambda value: f"{value:.12g} CNY/l"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/l$", "8 CNY/l"),
]


Consumption = Annotated[
    float,
    BeforeValidator(units.parse_consumption),
    _shown(lambda value: f"{value:.12g} l/h"),
    _text(_NUMBER + "l/h$", "2.4 l/h"),
]


Emission = Annotated[
    float,
    BeforeValidator(units.parse_emission),
    _shown(lambda value: f"{value * 1000:.12g} kg/l"),
    _text(_NUMBER + "(kg|t|kt)/l$", "2.7 kg/l"),
]


Loss = Annotated[
    float,
    BeforeValidator(units.parse_loss),
    _shown(lambda value: f"{value * 100:.12g} %/d"),
    _text(_NUMBER + "(%|per mille)/d$", "2 %/d"),
]


Years = Annotated[
    float,
    BeforeValidator(units.parse_years),
    _shown(lambda value: f"{value:.12g} years"),
    _text(_NUMBER + "years?$", "10 years"),
]


DurationLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_duration)),
    _shown(lambda law: law_text(law, lambda value: units.format_duration(round(value)))),
    _law_schema("30 min"),
]


MassLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_mass)),
    _shown(lambda law: law_text(law, _tonnes)),
    _law_schema("18 t"),
]


CountLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_count)),
    _shown(lambda law: law_text(law, lambda value: f"{value:.12g} vehicles")),
    _law_schema("25 cars"),
]


ItemLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_items)),
    _shown(lambda law: law_text(law, lambda value: f"{value:.12g} items")),
    _law_schema("200 items"),
]


ShareLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_share)),
    _shown(lambda law: law_text(law, _percent)),
    _law_schema("5 %"),
]


Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]


Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$", max_length=120)]


Servers = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


def _parse_day(text: object) -> date:
    if not isinstance(text, str):
        raise ValueError(f"must be a day such as 2024-02-09, got '{text}'")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a day; write it like 2024-02-09") from None


def _parse_moment(text: object) -> datetime:
    if not isinstance(text, str):
        raise ValueError(f"must be a local date or time such as 2024-01-01 or '2024-01-01 08:00', got '{text}'")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a date; write it like 2024-01-01 or '2024-01-01 08:00'") from None
    if moment.tzinfo is not None:
        raise ValueError("times are local to the zone; leave out the offset")
    return moment


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _parse_zone(text: object) -> str:
    if not isinstance(text, str) or text not in _zones():
        raise ValueError(f"'{text}' is not a time zone; write it like Asia/Shanghai")
    return text


_WINDOW = re.compile(r"^(\d{2}):(\d{2})-(\d{2}):(\d{2})$")


def _parse_window(text: object) -> tuple[int, int]:
    match = _WINDOW.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' is not a window; write it in quotes like \"10:00-12:30\"")
    h1, m1, h2, m2 = map(int, match.groups())
    start, stop = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start >= MINUTES_PER_DAY or stop > MINUTES_PER_DAY:
        raise ValueError(f"'{text}' is not a time of day; hours run from 00:00 to 24:00")
    if start == stop:
        raise ValueError(f"'{text}' is empty; for all day write \"00:00-24:00\"")
    return start, stop if stop > start else stop + MINUTES_PER_DAY


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


MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


Months = Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(min_length=12, max_length=12)]


class Label(Model):
    """What a thing is called on figures, in English and, where known, in Chinese."""

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
