"""Parts of the passage time by station, scenarios side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import bars, scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    duration_mean,
    interval_of,
    percent,
    port_label,
    ports_of,
    span_text,
    station_label,
    values_of,
)
from borderport.metrics import PARTS
from borderport.statistics import t_interval

OPEN_PARTS = tuple(part for part in PARTS if part != "closed")
# Greys, unlike the colours of scenarios, which mean something else.
LOOKS: dict[str, dict[str, Any]] = {
    "waiting": {"facecolor": "#757575", "edgecolor": "#757575", "linewidth": 0},
    "service": {"facecolor": "#C9C9C9", "edgecolor": "#C9C9C9", "linewidth": 0},
    "blocked": {"facecolor": "#000000", "edgecolor": "#000000", "linewidth": 0},
    "closed": {"facecolor": "#F4F4F4", "edgecolor": "#999999", "linewidth": 0, "hatch": "////"},
}
WORDS = {
    "waiting": "waiting in a queue",
    "service": "in service",
    "blocked": "blocked by the next station",
    "closed": "waiting while closed",
}
UNIT_WORDS = {SECOND: "seconds", MINUTE: "minutes", HOUR: "hours", DAY: "days"}
MOST_STATIONS = 10
ROW_MM = 5.2
KEY_COLUMNS = 2


@dataclass(frozen=True, eq=False)
class _Row:
    """A bar's name, and by scenario and part its minutes per vehicle, shape (replications,)."""

    name: str
    minutes: list[dict[str, Array]]

    def total(self, parts: Sequence[str] = PARTS) -> float:
        """Greatest mean of these parts together over the scenarios."""
        return max(sum(_mean(minutes[part]) for part in parts) for minutes in self.minutes)

    def sum_of(self, parts: Sequence[str], scenario: int) -> Array:
        """Minutes in these parts, shape (replications,)."""
        return np.asarray(np.sum([self.minutes[scenario][part] for part in parts], axis=0))


def time_by_station(samples: Sequence[Sample]) -> Figure:
    """Mean passage time by part and station of every port, scenarios side by side.

    Shows where vehicles lose their time, and for what they wait there. Time while a station is closed has its own
    panel and scale, since it may dwarf all else; a port that is always open has no such panel. The stations with the
    least time are put together in one row, so that the rows of a port still add up to its mean passage time.

    Parameters
    ----------
    samples : sequence of Sample
        Run with ``detail``.

    Returns
    -------
    Figure
    """
    with style.style():
        table = {port: rows for port in ports_of(samples) if (rows := _rows(samples, port))}
        row_mm = bars.row_mm(len(samples), ROW_MM)
        heights = [row_mm * len(rows) + style.AROUND_MM for rows in table.values()]
        heights[:1] = [height + style.LINE_MM * KEY_COLUMNS for height in heights[:1]]
        note = (
            "Mean over all cleared vehicles of a port, those that skip a station included; in brackets the share that "
            "comes by it. All bars of a port add up to its mean passage time. "
            f"{with_intervals(samples, 'Whiskers: 95 % interval of the bar. ')}Scales differ between panels."
        )
        closes = {port: any(row.total(("closed",)) > 0 for row in rows) for port, rows in table.items()}
        parts = [part for part in PARTS if part != "closed" or any(closes.values())]
        keys: list[style.LegendEntry] = [(Patch(**LOOKS[part]), WORDS[part]) for part in parts]
        figure = frame("Passage time by station", samples, note, max(sum(heights), 30))
        if not table:
            style.nothing(figure, "no vehicle was cleared")
            return figure
        grid = figure.add_gridspec(len(table), 2, height_ratios=heights, width_ratios=[3, 2])
        for number, (port, rows) in enumerate(table.items()):
            title = f"{port_label(samples, port)}, {_vehicles(samples, port)}"
            left = figure.add_subplot(grid[number, 0] if closes[port] else grid[number, :])
            _panel(left, rows, OPEN_PARTS, "while open" if closes[port] else "")
            style.head(figure, left, title, keys if number == 0 else [], columns=KEY_COLUMNS)
            if closes[port]:
                _panel(figure.add_subplot(grid[number, 1]), rows, ("closed",), "while closed", named=False)
        return figure


def _vehicles(samples: Sequence[Sample], port: str) -> str:
    """Number of vehicles that a port clears in a replication, as text."""
    cleared = [interval_of(sample, port, "vehicles_cleared").mean for sample in samples]
    return f"{span_text(cleared, lambda mean: f'{mean:,.0f}')} vehicles"


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
            f"{station_label(samples, port, station)}{_visiting(samples, port, station)}",
            [{part: values_of(sample, port, f"passage_{part}_mean", station) for part in PARTS} for sample in samples],
        )
        for station in stations
    ]
    rows = [row for row in rows if row.total() > 0]
    most = min(MOST_STATIONS, bars.most_rows(len(samples)))
    if len(rows) <= most:
        return rows
    least = sorted(rows, key=_Row.total)[: len(rows) - most + 1]
    return [row for row in rows if row not in least] + [_together(least)]


def _visiting(samples: Sequence[Sample], port: str, station: str) -> str:
    """The share of the port's vehicles that comes by a station, in brackets; nothing if it is not known."""
    shares = [sample.visiting.get((port, station), np.nan) for sample in samples]
    return f" ({span_text(shares, percent)})" if np.isfinite(shares).any() else ""


def _together(rows: Sequence[_Row]) -> _Row:
    minutes = [
        {part: np.sum([np.nan_to_num(row.minutes[i][part]) for row in rows], axis=0) for part in PARTS}
        for i in range(len(rows[0].minutes))
    ]
    return _Row(f"{len(rows)} other stations", minutes)


def _panel(ax: Axes, rows: Sequence[_Row], parts: Sequence[str], when: str, named: bool = True) -> None:
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
            ax.barh(centres, width, 0.92 * thickness, left, **LOOKS[part])
            left += width
        bars.finish(ax, centres, line, unit, lambda mean: duration_mean(mean) if mean.mean > 0 else "")
    bars.name_rows(ax, [row.name if named else "" for row in rows])
    if scenarios > 1:
        bars.mark_scenarios(ax, len(rows), scenarios)
    ax.set_xlim(0, longest / unit * 1.2 or 1.0)
    scales.write_numbers(ax.xaxis)
    ax.set_xlabel(f"{UNIT_WORDS[unit]} per vehicle{f', {when}' if when else ''}")


def _unit(longest: float) -> float:
    if longest < 120:
        return MINUTE
    return HOUR if longest < 10 * DAY else DAY
