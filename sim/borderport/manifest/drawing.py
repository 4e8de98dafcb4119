"""One replication: every vehicle with every random number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from borderport import calendars
from borderport.calendars import NEVER, Times, Windows
from borderport.deviates import fill_work
from borderport.distributions import Array
from borderport.manifest.arrivals import convoy_sizes, port_zone
from borderport.manifest.closures import draw_breakdowns, draw_closures, draw_slow_days
from borderport.manifest.draws import Draws, Rates
from borderport.manifest.inspection import by_risk, draw_carriers, draw_finds
from borderport.manifest.plans import FlowPlan, ManifestPlan, closed_windows, full_name, purpose_of
from borderport.manifest.values import Diverted, FlowManifest, Manifest, Mask
from borderport.scenario import Flow, HourProfile
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
    shared = _Shared(plan, streams, closed)
    for port, p in plan.scenario.ports.items():
        for name in p.calendars:
            if f"{port}.{name}" not in closed:
                closed[f"{port}.{name}"] = closed_windows(closures, p, port, name)
    flows: dict[str, FlowManifest] = {}
    for flow_plan in plan.flows:
        origin = flow_plan.leader or flow_plan.source
        flows[flow_plan.name] = _draw_flow(shared, flow_plan, flows[origin] if origin else None)
    ordered = {name: flows[name] for name in plan.scenario.flows()}
    slow_days, broken = draw_slow_days(plan, streams), draw_breakdowns(plan, streams)
    return Manifest(seed, replication, ordered, closed, slow_days, broken)


@dataclass(frozen=True)
class _Shared:
    """What the draws of all flows of one replication share.

    Attributes
    ----------
    plan : ManifestPlan
    streams : Streams
    closed : dict of int64 arrays, shape (windows, 2)
        As in `Manifest`.
    shut : dict of int64 arrays, shape (windows, 2)
        By port and calendars: when any of them is closed; worked out when first asked for.
    """

    plan: ManifestPlan
    streams: Streams
    closed: dict[str, Windows]
    shut: dict[tuple[str, ...], Windows] = field(default_factory=dict)

    def any_closed(self, port: str, names: tuple[str, ...]) -> Windows:
        """When any calendar of a port is closed."""
        key = (port, *names)
        if key not in self.shut:
            self.shut[key] = calendars.merge(np.concatenate([self.closed[f"{port}.{name}"] for name in names]))
        return self.shut[key]


def _draw_flow(shared: _Shared, flow_plan: FlowPlan, origin: FlowManifest | None) -> FlowManifest:
    """Draw one flow; ``origin`` is the flow of its leaders, or the one that its diverted vehicles left."""
    plan, streams = shared.plan, shared.streams
    name, flow = flow_plan.name, flow_plan.flow
    came = _coming_from(plan, origin) if origin is not None and flow_plan.leader is None else None
    taken = came or origin
    index, arrivals = (taken.index, taken.arrival_ms) if taken else _draw_arrivals(plan, flow_plan, streams)
    total = int(index[-1]) + 1 if index.size else 0
    out = np.ones(index.size, dtype=bool)
    if origin is None:
        out = _sets_out(shared, flow_plan, index, arrivals)
    held_back, diverted = arrivals[~out], None
    if flow.diversion is not None:
        away = _diverts(shared, flow_plan, index, arrivals)
        held_back = arrivals[~out & ~away]
        out &= ~away
        diverted = _draw_diverted(
            plan, flow_plan, Draws.of(streams, name, total, index[away], flow_plan.chances), arrivals[away]
        )
    set_out = out.nonzero()[0]
    arrivals, index = arrivals.take(set_out), index.take(set_out)
    draws = Draws.of(streams, name, total, index, flow_plan.chances)
    consignment = _consignments(flow_plan, index) if came is None else came.consignment
    adopted = _draw_adoptions(flow_plan, draws, consignment)
    marks = _draw_marks(flow_plan, draws, adopted)
    payload = _draw_payload(plan, flow_plan, draws, arrivals, marks, adopted) if came is None else came.payload_t
    return FlowManifest(
        name=name,
        index=index,
        arrival_ms=arrivals,
        payload_t=payload,
        value_cny=_value(flow_plan, index, payload) if came is None else came.value_cny,
        marks=marks,
        adopted=adopted,
        tasks=flow_plan.work.keys,
        work=_draw_work(flow_plan, draws, marks, adopted),
        deadline_ms=_draw_deadlines(flow, draws, arrivals),
        consignment=consignment,
        held_back=held_back,
        diverted=diverted,
    )


def _consignments(flow_plan: FlowPlan, index: Times) -> Times:
    """Number of each vehicle's consignment."""
    observed, size = flow_plan.trace.consignment, flow_plan.flow.consignment
    if observed is not None:
        return observed[index]
    return index if size == 1 else index // size


def _draw_diverted(plan: ManifestPlan, flow_plan: FlowPlan, draws: Draws, arrivals: Times) -> Diverted:
    """What those who go to another port take along: loads, values and consignments as drawn in the flow they leave."""
    consignment = _consignments(flow_plan, draws.index)
    adopted = _draw_adoptions(flow_plan, draws, consignment)
    marks = _draw_marks(flow_plan, draws, adopted)
    payload = _draw_payload(plan, flow_plan, draws, arrivals, marks, adopted)
    return Diverted(draws.index, arrivals, payload, _value(flow_plan, draws.index, payload), consignment)


def _coming_from(plan: ManifestPlan, origin: FlowManifest) -> Diverted:
    """The vehicles that left another flow, as they come here: after their detour, those within the horizon."""
    left, rule = origin.diverted, plan.scenario.flows()[origin.name].diversion
    assert left is not None and rule is not None
    arrivals = left.arrival_ms + rule.detour
    here = arrivals < plan.horizon_ms
    return Diverted(
        left.index[here], arrivals[here], left.payload_t[here], left.value_cny[here], left.consignment[here]
    )


def _draw_arrivals(plan: ManifestPlan, flow_plan: FlowPlan, streams: Streams) -> tuple[Times, Times]:
    """Numbers and arrival moments, by inversion of Λ, of all vehicles that would set out within the horizon."""
    rate, flow = flow_plan.rate, flow_plan.flow
    if flow_plan.trace.arrival_ms.size:
        moments = flow_plan.trace.arrival_ms + plan.scenario.horizon.lead_in
        index = np.flatnonzero(moments < plan.horizon_ms)
        return index, moments[index]
    if rate is None or rate.expected[-1] <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if flow.arrivals == "fixed":
        count = round(rate.expected[-1])
        positions = np.sort(streams.uniforms(flow_plan.name, "arrivals", count)) * rate.expected[-1]
        moments = rate.inverse(positions)
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


def _diverts(shared: _Shared, flow_plan: FlowPlan, index: Times, arrivals: Times) -> Mask:
    """Which vehicles go to another port: a share, by each one's own draw, of those in closures that have lasted."""
    rule = flow_plan.flow.diversion
    if rule is None or not arrivals.size:
        return np.zeros(arrivals.size, dtype=bool)
    names = rule.while_
    if names is None:
        span = shared.plan.scenario.ports[flow_plan.port].routes[flow_plan.flow.route].passage
        assert span is not None and span.clock is not None
        names = (span.clock,)
    shut = reduce(calendars.intersect, [shared.closed[full_name(flow_plan.port, name)] for name in names])
    lasting = shut + np.asarray([rule.after, 0])
    lasting = lasting[lasting[:, 0] < lasting[:, 1]]
    draw = shared.streams.uniforms(flow_plan.name, "diversion", int(index[-1]) + 1)[index]
    return np.asarray(calendars.inside(lasting, arrivals) & (draw < rule.share))


def _sets_out(shared: _Shared, flow_plan: FlowPlan, index: Times, arrivals: Times) -> Mask:
    """Which vehicles set out at all: those observed, and in long closures a share by each vehicle's own draw."""
    rule = flow_plan.flow.holding_back
    out = np.ones(arrivals.size, dtype=bool)
    if rule is None or flow_plan.trace.arrival_ms.size or not arrivals.size:
        return out
    port, hours = shared.plan.scenario.ports[flow_plan.port], flow_plan.flow.hours
    names = (hours.calendar,) if isinstance(hours, HourProfile) else tuple(port.calendars)
    shut = shared.any_closed(flow_plan.port, names)
    long = shut[shut[:, 1] - shut[:, 0] > rule.closures_over]
    caught = calendars.inside(long, arrivals).nonzero()[0]
    if caught.size:
        numbers = index[caught]
        draw = shared.streams.uniforms(flow_plan.name, "sets_out", int(numbers.max()) + 1)
        out[caught] = draw[numbers] < rule.sets_out
    return out


def _draw_adoptions(flow_plan: FlowPlan, draws: Draws, consignment: Times) -> dict[str, Mask]:
    """Who adopts each policy; one that changes how consignments declare is adopted by whole consignments."""
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


def _first_of_consignment(flow_plan: FlowPlan, index: Times, consignment: Times) -> Times:
    """Number of the first vehicle of each vehicle's consignment, whether or not that one set out."""
    if flow_plan.trace.consignment is None and flow_plan.source is None:
        return consignment * flow_plan.flow.consignment
    _, first, member = np.unique(consignment, return_index=True, return_inverse=True)
    return np.asarray(index[first][member])


def _draw_marks(flow_plan: FlowPlan, draws: Draws, adopted: dict[str, Mask]) -> dict[str, Mask]:
    inspection = flow_plan.inspection
    marks = draw_carriers(flow_plan, inspection, draws) if inspection else {}
    for mark in flow_plan.marks:
        if mark.name in flow_plan.trace.marks:
            marks[mark.name] = flow_plan.trace.marks[mark.name][draws.index]
            continue
        if mark.purpose in draws.happens:
            marks[mark.name] = draws.happens[mark.purpose]
            continue
        rates = Rates([mark.share])
        for amendment in mark.amendments:
            rates = rates.amended(amendment, adopted[amendment.policy])
        by_vehicle = by_risk(inspection, rates, marks) if inspection and mark.name == "selected" else rates.by_vehicle()
        marks[mark.name] = draws.uniform(mark.purpose) < by_vehicle
    return marks | draw_finds(flow_plan, inspection, draws, marks) if inspection else marks


def _draw_payload(
    plan: ManifestPlan,
    flow_plan: FlowPlan,
    draws: Draws,
    arrivals: Times,
    marks: dict[str, Mask],
    adopted: dict[str, Mask],
) -> Array:
    """All loads of each vehicle together; a cap holds for each load, since they are carried one after the other."""
    most = _caps(plan, flow_plan, arrivals, adopted)
    observed = flow_plan.trace.payload_t
    if observed is not None:
        return np.minimum(observed[draws.index], most)
    total = np.zeros(draws.index.size)
    for name, load in flow_plan.flow.payload.items():
        purpose = purpose_of("payload", f"payload.{name}")
        if load.if_ is None:
            total += np.minimum(load.law.at(draws.luck(purpose)), most)
        else:
            loaded = marks[load.if_].nonzero()[0]
            tonnes = load.law.at(draws.luck(purpose, draws.index.take(loaded)))
            total[loaded] += np.minimum(tonnes, np.broadcast_to(most, total.shape)[loaded])
    return total


def _caps(plan: ManifestPlan, flow_plan: FlowPlan, arrivals: Times, adopted: dict[str, Mask]) -> Array:
    """Most that each vehicle may carry at a time, tonnes; one number for all if nothing limits anybody."""
    most = np.asarray(np.inf)
    for cap in flow_plan.caps:
        days = calendars.local_days(port_zone(plan.scenario, flow_plan.port), plan.scenario.horizon)
        start, stop = days.window(cap.first_day, cap.last_day)
        capped = adopted[cap.policy] & (arrivals >= start) & (arrivals < stop)
        most = np.minimum(most, np.where(capped, cap.number or 0.0, np.inf))
    return most


def _value(flow_plan: FlowPlan, index: Times, payload: Array) -> Array:
    if flow_plan.trace.value_cny is not None:
        return flow_plan.trace.value_cny[index]
    if flow_plan.flow.value is None:
        return np.zeros(payload.size)
    amount, per = flow_plan.flow.value
    return payload * amount if per == "t" else np.full(payload.size, amount)


def _draw_work(flow_plan: FlowPlan, draws: Draws, marks: dict[str, Mask], adopted: dict[str, Mask]) -> Times:
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


def _given_work(flow_plan: FlowPlan, draws: Draws) -> Array:
    """Work that was seen, and that of laws which are not compiled; shape (givens, vehicles)."""
    plan, trace = flow_plan.work, flow_plan.trace
    table = np.empty((len(plan.givens), draws.index.size))
    for row, given in zip(table, plan.givens, strict=True):
        purpose, key = plan.purposes[given.task], plan.keys[given.task]
        if given.law is None or purpose is None:
            row[:] = trace.work_ms[key.partition(".")[2]][draws.index]
        else:
            row[:] = given.law.at(draws.luck(purpose))
    return table


def _draw_deadlines(flow: Flow, draws: Draws, arrivals: Times) -> Times:
    if flow.patience is None:
        return np.full(arrivals.size, NEVER, dtype=np.int64)
    gives_up = draws.uniform("patience") < flow.patience.share
    return np.where(gives_up, arrivals + flow.patience.after, NEVER)
