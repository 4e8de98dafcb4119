"""Horizontal bars of several scenarios side by side: rows of names, one slot per scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from borderport.distributions import Array
from borderport.figures import style
from borderport.figures.labels import whiskers
from borderport.statistics import Interval

FILLED = 0.84
VALUE_SIZE = 5.5
# A bar is at least so thick that its value does not touch the next one's.
BAR_MM = 2.3
# Rows of bars that all scenarios together may have in a panel.
MOST_BARS, FEWEST_ROWS = 32, 4


def row_mm(scenarios: int, single: float) -> float:
    """Height of a row of bars: ``single`` for one scenario."""
    return max(single, BAR_MM * scenarios / FILLED)


def most_rows(scenarios: int) -> int:
    """Most rows that a panel may have and still be read: fewer, the more scenarios there are."""
    return max(FEWEST_ROWS, MOST_BARS // scenarios)


def slots(rows: int, scenario: int, scenarios: int) -> tuple[Array, float]:
    """Heights of the centres of one scenario's bars, top row 0, and the thickness of a bar."""
    thickness = FILLED / scenarios
    return np.arange(rows, dtype=np.float64) - FILLED / 2 + (scenario + 0.5) * thickness, thickness


def end_of(interval: Interval) -> float:
    """The end of a bar with its whisker; 0 if there is no value."""
    return max((value for value in (interval.mean, interval.high) if isfinite(value)), default=0.0)


def finish(
    ax: Axes, centres: Array, intervals: Sequence[Interval], scale: float, write: Callable[[Interval], str]
) -> None:
    """Draw the intervals of bars, and write their values behind them; the axis is in ``scale``.

    A bar that points to the left has its value at the right of the axis.
    """
    means = np.nan_to_num([interval.mean / scale for interval in intervals])
    ax.errorbar(means, centres, xerr=whiskers(intervals, scale), fmt="none", ecolor="black", elinewidth=0.6, capsize=1)
    for centre, interval in zip(centres, intervals, strict=True):
        if isfinite(interval.mean):
            place = (max(end_of(interval), 0.0) / scale, centre)
            text = ax.annotate(
                write(interval), place, (2.5, 0), textcoords="offset points", va="center", fontsize=VALUE_SIZE
            )
            text.set_in_layout(False)  # There is room for it on the axis, and looking at each takes long.


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Write the rows' names, the first on top, without lines between them."""
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0, pad=9)
    ax.grid(visible=False, axis="y")


def mark_scenarios(ax: Axes, rows: int, scenarios: int) -> None:
    """Put each scenario's colour at the left of its bars, for bars whose own colours mean something else."""
    for scenario in range(scenarios):
        centres, thickness = slots(rows, scenario, scenarios)
        for centre in centres:
            mark = ax.add_artist(
                Rectangle(
                    (-0.03, centre - thickness / 2),
                    0.024,
                    thickness,
                    **style.bar_look(scenario),
                    transform=ax.get_yaxis_transform(),
                    clip_on=False,
                )
            )
            mark.set_in_layout(False)
