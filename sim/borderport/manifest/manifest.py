"""The manifest: vehicles and their draws, as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times, Windows
from borderport.distributions import Array
from borderport.scenario import Ref

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Diverted:
    """The vehicles that left a flow for another port; every array has shape (vehicles diverted,).

    Attributes
    ----------
    index : int64
        Number in the flow they left, ascending; they keep it.
    arrival_ms : int64
        Moments at which they would have come.
    payload_t, value_cny : float64
    consignment : int64
        As in the flow they left.
    """

    index: Times
    arrival_ms: Times
    payload_t: Array
    value_cny: Array
    consignment: Times


@dataclass(frozen=True)
class FlowManifest:
    """The vehicles of one flow in one replication, by number; every array has shape (vehicles,).

    Attributes
    ----------
    name : str
        ``port.flow``.
    index : int64
        The vehicle's number in its flow, the same in every scenario: what pairs vehicles.
    arrival_ms : int64
        Since time 0; ascending, but for convoys that overlap.
    payload_t : float64
        All loads together, tonnes.
    apart_t : dict of float64 arrays
        By ``port.station``: those of the loads that are cleared there, and not at the end of the passage.
    value_cny : float64
    marks : dict of bool arrays
        Yes/no attributes, and ``STATION.visited`` for steps with a share of their own.
    adopted : dict of bool arrays
        By policy.
    tasks : tuple of str
        ``port.station.task``.
    work : int64 array, shape (tasks, vehicles)
        Work of each task in ms, >= 0; 0 for vehicles that lack its mark.
    deadline_ms : int64
        Moment at which the driver gives up; `NEVER` for those who do not.
    consignment : int64
        Number of the consignment within the flow.
    ready_ms : int64
        Moment at which its goods were ready: it was due then or, of a later truck, the first one; before a detour.
    fetches : int64
        Row of the truck whose goods it fetches if that one's driver gives up; -1 for one with goods of its own.
    waiting_t, waiting_cny : float64
        Goods that stay behind for a later truck if its driver gives up: tonnes, and their value.
    waiting_apart_t : dict of float64 arrays
        By ``port.station``: those of ``apart_t`` that stay behind.
    held_back, held_back_index : int64 arrays, shape (vehicles held back,)
        Due moments of those that did not set out because the port was shut and do not come within the horizon, and
        their numbers.
    postponed : int64 array, shape (vehicles postponed,)
        Due moments of those that did not set out because the port was shut, but come after the closure.
    diverted : Diverted or None
        Those that went to another port; ``None`` for a flow without a diversion.
    """

    name: Ref
    index: Times
    arrival_ms: Times
    payload_t: Array
    value_cny: Array
    marks: dict[str, Mask]
    adopted: dict[str, Mask]
    tasks: tuple[str, ...]
    work: Times
    deadline_ms: Times
    consignment: Times
    ready_ms: Times
    fetches: Times
    waiting_t: Array
    waiting_cny: Array
    held_back: Times
    held_back_index: Times
    postponed: Times
    diverted: Diverted | None = None
    apart_t: dict[Ref, Array] = field(default_factory=dict)
    waiting_apart_t: dict[Ref, Array] = field(default_factory=dict)

    @property
    def work_ms(self) -> dict[str, Times]:
        """Rows of ``work`` by task."""
        return dict(zip(self.tasks, self.work, strict=True))


@dataclass(frozen=True)
class Manifest:
    """All vehicles of one replication with all their random numbers, and the random closures and slow days.

    Attributes
    ----------
    seed, replication : int
    flows : dict of FlowManifest
        By ``port.flow``, in the order of the scenario.
    closed : dict of int64 arrays, shape (windows, 2)
        By ``port.calendar``: when closures keep it shut, fixed and random ones together.
    slow_days : dict of bool arrays
        By ``port.pace``: which local days are slow, for paces with a daily share.
    broken : dict of int64 arrays, shape (windows, 2)
        By ``port.resource``: when some or all of its servers have failed, for resources with breakdowns.
    """

    seed: int
    replication: int
    flows: dict[Ref, FlowManifest]
    closed: dict[Ref, Windows]
    slow_days: dict[Ref, Mask]
    broken: dict[Ref, Windows] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 over every array: two manifests with one digest hold the same bits."""
        total = hashlib.sha256()

        def add(label: str, values: NDArray[np.generic]) -> None:
            total.update(f"{label}{values.dtype.str}{values.shape}".encode())
            total.update(np.ascontiguousarray(values).tobytes())

        for name, flow in self.flows.items():
            for key, values in vars(flow).items():
                if isinstance(values, np.ndarray):
                    add(f"{name}.{key}", values)
            for key, values in vars(flow.diverted).items() if flow.diverted is not None else ():
                add(f"{name}.diverted.{key}", values)
            for group in (flow.marks, flow.adopted, flow.work_ms, flow.apart_t):
                for key, values in group.items():
                    add(f"{name}.{key}", values)
            for key, values in flow.waiting_apart_t.items():
                add(f"{name}.waiting.{key}", values)
        for owner in (self.closed, self.slow_days, self.broken):
            for key, values in owner.items():
                add(key, values)
        return total.hexdigest()
