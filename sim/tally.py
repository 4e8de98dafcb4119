"""One pass over a flow's moments: how long each vehicle took, and what adds up. Compiled, one file, whole numbers only.

What metrics need of hundreds of thousands of moments is summed here in a single walk, row by row, instead of in dozens
of passes with numpy. Everything that defines a metric stays in `sim.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.calendars import OpenClock, Times
from sim.network import ABANDONED, EXITED, FlowLayout
from sim.timeline import Timeline
from sim.units import MS_PER_DAY, MS_PER_HOUR

WAITING, SERVICE, BLOCKED, CLOSED = range(4)
PASSAGE, TOTAL = range(2)
ON_SERVICE, ON_OPEN, ON_WALL = range(3)
PART_OF_KIND = {"wait": WAITING, "signal": WAITING, "service": SERVICE, "blocked": BLOCKED}
NO_CLOCK = -1
# One table of times for vehicles that completed the route, one for those that completed the passage only, one for the
# rest, and one for what all of them spend between their last moment and the horizon.
NO_TABLE, WHOLE, PASSAGE_ONLY, NEITHER, TO_HORIZON = -1, 0, 1, 2, 3
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile; cached on disk unless no cache folder can be written."""
    compiled: Callable[..., Any]
    try:
        compiled = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        compiled = njit(**_OPTIONS)(function)
    return compiled


@dataclass(frozen=True)
class Clocks:
    """Several open clocks laid end to end; clock c has the windows from ``first[c]`` to ``first[c + 1]``."""

    first: Times
    opens: Times
    closes: Times
    before: Times

    @classmethod
    def of(cls, clocks: list[OpenClock]) -> Clocks:
        """Lay clocks end to end."""
        empty = np.zeros(0, dtype=np.int64)
        first = np.cumsum([0, *(clock.opens.size for clock in clocks)]).astype(np.int64)
        return cls(
            first,
            np.concatenate([empty, *(clock.opens for clock in clocks)]),
            np.concatenate([empty, *(clock.closes for clock in clocks)]),
            np.concatenate([empty, *(clock.before[:-1] for clock in clocks)]),
        )


@dataclass(frozen=True)
class Tally:
    """What one walk over a flow's moments gives; whole milliseconds and counts.

    Attributes
    ----------
    times : int64 array, shape (2, 3, vehicles)
        By span (`PASSAGE`, `TOTAL`), clock (`ON_SERVICE`, `ON_OPEN`, `ON_WALL`) and vehicle.
    done : bool array, shape (2, vehicles)
        Whether a counted vehicle completed the span.
    passed : int64 array, shape (vehicles,)
        When the passage ended; meaningful where it is done.
    parts : int64 array, shape (2, columns, 4)
        Sums by span, column and part, over the vehicles that completed the span.
    spent : int64 array, shape (columns, 4)
        Sums by column and part over all counted vehicles, from arrival to exit, giving up or the horizon.
    served, served_ms : int64 arrays, shape (columns,)
        How many counted vehicles were served at a column, and for how long together.
    nights : int
        Local midnights between arrival and exit, or the end of the horizon, over counted vehicles.
    faults : int
        Moments out of order, exits that are not the last moment, times that do not add up to those inside: 0 unless
        there is a bug.
    """

    times: Times
    done: NDArray[np.bool_]
    passed: Times
    parts: Times
    spent: Times
    served: Times
    served_ms: Times
    nights: int
    faults: int


@_compiled
def _window_at(time: Any, hint: Any, begin: Any, stop: Any, opens: Any) -> Any:
    """Last window that opens at or before ``time``, searched from ``hint`` on; ``begin - 1`` if there is none."""
    window = hint
    while window + 1 < stop and opens[window + 1] <= time:
        window += 1
    while window >= begin and opens[window] > time:
        window -= 1
    return window


@_compiled
def _reading(time: Any, window: Any, begin: Any, opens: Any, closes: Any, before: Any) -> Any:
    """Open ms before ``time``, which lies in or after ``window``."""
    if window < begin:
        return 0
    return before[window] + min(time, closes[window]) - opens[window]


@_compiled
def _shut(
    since: Any, until: Any, c: Any, clock: Any, hints: Any, clock_first: Any, opens: Any, closes: Any, before: Any
) -> Any:
    """How much of the time from ``since`` to ``until`` the clock of column ``c`` stands still.

    Called only where there is a clock: a check in here costs the walk a third more.
    """
    begin, stop = clock_first[clock], clock_first[clock + 1]
    window = _window_at(since, max(hints[c], begin), begin, stop, opens)
    hints[c] = window
    opened = _reading(since, window, begin, opens, closes, before)
    window = _window_at(until, max(window, begin), begin, stop, opens)
    return until - since - (_reading(until, window, begin, opens, closes, before) - opened)


@_compiled
def _midnights_before(time: Any, midnights: Any) -> Any:
    """How many local midnights there are up to and including ``time``; days are nearly all as long."""
    guess = (time - midnights[0]) // MS_PER_DAY + 1
    guess = min(max(guess, 0), midnights.size)
    while guess < midnights.size and midnights[guess] <= time:
        guess += 1
    while guess > 0 and midnights[guess - 1] > time:
        guess -= 1
    return guess


@_compiled
def _walk(
    moments: Any,
    arrival: Any,
    exits: Any,
    outcome: Any,
    standing: Any,
    lead_in: Any,
    horizon: Any,
    part: Any,
    resource: Any,
    column_clock: Any,
    first_column: Any,
    stop_column: Any,
    passage_clock: Any,
    clock_first: Any,
    opens: Any,
    closes: Any,
    before: Any,
    midnights: Any,
    times: Any,
    done: Any,
    passed: Any,
    parts: Any,
    served: Any,
    hourly: Any,
    queues: Any,
    hints: Any,
) -> Any:
    """Walk over one flow, row by row; returns nights, milliseconds inside and faults."""
    columns = part.size
    nights = inside = faults = 0
    for i in range(arrival.size):
        row = moments[i]
        now = arrival[i]
        counted = now >= lead_in
        exited = outcome[i] == EXITED
        cleared = exited or standing[i] >= stop_column
        if outcome[i] == ABANDONED:
            for c in range(stop_column, columns):
                cleared |= row[c] >= 0
        table = NO_TABLE
        if counted:
            table = WHOLE if exited else PASSAGE_ONLY if cleared else NEITHER
        begin_passage = now
        service_passage = service_total = 0
        for c in range(columns):
            if c == first_column:
                begin_passage = now
            moment = row[c]
            if moment > now:
                took = moment - now
                closed = 0
                if column_clock[c] >= 0:
                    closed = _shut(now, moment, c, column_clock[c], hints, clock_first, opens, closes, before)
                if resource[c] >= 0:
                    _note_wait(resource[c], now, moment, lead_in, horizon, hourly, queues)
                elif part[c] == SERVICE:
                    service_total += took - closed
                    if first_column <= c < stop_column:
                        service_passage += took - closed
                    if counted:
                        served[c, 1] += took
                if table >= 0:
                    parts[table, c, part[c]] += took - closed
                    parts[table, c, CLOSED] += closed
                now = moment
            elif moment >= 0 and moment < now:
                faults += 1
            if moment >= 0 and counted:
                served[c, 0] += 1
            if c == stop_column - 1:
                passed[i] = now
        if standing[i] >= 0 and resource[standing[i]] >= 0:
            _note_wait(resource[standing[i]], now, horizon, lead_in, horizon, hourly, queues)
        if standing[i] >= 0 and counted:
            c = standing[i]
            closed = 0
            if column_clock[c] >= 0:
                closed = _shut(now, horizon, c, column_clock[c], hints, clock_first, opens, closes, before)
            parts[TO_HORIZON, c, part[c]] += horizon - now - closed
            parts[TO_HORIZON, c, CLOSED] += closed
        gone = outcome[i] != 0
        if gone and exits[i] != now:
            faults += 1
        done[PASSAGE, i] = counted and cleared
        done[TOTAL, i] = counted and exited
        times[PASSAGE, ON_WALL, i] = passed[i] - begin_passage
        times[TOTAL, ON_WALL, i] = now - arrival[i]
        times[PASSAGE, ON_SERVICE, i] = service_passage
        times[TOTAL, ON_SERVICE, i] = service_total
        times[PASSAGE, ON_OPEN, i] = times[PASSAGE, ON_WALL, i]
        times[TOTAL, ON_OPEN, i] = times[TOTAL, ON_WALL, i]
        if passage_clock >= 0 and counted and cleared:
            begin, stop = clock_first[passage_clock], clock_first[passage_clock + 1]
            window = _window_at(arrival[i], max(hints[columns], begin), begin, stop, opens)
            hints[columns] = window
            at_arrival = _reading(arrival[i], window, begin, opens, closes, before)
            window = _window_at(begin_passage, max(window, begin), begin, stop, opens)
            at_begin = _reading(begin_passage, window, begin, opens, closes, before)
            window = _window_at(passed[i], max(window, begin), begin, stop, opens)
            times[PASSAGE, ON_OPEN, i] = _reading(passed[i], window, begin, opens, closes, before) - at_begin
            window = _window_at(now, max(window, begin), begin, stop, opens)
            times[TOTAL, ON_OPEN, i] = _reading(now, window, begin, opens, closes, before) - at_arrival
        if counted:
            end = now if gone else horizon
            inside += end - arrival[i]
            nights += _midnights_before(end, midnights) - _midnights_before(arrival[i], midnights)
    return nights, inside, faults


@_compiled
def _note_wait(resource: Any, joined: Any, granted: Any, start: Any, stop: Any, hourly: Any, queues: Any) -> None:
    """Count one wait: its length by itself, and its two ends into hourly counts, which Little's law compares."""
    joined, granted = min(max(joined, start), stop), min(max(granted, start), stop)
    queues[resource, 0] += granted - joined
    queues[resource, 1] += 1
    last = hourly.shape[1] - 1
    hour = min(joined // MS_PER_HOUR, last)
    hourly[resource, hour, 0] += 1
    hourly[resource, hour, 1] += min((hour + 1) * MS_PER_HOUR, stop) - joined
    hour = min(granted // MS_PER_HOUR, last)
    hourly[resource, hour, 0] -= 1
    hourly[resource, hour, 1] -= min((hour + 1) * MS_PER_HOUR, stop) - granted


@_compiled
def _areas(hourly: Any, stop: Any, area: Any) -> Any:
    """Vehicle-milliseconds of queue by resource and hour, from the hourly counts; how often a queue was negative."""
    negative = 0
    for resource in range(hourly.shape[0]):
        length = 0
        for hour in range(hourly.shape[1]):
            whole = min((hour + 1) * MS_PER_HOUR, stop) - hour * MS_PER_HOUR
            area[resource, hour] = hourly[resource, hour, 1] + length * whole
            length += hourly[resource, hour, 0]
            negative += length < 0
    return negative


@dataclass(frozen=True)
class QueueCounts:
    """Waits counted over all flows of a replication.

    Attributes
    ----------
    hourly : int64 array, shape (resources, hours, 2)
        Joins less grants in each hour since time 0, and their vehicle-milliseconds to the end of the hour.
    waits : int64 array, shape (resources, 2)
        Sum of waits in ms within the reported period, and how many there were.
    """

    hourly: Times
    waits: Times

    @classmethod
    def empty(cls, resources: int, horizon_ms: int) -> QueueCounts:
        """Nothing counted yet."""
        hours = -(-horizon_ms // MS_PER_HOUR)
        return cls(np.zeros((resources, hours, 2), dtype=np.int64), np.zeros((resources, 2), dtype=np.int64))

    def area(self, stop_ms: int) -> tuple[Times, bool]:
        """Vehicle-milliseconds of queue, shape (resources, hours), and whether some queue was shorter than empty."""
        area = np.empty(self.hourly.shape[:2], dtype=np.int64)
        return area, bool(_areas(self.hourly, stop_ms, area))


def tally_flow(
    layout: FlowLayout,
    timeline: Timeline,
    clocks: Clocks,
    column_clock: Times,
    passage_clock: int,
    midnights: Times,
    queues: QueueCounts,
) -> Tally:
    """Walk over one flow's moments.

    Parameters
    ----------
    layout : FlowLayout
    timeline : Timeline
    clocks : Clocks
    column_clock : int64 array, shape (columns,)
        Clock that runs while a column's time does not count as closed, or `NO_CLOCK` if it never does.
    passage_clock : int
        Clock of the span's open time, or `NO_CLOCK`.
    midnights : int64 array
        Local midnights of the port.
    queues : QueueCounts
        Added to.

    Returns
    -------
    Tally
    """
    network, vehicle = timeline.network, layout.vehicle
    n, columns = vehicle.size, len(layout.columns)
    part = np.asarray([PART_OF_KIND[column.kind] for column in layout.columns], dtype=np.int64)
    resource = np.asarray([column.resource for column in layout.columns], dtype=np.int64)
    times, done = np.empty((2, 3, n), dtype=np.int64), np.empty((2, n), dtype=np.bool_)
    passed, tables = np.empty(n, dtype=np.int64), np.zeros((4, columns, 4), dtype=np.int64)
    served = np.zeros((columns, 2), dtype=np.int64)
    nights, inside, faults = _walk(
        timeline.of(layout),
        network.arrival_ms[vehicle],
        timeline.exit_ms[vehicle],
        timeline.outcome[vehicle],
        timeline.standing[vehicle],
        network.lead_in_ms,
        network.horizon_ms,
        part,
        resource,
        column_clock,
        *layout.passage,
        passage_clock,
        clocks.first,
        clocks.opens,
        clocks.closes,
        clocks.before,
        midnights,
        times,
        done,
        passed,
        tables,
        served,
        queues.hourly,
        queues.waits,
        np.zeros(columns + 1, dtype=np.int64),
    )
    first, stop = layout.passage
    parts = np.zeros((2, columns, 4), dtype=np.int64)
    parts[TOTAL] = tables[WHOLE]
    parts[PASSAGE, first:stop] = tables[WHOLE, first:stop] + tables[PASSAGE_ONLY, first:stop]
    spent = tables.sum(axis=0)
    faults += int(spent.sum()) != inside
    return Tally(times, done, passed, parts, spent, served[:, 0], served[:, 1], int(nights), int(faults))
