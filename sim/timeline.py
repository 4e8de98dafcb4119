"""Timeline: when each vehicle joined, started and left each station; what an engine returns, and its invariants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendars import Times
from sim.errors import CheckFailed
from sim.network import EXITED, UNFINISHED, FlowLayout, Network

NOT_REACHED = -1


@dataclass(frozen=True)
class Timeline:
    """The moments of one replication, int64 ms since time 0.

    Attributes
    ----------
    network : Network
        What was run.
    moments : int64 array, shape (records,)
        When each SEIZE was granted, each DELAY ended and each WAIT was over; `NOT_REACHED` for what did not happen
        before the end of the horizon. Of a driver who gives up, the SEIZE holds the moment of leaving.
    exit_ms : int64 array, shape (vehicles,)
        When the vehicle left; `NOT_REACHED` if it is still inside.
    outcome : uint8 array, shape (vehicles,)
        ``UNFINISHED``, ``EXITED`` or ``ABANDONED`` of `sim.network`.
    waiting : int64 array, shape (vehicles,)
        Resource the vehicle still queues for at the end of the horizon, or -1.
    busy_ms : int64 array, shape (resources,)
        Time units of each resource were held between the lead-in and the end of the horizon, added over units.
    """

    network: Network
    moments: Times
    exit_ms: Times
    outcome: NDArray[np.uint8]
    waiting: Times
    busy_ms: Times

    def of(self, layout: FlowLayout) -> Times:
        """Moments of one flow, shape (vehicles, columns)."""
        size = layout.vehicle.size * len(layout.columns)
        return self.moments[layout.first_record : layout.first_record + size].reshape(layout.vehicle.size, len(layout.columns))

    def check(self) -> None:
        """Raise CheckFailed unless moments never run backwards and nothing ends before it begins."""
        for layout in self.network.flows:
            matrix, vehicle = self.of(layout), layout.vehicle
            arrival = self.network.arrival_ms[vehicle]
            if not matrix.size:
                continue
            reached = np.maximum.accumulate(np.maximum(matrix, arrival[:, None]), axis=1)
            if ((matrix != NOT_REACHED) & (matrix != reached)).any():
                raise CheckFailed(f"{layout.name}: a moment lies before an earlier one; please report this")
            left = self.outcome[vehicle] != UNFINISHED
            if (self.exit_ms[vehicle][left] != reached[left, -1]).any():
                raise CheckFailed(f"{layout.name}: a vehicle's parts do not add up to its time; please report this")
        done = self.outcome == EXITED
        if (self.exit_ms[done] >= self.network.horizon_ms).any():
            raise CheckFailed("a vehicle left after the horizon; please report this")
