"""One replication: every vehicle with every random number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from borderport import calendars
from borderport.calendars import Times, Windows
from borderport.deviates import fill_work
from borderport.distributions import Array
from borderport.manifest.arrivals import convoy_sizes, fixed_moments, port_zone
from borderport.manifest.behaviour import Along, Closings, add_later_trucks, draw_deadlines, moments_of_coming
from borderport.manifest.closures import draw_breakdowns, draw_closures, draw_slow_days
from borderport.manifest.drawing_plan import DrawingPlan, ManifestPlan, closed_windows
from borderport.manifest.draws import Draws, Rates
from borderport.manifest.inspection import by_risk, draw_carriers, draw_finds
from borderport.manifest.manifest import Diverted, FlowManifest, Manifest, Mask
from borderport.scenario import Ref
from borderport.streams import Streams

NO_ROWS = np.zeros(0, dtype=np.int64)


def draw_manifest(plan: ManifestPlan, seed: int, replication: int) -> Manifest:
    """Draw every random number of one replication.

    Parameters
    ----------
    plan : ManifestPlan
    seed, replication : int
        With a flow's name and a purpose, the address of each draw.

    Returns
    -------
    Manifest
        The same for the same address and scenario, whatever else the scenario holds.
    """
    streams = Streams(seed, replication)
    closures = draw_closures(plan, streams)
    closed = dict(plan.always_closed)
    shared = _Shared(plan, streams, Closings(closed))
    for calendar in plan.scenario.calendars():
        if calendar not in closed:
            closed[calendar] = closed_windows(closures, calendar)
    flows: dict[Ref, FlowManifest] = {}
    for flow_plan in plan.flows:
        origin = flow_plan.leader or flow_plan.source
        flows[flow_plan.name] = _draw_flow(shared, flow_plan, flows[origin] if origin else None)
    ordered = {name: flows[name] for name in plan.scenario.flows()}
    slow_days, broken = draw_slow_days(plan, streams), draw_breakdowns(plan, streams)
    return Manifest(seed, replication, ordered, closed, slow_days, broken)


@dataclass(frozen=True)
class _Shared:
    """Everything that the draws of all flows of one replication share."""

    plan: ManifestPlan
    streams: Streams
    closings: Closings


@dataclass(frozen=True)
class _Coming:
    """Vehicles of a flow, by ascending number: when they were due, and when they come; `NEVER` for those who do not."""

    index: Times
    due_ms: Times
    arrival_ms: Times


def _draw_flow(shared: _Shared, flow_plan: DrawingPlan, origin: FlowManifest | None) -> FlowManifest:
    """Draw one flow; ``origin`` is the flow of its leaders, or the one that its diverted vehicles left."""
    plan, streams = shared.plan, shared.streams
    name, flow = flow_plan.name, flow_plan.flow
    came = _coming_from(plan, origin) if origin is not None and flow_plan.leader is None else None
    coming, away = _who_comes(shared, flow_plan, came or origin)
    total = int(coming.index[-1]) + 1 if coming.index.size else 0
    diverted = None
    if flow.diversion is not None:
        drawn = Draws.of(streams, name, total, coming.index[away], flow_plan.chances)
        diverted = _draw_diverted(plan, flow_plan, drawn, coming.due_ms[away])
    # Whoever would come after the horizon is one who did not come.
    comes = ~away & (coming.arrival_ms < plan.horizon_ms)
    set_out, stays = comes.nonzero()[0], (~away & ~comes).nonzero()[0]
    index, arrivals = coming.index.take(set_out), coming.arrival_ms.take(set_out)
    draws = Draws.of(streams, name, total, index, flow_plan.chances)
    consignment = _consignments(flow_plan, index) if came is None else came.consignment
    adopted = _draw_adoptions(flow_plan, draws, consignment)
    marks = _draw_marks(flow_plan, draws, adopted)
    if came is None:
        loads = _draw_loads(plan, flow_plan, draws, arrivals, marks, adopted)
    else:  # what diverted vehicles bring along is cleared at the end of their passage here
        loads = _Loads.undivided(came.payload_t)
    first = FlowManifest(
        name=name,
        index=index,
        arrival_ms=arrivals,
        payload_t=loads.payload_t,
        value_cny=_value(flow_plan, index, loads.payload_t) if came is None else came.value_cny,
        marks=marks,
        adopted=adopted,
        tasks=flow_plan.work.keys,
        work=_draw_work(flow_plan, draws, marks, adopted),
        deadline_ms=draw_deadlines(flow, draws, arrivals),
        consignment=consignment,
        ready_ms=coming.due_ms.take(set_out) - (_detour(plan, origin) if origin is not None and came else 0),
        fetches=np.full(index.size, -1),
        waiting_t=np.zeros(index.size),
        waiting_cny=np.zeros(index.size),
        held_back=coming.due_ms[stays],
        held_back_index=coming.index[stays],
        postponed=coming.due_ms[comes & (coming.arrival_ms > coming.due_ms)],
        diverted=diverted,
        apart_t=loads.apart_t,
        waiting_apart_t={at: np.zeros(index.size) for at in loads.apart_t},
    )
    leaves = Along(loads.along_t, *_goes_along(flow_plan), loads.along_apart_t)
    return add_later_trucks(flow, _long(shared, flow_plan), draws, first, leaves, plan.horizon_ms)


def _goes_along(flow_plan: DrawingPlan) -> tuple[frozenset[str], tuple[int, ...]]:
    """Marks and tasks of the loads that leave with a driver who gives up."""
    patience, work = flow_plan.flow.patience, flow_plan.work
    loads = [flow_plan.flow.payload[load] for load in (patience.goes_along if patience is not None else ())]
    marks = frozenset(load.if_ for load in loads if load.if_ is not None)
    tasks = [number for number, group in enumerate(work.group.tolist()) if marks & set(work.groups[group])]
    return marks, tuple(tasks)


def _who_comes(shared: _Shared, flow_plan: DrawingPlan, taken: FlowManifest | Diverted | None) -> tuple[_Coming, Mask]:
    """All vehicles that are due, and which of them go to another port; ``taken`` are those of another flow."""
    if taken is not None:
        index, due = taken.index, taken.arrival_ms
    else:
        index, due = _draw_arrivals(shared.plan, flow_plan, shared.streams)
    arrivals = due
    if taken is None and not flow_plan.trace.arrival_ms.size:  # observed vehicles did set out
        draws = Draws.of(shared.streams, flow_plan.name, int(index[-1]) + 1 if index.size else 0, index, {})
        arrivals = moments_of_coming(flow_plan.flow.holding_back, _long(shared, flow_plan), draws, due)
    return _Coming(index, due, arrivals), _diverts(shared, flow_plan, index, due)


def _long(shared: _Shared, flow_plan: DrawingPlan) -> Windows:
    """Closures in which a flow's shippers hold back."""
    rule = flow_plan.flow.holding_back
    if rule is None:
        return np.empty((0, 2), dtype=np.int64)
    return shared.closings.long(shared.plan.scenario, flow_plan.name, rule)


def _consignments(flow_plan: DrawingPlan, index: Times) -> Times:
    """Number of each vehicle's consignment."""
    observed, size = flow_plan.trace.consignment, flow_plan.flow.consignment
    if observed is not None:
        return observed[index]
    return index if size == 1 else index // size


def _draw_diverted(plan: ManifestPlan, flow_plan: DrawingPlan, draws: Draws, arrivals: Times) -> Diverted:
    """Loads, values and consignments of vehicles from another port, as drawn in the flow they leave."""
    consignment = _consignments(flow_plan, draws.index)
    adopted = _draw_adoptions(flow_plan, draws, consignment)
    marks = _draw_marks(flow_plan, draws, adopted)
    payload = _draw_loads(plan, flow_plan, draws, arrivals, marks, adopted).payload_t
    return Diverted(draws.index, arrivals, payload, _value(flow_plan, draws.index, payload), consignment)


def _coming_from(plan: ManifestPlan, origin: FlowManifest) -> Diverted:
    """The vehicles that left another flow, as they come here: after their detour, those within the horizon."""
    left = origin.diverted
    assert left is not None
    arrivals = left.arrival_ms + _detour(plan, origin)
    here = arrivals < plan.horizon_ms
    return Diverted(
        left.index[here], arrivals[here], left.payload_t[here], left.value_cny[here], left.consignment[here]
    )


def _detour(plan: ManifestPlan, origin: FlowManifest) -> int:
    """Detour of the vehicles that another flow diverted, ms."""
    rule = plan.scenario.flows()[origin.name].diversion
    assert rule is not None
    return rule.detour


def _draw_arrivals(plan: ManifestPlan, flow_plan: DrawingPlan, streams: Streams) -> tuple[Times, Times]:
    """Numbers and arrival moments, by inversion of Λ, of all vehicles that would set out within the horizon."""
    rate, flow = flow_plan.rate, flow_plan.flow
    if flow_plan.trace.arrival_ms.size:
        moments = flow_plan.trace.arrival_ms + plan.scenario.horizon.lead_in
        index = np.flatnonzero(moments < plan.horizon_ms)
        return index, moments[index]
    if rate is None or rate.expected[-1] <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if flow.arrivals == "fixed":
        moments = fixed_moments(rate, streams, flow_plan.name)
    else:
        moments = streams.arrivals(flow_plan.name, "arrivals", rate.expected, rate.time_ms)
    if flow.convoy is None:
        return np.arange(moments.size), moments
    sizes = convoy_sizes(flow, streams.lucks(flow_plan.name, "convoy", moments.size))
    first = np.cumsum(sizes) - sizes
    within = np.arange(int(sizes.sum())) - np.repeat(first, sizes)
    cars = np.repeat(moments, sizes) + within * flow.convoy.gap
    # Numbered by convoy, then place in it: a car keeps its number when convoys overlap or the horizon cuts one.
    index = np.flatnonzero(cars < plan.horizon_ms)
    return index, cars[index]


def _diverts(shared: _Shared, flow_plan: DrawingPlan, index: Times, arrivals: Times) -> Mask:
    """True for vehicles that go to another port: a share, by each one's own draw, of those in lasting closures."""
    rule = flow_plan.flow.diversion
    if rule is None or not arrivals.size:
        return np.zeros(arrivals.size, dtype=bool)
    names = rule.while_
    if names is None:
        span = shared.plan.scenario.ports[flow_plan.name.port].routes[flow_plan.flow.route].passage
        assert span is not None and span.clock is not None
        names = (span.clock,)
    shut = reduce(
        calendars.intersect, [shared.closings.closed[Ref.seen_from(flow_plan.name.port, name)] for name in names]
    )
    lasting = shut + np.asarray([rule.after, 0])
    lasting = lasting[lasting[:, 0] < lasting[:, 1]]
    draw = shared.streams.uniforms(flow_plan.name, "diversion", int(index[-1]) + 1)[index]
    return np.asarray(calendars.inside(lasting, arrivals) & (draw < rule.share))


def _draw_adoptions(flow_plan: DrawingPlan, draws: Draws, consignment: Times) -> dict[str, Mask]:
    """Adopters of each policy; one that changes how consignments declare is adopted by whole consignments."""
    adopted = {}
    for plan in flow_plan.adoptions:
        if plan.share >= 1:
            adopted[plan.policy] = np.ones(draws.index.size, dtype=bool)
        elif plan.together:
            all_draws = draws.streams.uniforms(draws.owner, f"{plan.policy}.adopted", draws.total)
            first = _first_of_consignment(flow_plan, draws.index, consignment)
            adopted[plan.policy] = all_draws[first] < plan.share
        else:
            adopted[plan.policy] = draws.happens[f"{plan.policy}.adopted"]
    return adopted


def _first_of_consignment(flow_plan: DrawingPlan, index: Times, consignment: Times) -> Times:
    """Number of the first vehicle of each vehicle's consignment, whether or not that one set out."""
    if flow_plan.trace.consignment is None and flow_plan.source is None:
        return consignment * flow_plan.flow.consignment
    _, first, member = np.unique(consignment, return_index=True, return_inverse=True)
    return np.asarray(index[first][member])


def _draw_marks(flow_plan: DrawingPlan, draws: Draws, adopted: dict[str, Mask]) -> dict[str, Mask]:
    inspection = flow_plan.inspection
    marks = draw_carriers(flow_plan, inspection, draws) if inspection else {}
    for mark in flow_plan.marks:
        if mark.name in flow_plan.trace.marks:
            marks[mark.name] = flow_plan.trace.marks[mark.name][draws.index]
            continue
        if mark.name in draws.happens:
            marks[mark.name] = draws.happens[mark.name]
            continue
        rates = Rates([mark.share])
        for amendment in mark.amendments:
            rates = rates.amended(amendment, adopted[amendment.policy])
        by_vehicle = by_risk(inspection, rates, marks) if inspection and mark.name == "selected" else rates.by_vehicle()
        marks[mark.name] = draws.uniform(mark.name) < by_vehicle
    return marks | draw_finds(flow_plan, inspection, draws, marks) if inspection else marks


@dataclass(frozen=True)
class _Loads:
    """Loads of vehicles, tonnes; arrays of shape (vehicles,).

    Attributes
    ----------
    payload_t : float64
        All loads together.
    apart_t : dict of float64
        Those that a station clears apart, by station.
    along_t : float64
        Those that leave with a driver who gives up though the others wait.
    along_apart_t : dict of float64
        Those of ``apart_t`` that do.
    """

    payload_t: Array
    apart_t: dict[Ref, Array]
    along_t: Array
    along_apart_t: dict[Ref, Array]

    @classmethod
    def undivided(cls, payload_t: Array) -> _Loads:
        """Loads of which nothing is known but their sum."""
        return cls(payload_t, {}, np.zeros(payload_t.shape), {})


def _draw_loads(
    plan: ManifestPlan,
    flow_plan: DrawingPlan,
    draws: Draws,
    arrivals: Times,
    marks: dict[str, Mask],
    adopted: dict[str, Mask],
) -> _Loads:
    """The loads of each vehicle; a cap holds for each load, since they are carried one after the other."""
    most = _caps(plan, flow_plan, arrivals, adopted)
    observed = flow_plan.trace.payload_t
    if observed is not None:
        return _Loads.undivided(np.minimum(observed[draws.index], most))
    loads = _Loads.undivided(np.zeros(draws.index.size))
    patience = flow_plan.flow.patience
    for name, load in flow_plan.flow.payload.items():
        loaded = np.arange(arrivals.size) if load.if_ is None else marks[load.if_].nonzero()[0]
        tonnes = load.law.at(draws.luck(f"payload.{name}", draws.index.take(loaded)))
        tonnes = np.minimum(tonnes, np.broadcast_to(most, arrivals.shape)[loaded])
        loads.payload_t[loaded] += tonnes
        along = patience is not None and name in patience.goes_along
        loads.along_t[loaded] += tonnes * along
        if load.cleared_after is not None:
            station = Ref.seen_from(flow_plan.name.port, load.cleared_after)
            loads.apart_t.setdefault(station, np.zeros(arrivals.size))[loaded] += tonnes
            loads.along_apart_t.setdefault(station, np.zeros(arrivals.size))[loaded] += tonnes * along
    return loads


def _caps(plan: ManifestPlan, flow_plan: DrawingPlan, arrivals: Times, adopted: dict[str, Mask]) -> Array:
    """Most that each vehicle may carry at a time, tonnes; one number for all if nothing limits anybody."""
    most = np.asarray(np.inf)
    for cap in flow_plan.caps:
        days = calendars.local_days(port_zone(plan.scenario, flow_plan.name.port), plan.scenario.horizon)
        start, stop = days.window(cap.first_day, cap.last_day)
        capped = adopted[cap.policy] & (arrivals >= start) & (arrivals < stop)
        most = np.minimum(most, np.where(capped, cap.most_t, np.inf))
    return most


def _value(flow_plan: DrawingPlan, index: Times, payload: Array) -> Array:
    if flow_plan.trace.value_cny is not None:
        return flow_plan.trace.value_cny[index]
    if flow_plan.flow.value is None:
        return np.zeros(payload.size)
    amount, per = flow_plan.flow.value
    return payload * amount if per == "t" else np.full(payload.size, amount)


def _draw_work(flow_plan: DrawingPlan, draws: Draws, marks: dict[str, Mask], adopted: dict[str, Mask]) -> Times:
    """Work of each task for each vehicle in ms, shape (tasks, vehicles); see `borderport.deviates.fill_work`."""
    plan, vehicles = flow_plan.work, draws.index.size
    rows = [np.arange(vehicles) if not names else _with_marks(names, marks) for names in plan.groups]
    out = np.empty((len(plan.keys), vehicles), dtype=np.int64)
    fill_work(
        (plan.group, plan.first, plan.steps),
        draws.streams.states(draws.owner, plan.purposes),
        np.cumsum([0, *(group.size for group in rows)]),
        np.concatenate([NO_ROWS, *rows]),
        draws.index,
        np.asarray(list(adopted.values()), dtype=bool).reshape(len(adopted), vehicles),
        _given_work(flow_plan, draws),
        np.empty(draws.total),
        np.empty(vehicles),
        out,
    )
    return out


def _with_marks(names: tuple[str, ...], marks: dict[str, Mask]) -> Times:
    """Places of the vehicles that have all of some marks."""
    return reduce(np.logical_and, [marks[name] for name in names]).nonzero()[0]


def _given_work(flow_plan: DrawingPlan, draws: Draws) -> Array:
    """Work that was seen, and that of laws which are not compiled; shape (givens, vehicles)."""
    plan, trace = flow_plan.work, flow_plan.trace
    table = np.empty((len(plan.givens), draws.index.size))
    for row, given in zip(table, plan.givens, strict=True):
        purpose = plan.purposes[given.task]
        if isinstance(given.values, str):
            row[:] = trace.work_ms[given.values][draws.index]
        else:
            assert purpose is not None
            row[:] = given.values.at(draws.luck(purpose))
    return table
