"""One pass over a flow's moments: how long each vehicle took, and what adds up. Whole numbers only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from borderport.calendars import Times
from borderport.compiling import compiled
from borderport.metrics.tally.layout import Clocks, FlowMoments, FlowTally, Period, QueueCounts, Tally
from borderport.metrics.tally.terms import (
    AFTER_PASSAGE,
    AT_NEITHER,
    AT_NOT_COUNTED,
    AT_PASSAGE_ONLY,
    AT_WHOLE,
    BEFORE_PASSAGE,
    CLOCKED,
    DAYS,
    HOUR,
    MORE_ENDS,
    MS_INTO_HOUR,
    NOTED,
    ON_OPEN,
    ON_SERVICE,
    ON_WALL,
    ONE,
    PASSAGE,
    QUEUES,
    SERVED_MS,
    SERVES,
    TIMES_SERVED,
    TOTAL,
    WAITED_MS,
    WAITS,
    WITHIN_PASSAGE,
)
from borderport.network import ABANDONED, EXITED, UNFINISHED, Network
from borderport.units import MS_PER_HOUR


class Stretches(NamedTuple):
    """One vehicle's moments at the ends of the stretches before, within and after the passage, and service in each."""

    reached: Times
    service: Times


@compiled
def _window_at(time: Any, hint: Any, opens: Any) -> Any:
    """Last window that opens at or before ``time``, searched from ``hint`` on."""
    window = hint
    while opens[window + ONE] <= time:
        window += ONE
    while opens[window] > time:
        window -= ONE
    return window


@compiled
def _open_until(end: Any, begin: Any, window: Any, clocks: Any) -> Any:
    """Open ms from ``begin``, which lies in or after ``window``, to ``end``; and the window of ``end``."""
    if end <= clocks.closes[window]:  # most stretches lie within one window
        return end - begin, window
    until = clocks.before[window] + min(begin, clocks.closes[window]) - clocks.opens[window]
    window = _window_at(end, window, clocks.opens)
    return clocks.before[window] + min(end, clocks.closes[window]) - clocks.opens[window] - until, window


@compiled
def _note_wait(resource: Any, joined: Any, granted: Any, period: Any, queues: Any) -> None:
    """Count one wait: its length, and its two ends, for the mean queue by hour of the day."""
    start, stop = period
    joined, granted = min(max(joined, start), stop), min(max(granted, start), stop)
    queues.waits[resource, WAITED_MS] += granted - joined
    queues.waits[resource, WAITS] += 1
    # The hour in which the reported period begins has no mean queue unless it is a whole one.
    whole, shift = -(-start // MS_PER_HOUR) * MS_PER_HOUR, queues.shift_ms[resource]
    begin, end = np.uint64(max(joined, whole) + shift), np.uint64(max(granted, whole) + shift)
    first, last = begin // HOUR, end // HOUR
    days_before, days = first // DAYS, last // DAYS
    hour = first - DAYS * days_before
    queues.ends[resource, hour, MORE_ENDS] -= 1
    queues.ends[resource, hour, MS_INTO_HOUR] -= np.int64(begin - first * HOUR)
    hour = last - DAYS * days
    queues.ends[resource, hour, MORE_ENDS] += 1
    queues.ends[resource, hour, MS_INTO_HOUR] += np.int64(end - last * HOUR)
    queues.ends[resource, DAYS, MORE_ENDS] += np.int64(days - days_before)


@compiled
def _add_part(c: Any, begin: Any, end: Any, table: Any, columns: Any, clocks: Any) -> Any:
    """Add a stretch of time at one column to a table, as the column's own part and as closed; returns the former."""
    own = end - begin
    if columns.code[c] & CLOCKED:
        columns.hint[c] = _window_at(begin, columns.hint[c], clocks.opens)
        opened, _ = _open_until(end, begin, columns.hint[c], clocks)
        columns.tables[columns.closed[c] + table] += own - opened
        own = opened
    columns.tables[columns.slot[c] + table] += own
    return own


@compiled
def _follow(
    row: Any, begin: Any, table: Any, columns: Any, clocks: Any, queues: Any, period: Any, stretches: Any
) -> Any:
    """Follow one vehicle from column to column; returns how often its moments ran backwards."""
    now, faults = begin, 0
    for stretch in range(3):
        in_service = 0
        for c in range(columns.bounds[stretch], columns.bounds[stretch + 1]):
            moment, what = row[c], columns.code[c]
            if moment <= now:
                faults += 0 <= moment < now
                if moment == now and what & NOTED and table != AT_NOT_COUNTED:
                    columns.served[c, TIMES_SERVED] += 1
                continue
            if what & QUEUES:
                _note_wait(columns.resource[c], now, moment, period, queues)
            took = _add_part(c, now, moment, table, columns, clocks)
            if what & SERVES:
                in_service += took
                if what & NOTED and table != AT_NOT_COUNTED:
                    columns.served[c, TIMES_SERVED] += 1
                    columns.served[c, SERVED_MS] += moment - now
            now = moment
        stretches.reached[stretch], stretches.service[stretch] = now, in_service
    return faults


@compiled
def _has_cleared(row: Any, outcome: Any, standing: Any, bounds: Any) -> Any:
    """True if a vehicle came to the end of its passage: it is beyond it, or gave up there."""
    cleared = outcome == EXITED or standing >= np.int64(bounds[AFTER_PASSAGE])
    if outcome == ABANDONED:
        for c in range(bounds[AFTER_PASSAGE], bounds[AFTER_PASSAGE + 1]):
            cleared |= row[c] >= 0
    return cleared


@compiled
def _note_times(i: Any, begin: Any, columns: Any, clocks: Any, stretches: Any, tally: Any, totals: Any) -> None:
    """Note one vehicle's times by span and clock, and add up those of the spans it completed."""
    reached, service, times = stretches.reached, stretches.service, tally.times
    entered, left, now = reached[BEFORE_PASSAGE], reached[WITHIN_PASSAGE], reached[AFTER_PASSAGE]
    within, stay = left - entered, now - begin
    open_within, open_stay, at_passage = within, stay, service[WITHIN_PASSAGE]
    at_all = service[BEFORE_PASSAGE] + at_passage + service[AFTER_PASSAGE]
    if tally.done[PASSAGE, i]:
        own = columns.bounds[AFTER_PASSAGE + 1]
        if columns.code[own] & CLOCKED:
            columns.hint[own] = window = _window_at(begin, columns.hint[own], clocks.opens)
            ahead, window = _open_until(entered, begin, window, clocks)
            open_within, window = _open_until(left, entered, window, clocks)
            behind, window = _open_until(now, left, window, clocks)
            open_stay = ahead + open_within + behind
        totals[PASSAGE, ON_SERVICE] += at_passage
        totals[PASSAGE, ON_OPEN] += open_within
        totals[PASSAGE, ON_WALL] += within
        if tally.done[TOTAL, i]:
            totals[TOTAL, ON_SERVICE] += at_all
            totals[TOTAL, ON_OPEN] += open_stay
            totals[TOTAL, ON_WALL] += stay
    times[PASSAGE, ON_SERVICE, i], times[PASSAGE, ON_OPEN, i] = at_passage, open_within
    times[PASSAGE, ON_WALL, i] = within
    times[TOTAL, ON_SERVICE, i], times[TOTAL, ON_OPEN, i], times[TOTAL, ON_WALL, i] = at_all, open_stay, stay


@compiled
def _walk(
    flow: Any,
    columns: Any,
    clocks: Any,
    queues: Any,
    period: Any,
    midnights: Any,
    stretches: Any,
    tally: Any,
    totals: Any,
) -> Any:
    """Walk over one flow, vehicle by vehicle; returns nights, milliseconds inside and faults."""
    first_night, nights = np.uint64(0), np.uint64(0)
    inside = faults = 0
    for i in range(flow.vehicle.size):
        row, number = flow.moments[i], flow.vehicle[i]
        begin, outcome, standing = flow.arrival[i], flow.outcome[number], flow.standing[number]
        counted, exited = flow.counted[i], outcome == EXITED
        cleared = _has_cleared(row, outcome, standing, columns.bounds)
        table = AT_NOT_COUNTED
        if counted:
            table = AT_WHOLE if exited else AT_PASSAGE_ONLY if cleared else AT_NEITHER
        faults += _follow(row, begin, table, columns, clocks, queues, period, stretches)
        now = stretches.reached[AFTER_PASSAGE]
        if standing >= 0:
            here = np.uint64(standing)
            if columns.code[here] & QUEUES:
                _note_wait(columns.resource[here], now, period.stop, period, queues)
            if counted:
                _add_part(here, now, period.stop, AT_NEITHER, columns, clocks)
        gone = outcome != UNFINISHED
        faults += gone and flow.exit_ms[number] != now
        tally.passed[i] = stretches.reached[WITHIN_PASSAGE]
        tally.done[PASSAGE, i], tally.done[TOTAL, i] = counted and cleared, counted and exited
        _note_times(i, begin, columns, clocks, stretches, tally, totals)
        if counted:
            first_night = _window_at(begin, first_night, midnights)
            end = now if gone else period.stop
            inside += end - begin
            nights += _window_at(end, first_night, midnights) - first_night
    return nights, inside, faults


def tally_flow(
    number: int,
    flow: FlowMoments,
    network: Network,
    clocks: Clocks,
    midnights: Times,
    tally: Tally,
    queues: QueueCounts,
) -> FlowTally:
    """Walk over one flow's moments.

    Parameters
    ----------
    number : int
        Of the flow, in the order of the network.
    flow : FlowMoments
    network : Network
    clocks : Clocks
    midnights : int64 array
        Local midnights of the port, the first at or before time 0.
    tally, queues : Tally, QueueCounts
        Added to.

    Returns
    -------
    FlowTally
    """
    found = FlowTally.empty(flow.vehicle.size)
    tally.nights[number], tally.inside[number], tally.faults[number] = _walk(
        flow,
        tally.of(number),
        clocks.windows,
        queues.of(number),
        Period(network.lead_in_ms, network.horizon_ms),
        midnights,
        Stretches(np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)),
        found,
        tally.totals[number],
    )
    return found
