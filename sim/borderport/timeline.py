"""Timeline: when each vehicle joined, started and left each station; what an engine returns, and its invariants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import NEVER, Times
from borderport.errors import CheckFailed
from borderport.manifest import FlowManifest, Mask
from borderport.network import EXITED, UNFINISHED, FlowLayout, Network

NOT_REACHED = -1  # the moment of what has not happened; every moment that has come is 0 or more


@dataclass(frozen=True)
class Timeline:
    """The moments of one replication, int64 ms since time 0.

    Attributes
    ----------
    network : Network
        The network that was run.
    moments : int64 array, shape (records,)
        Moments at which each SEIZE was granted, each DELAY ended and each WAIT was over; `NOT_REACHED` for those that
        did not come before the end of the horizon. Of a driver who gives up, the SEIZE holds the moment of leaving.
    exit_ms : int64 array, shape (vehicles,)
        Moment at which the vehicle left; `NOT_REACHED` if it is still inside.
    outcome : uint8 array, shape (vehicles,)
        ``UNFINISHED``, ``EXITED`` or ``ABANDONED`` of `borderport.network`.
    standing : int64 array, shape (vehicles,)
        Column at which the vehicle is still at the end of the horizon, queueing or being served, or -1 if it left.
    busy_ms : int64 array, shape (resources,)
        Time units of each resource were held between the lead-in and the end of the horizon, added over units.
    queue_max : int64 array, shape (resources,)
        Greatest number that queued at once, from the lead-in on.
    queue_ms : int64 array, shape (resources,)
        The area under each queue's length from the lead-in to the end, vehicle-milliseconds, as the engine counted it.
    """

    network: Network
    moments: Times
    exit_ms: Times
    outcome: NDArray[np.uint8]
    standing: Times
    busy_ms: Times
    queue_max: Times
    queue_ms: Times

    def of(self, layout: FlowLayout) -> Times:
        """Moments of one flow, shape (vehicles, columns)."""
        size = layout.vehicle.size * len(layout.columns)
        return self.moments[layout.first_record : layout.first_record + size].reshape(
            layout.vehicle.size, len(layout.columns)
        )

    def check(self) -> None:
        """Raise CheckFailed unless moments never run backwards and nothing ends before it begins."""
        for layout in self.network.flows:
            matrix, vehicle = self.of(layout), layout.vehicle
            arrival = self.network.arrival_ms[vehicle]
            if not matrix.size:
                continue
            reached = np.maximum.accumulate(np.maximum(matrix, arrival[:, None]), axis=1)
            if ((matrix >= 0) & (matrix != reached)).any():
                raise CheckFailed(f"{layout.name}: a moment lies before an earlier one; please report this")
            left = self.outcome[vehicle] != UNFINISHED
            if (self.exit_ms[vehicle][left] != reached[left, -1]).any():
                raise CheckFailed(f"{layout.name}: a vehicle's parts do not add up to its time; please report this")
        done = self.outcome == EXITED
        if (self.exit_ms[done] >= self.network.horizon_ms).any():
            raise CheckFailed("a vehicle left after the horizon; please report this")


def arrivals_of(timeline: Timeline, layout: FlowLayout, drawn: FlowManifest) -> Times:
    """Moments at which the vehicles of one flow came, shape (vehicles,); `NEVER` for those that never set out.

    A later truck sets out when it is due, but not before the driver before it has left the goods behind; if he takes
    them along after all, it never does, and is no vehicle in any table or figure.

    Parameters
    ----------
    timeline : Timeline
    layout, drawn
        Of the flow.
    """
    if not layout.sends_later_trucks:
        return drawn.arrival_ms
    left_behind = timeline.of(layout)[:, 0]
    return np.where(drawn.fetches < 0, drawn.arrival_ms, np.where(left_behind >= 0, left_behind, NEVER))


def counted(timeline: Timeline, layout: FlowLayout, drawn: FlowManifest) -> Mask:
    """Vehicles of one flow that figures count: they set out, and they or their goods were due in the reported period.

    A truck that fetches goods left behind counts if the first one does, since it is of the same load: so a load is
    counted as a whole, whenever it is fetched.

    Parameters
    ----------
    timeline, layout, drawn
        As of `arrivals_of`.

    Returns
    -------
    bool array, shape (vehicles,)
    """
    return (drawn.ready_ms >= timeline.network.lead_in_ms) & (arrivals_of(timeline, layout, drawn) < NEVER)


@dataclass(frozen=True)
class Visits:
    """Every visit of a replication; arrays of shape (visits,), times in ms since the start of the reported period.

    ``started`` and ``left`` are `NEVER` for visits still under way at the end of the horizon, ``started`` is the end of
    the wait. A yard or fleet that is entered counts as a visit that ends when it begins.
    """

    vehicle: Times
    flow: NDArray[np.object_]
    station: NDArray[np.object_]
    joined_ms: Times
    started_ms: Times
    left_ms: Times


def visits_of(timeline: Timeline, index: dict[str, Times]) -> Visits:
    """List every visit, flow by flow, station by station, in the order of the vehicles.

    Parameters
    ----------
    timeline : Timeline
    index : dict of int64 arrays
        By ``port.flow``: the vehicles' numbers in their flow.
    """
    network = timeline.network
    parts: list[tuple[Times, str, str, Times, Times, Times]] = []
    for layout in network.flows:
        moments = timeline.of(layout)
        before = np.maximum.accumulate(
            np.concatenate([network.arrival_ms[layout.vehicle][:, None], moments], axis=1), axis=1
        )
        standing = timeline.standing[layout.vehicle]
        for first, last in _groups(layout):
            here = moments[:, first : last + 1]
            stands_here = (standing >= first) & (standing <= last)
            rows = np.flatnonzero((here >= 0).any(axis=1) | stands_here)
            if not rows.size:
                continue
            left = np.where(moments[rows, last] >= 0, moments[rows, last], NEVER)
            begun = (left != NEVER) | (standing[rows] == last)
            started = np.where(begun, before[rows, last], NEVER)
            if layout.columns[last].kind != "service":
                started = left
            name = layout.columns[last].station
            parts.append((index[layout.name][rows], layout.name, name, before[rows, first], started, left))
    return _join(parts, network.lead_in_ms)


def _groups(layout: FlowLayout) -> list[tuple[int, int]]:
    """First and last column of each visit: waits belong to the service that follows, else to themselves."""
    groups, first = [], int(layout.sends_later_trucks)
    for number, column in enumerate(layout.columns[first:], start=first):
        following = layout.columns[number + 1].station if number + 1 < len(layout.columns) else None
        if column.kind == "service" or column.station != following:
            groups.append((first, number))
            first = number + 1
    return groups


def _join(parts: list[tuple[Times, str, str, Times, Times, Times]], lead_in_ms: int) -> Visits:
    sizes = [part[0].size for part in parts]
    empty = np.zeros(0, dtype=np.int64)

    def times(position: int, shift: int) -> Times:
        joined = np.concatenate([part[position] for part in parts]) if parts else empty
        return np.where(joined == NEVER, NEVER, joined - shift) if shift else joined

    return Visits(
        vehicle=times(0, 0),
        flow=np.repeat(np.asarray([part[1] for part in parts], dtype=object), sizes),
        station=np.repeat(np.asarray([part[2] for part in parts], dtype=object), sizes),
        joined_ms=times(3, lead_in_ms),
        started_ms=times(4, lead_in_ms),
        left_ms=times(5, lead_in_ms),
    )
