"""While a resource is open, work is not suspended, or the calendar of a passage is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times, Windows
from borderport.metrics.tally import Clocks
from borderport.metrics.tally.terms import NO_CLOCK
from borderport.network import Column, Network, NetworkPlan
from borderport.scenario import Ref, Scenario


@dataclass(frozen=True)
class ClockPlan:
    """The clocks of a scenario: of resources whose capacity has a course of its own, then of paces, then of calendars.

    Attributes
    ----------
    own : tuple of int
        The resources with a clock of their own.
    of_resource : tuple of int
        Clock of each resource, its own or its calendar's, or `NO_CLOCK`.
    of_calendar : dict of int
        By ``port.calendar``.
    """

    own: tuple[int, ...]
    of_resource: tuple[int, ...]
    of_calendar: dict[Ref, int]

    def of_column(self, column: Column) -> int:
        """Clock that runs while a column's time does not count as closed."""
        if column.kind == "wait":
            return self.of_resource[column.resource]
        if column.kind == "service" and column.pace >= 0:
            return len(self.own) + column.pace
        return NO_CLOCK

    def clocks(self, network: Network, open_windows: list[Windows]) -> Clocks:
        """The clocks of one replication; ``open_windows`` are those in which each resource has any capacity."""
        paces = [_worked(network, pace) for pace in range(network.pace_first.size - 1)]
        windows = [*(open_windows[number] for number in self.own), *paces]
        return Clocks.of([*windows, *(network.windows[name] for name in self.of_calendar)], network.horizon_ms)


def plan_clocks(scenario: Scenario, network: NetworkPlan) -> ClockPlan:
    """Find the clock of each resource."""
    resources = list(scenario.resources().values())
    own = [i for i, r in enumerate(resources) if r.periods or r.capacity == 0 or r.breakdowns is not None]
    first = len(own) + len(network.paces)
    of_calendar = {name: first + i for i, name in enumerate(network.windows)}
    found = []
    for number, (full, resource) in enumerate(zip(network.resources, resources, strict=True)):
        if number in own:
            found.append(own.index(number))
        elif resource.calendar is not None:
            found.append(of_calendar[Ref(full.port, resource.calendar)])
        else:
            found.append(NO_CLOCK)
    return ClockPlan(tuple(own), tuple(found), of_calendar)


def _worked(network: Network, pace: int) -> Windows:
    """Windows in which work passes at all."""
    here = slice(int(network.pace_first[pace]), int(network.pace_first[pace + 1]))
    begins: Times = network.pace_ms[here]
    edges = np.append(begins, network.horizon_ms)
    stands = network.pace_per_mille[here] == 0
    if not stands.any():
        return np.asarray([[0, network.horizon_ms]], dtype=np.int64)
    return np.stack([edges[:-1][~stands], edges[1:][~stands]], axis=1)
