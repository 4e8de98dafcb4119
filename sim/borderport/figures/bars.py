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


def slots(rows: int, scenario: int, scenarios: int) -> tuple[Array, float]:
    """Heights of the centres of one scenario's bars, top row 0, and the thickness of a bar."""
    thickness = FILLED / scenarios
    return np.arange(rows, dtype=np.float64) - FILLED / 2 + (scenario + 0.5) * thickness, thickness


def end_of(interval: Interval) -> float:
    """Where a bar and its whisker end; 0 if there is no value."""
    return max((value for value in (interval.mean, interval.high) if isfinite(value)), default=0.0)


def finish(
    ax: Axes, centres: Array, intervals: Sequence[Interval], scale: float, write: Callable[[float], str]
) -> None:
    """Draw the intervals of bars, and write their values behind them; the axis is in ``scale``."""
    means = np.nan_to_num([interval.mean / scale for interval in intervals])
    ax.errorbar(means, centres, xerr=whiskers(intervals, scale), fmt="none", ecolor="black", elinewidth=0.6, capsize=1)
    for centre, interval in zip(centres, intervals, strict=True):
        if isfinite(interval.mean):
            place = (end_of(interval) / scale, centre)
            ax.annotate(
                write(interval.mean), place, (2.5, 0), textcoords="offset points", va="center", fontsize=VALUE_SIZE
            )


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
            ax.add_artist(
                Rectangle(
                    (-0.022, centre - thickness / 2),
                    0.016,
                    thickness,
                    color=style.colour_of(scenario),
                    linewidth=0,
                    transform=ax.get_yaxis_transform(),
                    clip_on=False,
                )
            )
