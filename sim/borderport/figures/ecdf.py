"""Distribution of passage time, port by port."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.experiment import Sample
from borderport.figures import scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import SECOND, duration_mean, interval_of, port_label, ports_of, whiskers
from borderport.metrics import GRID

PANEL_MM = 32.0
MARKS = (("p50", 0.50, "o"), ("p95", 0.95, "D"))
ROOM_MM = 68.0


def passage_ecdf(samples: Sequence[Sample]) -> Figure:
    """Share of the cleared vehicles that passed within a time, for every port that cleared any.

    Shows what a driver can count on, and whether a measure shortens the common passage or the long ones. Time runs on a
    log axis where it spans a decade, since the tails reach weeks. Median and 95 % quantile carry their intervals.

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
        note = "Passage: the customs-controlled stretch, wall clock, all cleared vehicles. ● median, ◆ 95 % quantile"
        note += with_intervals(samples, ", each with its 95 % interval") + "."
        if len(samples) > 3:
            note += " Above the panels: median; 95 % quantile."
        rows = -(-max(len(ports), 1) // 2)
        body = (style.AROUND_MM + PANEL_MM + style.head_mm(len(samples))) * rows
        figure = frame("Passage time by port", samples, note, body, style.line_key)
        if not ports:
            style.nothing(figure, "no vehicle was cleared")
            return figure
        for ax, port in zip(style.panels(figure, len(ports)), ports, strict=True):
            _panel(figure, ax, port, samples, ROOM_MM if len(ports) > 1 else 2 * ROOM_MM)
        return figure


def _has(sample: Sample, port: str) -> bool:
    return port in sample.passage_grid and not bool(np.isnan(sample.passage_grid[port]).all())


def _panel(figure: Figure, ax: Axes, port: str, samples: Sequence[Sample], room_mm: float) -> None:
    entries: list[style.LegendEntry] = []
    ends = []
    for i, sample in enumerate(samples):
        key = style.line_key(i)
        if not _has(sample, port):
            entries.append((key, "no vehicle cleared"))
            continue
        minutes = np.maximum(sample.passage_grid[port], SECOND)
        ax.plot(minutes, 100 * GRID, **style.line_look(i))
        found = _mark(ax, sample, port, style.colour_of(i))
        ends += [minutes[0], minutes[-1]]
        entries.append((key, _words(found, len(samples) > 3)))
    scales.passing_times(ax, min(ends) / 1.15, max(ends) * 1.15, "passage time", room_mm)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 25, 50, 75, 95])
    ax.set_ylabel("share of vehicles (%)")
    style.head(figure, ax, port_label(samples, port), entries, columns=style.head_columns(len(samples)))


def _words(found: Sequence[str], short: bool) -> str:
    median, late = found
    return f"{median}; 95 %: {late}" if short else f"median {median}, 95 % within {late}"


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
            elinewidth=0.9,
            zorder=3,
        )
        found.append(duration_mean(interval))
    return found
