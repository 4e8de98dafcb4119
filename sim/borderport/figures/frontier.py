"""Detection against delay: what share of the contraband is found, and what it costs all vehicles in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from borderport.figures import style
from borderport.figures.style import shown
from borderport.frontier import Frontier
from borderport.statistics import Interval

HEIGHT_MM = 110.0
EVEN_TO_H = 1.0


def detection_against_delay(result: Frontier) -> Figure:
    """One curve for each quality of targeting over the rates of selection, with intervals both ways.

    Full markers are points that no other dominates; the star is the scenario as given. It shows how far along its curve
    a port should go, and what better targeting is worth.

    Parameters
    ----------
    result : Frontier

    Returns
    -------
    Figure
    """
    targetings = sorted({point.targeting for point in result.points[1:] if point.targeting is not None})
    with style.style():
        figure = style.new_figure(HEIGHT_MM)
        keys = [
            (style.line_key(style.colour_of(i), marker="o"), f"targeting {t:.0%}".replace("%", " %"))
            for i, t in enumerate(targetings)
        ]
        name = shown(result.scenario.name)
        footer = [
            "Numbers are rates of selection. Full: no other point dominates; open: dominated; star: as given. "
            "Bars: 95 % intervals. Even up to 1 h, then by tenfold.",
            f"scenario {name} · {style.basis(result.replications, result.seed)}",
        ]
        style.caption(figure, f"Contraband found against time spent: {name}", footer, keys)
        ax = figure.subplots()
        for number, targeting in enumerate(targetings):
            _curve(ax, result, targeting, number, last=number == len(targetings) - 1)
        given = result.points[0].detection()
        _bars(ax, [result.delay_each[0]], [given], "black")
        ax.plot(result.delay_each[0].mean, given.mean * 100, "*", color="black", markersize=10, zorder=6)
        ax.set_xscale("symlog", linthresh=EVEN_TO_H, linscale=1.5)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "\N{MINUS SIGN}")))
        ax.set_xlabel("hours at the port for each vehicle, more than with nobody selected")
        ax.set_ylabel("found out, of the cleared vehicles with contraband (%)")
        ax.set_ylim(bottom=0)
        return figure


def _curve(ax: Axes, result: Frontier, targeting: float, number: int, last: bool) -> None:
    """One quality of targeting; nobody and everybody selected belong to every curve."""
    chosen = [
        i for i, p in enumerate(result.points) if p.rate is not None and (p.targeting == targeting or p.rate in (0, 1))
    ]
    chosen.sort(key=lambda i: result.points[i].rate or 0.0)
    colour = style.colour_of(number)
    delays = [result.delay_each[i] for i in chosen]
    found = [result.points[i].detection() for i in chosen]
    x = np.asarray([interval.mean for interval in delays])
    y = np.asarray([interval.mean for interval in found]) * 100
    ax.plot(x, y, color=colour, linewidth=1)
    _bars(ax, delays, found, colour)
    free = np.asarray([result.dominated_by[i] is None for i in chosen])
    ax.plot(x[free], y[free], "o", color=colour, markersize=5, zorder=5)
    ax.plot(x[~free], y[~free], "o", color=colour, markerfacecolor="white", markersize=5, zorder=5)
    for place, i in enumerate(chosen):
        rate = result.points[i].rate or 0.0
        if last:  # the rates of the other curves lie nearly below these
            ax.annotate(
                f"{rate * 100:.3g} %",
                (x[place], y[place]),
                (3, -8),
                textcoords="offset points",
                fontsize=6,
                color=colour,
            )


def _bars(ax: Axes, delays: Sequence[Interval], found: Sequence[Interval], colour: str) -> None:
    ax.errorbar(
        [interval.mean for interval in delays],
        [interval.mean * 100 for interval in found],
        xerr=[interval.half_width for interval in delays],
        yerr=[interval.half_width * 100 for interval in found],
        fmt="none",
        ecolor=colour,
        elinewidth=0.7,
    )
