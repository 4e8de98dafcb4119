"""Cost of the reported period: the parts of each scenario's total, and how each part differs from the first one's."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import bars, scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import mean_text, scenario_names, values_of
from borderport.metrics import COST_WORDS
from borderport.statistics import Interval, t_interval

# From dark to light, unlike the colours of scenarios, which mean something else.
COLOURS = tuple(to_hex(colour) for colour in colormaps["cividis"](np.linspace(0, 1, len(COST_WORDS))))
TOTAL_MM, CHANGE_MM = 6.0, 4.0
DECIMALS = 2
KEY_COLUMNS = 3
UNITS = ((1e9, "bn CNY"), (1e6, "M CNY"), (1e3, "thousand CNY"), (1.0, "CNY"))


def has_costs(samples: Sequence[Sample]) -> bool:
    """True if every scenario gives rates of cost."""
    return all(sample.scenario.costs is not None for sample in samples)


def costs(samples: Sequence[Sample]) -> Figure:
    """Stacked parts of the total cost of every scenario, and the paired change of each part against the first.

    Shows whether a measure is worth what it costs, and who pays.

    Parameters
    ----------
    samples : sequence of Sample
        Of scenarios that all have ``costs``.

    Returns
    -------
    Figure
    """
    with style.style():
        names, others = scenario_names(samples), len(samples) - 1
        note = "Over arrived vehicles, to the exit, giving up or the end; persons are left out."
        if others:
            note += f" Below: paired change against {names[0]}; below 0 is cheaper."
        note += with_intervals(samples, " Whiskers: 95 % interval.")
        heights = [style.AROUND_MM + style.LINE_MM * KEY_COLUMNS + TOTAL_MM * len(samples)]
        if others:
            heights.append(style.AROUND_MM + bars.row_mm(others, CHANGE_MM) * (len(COST_WORDS) + 1))
        keys: list[style.LegendEntry] = [
            (Patch(color=c), text) for c, text in zip(COLOURS, COST_WORDS.values(), strict=True)
        ]
        figure = frame("Cost of the reported period", samples, note, sum(heights))
        axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        _stack(axes[0], samples, names)
        style.head(figure, axes[0], "total", keys, columns=KEY_COLUMNS)
        if others:
            _changes(axes[1], samples, names)
        return figure


def _unit(largest: float) -> tuple[float, str]:
    return next((unit for unit in UNITS if largest >= unit[0]), UNITS[-1])


def _stack(ax: Axes, samples: Sequence[Sample], names: Sequence[str]) -> None:
    totals = [t_interval(values_of(sample, "all", "total_cost")) for sample in samples]
    longest = max(bars.end_of(total) for total in totals)
    scale, unit = _unit(longest)
    centres = np.arange(len(samples), dtype=np.float64)
    left = np.zeros(len(samples))
    for colour, part in zip(COLOURS, COST_WORDS, strict=True):
        width = np.asarray([t_interval(values_of(sample, "all", part)).mean for sample in samples]) / scale
        ax.barh(centres, width, 0.6, left, color=colour, linewidth=0)
        left += width
    bars.finish(ax, centres, totals, scale, lambda total: mean_text(total, scale, DECIMALS))
    bars.name_rows(ax, names)
    ax.set_xlim(0, longest / scale * 1.12 or 1.0)
    scales.write_numbers(ax.xaxis)
    ax.set_xlabel(unit)


def _changes(ax: Axes, samples: Sequence[Sample], names: Sequence[str]) -> None:
    """Change of each part and of the total, scenario by scenario, in the scenario's colour."""
    parts = {**COST_WORDS, "total_cost": "total"}
    changes = [[_change(samples[0], sample, part) for part in parts] for sample in samples[1:]]
    ends = [value for line in changes for i in line for value in (i.mean, i.low, i.high) if isfinite(value)]
    low, high = min((0.0, *ends)), max((0.0, *ends))
    scale, unit = _unit(max(-low, high))
    for i, line in enumerate(changes):
        centres, thickness = bars.slots(len(parts), i, len(changes))
        means = np.asarray([interval.mean for interval in line]) / scale
        ax.barh(centres, means, 0.92 * thickness, **style.bar_look(i + 1))
        bars.finish(ax, centres, line, scale, lambda change: mean_text(change, scale, DECIMALS))
    bars.name_rows(ax, list(parts.values()))
    ax.axvline(0, color="black", linewidth=0.6)
    room = 0.1 * (high - low) or scale
    ax.set_xlim((low - 0.3 * room) / scale, (high + room) / scale)
    scales.write_numbers(ax.xaxis)
    ax.set_xlabel(unit)
    ax.set_title(f"change against {names[0]}")


def _change(base: Sample, other: Sample, part: str) -> Interval:
    difference: Array = values_of(other, "all", part) - values_of(base, "all", part)
    return t_interval(difference)
