"""Numbers, intervals and texts of others as people read them, on the terminal and on figures."""

from __future__ import annotations

import unicodedata
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from borderport.statistics import Interval

MOST_DECIMALS = 4
DIGITS_OF_A_VALUE = 4  # of a number that has no interval to say how many are known
DIGITS_OF_AN_INTERVAL = 2
ROUNDING = 1e-12  # a half-width below this share of the mean is what adding up left behind
NOTHING = "-"


def number(value: float, decimals: int | None = None) -> str:
    """A number with a comma at each thousand: ``1,234``, ``35.41``, ``0.0213``; a dash if there is none.

    Parameters
    ----------
    value : float
    decimals : int, optional
        By default as many as four digits need, at most four, and no zeros at the end.

    Examples
    --------
    >>> number(21149.0), number(228.314), number(8.5), number(8.5, 3), number(float("nan"))
    ('21,149', '228.3', '8.5', '8.500', '-')
    """
    if not isfinite(value):
        return NOTHING
    text = f"{value:,.{_decimals(value, DIGITS_OF_A_VALUE) if decimals is None else decimals}f}"
    if decimals is None and "." in text:
        text = text.rstrip("0").removesuffix(".")
    return text.removeprefix("-") if not any(digit in text for digit in "123456789") else text  # no "-0"


def decimals_of(half_width: float) -> int:
    """Number of decimals of a mean and its interval: two digits of the half-width, at most four decimals.

    Parameters
    ----------
    half_width : float
        Finite, > 0.

    Examples
    --------
    >>> decimals_of(791.2), decimals_of(23.4), decimals_of(2.34), decimals_of(0.218), decimals_of(0.0996)
    (0, 0, 1, 2, 2)
    """
    return _decimals(half_width, DIGITS_OF_AN_INTERVAL)


def _decimals(value: float, digits: int) -> int:
    # After rounding to so many digits: 0.0996 is 0.10.
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return min(max(digits - 1 - exponent, 0), MOST_DECIMALS)


def is_exact(interval: Interval) -> bool:
    """True if every replication gave the same."""
    return interval.half_width <= ROUNDING * abs(interval.mean)


def plus_minus(interval: Interval, scale: float = 1.0) -> str:
    """A mean and half the width of its interval; the mean alone if there is no interval, a dash if there is no mean.

    Parameters
    ----------
    interval : Interval
    scale : float
        Divisor of the numbers, > 0.

    Examples
    --------
    >>> from borderport.statistics import Interval
    >>> plus_minus(Interval(8.312, 8.095, 8.529)), plus_minus(Interval(7897.2, 7106.0, 8688.4))
    ('8.31 ± 0.22', '7,897 ± 791')
    >>> plus_minus(Interval(591, 591, 591)), plus_minus(Interval(2.5, float("nan"), float("nan")))
    ('591 ± 0', '2.5')
    """
    mean, half = interval.mean / scale, interval.half_width / scale
    if not (isfinite(mean) and isfinite(half)):
        return number(mean)
    if is_exact(interval):
        return f"{number(mean)} ± 0"
    decimals = decimals_of(half)
    # One unit in the last place rather than "± 0.0000", which would read as exact.
    return f"{number(mean, decimals)} ± {number(max(half, 10.0**-decimals), decimals)}"


def bracketed(interval: Interval) -> str:
    """A mean and the ends of its interval: ``30.1 [29.8, 30.4]``; digits as in `plus_minus`.

    Examples
    --------
    >>> from borderport.statistics import Interval
    >>> bracketed(Interval(0.676, 0.104, 1.248))
    '0.68 [0.10, 1.25]'
    """
    if not (isfinite(interval.mean) and isfinite(interval.half_width)):
        return number(interval.mean)
    decimals = None if is_exact(interval) else decimals_of(interval.half_width)
    mean, low, high = (number(value, decimals) for value in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"


def percent(share: float) -> str:
    """``85 %``, ``0.4 %``; what is not quite nothing or all never reads as it; a dash if there is no value."""
    if not isfinite(share):
        return NOTHING
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f} %" if 0 < value < 9.95 or 99 < value < 100 else f"{value:.0f} %"


def interval_note(replications: int) -> str:
    """The meaning of a table's numbers: means with their intervals, or the only replication there is.

    Examples
    --------
    >>> interval_note(20), interval_note(1)
    ('mean of 20 replications ± half of the 95 % interval', 'one replication, so without an interval')
    """
    if replications == 1:
        return "one replication, so without an interval"
    return f"mean of {replications:,} replications ± half of the 95 % interval"


def visible(text: str) -> str:
    r"""Text on one line, with the escape in place of each character that would not show or would steer a terminal.

    These are control characters, line breaks among them, marks of writing direction, what has no width, and halves of
    characters; letters of every script stay as they are.

    Examples
    --------
    >>> visible("Zh\x1b[31mangmu\n樟木\u200b")
    'Zh\\x1b[31mangmu\\n樟木\\u200b'
    """
    return "".join(c if _shows(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def _shows(character: str) -> bool:
    # Spaces of other widths are in use, such as the ideographic one, but are not "printable".
    return character.isprintable() or (character.isspace() and unicodedata.category(character) == "Zs")
