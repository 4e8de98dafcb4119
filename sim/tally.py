"""One pass over a flow's moments: how long each vehicle took, and what adds up. Compiled, one file, whole numbers only.

What metrics need of hundreds of thousands of moments is summed here in a single walk, row by row, instead of in dozens
of passes with numpy. Everything that defines a metric stays in `sim.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.calendars import NEVER, OpenClock, Times
from sim.compiling import compiled
from sim.network import ABANDONED, EXITED, UNFINISHED, FlowLayout, Network
from sim.timeline import Timeline
from sim.units import MS_PER_HOUR

WAITING, SERVICE, BLOCKED, CLOSED = range(4)
PASSAGE, TOTAL = range(2)
ON_SERVICE, ON_OPEN, ON_WALL = range(3)
PART_OF_KIND = {"wait": WAITING, "signal": WAITING, "service": SERVICE, "blocked": BLOCKED}
NO_CLOCK = -1
# One table of times for vehicles that completed the route, one for those that completed the passage only, one for the
# rest, one for what all of them spend between their last moment and the horizon, and one that nobody reads.
WHOLE, PASSAGE_ONLY, NEITHER, TO_HORIZON, NOT_COUNTED = range(5)
BEFORE_PASSAGE, WITHIN_PASSAGE, AFTER_PASSAGE = range(3)
# Unsigned, so that numba leaves out its test for negative indices. The row of days follows those of the 24 hours.
ONE, HOUR, DAYS = np.uint64(1), np.uint64(MS_PER_HOUR), np.uint64(24)


@dataclass(frozen=True)
class Clocks:
    """Several open clocks laid end to end; each begins and ends with an empty window that no time lies before or after.

    Attributes
    ----------
    first : uint64 array, shape (clocks,)
        Where each clock begins.
    opens, closes, before : int64 arrays, shape (windows,)
        When each window opens and closes, and for how long the clock's earlier windows were open.
    """

    first: NDArray[np.uint64]
    opens: Times
    closes: Times
    before: Times

    @classmethod
    def of(cls, clocks: list[OpenClock]) -> Clocks:
        """Lay clocks end to end."""
        ever, never, none = (np.full(1, edge, dtype=np.int64) for edge in (-NEVER, NEVER, 0))
        empty = np.zeros(0, dtype=np.int64)
        sizes = [clock.opens.size + 2 for clock in clocks]
        return cls(
            np.cumsum([0, *sizes[:-1]]).astype(np.uint64),
            np.concatenate([empty, *(edges for clock in clocks for edges in (ever, clock.opens, never))]),
            np.concatenate([empty, *(edges for clock in clocks for edges in (ever, clock.closes, never))]),
            np.concatenate(
                [
                    empty,
                    *(
                        sums
                        for clock in clocks
                        for sums in (
                            none,
                            clock.before,
                        )
                    ),
                ]
            ),
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
    totals : int64 array, shape (2, 3)
        Sums of ``times`` over the vehicles that completed the span.
    served, served_ms : int64 arrays, shape (columns,)
        How many counted vehicles were served at a column that was to be noted, and for how long together.
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
    totals: Times
    served: Times
    served_ms: Times
    nights: int
    faults: int


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
    part: Any,
    resource: Any,
    clocked: Any,
    noted: Any,
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

    ``bounds`` are the columns at which the stretches before, within and after the passage begin and end. ``parts`` has
    a table for each of `WHOLE` to `NOT_COUNTED`.
    """
    columns, first_night, nights = np.uint64(part.size), np.uint64(0), np.uint64(0)
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
        table = NOT_COUNTED
        if counted:
            table = WHOLE if exited else PASSAGE_ONLY if cleared else NEITHER
        for stretch in range(3):
            in_service = 0
            for c in range(bounds[stretch], bounds[stretch + 1]):
                moment = row[c]
                if moment < now:
                    faults += moment >= 0
                    continue
                took = moment - now
                if noted[c] and counted:
                    served[c, 0] += 1
                    served[c, 1] += took
                if took == 0:
                    continue
                kind, queue = part[c], resource[c]
                if queue >= 0:
                    _note_wait(queue, now, moment, lead_in, horizon, shift, waits, ends)
                if clocked[c]:
                    hints[c] = _window_at(now, hints[c], opens)
                    opened, _ = _open_until(moment, now, hints[c], opens, closes, before)
                    parts[table, c, CLOSED] += took - opened
                    took = opened
                parts[table, c, kind] += took
                if kind == SERVICE:
                    in_service += took
                now = moment
            reached[stretch], service[stretch] = now, in_service
        if place >= 0 and resource[place] >= 0:
            _note_wait(resource[place], now, horizon, lead_in, horizon, shift, waits, ends)
        if place >= 0 and counted:
            rest = horizon - now
            if clocked[place]:
                hints[place] = _window_at(now, hints[place], opens)
                opened, _ = _open_until(horizon, now, hints[place], opens, closes, before)
                parts[TO_HORIZON, place, CLOSED] += rest - opened
                rest = opened
            parts[TO_HORIZON, place, part[place]] += rest
        gone = ended != UNFINISHED
        if gone and exits[number] != now:
            faults += 1
        entered, left = reached[BEFORE_PASSAGE], reached[WITHIN_PASSAGE]
        passed[i] = left
        done[PASSAGE, i] = counted and cleared
        done[TOTAL, i] = counted and exited
        times[PASSAGE, ON_WALL, i] = times[PASSAGE, ON_OPEN, i] = left - entered
        times[TOTAL, ON_WALL, i] = times[TOTAL, ON_OPEN, i] = now - begin
        times[PASSAGE, ON_SERVICE, i] = service[WITHIN_PASSAGE]
        times[TOTAL, ON_SERVICE, i] = service[BEFORE_PASSAGE] + service[WITHIN_PASSAGE] + service[AFTER_PASSAGE]
        if clocked[columns] and counted and cleared:
            hints[columns] = window = _window_at(begin, hints[columns], opens)
            ahead, window = _open_until(entered, begin, window, opens, closes, before)
            within, window = _open_until(left, entered, window, opens, closes, before)
            behind, window = _open_until(now, left, window, opens, closes, before)
            times[PASSAGE, ON_OPEN, i] = within
            times[TOTAL, ON_OPEN, i] = ahead + within + behind
        for span in range(2):
            if done[span, i]:
                for clock in range(3):
                    totals[span, clock] += times[span, clock, i]
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
    _note_end(resource, max(joined, whole) + shift[resource], -1, ends)
    _note_end(resource, max(granted, whole) + shift[resource], 1, ends)


@compiled
def _note_end(resource: Any, time: Any, sign: Any, ends: Any) -> None:
    """Count the end of a wait in its hour of the day; ``ends`` is that of `QueueCounts`."""
    hour = np.uint64(time) // HOUR
    day = hour // DAYS
    of_day = hour - DAYS * day
    ends[resource, of_day, 0] += sign
    ends[resource, of_day, 1] += sign * np.int64(np.uint64(time) - hour * HOUR)
    ends[resource, DAYS, 0] += sign * np.int64(day)


@compiled
def _add_up_open(capacity: Any, resource: Any, changed: Any, value: Any, start: Any, stop: Any, total: Any) -> None:
    """Add to ``total`` the unit-milliseconds of each resource, whose ``capacity`` follows the changes."""
    for r in range(capacity.size):
        total[r] += capacity[r] * (stop - start)
    for i in range(resource.size):
        r = resource[i]
        total[r] += (value[i] - capacity[r]) * (stop - max(changed[i], start))
        capacity[r] = value[i]


def open_unit_ms(network: Network) -> Times:
    """Unit-milliseconds for which each resource is open between the lead-in and the end; shape (resources,)."""
    total = np.zeros(network.capacity.size, dtype=np.int64)
    _add_up_open(
        network.capacity.copy(),
        network.change_resource,
        network.change_ms,
        network.change_capacity,
        network.lead_in_ms,
        network.horizon_ms,
        total,
    )
    return total


@dataclass(frozen=True)
class QueueCounts:
    """Waits counted over all flows of a replication.

    Attributes
    ----------
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours.
    waits : int64 array, shape (resources, 2)
        Sum of waits in ms within the reported period, and how many there were.
    ends : int64 array, shape (resources, 25, 2)
        For each local hour of the day, how many more waits ended in it than began, and how many ms into the hour
        they did, added up alike; last, the whole days before, added up alike.
    """

    shift_ms: Times
    waits: Times
    ends: Times

    @classmethod
    def empty(cls, shift_ms: Times) -> QueueCounts:
        """Nothing counted yet."""
        resources = shift_ms.size
        return cls(shift_ms, np.zeros((resources, 2), dtype=np.int64), np.zeros((resources, 25, 2), dtype=np.int64))

    def by_hour(self) -> Times:
        """Vehicle-milliseconds of queue in each local hour of the day, whole hours only; shape (resources, 24).

        A wait until some moment has lasted through an hour of the day on every day before, once more if the moment's
        own hour is a later one, and as far as the moment lies in it if it is the same; less the same until it began.
        """
        net, into = self.ends[:, :-1, 0], self.ends[:, :-1, 1]
        later = np.cumsum(net[:, ::-1], axis=1)[:, ::-1] - net
        return np.asarray((self.ends[:, -1:, 0] + later) * MS_PER_HOUR + into)


@compiled
def _find_ranked(
    ordered: Any, bits: Any, first: Any, sets: Any, ranks: Any, begins: Any, pending: Any, found: Any
) -> None:
    """Walk over all times in ascending order, count in each set they belong to, note those whose rank is wanted.

    ``pending`` has, by set, the next rank at which there is something to note, how many times have been counted, the
    first wanted rank whose time is not yet known, and the first whose next time is not.
    """
    for packed in ordered:
        time, flow = packed >> bits, packed & ((ONE << bits) - ONE)
        for k in range(first[flow], first[flow + ONE]):
            own = pending[sets[k]]
            rank = own[1]
            own[1] = rank + 1
            if rank != own[0]:
                continue
            at, after, stop = own[2], own[3], begins[sets[k] + ONE]
            while after < at and ranks[after] + 1 == rank:
                found[after, 1] = time
                after += 1
            while at < stop and ranks[at] == rank:
                found[at, 0] = found[at, 1] = time
                at += 1
            own[2], own[3] = at, after
            own[0] = ranks[after] + 1 if after < at else ranks[at] if at < stop else -1


@dataclass(frozen=True)
class TimeSets:
    """Sets of flows whose times are ranked together, and how many ranks each asks for.

    Attributes
    ----------
    members : bool array, shape (sets, flows)
    begins : int64 array, shape (sets + 1,)
        Where each set's ranks begin, all sets end to end.
    """

    members: NDArray[np.bool_]
    begins: Times

    def sizes(self, times: list[Times]) -> Times:
        """How many times each set has, for each rank; shape (ranks,)."""
        sizes = self.members @ np.asarray([flow.size for flow in times], dtype=np.int64)
        return np.repeat(sizes, np.diff(self.begins))

    def ranked(self, times: list[Times], ranks: Times) -> Times:
        """The time of each rank in its set, and the one after it or, at the end, itself.

        All times are sorted once, with their flow in the lowest bits, instead of those of each set.

        Parameters
        ----------
        times : list of int64 arrays
            By flow, >= 0, in any order.
        ranks : int64 array, shape (ranks,)
            From 0 on, ascending within a set.

        Returns
        -------
        int64 array, shape (ranks, 2)
            Zeros for ranks that a set does not have.
        """
        bits = np.uint64(len(times).bit_length())
        packed = np.concatenate([flow << np.int64(bits) | number for number, flow in enumerate(times)]).view(np.uint64)
        flows, sets = np.nonzero(self.members.T)
        pending = np.zeros((self.members.shape[0], 4), dtype=np.int64)
        pending[:, 0] = ranks[self.begins[:-1]]
        pending[:, 2] = pending[:, 3] = self.begins[:-1]
        found = np.zeros((ranks.size, 2), dtype=np.int64)
        first = np.searchsorted(flows, np.arange(len(times) + 1)).astype(np.uint64)
        _find_ranked(np.sort(packed), bits, first, sets.astype(np.uint64), ranks, self.begins, pending, found)
        return found


def tally_flow(
    layout: FlowLayout,
    timeline: Timeline,
    clocks: Clocks,
    column_clock: Times,
    passage_clock: int,
    noted: NDArray[np.bool_],
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
    noted : bool array, shape (columns,)
        Service columns whose vehicles and times are added up.
    midnights : int64 array
        Local midnights of the port, the first at or before time 0.
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
    passed, tables = np.empty(n, dtype=np.int64), np.zeros((5, columns, 4), dtype=np.int64)
    totals, served = np.zeros((2, 3), dtype=np.int64), np.zeros((columns, 2), dtype=np.int64)
    clock = np.append(column_clock, passage_clock)
    first, stop = layout.passage
    nights, inside, faults = _walk(
        timeline.of(layout),
        vehicle,
        network.arrival_ms,
        timeline.exit_ms,
        timeline.outcome,
        timeline.standing,
        network.lead_in_ms,
        network.horizon_ms,
        part,
        resource,
        clock >= 0,
        noted,
        np.asarray([0, first, stop, columns], dtype=np.uint64),
        clocks.opens,
        clocks.closes,
        clocks.before,
        midnights,
        times,
        done,
        passed,
        tables,
        totals,
        served,
        queues.shift_ms,
        queues.waits,
        queues.ends,
        clocks.first[clock],
        np.empty(3, dtype=np.int64),
        np.empty(3, dtype=np.int64),
    )
    parts = np.zeros((2, columns, 4), dtype=np.int64)
    parts[TOTAL] = tables[WHOLE]
    parts[PASSAGE, first:stop] = tables[WHOLE, first:stop] + tables[PASSAGE_ONLY, first:stop]
    spent = tables[:NOT_COUNTED].sum(axis=0)
    faults += int(spent.sum()) != inside
    return Tally(times, done, passed, parts, spent, totals, served[:, 0], served[:, 1], int(nights), int(faults))
