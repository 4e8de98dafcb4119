"""The reference engine: SimPy, written to be read. It defines what is right; `compiled` must return the same arrays.

Each vehicle is a process that works through its program. A process that cannot go on yields an event and is woken
by whoever grants it a unit or gives its signal. `At` puts an event into SimPy's queue with the priority that
`borderport.engines.ordering` asks for; what SimPy schedules of its own accord (priorities 0 and 1) is at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy
from simpy.events import EventPriority

from borderport.calendars import NEVER, NORMAL_PACE
from borderport.engines.ordering import CHANGE_KEY, FIRST_VEHICLE_KEY, key_bits
from borderport.network import DELAY, END, RELEASE, SEIZE, SIGNAL, UNFINISHED, Network
from borderport.timeline import NOT_REACHED, Timeline

FIRST_PRIORITY = 2  # 0 and 1 are SimPy's own

Process = Generator[simpy.Event, Any, None]


class At(simpy.Event):
    """An event that happens ``delay`` ms from now, in the order of its key."""

    def __init__(self, env: simpy.Environment, delay: float, key: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, priority=EventPriority(FIRST_PRIORITY + key), delay=delay)


class Turn(simpy.Event):
    """A vehicle's place in a queue; succeeds when it is its turn, or when its driver gives up."""

    def __init__(self, env: simpy.Environment, pool: Pool) -> None:
        super().__init__(env)
        self.pool = pool
        self.given_up = False

    def give_up(self, _: simpy.Event) -> None:
        """The deadline has come: if it is still not the vehicle's turn, it leaves."""
        if not self.triggered:
            self.given_up = True
            self.pool.shorten()
            self.succeed()


class Pool:
    """A resource: identical units, one queue for each priority level, a capacity that changes."""

    def __init__(self, env: simpy.Environment, capacity: int, levels: int, lead_in_ms: int) -> None:
        self.env = env
        self.capacity = capacity
        self.in_use = 0
        self.lead_in_ms = lead_in_ms
        self.busy_ms: float = 0
        self.queued = 0
        self.queue_max = 0
        self.queue_ms: float = 0
        self.queues: list[deque[Turn]] = [deque() for _ in range(levels)]

    def join(self, level: int) -> Turn:
        """Queue behind those of the same level."""
        turn = Turn(self.env, self)
        self.queues[level].append(turn)
        self.queued += 1
        self.queue_ms -= max(self.env.now, self.lead_in_ms)
        if self.env.now >= self.lead_in_ms:
            self.queue_max = max(self.queue_max, self.queued)
        return turn

    def take(self) -> None:
        """Hold one more unit from now on."""
        self.in_use += 1
        self.busy_ms -= max(self.env.now, self.lead_in_ms)

    def shorten(self) -> None:
        """One vehicle less in the queue; one that stood before the lead-in was over is seen here at its longest."""
        if self.env.now >= self.lead_in_ms:
            self.queue_max = max(self.queue_max, self.queued)
        self.queued -= 1
        self.queue_ms += max(self.env.now, self.lead_in_ms)

    def release(self) -> None:
        """Give a unit back; the head of the queue has it at once."""
        self.in_use -= 1
        self.busy_ms += max(self.env.now, self.lead_in_ms)
        self.grant()

    def change(self, capacity: int, refills: bool) -> None:
        """Set the capacity; a refill adds to what is in use."""
        self.capacity = self.in_use + capacity if refills else capacity
        self.grant()

    def grant(self) -> None:
        """Hand out free units: the best level first, in each the first to join."""
        for queue in self.queues:
            while queue and self.in_use < self.capacity:
                turn = queue.popleft()
                if not turn.given_up:
                    self.shorten()
                    self.take()
                    turn.succeed()


class Signal:
    """Given once, for good; those who wait are woken in the order in which they came."""

    def __init__(self) -> None:
        self.given = False
        self.waiting: list[simpy.Event] = []

    def give(self) -> None:
        """Wake all who wait."""
        self.given = True
        for event in self.waiting:
            event.succeed()
        self.waiting.clear()


class _Run:
    """One replication: the pools and signals of a network and the arrays being filled."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.env = simpy.Environment(initial_time=0)
        self.pools = [
            Pool(self.env, capacity, network.levels, network.lead_in_ms) for capacity in network.capacity.tolist()
        ]
        self.signals: dict[int, Signal] = {}
        self.ops: list[tuple[int, int, int, int, int]] = [tuple(row) for row in network.ops.tolist()]
        self.moments: list[float] = (~network.work_ms).tolist()
        self.exits: list[float] = [NOT_REACHED] * network.arrival_ms.size
        self.outcomes = [UNFINISHED] * network.arrival_ms.size
        self.standing = [-1] * network.arrival_ms.size
        self.paces = [
            (network.pace_ms[a:b].tolist(), network.pace_per_mille[a:b].tolist())
            for a, b in zip(network.pace_first[:-1].tolist(), network.pace_first[1:].tolist(), strict=True)
        ]

    def arrivals(self) -> Process:
        """Start each vehicle when it arrives."""
        env, network = self.env, self.network
        rows, starts, deadlines = network.row.tolist(), network.start.tolist(), network.deadline_ms.tolist()
        for vehicle, arrival in enumerate(network.arrival_ms.tolist()):
            yield At(env, arrival - env.now, vehicle + FIRST_VEHICLE_KEY)
            env.process(self.vehicle(vehicle, rows[vehicle], starts[vehicle], deadlines[vehicle]))

    def changes(self) -> Process:
        """Change capacities by the calendars."""
        network, env = self.network, self.env
        table = zip(
            network.change_ms.tolist(),
            network.change_resource.tolist(),
            network.change_capacity.tolist(),
            network.change_refills.tolist(),
            strict=True,
        )
        for time, resource, capacity, refills in table:
            yield At(env, time - env.now, CHANGE_KEY)
            self.pools[resource].change(capacity, refills)

    def vehicle(self, number: int, row: int, position: int, deadline: int) -> Process:
        """Work through one vehicle's program."""
        env, ops, pools, moments = self.env, self.ops, self.pools, self.moments
        key = number + FIRST_VEHICLE_KEY
        while True:
            code, argument, column, level, escape = ops[position]
            position += 1
            if code == SEIZE:
                pool = pools[argument]
                if pool.in_use < pool.capacity:
                    pool.take()
                else:
                    self.standing[number] = column
                    if not escape:
                        yield pool.join(level)
                    elif not (yield from self.patient(pool, level, deadline, key)):
                        position += escape - 1
                moments[row + column] = env.now
            elif code == DELAY:
                work = ~int(moments[row + column])
                if argument:
                    work = self.at_pace(argument - 1, work)
                if work:
                    self.standing[number] = column
                    yield At(env, work, key)
                moments[row + column] = env.now
            elif code == RELEASE:
                pools[argument].release()
            elif code == SIGNAL:
                self.signal(number, argument).give()
            elif code == END:
                self.exits[number], self.outcomes[number], self.standing[number] = env.now, argument, -1
                return
            else:  # WAIT
                signal = self.signal(number, argument)
                if not signal.given:
                    self.standing[number] = column
                    turn = env.event()
                    signal.waiting.append(turn)
                    yield turn
                moments[row + column] = env.now

    def patient(self, pool: Pool, level: int, deadline: int, key: int) -> Generator[simpy.Event, Any, bool]:
        """Queue until the deadline at most; whether a unit was granted."""
        if self.env.now >= deadline:
            return False
        turn = pool.join(level)
        At(self.env, deadline - self.env.now, key).callbacks.append(turn.give_up)
        yield turn
        return not turn.given_up

    def signal(self, vehicle: int, slot: int) -> Signal:
        """The signal a vehicle's program means by a slot."""
        return self.signals.setdefault(int(self.network.signal[vehicle, slot]), Signal())

    def at_pace(self, pace: int, work: int) -> int:
        """Time that ``work`` takes from now on at a changing pace, rounded up to whole ms."""
        times, values = self.paces[pace]
        now = self.env.now
        left = work * NORMAL_PACE
        for i, value in enumerate(values):
            stop = times[i + 1] if i + 1 < len(times) else NEVER
            begin = max(times[i], now)
            if stop <= begin:
                continue
            if value and left <= (stop - begin) * value:
                return int(begin - now + -(-left // value))
            left -= (stop - begin) * value
        return NEVER - int(now)


def run(network: Network) -> Timeline:
    """Run one replication with SimPy.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Timeline

    Raises
    ------
    TooLarge
        Like the compiled engine, so that both accept the same networks.
    """
    key_bits(network.arrival_ms.size, network.horizon_ms)
    replication = _Run(network)
    replication.env.process(replication.changes())
    replication.env.process(replication.arrivals())
    replication.env.run(until=network.horizon_ms)
    return Timeline(
        network,
        np.maximum(np.asarray(replication.moments, dtype=np.int64), NOT_REACHED),
        np.asarray(replication.exits, dtype=np.int64),
        np.asarray(replication.outcomes, dtype=np.uint8),
        np.asarray(replication.standing, dtype=np.int64),
        np.asarray([pool.busy_ms + pool.in_use * network.horizon_ms for pool in replication.pools], dtype=np.int64),
        np.asarray([max(pool.queue_max, pool.queued) for pool in replication.pools], dtype=np.int64),
        np.asarray([pool.queue_ms + pool.queued * network.horizon_ms for pool in replication.pools], dtype=np.int64),
    )
