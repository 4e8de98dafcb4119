"""One pass over a flow's moments: how long each vehicle took, and what adds up. Whole numbers only."""

from __future__ import annotations

from typing import Any

import numpy as np

from borderport.calendars import Times
from borderport.compiling import compiled
from borderport.network import ABANDONED, EXITED, UNFINISHED
from borderport.tally.layout import Clocks, Columns, FlowTally, QueueCounts, Tally
from borderport.tally.terms import (
    AFTER_PASSAGE,
    AT_NEITHER,
    AT_NOT_COUNTED,
    AT_PASSAGE_ONLY,
    AT_TO_HORIZON,
    AT_WHOLE,
    BEFORE_PASSAGE,
    CLOCKED,
    DAYS,
    HOUR,
    NOTED,
    ON_OPEN,
    ON_SERVICE,
    ON_WALL,
    ONE,
    PASSAGE,
    QUEUES,
    SERVES,
    TOTAL,
    WITHIN_PASSAGE,
)
from borderport.timeline import Timeline
from borderport.units import MS_PER_HOUR


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
def _open_until(end: Any, begin: Any, window: Any, opens: Any, closes: Any, before: Any) -> Any:
    """Open ms from ``begin``, which lies in or after ``window``, to ``end``; and the window of ``end``."""
    if end <= closes[window]:  # most stretches lie within one window
        return end - begin, window
    until = before[window] + min(begin, closes[window]) - opens[window]
    window = _window_at(end, window, opens)
    return before[window] + min(end, closes[window]) - opens[window] - until, window


@compiled
def _walk(
    moments: Any,
    vehicle: Any,
    arrival: Any,
    exits: Any,
    outcome: Any,
    standing: Any,
    lead_in: Any,
    horizon: Any,
    code: Any,
    slot: Any,
    closed: Any,
    resource: Any,
    bounds: Any,
    opens: Any,
    closes: Any,
    before: Any,
    midnights: Any,
    times: Any,
    done: Any,
    passed: Any,
    parts: Any,
    totals: Any,
    served: Any,
    shift: Any,
    waits: Any,
    ends: Any,
    hints: Any,
    reached: Any,
    service: Any,
) -> Any:
    """Walk over one flow, row by row; returns nights, milliseconds inside and faults.

    Arrays by column are a flow's places of `Columns`; ``parts`` and the others that are filled are those of `Tally`.
    """
    columns, first_night, nights = bounds[AFTER_PASSAGE + 1], np.uint64(0), np.uint64(0)
    inside = faults = 0
    for i in range(vehicle.size):
        row, number = moments[i], vehicle[i]
        begin = now = arrival[number]
        ended, place = outcome[number], standing[number]
        counted = begin >= lead_in
        exited = ended == EXITED
        cleared = exited or place >= np.int64(bounds[AFTER_PASSAGE])
        if ended == ABANDONED:
            for c in range(bounds[AFTER_PASSAGE], columns):
                cleared |= row[c] >= 0
        table = AT_NOT_COUNTED
        if counted:
            table = AT_WHOLE if exited else AT_PASSAGE_ONLY if cleared else AT_NEITHER
        for stretch in range(3):
            in_service = 0
            for c in range(bounds[stretch], bounds[stretch + 1]):
                moment = row[c]
                if moment <= now:
                    faults += 0 <= moment < now
                    if moment == now and code[c] & NOTED and counted:
                        served[c, 0] += 1
                    continue
                took, what = moment - now, code[c]
                if what & QUEUES:
                    _note_wait(resource[c], now, moment, lead_in, horizon, shift, waits, ends)
                if what & CLOCKED:
                    hints[c] = _window_at(now, hints[c], opens)
                    opened, _ = _open_until(moment, now, hints[c], opens, closes, before)
                    parts[closed[c] + table] += took - opened
                    took = opened
                parts[slot[c] + table] += took
                if what & SERVES:
                    in_service += took
                    if what & NOTED and counted:
                        served[c, 0] += 1
                        served[c, 1] += moment - now
                now = moment
            reached[stretch], service[stretch] = now, in_service
        if place >= 0:
            here, rest = np.uint64(place), horizon - now
            if code[here] & QUEUES:
                _note_wait(resource[here], now, horizon, lead_in, horizon, shift, waits, ends)
            if counted:
                if code[here] & CLOCKED:
                    hints[here] = _window_at(now, hints[here], opens)
                    opened, _ = _open_until(horizon, now, hints[here], opens, closes, before)
                    parts[closed[here] + AT_TO_HORIZON] += rest - opened
                    rest = opened
                parts[slot[here] + AT_TO_HORIZON] += rest
        gone = ended != UNFINISHED
        if gone and exits[number] != now:
            faults += 1
        entered, left = reached[BEFORE_PASSAGE], reached[WITHIN_PASSAGE]
        within, stay = left - entered, now - begin
        open_within, open_stay, at_passage = within, stay, service[WITHIN_PASSAGE]
        at_all = service[BEFORE_PASSAGE] + at_passage + service[AFTER_PASSAGE]
        passed[i] = left
        done[PASSAGE, i] = counted and cleared
        done[TOTAL, i] = counted and exited
        if counted and cleared:
            if code[columns] & CLOCKED:
                hints[columns] = window = _window_at(begin, hints[columns], opens)
                ahead, window = _open_until(entered, begin, window, opens, closes, before)
                open_within, window = _open_until(left, entered, window, opens, closes, before)
                behind, window = _open_until(now, left, window, opens, closes, before)
                open_stay = ahead + open_within + behind
            totals[PASSAGE, ON_SERVICE] += at_passage
            totals[PASSAGE, ON_OPEN] += open_within
            totals[PASSAGE, ON_WALL] += within
            if exited:
                totals[TOTAL, ON_SERVICE] += at_all
                totals[TOTAL, ON_OPEN] += open_stay
                totals[TOTAL, ON_WALL] += stay
        times[PASSAGE, ON_SERVICE, i], times[PASSAGE, ON_OPEN, i] = at_passage, open_within
        times[PASSAGE, ON_WALL, i] = within
        times[TOTAL, ON_SERVICE, i], times[TOTAL, ON_OPEN, i], times[TOTAL, ON_WALL, i] = at_all, open_stay, stay
        if counted:
            first_night = _window_at(begin, first_night, midnights)
            end = now if gone else horizon
            inside += end - begin
            nights += _window_at(end, first_night, midnights) - first_night
    return nights, inside, faults


@compiled
def _note_wait(
    resource: Any, joined: Any, granted: Any, start: Any, stop: Any, shift: Any, waits: Any, ends: Any
) -> None:
    """Count one wait: its length, and its two ends, for the mean queue by hour of the day."""
    joined, granted = min(max(joined, start), stop), min(max(granted, start), stop)
    waits[resource, 0] += granted - joined
    waits[resource, 1] += 1
    # The hour in which the reported period begins has no mean queue unless it is a whole one.
    whole = -(-start // MS_PER_HOUR) * MS_PER_HOUR
    begin, end = np.uint64(max(joined, whole) + shift[resource]), np.uint64(max(granted, whole) + shift[resource])
    first, last = begin // HOUR, end // HOUR
    days_before, days = first // DAYS, last // DAYS
    hour = first - DAYS * days_before
    ends[resource, hour, 0] -= 1
    ends[resource, hour, 1] -= np.int64(begin - first * HOUR)
    hour = last - DAYS * days
    ends[resource, hour, 0] += 1
    ends[resource, hour, 1] += np.int64(end - last * HOUR)
    ends[resource, DAYS, 0] += np.int64(days - days_before)


def tally_flow(
    number: int,
    timeline: Timeline,
    columns: Columns,
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
    timeline : Timeline
    columns : Columns
    clocks : Clocks
    midnights : int64 array
        Local midnights of the port, the first at or before time 0.
    tally, queues : Tally, QueueCounts
        Added to.

    Returns
    -------
    FlowTally
    """
    network, layout, here = timeline.network, timeline.network.flows[number], columns.of(number)
    n = layout.vehicle.size
    times, done = np.empty((2, 3, n), dtype=np.int64), np.empty((2, n), dtype=np.bool_)
    passed = np.empty(n, dtype=np.int64)
    tally.nights[number], tally.inside[number], tally.faults[number] = _walk(
        timeline.of(layout),
        layout.vehicle,
        network.arrival_ms,
        timeline.exit_ms,
        timeline.outcome,
        timeline.standing,
        network.lead_in_ms,
        network.horizon_ms,
        tally.code[here],
        columns.slot[here],
        columns.closed[here],
        columns.resource[here],
        columns.bounds[number],
        clocks.opens,
        clocks.closes,
        clocks.before,
        midnights,
        times,
        done,
        passed,
        tally.tables[here].reshape(-1),
        tally.totals[number],
        tally.served[here],
        queues.shift_ms,
        queues.waits[number],
        queues.ends,
        tally.hints[here],
        np.empty(3, dtype=np.int64),
        np.empty(3, dtype=np.int64),
    )
    return FlowTally(times, done, passed)
