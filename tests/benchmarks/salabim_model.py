"""The reference workload in salabim, in its fastest form: with yield, without monitors."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import salabim

from tests.benchmarks.idiomatic import until_open
from tests.benchmarks.workload import LEAVES_YARD_AFTER, PORTS, STATIONS, YARD_PLACES, Times, Workload

Process = Generator[Any, None, None]


class Port:
    """Eight stations and, if the workload has one, a yard in front of them."""

    def __init__(self, env: Any, has_yard: bool) -> None:
        self.stations = [salabim.Resource(capacity=station.servers, monitor=False, env=env) for station in STATIONS]
        self.yard = salabim.Resource(capacity=YARD_PLACES, monitor=False, env=env) if has_yard else None


class Vehicle(salabim.Component):
    """Goes from station to station, holding a place in the yard on the way."""

    def setup(self, number: int, port: Port, route: list[int], work: list[int], run: Run) -> None:
        """Take what the process needs."""
        self.status.monitor(False)
        self.mode.monitor(False)
        self.number, self.port, self.route, self.work, self.run = number, port, route, work, run

    def process(self) -> Process:
        """One service after the other."""
        run, port = self.run, self.port
        if port.yard:
            yield self.request(port.yard)
        for station in self.route:
            yield self.request(port.stations[station])
            if run.has_hours and (shut := until_open(run.env.now())):
                yield self.hold(shut)
            run.starts[self.number].append(run.env.now())
            yield self.hold(self.work[station])
            self.release(port.stations[station])
            if port.yard and station == LEAVES_YARD_AFTER:
                self.release(port.yard)
        run.exits[self.number] = run.env.now()


class Source(salabim.Component):
    """Lets each vehicle come at its time."""

    def setup(self, run: Run) -> None:
        """Take what the process needs."""
        self.run = run

    def process(self) -> Process:
        """One arrival after the other."""
        run, env = self.run, self.run.env
        for number, (arrival, port) in enumerate(zip(run.arrivals, run.port_of, strict=True)):
            yield self.hold(till=arrival)
            Vehicle(
                number=number, port=run.ports[port], route=run.routes[number], work=run.work[number], run=run, env=env
            )


class Run:
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
        self.env = salabim.Environment(trace=False, yieldless=False)
        self.has_hours = has_hours
        self.arrivals, self.port_of, self.routes, self.work = arrivals, ports, routes, work
        self.ports = [Port(self.env, has_yard) for _ in PORTS]
        self.starts: list[list[float]] = [[] for _ in arrivals]
        self.exits: list[float] = [-1] * len(arrivals)

    def simulate(self) -> list[float]:
        """Simulate until everybody has left."""
        Source(run=self, env=self.env)
        self.env.run()
        return self.exits


def prepare(workload: Workload) -> Callable[[], Times]:
    """Convert the inputs; what is returned simulates and gives the exits, shape (vehicles,)."""
    salabim.yieldless(False)
    given = (
        workload.arrival_ms.tolist(),
        workload.port.tolist(),
        workload.routes(),
        workload.work_ms.tolist(),
    )
    return lambda: np.asarray(Run(workload.has_hours, workload.has_yard, *given).simulate(), dtype=np.int64)
