"""One pass over a flow's moments: how long each vehicle took, and what adds up. Compiled, one file, whole numbers only.

What metrics need of hundreds of thousands of moments is summed here in a single walk, row by row, instead of in dozens
of passes with numpy. Everything that defines a metric stays in `sim.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.calendars import NEVER, Times, Windows
from sim.compiling import compiled
from sim.manifest import FlowManifest
from sim.network import ABANDONED, EXITED, UNFINISHED, Network
from sim.timeline import Timeline
from sim.units import MS_PER_DAY, MS_PER_HOUR

WAITING, SERVICE, BLOCKED, CLOSED = range(4)
PASSAGE, TOTAL = range(2)
ON_SERVICE, ON_OPEN, ON_WALL = range(3)
NO_CLOCK = -1
PART_OF_KIND = {"wait": WAITING, "signal": WAITING, "service": SERVICE, "blocked": BLOCKED}
# One table of times for vehicles that completed the route, one for those that completed the passage only, one for the
# rest, one for what all of them spend between their last moment and the horizon, and one that nobody reads.
WHOLE, PASSAGE_ONLY, NEITHER, TO_HORIZON, NOT_COUNTED = range(5)
BEFORE_PASSAGE, WITHIN_PASSAGE, AFTER_PASSAGE = range(3)
# What is counted of vehicles, and added up of their goods.
ARRIVED, HELD_BACK, DIVERTED, CLEARED, GAVE_UP, NOT_FINISHED, BEYOND_LINE = range(7)
TONNES_ARRIVED, TONNES_CLEARED, VALUE_CLEARED, VALUE_SPOILED, VALUE_GIVEN_UP = range(5)
INSPECTION_MARKS = ("selected", "opened", "contraband", "found")
TABLES, PARTS = 5, 4
# Unsigned, so that numba leaves out its test for negative indices. Where each table begins among a column's own:
AT_WHOLE, AT_PASSAGE_ONLY, AT_NEITHER, AT_TO_HORIZON, AT_NOT_COUNTED = np.arange(TABLES, dtype=np.uint64) * PARTS
# What there is to look at in a column: service, service that is noted, a queue, a clock.
SERVES, NOTED, QUEUES, CLOCKED = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
# The row of days follows those of the 24 hours.
ONE, HOUR, DAYS = np.uint64(1), np.uint64(MS_PER_HOUR), np.uint64(24)


@dataclass(frozen=True)
class Columns:
    """The columns of all flows side by side, each flow's followed by a place for its passage; the same in every run.

    Attributes
    ----------
    first : int64 array, shape (flows + 1,)
        Where each flow's columns begin.
    bounds : uint64 array, shape (flows, 4)
        Within a flow: the columns at which the stretches before, within and after the passage begin and end.
    code : uint64 array, shape (places,)
        What there is to look at: any of `SERVES`, `NOTED` and `QUEUES`.
    slot, closed : uint64 arrays, shape (places,)
        Where times of the column's own part, and those that count as closed, are added up: places within the flow's
        tables of `Tally`, laid flat.
    resource : uint64 array, shape (places,)
        For whose unit vehicles wait there; 0 unless the code says that they do.
    clock : int64 array, shape (places,)
        Clock that runs while a column's time does not count as closed, or the clock of a passage's open time; -1 is the
        clock that always runs.
    within : bool array, shape (places,)
        Whether the column belongs to the passage.
    """

    first: Times
    bounds: NDArray[np.uint64]
    code: NDArray[np.uint64]
    slot: NDArray[np.uint64]
    closed: NDArray[np.uint64]
    resource: NDArray[np.uint64]
    clock: Times
    within: NDArray[np.bool_]

    @classmethod
    def of_parts(
        cls,
        first: Times,
        bounds: NDArray[np.uint64],
        code: NDArray[np.uint64],
        part: NDArray[np.uint64],
        resource: NDArray[np.uint64],
        clock: Times,
        within: NDArray[np.bool_],
    ) -> Columns:
        """Lay out columns whose own part, `WAITING`, `SERVICE` or `BLOCKED`, is ``part``; shape (places,)."""
        begins = (np.arange(clock.size) - np.repeat(first[:-1], np.diff(first))) * (TABLES * PARTS)
        slot, closed = (begins.astype(np.uint64) + part, (begins + CLOSED).astype(np.uint64))
        return cls(first, bounds, code, slot, closed, resource, clock, within)

    def of(self, flow: int) -> slice:
        """The places of one flow."""
        return slice(int(self.first[flow]), int(self.first[flow + 1]))


@dataclass(frozen=True)
class Clocks:
    """Several open clocks laid end to end; each begins and ends with an empty window that no time lies before or after.

    Attributes
    ----------
    first : uint64 array, shape (clocks + 1,)
        Where each clock begins; last, for clock -1, a place that is not read.
    runs : bool array, shape (clocks + 1,)
        Whether to look at the clock: not at one that runs all the time, as clock -1 does.
    opens, closes, before : int64 arrays, shape (windows,)
        When each window opens and closes, and for how long all windows before it were open.
    """

    first: NDArray[np.uint64]
    runs: NDArray[np.bool_]
    opens: Times
    closes: Times
    before: Times

    @classmethod
    def of(cls, clocks: list[Windows], horizon_ms: int) -> Clocks:
        """Lay sorted, disjoint windows, shape (windows, 2), end to end."""
        ever, never = (np.full((1, 2), edge, dtype=np.int64) for edge in (-NEVER, NEVER))
        laid = np.concatenate([ever, *(edges for windows in clocks for edges in (windows, never, ever))])
        opens, closes = np.ascontiguousarray(laid.T)
        lengths = closes - opens
        first = np.cumsum([0, *(windows.shape[0] + 2 for windows in clocks)]).astype(np.uint64)
        always = [len(w) == 1 and w[0, 0] <= 0 and w[0, 1] >= horizon_ms for w in clocks]
        return cls(first, ~np.asarray([*always, True]), opens, closes, np.cumsum(lengths) - lengths)


@dataclass(frozen=True)
class FlowTally:
    """What one walk over a flow's moments gives for each vehicle.

    Attributes
    ----------
    times : int64 array, shape (2, 3, vehicles)
        By span (`PASSAGE`, `TOTAL`), clock (`ON_SERVICE`, `ON_OPEN`, `ON_WALL`) and vehicle.
    done : bool array, shape (2, vehicles)
        Whether a counted vehicle completed the span.
    passed : int64 array, shape (vehicles,)
        When the passage ended; meaningful where it is done.
    """

    times: Times
    done: NDArray[np.bool_]
    passed: Times


@dataclass(frozen=True)
class Tally:
    """What adds up over the moments of all flows; whole milliseconds and counts, to be added to.

    Attributes
    ----------
    tables : int64 array, shape (places, 5, 4)
        Sums by place of `Columns`, table (`WHOLE` to `NOT_COUNTED`) and part.
    totals : int64 array, shape (flows, 2, 3)
        Sums of each flow's times, by span and clock, over the vehicles that completed the span.
    served : int64 array, shape (places, 2)
        How many counted vehicles were served at a column that was to be noted, and for how long together.
    nights : int64 array, shape (flows,)
        Local midnights between arrival and exit, or the end of the horizon, over counted vehicles.
    inside : int64 array, shape (flows,)
        Milliseconds between the two.
    faults : int64 array, shape (flows,)
        Moments out of order, and exits that are not the last moment: 0 unless there is a bug.
    code, hints : uint64 arrays, shape (places,)
        The code of `Columns` with `CLOCKED` where there is a clock to look at, and the window last seen of it.
    """

    tables: Times
    totals: Times
    served: Times
    nights: Times
    inside: Times
    faults: Times
    code: NDArray[np.uint64]
    hints: NDArray[np.uint64]

    @classmethod
    def empty(cls, columns: Columns, clocks: Clocks) -> Tally:
        """Nothing added up yet."""
        flows, places = columns.first.size - 1, columns.clock.size
        shapes = ((places, TABLES, PARTS), (flows, 2, 3), (places, 2), (flows,), (flows,), (flows,))
        code = np.where(clocks.runs[columns.clock], columns.code | CLOCKED, columns.code)
        tables, totals, served, nights, inside, faults = (np.zeros(shape, dtype=np.int64) for shape in shapes)
        return cls(tables, totals, served, nights, inside, faults, code, clocks.first[columns.clock])

    def parts(self, columns: Columns) -> Times:
        """Sums by span, place and part over the vehicles that completed the span; shape (2, places, 4)."""
        total = self.tables[:, WHOLE]
        return np.stack([np.where(columns.within[:, None], total + self.tables[:, PASSAGE_ONLY], 0), total])

    def spent(self) -> Times:
        """Sums by place and part over all counted vehicles, from arrival to exit, giving up or the horizon."""
        return np.asarray(self.tables[:, :NOT_COUNTED].sum(axis=1))


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


@compiled
def _follow_capacity(
    capacity: Any,
    resource: Any,
    changed: Any,
    value: Any,
    start: Any,
    stop: Any,
    total: Any,
    windows: Any,
    filled: Any,
) -> None:
    """Follow the capacity of each resource through the changes: add up unit-milliseconds, list when there is any."""
    for r in range(capacity.size):
        total[r] += capacity[r] * (stop - start)
        if capacity[r] > 0:
            windows[filled[r], 0], windows[filled[r], 1] = 0, stop
            filled[r] += 1
    for i in range(resource.size):
        own, after = np.uint64(resource[i]), value[i]
        total[own] += (after - capacity[own]) * (stop - max(changed[i], start))
        if capacity[own] > 0 and after <= 0:
            windows[filled[own] - 1, 1] = changed[i]
        elif capacity[own] <= 0 and after > 0:
            windows[filled[own], 0], windows[filled[own], 1] = changed[i], stop
            filled[own] += 1
        capacity[own] = after


def follow_capacity(network: Network) -> tuple[Times, list[Windows]]:
    """What is open of each resource, in time and in units.

    Returns
    -------
    int64 array, shape (resources,)
        Unit-milliseconds between the lead-in and the end.
    list of int64 arrays, shape (windows, 2)
        When each resource has any capacity, from time 0 to the end.
    """
    resources = network.capacity.size
    total = np.zeros(resources, dtype=np.int64)
    most = np.bincount(network.change_resource, minlength=resources) // 2 + 1
    stops = np.cumsum(most)
    windows, filled = np.empty((int(most.sum()), 2), dtype=np.int64), stops - most
    _follow_capacity(
        network.capacity.copy(),
        network.change_resource,
        network.change_ms,
        network.change_capacity,
        network.lead_in_ms,
        network.horizon_ms,
        total,
        windows,
        filled,
    )
    spans = zip((stops - most).tolist(), filled.tolist(), strict=True)
    return total, [windows[first:stop] for first, stop in spans]


@dataclass(frozen=True)
class QueueCounts:
    """Waits counted over all flows of a replication.

    Attributes
    ----------
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours.
    waits : int64 array, shape (flows, resources, 2)
        Sum of waits in ms within the reported period, and how many there were.
    ends : int64 array, shape (resources, 25, 2)
        For each local hour of the day, how many more waits ended in it than began, and how many ms into the hour
        they did, added up alike; last, the whole days before, added up alike.
    """

    shift_ms: Times
    waits: Times
    ends: Times

    @classmethod
    def empty(cls, shift_ms: Times, flows: int) -> QueueCounts:
        """Nothing counted yet."""
        waits, ends = (flows, shift_ms.size, 2), (shift_ms.size, 25, 2)
        return cls(shift_ms, np.zeros(waits, dtype=np.int64), np.zeros(ends, dtype=np.int64))

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

    ``pending`` has, by set, how many times there are before the next at which there is something to note, the rank of
    that one, the first wanted rank whose time is not yet known, and the first whose next time is not.
    """
    flows = (ONE << bits) - ONE
    for packed in ordered:
        flow = packed & flows
        for k in range(first[flow], first[flow + ONE]):
            number = sets[k]
            left = pending[number, 0]
            pending[number, 0] = left - 1
            if left:
                continue
            time, own = packed >> bits, pending[number]
            rank, at, after, stop = own[1], own[2], own[3], begins[number + ONE]
            while after < at and ranks[after] + 1 == rank:
                found[after, 1] = time
                after += 1
            while at < stop and ranks[at] == rank:
                found[at, 0] = found[at, 1] = time
                at += 1
            following = ranks[after] + 1 if after < at else ranks[at] if at < stop else rank
            # Zero is past if nothing follows, and does not come again.
            own[0], own[1], own[2], own[3] = following - rank - 1, following, at, after


@dataclass(frozen=True)
class TimeSets:
    """Sets of flows whose times are ranked together, and how many ranks each asks for.

    Attributes
    ----------
    members : bool array, shape (sets, flows)
    begins : int64 array, shape (sets + 1,)
        Where each set's ranks begin, all sets end to end.
    first, sets : uint64 arrays, shapes (flows + 1,) and (memberships,)
        The sets that each flow belongs to, flow by flow, and where each flow's begin.
    """

    members: NDArray[np.bool_]
    begins: Times
    first: NDArray[np.uint64]
    sets: NDArray[np.uint64]

    @classmethod
    def of(cls, members: NDArray[np.bool_], ranks: list[int]) -> TimeSets:
        """Sets by their members, shape (sets, flows), and by how many ranks they ask for."""
        flows, sets = np.nonzero(members.T)
        first = np.searchsorted(flows, np.arange(members.shape[1] + 1))
        return cls(members, np.cumsum([0, *ranks]), first.astype(np.uint64), sets.astype(np.uint64))

    def sizes(self, times: Times) -> Times:
        """How many times each set has, for each rank; from those of each flow."""
        return np.repeat(self.members @ times, np.diff(self.begins))

    def ranked(self, packed: NDArray[np.uint64], ranks: Times) -> Times:
        """The time of each rank in its set, and the one after it or, at the end, itself.

        All times are sorted once, with their flow in the lowest bits, instead of those of each set.

        Parameters
        ----------
        packed : uint64 array
            Times with their flows, as `flow_bits` has it; sorted in place.
        ranks : int64 array, shape (ranks,)
            From 0 on, ascending within a set.

        Returns
        -------
        int64 array, shape (ranks, 2)
            Zeros for ranks that a set does not have.
        """
        pending = np.zeros((self.members.shape[0], 4), dtype=np.int64)
        pending[:, 0] = pending[:, 1] = ranks[self.begins[:-1]]
        pending[:, 2] = pending[:, 3] = self.begins[:-1]
        found = np.zeros((ranks.size, 2), dtype=np.int64)
        packed.sort()
        bits = flow_bits(self.members.shape[1])
        _find_ranked(packed, bits, self.first, self.sets, ranks, self.begins, pending, found)
        return found


def flow_bits(flows: int) -> np.uint64:
    """How many of the lowest bits of a packed time hold the number of its flow."""
    return np.uint64(flows.bit_length())


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
