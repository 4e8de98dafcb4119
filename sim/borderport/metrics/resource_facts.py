"""Facts about each resource that hold in every replication, and its mean queue by hour of the day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.errors import CheckFailed
from borderport.metrics.tally import QueueCounts
from borderport.metrics.tally.terms import WAITED_MS
from borderport.network import NetworkPlan
from borderport.scenario import Scenario
from borderport.timeline import Timeline
from borderport.units import MS_PER_HOUR


@dataclass(frozen=True)
class ResourceFacts:
    """Facts about each resource that hold in every replication.

    Attributes
    ----------
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours; the zone's offset at the start stands for all.
    hour_ms : int64 array, shape (resources, 24)
        Length of each local hour of the day in the reported period, days added up.
    room_m : float64 array, shape (resources,)
        Holding area.
    released : bool array, shape (resources,)
        True if units are given back, so that the resource has a utilisation.
    lengths_m : float64 array, shape (flows,)
        Length of a vehicle.
    """

    shift_ms: Times
    hour_ms: Times
    room_m: Array
    released: Array
    lengths_m: Array

    def queue_by_hour(self, queues: QueueCounts) -> Array:
        """Mean queue in each local hour of the day, shape (resources, 24)."""
        area, days = queues.by_hour(), self.hour_ms
        return np.divide(area, days, out=np.zeros(area.shape), where=days > 0)


def plan_resources(scenario: Scenario, network: NetworkPlan, midnights: dict[str, Times]) -> ResourceFacts:
    """Facts about the resources; ``midnights`` are the local ones of each port."""
    first = np.asarray([-midnights[full.port][0] for full in network.resources], dtype=np.int64)
    shift_ms = first // MS_PER_HOUR * MS_PER_HOUR
    resources = list(scenario.resources().values())
    return ResourceFacts(
        shift_ms,
        _hours_reported(scenario, shift_ms),
        np.asarray([resource.holding_area or 0.0 for resource in resources]),
        np.asarray([number not in network.unreleased for number in range(len(resources))], dtype=bool),
        np.asarray([plan.flow.vehicle_length or 0.0 for plan in network.flows]),
    )


def _hours_reported(scenario: Scenario, shift_ms: Times) -> Times:
    """Length of each local hour of the day in the reported period, whole hours only; shape (resources, 24)."""
    lead_in, stop = scenario.horizon.lead_in, scenario.horizon.length_ms()
    hours = np.arange(-(-lead_in // MS_PER_HOUR), -(-stop // MS_PER_HOUR))
    by_shift = {
        shift: np.bincount((hours + shift // MS_PER_HOUR) % 24, minlength=24) for shift in set(shift_ms.tolist())
    }
    lengths = [by_shift[shift] * MS_PER_HOUR for shift in shift_ms.tolist()]
    return np.asarray(lengths, dtype=np.int64).reshape(shift_ms.size, 24)


def check_queues(timeline: Timeline, queues: QueueCounts) -> None:
    """Little's law must hold for every queue.

    The area under its length, which the engine kept, is the sum of the waits in the records, to the millisecond.
    """
    wrong = np.flatnonzero(timeline.queue_ms != queues.waits[:, :, WAITED_MS].sum(axis=0))
    if wrong.size:
        name = timeline.network.resources[wrong[0]]
        raise CheckFailed(f"{name}: Little's law does not hold for its queue; please report this")
