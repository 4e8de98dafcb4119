"""Numbers, intervals and other people's texts, as they are read."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderport import wording
from borderport.statistics import Interval
from borderport.wording import bracketed, number, percent, plus_minus, visible

NAN = float("nan")


def around(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + half)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(wording) == (0, doctest.testmod(wording).attempted)


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (8.31, 0.2184, "8.31 ± 0.22"),
        (8.31, 0.0996, "8.31 ± 0.10"),
        (7897.2, 791.4, "7,897 ± 791"),
        (0.004, 0.00312, "0.0040 ± 0.0031"),
        (5.0, 0.00000312, "5.0000 ± 0.0001"),
        (-0.3, 9.96, "0 ± 10"),
        (-48.2, 191.0, "-48 ± 191"),
        (591.0, 0.0, "591 ± 0"),
        (11.8, 1e-15, "11.8 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (7897.23, NAN, "7,897"),
        (228.314, NAN, "228.3"),
        (NAN, NAN, "-"),
    ],
)
def test_digits_follow_the_interval(mean: float, half: float, text: str) -> None:
    assert plus_minus(around(mean, half)) == text


@given(mean=st.floats(-1e9, 1e9), half=st.floats(1e-3, 1e9))
def test_a_half_width_keeps_two_digits_and_no_more_than_it_needs(mean: float, half: float) -> None:
    interval = around(mean, half)
    written = plus_minus(interval).partition(" ± ")[2].replace(",", "")
    assert float(written) == pytest.approx(interval.half_width, rel=0.05)
    assert len(written.lstrip("0.").replace(".", "")) == 2 or "." not in written


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.676, 0.104, 1.248), "0.68 [0.10, 1.25]"),
        (Interval(10.3, 6.71, 15.93), "10.3 [6.7, 15.9]"),
        (around(12.5, 0.0), "12.5 [12.5, 12.5]"),
        (Interval(12.5, NAN, NAN), "12.5"),
        (Interval(NAN, NAN, NAN), "-"),
    ],
)
def test_brackets_have_the_digits_of_the_interval(interval: Interval, text: str) -> None:
    assert bracketed(interval) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9995, ">99.9 %"),
        (0.0004, "<0.1 %"),
        (0.996, "99.6 %"),
        (0.861, "86 %"),
        (NAN, "-"),
    ],
)
def test_a_share_reads_as_nothing_or_all_only_if_it_is(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_number_has_no_sign_of_nothing() -> None:
    assert number(-0.2, 0) == "0" and number(-0.0) == "0" and number(-2.0) == "-2"


@given(st.text())
def test_what_is_visible_stays_on_its_line_and_steers_nothing(text: str) -> None:
    seen = visible(text)
    assert len(seen.splitlines()) <= 1 and all(c.isprintable() or c.isspace() for c in seen)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", seen)
    assert visible(seen) == seen


@pytest.mark.parametrize("text", ["樟木 口岸", "Zhāngmù", "भन्सार", "50 % ± 2", "a\u3000b\u00a0c", "[bold]x[/bold]"])
def test_letters_of_every_script_stay_as_they_are(text: str) -> None:
    assert visible(text) == text
