"""Behaviour of shippers and drivers: hold back while a port is shut, come later or never, give up, send for goods.

All of it is settled with the manifest. That a driver *may* give up is known, and when: at the deadline. So the later
truck for the goods left behind is laid out beforehand, and waits for the signal that the first one gives on leaving; if
that one never leaves, the later truck never sets out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from borderport import calendars
from borderport.calendars import NEVER, Times, Windows
from borderport.distributions import Array, durations
from borderport.manifest.draws import Draws
from borderport.manifest.manifest import FlowManifest
from borderport.scenario import Flow, HoldingBack, HourProfile, Ref, Scenario
from borderport.units import MS_PER_DAY

MOST_TRIPS = 100  # trucks sent for the same goods, each of which may give up
TRIP_STRIDE = 2**40  # a later truck's number is the first one's and so much for each trip: no two have the same


PER_VEHICLE = (
    *("index", "arrival_ms", "ready_ms", "payload_t", "value_cny", "deadline_ms", "consignment", "fetches"),
    *("waiting_t", "waiting_cny"),
)


@dataclass(frozen=True)
class Along:
    """Goods and places that leave with a driver who gives up though the goods wait.

    Attributes
    ----------
    tonnes : float64 array, shape (vehicles,)
    marks : frozenset of str
        Marks of the vehicles that have such a load: a later truck has none of them.
    tasks : tuple of int
        Rows of work that such marks ask for.
    apart_t : dict of float64 arrays, shape (vehicles,)
        By station: those of the tonnes that it clears apart from the rest.
    """

    tonnes: Array
    marks: frozenset[str]
    tasks: tuple[int, ...]
    apart_t: dict[Ref, Array]


@dataclass(frozen=True)
class Closings:
    """Times at which calendars are shut by closures in one replication.

    Attributes
    ----------
    closed : dict of int64 arrays, shape (windows, 2)
        As in `Manifest`.
    shut : dict of int64 arrays, shape (windows, 2)
        By calendars: when any of them is closed; worked out when first asked for.
    """

    closed: dict[Ref, Windows]
    shut: dict[tuple[Ref, ...], Windows] = field(default_factory=dict)

    def any_closed(self, names: tuple[Ref, ...]) -> Windows:
        """Times at which any of some calendars is closed."""
        if names not in self.shut:
            self.shut[names] = calendars.merge(np.concatenate([self.closed[name] for name in names]))
        return self.shut[names]

    def long(self, scenario: Scenario, flow: Ref, rule: HoldingBack) -> Windows:
        """The closures that are so long that a flow's shippers hold back."""
        hours = scenario.flows()[flow].hours
        names = (hours.calendar,) if isinstance(hours, HourProfile) else scenario.ports[flow.port].calendars
        shut = self.any_closed(tuple(Ref(flow.port, name) for name in names))
        return shut[shut[:, 1] - shut[:, 0] > rule.closures_over]


def moments_of_coming(rule: HoldingBack | None, long: Windows, draws: Draws, due: Times, trip: str = "") -> Times:
    """Moments at which vehicles due at some moments come: then, after a closure, or `NEVER`.

    Those who do not set out keep the hour of the day, and do not set out in the next long closure either.

    Parameters
    ----------
    rule : HoldingBack or None
    long : int64 array, shape (windows, 2)
        The closures that it is about.
    draws : Draws
        Of these vehicles.
    due : int64 array, shape (vehicles,)
    trip : str
        The ending of the draws' purposes.

    Returns
    -------
    int64 array, shape (vehicles,)
    """
    if rule is None or not due.size:
        return due
    stays = calendars.inside(long, due).nonzero()[0]
    if stays.size:
        stays = stays[draws.uniform(f"sets_out{trip}", draws.index[stays]) >= rule.sets_out]
    if not stays.size:
        return due
    coming = due.copy()
    if rule.rest is None:
        coming[stays] = NEVER
        return coming
    delay = np.rint(durations(rule.rest, draws.luck(f"sets_out.rest{trip}", draws.index[stays]))).astype(np.int64)
    while stays.size:
        reopening = long[np.searchsorted(long[:, 0], coming[stays], side="right") - 1, 1]
        coming[stays] += -(-(reopening + delay - coming[stays]) // MS_PER_DAY) * MS_PER_DAY
        again = calendars.inside(long, coming[stays])
        stays, delay = stays[again], delay[again]
    return coming


def draw_deadlines(flow: Flow, draws: Draws, arrivals: Times, trip: str = "") -> Times:
    """Moments at which drivers give up; `NEVER` for those who do not."""
    if flow.patience is None:
        return np.full(arrivals.size, NEVER, dtype=np.int64)
    gives_up = draws.uniform(f"patience{trip}") < flow.patience.share
    return np.where(gives_up, arrivals + flow.patience.after, NEVER)


def add_later_trucks(
    flow: Flow, long: Windows, draws: Draws, first: FlowManifest, along: Along, horizon_ms: int
) -> FlowManifest:
    """Add the trucks that would fetch the goods of drivers who give up, if their goods wait.

    A later truck meets the luck of the first one, since it is the load that makes the work; its delay, its patience and
    whether it holds back are its own.

    Parameters
    ----------
    flow : Flow
    long : int64 array, shape (windows, 2)
        Closures in which its shippers hold back.
    draws : Draws
        Of the vehicles of ``first``.
    first : FlowManifest
        The trucks that come first.
    along : Along
        Goods and places that leave with the truck.
    horizon_ms : int
        Vehicles that would come after it are left out.
    """
    rule = flow.patience
    if rule is None or rule.fetched_after is None:
        return first
    parts = [first]
    for trip in _trips():
        before = parts[-1]
        may_leave = (before.deadline_ms < horizon_ms).nonzero()[0]
        if not may_leave.size:
            break
        luck = replace(draws, index=before.index[may_leave] % TRIP_STRIDE)
        if trip == 1:
            worth = luck.uniform("patience.still_worth") < rule.still_worth
            may_leave, luck = may_leave[worth], replace(luck, index=luck.index[worth])
            stays_t = (first.payload_t - along.tonnes)[may_leave]
            stays_cny = _share_of(first.value_cny[may_leave], stays_t, first.payload_t[may_leave])
            apart_t = {at: (tonnes - along.apart_t[at])[may_leave] for at, tonnes in first.apart_t.items()}
        else:
            stays_t, stays_cny = before.payload_t[may_leave], before.value_cny[may_leave]
            apart_t = {at: tonnes[may_leave] for at, tonnes in before.apart_t.items()}
        before.waiting_t[may_leave], before.waiting_cny[may_leave] = stays_t, stays_cny
        for at, tonnes in apart_t.items():
            before.waiting_apart_t[at][may_leave] = tonnes
        delay = np.rint(durations(rule.fetched_after, luck.luck(f"patience.fetched_after.{trip}"))).astype(np.int64)
        coming = moments_of_coming(flow.holding_back, long, luck, before.deadline_ms[may_leave] + delay, f".{trip}")
        here = (coming < horizon_ms).nonzero()[0]
        rows, luck = may_leave[here], replace(luck, index=luck.index[here])
        offset = sum(part.index.size for part in parts[:-1])
        later = _taken_up(along, before, rows, trip, coming[here], offset)
        later = replace(
            later,
            payload_t=stays_t[here],
            value_cny=stays_cny[here],
            apart_t={at: tonnes[here] for at, tonnes in apart_t.items()},
            deadline_ms=draw_deadlines(flow, luck, coming[here], f".{trip}"),
        )
        parts.append(later)
    return _joined(parts)


def _trips() -> Iterator[int]:
    return iter(range(1, MOST_TRIPS + 1))


def _share_of(value: Array, part: Array, whole: Array) -> Array:
    return np.asarray(value * np.divide(part, whole, out=np.ones(part.shape), where=whole > 0))


def _taken_up(along: Along, before: FlowManifest, rows: Times, trip: int, coming: Times, offset: int) -> FlowManifest:
    """Trucks for the goods of ``rows``, which is all that they have in common with the trucks before them."""
    marks = {name: values[rows] & (name not in along.marks) for name, values in before.marks.items()}
    work = before.work[:, rows]
    work[list(along.tasks)] = 0
    return replace(
        before,
        index=before.index[rows] % TRIP_STRIDE + trip * TRIP_STRIDE,
        arrival_ms=coming,
        ready_ms=before.ready_ms[rows],
        marks=marks,
        adopted={name: values[rows] for name, values in before.adopted.items()},
        work=work,
        consignment=NEVER // 2 + before.index[rows] % TRIP_STRIDE * MOST_TRIPS + trip,  # one that nobody else has
        fetches=rows + offset,
        waiting_t=np.zeros(rows.size),
        waiting_cny=np.zeros(rows.size),
        waiting_apart_t={at: np.zeros(rows.size) for at in before.apart_t},
    )


def _joined(parts: list[FlowManifest]) -> FlowManifest:
    """One after the other; all but `PER_VEHICLE` is that of the first."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    together: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_VEHICLE}
    return replace(
        first,
        **together,
        marks={name: np.concatenate([part.marks[name] for part in parts]) for name in first.marks},
        adopted={name: np.concatenate([part.adopted[name] for part in parts]) for name in first.adopted},
        work=np.concatenate([part.work for part in parts], axis=1),
        apart_t={at: np.concatenate([part.apart_t[at] for part in parts]) for at in first.apart_t},
        waiting_apart_t={at: np.concatenate([part.waiting_apart_t[at] for part in parts]) for at in first.apart_t},
    )
