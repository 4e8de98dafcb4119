"""One pass over a flow's vehicles: how many there are of each kind, and what they carried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.compiling import compiled
from borderport.manifest import FlowManifest
from borderport.network import ABANDONED, UNFINISHED
from borderport.tally.layout import FlowTally
from borderport.tally.ranking import flow_bits
from borderport.tally.terms import (
    ARRIVED,
    BEYOND_LINE,
    CLEARED,
    GAVE_UP,
    INSPECTION_MARKS,
    ON_WALL,
    ONE,
    PASSAGE,
    TONNES_ARRIVED,
    TONNES_CLEARED,
    TOTAL,
    VALUE_CLEARED,
    VALUE_GIVEN_UP,
    VALUE_SPOILED,
)
from borderport.timeline import Timeline
from borderport.units import MS_PER_DAY


@compiled
def _count_vehicles(
    arrival: Any,
    vehicle: Any,
    outcome: Any,
    exits: Any,
    times: Any,
    done: Any,
    passed: Any,
    index: Any,
    payload: Any,
    value: Any,
    selected: Any,
    opened: Any,
    carries: Any,
    found: Any,
    lead_in: Any,
    horizon: Any,
    inspects: Any,
    edges: Any,
    rate: Any,
    after: Any,
    spans: Any,
    flow: Any,
    bits: Any,
    vehicles: Any,
    inspected: Any,
    goods: Any,
    months: Any,
    completed: Any,
    packed: Any,
    filled: Any,
) -> Any:
    """Count one flow's vehicles, add up their goods, pack their times; return whether their numbers ascend."""
    ascend, last, month = True, index[0], np.uint64(0)
    arrived = cleared = beyond = gave_up = 0
    tonnes_arrived = tonnes_cleared = value_cleared = spoiled = given_up = 0.0
    for i in range(vehicle.size):
        if arrival[i] < lead_in:
            continue
        ended, worth = outcome[vehicle[i]], value[i]
        arrived += 1
        tonnes_arrived += payload[i]
        ascend &= index[i] >= last
        last = index[i]
        if rate > 0:
            end = horizon if ended == UNFINISHED else exits[vehicle[i]]
            days = max(end - arrival[i] - after, 0) / MS_PER_DAY
            lost = min(rate * days, 1.0) * worth
            spoiled += lost
            worth -= lost
        if done[PASSAGE, i]:
            cleared += 1
            beyond += ended == UNFINISHED
            tonnes_cleared += payload[i]
            value_cleared += value[i]
            month = _month_of(passed[i], month, edges)
            months[month] += payload[i]
            packed[PASSAGE, filled[PASSAGE]] = np.uint64(times[PASSAGE, ON_WALL, i]) << bits | flow
            filled[PASSAGE] += 1
            if inspects:
                inspected[0] += selected[i]
                inspected[1] += opened[i]
                inspected[2] += opened[i] and not carries[i]
                inspected[3] += carries[i]
                inspected[4] += carries[i] and selected[i]
                inspected[5] += found[i]
        elif ended == ABANDONED:
            gave_up += 1
            given_up += worth
        if done[TOTAL, i]:
            completed[TOTAL] += 1
            if spans > TOTAL:
                packed[TOTAL, filled[TOTAL]] = np.uint64(times[TOTAL, ON_WALL, i]) << bits | flow
                filled[TOTAL] += 1
    completed[PASSAGE] = cleared
    vehicles[ARRIVED], vehicles[CLEARED] = arrived, cleared
    vehicles[BEYOND_LINE], vehicles[GAVE_UP] = beyond, gave_up
    goods[TONNES_ARRIVED], goods[TONNES_CLEARED], goods[VALUE_CLEARED] = tonnes_arrived, tonnes_cleared, value_cleared
    goods[VALUE_SPOILED], goods[VALUE_GIVEN_UP] = spoiled, given_up
    return ascend


@compiled
def _month_of(time: Any, hint: Any, edges: Any) -> Any:
    """Last month that begins at or before ``time``, or the first, searched from ``hint`` on."""
    month = hint
    while month + ONE < np.uint64(edges.size) and edges[month + ONE] <= time:
        month += ONE
    while month > 0 and edges[month] > time:
        month -= ONE
    return month


@dataclass(frozen=True)
class VehicleCounts:
    """What adds up over the counted vehicles of each flow, or of each group; to be added to.

    Attributes
    ----------
    vehicles : int64 array, shape (flows, 7)
        `ARRIVED` to `BEYOND_LINE`.
    inspected : int64 array, shape (flows, 6)
        Over cleared vehicles: selected, opened, opened without contraband, with contraband, with contraband and
        selected, found.
    goods : float64 array, shape (flows, 5)
        `TONNES_ARRIVED` to `VALUE_GIVEN_UP`.
    months : float64 array, shape (flows, months)
        Tonnes cleared by month of the end of the passage.
    done : int64 array, shape (flows, 2)
        Vehicles that completed each span.
    packed : uint64 array, shape (2, vehicles)
        By span, one flow after the other: the times of those who completed it, with their flow in the lowest bits;
        those of the whole stay only of flows that ask for both spans.
    filled : int64 array, shape (2,)
        How many times there are.
    """

    vehicles: Times
    inspected: Times
    goods: NDArray[np.float64]
    months: NDArray[np.float64]
    done: Times
    packed: NDArray[np.uint64]
    filled: Times

    @classmethod
    def empty(cls, flows: int, months: int, vehicles: int) -> VehicleCounts:
        """Nothing counted yet."""
        return cls(
            np.zeros((flows, 7), dtype=np.int64),
            np.zeros((flows, 6), dtype=np.int64),
            np.zeros((flows, 5)),
            np.zeros((flows, months)),
            np.zeros((flows, 2), dtype=np.int64),
            np.empty((2, vehicles), dtype=np.uint64),
            np.zeros(2, dtype=np.int64),
        )


def count_vehicles(
    number: int,
    timeline: Timeline,
    drawn: FlowManifest,
    walked: FlowTally,
    inspects: bool,
    edges: Times,
    spoilage: tuple[float, int],
    spans: int,
    counts: VehicleCounts,
) -> bool:
    """Count one flow's vehicles.

    Parameters
    ----------
    number : int
        Of the flow, in the order of the network.
    timeline : Timeline
    drawn : FlowManifest
    walked : FlowTally
    inspects : bool
        Whether the flow has an inspection, and its vehicles the marks of one.
    edges : int64 array, shape (months,)
        When each month begins, local.
    spoilage : (float, int)
        Share of the value lost in a day, and after how many ms inside it begins.
    spans : int
        1 if only the times of the passage are packed, 2 if those of the whole stay are, too.
    counts : VehicleCounts
        Added to.

    Returns
    -------
    bool
        Whether the vehicles come in the order of their numbers.
    """
    network, vehicle = timeline.network, timeline.network.flows[number].vehicle
    if not vehicle.size:
        return True
    marks = [drawn.marks[mark] for mark in INSPECTION_MARKS] if inspects else [walked.done[PASSAGE]] * 4
    return bool(
        _count_vehicles(
            drawn.arrival_ms,
            vehicle,
            timeline.outcome,
            timeline.exit_ms,
            walked.times,
            walked.done,
            walked.passed,
            drawn.index,
            drawn.payload_t,
            drawn.value_cny,
            *marks,
            network.lead_in_ms,
            network.horizon_ms,
            inspects,
            edges,
            *spoilage,
            spans,
            np.uint64(number),
            flow_bits(len(network.flows)),
            counts.vehicles[number],
            counts.inspected[number],
            counts.goods[number],
            counts.months[number],
            counts.done[number],
            counts.packed,
            counts.filled,
        )
    )
