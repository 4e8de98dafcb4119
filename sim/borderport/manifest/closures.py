"""Closures, slow days and breakdowns at random."""

from __future__ import annotations

import numpy as np

from borderport import calendars
from borderport.calendars import Windows
from borderport.distributions import durations
from borderport.manifest.arrivals import poisson_positions, port_zone
from borderport.manifest.drawing_plan import ManifestPlan
from borderport.manifest.manifest import Mask
from borderport.scenario import Closure, RandomDays, Ref
from borderport.streams import Streams
from borderport.units import MS_PER_DAY


def draw_closures(plan: ManifestPlan, streams: Streams) -> dict[Ref, tuple[Closure, Windows]]:
    """Every closure with its windows in this replication, by ``port.closure``."""
    drawn = {}
    for name, closure in plan.scenario.closures().items():
        if closure.random is None:
            drawn[name] = plan.fixed_closures[name]
        else:
            drawn[name] = (closure, _random_windows(plan, name, closure.random, streams))
    return drawn


def _random_windows(plan: ManifestPlan, name: Ref, rule: RandomDays, streams: Streams) -> Windows:
    """Closures at random, whole days from local midnight; by count they never overlap."""
    days = calendars.local_days(port_zone(plan.scenario, name.port), plan.scenario.horizon)
    start, stop = days.window(rule.first_day, rule.last_day)
    if rule.daily_share is not None:
        shut = streams.uniforms(name, "closed", days.dates.size) < rule.daily_share
        first = days.midnight_ms[:-1]
        keep = shut & (days.midnight_ms[1:] > start) & (first < stop)
        return calendars.merge(calendars.windows_of(first[keep], days.midnight_ms[1:][keep]))
    assert rule.length is not None
    if rule.every is not None:
        expected = max(stop - start, 0) / rule.every
        begins = start + (poisson_positions(streams, name, "start", expected) * rule.every).astype(np.int64)
        lengths = durations(rule.length, streams.lucks(name, "length", begins.size))
    else:
        midnights = days.midnight_ms[:-1][(days.midnight_ms[:-1] >= start) & (days.midnight_ms[:-1] < stop)]
        count = rule.count or 0
        lengths = durations(rule.length, streams.lucks(name, "length", count))
        room = max(midnights.size - float(np.ceil(lengths / MS_PER_DAY).sum()), 0.0)
        free = np.sort(streams.uniforms(name, "start", count)) * (room + 1)
        before = np.concatenate([[0.0], np.cumsum(np.ceil(lengths / MS_PER_DAY))[:-1]]) if count else free
        day = np.minimum(np.floor(free) + before, midnights.size - 1).astype(np.int64)
        begins = midnights[day] if midnights.size else np.empty(0, dtype=np.int64)
        lengths = lengths[: begins.size]
        if rule.chance is not None:
            happens = streams.uniforms(name, "happens", begins.size) < rule.chance
            begins, lengths = begins[happens], lengths[happens]
    return calendars.merge(calendars.windows_of(begins, begins + np.rint(lengths)))


def draw_slow_days(plan: ManifestPlan, streams: Streams) -> dict[Ref, Mask]:
    """True for local days that are slow, by ``port.pace``, for paces with a daily share."""
    drawn = {}
    for name, pace in plan.scenario.paces().items():
        if pace.daily_share is not None:
            days = calendars.local_days(port_zone(plan.scenario, name.port), plan.scenario.horizon).dates.size
            drawn[name] = streams.uniforms(name, "slow", days) < pace.daily_share
    return drawn


def draw_breakdowns(plan: ManifestPlan, streams: Streams) -> dict[Ref, Windows]:
    """Failures of resources: starts of a Poisson process in wall time, each with its length; overlapping ones join."""
    drawn = {}
    for full, resource in plan.scenario.resources().items():
        port, name, rule = full.port, full.name, resource.breakdowns
        if rule is None:
            continue
        expected = plan.horizon_ms / rule.every
        begins = poisson_positions(streams, port, f"{name}.breakdown", expected) * rule.every
        lengths = durations(rule.length, streams.lucks(port, f"{name}.breakdown.length", begins.size))
        drawn[full] = calendars.merge(calendars.windows_of(np.rint(begins), np.rint(begins + lengths)))
    return drawn
