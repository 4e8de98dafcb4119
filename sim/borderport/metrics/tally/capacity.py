"""Open times and capacity of each resource, from one pass over all changes of capacity."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from borderport.calendars import Times, Windows
from borderport.compiling import compiled
from borderport.metrics.tally.layout import Period
from borderport.network import Network


class Changes(NamedTuple):
    """All changes of capacity in the order of time: when, of which resource, to how many units."""

    time_ms: Times
    resource: Times
    capacity: Times


class Opened(NamedTuple):
    """Open times and capacity of each resource, to be filled.

    Attributes
    ----------
    capacity : int64 array, shape (resources,)
        Units after the changes so far.
    total : int64 array, shape (resources,)
        Unit-milliseconds in the reported period.
    windows : int64 array, shape (windows, 2)
        Windows with any capacity, resource after resource.
    filled : int64 array, shape (resources,)
        Place of each resource's next window.
    """

    capacity: Times
    total: Times
    windows: Windows
    filled: Times


@compiled
def _follow_capacity(changes: Any, period: Any, opened: Any) -> None:
    """Follow the capacity of each resource through the changes: add up unit-milliseconds, list when there is any."""
    (start, stop), (capacity, total, windows, filled) = period, opened
    for r in range(capacity.size):
        total[r] += capacity[r] * (stop - start)
        if capacity[r] > 0:
            windows[filled[r], 0], windows[filled[r], 1] = 0, stop
            filled[r] += 1
    for i in range(changes.resource.size):
        own, time, after = np.uint64(changes.resource[i]), changes.time_ms[i], changes.capacity[i]
        total[own] += (after - capacity[own]) * (stop - max(time, start))
        if capacity[own] > 0 and after <= 0:
            windows[filled[own] - 1, 1] = time
        elif capacity[own] <= 0 and after > 0:
            windows[filled[own], 0], windows[filled[own], 1] = time, stop
            filled[own] += 1
        capacity[own] = after


def follow_capacity(network: Network) -> tuple[Times, list[Windows]]:
    """Capacity over the reported period of each resource, in unit-milliseconds, and the windows in which it has any.

    Returns
    -------
    int64 array, shape (resources,)
        Unit-milliseconds between the lead-in and the end.
    list of int64 arrays, shape (windows, 2)
        Windows in which each resource has any capacity, from time 0 to the end.
    """
    resources = network.capacity.size
    most = np.bincount(network.change_resource, minlength=resources) // 2 + 1
    stops = np.cumsum(most)
    opened = Opened(
        network.capacity.copy(),
        np.zeros(resources, dtype=np.int64),
        np.empty((int(most.sum()), 2), dtype=np.int64),
        stops - most,
    )
    changes = Changes(network.change_ms, network.change_resource, network.change_capacity)
    _follow_capacity(changes, Period(network.lead_in_ms, network.horizon_ms), opened)
    spans = zip((stops - most).tolist(), opened.filled.tolist(), strict=True)
    return opened.total, [opened.windows[first:stop] for first, stop in spans]
