"""Detection against delay: what share of the contraband is found, and what it costs all vehicles in time."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from borderport.figures import scales, style
from borderport.figures.labels import HOUR, MINUTE
from borderport.figures.style import shown
from borderport.frontiers import Frontier
from borderport.statistics import Interval

BODY_MM = 95.0
ROOM_MM = 150.0
LINEAR_TO = HOUR
# Places of a label beside its point: points of the page to the right and up, and its alignment.
OFFSETS = ((3, -8), (3, 3), (-3, 3), (-3, -8), (3, -16), (-3, 11), (3, 11), (-3, -16))
LABEL_SIZE = 6


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
        keys: list[style.LegendEntry] = [
            (style.line_key(i, style.marker_of(i)), f"targeting {t:.0%}".replace("%", " %"))
            for i, t in enumerate(targetings)
        ]
        name = shown(result.scenario.name)
        bars = "Bars: 95 % intervals. " if result.replications > 1 else ""
        footer = [
            "Numbers are rates of selection, which ascend along the curve; those without room are left out. Full: no "
            f"other point dominates; open: dominated; star: as given. {bars}",
            f"scenario {name} · {style.basis(result.replications, result.seed)}",
        ]
        figure = style.sheet(f"Contraband found against time spent: {name}", footer, BODY_MM, keys)
        ax = figure.subplots()
        for number, targeting in enumerate(targetings):
            _curve(ax, result, targeting, number)
        _bars(ax, result.delay_each[:1], [result.points[0].detection()], "black")
        star = (result.delay_each[0].mean * HOUR, result.points[0].detection().mean * 100)
        ax.plot(*star, "*", color="black", markersize=10, zorder=6)
        low, high = _reach(result.delay_each)
        words = "time at the port for each vehicle, more than with nobody selected"
        scales.differences(ax, low, high, LINEAR_TO, words, ROOM_MM)
        ax.set_ylabel("found out, of the cleared vehicles with contraband (%)")
        ax.set_ylim(bottom=0)
        if targetings:
            _label(figure, ax, result, targetings[-1], len(targetings) - 1)
        return figure


def _reach(delays: Sequence[Interval]) -> tuple[float, float]:
    """The least and the greatest minutes, with some room; 0 lies between them."""
    ends = [HOUR * end for delay in delays for end in (delay.mean, delay.low, delay.high) if isfinite(end)]
    low, high = min([-MINUTE, *ends]), max([MINUTE, *ends])
    return min(1.1 * low, -0.04 * min(high, 5 * LINEAR_TO)), 1.1 * high


def _on_curve(result: Frontier, targeting: float) -> list[int]:
    """Points of one quality of targeting, by rate; nobody and everybody selected belong to every curve."""
    chosen = [
        i for i, p in enumerate(result.points) if p.rate is not None and (p.targeting == targeting or p.rate in (0, 1))
    ]
    return sorted(chosen, key=lambda i: result.points[i].rate or 0.0)


def _curve(ax: Axes, result: Frontier, targeting: float, number: int) -> None:
    chosen = _on_curve(result, targeting)
    colour, marker = style.colour_of(number), style.marker_of(number)
    delays = [result.delay_each[i] for i in chosen]
    found = [result.points[i].detection() for i in chosen]
    x = np.asarray([interval.mean for interval in delays]) * HOUR
    y = np.asarray([interval.mean for interval in found]) * 100
    ax.plot(x, y, linewidth=1, **style.line_look(number))
    _bars(ax, delays, found, colour)
    free = np.asarray([result.dominated_by[i] is None for i in chosen])
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5, "linestyle": "none", "zorder": 5}
    ax.plot(x[free], y[free], **look)
    ax.plot(x[~free], y[~free], markerfacecolor="white", **look)


def _label(figure: Figure, ax: Axes, result: Frontier, targeting: float, number: int) -> None:
    """Write the rates at the points of the last curve, from both ends on, where there is room.

    Those of the other curves lie nearby.
    """
    chosen = _on_curve(result, targeting)
    ends_first = sorted(range(len(chosen)), key=lambda i: (min(i, len(chosen) - 1 - i), i))
    figure.draw_without_rendering()  # so that it is known where points lie
    every = [(d.mean * HOUR, p.detection().mean * 100) for d, p in zip(result.delay_each, result.points, strict=True)]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in ax.transData.transform(every) if isfinite(x + y)]
    for place in ends_first:
        point, delay = result.points[chosen[place]], result.delay_each[chosen[place]]
        at = (delay.mean * HOUR, point.detection().mean * 100)
        text = f"{(point.rate or 0.0) * 100:.3g} %"
        for offset in OFFSETS if all(isfinite(value) for value in at) else ():
            note = ax.annotate(
                text,
                at,
                offset,
                textcoords="offset points",
                ha="left" if offset[0] > 0 else "right",
                fontsize=LABEL_SIZE,
                color=style.colour_of(number),
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
                zorder=7,
            )
            note.set_in_layout(False)
            box = note.get_window_extent()
            if not any(box.overlaps(other) for other in taken) and _within(box, ax.get_window_extent()):
                taken.append(box)
                break
            note.remove()


def _within(inner: Bbox, outer: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)


def _bars(ax: Axes, delays: Sequence[Interval], found: Sequence[Interval], colour: str) -> None:
    ax.errorbar(
        [interval.mean * HOUR for interval in delays],
        [interval.mean * 100 for interval in found],
        xerr=[interval.half_width * HOUR for interval in delays],
        yerr=[interval.half_width * 100 for interval in found],
        fmt="none",
        ecolor=colour,
        elinewidth=0.7,
    )
