"""From sums to figures: each kind for all groups at once, one row for each group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.errors import CheckFailed
from borderport.metrics.definitions import COSTS, QUANTILES, SPANS
from borderport.metrics.gathering import Gathering, ratios
from borderport.metrics.groups import Group
from borderport.network import NetworkPlan
from borderport.scenario import Scenario
from borderport.tally import Columns, Tally, VehicleCounts
from borderport.tally.terms import ON_OPEN, ON_SERVICE, ON_WALL, TONNES_ARRIVED, TONNES_CLEARED, VALUE_CLEARED
from borderport.units import MS_PER_HOUR, MS_PER_MINUTE


@dataclass(frozen=True)
class StationPlan:
    """Which sums belong to which stations of which groups.

    Attributes
    ----------
    parts : Gathering
        From columns of both spans to the stations of each group and span.
    part_edges : int64 array, shape (2 groups + 1,)
        Where the stations of each group and span begin.
    manned : Gathering
        From columns to the manned stations of each group.
    manned_edges : int64 array, shape (groups + 1,)
        Where those of each group begin.
    inspecting : bool array, shape (manned stations,)
        Whether the station inspects.
    """

    parts: Gathering
    part_edges: Times
    manned: Gathering
    manned_edges: Times
    inspecting: Array


def plan_stations(scenario: Scenario, network: NetworkPlan, columns: Columns, groups: tuple[Group, ...]) -> StationPlan:
    """Find the columns of each station of each group."""
    places: dict[tuple[str, str], list[int]] = {}
    for first, flow in zip(columns.first.tolist(), network.flows, strict=False):
        for number, column in enumerate(flow.columns):
            places.setdefault((flow.name, column.station), []).append(first + number)

    def of(group: Group, station: str, shift: int = 0) -> list[int]:
        return [shift + place for name in group.members for place in places.get((name, station), ())]

    spans = [(group, i * columns.clock.size, group.stations[span]) for group in groups for i, span in enumerate(SPANS)]
    manned = [station for group in groups for station in group.manned]
    stations = {f"{p}.{name}": station for p, port in scenario.ports.items() for name, station in port.stations.items()}
    return StationPlan(
        Gathering.of(of(group, station, shift) for group, shift, names in spans for station in names),
        np.cumsum([0, *(len(names) for *_, names in spans)]),
        Gathering.of(of(group, station) for group in groups for station in group.manned),
        np.cumsum([0, *(len(group.manned) for group in groups)]),
        np.asarray([bool(stations[name].inspection) for name in manned], dtype=bool),
    )


@dataclass(frozen=True)
class Sums:
    """Sums by flow, or by group; they add.

    Attributes
    ----------
    vehicles, inspected, goods, months, done : arrays, shape (rows, ...)
        Those of `VehicleCounts`.
    nights, inside_ms : int64 arrays, shape (rows,)
        Nights spent inside, and the time.
    declared : int64 array, shape (rows, 2)
        Vehicles that declared, and the ms it took.
    totals : int64 array, shape (rows, 2, 3)
        Times in ms by span and clock.
    costs : float64 array, shape (rows, 8)
        By `COSTS`.
    """

    vehicles: Times
    inspected: Times
    goods: Array
    months: Array
    done: Times
    nights: Times
    inside_ms: Times
    declared: Times
    totals: Times
    costs: Array

    @classmethod
    def of_flows(cls, columns: Columns, tally: Tally, counts: VehicleCounts, costs: Array) -> Sums:
        """Sums of each flow."""
        return cls(
            counts.vehicles,
            counts.inspected,
            counts.goods,
            counts.months,
            counts.done,
            tally.nights,
            tally.inside,
            np.add.reduceat(tally.served, columns.first[:-1], axis=0),
            tally.totals,
            costs,
        )

    def of_groups(self, members: Gathering) -> Sums:
        """Sums of groups of flows."""
        return Sums(*(members.sums(table) for table in vars(self).values()))


def of_vehicles(sums: Sums) -> Array:
    """`COUNTS`, then tonnes by month."""
    declared, declared_ms = sums.declared.T
    return np.column_stack(
        [
            sums.vehicles,
            sums.goods[:, [TONNES_ARRIVED, TONNES_CLEARED, VALUE_CLEARED]],
            sums.nights,
            sums.inside_ms / MS_PER_HOUR,
            ratios(declared_ms, declared * MS_PER_MINUTE),
            sums.months,
        ]
    )


def of_inspections(sums: Sums, officer_ms: Times) -> Array:
    """`INSPECTION_METRICS`; ``officer_ms`` are those of officers at stations that inspect, by group."""
    carried, found = sums.inspected[:, 3], sums.inspected[:, 5]
    hours = officer_ms / MS_PER_HOUR
    return np.column_stack([sums.inspected, carried - found, ratios(found, carried), hours, ratios(hours, found)])


def of_span(sums: Sums, span: int, quantiles: Array, parts: Times) -> Array:
    """`SPAN_METRICS`; ``quantiles`` in minutes, ``parts`` in ms over all stations, shape (groups, 4).

    Raises
    ------
    CheckFailed
        The parts do not add up to the whole.
    """
    minutes = sums.done[:, span] * MS_PER_MINUTE
    wall_ms = sums.totals[:, span, ON_WALL]
    if (parts.sum(axis=1) != wall_ms).any():
        raise CheckFailed(f"the parts of '{SPANS[span]}' do not add up to its time; please report this")
    mean = ratios(wall_ms, minutes)
    late = quantiles[:, list(QUANTILES).index("p95")]
    return np.column_stack(
        [
            mean,
            quantiles,
            ratios(late - mean, mean),
            ratios(sums.totals[:, span, ON_OPEN], minutes),
            ratios(sums.totals[:, span, ON_SERVICE], minutes),
            ratios(parts, minutes[:, None]),
        ]
    )


def of_stations(sums: Sums, parts: Times, stations: Times) -> Array:
    """Means of the parts at each station of each group and span.

    Parameters
    ----------
    sums : Sums
    parts : int64 array, shape (stations, 4)
        In ms, the stations of all groups and spans one after the other.
    stations : int64 array, shape (2 groups,)
        How many there are of each.
    """
    minutes = np.repeat(sums.done.ravel() * MS_PER_MINUTE, stations)
    return ratios(parts, minutes[:, None])


def total_cost(sums: Sums) -> Array:
    """The sum of all `COSTS` that are in CNY, shape (groups,)."""
    return np.asarray(sums.costs[:, COSTS.index("delay_cost") :].sum(axis=1))
