"""The compiled engine: numba, written to be fast. It returns the same arrays as `reference`, bit for bit.

One loop takes the earliest of four sources: the heap (ends of delays), the next arrival, the next deadline, the next
change of capacity; the last three are merged from sorted arrays instead of being pushed. An event is one unsigned
64-bit integer, time and key packed (`borderport.engines.ordering`); so is an operation, and what belongs to one vehicle
or one resource lies side by side in memory. When the root of the heap is taken it leaves a hole, and the first delay
that begins in the same event fills it. Delays that follow one another are one event, as nothing happens between them.
Ids are unsigned so that numba leaves out its test for negative indices. The page docs/kernel.md explains the loop step
by step; the measured worth of each trick is in docs/decisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import NEVER, NORMAL_PACE
from borderport.compiling import compiled, inlined
from borderport.engines.ordering import FIRST_VEHICLE_KEY, key_bits
from borderport.errors import TooLarge
from borderport.network import (
    ARGUMENT,
    CODE,
    COLUMN,
    DELAY,
    END,
    ESCAPE,
    LEVEL,
    RELEASE,
    SEIZE,
    SIGNAL,
    UNFINISHED,
    Network,
    Ops,
)
from borderport.timeline import NOT_REACHED, Timeline

# Unsigned constants: numba turns a mix of signed and unsigned 64-bit integers into floats.
ZERO, ONE, TWO, THREE = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
NOBODY = np.uint64(0xFFFFFFFF)
LAST_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)
_VEHICLE_KEY = np.uint64(FIRST_VEHICLE_KEY)
_SEIZE, _DELAY, _RELEASE = np.uint64(SEIZE), np.uint64(DELAY), np.uint64(RELEASE)
_SIGNAL, _END = np.uint64(SIGNAL), np.uint64(END)

# An operation as one integer: the first bit of each part, and the number of its bits.
FIELDS = {CODE: (0, 3), LEVEL: (3, 5), COLUMN: (8, 16), ARGUMENT: (24, 24), ESCAPE: (48, 16)}
_CODE_MASK, _LEVEL_MASK = np.uint64(0x7), np.uint64(0x1F)
_COLUMN_MASK, _ARGUMENT_MASK = np.uint64(0xFFFF), np.uint64(0xFFFFFF)
_LEVEL_AT, _COLUMN_AT = np.uint64(FIELDS[LEVEL][0]), np.uint64(FIELDS[COLUMN][0])
_ARGUMENT_AT, _ESCAPE_AT = np.uint64(FIELDS[ARGUMENT][0]), np.uint64(FIELDS[ESCAPE][0])

# A vehicle's row, 16 bytes: its next operation, its first record, its neighbours in a queue or among those ready to go
# on. While it queues for a resource, the top bit of PLACE is set.
PLACE, RECORD, AFTER, BEFORE = (np.uint64(field) for field in range(4))
IS_QUEUEING = np.uint64(0x80000000)
# A resource's row, 64 bytes.
IN_USE, CAPACITY, QUEUED, BUSY, LONGEST, WAITED = (np.uint64(field) for field in range(6))


@inlined
def _sift_down(heap: Any, size: Any, event: Any) -> None:
    """Put ``event`` into the hole at the root of a binary heap of ``size`` events, hole included."""
    hole = ZERO
    child = ONE
    while child < size:
        right = child + ONE
        if right < size:
            child += np.uint64(heap[right] < heap[child])
        if event <= heap[child]:
            break
        heap[hole] = heap[child]
        hole = child
        child = TWO * hole + ONE
    heap[hole] = event


@inlined
def _sift_up(heap: Any, size: Any, event: Any) -> None:
    """Append ``event`` to a binary heap of ``size`` events, itself not counted."""
    hole = size
    while hole > ZERO:
        parent = (hole - ONE) >> ONE
        if heap[parent] <= event:
            break
        heap[hole] = heap[parent]
        hole = parent
    heap[hole] = event


@inlined
def _end_of_work(now: Any, work: Any, first: Any, stop: Any, pace_ms: Any, pace_per_mille: Any) -> Any:
    """The moment at which ``work`` begun now is done at a changing pace, rounded up to whole ms, or `NEVER`."""
    left = work * NORMAL_PACE
    begin = now
    last = stop - 1
    segment = first
    while segment < last and pace_ms[segment + 1] <= now:
        segment += 1
    while segment < last:
        pace = pace_per_mille[segment]
        room = (pace_ms[segment + 1] - begin) * pace
        if pace > 0 and left <= room:
            return begin + (left + pace - 1) // pace
        left -= room
        segment += 1
        begin = pace_ms[segment]
    pace = pace_per_mille[last]
    return begin + (left + pace - 1) // pace if pace > 0 else NEVER


@inlined
def _at(row: Any, field: Any) -> Any:
    """Place of a field of a vehicle's row."""
    return (row << TWO) + field


@inlined
def _of(row: Any, field: Any) -> Any:
    """Place of a field of a resource's row."""
    return (row << THREE) + field


@inlined
def _head(queue: Any) -> Any:
    return queue << ONE


@inlined
def _tail(queue: Any) -> Any:
    return (queue << ONE) + ONE


@inlined
def _column(operation: Any) -> Any:
    return (operation >> _COLUMN_AT) & _COLUMN_MASK


@inlined
def _argument(operation: Any) -> Any:
    return (operation >> _ARGUMENT_AT) & _ARGUMENT_MASK


@inlined
def _level(operation: Any) -> Any:
    return (operation >> _LEVEL_AT) & _LEVEL_MASK


@inlined
def _join(queue: Any, ends: Any, vehicles: Any, vehicle: Any) -> None:
    """Append a vehicle to a queue, a doubly linked list with its two ends."""
    last = np.uint64(ends[_tail(queue)])
    vehicles[_at(vehicle, BEFORE)] = last
    vehicles[_at(vehicle, AFTER)] = NOBODY
    if last == NOBODY:
        ends[_head(queue)] = vehicle
    else:
        vehicles[_at(last, AFTER)] = vehicle
    ends[_tail(queue)] = vehicle


@inlined
def _leave(queue: Any, ends: Any, vehicles: Any, vehicle: Any) -> None:
    """Take a vehicle out of a queue, wherever in it it stands.

    A head's BEFORE may be stale: granting does not touch the next in line, whose row would have to come from afar.
    """
    before, after = np.uint64(vehicles[_at(vehicle, BEFORE)]), np.uint64(vehicles[_at(vehicle, AFTER)])
    if np.uint64(ends[_head(queue)]) == vehicle:
        before = NOBODY
        ends[_head(queue)] = after
    else:
        vehicles[_at(before, AFTER)] = after
    if after == NOBODY:
        ends[_tail(queue)] = before
    else:
        vehicles[_at(after, BEFORE)] = before


@inlined
def _go_on(vehicle: Any, now: Any, programs: Any, vehicles: Any, moments: Any, ready: Any) -> None:
    """A vehicle has what it waited for: note the moment, move on by one operation, add it to those ready."""
    place = np.uint64(vehicles[_at(vehicle, PLACE)]) & ~IS_QUEUEING
    moments[np.uint64(vehicles[_at(vehicle, RECORD)]) + _column(programs[place])] = now
    vehicles[_at(vehicle, PLACE)] = place + ONE
    vehicles[_at(vehicle, AFTER)] = NOBODY
    if ready[0] == NOBODY:
        ready[0] = vehicle
    else:
        vehicles[_at(ready[1], AFTER)] = vehicle
    ready[1] = vehicle


@inlined
def _shorten(resource: Any, now: Any, lead_in_ms: Any, resources: Any) -> None:
    """One vehicle less in a queue; one that stood before the lead-in was over is seen here at its longest."""
    if now >= lead_in_ms:
        resources[_of(resource, LONGEST)] = max(resources[_of(resource, LONGEST)], resources[_of(resource, QUEUED)])
    resources[_of(resource, QUEUED)] -= 1
    resources[_of(resource, WAITED)] += max(now, lead_in_ms)


@inlined
def _grant(
    resource: Any,
    levels: Any,
    now: Any,
    lead_in_ms: Any,
    programs: Any,
    resources: Any,
    ends: Any,
    vehicles: Any,
    moments: Any,
    ready: Any,
) -> None:
    """Give one unit to the head of the best queue that is not empty."""
    queue = resource * levels
    head = np.uint64(ends[_head(queue)])
    while head == NOBODY:
        queue += ONE
        head = np.uint64(ends[_head(queue)])
    after = np.uint64(vehicles[_at(head, AFTER)])
    ends[_head(queue)] = after
    if after == NOBODY:
        ends[_tail(queue)] = NOBODY
    _shorten(resource, now, lead_in_ms, resources)
    _go_on(head, now, programs, vehicles, moments, ready)


@inlined
def _take_ready(vehicles: Any, ready: Any) -> Any:
    """The first of those ready to go on, or `NOBODY`."""
    first = ready[0]
    if first != NOBODY:
        ready[0] = np.uint64(vehicles[_at(first, AFTER)])
    return first


@compiled
def _advance(
    horizon_ms: Any,
    lead_in_ms: Any,
    bits: Any,
    levels: Any,
    slots: Any,
    programs: Any,
    arrival_ms: Any,
    deadline_ms: Any,
    deadline_order: Any,
    change_ms: Any,
    change_resource: Any,
    change_capacity: Any,
    change_refills: Any,
    pace_first: Any,
    pace_ms: Any,
    pace_per_mille: Any,
    signal: Any,
    vehicles: Any,
    resources: Any,
    ends: Any,
    given: Any,
    signal_ends: Any,
    heap: Any,
    ready: Any,
    moments: Any,
    exit_ms: Any,
    outcome: Any,
) -> None:
    """Run one replication: fills ``moments``, ``exit_ms``, ``outcome`` and ``resources``, uses the rest as memory.

    A record holds ``~work`` (negative) until it is reached, so that work and moment share one place in memory.
    """
    mask = (ONE << bits) - ONE
    end_key = np.uint64(horizon_ms) << bits
    size = ZERO  # events in the heap; its root is a hole while ``hole`` is set
    hole = False
    arrivals, changes, deadlines = np.uint64(arrival_ms.size), np.uint64(change_ms.size), np.uint64(deadline_order.size)
    next_arrival = next_change = next_deadline = ZERO
    arrival_key = (np.uint64(arrival_ms[0]) << bits) + _VEHICLE_KEY if arrivals > ZERO else LAST_KEY
    change_key = np.uint64(change_ms[0]) << bits if changes > ZERO else LAST_KEY
    deadline_key = LAST_KEY
    if deadlines > ZERO:
        late = np.uint64(deadline_order[0])
        deadline_key = (np.uint64(deadline_ms[late]) << bits) + late + _VEHICLE_KEY
    static_key = min(arrival_key, change_key, deadline_key)

    while True:
        if hole:  # the last event began no delay: close the hole with the last of the heap
            size -= ONE
            if size > ZERO:
                _sift_down(heap, size, heap[size])
            hole = False
        event = heap[0] if size > ZERO else LAST_KEY
        if event < static_key:
            if event >= end_key:
                break
            now = np.int64(event >> bits)
            running = (event & mask) - _VEHICLE_KEY
            hole = True
        else:
            if static_key >= end_key:
                break
            now = np.int64(static_key >> bits)
            running = NOBODY
            if static_key == arrival_key:
                running = next_arrival
                next_arrival += ONE
                arrival_key = LAST_KEY
                if next_arrival < arrivals:
                    arrival_key = (np.uint64(arrival_ms[next_arrival]) << bits) + next_arrival + _VEHICLE_KEY
            elif static_key == change_key:
                resource = np.uint64(change_resource[next_change])
                resources[_of(resource, CAPACITY)] = change_capacity[next_change]
                if change_refills[next_change]:
                    resources[_of(resource, CAPACITY)] += resources[_of(resource, IN_USE)]
                next_change += ONE
                change_key = np.uint64(change_ms[next_change]) << bits if next_change < changes else LAST_KEY
                while (
                    resources[_of(resource, QUEUED)] > 0
                    and resources[_of(resource, IN_USE)] < resources[_of(resource, CAPACITY)]
                ):
                    resources[_of(resource, IN_USE)] += 1
                    resources[_of(resource, BUSY)] -= max(now, lead_in_ms)
                    _grant(resource, levels, now, lead_in_ms, programs, resources, ends, vehicles, moments, ready)
                running = _take_ready(vehicles, ready)
            else:
                late = np.uint64(deadline_order[next_deadline])
                next_deadline += ONE
                deadline_key = LAST_KEY
                if next_deadline < deadlines:
                    later = np.uint64(deadline_order[next_deadline])
                    deadline_key = (np.uint64(deadline_ms[later]) << bits) + later + _VEHICLE_KEY
                place = np.uint64(vehicles[_at(late, PLACE)])
                operation = programs[place & ~IS_QUEUEING]
                escape = operation >> _ESCAPE_AT
                if place & IS_QUEUEING and escape > ZERO:
                    resource = _argument(operation)
                    _leave(resource * levels + _level(operation), ends, vehicles, late)
                    _shorten(resource, now, lead_in_ms, resources)
                    moments[np.uint64(vehicles[_at(late, RECORD)]) + _column(operation)] = now
                    vehicles[_at(late, PLACE)] = (place & ~IS_QUEUEING) + escape
                    running = late
            static_key = min(arrival_key, change_key, deadline_key)

        while running != NOBODY:  # until everybody this event sets going has come to a stop
            place, record = (
                np.uint64(vehicles[_at(running, PLACE)]),
                np.uint64(vehicles[_at(running, RECORD)]),
            )
            while True:
                operation = programs[place]
                code = operation & _CODE_MASK
                if code == _SEIZE:
                    resource = _argument(operation)
                    if resources[_of(resource, IN_USE)] < resources[_of(resource, CAPACITY)]:
                        resources[_of(resource, IN_USE)] += 1
                        resources[_of(resource, BUSY)] -= max(now, lead_in_ms)
                        moments[record + _column(operation)] = now
                        place += ONE
                        continue
                    escape = operation >> _ESCAPE_AT
                    if escape > ZERO and now >= deadline_ms[running]:
                        moments[record + _column(operation)] = now
                        place += escape
                        continue
                    _join(resource * levels + _level(operation), ends, vehicles, running)
                    resources[_of(resource, QUEUED)] += 1
                    resources[_of(resource, WAITED)] -= max(now, lead_in_ms)
                    if now >= lead_in_ms:
                        longest = max(resources[_of(resource, LONGEST)], resources[_of(resource, QUEUED)])
                        resources[_of(resource, LONGEST)] = longest
                    vehicles[_at(running, PLACE)] = place | IS_QUEUEING
                    break
                if code == _DELAY:
                    end = now
                    while code == _DELAY:  # delays that follow one another are one event
                        at = record + _column(operation)
                        pace = _argument(operation)
                        if pace == ZERO:
                            end += ~moments[at]
                        else:
                            first, stop = pace_first[pace - ONE], pace_first[pace]
                            end = _end_of_work(end, ~moments[at], first, stop, pace_ms, pace_per_mille)
                        if end >= horizon_ms:
                            break
                        moments[at] = end
                        place += ONE
                        operation = programs[place]
                        code = operation & _CODE_MASK
                    if end >= horizon_ms:
                        vehicles[_at(running, PLACE)] = place
                        break
                    if end == now:
                        continue
                    if code == _END:
                        exit_ms[running] = end
                        outcome[running] = _argument(operation)
                        break
                    vehicles[_at(running, PLACE)] = place
                    coming = (np.uint64(end) << bits) + running + _VEHICLE_KEY
                    if hole:
                        _sift_down(heap, size, coming)
                        hole = False
                    else:
                        _sift_up(heap, size, coming)
                        size += ONE
                    break
                if code == _RELEASE:
                    resource = _argument(operation)
                    place += ONE
                    if (
                        resources[_of(resource, QUEUED)] > 0
                        and resources[_of(resource, IN_USE)] <= resources[_of(resource, CAPACITY)]
                    ):
                        _grant(resource, levels, now, lead_in_ms, programs, resources, ends, vehicles, moments, ready)
                    else:
                        resources[_of(resource, IN_USE)] -= 1
                        resources[_of(resource, BUSY)] += max(now, lead_in_ms)
                    continue
                if code == _END:
                    exit_ms[running] = now
                    outcome[running] = _argument(operation)
                    break
                number = np.uint64(signal[running * slots + _argument(operation)])
                if code == _SIGNAL:
                    place += ONE
                    given[number] = 1
                    woken = np.uint64(signal_ends[_head(number)])
                    signal_ends[_head(number)] = NOBODY
                    while woken != NOBODY:
                        after = np.uint64(vehicles[_at(woken, AFTER)])
                        _go_on(woken, now, programs, vehicles, moments, ready)
                        woken = after
                elif given[number]:  # WAIT for what has been given
                    moments[record + _column(operation)] = now
                    place += ONE
                else:
                    _join(number, signal_ends, vehicles, running)
                    vehicles[_at(running, PLACE)] = place
                    break
            running = _take_ready(vehicles, ready)


def _packed(ops: Ops) -> NDArray[np.uint64]:
    """Each operation as one integer, shape (operations,).

    Raises
    ------
    TooLarge
        An argument, a column or a priority does not fit its bits.
    """
    packed = np.zeros(ops.shape[0], dtype=np.uint64)
    for field, (shift, bits) in FIELDS.items():
        if ops.size and int(ops[:, field].max()) >> bits:
            raise TooLarge(f"a program has more than {1 << bits} resources, steps or priorities; split the scenario")
        packed |= ops[:, field].astype(np.uint64) << np.uint64(shift)
    return packed


def run(network: Network) -> Timeline:
    """Run one replication with the compiled engine.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Timeline
        Equal to what `borderport.engines.reference.run` returns, array for array.

    Raises
    ------
    TooLarge
        Time and vehicle number do not fit one 64-bit key, or a program its packed form.
    """
    n = network.arrival_ms.size
    bits = np.uint64(key_bits(n, network.horizon_ms))
    programs = _packed(network.ops)
    moments = ~network.work_ms
    exit_ms = np.full(n, NOT_REACHED, dtype=np.int64)
    outcome = np.full(n, UNFINISHED, dtype=np.uint8)
    patient = np.flatnonzero(network.deadline_ms < network.horizon_ms)
    deadline_order = patient[np.argsort(network.deadline_ms[patient], kind="stable")].astype(np.uint32)
    vehicles = np.empty((n, 4), dtype=np.uint32)
    vehicles[:, int(PLACE)], vehicles[:, int(RECORD)] = network.start, network.row
    resources = np.zeros((network.capacity.size, 8), dtype=np.int64)
    resources[:, int(CAPACITY)] = network.capacity
    nobody = np.uint32(NOBODY)
    _advance(
        np.int64(network.horizon_ms),
        np.int64(network.lead_in_ms),
        bits,
        np.uint64(network.levels),
        np.uint64(network.signal.shape[1]),
        programs,
        network.arrival_ms,
        network.deadline_ms,
        deadline_order,
        network.change_ms,
        network.change_resource.astype(np.uint32),
        network.change_capacity,
        network.change_refills.astype(np.uint8),
        network.pace_first,
        network.pace_ms,
        network.pace_per_mille,
        network.signal.ravel(),
        vehicles.ravel(),
        resources.ravel(),
        np.full(2 * network.capacity.size * network.levels, nobody, dtype=np.uint32),
        np.zeros(network.signals, dtype=np.uint8),
        np.full(2 * network.signals, nobody, dtype=np.uint32),
        np.empty(n + 1, dtype=np.uint64),
        np.full(2, NOBODY, dtype=np.uint64),
        moments,
        exit_ms,
        outcome,
    )
    np.maximum(moments, NOT_REACHED, out=moments)
    standing = np.full(n, -1, dtype=np.int64)
    inside = np.flatnonzero(outcome == UNFINISHED)
    standing[inside] = network.ops[vehicles[inside, int(PLACE)] & ~np.uint32(IS_QUEUEING), COLUMN]
    busy_ms = resources[:, int(BUSY)] + resources[:, int(IN_USE)] * network.horizon_ms
    still = resources[:, int(QUEUED)]
    queue_max = np.maximum(resources[:, int(LONGEST)], still)
    queue_ms = resources[:, int(WAITED)] + still * network.horizon_ms
    return Timeline(network, moments, exit_ms, outcome, standing, busy_ms, queue_max, queue_ms)
