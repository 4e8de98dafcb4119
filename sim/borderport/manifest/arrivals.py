"""When vehicles come: cumulative rates by month, weekday and hour, and their inversion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borderport import calendars
from borderport.bounds import CONVOY
from borderport.calendars import Times
from borderport.distributions import Array
from borderport.scenario import Flow, HourProfile, Port, Scenario
from borderport.streams import Streams
from borderport.units import MS_PER_DAY, MS_PER_MINUTE


@dataclass(frozen=True)
class ArrivalRate:
    """Cumulative expected arrivals Λ(t), piecewise linear: ``expected[i]`` vehicles before ``time_ms[i]``."""

    time_ms: Array
    expected: Array

    def inverse(self, counts: Array) -> Times:
        """Moments at which Λ reaches ``counts``, int64 ms."""
        return np.interp(counts, self.expected, self.time_ms).astype(np.int64)


def port_zone(scenario: Scenario, port: str) -> str:
    """The zone of a port: its own, or the horizon's."""
    return scenario.ports[port].zone or scenario.horizon.zone


def convoy_sizes(flow: Flow, luck: Array) -> Times:
    """Vehicles in each convoy, at least 1; the far end of the law's tail is cut."""
    assert flow.convoy is not None
    return np.clip(np.rint(flow.convoy.size.at(luck)), 1, CONVOY.most).astype(np.int64)


def arrival_rate(scenario: Scenario, port_name: str, flow: Flow) -> ArrivalRate | None:
    """Λ(t) of a flow: day weights (month, weekday, days the calendar opens) times the pattern of a day."""
    if flow.volume is None:
        return None
    port, zone = scenario.ports[port_name], port_zone(scenario, port_name)
    profile = flow.hours
    if isinstance(profile, HourProfile):
        zone = port.calendars[profile.calendar].zone or zone
    days = calendars.local_days(zone, scenario.horizon, 1)  # the hours of the evening before may run on
    amount, period = flow.volume
    if period.endswith(" t"):
        amount, period = amount / _mean_payload(flow), period.removesuffix(" t")
    if period == "year":
        per_day = amount * _yearly_share(scenario, port, flow, days.dates)
    else:
        weight = _day_weights(scenario, port, flow, days.dates)
        mean = weight[weight > 0].mean() if (weight > 0).any() else 1.0
        per_day = amount * (24 if period == "h" else 1) * weight / mean
    start, stop, share = _day_pattern(port, flow)
    begins = days.midnight_ms[:-1, None] + start
    ends = days.midnight_ms[:-1, None] + stop
    if profile is None:  # all day, however long the day is when the clocks change
        ends = days.midnight_ms[1:, None]
    rate = _added_up(begins.ravel(), ends.ravel(), (per_day[:, None] * share).ravel())
    return _cut(rate.time_ms, rate.expected, *_active(scenario, port_zone(scenario, port_name), flow))


def _added_up(begins: Times, ends: Times, amounts: Array) -> ArrivalRate:
    """Λ of stretches with ``amounts`` expected in each, evenly; stretches may overlap."""
    edges = np.unique(np.concatenate([begins, ends]))
    per_ms = amounts / (ends - begins)
    change = np.zeros(edges.size)
    np.add.at(change, np.searchsorted(edges, begins), per_ms)
    np.add.at(change, np.searchsorted(edges, ends), -per_ms)
    level = np.cumsum(change)[:-1]
    level[level < 1e-12 * level.max(initial=0.0)] = 0.0  # what rounding leaves between stretches
    expected = np.concatenate([[0.0], np.cumsum(level * np.diff(edges))])
    return ArrivalRate(edges.astype(np.float64), expected)


def _mean_payload(flow: Flow) -> float:
    return sum(load.law.mean() * (flow.marks[load.if_] if load.if_ else 1.0) for load in flow.payload.values())


def _active(scenario: Scenario, zone: str, flow: Flow) -> tuple[float, float]:
    """From when until when vehicles of a flow arrive, in ms since time 0."""
    from zoneinfo import ZoneInfo

    origin, tz = scenario.horizon.origin().timestamp(), ZoneInfo(zone)
    start, stop = 0.0, float(scenario.horizon.length_ms())
    if flow.active_from is not None:
        start = max(start, (flow.active_from.replace(tzinfo=tz).timestamp() - origin) * 1000)
    if flow.active_until is not None:
        stop = min(stop, (flow.active_until.replace(tzinfo=tz).timestamp() - origin) * 1000)
    return start, max(start, stop)


def _cut(times: Array, expected: Array, start: float, stop: float) -> ArrivalRate:
    """Λ over ``[start, stop]`` only, beginning at 0."""
    low, high = np.interp([start, stop], times, expected)
    keep = (times > start) & (times < stop)
    time_ms = np.concatenate([[start], times[keep], [stop]])
    level = np.concatenate([[low], expected[keep], [high]]) - low
    # A flat stretch has no inverse: arrivals happen only where Λ rises, so the later end of it is taken.
    rises = np.concatenate([[True], np.diff(level) > 0])
    rises[:-1] |= rises[1:]
    return ArrivalRate(time_ms[rises], level[rises])


def _month_weights(scenario: Scenario, flow: Flow) -> Array:
    months = scenario.profiles[flow.months] if isinstance(flow.months, str) else flow.months
    return np.ones(12) if months is None else np.asarray(months, dtype=np.float64)


def _day_weights(scenario: Scenario, port: Port, flow: Flow, dates: NDArray[np.datetime64]) -> Array:
    """Relative expected arrivals of each date. A month's weight is shared by its days, so months add up as given."""
    month = dates.astype("datetime64[M]")
    number = month.astype(np.int64) % 12
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    weight = np.ones(dates.shape)
    if flow.months is not None:
        weight = _month_weights(scenario, flow)[number] / length
    if flow.weekdays is not None:
        weight = weight * np.asarray(flow.weekdays)[calendars.weekday_of(dates)]
    if isinstance(flow.hours, HourProfile):
        weight = weight * calendars.open_days(port.calendars[flow.hours.calendar], dates)
    return weight


def _yearly_share(scenario: Scenario, port: Port, flow: Flow, dates: NDArray[np.datetime64]) -> Array:
    """Each date's share of its calendar year's volume; a flow active for part of a year has it all in that part."""
    share = np.zeros(dates.shape)
    for year in np.unique(dates.astype("datetime64[Y]")):
        whole = np.arange(year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]"))
        active = np.ones(whole.shape, dtype=bool)
        if flow.active_from is not None:
            active &= whole >= np.datetime64(flow.active_from.date())
        if flow.active_until is not None:
            active &= whole < np.datetime64(flow.active_until)
        weight = _day_weights(scenario, port, flow, whole) * active
        here = dates.astype("datetime64[Y]") == year
        total = weight.sum()
        if total > 0:
            share[here] = weight[(dates[here] - whole[0]).astype(np.int64)] / total
    return share


def _day_pattern(port: Port, flow: Flow) -> tuple[Times, Times, Array]:
    """Stretches of a day, from and to in ms since midnight, and the share of the day's arrivals in each."""
    if flow.hours is None:
        return np.zeros(1, dtype=np.int64), np.full(1, MS_PER_DAY), np.ones(1)
    if not isinstance(flow.hours, HourProfile):
        weight = np.asarray(flow.hours, dtype=np.float64)
        hour = np.arange(24) * 60 * MS_PER_MINUTE
        return hour, hour + 60 * MS_PER_MINUTE, weight / weight.sum()
    profile = flow.hours
    windows = sorted(port.calendars[profile.calendar].open)
    open_ms = sum(stop - start for start, stop in windows) * MS_PER_MINUTE
    first = min(profile.first, open_ms)
    rest = open_ms - first
    early, late = (profile.share, 1 - profile.share) if rest else (1.0, 0.0)
    stretches = []
    passed = 0
    for start, stop in windows:
        begin, end = start * MS_PER_MINUTE, stop * MS_PER_MINUTE
        split = begin + min(max(first - passed, 0), end - begin)
        for left, right, share, length in ((begin, split, early, first), (split, end, late, rest)):
            if right > left:
                stretches.append((left, right, share * (right - left) / length))
        passed += end - begin
    left_ms, right_ms, shares = (np.asarray(column) for column in zip(*stretches, strict=True))
    return left_ms, right_ms, shares


def poisson_positions(streams: Streams, owner: str, purpose: str, expected: float) -> Array:
    """Points of a unit-rate Poisson process on [0, expected): sums of exponential gaps, always from the first."""
    gaps = int(expected + 6 * expected**0.5 + 16)
    points = np.cumsum(streams.gaps(owner, purpose, gaps))
    while points[-1] < expected:
        gaps += 64
        points = np.cumsum(streams.gaps(owner, purpose, gaps))
    return points[: np.searchsorted(points, expected)]
