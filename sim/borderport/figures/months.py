"""Tonnes by month and port, beside the reported figures."""

from __future__ import annotations

import calendar
import textwrap
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import (
    interval_of,
    number,
    plus_minus,
    port_label,
    ports_of,
    span_text,
    values_of,
    whiskers,
)
from borderport.scenario import Reported
from borderport.statistics import Interval, t_interval

METRIC = "tonnes_cleared"
PANEL_MM = 32.0
MOST_LABELS = 12
# In a panel half as wide as the figure, the bars of more scenarios could not be told apart.
MOST_IN_HALF = 3
WIDE, NARROW = 130, 62
NO_BREAK = "\u00a0"
PALE = 0.4


def tonnes_by_month(samples: Sequence[Sample]) -> Figure:
    """Tonnes cleared in each month at all ports and at each, beside the reported figures.

    Shows when in the year goods cross, what a closure costs, and whether the simulated sums are those reported. What
    was reported of one month is drawn over it; of longer periods it stands below the panel only, since a level over all
    months would look like what each of them should reach. Months that the horizon covers in part are pale, with their
    length.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Figure
    """
    with style.style():
        months = _months(samples)
        ports = [port for port in ports_of(samples) if any(_total(sample, port) > 0 for sample in samples)]
        panels = ["all", *ports] if len(ports) > 1 else ports
        columns = 2 if len(samples) <= MOST_IN_HALF else 1
        rows = 1 + -(-(len(panels) - 1) // columns)
        note = "Cleared: passage ended in the month, local time. Scales differ between panels."
        if any(_length(sample, month) for sample in samples for month in months):
            note += " Pale: the period covers only so much of the month."
        if any(_one_month(entry) for port in panels for entry in _reported(samples, port)):
            note += " Black line: reported for the month."
        note += with_intervals(samples, " Whiskers: 95 % interval.")
        reported = max((len(_reported(samples, port)) for port in panels), default=0)
        row_mm = style.AROUND_MM + PANEL_MM + style.head_mm(len(samples)) + style.LINE_MM * reported
        figure = frame("Tonnes cleared by month", samples, note, row_mm * max(rows, 1))
        if not ports or not months:
            style.nothing(figure, "nothing was cleared")
            return figure
        for ax, port in zip(_axes(figure, len(panels), columns), panels, strict=True):
            _panel(figure, ax, port, samples, months, WIDE if columns == 1 or port == panels[0] else NARROW)
        return figure


def _total(sample: Sample, port: str) -> float:
    return interval_of(sample, port, METRIC).mean


def _months(samples: Sequence[Sample]) -> list[date]:
    """First days of all months for which there are tonnes."""
    start = f"{METRIC}_"
    found = {key[3].removeprefix(start) for sample in samples for key in sample.keys if key[3].startswith(start)}
    return [date.fromisoformat(f"{month}-01") for month in sorted(found)]


def _part(begin: datetime, end: datetime, month: date) -> tuple[datetime, datetime]:
    """The part of a month that a period covers; the end is before the begin if that is nothing."""
    first = datetime(month.year, month.month, 1)
    days = calendar.monthrange(month.year, month.month)[1]
    return max(begin, first), min(end, first + timedelta(days=days))


def _length(sample: Sample, month: date) -> str:
    """Length of the horizon within a month, ``2 d`` or ``12 h``; empty if it covers the whole month."""
    horizon = sample.scenario.horizon
    begin, end = _part(horizon.start, horizon.end, month)
    hours = (end - begin) / timedelta(hours=1)
    if hours <= 0 or end - begin == timedelta(days=calendar.monthrange(month.year, month.month)[1]):
        return ""
    return f"{hours / 24:.3g} d" if hours >= 24 else f"{hours:.3g} h"


def _axes(figure: Figure, count: int, columns: int) -> list[Axes]:
    """One wide panel, and the others in columns below it."""
    rows = 1 + -(-(count - 1) // columns)
    grid = figure.add_gridspec(rows, columns)
    places = [grid[0, :], *(grid[1 + i // columns, i % columns] for i in range(count - 1))]
    return [figure.add_subplot(place) for place in places]


def _panel(figure: Figure, ax: Axes, port: str, samples: Sequence[Sample], months: Sequence[date], wrap: int) -> None:
    monthly = [[interval_of(sample, port, _metric(month)) for month in months] for sample in samples]
    largest = max((i.mean for line in monthly for i in line if i.mean == i.mean), default=0.0)
    scale, unit = (1000.0, "kt") if largest >= 1000 else (1.0, "t")
    entries: list[style.LegendEntry] = []
    for i, sample in enumerate(samples):
        _bars(ax, monthly[i], scale, i, len(samples))
        for bar, month in zip(ax.patches[-len(months) :], months, strict=True):
            bar.set_alpha(PALE if _length(sample, month) else None)
        entries.append((style.bar_key(i), f"in total {plus_minus(interval_of(sample, port, METRIC), scale)} {unit}"))
    words = []
    for reported in _reported(samples, port):
        if _one_month(reported):
            _level(ax, reported, months, scale)
        words += textwrap.wrap(_words(reported, samples, scale, unit), wrap)
    _name_months(ax, samples, months)
    ax.set_ylim(bottom=0)
    scales.write_numbers(ax.yaxis)
    ax.set_ylabel(f"{unit} cleared per month")
    ax.set_xlabel("\n".join(words), loc="left", fontsize=6.5)
    style.head(figure, ax, port_label(samples, port), entries, columns=style.head_columns(len(samples)))


def _bars(ax: Axes, monthly: Sequence[Interval], scale: float, scenario: int, scenarios: int) -> None:
    width = 0.8 / scenarios
    few = scenarios <= MOST_IN_HALF
    ax.bar(
        np.arange(len(monthly)) - 0.4 + (scenario + 0.5) * width,
        np.nan_to_num([interval.mean / scale for interval in monthly]),
        0.92 * width,
        yerr=whiskers(monthly, scale),
        error_kw={"elinewidth": 0.6 if few else 0.4, "capsize": 1 if few else 0},
        **style.bar_look(scenario),
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


def _one_month(entry: Reported) -> bool:
    """True if an entry is of one whole month."""
    following = entry.last_day + timedelta(days=1)
    months = 12 * (following.year - entry.first_day.year) + following.month - entry.first_day.month
    return entry.first_day.day == following.day == 1 and months == 1


def _level(ax: Axes, entry: Reported, months: Sequence[date], scale: float) -> None:
    """A line over the entry's month, if it is drawn."""
    assert entry.tonnes is not None
    if entry.first_day in months:
        place = months.index(entry.first_day)
        level = entry.tonnes / scale
        ax.plot([place - 0.48, place + 0.48], [level, level], color=style.REPORTED, linewidth=1.3, zorder=4)


def _words(entry: Reported, samples: Sequence[Sample], scale: float, unit: str) -> str:
    """``reported 45 kt, Jan–Mar 2024 (simulated 44.83 ± 0.31; 45.10 ± 0.30)``; of many scenarios the least and most."""
    assert entry.tonnes is not None
    text = f"reported {number(entry.tonnes / scale)} {unit}, {_period(entry)}"
    sums = [_simulated(sample, entry) for sample in samples]
    if any(values is None for values in sums):
        return text
    found = [t_interval(values) for values in sums if values is not None]
    if len(found) > MOST_IN_HALF:
        return f"{text} (simulated {span_text([i.mean / scale for i in found], number)})"
    written = [plus_minus(interval, scale).replace(" ", NO_BREAK) for interval in found]
    return f"{text} (simulated {'; '.join(written)})"


def _simulated(sample: Sample, entry: Reported) -> Array | None:
    """The scenario's tonnes in the entry's months; None unless just these days of them are simulated."""
    horizon = sample.scenario.horizon
    begin = datetime.combine(entry.first_day, time())
    end = datetime.combine(entry.last_day + timedelta(days=1), time())
    numbers = range(12 * begin.year + begin.month - 1, 12 * entry.last_day.year + entry.last_day.month)
    months = [date(n // 12, n % 12 + 1, 1) for n in numbers]
    if any(_part(begin, end, month) != _part(horizon.start, horizon.end, month) for month in months):
        return None
    values = np.sum([values_of(sample, entry.port, _metric(month)) for month in months], axis=0)
    return None if np.isnan(values).all() else np.asarray(values)


def _period(entry: Reported) -> str:
    first, last = entry.first_day, entry.last_day
    if first.day == 1 and (last + timedelta(days=1)).day == 1:
        begin = f"{first:%b}" if first.year == last.year else f"{first:%b %Y}"
        return f"{last:%b %Y}" if first.replace(day=1) == last.replace(day=1) else f"{begin}–{last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def _name_months(ax: Axes, samples: Sequence[Sample], months: Sequence[date]) -> None:
    """Write months below the axis, the year where it begins, and the length of those that are not whole."""
    step = max(1, -(-len(months) // MOST_LABELS))
    places = range(0, len(months), step)
    texts = []
    for place in places:
        month = months[place]
        lengths = list(dict.fromkeys(found for sample in samples if (found := _length(sample, month))))
        year = place == 0 or month.year != months[place - step].year
        texts.append("\n".join([f"{month:%b}", *lengths, *([f"{month:%Y}"] if year else [])]))
    ax.set_xticks(list(places), texts)
    ax.set_xlim(-0.6, len(months) - 0.4)
    ax.tick_params(axis="x", length=0, labelsize=6.5)
    ax.grid(visible=False, axis="x")
