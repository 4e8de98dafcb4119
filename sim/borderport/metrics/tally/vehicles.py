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
from borderport.network import ABANDONED, EXITED, UNFINISHED, FlowLayout, Network
from borderport.units import MS_PER_DAY


class FlowVehicles(NamedTuple):
    """Properties and loads of one flow's vehicles, by row; ``exit_ms`` and ``outcome`` are by number.

    ``passing_t`` and ``passing_cny`` are the part of the goods that is cleared at the end of the passage. ``fetched``
    says of whom a later truck would fetch the goods; ``had`` is filled: whose goods have been cleared, by this truck or
    one before.
    """

    counted: Mask
    number: Times
    outcome: NDArray[np.uint8]
    exit_ms: Times
    index_in_flow: Times
    ready: Times
    fetches: Times
    fetched: Mask
    payload_t: NDArray[np.float64]
    value_cny: NDArray[np.float64]
    waiting_t: NDArray[np.float64]
    waiting_cny: NDArray[np.float64]
    passing_t: NDArray[np.float64]
    passing_cny: NDArray[np.float64]
    selected: Mask
    opened: Mask
    contraband: Mask
    found: Mask
    had: Mask


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
def _spoiled_share(end: Any, ready: Any, rules: Any) -> Any:
    """Share of their value that goods have lost by ``end``."""
    days = max(end - ready - rules.spoils_after, 0) / MS_PER_DAY
    return min(rules.spoilage * days, 1.0)


@compiled
def _count_value(flow: Any, i: Any, vehicles: Any, rules: Any, period: Any, counts: Any) -> Any:
    """Add up what the goods of one vehicle lost with time; returns what those that stay on it are still worth.

    Goods that it leaves behind go on losing: until the end of the next truck, or, as long as there is none, until the
    end of the horizon.
    """
    outcome, number = vehicles.outcome[vehicles.number[i]], vehicles.number[i]
    worth, waiting = vehicles.value_cny[i], 0.0
    if outcome == ABANDONED:
        waiting = vehicles.waiting_cny[i]
        worth -= waiting
    if rules.spoilage > 0:
        end = period.stop if outcome == UNFINISHED else vehicles.exit_ms[number]
        lost = _spoiled_share(end, vehicles.ready[i], rules) * worth
        counts.value_spoiled[flow] += lost
        worth -= lost
        if waiting > 0 and not vehicles.fetched[i]:
            counts.value_spoiled[flow] += _spoiled_share(period.stop, vehicles.ready[i], rules) * waiting
    return worth


@compiled
def _count_vehicles(flow: Any, bits: Any, vehicles: Any, walked: Any, rules: Any, period: Any, counts: Any) -> Any:
    """Count one flow's vehicles, add up their goods, pack their times; return whether their numbers ascend."""
    ascend, last, month, filled = True, vehicles.index_in_flow[0], np.uint64(0), counts.filled
    arrived = cleared = beyond = gave_up = exited = goods_ms = 0
    tonnes_arrived = tonnes_cleared = value_cleared = given_up = left_behind = 0.0
    for i in range(vehicles.number.size):
        if not vehicles.counted[i]:
            continue
        number, before = vehicles.number[i], vehicles.fetches[i]
        outcome = vehicles.outcome[number]
        arrived += 1
        ascend &= vehicles.index_in_flow[i] >= last
        last = vehicles.index_in_flow[i]
        if before < 0:
            tonnes_arrived += vehicles.payload_t[i]
            if outcome == ABANDONED:
                left_behind += vehicles.waiting_t[i]
        had = before >= 0 and vehicles.had[before]
        worth = _count_value(flow, i, vehicles, rules, period, counts)
        if walked.done[PASSAGE, i]:
            cleared += 1
            beyond += outcome == UNFINISHED
            if not had:
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
        vehicles.had[i] = had or walked.done[PASSAGE, i]
        if walked.done[TOTAL, i]:
            exited += 1
            goods_ms += vehicles.exit_ms[number] - vehicles.ready[i]
            if rules.spans > TOTAL:
                counts.packed[TOTAL, filled[TOTAL]] = np.uint64(walked.times[TOTAL, ON_WALL, i]) << bits | flow
                filled[TOTAL] += 1
    counts.arrived[flow], counts.cleared[flow], counts.done[PASSAGE, flow] = arrived, cleared, cleared
    counts.gave_up[flow], counts.beyond_line[flow], counts.done[TOTAL, flow] = gave_up, beyond, exited
    counts.tonnes_arrived[flow], counts.tonnes_left_behind[flow] = tonnes_arrived, left_behind
    counts.goods_ms[flow] = goods_ms
    # Loads that are cleared apart may have been counted before.
    counts.tonnes_cleared[flow] += tonnes_cleared
    counts.value_cleared[flow] += value_cleared
    counts.value_given_up[flow] += given_up
    return ascend


class Apart(NamedTuple):
    """Loads of one flow that a station clears: by row; ``stop`` is the column after the station's last.

    ``leaving_cny`` is the value of those that leave with a driver who gives up; ``had`` is as of `FlowVehicles`.
    """

    tonnes: NDArray[np.float64]
    value_cny: NDArray[np.float64]
    leaving_cny: NDArray[np.float64]
    ready: Times
    fetches: Times
    had: Mask
    stop: int
    passage_stop: int


@compiled
def _count_apart(flow: Any, apart: Any, moments: Any, rules: Any, counts: Any) -> None:
    """Count loads when their vehicles are done with the station, whether or not these come to the end of their passage.

    A driver who gives up later no longer loses them: until here all goods count as given up,
    less what was spoiled by then.
    """
    month = np.uint64(0)
    for i in range(apart.tonnes.size):
        number, before = moments.vehicle[i], apart.fetches[i]
        arrival, outcome, standing = moments.arrival[i], moments.outcome[number], moments.standing[number]
        if apart.tonnes[i] <= 0 or not moments.counted[i]:
            continue
        row, cleared_ms, furthest = moments.moments[i], arrival, standing
        for c in range(row.size):
            if row[c] >= 0:
                furthest = max(furthest, c)
                if c < apart.stop:
                    cleared_ms = max(cleared_ms, row[c])
        had = before >= 0 and apart.had[before]
        apart.had[i] = had or outcome == EXITED or furthest >= apart.stop
        if had or not apart.had[i]:
            continue
        month = _month_of(cleared_ms, month, rules.month_edges)
        counts.tonnes_cleared[flow] += apart.tonnes[i]
        counts.value_cleared[flow] += apart.value_cny[i]
        counts.tonnes_by_month[month, flow] += apart.tonnes[i]
        if outcome == ABANDONED and furthest < apart.passage_stop:
            share = _spoiled_share(moments.exit_ms[number], apart.ready[i], rules)
            counts.value_given_up[flow] -= (1.0 - share) * apart.leaving_cny[i]


def count_vehicles(
    number: int,
    moments: FlowMoments,
    network: Network,
    drawn: FlowManifest,
    walked: FlowTally,
    rules: FlowRules,
    counts: VehicleCounts,
) -> bool:
    """Count one flow's vehicles.

    Parameters
    ----------
    number : int
        Of the flow, in the order of the network.
    moments : FlowMoments
    network : Network
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
    if not moments.vehicle.size:
        return True
    # Not read without an inspection, but an array all the same, so that one compiled loop serves both.
    unmarked = walked.done[PASSAGE]
    marks = [drawn.marks[m] if rules.inspects else unmarked for m in ("selected", "opened", "contraband", "found")]
    fetched = np.zeros(moments.vehicle.size, dtype=np.bool_)
    if network.flows[number].sends_later_trucks:
        fetched[drawn.fetches[drawn.fetches >= 0]] = True
    vehicles = FlowVehicles(
        *(moments.counted, moments.vehicle, moments.outcome, moments.exit_ms, drawn.index),
        *(drawn.ready_ms, drawn.fetches, fetched),
        *(drawn.payload_t, drawn.value_cny, drawn.waiting_t, drawn.waiting_cny),
        *_passing(drawn),
        *(*marks, np.zeros_like(fetched)),
    )
    period = Period(network.lead_in_ms, network.horizon_ms)
    flow, bits = np.uint64(number), flow_bits(len(network.flows))
    for station, tonnes in drawn.apart_t.items():
        leaving = tonnes - drawn.waiting_apart_t[station]
        apart = Apart(
            *(tonnes, _value_of(tonnes, drawn), _value_of(leaving, drawn)),
            *(drawn.ready_ms, drawn.fetches, np.zeros_like(fetched)),
            *_stops(network.flows[number], station),
        )
        _count_apart(flow, apart, moments, rules, counts)
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
