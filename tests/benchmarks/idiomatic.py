"""The reference workload in SimPy as a careful user would write it: one process per vehicle, `simpy.Resource`."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import simpy

from tests.benchmarks.workload import (
    CLOSE_MS,
    DAY_MS,
    LEAVES_YARD_AFTER,
    OPEN_MS,
    PORTS,
    STATIONS,
    YARD_PLACES,
    Times,
    Workload,
)

Process = Generator[simpy.Event, object, None]


def until_open(now: float) -> float:
    """Time for which the stations stay shut from now on; 0 while they are open."""
    time_of_day = now % DAY_MS
    if time_of_day < OPEN_MS:
        return OPEN_MS - time_of_day
    if time_of_day >= CLOSE_MS:
        return DAY_MS + OPEN_MS - time_of_day
    return 0


class Port:
    """Eight stations and, if the workload has one, a yard in front of them."""

    def __init__(self, env: simpy.Environment, has_yard: bool) -> None:
        self.stations = [simpy.Resource(env, station.servers) for station in STATIONS]
        self.yard = simpy.Resource(env, YARD_PLACES) if has_yard else None


class Model:
    """One run: starts of service and exits of all vehicles."""

    def __init__(
        self,
        has_hours: bool,
        has_yard: bool,
        arrivals: list[int],
        ports: list[int],
        routes: list[list[int]],
        work: list[list[int]],
    ) -> None:
        self.env = simpy.Environment()
        self.has_hours = has_hours
        self.arrivals, self.port_of, self.routes, self.work = arrivals, ports, routes, work
        self.ports = [Port(self.env, has_yard) for _ in PORTS]
        self.starts: list[list[float]] = [[] for _ in arrivals]
        self.exits: list[float] = [-1] * len(arrivals)

    def run(self) -> list[float]:
        """Simulate until everybody has left."""
        self.env.process(self.source())
        self.env.run()
        return self.exits

    def source(self) -> Process:
        """Let each vehicle come at its time."""
        for number, arrival in enumerate(self.arrivals):
            yield self.env.timeout(arrival - self.env.now)
            self.env.process(self.vehicle(number))

    def vehicle(self, number: int) -> Process:
        """Go from station to station, holding a place in the yard on the way."""
        env, port, starts, work = self.env, self.ports[self.port_of[number]], self.starts[number], self.work[number]
        place = port.yard.request() if port.yard else None
        if place:
            yield place
        for station in self.routes[number]:
            with port.stations[station].request() as turn:
                yield turn
                if self.has_hours and (shut := until_open(env.now)):
                    yield env.timeout(shut)
                starts.append(env.now)
                yield env.timeout(work[station])
            if place and port.yard and station == LEAVES_YARD_AFTER:
                port.yard.release(place)
        self.exits[number] = env.now


def prepare(workload: Workload) -> Callable[[], Times]:
    """Convert the inputs; what is returned simulates and gives the exits, shape (vehicles,)."""
    given = (
        workload.arrival_ms.tolist(),
        workload.port.tolist(),
        workload.routes(),
        workload.work_ms.tolist(),
    )
    return lambda: np.asarray(Model(workload.has_hours, workload.has_yard, *given).run(), dtype=np.int64)
