"""What the reported period cost: the parts of each scenario's total, and how each part differs from the first one's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import bars, style
from borderport.figures.labels import listed, number, scenario_names, values_of, whiskers
from borderport.metrics import COST_WORDS
from borderport.statistics import Interval, t_interval

COLOURS = ("#E69F00", "#56B4E9", "#555555", "#009E73", "#F0E442", "#CC79A7", "#0072B2")
ROW_MM = 9.0
UNITS = ((1e9, "bn CNY"), (1e6, "M CNY"), (1e3, "thousand CNY"), (1.0, "CNY"))


def has_costs(samples: Sequence[Sample]) -> bool:
    """Whether every scenario says what things cost."""
    return all(sample.scenario.costs is not None for sample in samples)


def costs(samples: Sequence[Sample]) -> Figure:
    """Stacked parts of the total cost of every scenario, and the paired change of each part against the first.

    Parameters
    ----------
    samples : sequence of Sample
        Of scenarios that all have ``costs``.

    Returns
    -------
    Figure
    """
    with style.style():
        names = scenario_names(samples)
        others = len(samples) - 1
        rows = max(len(samples), (len(COST_WORDS) + 1) * others * 0.55)
        figure = style.new_figure(40 + ROW_MM * rows)
        note = "Over arrived vehicles, to the exit, giving up or the end; persons are left out. Whiskers: interval."
        if others:
            note += f" Right: paired change against {names[0]}; below 0 is cheaper."
        keys: list[style.Key] = [(Patch(color=c), text) for c, text in zip(COLOURS, COST_WORDS.values(), strict=True)]
        style.dress(figure, f"Cost of the reported period: {listed(names)}", samples, note, keys)
        left, *right = style.panels(figure, 2 if others else 1)
        _stack(left, samples, names)
        for ax in right:
            _changes(ax, samples, names)
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
    bars.finish(ax, centres, totals, scale, lambda mean: number(mean / scale))
    bars.name_rows(ax, names)
    ax.set_xlim(0, longest / scale * 1.2 or 1.0)
    ax.set_xlabel(unit)
    ax.set_title("total")


def _changes(ax: Axes, samples: Sequence[Sample], names: Sequence[str]) -> None:
    """How each part and the total change, scenario by scenario, in the scenario's colour."""
    parts = {**COST_WORDS, "total_cost": "total"}
    changes = [[_change(samples[0], sample, part) for part in parts] for sample in samples[1:]]
    largest = max(abs(value) for line in changes for i in line for value in (i.mean, i.low, i.high) if value == value)
    scale, unit = _unit(largest)
    for i, line in enumerate(changes):
        centres, thickness = bars.slots(len(parts), i, len(changes))
        means = np.asarray([interval.mean for interval in line]) / scale
        ax.barh(centres, means, 0.92 * thickness, color=style.colour_of(i + 1), linewidth=0)
        ax.errorbar(means, centres, xerr=whiskers(line, scale), fmt="none", ecolor="black", elinewidth=0.6, capsize=1)
        for centre, interval in zip(centres, line, strict=True):
            place = (max(bars.end_of(interval), 0.0) / scale, centre)  # to the right of the axis: bars point both ways
            text = number(interval.mean / scale)
            ax.annotate(text, place, (2.5, 0), textcoords="offset points", va="center", fontsize=bars.VALUE_SIZE)
    bars.name_rows(ax, list(parts.values()))
    ax.axvline(0, color="black", linewidth=0.6)
    reach = largest / scale * 1.3 or 1.0
    ax.set_xlim(-reach, reach)
    ax.set_xlabel(unit)
    if len(changes) == 1:
        ax.set_title(f"change: {names[1]}")  # against which stands in the footer
    else:
        keys: list[style.Key] = [(Patch(color=style.colour_of(i)), names[i]) for i in range(1, len(names))]
        style.head(ax, f"change against {names[0]}", keys)


def _change(base: Sample, other: Sample, part: str) -> Interval:
    difference: Array = values_of(other, "all", part) - values_of(base, "all", part)
    return t_interval(difference)
