"""What the walk reads and adds to: columns side by side, clocks end to end, sums by column, waits by resource."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import NEVER, Times, Windows
from borderport.tally.terms import (
    CLOCKED,
    CLOSED,
    NOT_COUNTED,
    PARTS,
    PASSAGE_ONLY,
    TABLES,
    WHOLE,
)
from borderport.units import MS_PER_HOUR


@dataclass(frozen=True)
class Columns:
    """The columns of all flows side by side, each flow's followed by a place for its passage; the same in every run.

    Attributes
    ----------
    first : int64 array, shape (flows + 1,)
        Where each flow's columns begin.
    bounds : uint64 array, shape (flows, 4)
        Within a flow: the columns at which the stretches before, within and after the passage begin and end.
    code : uint64 array, shape (places,)
        What there is to look at: any of `SERVES`, `NOTED` and `QUEUES`.
    slot, closed : uint64 arrays, shape (places,)
        Where times of the column's own part, and those that count as closed, are added up: places within the flow's
        tables of `Tally`, laid flat.
    resource : uint64 array, shape (places,)
        For whose unit vehicles wait there; 0 unless the code says that they do.
    clock : int64 array, shape (places,)
        Clock that runs while a column's time does not count as closed, or the clock of a passage's open time; -1 is the
        clock that always runs.
    within : bool array, shape (places,)
        Whether the column belongs to the passage.
    """

    first: Times
    bounds: NDArray[np.uint64]
    code: NDArray[np.uint64]
    slot: NDArray[np.uint64]
    closed: NDArray[np.uint64]
    resource: NDArray[np.uint64]
    clock: Times
    within: NDArray[np.bool_]

    @classmethod
    def of_parts(
        cls,
        first: Times,
        bounds: NDArray[np.uint64],
        code: NDArray[np.uint64],
        part: NDArray[np.uint64],
        resource: NDArray[np.uint64],
        clock: Times,
        within: NDArray[np.bool_],
    ) -> Columns:
        """Lay out columns whose own part, `WAITING`, `SERVICE` or `BLOCKED`, is ``part``; shape (places,)."""
        begins = (np.arange(clock.size) - np.repeat(first[:-1], np.diff(first))) * (TABLES * PARTS)
        slot, closed = (begins.astype(np.uint64) + part, (begins + CLOSED).astype(np.uint64))
        return cls(first, bounds, code, slot, closed, resource, clock, within)

    def of(self, flow: int) -> slice:
        """The places of one flow."""
        return slice(int(self.first[flow]), int(self.first[flow + 1]))


@dataclass(frozen=True)
class Clocks:
    """Several open clocks laid end to end; each begins and ends with an empty window that no time lies before or after.

    Attributes
    ----------
    first : uint64 array, shape (clocks + 1,)
        Where each clock begins; last, for clock -1, a place that is not read.
    runs : bool array, shape (clocks + 1,)
        Whether to look at the clock: not at one that runs all the time, as clock -1 does.
    opens, closes, before : int64 arrays, shape (windows,)
        When each window opens and closes, and for how long all windows before it were open.
    """

    first: NDArray[np.uint64]
    runs: NDArray[np.bool_]
    opens: Times
    closes: Times
    before: Times

    @classmethod
    def of(cls, clocks: list[Windows], horizon_ms: int) -> Clocks:
        """Lay sorted, disjoint windows, shape (windows, 2), end to end."""
        ever, never = (np.full((1, 2), edge, dtype=np.int64) for edge in (-NEVER, NEVER))
        laid = np.concatenate([ever, *(edges for windows in clocks for edges in (windows, never, ever))])
        opens, closes = np.ascontiguousarray(laid.T)
        lengths = closes - opens
        first = np.cumsum([0, *(windows.shape[0] + 2 for windows in clocks)]).astype(np.uint64)
        always = [len(w) == 1 and w[0, 0] <= 0 and w[0, 1] >= horizon_ms for w in clocks]
        return cls(first, ~np.asarray([*always, True]), opens, closes, np.cumsum(lengths) - lengths)


@dataclass(frozen=True)
class FlowTally:
    """What one walk over a flow's moments gives for each vehicle.

    Attributes
    ----------
    times : int64 array, shape (2, 3, vehicles)
        By span (`PASSAGE`, `TOTAL`), clock (`ON_SERVICE`, `ON_OPEN`, `ON_WALL`) and vehicle.
    done : bool array, shape (2, vehicles)
        Whether a counted vehicle completed the span.
    passed : int64 array, shape (vehicles,)
        When the passage ended; meaningful where it is done.
    """

    times: Times
    done: NDArray[np.bool_]
    passed: Times


@dataclass(frozen=True)
class Tally:
    """What adds up over the moments of all flows; whole milliseconds and counts, to be added to.

    Attributes
    ----------
    tables : int64 array, shape (places, 5, 4)
        Sums by place of `Columns`, table (`WHOLE` to `NOT_COUNTED`) and part.
    totals : int64 array, shape (flows, 2, 3)
        Sums of each flow's times, by span and clock, over the vehicles that completed the span.
    served : int64 array, shape (places, 2)
        How many counted vehicles were served at a column that was to be noted, and for how long together.
    nights : int64 array, shape (flows,)
        Local midnights between arrival and exit, or the end of the horizon, over counted vehicles.
    inside : int64 array, shape (flows,)
        Milliseconds between the two.
    faults : int64 array, shape (flows,)
        Moments out of order, and exits that are not the last moment: 0 unless there is a bug.
    code, hints : uint64 arrays, shape (places,)
        The code of `Columns` with `CLOCKED` where there is a clock to look at, and the window last seen of it.
    """

    tables: Times
    totals: Times
    served: Times
    nights: Times
    inside: Times
    faults: Times
    code: NDArray[np.uint64]
    hints: NDArray[np.uint64]

    @classmethod
    def empty(cls, columns: Columns, clocks: Clocks) -> Tally:
        """Nothing added up yet."""
        flows, places = columns.first.size - 1, columns.clock.size
        shapes = ((places, TABLES, PARTS), (flows, 2, 3), (places, 2), (flows,), (flows,), (flows,))
        code = np.where(clocks.runs[columns.clock], columns.code | CLOCKED, columns.code)
        tables, totals, served, nights, inside, faults = (np.zeros(shape, dtype=np.int64) for shape in shapes)
        return cls(tables, totals, served, nights, inside, faults, code, clocks.first[columns.clock])

    def parts(self, columns: Columns) -> Times:
        """Sums by span, place and part over the vehicles that completed the span; shape (2, places, 4)."""
        total = self.tables[:, WHOLE]
        return np.stack([np.where(columns.within[:, None], total + self.tables[:, PASSAGE_ONLY], 0), total])

    def spent(self) -> Times:
        """Sums by place and part over all counted vehicles, from arrival to exit, giving up or the horizon."""
        return np.asarray(self.tables[:, :NOT_COUNTED].sum(axis=1))


@dataclass(frozen=True)
class QueueCounts:
    """Waits counted over all flows of a replication.

    Attributes
    ----------
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours.
    waits : int64 array, shape (flows, resources, 2)
        Sum of waits in ms within the reported period, and how many there were.
    ends : int64 array, shape (resources, 25, 2)
        For each local hour of the day, how many more waits ended in it than began, and how many ms into the hour
        they did, added up alike; last, the whole days before, added up alike.
    """

    shift_ms: Times
    waits: Times
    ends: Times

    @classmethod
    def empty(cls, shift_ms: Times, flows: int) -> QueueCounts:
        """Nothing counted yet."""
        waits, ends = (flows, shift_ms.size, 2), (shift_ms.size, 25, 2)
        return cls(shift_ms, np.zeros(waits, dtype=np.int64), np.zeros(ends, dtype=np.int64))

    def by_hour(self) -> Times:
        """Vehicle-milliseconds of queue in each local hour of the day, whole hours only; shape (resources, 24).

        A wait until some moment has lasted through an hour of the day on every day before, once more if the moment's
        own hour is a later one, and as far as the moment lies in it if it is the same; less the same until it began.
        """
        net, into = self.ends[:, :-1, 0], self.ends[:, :-1, 1]
        later = np.cumsum(net[:, ::-1], axis=1)[:, ::-1] - net
        return np.asarray((self.ends[:, -1:, 0] + later) * MS_PER_HOUR + into)
