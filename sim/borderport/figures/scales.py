"""Scales of axes: times, linear where that shows all, else logarithmic and labelled so; and plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, ScalarFormatter

from borderport.figures.labels import DAY, HOUR, MINUTE, SECOND, number, tick_text, time_unit

# Ticks are 0 and these minutes, the first of them where there is room for few.
ROUND = tuple(
    tuple(n * unit for unit, numbers in tier for n in numbers)
    for tier in (
        ((SECOND, (1,)), (MINUTE, (1,)), (HOUR, (1,)), (DAY, (1, 30, 365))),
        ((SECOND, (10,)), (MINUTE, (10,)), (HOUR, (6,)), (DAY, (7, 100, 1000))),
        ((SECOND, (2, 5, 20)), (MINUTE, (2, 5, 30)), (HOUR, (2, 12)), (DAY, (2, 4, 14, 60, 200, 2000))),
        ((SECOND, (3, 30)), (MINUTE, (3, 15, 20)), (HOUR, (3, 18)), (DAY, (3, 5, 10, 20, 40, 150, 500))),
    )
)
# Width of a character of a label, and least space between two labels or ticks.
LETTER_MM, BETWEEN_MM, TICKS_MM = 1.25, 2.0, 0.8
NUMBER_MM = 9.0
# Less than this from end to end is shown on a linear axis.
DECADE = 10.0


def passing_times(ax: Axes, low: float, high: float, words: str, room_mm: float) -> None:
    """Make x an axis of positive minutes.

    Parameters
    ----------
    ax : Axes
    low, high : float
        Minutes, > 0.
    words : str
        Name of the times.
    room_mm : float
        Length of the axis, roughly.
    """
    if high < DECADE * low:
        _linear(ax, low, high, words, room_mm)
        return
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    _label(ax, room_mm)
    ax.set_xlabel(f"{words} (logarithmic)")


def differences(ax: Axes, low: float, high: float, linear_to: float, words: str, room_mm: float) -> None:
    """Make x an axis of minutes of both signs.

    Parameters
    ----------
    ax : Axes
    low, high : float
        Minutes, low < 0 < high.
    linear_to : float
        Minutes either way up to which the axis is linear.
    words : str
        Name of the times.
    room_mm : float
        Length of the axis, roughly.
    """
    if max(-low, high) <= 2 * linear_to:
        _linear(ax, low, high, words, room_mm)
        return
    ax.set_xscale("symlog", linthresh=linear_to, linscale=1.0)
    ax.set_xlim(low, high)
    _label(ax, room_mm)
    ax.set_xlabel(f"{words}\n(linear to ±{tick_text(linear_to)}, logarithmic beyond)")


def write_numbers(axis: Axis) -> None:
    """Write the numbers along a linear axis as they are written elsewhere: ``20,000``, ``−2.5``."""
    formatter = _Numbers(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_formatter(formatter)


class _Numbers(ScalarFormatter):
    """As many decimals as the ticks need, with separators of thousands and never an exponent."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write one tick."""
        return number(x, len(super().__call__(x, pos).partition(".")[2]))


def _linear(ax: Axes, low: float, high: float, words: str, room_mm: float) -> None:
    factor, unit = time_unit(max(abs(low), abs(high)))
    locator = MaxNLocator(max(4, int(room_mm / NUMBER_MM)))
    ticks = np.asarray(locator.tick_values(low / factor, high / factor), dtype=np.float64)
    decimals = max(0, -int(np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9)))
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator((ticks * factor).tolist()))
    ax.xaxis.set_major_formatter(FixedFormatter([number(float(tick), decimals) for tick in ticks]))
    ax.set_xlabel(f"{words} ({unit})")


def _label(ax: Axes, room_mm: float) -> None:
    """Label round moments as far as there is room; mark the others."""
    low, high = ax.get_xlim()
    labelled, marked = _ticks(ax, low, high, room_mm)
    ax.xaxis.set_major_locator(FixedLocator(labelled))
    ax.xaxis.set_major_formatter(FixedFormatter([tick_text(tick) for tick in labelled]))
    ax.xaxis.set_minor_locator(FixedLocator(marked))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _ticks(ax: Axes, low: float, high: float, room_mm: float) -> tuple[list[float], list[float]]:
    """Moments to label, whose texts do not touch one another; and those to mark only, which can be told apart."""
    ends = _along(ax, [low, high])
    labelled: dict[float, float] = {}
    marked: dict[float, float] = {}
    for tier in ((0.0,), *ROUND):
        for minutes in sorted({sign * minutes for minutes in tier for sign in (-1, 1)}):
            if not low <= minutes <= high:
                continue
            place = float((_along(ax, [minutes])[0] - ends[0]) / (ends[1] - ends[0])) * room_mm
            if all(abs(place - at) >= _apart_mm(minutes, other) for other, at in labelled.items()):
                labelled[minutes] = place
            elif all(abs(place - at) >= TICKS_MM for at in (*labelled.values(), *marked.values())):
                marked[minutes] = place
    return sorted(labelled), sorted(marked)


def _apart_mm(first: float, second: float) -> float:
    """Least distance between the middles of two labels."""
    return LETTER_MM * (len(tick_text(first)) + len(tick_text(second))) / 2 + BETWEEN_MM


def _along(ax: Axes, minutes: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(ax.xaxis.get_transform().transform(np.asarray(minutes, dtype=np.float64)), dtype=np.float64)
