"""The reference workload in Ciw: a node for each station of each port, routes and services as drawn beforehand.

Ciw cannot hold a place in a yard across several nodes, so it runs ``w24`` and ``wcal`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ciw
import numpy as np

from tests.benchmarks.workload import CLOSE_MS, DAY_MS, OPEN_MS, PORTS, STATIONS, Times, Workload

NEVER = 1e18


class Drawn(ciw.dists.Distribution):
    """Service times of one station, by the number of the vehicle."""

    def __init__(self, work: list[int]) -> None:
        self.work = work

    def sample(self, t: float | None = None, ind: Any = None) -> float:
        """The vehicle's own; Ciw counts from 1 in the order of arrival."""
        return float(self.work[ind.id_number - 1])


def servers(count: int, has_hours: bool) -> int | ciw.Schedule:
    """Always there, or from opening to closing; begun work is finished."""
    if not has_hours:
        return count
    return ciw.Schedule(numbers_of_servers=[0, count, 0], shift_end_dates=[OPEN_MS, CLOSE_MS, DAY_MS], preemption=False)


def prepare(workload: Workload) -> Callable[[], Times]:
    """Convert the inputs; what is returned simulates and gives the exits, shape (vehicles,)."""
    first = [port * len(STATIONS) + 1 for port in workload.port.tolist()]
    # The first node is where Ciw lets the vehicle in.
    later = [[node + station for station in route[1:]] for node, route in zip(first, workload.routes(), strict=True)]
    work = [column.tolist() for column in workload.work_ms.T]
    gaps = [
        [*np.diff(workload.arrival_ms[workload.port == port], prepend=0).tolist(), NEVER] for port in range(len(PORTS))
    ]

    def simulate() -> Times:
        arrivals: list[Any] = []
        for port in range(len(PORTS)):
            arrivals += [ciw.dists.Sequential(gaps[port])] + [None] * (len(STATIONS) - 1)
        network = ciw.create_network(
            arrival_distributions=arrivals,
            service_distributions=[Drawn(column) for _ in PORTS for column in work],
            number_of_servers=[servers(station.servers, workload.has_hours) for _ in PORTS for station in STATIONS],
            routing=ciw.routing.ProcessBased(lambda vehicle, _: list(later[vehicle.id_number - 1])),
        )
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(workload.horizon_days * DAY_MS)
        exits = np.full(workload.vehicles, -1, dtype=np.int64)
        for vehicle in simulation.nodes[-1].all_individuals:
            exits[vehicle.id_number - 1] = vehicle.data_records[-1].exit_date
        return exits

    return simulate
