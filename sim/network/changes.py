"""Calendars, quotas, breakdowns and paces of one replication, as sorted changes."""

from __future__ import annotations

import numpy as np

from sim import calendars
from sim.calendars import Times, Windows
from sim.manifest import Manifest, Mask, port_zone
from sim.network.plans import NetworkPlan


def capacity_changes(
    plan: NetworkPlan, windows: dict[str, Windows], broken: dict[str, Windows]
) -> tuple[Times, Times, Times, Times, Mask]:
    """Capacities at time 0, then all changes sorted by time and resource."""
    initial = np.zeros(len(plan.resources), dtype=np.int64)
    times, values, refills = [], [], []
    single: dict[str, tuple[Times, Times]] = {}  # by calendar: of a pool of one
    for number, full in enumerate(plan.resources):
        port, name = full.split(".")
        resource, zone = plan.scenario.ports[port].resources[name], port_zone(plan.scenario, port)
        if resource.quota is not None:
            time, value, refill = calendars.quota_changes(resource.quota, zone, plan.scenario.horizon)
        elif resource.calendar and resource.capacity and not (resource.periods or resource.breakdowns):
            calendar = f"{port}.{resource.calendar}"
            if calendar not in single:
                single[calendar] = calendars.switched(windows[calendar], 1, plan.scenario.horizon.length_ms())
            time, value = single[calendar][0], single[calendar][1] * resource.capacity
            refill = np.zeros(time.shape, dtype=bool)
        else:
            open_ = windows[f"{port}.{resource.calendar}"] if resource.calendar else None
            time, value = calendars.capacity_changes(resource, open_, zone, plan.scenario.horizon, broken.get(full))
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
    order = np.argsort(
        time, kind="stable"
    )  # the resources' changes stand one after the other, so ties keep their order
    return (
        initial,
        time[order],
        np.repeat(np.arange(len(times)), [time.size for time in times])[order],
        np.concatenate(values)[order],
        np.concatenate(refills)[order],
    )


def open_now(plan: NetworkPlan, manifest: Manifest, calendar: str) -> Windows:
    """When ``port.calendar`` is open in this replication, closures taken out; shape (windows, 2)."""
    return calendars.subtract(plan.windows[calendar], manifest.closed[calendar])


def pace_changes(plan: NetworkPlan, manifest: Manifest) -> tuple[Times, Times, Times]:
    """Where each pace calendar begins, then moments and paces of all of them, end to end."""
    firsts, times, values = [0], [], []
    for full in plan.paces:
        port, name = full.split(".")
        pace = plan.scenario.ports[port].paces[name]
        time, value = calendars.pace_changes(
            pace, manifest.slow_days.get(full), port_zone(plan.scenario, port), plan.scenario.horizon
        )
        times.append(time)
        values.append(value)
        firsts.append(firsts[-1] + time.size)
    empty = np.empty(0, dtype=np.int64)
    return (
        np.asarray(firsts, dtype=np.int64),
        np.concatenate(times) if times else empty,
        np.concatenate(values) if values else empty,
    )
