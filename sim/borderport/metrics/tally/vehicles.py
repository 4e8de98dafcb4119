"""One pass over a flow's vehicles: how many there are of each kind, and what they carried."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.compiling import compiled
from borderport.manifest import FlowManifest, Mask
from borderport.metrics.tally.counts import FlowRules, VehicleCounts
from borderport.metrics.tally.layout import FlowMoments, FlowTally, Period
from borderport.metrics.tally.ranking import flow_bits
from borderport.metrics.tally.terms import ON_WALL, ONE, PASSAGE, TOTAL
from borderport.network import ABANDONED, EXITED, UNFINISHED, FlowLayout
from borderport.timeline import Timeline
from borderport.units import MS_PER_DAY


class FlowVehicles(NamedTuple):
    """Properties and loads of one flow's vehicles, by row; ``exit_ms`` and ``outcome`` are by number.

    ``passing_t`` and ``passing_cny`` are the part of the goods that is cleared at the end of the passage.
    """

    arrival: Times
    number: Times
    outcome: NDArray[np.uint8]
    exit_ms: Times
    index_in_flow: Times
    payload_t: NDArray[np.float64]
    value_cny: NDArray[np.float64]
    passing_t: NDArray[np.float64]
    passing_cny: NDArray[np.float64]
    selected: Mask
    opened: Mask
    contraband: Mask
    found: Mask


@compiled
def _month_of(time: Any, hint: Any, edges: Any) -> Any:
    """Last month that begins at or before ``time``, or the first, searched from ``hint`` on."""
    month = hint
    while month + ONE < np.uint64(edges.size) and edges[month + ONE] <= time:
        month += ONE
    while month > 0 and edges[month] > time:
        month -= ONE
    return month


@compiled
def _count_inspected(flow: Any, i: Any, vehicles: Any, counts: Any) -> None:
    """Count what the inspection of one cleared vehicle was about and found."""
    selected, carries = vehicles.selected[i], vehicles.contraband[i]
    counts.selected[flow] += selected
    counts.opened[flow] += vehicles.opened[i]
    counts.false_alarms[flow] += vehicles.opened[i] and not carries
    counts.carried[flow] += carries
    counts.carried_selected[flow] += carries and selected
    counts.found[flow] += vehicles.found[i]


@compiled
def _count_vehicles(flow: Any, bits: Any, vehicles: Any, walked: Any, rules: Any, period: Any, counts: Any) -> Any:
    """Count one flow's vehicles, add up their goods, pack their times; return whether their numbers ascend."""
    ascend, last, month, filled = True, vehicles.index_in_flow[0], np.uint64(0), counts.filled
    arrived = cleared = beyond = gave_up = exited = 0
    tonnes_arrived = tonnes_cleared = value_cleared = spoiled = given_up = 0.0
    for i in range(vehicles.number.size):
        arrival = vehicles.arrival[i]
        if arrival < period.start:
            continue
        number, worth = vehicles.number[i], vehicles.value_cny[i]
        outcome = vehicles.outcome[number]
        arrived += 1
        tonnes_arrived += vehicles.payload_t[i]
        ascend &= vehicles.index_in_flow[i] >= last
        last = vehicles.index_in_flow[i]
        if rules.spoilage > 0:
            end = period.stop if outcome == UNFINISHED else vehicles.exit_ms[number]
            days = max(end - arrival - rules.spoils_after, 0) / MS_PER_DAY
            lost = min(rules.spoilage * days, 1.0) * worth
            spoiled += lost
            worth -= lost
        if walked.done[PASSAGE, i]:
            cleared += 1
            beyond += outcome == UNFINISHED
            tonnes_cleared += vehicles.passing_t[i]
            value_cleared += vehicles.passing_cny[i]
            month = _month_of(walked.passed[i], month, rules.month_edges)
            counts.tonnes_by_month[month, flow] += vehicles.passing_t[i]
            counts.packed[PASSAGE, filled[PASSAGE]] = np.uint64(walked.times[PASSAGE, ON_WALL, i]) << bits | flow
            filled[PASSAGE] += 1
            if rules.inspects:
                _count_inspected(flow, i, vehicles, counts)
        elif outcome == ABANDONED:
            gave_up += 1
            given_up += worth
        if walked.done[TOTAL, i]:
            exited += 1
            if rules.spans > TOTAL:
                counts.packed[TOTAL, filled[TOTAL]] = np.uint64(walked.times[TOTAL, ON_WALL, i]) << bits | flow
                filled[TOTAL] += 1
    counts.arrived[flow], counts.cleared[flow], counts.done[PASSAGE, flow] = arrived, cleared, cleared
    counts.gave_up[flow], counts.beyond_line[flow], counts.done[TOTAL, flow] = gave_up, beyond, exited
    counts.tonnes_arrived[flow] = tonnes_arrived
    # Loads that are cleared apart may have been counted before.
    counts.tonnes_cleared[flow] += tonnes_cleared
    counts.value_cleared[flow] += value_cleared
    counts.value_spoiled[flow] += spoiled
    counts.value_given_up[flow] += given_up
    return ascend


class Apart(NamedTuple):
    """Loads of one flow that a station clears: by row; ``stop`` is the column after the station's last."""

    tonnes: NDArray[np.float64]
    value_cny: NDArray[np.float64]
    stop: int
    passage_stop: int


@compiled
def _count_apart(flow: Any, apart: Any, moments: Any, rules: Any, period: Any, counts: Any) -> None:
    """Count loads when their vehicles are done with the station, whether or not these come to the end of their passage.

    A driver who gives up later no longer loses them: until here all goods count as given up,
    less what was spoiled by then.
    """
    month = np.uint64(0)
    for i in range(apart.tonnes.size):
        number = moments.vehicle[i]
        arrival, outcome, standing = moments.arrival[number], moments.outcome[number], moments.standing[number]
        if apart.tonnes[i] <= 0 or arrival < period.start:
            continue
        row, cleared_ms, furthest = moments.moments[i], arrival, standing
        for c in range(row.size):
            if row[c] >= 0:
                furthest = max(furthest, c)
                if c < apart.stop:
                    cleared_ms = max(cleared_ms, row[c])
        if outcome != EXITED and furthest < apart.stop:
            continue
        month = _month_of(cleared_ms, month, rules.month_edges)
        counts.tonnes_cleared[flow] += apart.tonnes[i]
        counts.value_cleared[flow] += apart.value_cny[i]
        counts.tonnes_by_month[month, flow] += apart.tonnes[i]
        if outcome == ABANDONED and furthest < apart.passage_stop:
            days = max(moments.exit_ms[number] - arrival - rules.spoils_after, 0) / MS_PER_DAY
            counts.value_given_up[flow] -= (1.0 - min(rules.spoilage * days, 1.0)) * apart.value_cny[i]


def count_vehicles(
    number: int, timeline: Timeline, drawn: FlowManifest, walked: FlowTally, rules: FlowRules, counts: VehicleCounts
) -> bool:
    """Count one flow's vehicles.

    Parameters
    ----------
    number : int
        Of the flow, in the order of the network.
    timeline : Timeline
    drawn : FlowManifest
    walked : FlowTally
    rules : FlowRules
    counts : VehicleCounts
        Added to.

    Returns
    -------
    bool
        True if the vehicles come in the order of their numbers.
    """
    network, vehicle = timeline.network, timeline.network.flows[number].vehicle
    if not vehicle.size:
        return True
    # Not read without an inspection, but an array all the same, so that one compiled loop serves both.
    unmarked = walked.done[PASSAGE]
    marks = [drawn.marks[m] if rules.inspects else unmarked for m in ("selected", "opened", "contraband", "found")]
    vehicles = FlowVehicles(
        drawn.arrival_ms,
        vehicle,
        timeline.outcome,
        timeline.exit_ms,
        drawn.index,
        drawn.payload_t,
        drawn.value_cny,
        *_passing(drawn),
        *marks,
    )
    period = Period(network.lead_in_ms, network.horizon_ms)
    flow, bits = np.uint64(number), flow_bits(len(network.flows))
    for station, tonnes in drawn.apart_t.items():
        apart = Apart(tonnes, _value_of(tonnes, drawn), *_stops(network.flows[number], station))
        _count_apart(flow, apart, FlowMoments.of(timeline, number), rules, period, counts)
    return bool(_count_vehicles(flow, bits, vehicles, walked, rules, period, counts))


def _passing(drawn: FlowManifest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tonnes and value of the goods that are cleared at the end of the passage."""
    if not drawn.apart_t:
        return drawn.payload_t, drawn.value_cny
    apart = np.sum(list(drawn.apart_t.values()), axis=0)
    return drawn.payload_t - apart, drawn.value_cny - _value_of(apart, drawn)


def _value_of(tonnes: NDArray[np.float64], drawn: FlowManifest) -> NDArray[np.float64]:
    """Value of some of the goods of each vehicle, CNY: it goes by the mass."""
    share = np.divide(tonnes, drawn.payload_t, out=np.zeros(tonnes.size), where=drawn.payload_t > 0)
    return np.asarray(drawn.value_cny * share)


def _stops(layout: FlowLayout, station: str) -> tuple[int, int]:
    """The columns after the last of a station, and of the passage."""
    return 1 + max(i for i, column in enumerate(layout.columns) if column.station == station), layout.passage[1]
