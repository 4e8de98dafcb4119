"""How much of each resource is open, and when, from one pass over all changes of capacity."""

from __future__ import annotations

from typing import Any

import numpy as np

from borderport.calendars import Times, Windows
from borderport.compiling import compiled
from borderport.network import Network


@compiled
def _follow_capacity(
    capacity: Any,
    resource: Any,
    changed: Any,
    value: Any,
    start: Any,
    stop: Any,
    total: Any,
    windows: Any,
    filled: Any,
) -> None:
    """Follow the capacity of each resource through the changes: add up unit-milliseconds, list when there is any."""
    for r in range(capacity.size):
        total[r] += capacity[r] * (stop - start)
        if capacity[r] > 0:
            windows[filled[r], 0], windows[filled[r], 1] = 0, stop
            filled[r] += 1
    for i in range(resource.size):
        own, after = np.uint64(resource[i]), value[i]
        total[own] += (after - capacity[own]) * (stop - max(changed[i], start))
        if capacity[own] > 0 and after <= 0:
            windows[filled[own] - 1, 1] = changed[i]
        elif capacity[own] <= 0 and after > 0:
            windows[filled[own], 0], windows[filled[own], 1] = changed[i], stop
            filled[own] += 1
        capacity[own] = after


def follow_capacity(network: Network) -> tuple[Times, list[Windows]]:
    """What is open of each resource, in time and in units.

    Returns
    -------
    int64 array, shape (resources,)
        Unit-milliseconds between the lead-in and the end.
    list of int64 arrays, shape (windows, 2)
        When each resource has any capacity, from time 0 to the end.
    """
    resources = network.capacity.size
    total = np.zeros(resources, dtype=np.int64)
    most = np.bincount(network.change_resource, minlength=resources) // 2 + 1
    stops = np.cumsum(most)
    windows, filled = np.empty((int(most.sum()), 2), dtype=np.int64), stops - most
    _follow_capacity(
        network.capacity.copy(),
        network.change_resource,
        network.change_ms,
        network.change_capacity,
        network.lead_in_ms,
        network.horizon_ms,
        total,
        windows,
        filled,
    )
    spans = zip((stops - most).tolist(), filled.tolist(), strict=True)
    return total, [windows[first:stop] for first, stop in spans]
