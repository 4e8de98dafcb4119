"""Layout of records and declarations vehicle by vehicle, compiled: one pass instead of one for each column."""

from __future__ import annotations

from typing import Any

import numpy as np

from borderport.bounds import ENDLESS_MS
from borderport.compiling import compiled

ONE = np.uint64(1)
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose products differ in their upper bits
UPPER = np.uint64(40)
# Columns of the table of vehicles; one for each slot of signals from the last on.
AT_ARRIVAL, AT_DEADLINE, AT_ROW, AT_START, AT_SIGNALS = range(5)
# Columns of the table of steps before a declaration.
OF_COLUMN, OF_CHOICE = range(2)


@compiled
def fill_records(work: Any, task: Any, column: Any, records: Any) -> None:
    """Write each vehicle's records: at each column the work of its tasks, 0 where there is none, endless at most.

    Parameters
    ----------
    work : int64 array, shape (tasks, vehicles)
    task, column : uint64 arrays, shape (pairs,)
        Numbers of a task and of the column at which its work is done.
    records : int64 array, shape (vehicles, columns)
        Written.
    """
    for vehicle in range(records.shape[0]):
        row = records[vehicle]
        for place in range(row.size):
            row[place] = 0
        for pair in range(task.size):
            row[column[pair]] = min(row[column[pair]] + work[task[pair], vehicle], ENDLESS_MS)


@compiled
def fill_vehicles(arrival: Any, deadline: Any, start: Any, goods: Any, numbers: Any, vehicles: Any) -> None:
    """Write the table of one flow's vehicles, of which `put_in_order` takes those of all flows.

    Parameters
    ----------
    arrival, deadline, start, goods : arrays, shape (vehicles,)
        ``goods`` are the consignments, numbered from 0 on.
    numbers : tuple of int
        The flow's first record, records of each vehicle, and first signal.
    vehicles : int64 array, shape (vehicles, AT_SIGNALS + slots)
        Written.
    """
    first_record, records, first_signal = numbers
    slots = vehicles.shape[1] - AT_SIGNALS
    for number in range(arrival.size):
        vehicle = vehicles[number]
        vehicle[AT_ARRIVAL], vehicle[AT_DEADLINE], vehicle[AT_START] = arrival[number], deadline[number], start[number]
        vehicle[AT_ROW] = first_record + number * records
        vehicle[AT_SIGNALS] = first_signal + goods[number] * slots
        for slot in range(1, slots):
            vehicle[AT_SIGNALS + slot] = first_signal + number * slots + slot


@compiled
def put_in_order(
    order: Any, vehicles: Any, places: Any, arrival: Any, deadline: Any, row: Any, start: Any, signal: Any
) -> None:
    """Put what belongs to each vehicle in the order of arrival.

    Parameters
    ----------
    order : int64 array, shape (vehicles,)
        Numbers of the vehicles as they come.
    vehicles : int64 array, shape (vehicles, AT_SIGNALS + slots)
        By number: what the other arrays hold in order, side by side, so that one vehicle is read at once.
    places : int64 array, shape (vehicles,)
        Place of each number in the order; written.
    arrival, deadline, row, start, signal : arrays, shape (vehicles,), the last (vehicles, slots)
        Written.
    """
    for place in range(order.size):
        number = np.uint64(order[place])
        places[number] = place
        arrival[place], deadline[place] = vehicles[number, AT_ARRIVAL], vehicles[number, AT_DEADLINE]
        row[place], start[place] = vehicles[number, AT_ROW], vehicles[number, AT_START]
        for slot in range(signal.shape[1]):
            signal[place, slot] = vehicles[number, AT_SIGNALS + slot]


@compiled
def add_answers(answers: Any, key: Any) -> None:
    """Append each vehicle's answers, shape (choices, vehicles), to its key as further bits."""
    for choice in range(answers.shape[0]):
        for vehicle in range(key.size):
            key[vehicle] = 2 * key[vehicle] + answers[choice, vehicle]


@compiled
def find_distinct(numbers: Any, slots: Any, distinct: Any, places: Any) -> Any:
    """Number equal numbers alike, in the order in which they appear.

    Parameters
    ----------
    numbers : int64 array, shape (n,)
    slots : uint32 array of zeros, shape (a power of two above n,)
        A hash table of places in ``distinct``, counted from 1.
    distinct, places : int64 arrays, shape (n,)
        Written: the distinct numbers, and the place of each number among them.

    Returns
    -------
    int
        Number of distinct values.
    """
    found, last = 0, np.uint64(slots.size - 1)
    for i in range(numbers.size):
        number = numbers[i]
        slot = ((np.uint64(number) * SPREAD) >> UPPER) & last
        while slots[slot] > 0 and distinct[slots[slot] - 1] != number:
            slot = (slot + ONE) & last
        if slots[slot] == 0:
            distinct[found] = number
            found += 1
            slots[slot] = found
        places[i] = np.int64(slots[slot]) - 1
    return found


@compiled
def choose_declarants(
    arrival: Any, records: Any, steps: Any, answers: Any, together: Any, goods: Any, soonest: Any, declarant: Any
) -> None:
    """Find who of each consignment would be ready to declare first if nobody queued; of equals, the first.

    Parameters
    ----------
    arrival : int64 array, shape (vehicles,)
    records : int64 array, shape (vehicles, columns)
        Work at each column.
    steps : int64 array, shape (steps, 2)
        Column and choice of each step before the declaration; choice -1 for a step that all visit.
    answers : bool array, shape (choices, vehicles)
    together : bool array, shape (vehicles,)
        True for vehicles whose consignment declares together.
    goods : int64 array, shape (vehicles,)
        Number of each one's consignment, from 0 on.
    soonest, declarant : int64 arrays, shape (consignments or more,)
        Written; ``declarant`` is -1 before, and for consignments that do not declare together.
    """
    for vehicle in range(arrival.size):
        if not together[vehicle]:
            continue
        ready = arrival[vehicle]
        for step in range(steps.shape[0]):
            choice = steps[step, OF_CHOICE]
            if choice < 0 or answers[choice, vehicle]:
                ready += records[vehicle, steps[step, OF_COLUMN]]
        own = goods[vehicle]
        if declarant[own] < 0 or ready < soonest[own]:
            soonest[own], declarant[own] = ready, vehicle


@compiled
def merge_edges(
    windows: Any, broken: Any, periods: Any, full: Any, lost: Any, stop: Any, times: Any, capacities: Any
) -> Any:
    """Walk from edge to edge of a pool's calendar, breakdowns and periods, and note each change of its capacity.

    Parameters
    ----------
    windows, broken : int64 arrays, shape (edges,)
        Times at which the pool is open, and at which servers have failed: sorted, opening and closing edges in turn.
    periods : int64 array, shape (periods, 3)
        Begin, end and capacity of times with another capacity; the last one that holds counts.
    full, lost, stop : int
        Capacity otherwise; servers out while some have failed; end of the horizon.
    times, capacities : int64 arrays, shape (edges of all kinds + 1,)
        Written: times rise strictly from 0, neighbours differ.

    Returns
    -------
    int
        Number of changes.
    """
    found = now = opened = failed = 0
    while now < stop:
        while opened < windows.size and windows[opened] <= now:
            opened += 1
        while failed < broken.size and broken[failed] <= now:
            failed += 1
        following = min(
            windows[opened] if opened < windows.size else stop, broken[failed] if failed < broken.size else stop
        )
        capacity = full
        for start, end, other in periods:
            if start <= now < end:
                capacity = other
            following = min(following, start if start > now else end if end > now else stop)
        if failed % 2 == 1:
            capacity = max(capacity - lost, 0)
        if opened % 2 == 0:
            capacity = 0
        if found == 0 or capacities[found - 1] != capacity:
            times[found], capacities[found] = now, capacity
            found += 1
        now = following
    return found
