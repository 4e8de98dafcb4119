"""Calendars, quotas, breakdowns and paces of one replication, as sorted changes."""

from __future__ import annotations

import numpy as np

from borderport import calendars
from borderport.calendars import Times, Windows
from borderport.manifest import Manifest, Mask, port_zone
from borderport.network.flow_plan import NetworkPlan
from borderport.network.loops import merge_edges
from borderport.scenario import Horizon, Ref, Resource

ALWAYS, NOT_AT_ALL = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)  # edges: open from time 0 on; never


def all_changes(
    plan: NetworkPlan, windows: dict[Ref, Windows], broken: dict[Ref, Windows]
) -> tuple[Times, Times, Times, Times, Mask]:
    """Capacities at time 0, then all changes sorted by time and resource."""
    initial = np.zeros(len(plan.resources), dtype=np.int64)
    times, values, refills = [], [], []
    single: dict[Ref, tuple[Times, Times]] = {}  # by calendar: of a pool of one
    resources = plan.scenario.resources()
    for number, full in enumerate(plan.resources):
        resource, zone = resources[full], port_zone(plan.scenario, full.port)
        open_ = windows[Ref(full.port, resource.calendar)] if resource.calendar else None
        if resource.quota is not None:
            time, value, refill = calendars.quota_changes(resource.quota, zone, plan.scenario.horizon)
        elif resource.calendar and resource.capacity and not (resource.periods or resource.breakdowns):
            calendar = Ref(full.port, resource.calendar)
            if calendar not in single:
                time, value = capacity_changes(resource, open_, zone, plan.scenario.horizon)
                single[calendar] = time, value // resource.capacity
            time, value = single[calendar][0], single[calendar][1] * resource.capacity
            refill = np.zeros(time.shape, dtype=bool)
        else:
            time, value = capacity_changes(resource, open_, zone, plan.scenario.horizon, broken.get(full))
            refill = np.zeros(time.shape, dtype=bool)
        if time.size and time[0] == 0:
            initial[number] = value[0]
            time, value, refill = time[1:], value[1:], refill[1:]
        times.append(time)
        values.append(value)
        refills.append(refill)
    if not times:
        none = np.zeros(0, dtype=np.int64)
        return initial, none, none, none, np.zeros(0, dtype=bool)
    time = np.concatenate(times)
    # The resources' changes stand one after the other, so ties keep their order.
    order = np.argsort(time, kind="stable")
    return (
        initial,
        time[order],
        np.repeat(np.arange(len(times)), [time.size for time in times])[order],
        np.concatenate(values)[order],
        np.concatenate(refills)[order],
    )


def capacity_changes(
    resource: Resource, windows: Windows | None, zone: str, horizon: Horizon, broken: Windows | None = None
) -> tuple[Times, Times]:
    """Moments at which a pool's capacity changes, and the capacity from then on; the first change is at time 0.

    Parameters
    ----------
    windows : int64 array, shape (windows, 2), or None
        Windows in which the pool is open, closures taken out; ``None`` means always.
    broken : int64 array, shape (windows, 2), or None
        The manifest's draw of breakdowns, for a pool that has them: some or all servers are out.

    Returns
    -------
    times, capacities : int64 arrays, shape (changes,)
        Times rise strictly; neighbours differ.
    """
    days, full = calendars.local_days(zone, horizon), resource.capacity or 0
    rows = [(*days.window(p.first_day, p.last_day), p.capacity) for p in resource.periods]
    periods = np.asarray(rows, dtype=np.int64).reshape(-1, 3)
    opened = ALWAYS if windows is None else windows.ravel()
    failed = NOT_AT_ALL if broken is None else broken.ravel()
    lost = resource.breakdowns.servers if resource.breakdowns else None
    times = np.empty(opened.size + failed.size + 2 * len(rows) + 1, dtype=np.int64)
    capacities = np.empty_like(times)
    most = max([full, *(row[2] for row in rows)])
    stop = horizon.length_ms()
    found = merge_edges(opened, failed, periods, full, most if lost is None else lost, stop, times, capacities)
    return times[:found], capacities[:found]


def open_now(plan: NetworkPlan, manifest: Manifest, calendar: Ref) -> Windows:
    """Windows of ``port.calendar`` in this replication, closures taken out; shape (windows, 2)."""
    return calendars.subtract(plan.windows[calendar], manifest.closed[calendar])


def pace_changes(plan: NetworkPlan, manifest: Manifest) -> tuple[Times, Times, Times]:
    """First change of each pace calendar, then moments and paces of all of them, end to end."""
    paces = plan.scenario.paces()
    firsts, times, values = [0], [], []
    for full in plan.paces:
        pace, zone = paces[full], port_zone(plan.scenario, full.port)
        time, value = calendars.pace_changes(pace, manifest.slow_days.get(full), zone, plan.scenario.horizon)
        times.append(time)
        values.append(value)
        firsts.append(firsts[-1] + time.size)
    empty = np.empty(0, dtype=np.int64)
    return (
        np.asarray(firsts, dtype=np.int64),
        np.concatenate(times) if times else empty,
        np.concatenate(values) if values else empty,
    )
