"""Quantities: what is read, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderport import bounds, units


@given(st.integers(0, int(bounds.DURATION.most)))
def test_a_duration_written_and_read_again_is_the_same(value_ms: int) -> None:
    assert units.parse_duration(units.format_duration(value_ms)) == value_ms


@pytest.mark.parametrize(
    ("text", "value_ms"),
    [
        ("30 min", 1_800_000),
        ("1.5 h", 5_400_000),
        ("2d", 172_800_000),
        ("0.4 ms", 0),
        ("1e3 s", 1_000_000),
        ("1,000 ms", 1000),
        ("1.000 h", 3_600_000),
        ("12 000 ms", 12_000),
        ("12\u00a0000 ms", 12_000),
        ("12\u2009000 ms", 12_000),
        ("12\u202f000 ms", 12_000),
        ("1_000 ms", 1000),
        ("1,234,567.8 s", 1_234_567_800),
        ("+5. s", 5000),
        (".5h", 1_800_000),
    ],
)
def test_durations(text: str, value_ms: int) -> None:
    assert units.parse_duration(text) == value_ms


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_mass, "18 t", 18.0),
        (units.parse_mass, "500 kg", 0.5),
        (units.parse_mass, "260 kt", 260_000.0),
        (units.parse_money, "8,000 CNY", 8000.0),
        (units.parse_money, "4.25 bn CNY", 4.25e9),
        (units.parse_length, "2.5 km", 2500.0),
        (units.parse_share, "15 %", 0.15),
        (units.parse_share, "3 per mille", 0.003),
        (units.parse_factor, "150 %", 1.5),
        (units.parse_count, "25 cars", 25.0),
        (units.parse_rate, "5,570 trailers per year", (5570.0, "year")),
        (units.parse_rate, "47.7 kt per year", (47_700.0, "year t")),
        (units.parse_rate, "60 cars per h", (60.0, "h")),
        (units.parse_rate, "60 lorries per d", (60.0, "d")),
        (units.parse_rate, "1e3 Sattelzüge per d", (1000.0, "d")),
        (units.parse_rate, "60 грузовиков per d", (60.0, "d")),
        (units.parse_rate, "60 辆 per d", (60.0, "d")),
        (units.parse_rate, "60 ट्रक per d", (60.0, "d")),
        (units.parse_count, "25 e-bikes", 25.0),
        (units.parse_items, "200 cartons", 200.0),
        (units.parse_value, "25 CNY/kg", (25_000.0, "t")),
        (units.parse_value, "130,800 CNY/vehicle", (130_800.0, "vehicle")),
        (units.parse_value, "8,000 CNY/person", (8000.0, "vehicle")),
        (units.parse_hourly, "25 CNY/h", 25.0),
        (units.parse_price, "8 CNY / l", 8.0),
        (units.parse_consumption, "2.4 l/h", 2.4),
        (units.parse_emission, "2.7 kg/l", 0.0027),
        (units.parse_loss, "2 %/d", 0.02),
        (units.parse_loss, "5 per mille/d", 0.005),
        (units.parse_years, "10 years", 10.0),
        (units.parse_years, "1 year", 1.0),
    ],
)
def test_quantities(parse: Callable[[object], object], text: str, value: object) -> None:
    assert parse(text) == pytest.approx(value) if isinstance(value, float) else parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "part"),
    [
        (units.parse_duration, 30, "needs a unit"),
        (units.parse_duration, "30", "needs a unit"),
        (units.parse_duration, True, "must be a duration"),
        (units.parse_duration, "-1 min", "negative"),
        (units.parse_duration, "1 month", "unknown duration unit 'month'"),
        (units.parse_duration, "5 minn", "did you mean 'min'"),
        (units.parse_duration, "1e300 d", "at most 1,000,000 d, more than 2,700 years"),
        (units.parse_duration, "1" * 100 + " s", "is not a duration"),
        (units.parse_duration, "nan s", "is not a duration"),
        (units.parse_duration, "inf h", "is not a duration"),
        (units.parse_duration, "--5 min", "is not a duration"),
        (units.parse_duration, "\uff15 min", "is not a duration"),
        (units.parse_duration, "\u0661 min", "is not a duration"),
        (units.parse_duration, "0x10 min", "unknown duration unit 'x10 min'"),
        (units.parse_duration, "1.5.5 h", "is not a duration"),
        (units.parse_share, "5 %%", "unknown share unit '%%'"),
        (units.parse_share, "101 %", "at most 100 %"),
        (units.parse_mass, "1e309 kt", "finite"),
        (units.parse_mass, "1e307 kt", "at most 100,000,000 kt"),
        (units.parse_mass, "5 t t", "unknown mass unit"),
        (units.parse_rate, "5 cars", "must be a volume"),
        (units.parse_rate, "5 cars per week", "unknown period"),
        (units.parse_rate, "-5 cars per d", "negative"),
        (
            units.parse_rate,
            "5 tons per year",
            "'tons' does not say what is counted: write it like '5,570 trailers per year'",
        ),
        (units.parse_rate, "5 Mt per year", "'Mt' does not say what is counted"),
        (units.parse_rate, "5 KG per year", "'KG' does not say what is counted"),
        (units.parse_rate, "5 thousand per year", "does not say what is counted"),
        (units.parse_rate, "5 k trucks per d", "'k trucks' does not say what is counted"),
        (units.parse_rate, "5 吨 per d", "does not say what is counted"),
        (units.parse_rate, "5 CNY per d", "does not say what is counted"),
        (units.parse_rate, "5 per d", "for example '5 vehicles'"),
        (units.parse_count, "5 min", "'min' does not say what is counted: write it like '25 cars'"),
        (units.parse_count, "5 %", "does not say what is counted"),
        (units.parse_items, "5 kg", "does not say what is counted"),
        (units.parse_value, "5 CNY", "must be a value"),
        (units.parse_value, "5 CNY/lb", "unknown denominator"),
        (units.parse_hourly, "25 CNY", "must be a cost of an hour such as '25 CNY/h'"),
        (units.parse_hourly, "25 CNY/d", "a cost of an hour is per h"),
        (units.parse_hourly, "25 EUR/h", "unknown cost of an hour unit 'EUR'"),
        (units.parse_price, "8/l", "needs a unit"),
        (units.parse_consumption, "-1 l/h", "negative"),
        (units.parse_loss, "2 %/h", "a loss is per d"),
        (units.parse_years, "0 years", "above 0"),
        (units.parse_years, "10 d", "unknown lifetime unit"),
    ],
)
def test_what_is_wrong_is_said(parse: Callable[[object], object], text: object, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse(text)


@pytest.mark.parametrize(
    ("parse", "text", "meant"),
    [
        (units.parse_duration, "1,5 h", "1.5 h"),
        (units.parse_duration, "0,5 h", "0.5 h"),
        (units.parse_duration, "0,500 h", "0.500 h"),
        (units.parse_duration, "1 5 min", "1.5 min"),
        (units.parse_duration, "1_5 min", "1.5 min"),
        (units.parse_duration, "1\u202f5 min", "1.5 min"),
        (units.parse_duration, "1500,5 s", "1500.5 s"),
        (units.parse_duration, "1 500,5 s", "1500.5 s"),
        (units.parse_duration, "1.500,5 s", "1500.5 s"),
        (units.parse_duration, "1,500 000 s", "1500.000 s"),
        (units.parse_duration, "1,00,000 s", "100000 s"),
        (units.parse_duration, "1,500e3 s", "1.500e3 s"),
        (units.parse_duration, "1,5e3 s", "1.5e3 s"),
        (units.parse_duration, "1 ,5 h", "1.5 h"),
        (units.parse_duration, "5, h", "5 h"),
        (units.parse_mass, "1,5 t", "1.5 t"),
        (units.parse_money, "1'500 CNY", "1500 CNY"),
        (units.parse_length, "2,50 km", "2.50 km"),
        (units.parse_share, "12,5 %", "12.5 %"),
        (units.parse_factor, "1,2,3 %", "123 %"),
        (units.parse_count, "2,5 cars", "2.5 cars"),
        (units.parse_items, "2,5 boxes", "2.5 boxes"),
        (units.parse_rate, "5570,5 trailers per year", "5570.5 trailers"),
        (units.parse_rate, "47,7 kt per year", "47.7 kt"),
        (units.parse_value, "2,5 CNY/kg", "2.5 CNY"),
        (units.parse_hourly, "2,5 CNY/h", "2.5 CNY"),
        (units.parse_price, "7,85 CNY/l", "7.85 CNY"),
        (units.parse_consumption, "2,4 l/h", "2.4 l"),
        (units.parse_emission, "2,7 kg/l", "2.7 kg"),
        (units.parse_loss, "0,5 %/d", "0.5 %"),
        (units.parse_years, "7,5 years", "7.5 years"),
    ],
)
def test_a_comma_or_space_that_separates_no_thousands_is_refused(
    parse: Callable[[object], object], text: str, meant: str
) -> None:
    """A decimal comma once made 1,5 h fifteen hours; the message says how it is written, and that is read."""
    with pytest.raises(ValueError, match=re.escape(f"decimals follow a point: '{meant}'")):
        parse(text)


@given(st.integers(0, 10**13), st.sampled_from(units.SEPARATORS))
def test_thousands_may_be_separated(number: int, mark: str) -> None:
    assert units.parse_money(f"{f'{number:,}'.replace(',', mark)} CNY") == number


@given(st.text("0123456789.,_ '+-e\u00a0", min_size=1, max_size=12))
def test_a_number_with_separators_is_its_digits_or_nothing(number: str) -> None:
    """Whatever is accepted is what Python reads without separators, and they stand between groups of three."""
    try:
        value = units.parse_mass(f"{number} t")
    except ValueError:
        return
    plain = re.sub(f"[{units.SEPARATORS}]", "", number)
    assert value == float(plain)
    groups = re.split(f"[{units.SEPARATORS}]", number.strip().lstrip("+-").partition(".")[0])
    assert len(groups) == 1 or ([len(group) for group in groups[1:]] == [3] * (len(groups) - 1) and groups[0][0] != "0")


@given(st.text(max_size=80))
def test_no_text_gives_anything_but_a_value_or_an_explanation(text: str) -> None:
    for parse in (units.parse_duration, units.parse_mass, units.parse_money, units.parse_share, units.parse_rate):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)
