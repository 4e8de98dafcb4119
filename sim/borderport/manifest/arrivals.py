"""Moments of arrival: cumulative rates by month, weekday and hour, and their inversion."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from borderport import calendars
from borderport.bounds import CONVOY
from borderport.calendars import LocalDays, Times
from borderport.distributions import Array
from borderport.scenario import Flow, HourProfile, Port, Scenario
from borderport.streams import Streams
from borderport.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE


@dataclass(frozen=True)
class ArrivalRate:
    """Cumulative expected arrivals Λ(t), piecewise linear: ``expected[i]`` vehicles before ``time_ms[i]``.

    Attributes
    ----------
    time_ms, expected : float64 arrays, shape (points,)
    edges_ms : float64 array, shape (2 or more,)
        Time 0, the start of the reported period, each new year after it and the end of the horizon: between them the
        arrivals of a ``fixed`` flow are counted.
    """

    time_ms: Array
    expected: Array
    edges_ms: Array

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
    """Λ(t) of a flow over the horizon: what is expected on each day, times the pattern of a day.

    The number expected on a day depends on its date, never on what else the horizon holds: a lead-in, a start in the
    middle of a week or an end in the middle of a year changes no other day.
    """
    if flow.volume is None:
        return None
    port, zone, horizon = scenario.ports[port_name], port_zone(scenario, port_name), scenario.horizon
    active = _active(scenario, zone, flow)
    if isinstance(flow.hours, HourProfile):
        zone = port.calendars[flow.hours.calendar].zone or zone
    days = calendars.local_days(zone, horizon, 1)  # the hours of the evening before may run on
    expected = _expected_by_day(scenario, port, flow, days, active)
    begins, ends, share = _stretches(port, flow, days)
    edges, level = _added_up(begins.ravel(), ends.ravel(), (expected[:, None] * share).ravel())
    start, stop = max(active[0], 0.0), min(active[1], float(horizon.length_ms()))
    return ArrivalRate(*_cut(edges, level, start, max(start, stop)), _counting_edges(scenario, days))


def _counting_edges(scenario: Scenario, days: LocalDays) -> Array:
    start, end = scenario.horizon.lead_in, scenario.horizon.length_ms()
    new_year = days.midnight_ms[:-1][days.dates.astype("datetime64[Y]") == days.dates]
    inside = new_year[(new_year > start) & (new_year < end)]
    return np.asarray([0, start, *inside.tolist(), end], dtype=np.float64)


def _added_up(begins: Times, ends: Times, amounts: Array) -> tuple[Array, Array]:
    """Λ of stretches with ``amounts`` expected in each, evenly: times and levels. Stretches may overlap."""
    lasting = ends > begins  # an hour that the clocks skip does not
    begins, ends, amounts = begins[lasting], ends[lasting], amounts[lasting]
    edges = np.unique(np.concatenate([begins, ends]))
    per_ms = amounts / (ends - begins)
    change = np.zeros(edges.size)
    np.add.at(change, np.searchsorted(edges, begins), per_ms)
    np.add.at(change, np.searchsorted(edges, ends), -per_ms)
    level = np.cumsum(change)[:-1]
    level[level < 1e-12 * level.max(initial=0.0)] = 0.0  # what rounding leaves between stretches
    expected = np.concatenate([[0.0], np.cumsum(level * np.diff(edges))])
    return edges.astype(np.float64), expected


def _active(scenario: Scenario, zone: str, flow: Flow) -> tuple[float, float]:
    """Begin and end of a flow, in ms since time 0; infinite where the file gives none."""
    origin, tz = scenario.horizon.origin().timestamp(), ZoneInfo(zone)
    start, stop = -np.inf, np.inf
    if flow.active_from is not None:
        start = (flow.active_from.replace(tzinfo=tz).timestamp() - origin) * 1000
    if flow.active_until is not None:
        stop = (flow.active_until.replace(tzinfo=tz).timestamp() - origin) * 1000
    return start, stop


def _cut(times: Array, expected: Array, start: float, stop: float) -> tuple[Array, Array]:
    """Λ over ``[start, stop]`` only, beginning at 0."""
    low, high = np.interp([start, stop], times, expected)
    keep = (times > start) & (times < stop)
    time_ms = np.concatenate([[start], times[keep], [stop]])
    level = np.concatenate([[low], expected[keep], [high]]) - low
    # A flat stretch has no inverse: arrivals happen only where Λ rises, so the later end of it is taken.
    rises = np.concatenate([[True], np.diff(level) > 0])
    rises[:-1] |= rises[1:]
    return time_ms[rises], level[rises]


def _expected_by_day(scenario: Scenario, port: Port, flow: Flow, days: LocalDays, active: tuple[float, float]) -> Array:
    """Arrivals expected on each of the days, shape (days,): what docs/scenarios.md says that a volume means."""
    assert flow.volume is not None
    amount, period = flow.volume
    if period.endswith(" t"):
        amount, period = amount / flow.mean_payload(), period.removesuffix(" t")
    if period != "year" and flow.months is None:
        return amount * _units(port, flow, days, period) * _weekly(port, flow)[calendars.weekday_of(days.dates)]
    expected = np.zeros(days.dates.shape)
    for year in np.unique(days.dates.astype("datetime64[Y]")):
        whole = calendars.days_of_year(days.zone, scenario.horizon, int(str(year)))
        weight = _monthly(scenario, flow, whole) * _weekly(port, flow)[calendars.weekday_of(whole.dates)]
        weight = weight * _in_season(port, flow, whole)
        if period == "year":
            inside, total = _inside(port, flow, whole, active), amount
            weight = np.where(inside > 0, weight, 0.0)
        else:
            units = _units(port, flow, whole, period)
            inside, total = np.ones(units.shape), amount * float(units.sum())
            weight = weight * units
        counted = float((weight * inside).sum())
        if counted > 0:
            here = days.dates.astype("datetime64[Y]") == year
            expected[here] = total * (weight[(days.dates[here] - whole.dates[0]).astype(np.int64)] / counted)
    return expected


def _units(port: Port, flow: Flow, days: LocalDays, period: str) -> Array:
    """Factor of a volume per ``d`` or ``h`` on each day: 1, or its hours; 0 out of season."""
    length = np.diff(days.midnight_ms) / MS_PER_HOUR if period == "h" else np.ones(days.dates.shape)
    return np.asarray(length * _in_season(port, flow, days))


def _in_season(port: Port, flow: Flow, days: LocalDays) -> Array:
    season = port.calendars[flow.hours.calendar].season if isinstance(flow.hours, HourProfile) else None
    return calendars.season_mask(days.dates, season).astype(np.float64)


def _weekly(port: Port, flow: Flow) -> Array:
    """Relative expected arrivals by day of the week, Monday first, shape (7,): of mean 1, or 0 if nobody ever comes."""
    weight = np.ones(7) if flow.weekdays is None else np.asarray(flow.weekdays, dtype=np.float64)
    if isinstance(flow.hours, HourProfile):
        weight = weight * calendars.open_weekdays(port.calendars[flow.hours.calendar])
    return weight / weight.mean() if weight.any() else weight


def _monthly(scenario: Scenario, flow: Flow, year: LocalDays) -> Array:
    """Relative expected arrivals of each day of a year by its month, whose weight its days share evenly."""
    if flow.months is None:
        return np.ones(year.dates.shape)
    months = scenario.profiles[flow.months] if isinstance(flow.months, str) else flow.months
    number = year.dates.astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(np.asarray(months, dtype=np.float64)[number] / np.bincount(number)[number])


def _inside(port: Port, flow: Flow, days: LocalDays, active: tuple[float, float]) -> Array:
    """Share of each day's arrivals that falls into the time in which the flow exists, shape (days,)."""
    if np.isinf(active).all():
        return np.ones(days.dates.shape)
    begins, ends, share = _stretches(port, flow, days)
    common = np.minimum(ends, active[1]) - np.maximum(begins, active[0])
    part = np.maximum(common, 0.0) / np.maximum(ends - begins, 1)
    return np.asarray((share * part).sum(axis=1) / np.maximum(share.sum(axis=1), 1e-300))


def _stretches(port: Port, flow: Flow, days: LocalDays) -> tuple[Times, Times, Array]:
    """Begins and ends of the stretches of each day, and their shares of its arrivals, shape (days, stretches) each.

    Stretches are hours of a clock on the wall. Where the clocks skip some, the others have their share.
    """
    chosen = np.arange(days.dates.size)
    start, stop, pattern = _day_pattern(port, flow)
    begins = np.stack([calendars.wall_clock(days, chosen, ms) for ms in start.tolist()], axis=1)
    ends = np.stack([calendars.wall_clock(days, chosen, ms) for ms in stop.tolist()], axis=1)
    share = np.broadcast_to(pattern, begins.shape)
    kept = np.where(ends > begins, share, 0.0)
    return begins, ends, kept * (share.sum(axis=1) / np.maximum(kept.sum(axis=1), 1e-300))[:, None]


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


def fixed_moments(rate: ArrivalRate, streams: Streams, owner: str) -> Times:
    """Arrivals of a ``fixed`` flow, ascending int64 ms: as many as are expected, at the order statistics of Λ.

    Numbers are rounded from the start of the reported period on, so that it has what is said whatever the lead-in, and
    so has each calendar year.
    """
    level = np.interp(rate.edges_ms, rate.time_ms, rate.expected)
    since_start = np.round(level - level[1], 6)  # so that no last bit decides which way a half is rounded
    counts = np.diff(np.rint(since_start)).astype(np.int64)
    drawn = np.split(streams.uniforms(owner, "arrivals", int(counts.sum())), np.cumsum(counts)[:-1])
    parts = [low + np.sort(u) * (high - low) for u, low, high in zip(drawn, level[:-1], level[1:], strict=True)]
    return rate.inverse(np.concatenate(parts))


def poisson_positions(streams: Streams, owner: str, purpose: str, expected: float) -> Array:
    """Points of a unit-rate Poisson process on [0, expected): sums of exponential gaps, always from the first."""
    gaps = int(expected + 6 * expected**0.5 + 16)
    points = np.cumsum(streams.gaps(owner, purpose, gaps))
    while points[-1] < expected:
        gaps += 64
        points = np.cumsum(streams.gaps(owner, purpose, gaps))
    return points[: np.searchsorted(points, expected)]
