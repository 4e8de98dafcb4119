"""Measure one replication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.errors import CheckFailed
from borderport.manifest import Manifest, Mask
from borderport.metrics.definitions import CLOCKS, PARTS, SPANS, Key
from borderport.metrics.figures import Sums, of_inspections, of_span, of_stations, of_vehicles, total_cost
from borderport.metrics.gathering import sums_between
from borderport.metrics.plan import MetricsPlan
from borderport.metrics.resources import check_queues
from borderport.metrics.visits import Visitors, count_visitors, shares_visiting
from borderport.tally import (
    Clocks,
    FlowTally,
    QueueCounts,
    Tally,
    VehicleCounts,
    count_vehicles,
    follow_capacity,
    tally_flow,
)
from borderport.tally.terms import ARRIVED, CLEARED, DIVERTED, GAVE_UP, HELD_BACK, NOT_FINISHED, PASSAGE, SERVICE, TOTAL
from borderport.timeline import Timeline
from borderport.units import MS_PER_HOUR


@dataclass(frozen=True)
class FlowTimes:
    """The times of one flow's counted vehicles, int64 ms, shape (vehicles,): what vehicles are paired on.

    Attributes
    ----------
    index : int64
        Number in the flow, the same in every scenario; ascending.
    done : dict of bool arrays
        By span: whether the vehicle completed it within the horizon.
    times : dict of int64 arrays
        By (span, clock); meaningful where ``done``.
    """

    index: Times
    done: dict[str, Mask]
    times: dict[tuple[str, str], Times]


@dataclass(frozen=True)
class Measures:
    """What is kept of one replication.

    Attributes
    ----------
    keys : tuple of (port, flow, station, metric)
        Of every figure: the plan's own, so that the replications of a scenario share one.
    numbers : float64 array, shape (keys,)
        The figures, NaN where there is none.
    flows : dict of FlowTimes
        By ``port.flow``; companions left out.
    queue_by_hour : dict of float64 arrays, shape (24,)
        By ``port.resource``: mean number waiting in each local hour of the day.
    passage_grid : dict of float64 arrays, shape (200,)
        By port: quantiles of passage time in minutes, at `GRID`.
    visiting : dict of float
        By port and ``port.station``: share of the port's cleared vehicles that come by the station, 0 to 1.
    """

    keys: tuple[Key, ...]
    numbers: Array
    flows: dict[str, FlowTimes]
    queue_by_hour: dict[str, Array] = field(default_factory=dict)
    passage_grid: dict[str, Array] = field(default_factory=dict)
    visiting: dict[tuple[str, str], float] = field(default_factory=dict)

    def of(self, key: Key) -> float:
        """One figure; ValueError if there is none."""
        return float(self.numbers[self.keys.index(key)])

    @cached_property
    def values(self) -> dict[Key, float]:
        """The figures by their keys; thousands, so not worked out unless asked for."""
        return dict(zip(self.keys, self.numbers.tolist(), strict=True))


@dataclass(frozen=True)
class _Added:
    """What the walks over all flows added up."""

    tally: Tally
    spent: Times
    queues: QueueCounts
    counts: VehicleCounts
    visitors: Visitors


def measure(plan: MetricsPlan, manifest: Manifest, timeline: Timeline, detail: bool = True) -> Measures:
    """Measure one replication.

    Parameters
    ----------
    plan : MetricsPlan
    manifest, timeline
        Of one replication.
    detail : bool
        Whether to keep each vehicle's times, hourly queues and distributions: what pairing and figures need.

    Returns
    -------
    Measures

    Raises
    ------
    CheckFailed
        Moments run backwards, parts do not add up, flow balance or Little's law does not hold: a bug, so the figures
        must not be used.
    """
    network = timeline.network
    open_ms, open_windows = follow_capacity(network)
    clocks = plan.clocks.clocks(network, open_windows)
    added, flows = _walk_flows(plan, manifest, timeline, clocks, detail)
    _check(plan, timeline, added)
    costs = plan.costs.by_flow(plan.columns, added.spent, added.counts)
    sums = Sums.of_flows(plan.columns, added.tally, added.counts, costs).of_groups(plan.members)
    passage = plan.detailed if detail else plan.passage
    minutes = passage.minutes(added.counts, PASSAGE)
    quantiles = np.stack([minutes[passage.of_groups]] * len(SPANS))
    quantiles[TOTAL, plan.longer] = plan.total.minutes(added.counts, TOTAL)[plan.total.of_groups]
    worked = [*_group_figures(plan, added, sums, quantiles), plan.resources.figures(timeline, added.queues, open_ms)]
    numbers = np.concatenate([table.ravel() for table in worked])[plan.places]
    if not detail:
        return Measures(plan.keys, numbers, flows)
    hours = dict(zip(network.resources, plan.resources.by_hour(added.queues), strict=True))
    grids = dict(zip(plan.grids, minutes[passage.of_grids], strict=True))
    cleared = dict(zip((flow.name for flow in plan.flows), added.counts.done[:, PASSAGE].tolist(), strict=True))
    return Measures(plan.keys, numbers, flows, hours, grids, shares_visiting(plan.groups, added.visitors, cleared))


def _walk_flows(
    plan: MetricsPlan, manifest: Manifest, timeline: Timeline, clocks: Clocks, detail: bool
) -> tuple[_Added, dict[str, FlowTimes]]:
    """Add up over all flows; and the times of each counted flow, if wanted."""
    network, tally = timeline.network, Tally.empty(plan.columns, clocks)
    queues = QueueCounts.empty(plan.resources.shift_ms, len(plan.flows))
    counts = VehicleCounts.empty(len(plan.flows), len(plan.months), network.arrival_ms.size)
    flows: dict[str, FlowTimes] = {}
    visitors: Visitors = {}
    for number, flow in enumerate(plan.flows):
        walked = tally_flow(number, timeline, plan.columns, clocks, flow.midnights, tally, queues)
        if not flow.counted:
            continue
        drawn = manifest.flows[flow.name]
        spoilage = plan.costs.spoilage[number]
        ascend = count_vehicles(
            number, timeline, drawn, walked, flow.inspects, flow.month_edges, spoilage, flow.spans, counts
        )
        counts.vehicles[number, HELD_BACK] = (drawn.held_back >= network.lead_in_ms).sum()
        if drawn.diverted is not None:
            counts.vehicles[number, DIVERTED] = (drawn.diverted.arrival_ms >= network.lead_in_ms).sum()
        if detail:
            late = slice(None) if not network.lead_in_ms else np.flatnonzero(drawn.arrival_ms >= network.lead_in_ms)
            flows[flow.name] = _times_of(walked, drawn.index, late, ascend)
            visitors |= count_visitors(timeline, network.flows[number], walked.done[PASSAGE])
    vehicles = counts.vehicles
    vehicles[:, NOT_FINISHED] = vehicles[:, ARRIVED] - vehicles[:, CLEARED] - vehicles[:, GAVE_UP]
    return _Added(tally, tally.spent(), queues, counts, visitors), flows


def _times_of(walked: FlowTally, index: Times, counted: Times | slice, ascend: bool) -> FlowTimes:
    """The times of the counted vehicles in the order of their numbers, which ``index`` has for all vehicles."""
    index, done, times = index[counted], walked.done[:, counted], walked.times[:, :, counted]
    if not ascend:
        order = np.argsort(index, kind="stable")
        index, done, times = index[order], done[:, order], times[:, :, order]
    by_clock = {(span, clock): times[i, j] for i, span in enumerate(SPANS) for j, clock in enumerate(CLOCKS)}
    return FlowTimes(index, dict(zip(SPANS, done, strict=True)), by_clock)


def _check(plan: MetricsPlan, timeline: Timeline, added: _Added) -> None:
    """Moments never run backwards, parts add up to the time inside, vehicles and queues balance."""
    tally = added.tally
    parts = np.add.reduceat(added.spent.sum(axis=1), plan.columns.first[:-1])
    astray = np.flatnonzero((tally.faults != 0) | (parts != tally.inside))
    surplus = np.flatnonzero(added.counts.vehicles[:, NOT_FINISHED] < 0)
    for wrong, what in (
        (astray, "moments run backwards or do not add up"),
        (surplus, "more vehicles cleared and gave up than arrived"),
    ):
        if wrong.size:
            raise CheckFailed(f"{plan.flows[wrong[0]].name}: {what}; please report this")
    check_queues(timeline, added.queues)


def _group_figures(plan: MetricsPlan, added: _Added, sums: Sums, quantiles: Array) -> Iterator[Array]:
    """All figures of groups, in the order of `borderport.metrics.keys.worked_keys`."""
    stations = plan.stations
    parts = stations.parts.sums(added.tally.parts(plan.columns).reshape(-1, len(PARTS)))
    of_spans = sums_between(parts, stations.part_edges).reshape(len(plan.groups), len(SPANS), len(PARTS))
    officer_ms = stations.manned.sums(added.spent[:, SERVICE] * plan.costs.officers)
    infrastructure = np.asarray([plan.costs.infrastructure * group.is_total for group in plan.groups])
    yield of_vehicles(sums)
    yield of_inspections(sums, sums_between(np.where(stations.inspecting, officer_ms, 0), stations.manned_edges))
    for span in (PASSAGE, TOTAL):
        yield of_span(sums, span, quantiles[span], of_spans[:, span])
    yield of_stations(sums, parts, np.diff(stations.part_edges))
    yield sums_between(officer_ms, stations.manned_edges) / MS_PER_HOUR
    yield officer_ms / MS_PER_HOUR
    yield sums.costs
    yield infrastructure
    yield total_cost(sums) + infrastructure
