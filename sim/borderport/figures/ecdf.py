"""Distribution of passage time, port by port."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.experiment import Sample
from borderport.figures import style
from borderport.figures.labels import (
    SECOND,
    duration,
    interval_of,
    label_times,
    listed,
    port_label,
    ports_of,
    scenario_names,
    time_ticks,
    whiskers,
)
from borderport.metrics import GRID

PANEL_MM = 46.0
MARKS = (("p50", 0.50, "o"), ("p95", 0.95, "D"))


def passage_ecdf(samples: Sequence[Sample]) -> Figure:
    """Share of the cleared vehicles that passed within a time, for every port that cleared any.

    Time runs on a log axis, since the tails reach weeks. Median and 95 % quantile carry their intervals.

    Parameters
    ----------
    samples : sequence of Sample
        The base first; run with ``detail``.

    Returns
    -------
    Figure
    """
    with style.style():
        ports = [port for port in ports_of(samples) if any(_has(sample, port) for sample in samples)]
        figure = style.new_figure(28 + (PANEL_MM + style.LINE_MM * len(samples)) * -(-max(len(ports), 1) // 2))
        names = scenario_names(samples)
        note = "Passage: the customs-controlled stretch, wall clock, all cleared vehicles. ● median, ◆ 95 % quantile."
        style.dress(figure, f"Passage time by port: {listed(names)}", samples, note)
        if not ports:
            style.nothing(figure, "no vehicle was cleared")
            return figure
        for ax, port in zip(style.panels(figure, len(ports)), ports, strict=True):
            _panel(ax, port, samples, names)
        return figure


def _has(sample: Sample, port: str) -> bool:
    return port in sample.passage_grid and not bool(np.isnan(sample.passage_grid[port]).all())


def _panel(ax: Axes, port: str, samples: Sequence[Sample], names: Sequence[str]) -> None:
    ax.set_xscale("log")
    entries: list[style.Key] = []
    ends = []
    for i, (sample, name) in enumerate(zip(samples, names, strict=True)):
        colour, dashes = style.colour_of(i), style.dashes_of(i)
        key = style.line_key(colour, dashes)
        if not _has(sample, port):
            entries.append((key, f"{name}: no vehicle cleared"))
            continue
        minutes = np.maximum(sample.passage_grid[port], SECOND)
        ax.plot(minutes, 100 * GRID, color=colour, linestyle=dashes)
        found = _mark(ax, sample, port, colour)
        ends += [minutes[0], minutes[-1]]
        entries.append((key, f"{name}: median {found[0]}, 95 % within {found[1]}"))
    ax.set_xlim(min(ends) / 1.15, max(ends) * 1.15)
    label_times(ax.xaxis, time_ticks(*ax.get_xlim()))
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 25, 50, 75, 95])
    ax.set_xlabel("passage time, log scale")
    ax.set_ylabel("share of vehicles (%)")
    style.head(ax, port_label(samples, port), entries)


def _mark(ax: Axes, sample: Sample, port: str, colour: str) -> list[str]:
    found = []
    for metric, share, marker in MARKS:
        interval = interval_of(sample, port, f"passage_time_{metric}")
        ax.errorbar(
            max(interval.mean, SECOND),
            100 * share,
            xerr=np.minimum(whiskers([interval]), max(interval.mean - SECOND, 0.0)),
            color=colour,
            marker=marker,
            markersize=4,
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=3,
        )
        found.append(duration(interval.mean))
    return found
