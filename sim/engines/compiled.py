"""The compiled engine: numba, written to be fast. It returns the same arrays as `reference`, bit for bit.

One loop takes the earliest of four sources: the heap (ends of delays), the next arrival, the next deadline, the next
change of capacity; the last three are merged from sorted arrays instead of being pushed. An event is one unsigned
64-bit integer, time and key packed (`sim.engines.ordering`). When the root of the heap is taken it leaves a hole, and
the first delay that begins in the same event fills it. Ids are unsigned so that numba leaves out its test for
negative indices. The page docs/kernel.md explains the loop step by step; the measured worth of each trick is in
docs/decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from sim.calendars import NEVER, NORMAL_PACE
from sim.engines.ordering import FIRST_VEHICLE_KEY, key_bits
from sim.network import ARGUMENT, CODE, COLUMN, DELAY, END, ESCAPE, LEVEL, RELEASE, SEIZE, SIGNAL, UNFINISHED, Network
from sim.timeline import NOT_REACHED, Timeline

# Unsigned constants: numba turns a mix of signed and unsigned 64-bit integers into floats.
ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
NOBODY = np.uint64(0xFFFFFFFF)
LAST_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)
_VEHICLE_KEY = np.uint64(FIRST_VEHICLE_KEY)
_SEIZE, _DELAY, _RELEASE = np.uint64(SEIZE), np.uint64(DELAY), np.uint64(RELEASE)
_SIGNAL, _END = np.uint64(SIGNAL), np.uint64(END)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile without the interpreter lock; cached on disk unless no cache folder can be written."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


@_compiled
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


@_compiled
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


@_compiled
def _end_of_work(now: Any, work: Any, first: Any, stop: Any, pace_ms: Any, pace_per_mille: Any) -> Any:
    """When ``work`` begun now is done at a changing pace, rounded up to whole ms; `NEVER` if it is not."""
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


@_compiled
def _join(queue: Any, head: Any, tail: Any, following: Any, preceding: Any, vehicle: Any) -> None:
    """Append a vehicle to a queue, a doubly linked list."""
    last = np.uint64(tail[queue])
    preceding[vehicle] = last
    following[vehicle] = NOBODY
    if last == NOBODY:
        head[queue] = vehicle
    else:
        following[last] = vehicle
    tail[queue] = vehicle


@_compiled
def _leave(queue: Any, head: Any, tail: Any, following: Any, preceding: Any, vehicle: Any) -> None:
    """Take a vehicle out of a queue, wherever in it it stands."""
    before, after = np.uint64(preceding[vehicle]), np.uint64(following[vehicle])
    if before == NOBODY:
        head[queue] = after
    else:
        following[before] = after
    if after == NOBODY:
        tail[queue] = before
    else:
        preceding[after] = before


@_compiled
def _advance(
    horizon_ms: Any,
    lead_in_ms: Any,
    bits: Any,
    capacity: Any,
    change_ms: Any,
    change_resource: Any,
    change_capacity: Any,
    change_refills: Any,
    pace_first: Any,
    pace_ms: Any,
    pace_per_mille: Any,
    levels: Any,
    ops: Any,
    arrival_ms: Any,
    position: Any,
    row: Any,
    deadline_ms: Any,
    deadline_order: Any,
    signal: Any,
    work_ms: Any,
    moments: Any,
    exit_ms: Any,
    outcome: Any,
    in_use: Any,
    busy_ms: Any,
    queued: Any,
    head: Any,
    tail: Any,
    following: Any,
    preceding: Any,
    waits: Any,
    given: Any,
    signal_head: Any,
    signal_tail: Any,
    heap: Any,
) -> None:
    """Run one replication; fills ``moments``, ``exit_ms`` and ``outcome``, uses the rest as its own memory."""
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
        first = np.uint64(deadline_order[0])
        deadline_key = (np.uint64(deadline_ms[first]) << bits) + first + _VEHICLE_KEY
    static_key = min(arrival_key, change_key, deadline_key)

    while True:
        if hole:  # the last event began no delay: close the hole with the last of the heap
            size -= ONE
            if size > ZERO:
                _sift_down(heap, size, heap[size])
            hole = False
        event = heap[0] if size > ZERO else LAST_KEY
        running = NOBODY
        ready_head = ready_tail = NOBODY
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
            if static_key == arrival_key:
                running = next_arrival
                next_arrival += ONE
                arrival_key = LAST_KEY
                if next_arrival < arrivals:
                    arrival_key = (np.uint64(arrival_ms[next_arrival]) << bits) + next_arrival + _VEHICLE_KEY
            elif static_key == deadline_key:
                late = np.uint64(deadline_order[next_deadline])
                next_deadline += ONE
                deadline_key = LAST_KEY
                if next_deadline < deadlines:
                    following_one = np.uint64(deadline_order[next_deadline])
                    deadline_key = (np.uint64(deadline_ms[following_one]) << bits) + following_one + _VEHICLE_KEY
                place = np.uint64(position[late])
                if waits[late] and ops[place, ESCAPE] > 0:
                    resource, level = np.uint64(ops[place, ARGUMENT]), np.uint64(ops[place, LEVEL])
                    _leave(resource * levels + level, head, tail, following, preceding, late)
                    queued[resource] -= 1
                    waits[late] = 0
                    moments[np.uint64(row[late]) + np.uint64(ops[place, COLUMN])] = now
                    position[late] = place + np.uint64(ops[place, ESCAPE])
                    running = late
            else:
                resource = np.uint64(change_resource[next_change])
                capacity[resource] = change_capacity[next_change]
                if change_refills[next_change]:
                    capacity[resource] += in_use[resource]
                next_change += ONE
                change_key = np.uint64(change_ms[next_change]) << bits if next_change < changes else LAST_KEY
                level = ZERO
                while queued[resource] > 0 and in_use[resource] < capacity[resource]:
                    granted = np.uint64(head[resource * levels + level])
                    while granted == NOBODY:
                        level += ONE
                        granted = np.uint64(head[resource * levels + level])
                    _leave(resource * levels + level, head, tail, following, preceding, granted)
                    queued[resource] -= 1
                    in_use[resource] += 1
                    busy_ms[resource] -= max(now, lead_in_ms)
                    waits[granted] = 0
                    place = np.uint64(position[granted])
                    moments[np.uint64(row[granted]) + np.uint64(ops[place, COLUMN])] = now
                    position[granted] = place + ONE
                    following[granted] = NOBODY
                    if ready_head == NOBODY:
                        ready_head = granted
                    else:
                        following[ready_tail] = granted
                    ready_tail = granted
                if ready_head != NOBODY:
                    running = ready_head
                    ready_head = np.uint64(following[running])
            static_key = min(arrival_key, change_key, deadline_key)

        while running != NOBODY:  # until everybody this event sets going has come to a stop
            place, record = np.uint64(position[running]), np.uint64(row[running])
            while True:
                code = np.uint64(ops[place, CODE])
                if code == _SEIZE:
                    resource = np.uint64(ops[place, ARGUMENT])
                    if in_use[resource] < capacity[resource]:
                        in_use[resource] += 1
                        busy_ms[resource] -= max(now, lead_in_ms)
                        moments[record + np.uint64(ops[place, COLUMN])] = now
                        place += ONE
                    elif ops[place, ESCAPE] > 0 and now >= deadline_ms[running]:
                        moments[record + np.uint64(ops[place, COLUMN])] = now
                        place += np.uint64(ops[place, ESCAPE])
                    else:
                        _join(
                            resource * levels + np.uint64(ops[place, LEVEL]), head, tail, following, preceding, running
                        )
                        queued[resource] += 1
                        waits[running] = 1
                        position[running] = place
                        break
                elif code == _DELAY:
                    at = record + np.uint64(ops[place, COLUMN])
                    pace = np.uint64(ops[place, ARGUMENT])
                    work = work_ms[at]
                    if pace == ZERO:
                        end = now + work
                    else:
                        end = _end_of_work(now, work, pace_first[pace - ONE], pace_first[pace], pace_ms, pace_per_mille)
                    place += ONE
                    if end >= horizon_ms:
                        break
                    moments[at] = end
                    if end > now:
                        position[running] = place
                        coming = (np.uint64(end) << bits) + running + _VEHICLE_KEY
                        if hole:
                            _sift_down(heap, size, coming)
                            hole = False
                        else:
                            _sift_up(heap, size, coming)
                            size += ONE
                        break
                elif code == _RELEASE:
                    resource = np.uint64(ops[place, ARGUMENT])
                    place += ONE
                    if queued[resource] > 0 and in_use[resource] <= capacity[resource]:
                        level = ZERO
                        granted = np.uint64(head[resource * levels])
                        while granted == NOBODY:
                            level += ONE
                            granted = np.uint64(head[resource * levels + level])
                        _leave(resource * levels + level, head, tail, following, preceding, granted)
                        queued[resource] -= 1
                        waits[granted] = 0
                        stood = np.uint64(position[granted])
                        moments[np.uint64(row[granted]) + np.uint64(ops[stood, COLUMN])] = now
                        position[granted] = stood + ONE
                        following[granted] = NOBODY
                        if ready_head == NOBODY:
                            ready_head = granted
                        else:
                            following[ready_tail] = granted
                        ready_tail = granted
                    else:
                        in_use[resource] -= 1
                        busy_ms[resource] += max(now, lead_in_ms)
                elif code == _END:
                    exit_ms[running] = now
                    outcome[running] = ops[place, ARGUMENT]
                    break
                else:
                    number = np.uint64(signal[running, np.uint64(ops[place, ARGUMENT])])
                    if code == _SIGNAL:
                        place += ONE
                        given[number] = 1
                        woken = np.uint64(signal_head[number])
                        signal_head[number] = NOBODY
                        while woken != NOBODY:
                            after = np.uint64(following[woken])
                            stood = np.uint64(position[woken])
                            moments[np.uint64(row[woken]) + np.uint64(ops[stood, COLUMN])] = now
                            position[woken] = stood + ONE
                            following[woken] = NOBODY
                            if ready_head == NOBODY:
                                ready_head = woken
                            else:
                                following[ready_tail] = woken
                            ready_tail = woken
                            woken = after
                    elif given[number]:  # WAIT
                        moments[record + np.uint64(ops[place, COLUMN])] = now
                        place += ONE
                    else:
                        _join(number, signal_head, signal_tail, following, preceding, running)
                        position[running] = place
                        break
            running = ready_head
            if running != NOBODY:
                ready_head = np.uint64(following[running])


def run(network: Network) -> Timeline:
    """Run one replication with the compiled engine.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Timeline
        Equal to what `sim.engines.reference.run` returns, array for array.

    Raises
    ------
    TooLarge
        Time and vehicle number do not fit one 64-bit key.
    """
    n, resources = network.arrival_ms.size, network.capacity.size
    bits = np.uint64(key_bits(n, network.horizon_ms))
    moments = np.full(network.work_ms.size, NOT_REACHED, dtype=np.int64)
    exit_ms = np.full(n, NOT_REACHED, dtype=np.int64)
    outcome = np.full(n, UNFINISHED, dtype=np.uint8)
    patient = np.flatnonzero(network.deadline_ms < network.horizon_ms)
    deadline_order = patient[np.argsort(network.deadline_ms[patient], kind="stable")].astype(np.uint32)
    nobody = np.uint32(NOBODY)
    position = network.start.copy()
    in_use, busy_ms = np.zeros(resources, dtype=np.int64), np.zeros(resources, dtype=np.int64)
    waits = np.zeros(n, dtype=np.uint8)
    _advance(
        np.int64(network.horizon_ms),
        np.int64(network.lead_in_ms),
        bits,
        network.capacity.copy(),
        network.change_ms,
        network.change_resource.astype(np.uint32),
        network.change_capacity,
        network.change_refills.astype(np.uint8),
        network.pace_first,
        network.pace_ms,
        network.pace_per_mille,
        np.uint64(network.levels),
        network.ops,
        network.arrival_ms,
        position,
        network.row.astype(np.uint32),
        network.deadline_ms,
        deadline_order,
        network.signal,
        network.work_ms,
        moments,
        exit_ms,
        outcome,
        in_use,
        busy_ms,
        np.zeros(resources, dtype=np.int64),
        np.full(resources * network.levels, nobody, dtype=np.uint32),
        np.full(resources * network.levels, nobody, dtype=np.uint32),
        np.full(n, nobody, dtype=np.uint32),
        np.full(n, nobody, dtype=np.uint32),
        waits,
        np.zeros(network.signals, dtype=np.uint8),
        np.full(network.signals, nobody, dtype=np.uint32),
        np.full(network.signals, nobody, dtype=np.uint32),
        np.empty(n + 1, dtype=np.uint64),
    )
    waiting = np.full(n, -1, dtype=np.int64)
    stuck = np.flatnonzero(waits)
    waiting[stuck] = network.ops[position[stuck], ARGUMENT]
    busy_ms += in_use * network.horizon_ms
    return Timeline(network, moments, exit_ms, outcome, waiting, busy_ms)


def warm_up() -> None:
    """Compile, or load from the cache, so that the first real run does not wait."""
    empty = np.empty(0, dtype=np.int64)
    run(
        Network(
            horizon_ms=1,
            lead_in_ms=0,
            resources=(),
            capacity=empty,
            change_ms=empty,
            change_resource=empty,
            change_capacity=empty,
            change_refills=np.empty(0, dtype=bool),
            pace_first=np.zeros(1, dtype=np.int64),
            pace_ms=empty,
            pace_per_mille=empty,
            levels=1,
            ops=np.empty((0, 5), dtype=np.uint32),
            arrival_ms=empty,
            start=np.empty(0, dtype=np.uint32),
            row=empty,
            deadline_ms=empty,
            signal=np.empty((0, 1), dtype=np.uint32),
            signals=1,
            work_ms=empty,
            flows=(),
        )
    )
