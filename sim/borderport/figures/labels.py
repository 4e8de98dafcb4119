"""Labels on figures, and numbers with their units and as many digits as their intervals bear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import floor, isfinite, log10

import numpy as np

from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures.style import has_chinese, shown
from borderport.scenario import Resource, Station
from borderport.statistics import Interval, t_interval

MINUTE, HOUR, DAY = 1.0, 60.0, 1440.0
SECOND = 1 / 60
# A longer name stands in the legend only; elsewhere the scenario goes by its number.
LONGEST_NAME = 40


def full_names(samples: Sequence[Sample]) -> list[str]:
    """Names of the scenarios, with a number where two are the same."""
    names = [shown(sample.scenario.name) for sample in samples]
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def scenario_names(samples: Sequence[Sample]) -> list[str]:
    """Names of the scenarios on panels: their own or, where these are long, ``no. 2``."""
    names = full_names(samples)
    if len(names) == 1:
        return names
    return [name if len(name) <= LONGEST_NAME else f"no. {i + 1}" for i, name in enumerate(names)]


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
    """Distances from means to the ends of their intervals, shape (2, n), for error bars; NaN draws none."""
    reach = [[(i.mean - i.low) / scale, (i.high - i.mean) / scale] for i in intervals]
    return np.asarray(reach, dtype=np.float64).reshape(-1, 2).T


# --- numbers -----------------------------------------------------------------------------------------------


def decimals_of(half_width: float) -> int | None:
    """Decimals that show two significant digits of an interval's half-width; None where there is no interval."""
    if not isfinite(half_width) or half_width <= 0:
        return None
    return min(max(0, 1 - floor(log10(half_width))), 6)


def number(value: float, decimals: int | None = None) -> str:
    """A number of about three digits, without exponent: ``1,234``, ``35.4``, ``0.021``, ``−3.00``."""
    if not isfinite(value):
        return "–"
    if decimals is None:
        decimals = _three_digits(value)
    text = f"{value:,.{decimals}f}"
    return (text.removeprefix("-") if not text.strip("-0.") else text).replace("-", "−")


def _three_digits(value: float) -> int:
    size = abs(value)
    return 0 if size >= 100 or size == 0 else min(2 - floor(log10(size)), 6)


def plus_minus(interval: Interval, scale: float = 1.0) -> str:
    """``262.3 ± 2.2``; the mean alone where there is no interval."""
    mean, half = interval.mean / scale, interval.half_width / scale
    decimals = decimals_of(half)
    return number(mean) if decimals is None else f"{number(mean, decimals)} ± {number(half, decimals)}"


def mean_text(interval: Interval, scale: float = 1.0, most: int = 6) -> str:
    """A mean beside its bar and whisker: as exact as its interval, three digits and ``most`` decimals at most."""
    mean, decimals = interval.mean / scale, decimals_of(interval.half_width / scale)
    if not isfinite(mean):
        return number(mean)
    return number(mean, min(most, _three_digits(mean), most if decimals is None else decimals))


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


def duration_mean(interval: Interval) -> str:
    """`mean_text` with its unit: ``1.62 h``."""
    factor, unit = time_unit(interval.mean)
    return f"{mean_text(interval, factor)} {unit}"


def duration_interval(interval: Interval) -> str:
    """``1.6 h (−0.5 to 3.7)``, all in one unit; the mean alone where there is no interval."""
    if not isfinite(interval.half_width):
        return duration(interval.mean)
    factor, unit = time_unit(max(abs(interval.low), abs(interval.high)))
    decimals = decimals_of(interval.half_width / factor)
    low, mean, high = (number(v / factor, decimals) for v in (interval.low, interval.mean, interval.high))
    return f"{mean} {unit} ({low} to {high})" if decimals is not None else f"{mean} {unit}"


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


def percent_mean(interval: Interval) -> str:
    """`mean_text` of a share: ``73.1 %``."""
    rough = 0 < interval.mean < 0.001 or 0.999 < interval.mean < 1
    return percent(interval.mean) if rough else f"{mean_text(interval, 0.01)} %"


def span_text(values: Sequence[float], write: Callable[[float], str]) -> str:
    """Range of a value over scenarios: ``12 %``, or ``12 % to 38 %``; values that are NaN do not count."""
    present = sorted(value for value in values if isfinite(value))
    ends = list(dict.fromkeys(write(value) for value in (present[:1] + present[-1:])))
    return " to ".join(ends) or "–"


def tick_text(minutes: float) -> str:
    """``0``, ``10 min``, ``1 h``, ``−7 d``: unlike `duration`, in the largest unit that loses nothing."""
    for factor, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        value = minutes / factor
        if abs(value) >= 1 and abs(value - round(value)) < 1e-9:
            return f"{round(value)} {unit}".replace("-", "−")
    return duration(minutes) if minutes else "0"
