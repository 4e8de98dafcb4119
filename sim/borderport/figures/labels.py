"""What things are called on figures, and numbers with their units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite, log10

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures.style import has_chinese, shown
from borderport.scenario import Resource, Station
from borderport.statistics import Interval, t_interval

MINUTE, HOUR, DAY = 1.0, 60.0, 1440.0
SECOND = 1 / 60
COARSE = (SECOND, 10 * SECOND, MINUTE, 10.0, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 100 * DAY, 365 * DAY, 3650 * DAY)
FINE = tuple(n * SECOND for n in (1, 2, 5, 10, 20, 30)) + tuple(
    n * unit
    for unit, numbers in (
        (MINUTE, (1, 2, 5, 10, 20, 30)),
        (HOUR, (1, 2, 3, 6, 12)),
        (DAY, (1, 2, 4, 7, 14, 30, 60, 100)),
    )
    for n in numbers
)


def scenario_names(samples: Sequence[Sample]) -> list[str]:
    """Names of the scenarios, with a number where two are the same."""
    names = [shown(sample.scenario.name) for sample in samples]
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def port_label(samples: Sequence[Sample], port: str) -> str:
    """A port's name, in Chinese too where it can be written."""
    if port == "all":
        return "All ports"
    label = next(sample.scenario.ports[port].label for sample in samples if port in sample.scenario.ports)
    both = label.zh is not None and has_chinese() and label.zh != label.en
    return shown(f"{label.en} {label.zh}" if both else label.en)


def station_label(samples: Sequence[Sample], port: str, name: str) -> str:
    """Name of a station, or of a yard entered on the way; ``port.station`` of another port names that port too."""
    home, _, own = name.rpartition(".")
    home = home or port
    ports = [sample.scenario.ports[home] for sample in samples if home in sample.scenario.ports]
    text = _label_or_name([found.stations.get(own) or found.resources.get(own) for found in ports], own)
    return text if home == port else f"{text} ({port_label(samples, home)})"


def resource_label(samples: Sequence[Sample], port: str, name: str) -> str:
    """Name of a resource."""
    ports = [sample.scenario.ports[port] for sample in samples if port in sample.scenario.ports]
    return _label_or_name([found.resources.get(name) for found in ports], name)


def _label_or_name(things: Sequence[Station | Resource | None], name: str) -> str:
    labels = [thing.label.en for thing in things if thing is not None and thing.label is not None]
    return shown(labels[0] if labels else name.replace("_", " "))


def ports_of(samples: Sequence[Sample]) -> list[str]:
    """Ports of all scenarios, in the order in which they list them."""
    return list(dict.fromkeys(port for sample in samples for port in sample.scenario.ports))


def values_of(sample: Sample, port: str, metric: str, station: str = "all") -> Array:
    """One metric of a port's vehicles, shape (replications,); all NaN if the scenario has none."""
    key = (port, "all", station, metric)
    return sample.of(port, "all", metric, station) if key in sample.keys else np.full(sample.replications, np.nan)


def interval_of(sample: Sample, port: str, metric: str, station: str = "all") -> Interval:
    """Mean and interval of one metric of a port's vehicles; NaN if the scenario has none."""
    return t_interval(values_of(sample, port, metric, station))


def whiskers(intervals: Iterable[Interval], scale: float = 1.0) -> Array:
    """How far intervals reach below and above their means, shape (2, n), for error bars; NaN draws none."""
    reach = [[(i.mean - i.low) / scale, (i.high - i.mean) / scale] for i in intervals]
    return np.asarray(reach, dtype=np.float64).reshape(-1, 2).T


# --- numbers -----------------------------------------------------------------------------------------------


def number(value: float, decimals: int | None = None) -> str:
    """A number of about three digits, without exponent: ``1,234``, ``35.4``, ``0.021``, ``−3.00``."""
    if not isfinite(value):
        return "–"
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 100 or size == 0 else min(2 - floor(log10(size)), 6)
    return f"{value:,.{decimals}f}".replace("-", "−")


def plus_minus(interval: Interval, scale: float = 1.0) -> str:
    """``262 ± 2``; the mean alone where there is no interval."""
    mean, half = interval.mean / scale, interval.half_width / scale
    if not isfinite(half) or half == 0:
        return number(mean)
    decimals = min(max(0, -floor(log10(half))), 6)
    return f"{number(mean, decimals)} ± {number(half, decimals)}"


def time_unit(minutes: float) -> tuple[float, str]:
    """The unit in which a duration is easily read: its minutes, and its sign."""
    size = abs(minutes)
    if size < 1 and size != 0:
        return SECOND, "s"
    if size < 90:
        return MINUTE, "min"
    return (HOUR, "h") if size < 48 * HOUR else (DAY, "d")


def duration(minutes: float) -> str:
    """``12 s``, ``35 min``, ``1.6 h``, ``28 d``; two digits or whole numbers."""
    if not isfinite(minutes):
        return "–"
    factor, unit = time_unit(minutes)
    value = minutes / factor
    text = f"{value:,.0f}" if abs(value) >= 9.95 else f"{value:,.1f}".removesuffix(".0")
    return f"{text} {unit}".replace("-", "−")


def duration_interval(interval: Interval) -> str:
    """``1.6 h (−0.5 to 3.7)``, all in one unit; the mean alone where there is no interval."""
    if not isfinite(interval.half_width):
        return duration(interval.mean)
    factor, unit = time_unit(max(abs(interval.low), abs(interval.high)))
    half = interval.half_width / factor
    decimals = 1 if half < 10 else 0
    low, mean, high = (number(v / factor, decimals) for v in (interval.low, interval.mean, interval.high))
    return f"{mean} {unit} ({low} to {high})"


def percent(share: float) -> str:
    """``85 %``, ``0.4 %``; what is not quite nothing or all never reads as it."""
    if not isfinite(share):
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f} %" if 0 < value < 9.95 or 99 < value < 100 else f"{value:.0f} %"


# --- time axes ---------------------------------------------------------------------------------------------


def time_ticks(low: float, high: float) -> list[float]:
    """Round moments from ``low`` to ``high`` minutes (> 0) for a log axis: about three to eight."""
    for candidates in (COARSE, FINE):
        ticks = [tick for tick in candidates if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks
    return ticks if len(ticks) >= 2 else [low, high]


def label_times(axis: Axis, ticks: Sequence[float]) -> None:
    """Mark these minutes on an axis, each in its own unit."""
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FixedFormatter([tick_text(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def tick_text(minutes: float) -> str:
    """``0``, ``10 min``, ``1 h``, ``−7 d``: unlike `duration`, in the largest unit that loses nothing."""
    for factor, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        value = minutes / factor
        if abs(value) >= 1 and abs(value - round(value)) < 1e-9:
            return f"{round(value)} {unit}".replace("-", "−")
    return duration(minutes) if minutes else "0"
