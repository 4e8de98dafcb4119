"""Sums over vehicles, by flow, and the rules that one flow's vehicles are counted by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.metrics.tally.terms import SPAN_COUNT


class VehicleCounts(NamedTuple):
    """Sums over the counted vehicles of each flow, to be added to; arrays of shape (flows,) unless said otherwise.

    Attributes
    ----------
    arrived, cleared, gave_up, beyond_line : int64
        Vehicles; those that gave up before the end of the passage, those that cleared and are not yet out.
    done : int64, shape (2, flows)
        Vehicles that completed each span.
    selected, opened, false_alarms, carried, carried_selected, found : int64
        Cleared vehicles of flows with an inspection.
    goods_ms : int64
        Time from when goods were ready to their exit, over vehicles that completed the whole stay.
    tonnes_arrived, tonnes_left_behind, tonnes_cleared, value_cleared, value_spoiled, value_given_up : float64
        Loads, in t and CNY, each once, however many trucks were sent for it; goods given up less
        what was spoiled by then.
    tonnes_by_month : float64, shape (months, flows)
        Tonnes cleared by month of their clearance.
    packed : uint64, shape (2, vehicles)
        By span, one flow after the other: the times of those who completed it, with their flow in the lowest bits;
        those of the whole stay only of flows that ask for both spans.
    filled : int64, shape (2,)
        Number of times.
    """

    arrived: Times
    cleared: Times
    gave_up: Times
    beyond_line: Times
    done: Times
    selected: Times
    opened: Times
    false_alarms: Times
    carried: Times
    carried_selected: Times
    found: Times
    goods_ms: Times
    tonnes_arrived: NDArray[np.float64]
    tonnes_left_behind: NDArray[np.float64]
    tonnes_cleared: NDArray[np.float64]
    value_cleared: NDArray[np.float64]
    value_spoiled: NDArray[np.float64]
    value_given_up: NDArray[np.float64]
    tonnes_by_month: NDArray[np.float64]
    packed: NDArray[np.uint64]
    filled: Times

    @classmethod
    def empty(cls, flows: int, months: int, vehicles: int) -> VehicleCounts:
        """Counts of nothing yet."""

        def whole(*shape: int) -> Times:
            return np.zeros(shape, dtype=np.int64)

        return cls(
            arrived=whole(flows),
            cleared=whole(flows),
            gave_up=whole(flows),
            beyond_line=whole(flows),
            done=whole(SPAN_COUNT, flows),
            selected=whole(flows),
            opened=whole(flows),
            false_alarms=whole(flows),
            carried=whole(flows),
            carried_selected=whole(flows),
            found=whole(flows),
            goods_ms=whole(flows),
            tonnes_arrived=np.zeros(flows),
            tonnes_left_behind=np.zeros(flows),
            tonnes_cleared=np.zeros(flows),
            value_cleared=np.zeros(flows),
            value_spoiled=np.zeros(flows),
            value_given_up=np.zeros(flows),
            tonnes_by_month=np.zeros((months, flows)),
            packed=np.empty((SPAN_COUNT, vehicles), dtype=np.uint64),
            filled=whole(SPAN_COUNT),
        )


class FlowRules(NamedTuple):
    """The rules that one flow's vehicles are counted by; the same in every run.

    Attributes
    ----------
    inspects : bool
        True if the flow has an inspection, and its vehicles the marks of one.
    spans : int
        1 if only the times of the passage are packed, 2 if those of the whole stay are, too.
    month_edges : int64 array, shape (months,)
        Begin of each month, local.
    spoilage : float
        Share of the value lost in a day.
    spoils_after : int
        After how many ms inside it begins.
    """

    inspects: bool
    spans: int
    month_edges: Times
    spoilage: float
    spoils_after: int
