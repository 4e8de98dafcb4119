"""Tonnes by month and port, against the reported figures."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from borderport.experiment import Sample
from borderport.figures import style
from borderport.figures.labels import (
    interval_of,
    listed,
    number,
    plus_minus,
    port_label,
    ports_of,
    scenario_names,
    values_of,
    whiskers,
)
from borderport.scenario import Reported
from borderport.statistics import Interval, t_interval

METRIC = "tonnes_cleared"
PANEL_MM = 50.0
MOST_LABELS = 12
WIDE, NARROW = 130, 56
NO_BREAK = "\u00a0"
REPORTED_DASHES: tuple[style.Dashes, ...] = ("-", "--", ":")


def tonnes_by_month(samples: Sequence[Sample]) -> Figure:
    """Tonnes cleared in each month at all ports and at each, with the reported figures as monthly levels.

    A reported figure is drawn over its days at its tonnes per month; beside it stands what was simulated over the same
    months.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Figure
    """
    with style.style():
        names, months = scenario_names(samples), _months(samples)
        ports = [port for port in ports_of(samples) if any(_total(sample, port) > 0 for sample in samples)]
        rows = 1 + -(-len(ports) // 2) if len(ports) > 1 else 1
        figure = style.new_figure(26 + (PANEL_MM + style.LINE_MM * len(samples)) * rows)
        note = "Cleared: passage ended in the month, local time. Scales differ between panels."
        style.dress(figure, f"Tonnes cleared by month: {listed(names)}", samples, note)
        if not ports or not months:
            style.nothing(figure, "nothing was cleared")
            return figure
        shown = ["all", *ports] if len(ports) > 1 else ports
        for ax, port in zip(_axes(figure, len(shown)), shown, strict=True):
            _panel(ax, port, samples, names, months, WIDE if port == shown[0] else NARROW)
        return figure


def _total(sample: Sample, port: str) -> float:
    return interval_of(sample, port, METRIC).mean


def _months(samples: Sequence[Sample]) -> list[date]:
    """First days of all months for which there are tonnes."""
    start = f"{METRIC}_"
    found = {key[3].removeprefix(start) for sample in samples for key in sample.keys if key[3].startswith(start)}
    return [date.fromisoformat(f"{month}-01") for month in sorted(found)]


def _axes(figure: Figure, count: int) -> list[Axes]:
    """One wide panel, and the others in two columns below it."""
    rows = 1 + -(-(count - 1) // 2)
    grid = figure.add_gridspec(rows, 2)
    places = [grid[0, :], *(grid[1 + i // 2, i % 2] for i in range(count - 1))]
    return [figure.add_subplot(place) for place in places]


def _panel(
    ax: Axes, port: str, samples: Sequence[Sample], names: Sequence[str], months: Sequence[date], wrap: int
) -> None:
    monthly = [[interval_of(sample, port, _metric(month)) for month in months] for sample in samples]
    largest = max((i.mean for line in monthly for i in line if i.mean == i.mean), default=0.0)
    scale, unit = (1000.0, "kt") if largest >= 1000 else (1.0, "t")
    entries: list[style.Key] = []
    for i, sample in enumerate(samples):
        _bars(ax, monthly[i], scale, i, len(samples))
        total = plus_minus(interval_of(sample, port, METRIC), scale)
        entries.append((Patch(color=style.colour_of(i)), f"{names[i]}: {total} {unit} in total"))
    for i, reported in enumerate(_reported(samples, port)):
        dashes = REPORTED_DASHES[i % len(REPORTED_DASHES)]
        _level(ax, reported, months, scale, dashes)
        entries.append((style.line_key(style.REPORTED, dashes), _words(reported, samples, scale, unit)))
    _name_months(ax, months)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{unit} cleared per month")
    style.head(ax, port_label(samples, port), entries, wrap)


def _bars(ax: Axes, monthly: Sequence[Interval], scale: float, scenario: int, scenarios: int) -> None:
    width = 0.8 / scenarios
    ax.bar(
        np.arange(len(monthly)) - 0.4 + (scenario + 0.5) * width,
        np.nan_to_num([interval.mean / scale for interval in monthly]),
        0.92 * width,
        yerr=whiskers(monthly, scale),
        color=style.colour_of(scenario),
        error_kw={"elinewidth": 0.6, "capsize": 1},
    )


def _metric(month: date) -> str:
    return f"{METRIC}_{month:%Y-%m}"


def _reported(samples: Sequence[Sample], port: str) -> list[Reported]:
    """The reported tonnes of a port, the longest period first, each once."""
    found = {}
    for sample in samples:
        for entry in sample.scenario.reported.values():
            if entry.tonnes is not None and (entry.port, entry.flow) == (port, "all"):
                found[entry.tonnes, entry.first_day, entry.last_day] = entry
    return sorted(found.values(), key=lambda entry: (entry.first_day - entry.last_day, entry.first_day))


def _position(day: date) -> float:
    """Months since year 0 at the start of a day."""
    return 12 * day.year + day.month - 1 + (day.day - 1) / calendar.monthrange(day.year, day.month)[1]


def _level(ax: Axes, entry: Reported, months: Sequence[date], scale: float, dashes: style.Dashes) -> None:
    """A line over the entry's days at its tonnes per month, cut to the months drawn."""
    assert entry.tonnes is not None
    begin, end = _position(entry.first_day), _position(entry.last_day + timedelta(days=1))
    first, last = _position(months[0]), _position(months[-1]) + 1
    left, right = max(begin, first), min(end, last)
    if left < right:
        level = entry.tonnes / (end - begin) / scale
        place = [left - first - 0.5, right - first - 0.5]
        ax.plot(place, [level, level], color=style.REPORTED, linestyle=dashes, linewidth=1.1, zorder=4)


def _words(entry: Reported, samples: Sequence[Sample], scale: float, unit: str) -> str:
    """``reported 45 kt, Jan–Mar 2024 (simulated 44.8 ± 0.3; 45.1 ± 0.3)``."""
    assert entry.tonnes is not None
    text = f"reported {number(entry.tonnes / scale)} {unit}, {_period(entry)}"
    found = [_simulated(sample, entry, scale).replace(" ", NO_BREAK) for sample in samples]
    return f"{text} (simulated {'; '.join(found)})" if all(found) else text


def _simulated(sample: Sample, entry: Reported, scale: float) -> str:
    """The scenario's tonnes in the entry's months; nothing if these are not whole or not all simulated."""
    end = entry.last_day + timedelta(days=1)
    if entry.first_day.day != 1 or end.day != 1 or end < entry.first_day:
        return ""
    numbers = range(round(_position(entry.first_day)), round(_position(end)))
    months = [date(n // 12, n % 12 + 1, 1) for n in numbers]
    values = np.sum([values_of(sample, entry.port, _metric(month)) for month in months], axis=0)
    return "" if np.isnan(values).all() else plus_minus(t_interval(values), scale)


def _period(entry: Reported) -> str:
    first, last = entry.first_day, entry.last_day
    if first.day == 1 and (last + timedelta(days=1)).day == 1:
        begin = f"{first:%b}" if first.year == last.year else f"{first:%b %Y}"
        return f"{last:%b %Y}" if first.replace(day=1) == last.replace(day=1) else f"{begin}–{last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def _name_months(ax: Axes, months: Sequence[date]) -> None:
    step = max(1, -(-len(months) // MOST_LABELS))
    places = range(0, len(months), step)
    years = {place: place == 0 or months[place].year != months[place - step].year for place in places}
    ax.set_xticks(list(places), [f"{months[i]:%b}\n{months[i]:%Y}" if years[i] else f"{months[i]:%b}" for i in places])
    ax.set_xlim(-0.6, len(months) - 0.4)
    ax.tick_params(axis="x", length=0, labelsize=6.5)
    ax.grid(visible=False, axis="x")
