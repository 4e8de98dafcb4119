"""The network: resources, calendars, programs and rows of records, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times, Windows
from borderport.manifest import Mask
from borderport.scenario import Ref

# The five operations, and the end of a program; in `Network.ops` each is a row of CODE ... ESCAPE.
SEIZE, DELAY, RELEASE, WAIT, SIGNAL, END = range(6)
CODE, ARGUMENT, COLUMN, LEVEL, ESCAPE = range(5)
# Outcomes that END notes of a vehicle; the first is that of a vehicle that never reaches it.
UNFINISHED, EXITED, ABANDONED = range(3)

Ops = NDArray[np.uint32]
Ids = NDArray[np.uint64]
ColumnKind = Literal["wait", "blocked", "service", "signal", "goods"]


@dataclass(frozen=True)
class Column:
    """The meaning of one column of a flow's moments.

    Attributes
    ----------
    station : str
        ``port.station``; for a yard or fleet entered, ``port.resource``.
    kind : str
        ``wait`` and ``blocked`` end when a unit of ``resource`` is granted (``blocked`` while an earlier station's
        resources are still held), ``service`` when the work is done, ``signal`` when the signal is given. ``goods`` is
        no place: a later truck sets out when it ends, since the one before it has left its goods behind.
    resource : int
        Index in `Network.resources`, or -1.
    pace : int
        Index of the pace calendar of a service, or -1.
    """

    station: Ref
    kind: ColumnKind
    resource: int = -1
    pace: int = -1


@dataclass(frozen=True)
class FlowLayout:
    """Vehicles and moments of a flow: their places in the arrays of the network.

    Attributes
    ----------
    name : str
        ``port.flow``.
    columns : tuple of Column
        In the order of the route.
    first_record : int
        Place in the moments at which the flow's matrix begins; shape (vehicles, columns), row by row.
    vehicle : int64 array, shape (vehicles,)
        Number of each vehicle in the order of events, by row.
    passage : (int, int)
        First column, and column after the last, of the span ``passage``.
    clock : str or None
        ``port.calendar`` of the passage's open clock.
    """

    name: Ref
    columns: tuple[Column, ...]
    first_record: int
    vehicle: Times
    passage: tuple[int, int]
    clock: Ref | None

    @property
    def sends_later_trucks(self) -> bool:
        """True if goods may be left behind for a later truck, which waits in the first column until they are."""
        return bool(self.columns) and self.columns[0].kind == "goods"


@dataclass(frozen=True)
class Network:
    """Everything an engine needs, as arrays; times int64 ms since time 0.

    Attributes
    ----------
    horizon_ms : int
        Events at or after it do not happen.
    lead_in_ms : int
        Units held before it do not count as busy.
    resources : tuple of str
        ``port.resource``; their order is the global order of seizing.
    capacity : int64 array, shape (resources,)
        At time 0.
    change_ms, change_resource, change_capacity, change_refills : arrays, shape (changes,)
        Sorted by time, then resource. A refill sets capacity to what is in use plus ``change_capacity``.
    pace_first : int64 array, shape (paces + 1,)
        First change of each pace calendar in ``pace_ms`` and ``pace_per_mille``.
    pace_ms, pace_per_mille : int64 arrays
        From that moment on, work passes at this pace; each calendar begins at time 0.
    levels : int
        Number of distinct priorities; level 0 is served first.
    ops : uint32 array, shape (operations, 5)
        All programs, one after the other.
    arrival_ms, start, row, deadline_ms : arrays, shape (vehicles,)
        By order of arrival (ties: order of flows): when it comes, its first operation, its first record, and until when
        it waits at operations with an escape.
    signal : uint32 array, shape (vehicles, slots)
        Number of the signal behind each slot that WAIT and SIGNAL name.
    signals : int
        Number of signals.
    work_ms : int64 array, shape (records,)
        Work of each DELAY, at its record.
    windows : dict of int64 arrays, shape (windows, 2)
        By ``port.calendar``: when it is open in this replication, closures taken out.
    flows : tuple of FlowLayout
    """

    horizon_ms: int
    lead_in_ms: int
    resources: tuple[Ref, ...]
    capacity: Times
    change_ms: Times
    change_resource: Times
    change_capacity: Times
    change_refills: Mask
    pace_first: Times
    pace_ms: Times
    pace_per_mille: Times
    levels: int
    ops: Ops
    arrival_ms: Times
    start: NDArray[np.uint32]
    row: Times
    deadline_ms: Times
    signal: NDArray[np.uint32]
    signals: int
    work_ms: Times
    windows: dict[Ref, Windows]
    flows: tuple[FlowLayout, ...]
