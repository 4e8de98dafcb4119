"""Arrays that the walk over moments reads and adds to: columns side by side, clocks end to end, sums by column, waits.

Everything that a compiled loop is handed is a named tuple of arrays: the loop reads ``columns.slot`` where it would
otherwise have one of thirty arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import NEVER, Times, Windows
from borderport.manifest import FlowManifest
from borderport.metrics.tally.terms import (
    CLOCK_COUNT,
    CLOCKED,
    CLOSED,
    NOT_COUNTED,
    PART_COUNT,
    PASSAGE_ONLY,
    SPAN_COUNT,
    TABLE_COUNT,
    WHOLE,
)
from borderport.timeline import Timeline, arrivals_of, counted
from borderport.units import MS_PER_HOUR


@dataclass(frozen=True)
class Columns:
    """The columns of all flows side by side, each flow's followed by a place for its passage; the same in every run.

    Attributes
    ----------
    first : int64 array, shape (flows + 1,)
        First column of each flow.
    bounds : uint64 array, shape (flows, 4)
        Within a flow: the columns at which the stretches before, within and after the passage begin and end.
    code : uint64 array, shape (places,)
        Kinds of the column: any of `SERVES`, `NOTED` and `QUEUES`.
    slot, closed : uint64 arrays, shape (places,)
        Cells in which times of the column's own part, and those that count as closed, add up: places within the flow's
        tables of `Tally`, laid flat.
    resource : uint64 array, shape (places,)
        Resource for a unit of which vehicles wait there; 0 unless the code says that they do.
    clock : int64 array, shape (places,)
        Clock that runs while a column's time does not count as closed, or the clock of a passage's open time; -1 is the
        clock that always runs.
    within : bool array, shape (places,)
        True if the column belongs to the passage.
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
        begins = (np.arange(clock.size) - np.repeat(first[:-1], np.diff(first))) * (TABLE_COUNT * PART_COUNT)
        slot, closed = (begins.astype(np.uint64) + part, (begins + CLOSED).astype(np.uint64))
        return cls(first, bounds, code, slot, closed, resource, clock, within)

    def of(self, flow: int) -> slice:
        """The places of one flow."""
        return slice(int(self.first[flow]), int(self.first[flow + 1]))

    def by_flow(self, by_column: Times | NDArray[np.float64]) -> Times | NDArray[np.float64]:
        """Sums over each flow's columns; shape (flows, ...)."""
        return np.asarray(np.add.reduceat(by_column, self.first[:-1], axis=0))


class ClockWindows(NamedTuple):
    """Begins and ends of the windows of all clocks, and the open time before each; in ms."""

    opens: Times
    closes: Times
    before: Times


@dataclass(frozen=True)
class Clocks:
    """Several open clocks laid end to end; each begins and ends with an empty window that no time lies before or after.

    Attributes
    ----------
    first : uint64 array, shape (clocks + 1,)
        First window of each clock; last, for clock -1, a place that is not read.
    runs : bool array, shape (clocks + 1,)
        True if the clock must be looked at; False if it runs all the time, as clock -1 does.
    windows : ClockWindows
        Arrays of shape (windows,).
    """

    first: NDArray[np.uint64]
    runs: NDArray[np.bool_]
    windows: ClockWindows

    @classmethod
    def of(cls, clocks: list[Windows], horizon_ms: int) -> Clocks:
        """Lay sorted, disjoint windows, shape (windows, 2), end to end."""
        ever, never = (np.full((1, 2), edge, dtype=np.int64) for edge in (-NEVER, NEVER))
        laid = np.concatenate([ever, *(edges for windows in clocks for edges in (windows, never, ever))])
        opens, closes = np.ascontiguousarray(laid.T)
        lengths = closes - opens
        first = np.cumsum([0, *(windows.shape[0] + 2 for windows in clocks)]).astype(np.uint64)
        always = [len(w) == 1 and w[0, 0] <= 0 and w[0, 1] >= horizon_ms for w in clocks]
        windows = ClockWindows(opens, closes, np.cumsum(lengths) - lengths)
        return cls(first, ~np.asarray([*always, True]), windows)


class Period(NamedTuple):
    """The reported period, in ms since time 0: from the end of the lead-in to the horizon."""

    start: int
    stop: int


class FlowMoments(NamedTuple):
    """Moments of one flow's vehicles by row, then, last, the arrays of all vehicles by number.

    Attributes
    ----------
    moments : int64 array, shape (vehicles, columns)
    vehicle : int64 array, shape (vehicles,)
        Number of each.
    arrival, counted : int64 and bool arrays, shape (vehicles,)
        As `borderport.timeline.arrivals_of` and `borderport.timeline.counted` have them.
    exit_ms, outcome, standing
        As in `Timeline`.
    """

    moments: Times
    vehicle: Times
    arrival: Times
    counted: NDArray[np.bool_]
    exit_ms: Times
    outcome: NDArray[np.uint8]
    standing: Times

    @classmethod
    def of(cls, timeline: Timeline, flow: int, drawn: FlowManifest) -> FlowMoments:
        """Those of one flow, in the order of the network."""
        layout = timeline.network.flows[flow]
        came, counts = arrivals_of(timeline, layout, drawn), counted(timeline, layout, drawn)
        return cls(
            *(timeline.of(layout), layout.vehicle, came, counts),
            *(timeline.exit_ms, timeline.outcome, timeline.standing),
        )


class FlowTally(NamedTuple):
    """Results of one walk over a flow's moments, for each vehicle.

    Attributes
    ----------
    times : int64 array, shape (2, 3, vehicles)
        By span (`PASSAGE`, `TOTAL`), clock (`ON_SERVICE`, `ON_OPEN`, `ON_WALL`) and vehicle.
    done : bool array, shape (2, vehicles)
        True if a counted vehicle completed the span.
    passed : int64 array, shape (vehicles,)
        End of the passage; meaningful where it is done.
    """

    times: Times
    done: NDArray[np.bool_]
    passed: Times

    @classmethod
    def empty(cls, vehicles: int) -> FlowTally:
        """Room for so many."""
        return cls(
            np.empty((SPAN_COUNT, CLOCK_COUNT, vehicles), dtype=np.int64),
            np.empty((SPAN_COUNT, vehicles), dtype=np.bool_),
            np.empty(vehicles, dtype=np.int64),
        )


class FlowColumns(NamedTuple):
    """One flow's part of `Columns`, and of what `Tally` adds up by column; the passage's own place comes last."""

    bounds: NDArray[np.uint64]
    slot: NDArray[np.uint64]
    closed: NDArray[np.uint64]
    resource: NDArray[np.uint64]
    code: NDArray[np.uint64]
    hint: NDArray[np.uint64]
    tables: Times
    served: Times


@dataclass(frozen=True)
class Tally:
    """Sums over the moments of all flows; whole milliseconds and counts, to be added to.

    Attributes
    ----------
    columns : Columns
    tables : int64 array, shape (places, 4, 4)
        Sums by place of `Columns`, table (`WHOLE` to `NOT_COUNTED`) and part.
    totals : int64 array, shape (flows, 2, 3)
        Sums of each flow's times, by span and clock, over the vehicles that completed the span.
    served : int64 array, shape (places, 2)
        `TIMES_SERVED` and `SERVED_MS` of counted vehicles, at columns that are to be noted.
    nights : int64 array, shape (flows,)
        Local midnights between arrival and exit, or the end of the horizon, over counted vehicles.
    inside : int64 array, shape (flows,)
        Milliseconds between the two.
    faults : int64 array, shape (flows,)
        Moments out of order, and exits that are not the last moment: 0 unless there is a bug.
    code, hint : uint64 arrays, shape (places,)
        The code of `Columns` with `CLOCKED` where there is a clock to look at, and the window last seen of it.
    """

    columns: Columns
    tables: Times
    totals: Times
    served: Times
    nights: Times
    inside: Times
    faults: Times
    code: NDArray[np.uint64]
    hint: NDArray[np.uint64]

    @classmethod
    def empty(cls, columns: Columns, clocks: Clocks) -> Tally:
        """Sums of nothing yet."""
        flows, places = columns.first.size - 1, columns.clock.size
        shapes = (
            *((places, TABLE_COUNT, PART_COUNT), (flows, SPAN_COUNT, CLOCK_COUNT), (places, 2)),
            *((flows,), (flows,), (flows,)),
        )
        code = np.where(clocks.runs[columns.clock], columns.code | CLOCKED, columns.code)
        tables, totals, served, nights, inside, faults = (np.zeros(shape, dtype=np.int64) for shape in shapes)
        return cls(columns, tables, totals, served, nights, inside, faults, code, clocks.first[columns.clock])

    def of(self, flow: int) -> FlowColumns:
        """The columns of one flow, in the order of the network."""
        columns, here = self.columns, self.columns.of(flow)
        return FlowColumns(
            columns.bounds[flow],
            columns.slot[here],
            columns.closed[here],
            columns.resource[here],
            self.code[here],
            self.hint[here],
            self.tables[here].reshape(-1),
            self.served[here],
        )

    def parts(self) -> Times:
        """Sums by span, place and part over the vehicles that completed the span; shape (2, places, 4)."""
        total, within = self.tables[:, WHOLE], self.columns.within[:, None]
        return np.stack([np.where(within, total + self.tables[:, PASSAGE_ONLY], 0), total])

    def spent(self) -> Times:
        """Sums by place and part over all counted vehicles, from arrival to exit, giving up or the horizon."""
        return np.asarray(self.tables[:, :NOT_COUNTED].sum(axis=1))


class FlowQueues(NamedTuple):
    """One flow's part of `QueueCounts`: its own waits, and the ends of all."""

    shift_ms: Times
    waits: Times
    ends: Times


@dataclass(frozen=True)
class QueueCounts:
    """Waits counted over all flows of a replication.

    Attributes
    ----------
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours.
    waits : int64 array, shape (flows, resources, 2)
        `WAITED_MS`, within the reported period, and `WAITS`.
    ends : int64 array, shape (resources, 25, 2)
        For each local hour of the day `MORE_ENDS` and `MS_INTO_HOUR`; last, the whole days before, added up alike.
    """

    shift_ms: Times
    waits: Times
    ends: Times

    @classmethod
    def empty(cls, shift_ms: Times, flows: int) -> QueueCounts:
        """Counts of nothing yet."""
        waits, ends = (flows, shift_ms.size, 2), (shift_ms.size, 25, 2)
        return cls(shift_ms, np.zeros(waits, dtype=np.int64), np.zeros(ends, dtype=np.int64))

    def of(self, flow: int) -> FlowQueues:
        """The sums that one flow adds to, in the order of the network."""
        return FlowQueues(self.shift_ms, self.waits[flow], self.ends)

    def by_hour(self) -> Times:
        """Vehicle-milliseconds of queue in each local hour of the day, whole hours only; shape (resources, 24).

        A wait until some moment has lasted through an hour of the day on every day before, once more if the moment's
        own hour is a later one, and as far as the moment lies in it if it is the same; less the same until it began.
        """
        net, into = self.ends[:, :-1, 0], self.ends[:, :-1, 1]
        later = np.cumsum(net[:, ::-1], axis=1)[:, ::-1] - net
        return np.asarray((self.ends[:, -1:, 0] + later) * MS_PER_HOUR + into)
