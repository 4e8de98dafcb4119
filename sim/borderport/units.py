"""Milliseconds, tonnes, CNY: the closed table of units and its only conversions.

Inside the program a duration is an ``int`` of milliseconds, a mass a ``float`` of tonnes, money a ``float``
of CNY, a share a ``float`` from 0 to 1. Only scenario files and output tables speak of other units.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata

from borderport import bounds
from borderport.bounds import Bound

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000

DURATION_MS = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "min": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
}
MASS_T = {"kg": 1e-3, "t": 1.0, "kt": 1e3}
MONEY_CNY = {"CNY": 1.0, "M CNY": 1e6, "bn CNY": 1e9}
LENGTH_M = {"m": 1.0, "km": 1e3}
VOLUME_L = {"l": 1.0}
YEARS = {"year": 1.0, "years": 1.0}
SHARE = {"%": 100, "per mille": 1000}  # divided by, so that 70 % is 0.7
# Examples of what may be counted: any word of any language may stand there, it is for the reader.
ITEMS = dict.fromkeys(("items", "boxes"), 1.0)
COUNT = dict.fromkeys(("vehicles", "trucks", "cars", "persons"), 1.0)
# Words for an amount, not for the thing counted: `5 tons per year` are not five vehicles.
_MEASURES = frozenset(
    (
        "gram grams kilogram kilograms kilo kilos ton tons tonne tonnes kiloton kilotons kilotonne kilotonnes pound "
        "pounds lbs quintal quintals litre litres liter liters metre metres meter meters percent mille cny rmb yuan "
        "year years month months week weeks day days hour hours min mins minute minutes sec secs second seconds "
        "dozen dozens hundred hundreds thousand thousands million millions billion billions mio mln "
        "tonnen tausend millionen toneladas tonelada tonnellate mil milliers т тонн тонны тонна кг тыс тысяч млн "
        "吨 公吨 公斤 千克 百 千 万 亿 टन किलो हजार लाख"
    ).split()
)

# Form of numbers: digits, or groups of three of them after a first one of one to three, and decimals after a
# point. The mark between groups is the same throughout: a comma, an underscore, or a space (plain, no-break, thin).
SEPARATORS = ",_ \u00a0\u2009\u202f"
PLAIN = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_GROUPED = "|".join(f"(?:{mark}[0-9]{{3}})+" for mark in SEPARATORS)
NUMBER = rf"(?:{PLAIN}|[1-9][0-9]{{0,2}}(?:{_GROUPED})(?:\.[0-9]*)?)"

_APOSTROPHES = "'\u2019"
_NUMBER_AND_UNIT = re.compile(rf"\s*([+-]?[0-9.][0-9.{_APOSTROPHES}{SEPARATORS}]*(?:[eE][+-]?[0-9]+)?)(.*)", re.DOTALL)
_WELL_WRITTEN = re.compile(rf"[+-]?{NUMBER}")
_LONGEST = 64


def _split(
    text: object, units: dict[str, float] | dict[str, int], kind: str, example: str, words: bool = False
) -> tuple[float, str]:
    """Split ``"30 min"`` into number and unit, or raise ValueError saying what would be right.

    With ``words``, any word that says what is counted may stand in the place of a unit.
    """
    known = ", ".join(units)
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"must be a {kind} such as '{example}'")
    if not isinstance(text, str):
        raise ValueError(f"needs a unit ({known}), for example '{text} {next(iter(units))}'")
    match = _NUMBER_AND_UNIT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"'{text[:_LONGEST]}' is not a {kind}; write it like '{example}'")
    number, unit = _read(match.group(1).strip(), match.group(2).strip(), f"is not a {kind}; write it like '{example}'")
    if not unit:
        raise ValueError(f"needs a unit ({known}), for example '{text.strip()} {next(iter(units))}'")
    if unit not in units and words:
        if not _says_what(unit):
            raise ValueError(f"'{unit}' does not say what is counted: write it like '{example}', with one word for it")
    elif unit not in units:
        close = difflib.get_close_matches(unit, units, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"unknown {kind} unit '{unit}': use one of {known}{hint}")
    return number, unit


def _says_what(word: str) -> bool:
    """True if a word names things. Latin abbreviations are measures (``k``, ``Mt``) more often than things."""
    letters = all(unicodedata.category(sign)[0] in "LM" for sign in word.replace("-", ""))
    return letters and word.casefold() not in _MEASURES and (len(word) > 2 or not word.isascii())


def _read(number: str, unit: str, otherwise: str) -> tuple[float, str]:
    """A number that is well written, with its unit; ``otherwise`` is what to say of one that nobody can guess."""
    if _WELL_WRITTEN.fullmatch(number) is None:
        text, meant = f"{number} {unit}".strip(), _with_point(number)
        if meant is None:
            raise ValueError(f"'{text}' {otherwise}")
        only = "commas and spaces stand between thousands only, such as 1,500 or 12 000"
        raise ValueError(f"'{text}' is not a number: {only}; decimals follow a point: '{f'{meant} {unit}'.strip()}'")
    value = float(re.sub(f"[{SEPARATORS}]", "", number))
    if not math.isfinite(value):
        raise ValueError(f"'{number} {unit}' is not a finite number")
    return value, unit


def _with_point(number: str) -> str | None:
    """The likely meaning of ``1,5`` or ``1.500,5``: the last separator taken as the point; None if nobody can guess."""
    mantissa = re.split("[eE]", number)[0]
    digits = re.sub(f"[{_APOSTROPHES}]", "", mantissa)
    last = max(digits.rfind(mark) for mark in SEPARATORS)
    if last >= 0 and digits.count(digits[last]) == 1 and digits[last + 1 :].isdigit():
        digits = f"{re.sub(f'[.{SEPARATORS}]', '', digits[:last])}.{digits[last + 1 :]}"
    else:
        digits = re.sub(f"[{SEPARATORS}]", "", digits)
    meant = digits + number[len(mantissa) :]
    return meant if meant != number and _WELL_WRITTEN.fullmatch(meant) else None


def _quantity(
    text: object, units: dict[str, float], kind: str, example: str, bound: Bound, words: bool = False
) -> float:
    number, unit = _split(text, units, kind, example, words)
    return _within(number * units.get(unit, 1.0), text, kind, bound)


def _within(value: float, text: object, kind: str, bound: Bound) -> float:
    """A converted number, if it is from 0 to its bound."""
    if value < 0:
        raise ValueError(f"must not be negative, got '{text}'")
    if value > bound.most:
        article = "an" if kind[0] in "aeiou" else "a"
        raise ValueError(f"{article} {kind} is at most {bound.text}, {bound.why}; got '{text}'")
    return value


def parse_duration(text: object) -> int:
    """Read a duration, ``"30 min"`` → 1,800,000 ms, rounded to the nearest millisecond.

    Parameters
    ----------
    text : object
        A number and one of ``ms s min h d``; months and years have no fixed length and are refused.

    Returns
    -------
    int
        Milliseconds, from 0 to `borderport.bounds.DURATION`.

    Raises
    ------
    ValueError
        No unit, another unit, negative or beyond the bound; the message says what would be right.

    Examples
    --------
    >>> parse_duration("30 min"), parse_duration("1.5 h")
    (1800000, 5400000)
    """
    number, unit = _split(text, DURATION_MS, "duration", "30 min")
    return round(_within(number * DURATION_MS[unit], text, "duration", bounds.DURATION))


def parse_mass(text: object) -> float:
    """Read a mass, ``"18 t"`` → 18.0 tonnes; >= 0. Raises ValueError like `parse_duration`."""
    return _quantity(text, MASS_T, "mass", "18 t", bounds.MASS)


def parse_load(text: object) -> float:
    """Read what one vehicle carries, ``"18 t"`` → 18.0 tonnes; >= 0. Raises ValueError like `parse_duration`."""
    return _quantity(text, MASS_T, "load", "18 t", bounds.LOAD)


def parse_money(text: object) -> float:
    """Read an amount of money, ``"8,000 CNY"`` → 8000.0; >= 0. Raises ValueError like `parse_duration`."""
    return _quantity(text, MONEY_CNY, "sum of money", "8,000 CNY", bounds.MONEY)


def parse_length(text: object) -> float:
    """Read a length, ``"18 m"`` → 18.0 metres; >= 0. Raises ValueError like `parse_duration`."""
    return _quantity(text, LENGTH_M, "length", "18 m", bounds.LENGTH)


def parse_altitude(text: object) -> float:
    """Read a height above the sea, ``"4,772 m"`` → 4772.0 metres; >= 0. Raises ValueError like `parse_duration`."""
    return _quantity(text, LENGTH_M, "altitude", "4,772 m", bounds.ALTITUDE)


def parse_share(text: object) -> float:
    """Read a share from 0 to 1, ``"15 %"`` → 0.15. Raises ValueError like `parse_duration`."""
    number, unit = _split(text, SHARE, "share", "15 %")
    return _within(number / SHARE[unit], text, "share", bounds.SHARE)


def parse_factor(text: object) -> float:
    """Read a factor, ``"150 %"`` → 1.5; like a share, but it may pass 100 %."""
    number, unit = _split(text, SHARE, "share", "15 %")
    return _within(number / SHARE[unit], text, "factor", bounds.FACTOR)


def parse_pace(text: object) -> float:
    """Read a pace of work, ``"50 %"`` → 0.5 of normal; 0, or at least 0.1 %, as engines count whole per mille."""
    value = parse_factor(text)
    if 0 < value < bounds.SLOWEST_PACE:
        raise ValueError(f"a pace is 0 % (work is suspended) or at least {bounds.SLOWEST_PACE:.1%}, got '{text}'")
    return value


def parse_count(text: object) -> float:
    """Read a number of things, ``"25 cars"`` → 25.0; >= 0. Raises ValueError like `parse_duration`.

    One word of any language that is no measure says, for the reader, what is counted.
    """
    return _quantity(text, COUNT, "number of things", "25 cars", bounds.CONVOY, words=True)


def parse_items(text: object) -> float:
    """Read a number of items in a load, ``"200 boxes"`` → 200.0, like `parse_count`."""
    return _quantity(text, ITEMS, "number of items", "200 boxes", bounds.ITEMS, words=True)


def parse_rate(text: object) -> tuple[float, str]:
    """Read a flow's volume, ``"13,830 trips per year"`` → ``(13830.0, "year")``.

    Returns
    -------
    tuple of float and str
        Things per period, >= 0, and the period: ``year``, ``d`` or ``h``. The mass form ``"47.7 kt per
        year"`` gives ``(47700.0, "year t")``; the loader divides it by the mean payload.

    Raises
    ------
    ValueError
        Like `parse_duration`.
    """
    if not isinstance(text, str) or " per " not in text:
        raise ValueError(f"must be a volume such as '5,570 trailers per year', got '{text}'")
    amount, period = (part.strip() for part in text.rsplit(" per ", 1))
    if period not in ("year", "d", "h"):
        raise ValueError(f"unknown period '{period}': use 'per year', 'per d' or 'per h'")
    units: dict[str, float] = {**COUNT, **MASS_T}
    number, unit = _split(amount, units, "volume", "5,570 trailers per year", words=True)
    value = _within(number * units.get(unit, 1.0), text, "volume", bounds.VOLUME)
    return value, f"{period} t" if unit in MASS_T else period


def format_rate(volume: tuple[float, str]) -> str:
    """Write a volume; `parse_rate` reads it back.

    Examples
    --------
    >>> format_rate((13830.0, "year")), format_rate((47700.0, "year t"))
    ('13830 vehicles per year', '47700 t per year')
    """
    amount, period = volume
    unit = "t" if period.endswith(" t") else "vehicles"
    return f"{amount:.12g} {unit} per {period.removesuffix(' t')}"


def parse_value(text: object) -> tuple[float, str]:
    """Read what goods are worth, ``"25 CNY/kg"`` → ``(25000.0, "t")``, per tonne or per vehicle.

    Raises
    ------
    ValueError
        Like `parse_duration`.
    """
    if not isinstance(text, str) or "/" not in text:
        raise ValueError(f"must be a value such as '25 CNY/kg' or '130,800 CNY/vehicle', got '{text}'")
    money, per = (part.strip() for part in text.rsplit("/", 1))
    amount = parse_money(money)
    if per in MASS_T:
        return _within(amount / MASS_T[per], text, "value of a tonne", bounds.MONEY), "t"
    if per in ("vehicle", "person"):
        return amount, "vehicle"
    raise ValueError(f"unknown denominator '{per}': use kg, t, vehicle or person")


def parse_hourly(text: object) -> float:
    """Read what an hour costs, ``"25 CNY/h"`` → 25.0 CNY per hour; >= 0. Raises ValueError like `parse_duration`."""
    return _quotient(text, MONEY_CNY, "h", "cost of an hour", "25 CNY/h", bounds.HOUR_COST)


def parse_price(text: object) -> float:
    """Read a price of fuel, ``"8 CNY/l"`` → 8.0 CNY per litre; >= 0. Raises ValueError like `parse_duration`."""
    return _quotient(text, MONEY_CNY, "l", "price of fuel", "8 CNY/l", bounds.FUEL_PRICE)


def parse_consumption(text: object) -> float:
    """Read what an engine burns, ``"2.4 l/h"`` → 2.4 litres per hour; >= 0. Raises ValueError like `parse_duration`."""
    return _quotient(text, VOLUME_L, "h", "consumption", "2.4 l/h", bounds.CONSUMPTION)


def parse_emission(text: object) -> float:
    """Read what fuel gives off, ``"2.7 kg/l"`` → 0.0027 t per litre; >= 0. Raises ValueError like `parse_duration`."""
    return _quotient(text, MASS_T, "l", "emission", "2.7 kg/l", bounds.EMISSION)


def parse_loss(text: object) -> float:
    """Read a share lost each day, ``"2 %/d"`` → 0.02 per day; >= 0. Raises ValueError like `parse_duration`."""
    shares = {unit: 1 / part for unit, part in SHARE.items()}
    return _quotient(text, shares, "d", "loss", "2 %/d", bounds.LOSS)


def parse_years(text: object) -> float:
    """Read a lifetime, ``"10 years"`` → 10.0; > 0. Raises ValueError like `parse_duration`."""
    value = _quantity(text, YEARS, "lifetime", "10 years", bounds.LIFETIME)
    if value < bounds.SHORTEST_LIFETIME:
        raise ValueError(f"must be above 0, at least {bounds.SHORTEST_LIFETIME} years, got '{text}'")
    return value


def _quotient(text: object, units: dict[str, float], per: str, kind: str, example: str, bound: Bound) -> float:
    """A quantity per one thing: the number in the table's unit, per ``per``."""
    if not isinstance(text, str) or "/" not in text:
        raise ValueError(f"must be a {kind} such as '{example}', got '{text}'")
    amount, under = (part.strip() for part in text.rsplit("/", 1))
    if under != per:
        raise ValueError(f"a {kind} is per {per}, such as '{example}', got '{text}'")
    return _quantity(amount, units, kind, example, bound)


def format_duration(value_ms: int) -> str:
    """Write a duration in the largest unit that loses nothing; `parse_duration` reads it back exactly.

    Examples
    --------
    >>> format_duration(5_400_000), format_duration(0), format_duration(150_000)
    ('90 min', '0 s', '150 s')
    """
    if value_ms == 0:
        return "0 s"
    for unit, factor in sorted(DURATION_MS.items(), key=lambda item: -item[1]):
        if value_ms % factor == 0:
            return f"{value_ms // factor} {unit}"
    raise AssertionError("every int is a whole number of milliseconds")
