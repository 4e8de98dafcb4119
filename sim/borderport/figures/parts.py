"""Where passage time goes: by station and part, scenarios side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import bars, style
from borderport.figures.labels import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    duration,
    listed,
    port_label,
    ports_of,
    scenario_names,
    station_label,
    values_of,
)
from borderport.metrics import PARTS
from borderport.statistics import t_interval

OPEN_PARTS = tuple(part for part in PARTS if part != "closed")
COLOURS = {"waiting": "#E69F00", "service": "#56B4E9", "blocked": "#555555", "closed": "#D9D9D9"}
WORDS = {"waiting": "waiting in a queue", "service": "in service", "blocked": "blocked by the next station"}
CLOSED_WORDS = "waiting while closed"
UNIT_WORDS = {SECOND: "seconds", MINUTE: "minutes", HOUR: "hours", DAY: "days"}
MOST_STATIONS = 10
HATCH_COLOUR = "#999999"
ROW_MM = 5.2


@dataclass(frozen=True, eq=False)
class _Row:
    """A bar's name, and by scenario and part its minutes per vehicle, shape (replications,)."""

    name: str
    minutes: list[dict[str, Array]]

    def total(self) -> float:
        """Greatest mean over the scenarios."""
        return max(sum(_mean(values) for values in parts.values()) for parts in self.minutes)

    def sum_of(self, parts: Sequence[str], scenario: int) -> Array:
        """Minutes in these parts, shape (replications,)."""
        return np.asarray(np.sum([self.minutes[scenario][part] for part in parts], axis=0))


def time_by_station(samples: Sequence[Sample]) -> Figure:
    """Mean passage time by part and station of every port, scenarios side by side.

    Time while a station is closed has its own panel and scale, since it may dwarf all else. The stations with the
    least time are put together in one row, so that the rows of a port still add up to its mean passage time.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Figure
    """
    with style.style():
        names = scenario_names(samples)
        table = {port: _rows(samples, port) for port in ports_of(samples)}
        table = {port: rows for port, rows in table.items() if rows}
        heights = [ROW_MM * max(1.0, 0.45 * len(samples)) * len(rows) + 18 for rows in table.values()]
        figure = style.new_figure(max(34 + sum(heights), 70))
        note = (
            "Mean over all cleared vehicles of a port, those that skip a station included; the bars of both columns "
            "add up to the mean passage time. Whiskers: interval of the bar. Scales differ between panels."
        )
        keys = [*style.scenario_keys(names), *_part_keys()] if table else []
        style.dress(figure, f"Passage time by station: {listed(names)}", samples, note, keys)
        if not table:
            style.nothing(figure, "no vehicle was cleared")
            return figure
        axes = figure.subplots(len(table), 2, squeeze=False, height_ratios=heights, width_ratios=[3, 2])
        for (left, right), (port, rows) in zip(axes, table.items(), strict=True):
            _port(left, right, port_label(samples, port), rows)
        return figure


def _part_keys() -> list[style.Key]:
    closed = Patch(facecolor=COLOURS["closed"], edgecolor=HATCH_COLOUR, hatch="////", linewidth=0)
    return [*((Patch(color=COLOURS[part]), WORDS[part]) for part in OPEN_PARTS), (closed, CLOSED_WORDS)]


def _mean(values: Array) -> float:
    mean = t_interval(values).mean
    return mean if mean == mean else 0.0


def _rows(samples: Sequence[Sample], port: str) -> list[_Row]:
    """The port's stations in the order of its routes; the least of many put together at the end."""
    metric = f"passage_{PARTS[0]}_mean"
    keys = (key for sample in samples for key in sample.keys)
    stations = dict.fromkeys(
        key[2] for key in keys if key[:2] == (port, "all") and key[3] == metric and key[2] != "all"
    )
    rows = [
        _Row(
            station_label(samples, port, station),
            [{part: values_of(sample, port, f"passage_{part}_mean", station) for part in PARTS} for sample in samples],
        )
        for station in stations
    ]
    rows = [row for row in rows if row.total() > 0]
    if len(rows) <= MOST_STATIONS:
        return rows
    least = sorted(rows, key=_Row.total)[: len(rows) - MOST_STATIONS + 1]
    return [row for row in rows if row not in least] + [_together(least)]


def _together(rows: Sequence[_Row]) -> _Row:
    minutes = [
        {part: np.sum([np.nan_to_num(row.minutes[i][part]) for row in rows], axis=0) for part in PARTS}
        for i in range(len(rows[0].minutes))
    ]
    return _Row(f"{len(rows)} other stations", minutes)


def _port(left: Axes, right: Axes, title: str, rows: Sequence[_Row]) -> None:
    _stack(left, rows, OPEN_PARTS)
    _stack(right, rows, ("closed",))
    bars.name_rows(left, [row.name for row in rows])
    bars.mark_scenarios(left, len(rows), len(rows[0].minutes))
    left.set_title(f"{title}: while open")
    right.set_title("while closed")
    bars.name_rows(right, [""] * len(rows))
    bars.mark_scenarios(right, len(rows), len(rows[0].minutes))


def _stack(ax: Axes, rows: Sequence[_Row], parts: Sequence[str]) -> None:
    """Stacked bars of these parts for every scenario, with their sum written behind them."""
    scenarios = len(rows[0].minutes)
    sums = [[t_interval(row.sum_of(parts, i)) for row in rows] for i in range(scenarios)]
    longest = max(bars.end_of(interval) for line in sums for interval in line)
    unit = _unit(longest)
    for i, line in enumerate(sums):
        centres, thickness = bars.slots(len(rows), i, scenarios)
        left = np.zeros(len(rows))
        for part in parts:
            width = np.asarray([_mean(row.minutes[i][part]) for row in rows]) / unit
            hatch = "////" if part == "closed" else None
            edge = HATCH_COLOUR if part == "closed" else COLOURS[part]
            ax.barh(
                centres, width, 0.92 * thickness, left, color=COLOURS[part], hatch=hatch, edgecolor=edge, linewidth=0
            )
            left += width
        bars.finish(ax, centres, line, unit, lambda mean: duration(mean) if mean > 0 else "")
    ax.set_xlim(0, longest / unit * 1.2 or 1.0)
    ax.set_xlabel(f"{UNIT_WORDS[unit]} per vehicle")


def _unit(longest: float) -> float:
    if longest < 120:
        return MINUTE
    return HOUR if longest < 10 * DAY else DAY
