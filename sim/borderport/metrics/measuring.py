"""Measure one replication."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.errors import CheckFailed
from borderport.manifest import TRIP_STRIDE, FlowManifest, Manifest, Mask
from borderport.metrics.blocks import FlowFound, Measured, Walked, check_parts
from borderport.metrics.names import CLOCKS, GOODS, SPANS, Key
from borderport.metrics.preparing import MetricsPlan
from borderport.metrics.resource_facts import check_queues
from borderport.metrics.tally import (
    Clocks,
    FlowMoments,
    FlowTally,
    QueueCounts,
    Tally,
    VehicleCounts,
    count_vehicles,
    follow_capacity,
    tally_flow,
)
from borderport.metrics.tally.terms import PASSAGE, TOTAL
from borderport.metrics.visits import Visitors, count_visitors, shares_visiting
from borderport.timeline import Timeline


@dataclass(frozen=True)
class FlowTimes:
    """The times of one flow's counted vehicles and loads, int64 ms: what they are paired on.

    Attributes
    ----------
    index, loads : int64 arrays, shape (vehicles,) and (loads,)
        Numbers in the flow, the same in every scenario; ascending. A load has that of its first truck.
    done : dict of bool arrays
        By span: whether the vehicle, or under `GOODS` the load, completed it within the horizon.
    times : dict of int64 arrays
        By those of `PAIRED`: (span, clock); meaningful where ``done``.
    """

    index: Times
    loads: Times
    done: dict[str, Mask]
    times: dict[tuple[str, str], Times]

    def numbers(self, span: str) -> Times:
        """Vehicles or loads that the times of a span are of."""
        return self.loads if span == GOODS else self.index


@dataclass(frozen=True)
class Measures:
    """Everything that is kept of one replication.

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


def measure(plan: MetricsPlan, manifest: Manifest, timeline: Timeline, detail: bool = True) -> Measures:
    """Measure one replication.

    Parameters
    ----------
    plan : MetricsPlan
    manifest, timeline
        Of one replication.
    detail : bool
        True to keep each vehicle's times, hourly queues and distributions: what pairing and figures need.

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
    tally = Tally.empty(plan.columns, clocks)
    queues = QueueCounts.empty(plan.resources.shift_ms, len(plan.flows))
    counts = VehicleCounts.empty(len(plan.flows), len(plan.months), network.arrival_ms.size)
    flows, times = _walk_flows(plan, manifest, timeline, clocks, _Sums(tally, queues, counts), detail)
    passage = plan.detailed if detail else plan.passage
    minutes = passage.minutes(counts, PASSAGE)
    quantiles = np.stack([minutes[passage.of_groups]] * len(SPANS))
    quantiles[TOTAL, plan.longer] = plan.total.minutes(counts, TOTAL)[plan.total.of_groups]
    walked = Walked(timeline, flows, counts, tally, queues, open_ms, quantiles, plan.rates, plan.resources)
    _check(plan, walked)
    numbers = _figures(plan, walked)
    if not detail:
        return Measures(plan.keys, numbers, times)
    hours = dict(zip(network.resources, plan.resources.queue_by_hour(queues), strict=True))
    grids = dict(zip(plan.grids, minutes[passage.of_grids], strict=True))
    cleared = dict(zip((flow.name for flow in plan.flows), counts.cleared.tolist(), strict=True))
    visiting = shares_visiting(plan.groups, _visitors(timeline, flows), cleared)
    return Measures(plan.keys, numbers, times, hours, grids, visiting)


def _visitors(timeline: Timeline, flows: tuple[FlowFound | None, ...]) -> Visitors:
    """Numbers of cleared vehicles that come by each station, by flow."""
    visitors: Visitors = {}
    for layout, found in zip(timeline.network.flows, flows, strict=True):
        if found is not None:
            visitors |= count_visitors(timeline, layout, found.walked.done[PASSAGE])
    return visitors


@dataclass(frozen=True)
class _Sums:
    """Sums to which the walks over all flows add."""

    tally: Tally
    queues: QueueCounts
    counts: VehicleCounts


def _walk_flows(
    plan: MetricsPlan, manifest: Manifest, timeline: Timeline, clocks: Clocks, sums: _Sums, detail: bool
) -> tuple[tuple[FlowFound | None, ...], dict[str, FlowTimes]]:
    """Add up over all flows; returns what was found of each counted flow, and its vehicles' times, if wanted."""
    start_ms = timeline.network.lead_in_ms
    flows: list[FlowFound | None] = []
    times: dict[str, FlowTimes] = {}
    for number, flow in enumerate(plan.flows):
        drawn = manifest.flows[flow.name]
        moments = FlowMoments.of(timeline, number, drawn)
        walked = tally_flow(number, moments, timeline.network, clocks, flow.midnights, sums.tally, sums.queues)
        if not flow.counted:
            flows.append(None)
            continue
        flows.append(FlowFound(start_ms, drawn, walked))
        ascend = count_vehicles(number, moments, timeline.network, drawn, walked, flow.rules, sums.counts)
        if detail:
            times[flow.name] = _times_of(walked, drawn, moments, ascend)
    return tuple(flows), times


def _times_of(walked: FlowTally, drawn: FlowManifest, moments: FlowMoments, ascend: bool) -> FlowTimes:
    """The times of the counted vehicles in the order of their numbers, and those of their loads."""
    rows = slice(None) if moments.counted.all() else np.flatnonzero(moments.counted)
    index, done, times = drawn.index[rows], walked.done[:, rows], walked.times[:, :, rows]
    goods_ms, first = (moments.exit_ms[moments.vehicle] - drawn.ready_ms)[rows], drawn.fetches[rows] < 0
    if not ascend:
        order = np.argsort(index, kind="stable")
        index, done, times = index[order], done[:, order], times[:, :, order]
        goods_ms, first = goods_ms[order], first[order]
    by_clock = {(span, clock): times[i, j] for i, span in enumerate(SPANS) for j, clock in enumerate(CLOCKS)}
    loads, out, taken = index, done[TOTAL], goods_ms
    if not first.all():  # each load has one truck that came first, and at most one that took it out
        loads, exits = index[first], np.flatnonzero(done[TOTAL])
        place = np.searchsorted(loads, index[exits] % TRIP_STRIDE)
        out, taken = np.zeros(loads.size, dtype=bool), np.zeros(loads.size, dtype=np.int64)
        out[place], taken[place] = True, goods_ms[exits]
    spans = dict(zip(SPANS, done, strict=True))
    return FlowTimes(index, loads, {**spans, GOODS: out}, {**by_clock, (GOODS, "wall"): taken})


def _check(plan: MetricsPlan, walked: Walked) -> None:
    """Moments never run backwards, parts add up to the time inside, vehicles and queues balance."""
    tally, counts = walked.tally, walked.counts
    parts = plan.columns.by_flow(walked.spent.sum(axis=1))
    astray = np.flatnonzero((tally.faults != 0) | (parts != tally.inside))
    surplus = np.flatnonzero(counts.cleared + counts.gave_up > counts.arrived)
    for wrong, what in (
        (astray, "moments run backwards or do not add up"),
        (surplus, "more vehicles cleared and gave up than arrived"),
    ):
        if wrong.size:
            raise CheckFailed(f"{plan.flows[wrong[0]].name}: {what}; please report this")
    check_parts(walked)
    check_queues(walked.timeline, walked.queues)


def _figures(plan: MetricsPlan, walked: Walked) -> Array:
    """All figures, in the order of the table."""
    worked = []
    for metrics, rows in plan.table.blocks:
        measured = Measured(walked, plan.members, rows)
        worked.append(np.column_stack([metric.of(measured) for metric in metrics]).ravel())
    return np.asarray(np.concatenate(worked).take(plan.table.order), dtype=np.float64)
