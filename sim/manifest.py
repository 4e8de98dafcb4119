"""Scenario + replication → Manifest: all vehicles and all their draws, as arrays.

Nothing to the right of the manifest draws a random number. What does not depend on the replication
(calendars, cumulative arrival rates, mean payloads) is worked out once, in a `ManifestPlan`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from sim import calendars, detection
from sim.calendars import NEVER, Times, Windows
from sim.distributions import Array, Constant, Law
from sim.scenario import Amendment, Closure, Flow, HourProfile, Inspection, Port, RandomDays, Scenario
from sim.streams import Streams
from sim.trace import Trace
from sim.units import MS_PER_DAY, MS_PER_MINUTE

Mask = NDArray[np.bool_]
NO_TRACE = Trace(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Diverted:
    """The vehicles that left a flow for another port; every array has shape (vehicles diverted,).

    Attributes
    ----------
    index : int64
        Number in the flow they left, ascending; they keep it.
    arrival_ms : int64
        When they would have come.
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
    """The vehicles of one flow in one replication, in order of arrival; every array has shape (vehicles,).

    Attributes
    ----------
    name : str
        ``port.flow``.
    index : int64
        The vehicle's number in its flow, the same in every scenario: what pairs vehicles.
    arrival_ms : int64
        Ascending, since time 0.
    payload_t : float64
        All loads together, tonnes.
    value_cny : float64
    marks : dict of bool arrays
        Yes/no attributes, and ``STATION.visited`` for steps with a share of their own.
    adopted : dict of bool arrays
        By policy.
    work_ms : dict of int64 arrays
        By ``port.station.task``: how long the task takes, >= 0; 0 for vehicles that lack its mark.
    deadline_ms : int64
        When the driver gives up; `NEVER` for those who do not.
    consignment : int64
        Number of the consignment within the flow.
    held_back : int64 array, shape (vehicles held back,)
        When those would have come that did not set out because the port was shut.
    diverted : Diverted or None
        Those that went to another port; ``None`` for a flow without a diversion.
    """

    name: str
    index: Times
    arrival_ms: Times
    payload_t: Array
    value_cny: Array
    marks: dict[str, Mask]
    adopted: dict[str, Mask]
    work_ms: dict[str, Times]
    deadline_ms: Times
    consignment: Times
    held_back: Times
    diverted: Diverted | None = None


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
    flows: dict[str, FlowManifest]
    closed: dict[str, Windows]
    slow_days: dict[str, Mask]
    broken: dict[str, Windows] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 over every array: two manifests with one digest hold the same bits."""
        total = hashlib.sha256()

        def add(label: str, values: NDArray[np.generic]) -> None:
            total.update(f"{label}{values.dtype.str}{values.shape}".encode())
            total.update(np.ascontiguousarray(values).tobytes())

        for name, flow in self.flows.items():
            for key in ("index", "arrival_ms", "payload_t", "value_cny", "deadline_ms", "consignment", "held_back"):
                add(f"{name}.{key}", getattr(flow, key))
            for key, values in vars(flow.diverted).items() if flow.diverted is not None else ():
                add(f"{name}.diverted.{key}", values)
            for group in (flow.marks, flow.adopted, flow.work_ms):
                for key, values in group.items():
                    add(f"{name}.{key}", values)
        for owner in (self.closed, self.slow_days, self.broken):
            for key, values in owner.items():
                add(key, values)
        return total.hexdigest()


@dataclass(frozen=True)
class ArrivalRate:
    """Cumulative expected arrivals Λ(t), piecewise linear: ``expected[i]`` vehicles before ``time_ms[i]``."""

    time_ms: Array
    expected: Array

    def inverse(self, counts: Array) -> Times:
        """Moments at which Λ reaches ``counts``, int64 ms."""
        return np.interp(counts, self.expected, self.time_ms).astype(np.int64)


@dataclass(frozen=True)
class TaskPlan:
    """One task of a flow's route: its draw, its law, who does it, and what policies make of it, in their order."""

    key: str
    purpose: str
    law: Law
    marks: tuple[str, ...]
    amendments: tuple[Amendment, ...]

    @cached_property
    def lucky(self) -> bool:
        """Whether the vehicle's luck matters: not if the task always takes the same time."""
        laws = [self.law, *(a.law for a in self.amendments if a.law is not None)]
        return not all(isinstance(law, Constant) for law in laws)


@dataclass(frozen=True)
class InspectionPlan:
    """Who carries contraband and who is selected, by class of traders; the last class is everybody else.

    Attributes
    ----------
    shares, risks, carrying : float64 arrays, shape (classes,)
        Share of the flow's vehicles, relative risk of selection, share of the class that carries contraband.
    bad_load : float
        Chance that a load meant to carry contraband holds a bad item at all.
    """

    rule: Inspection
    shares: Array
    risks: Array
    carrying: Array
    bad_load: float
    known: dict[float, tuple[Array, Array]] = field(default_factory=dict, repr=False, compare=False)

    def selection(self, rate: float) -> tuple[Array, Array]:
        """Rates of selection by class, without and with contraband, for one overall rate; shape (classes,) each."""
        if rate not in self.known:
            self.known[rate] = self._selection(rate)
        return self.known[rate]

    def _selection(self, rate: float) -> tuple[Array, Array]:
        by_class = detection.class_rates(rate, self.shares, self.risks).tolist()
        carrying = (self.carrying * self.bad_load).tolist()
        pairs = [detection.targeted(r, c, self.rule.targeting) for r, c in zip(by_class, carrying, strict=True)]
        return np.asarray([clean for clean, _ in pairs]), np.asarray([found for _, found in pairs])


@dataclass(frozen=True)
class FlowPlan:
    """What a flow's manifest needs that no draw changes."""

    name: str
    port: str
    flow: Flow
    rate: ArrivalRate | None
    mean_convoy: float
    tasks: tuple[TaskPlan, ...]
    visits: tuple[tuple[str, float], ...]
    amendments: tuple[Amendment, ...]
    leader: str | None
    source: str | None
    trace: Trace
    inspection: InspectionPlan | None

    @property
    def rank(self) -> int:
        """When it is drawn: flows of their own, then diverted vehicles, then companions."""
        return 2 if self.leader is not None else int(self.source is not None)


@dataclass(frozen=True)
class ManifestPlan:
    """A scenario made ready for drawing: one `FlowPlan` for each flow, each after the one whose vehicles it takes."""

    scenario: Scenario
    flows: tuple[FlowPlan, ...]
    fixed_closures: dict[str, tuple[Closure, Windows]] = field(repr=False)
    always_closed: dict[str, Windows] = field(repr=False)

    @cached_property
    def horizon_ms(self) -> int:
        """Length of the horizon, lead-in included."""
        return self.scenario.horizon.length_ms()


def plan_manifest(scenario: Scenario) -> ManifestPlan:
    """Work out once what every replication's manifest needs; the scenario has its policies applied."""
    flows = [_plan_flow(scenario, port, name) for port, p in scenario.ports.items() for name in p.flows]
    flows.sort(key=lambda plan: plan.rank)
    fixed = {
        f"{port}.{name}": (closure, _fixed_window(scenario, port, closure))
        for port, p in scenario.ports.items()
        for name, closure in p.closures.items()
        if closure.random is None
    }
    always = {
        f"{port}.{name}": _closed_windows(fixed, p, port, name)
        for port, p in scenario.ports.items()
        for name in p.calendars
        if all(closure.random is None for closure in p.closures.values() if _stops(closure, name))
    }
    return ManifestPlan(scenario, tuple(flows), fixed, always)


def port_zone(scenario: Scenario, port: str) -> str:
    """The zone of a port: its own, or the horizon's."""
    return scenario.ports[port].zone or scenario.horizon.zone


def _full(port: str, reference: str) -> str:
    """``port.name`` of what a port calls ``name`` or ``other_port.name``."""
    return reference if "." in reference else f"{port}.{reference}"


def _fixed_window(scenario: Scenario, port: str, closure: Closure) -> Windows:
    days = calendars.local_days(port_zone(scenario, port), scenario.horizon)
    return calendars.merge(np.asarray([days.window(closure.first_day, closure.last_day)], dtype=np.int64))


def _plan_flow(scenario: Scenario, port: str, name: str) -> FlowPlan:
    flow = scenario.ports[port].flows[name]
    full = f"{port}.{name}"
    amendments = tuple(a for a in scenario.amendments if a.flow == full)
    convoy = 1.0
    if flow.convoy is not None:
        convoy = float(_convoy_sizes(flow, _grid()).mean())
    return FlowPlan(
        name=full,
        port=port,
        flow=flow,
        rate=_arrival_rate(scenario, port, flow),
        mean_convoy=convoy,
        tasks=tuple(_plan_tasks(scenario, port, flow, amendments)),
        visits=_own_shares(scenario, port, flow),
        amendments=amendments,
        leader=f"{port}.{flow.companion_of}" if flow.companion_of else None,
        source=_full(port, flow.diverted_from) if flow.diverted_from else None,
        trace=scenario.traces.get(full, NO_TRACE),
        inspection=_plan_inspection(scenario.inspections[flow.inspection]) if flow.inspection else None,
    )


def _plan_inspection(rule: Inspection) -> InspectionPlan:
    traders = tuple(rule.traders.values())
    shares = np.asarray([*(t.share for t in traders), max(1 - sum(t.share for t in traders), 0.0)])
    risks = np.asarray([*(t.selection for t in traders), 1.0])
    prone = np.asarray([*(t.contraband for t in traders), 1.0])
    return InspectionPlan(
        rule, shares, risks, detection.class_rates(rule.contraband.share, shares, prone), _bad_load(rule)
    )


def _bad_load(rule: Inspection) -> float:
    """Chance that at least one item of a load is bad, over the laws of its size and of its share of bad items."""
    if rule.contraband.bad_share is None:
        return 1.0
    grid = _grid()
    items = _items(rule, grid[::8])
    none = np.log1p(-np.minimum(rule.contraband.bad_share.at(grid), 1 - 1e-12))
    return float(1 - np.exp(items[:, None] * none).mean())


def _items(rule: Inspection, luck: Array) -> Times:
    """Items in each load, at least 1."""
    return np.maximum(np.rint(rule.contraband.items.at(luck)), 1).astype(np.int64)


def _grid() -> Array:
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(4096) + 0.5) / 4096))


def _convoy_sizes(flow: Flow, luck: Array) -> Times:
    assert flow.convoy is not None
    return np.maximum(np.rint(flow.convoy.size.at(luck)).astype(np.int64), 1)


def _own_shares(scenario: Scenario, port: str, flow: Flow) -> tuple[tuple[str, float], ...]:
    steps = scenario.ports[port].routes[flow.route].steps
    return tuple((f"{step.name}.visited", step.share) for step in steps if step.share is not None)


def _plan_tasks(scenario: Scenario, port: str, flow: Flow, amendments: tuple[Amendment, ...]) -> list[TaskPlan]:
    plans: dict[str, TaskPlan] = {}
    for step in scenario.ports[port].routes[flow.route].steps:
        if step.kind != "visit":
            continue
        marks = ((step.if_,) if step.if_ else ()) + ((f"{step.name}.visited",) if step.share is not None else ())
        full, _ = scenario.station(port, step.name)
        moved = [a.text for a in amendments if a.kind == "inland" and a.target == full and a.text]
        for reference in (step.name, *moved):
            owner, station = scenario.station(port, reference)
            for task_name, task in station.tasks.items():
                key = f"{owner}.{task_name}"
                changed = tuple(a for a in amendments if a.kind in ("service", "scale") and a.target == key)
                needed = marks + ((task.if_,) if task.if_ else ())
                # What is moved inland keeps the draw of the station it replaces; another port's station has its own.
                own = reference in moved or owner.startswith(f"{port}.")
                purpose = key.partition(".")[2] if own else key
                plans.setdefault(key, TaskPlan(key, purpose, task.service, needed, changed))
    return list(plans.values())


# --- arrival rates -----------------------------------------------------------------------------------------


def _arrival_rate(scenario: Scenario, port_name: str, flow: Flow) -> ArrivalRate | None:
    """Λ(t) of a flow: day weights (month, weekday, days the calendar opens) times the pattern of a day."""
    if flow.volume is None:
        return None
    port, zone = scenario.ports[port_name], port_zone(scenario, port_name)
    profile = flow.hours
    if isinstance(profile, HourProfile):
        zone = port.calendars[profile.calendar].zone or zone
    days = calendars.local_days(zone, scenario.horizon, 1)  # the hours of the evening before may run on
    amount, period = flow.volume
    if period.endswith(" t"):
        amount, period = amount / _mean_payload(flow), period.removesuffix(" t")
    if period == "year":
        per_day = amount * _yearly_share(scenario, port, flow, days.dates)
    else:
        weight = _day_weights(scenario, port, flow, days.dates)
        mean = weight[weight > 0].mean() if (weight > 0).any() else 1.0
        per_day = amount * (24 if period == "h" else 1) * weight / mean
    start, stop, share = _day_pattern(port, flow)
    begins = days.midnight_ms[:-1, None] + start
    ends = days.midnight_ms[:-1, None] + stop
    if profile is None:  # all day, however long the day is when the clocks change
        ends = days.midnight_ms[1:, None]
    rate = _added_up(begins.ravel(), ends.ravel(), (per_day[:, None] * share).ravel())
    return _cut(rate.time_ms, rate.expected, *_active(scenario, port_zone(scenario, port_name), flow))


def _added_up(begins: Times, ends: Times, amounts: Array) -> ArrivalRate:
    """Λ of stretches with ``amounts`` expected in each, evenly; stretches may overlap."""
    edges = np.unique(np.concatenate([begins, ends]))
    per_ms = amounts / (ends - begins)
    change = np.zeros(edges.size)
    np.add.at(change, np.searchsorted(edges, begins), per_ms)
    np.add.at(change, np.searchsorted(edges, ends), -per_ms)
    level = np.cumsum(change)[:-1]
    level[level < 1e-12 * level.max(initial=0.0)] = 0.0  # what rounding leaves between stretches
    expected = np.concatenate([[0.0], np.cumsum(level * np.diff(edges))])
    return ArrivalRate(edges.astype(np.float64), expected)


def _mean_payload(flow: Flow) -> float:
    return sum(load.law.mean() * (flow.marks[load.if_] if load.if_ else 1.0) for load in flow.payload.values())


def _active(scenario: Scenario, zone: str, flow: Flow) -> tuple[float, float]:
    """From when until when vehicles of a flow arrive, in ms since time 0."""
    from zoneinfo import ZoneInfo

    origin, tz = scenario.horizon.origin().timestamp(), ZoneInfo(zone)
    start, stop = 0.0, float(scenario.horizon.length_ms())
    if flow.active_from is not None:
        start = max(start, (flow.active_from.replace(tzinfo=tz).timestamp() - origin) * 1000)
    if flow.active_until is not None:
        stop = min(stop, (flow.active_until.replace(tzinfo=tz).timestamp() - origin) * 1000)
    return start, max(start, stop)


def _cut(times: Array, expected: Array, start: float, stop: float) -> ArrivalRate:
    """Λ over ``[start, stop]`` only, beginning at 0."""
    low, high = np.interp([start, stop], times, expected)
    keep = (times > start) & (times < stop)
    time_ms = np.concatenate([[start], times[keep], [stop]])
    level = np.concatenate([[low], expected[keep], [high]]) - low
    # A flat stretch has no inverse: arrivals happen only where Λ rises, so the later end of it is taken.
    rises = np.concatenate([[True], np.diff(level) > 0])
    rises[:-1] |= rises[1:]
    return ArrivalRate(time_ms[rises], level[rises])


def _month_weights(scenario: Scenario, flow: Flow) -> Array:
    months = scenario.profiles[flow.months] if isinstance(flow.months, str) else flow.months
    return np.ones(12) if months is None else np.asarray(months, dtype=np.float64)


def _day_weights(scenario: Scenario, port: Port, flow: Flow, dates: NDArray[np.datetime64]) -> Array:
    """Relative expected arrivals of each date. A month's weight is shared by its days, so months add up as given."""
    month = dates.astype("datetime64[M]")
    number = month.astype(np.int64) % 12
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    weight = np.ones(dates.shape)
    if flow.months is not None:
        weight = _month_weights(scenario, flow)[number] / length
    if flow.weekdays is not None:
        weight = weight * np.asarray(flow.weekdays)[calendars.weekday_of(dates)]
    if isinstance(flow.hours, HourProfile):
        weight = weight * calendars.open_days(port.calendars[flow.hours.calendar], dates)
    return weight


def _yearly_share(scenario: Scenario, port: Port, flow: Flow, dates: NDArray[np.datetime64]) -> Array:
    """Each date's share of its calendar year's volume; a flow active for part of a year has it all in that part."""
    share = np.zeros(dates.shape)
    for year in np.unique(dates.astype("datetime64[Y]")):
        whole = np.arange(year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]"))
        active = np.ones(whole.shape, dtype=bool)
        if flow.active_from is not None:
            active &= whole >= np.datetime64(flow.active_from.date())
        if flow.active_until is not None:
            active &= whole < np.datetime64(flow.active_until)
        weight = _day_weights(scenario, port, flow, whole) * active
        here = dates.astype("datetime64[Y]") == year
        total = weight.sum()
        if total > 0:
            share[here] = weight[(dates[here] - whole[0]).astype(np.int64)] / total
    return share


def _day_pattern(port: Port, flow: Flow) -> tuple[Times, Times, Array]:
    """Stretches of a day, from and to in ms since midnight, and the share of the day's arrivals in each."""
    if flow.hours is None:
        return np.zeros(1, dtype=np.int64), np.full(1, MS_PER_DAY), np.ones(1)
    if not isinstance(flow.hours, HourProfile):
        weight = np.asarray(flow.hours, dtype=np.float64)
        hour = np.arange(24) * 60 * MS_PER_MINUTE
        return hour, hour + 60 * MS_PER_MINUTE, weight / weight.sum()
    profile = flow.hours
    windows = sorted(port.calendars[profile.calendar].open)
    open_ms = sum(stop - start for start, stop in windows) * MS_PER_MINUTE
    first = min(profile.first, open_ms)
    rest = open_ms - first
    early, late = (profile.share, 1 - profile.share) if rest else (1.0, 0.0)
    stretches = []
    passed = 0
    for start, stop in windows:
        begin, end = start * MS_PER_MINUTE, stop * MS_PER_MINUTE
        split = begin + min(max(first - passed, 0), end - begin)
        for left, right, share, length in ((begin, split, early, first), (split, end, late, rest)):
            if right > left:
                stretches.append((left, right, share * (right - left) / length))
        passed += end - begin
    left_ms, right_ms, shares = (np.asarray(column) for column in zip(*stretches, strict=True))
    return left_ms, right_ms, shares


# --- drawing -----------------------------------------------------------------------------------------------


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
    closures = _draw_closures(plan, streams)
    closed = dict(plan.always_closed)
    for port, p in plan.scenario.ports.items():
        for name in p.calendars:
            if f"{port}.{name}" not in closed:
                closed[f"{port}.{name}"] = _closed_windows(closures, p, port, name)
    flows: dict[str, FlowManifest] = {}
    for flow_plan in plan.flows:
        origin = flow_plan.leader or flow_plan.source
        flows[flow_plan.name] = _draw_flow(plan, flow_plan, closed, flows[origin] if origin else None, streams)
    ordered = {name: flows[name] for name in plan.scenario.flows()}
    slow_days, broken = _draw_slow_days(plan, streams), _draw_breakdowns(plan, streams)
    return Manifest(seed, replication, ordered, closed, slow_days, broken)


def _draw_closures(plan: ManifestPlan, streams: Streams) -> dict[str, tuple[Closure, Windows]]:
    drawn = {}
    for port, p in plan.scenario.ports.items():
        for name, closure in p.closures.items():
            full = f"{port}.{name}"
            if closure.random is None:
                drawn[full] = plan.fixed_closures[full]
            else:
                drawn[full] = (closure, _random_windows(plan, port, full, closure.random, streams))
    return drawn


def _random_windows(plan: ManifestPlan, port: str, full: str, rule: RandomDays, streams: Streams) -> Windows:
    """Closures at random, whole days from local midnight; by count they never overlap."""
    days = calendars.local_days(port_zone(plan.scenario, port), plan.scenario.horizon)
    start, stop = days.window(rule.first_day, rule.last_day)
    midnights = days.midnight_ms[:-1][(days.midnight_ms[:-1] >= start) & (days.midnight_ms[:-1] < stop)]
    if rule.daily_share is not None:
        shut = streams.uniforms(full, "closed", days.dates.size) < rule.daily_share
        first = days.midnight_ms[:-1]
        keep = shut & (days.midnight_ms[1:] > start) & (first < stop)
        return calendars.merge(np.stack([first[keep], days.midnight_ms[1:][keep]], axis=1))
    assert rule.length is not None
    if rule.every is not None:
        gaps = streams.generator(full, "start").exponential(rule.every, 10_000)
        begins = start + np.cumsum(gaps)
        begins = begins[begins < stop].astype(np.int64)
        lengths = rule.length.at(streams.lucks(full, "length", 10_000))[: begins.size]
    else:
        count = rule.count or 0
        lengths = rule.length.at(streams.lucks(full, "length", count))
        room = max(midnights.size - float(np.ceil(lengths / MS_PER_DAY).sum()), 0.0)
        free = np.sort(streams.uniforms(full, "start", count)) * (room + 1)
        before = np.concatenate([[0.0], np.cumsum(np.ceil(lengths / MS_PER_DAY))[:-1]]) if count else free
        day = np.minimum(np.floor(free) + before, midnights.size - 1).astype(np.int64)
        begins = midnights[day] if midnights.size else np.empty(0, dtype=np.int64)
        lengths = lengths[: begins.size]
        if rule.chance is not None:
            happens = streams.uniforms(full, "happens", begins.size) < rule.chance
            begins, lengths = begins[happens], lengths[happens]
    ends = begins + np.rint(lengths).astype(np.int64)
    return calendars.merge(np.stack([begins, ends], axis=1))


def _stops(closure: Closure, calendar: str) -> bool:
    return closure.stops == "all" or calendar in closure.stops


def _closed_windows(closures: dict[str, tuple[Closure, Windows]], port: Port, port_name: str, calendar: str) -> Windows:
    parts = [
        windows
        for name, (closure, windows) in closures.items()
        if name.startswith(f"{port_name}.") and _stops(closure, calendar)
    ]
    return calendars.merge(np.concatenate(parts)) if parts else np.empty((0, 2), dtype=np.int64)


def _draw_slow_days(plan: ManifestPlan, streams: Streams) -> dict[str, Mask]:
    drawn = {}
    for port, p in plan.scenario.ports.items():
        days = calendars.local_days(port_zone(plan.scenario, port), plan.scenario.horizon).dates.size
        for name, pace in p.paces.items():
            if pace.daily_share is not None:
                full = f"{port}.{name}"
                drawn[full] = streams.uniforms(full, "slow", days) < pace.daily_share
    return drawn


def _draw_breakdowns(plan: ManifestPlan, streams: Streams) -> dict[str, Windows]:
    """When resources fail: starts of a Poisson process in wall time, each with its length; overlapping ones join."""
    drawn = {}
    for port, p in plan.scenario.ports.items():
        for name, resource in p.resources.items():
            rule = resource.breakdowns
            if rule is None:
                continue
            generator = streams.generator(port, f"{name}.breakdown")
            begins = _poisson_positions(generator, plan.horizon_ms / rule.every) * rule.every
            lengths = rule.length.at(streams.lucks(port, f"{name}.breakdown.length", begins.size))
            windows = np.stack([begins, begins + lengths], axis=1)
            drawn[f"{port}.{name}"] = calendars.merge(np.rint(windows).astype(np.int64))
    return drawn


def _draw_flow(
    plan: ManifestPlan,
    flow_plan: FlowPlan,
    closed: dict[str, Windows],
    origin: FlowManifest | None,
    streams: Streams,
) -> FlowManifest:
    """Draw one flow; ``origin`` is the flow of its leaders, or the one that its diverted vehicles left."""
    name, flow, trace = flow_plan.name, flow_plan.flow, flow_plan.trace
    came = _coming_from(plan, origin) if origin is not None and flow_plan.leader is None else None
    taken = came or origin
    index, arrivals = (taken.index, taken.arrival_ms) if taken else _draw_arrivals(plan, flow_plan, streams)
    total = int(index[-1]) + 1 if index.size else 0
    out = np.ones(index.size, dtype=bool)
    if origin is None:
        out = _sets_out(plan, flow_plan, closed, index, arrivals, streams)
    held_back, diverted = arrivals[~out], None
    if flow.diversion is not None:
        away = _diverts(plan, flow_plan, closed, index, arrivals, streams)
        held_back = arrivals[~out & ~away]
        out &= ~away
        diverted = _draw_diverted(plan, flow_plan, _Draws(streams, name, total, index[away]), arrivals[away])
    set_out = out.nonzero()[0]
    arrivals, index = arrivals.take(set_out), index.take(set_out)
    draws = _Draws(streams, name, total, index)
    consignment = _consignments(flow_plan, index) if came is None else came.consignment
    adopted = _draw_adoptions(plan, flow_plan, draws, consignment)
    marks = _draw_marks(flow_plan, draws, adopted)
    payload = _draw_payload(plan, flow_plan, draws, arrivals, marks, adopted) if came is None else came.payload_t
    observed = {
        key: trace.work_ms[short]
        for key in (t.key for t in flow_plan.tasks)
        if (short := key.partition(".")[2]) in trace.work_ms
    }
    vehicles = {
        names: _Vehicles.with_marks(names, draws, marks, adopted) for names in {task.marks for task in flow_plan.tasks}
    }
    return FlowManifest(
        name=name,
        index=index,
        arrival_ms=arrivals,
        payload_t=payload,
        value_cny=_value(flow_plan, index, payload) if came is None else came.value_cny,
        marks=marks,
        adopted=adopted,
        work_ms={t.key: _draw_work(t, draws, vehicles[t.marks], observed.get(t.key)) for t in flow_plan.tasks},
        deadline_ms=_draw_deadlines(flow, draws, arrivals),
        consignment=consignment,
        held_back=held_back,
        diverted=diverted,
    )


def _consignments(flow_plan: FlowPlan, index: Times) -> Times:
    """Number of each vehicle's consignment."""
    observed = flow_plan.trace.consignment
    return index // flow_plan.flow.consignment if observed is None else observed[index]


def _draw_diverted(plan: ManifestPlan, flow_plan: FlowPlan, draws: _Draws, arrivals: Times) -> Diverted:
    """What those who go to another port take along: loads, values and consignments as drawn in the flow they leave."""
    consignment = _consignments(flow_plan, draws.index)
    adopted = _draw_adoptions(plan, flow_plan, draws, consignment)
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


@dataclass(frozen=True)
class _Draws:
    """The draws of one flow: numbers for all its vehicles are drawn, those of the ``index`` taken."""

    streams: Streams
    owner: str
    total: int
    index: Times

    @property
    def whole(self) -> bool:
        return self.index.size == self.total

    def uniform(self, purpose: str) -> Array:
        drawn = self.streams.uniforms(self.owner, purpose, self.total)
        return drawn if self.whole else drawn.take(self.index)

    def luck(self, purpose: str, vehicles: _Vehicles | None = None) -> Array:
        """Of some vehicles, or of all."""
        drawn = self.streams.lucks(self.owner, purpose, self.total)
        index = self.index if vehicles is None else vehicles.index
        return drawn if index.size == self.total else drawn.take(index)


@dataclass(frozen=True)
class _Vehicles:
    """Those of a flow that have all of some marks.

    Attributes
    ----------
    rows : int64 array or None
        Their places among all that set out; None if they are all of them.
    index : int64 array
        Their numbers in the flow.
    adopted : dict of bool arrays
        Of all that set out, by policy.
    takers : dict of (int64 array or slice)
        Places among these vehicles of those that adopt a policy; worked out when first asked for.
    """

    rows: Times | None
    index: Times
    adopted: dict[str, Mask]
    takers: dict[str, Times | slice] = field(default_factory=dict)

    @classmethod
    def with_marks(
        cls, names: tuple[str, ...], draws: _Draws, marks: dict[str, Mask], adopted: dict[str, Mask]
    ) -> _Vehicles:
        """Choose vehicles by their marks."""
        if not names:
            return cls(None, draws.index, adopted)
        has = marks[names[0]]
        for name in names[1:]:
            has = has & marks[name]
        rows = has.nonzero()[0]
        return cls(rows, draws.index.take(rows), adopted)

    def who_adopt(self, policy: str) -> Times | slice:
        """Places of those that adopt a policy."""
        if policy not in self.takers:
            takes = self.adopted[policy] if self.rows is None else self.adopted[policy].take(self.rows)
            self.takers[policy] = slice(None) if takes.all() else takes.nonzero()[0]
        return self.takers[policy]


def _draw_arrivals(plan: ManifestPlan, flow_plan: FlowPlan, streams: Streams) -> tuple[Times, Times]:
    """Numbers and arrival moments, by inversion of Λ, of all vehicles that would set out within the horizon."""
    rate, flow = flow_plan.rate, flow_plan.flow
    if flow_plan.trace.arrival_ms.size:
        moments = flow_plan.trace.arrival_ms + plan.scenario.horizon.lead_in
        index = np.flatnonzero(moments < plan.horizon_ms)
        return index, moments[index]
    if rate is None or rate.expected[-1] <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    groups = rate.expected / flow_plan.mean_convoy
    scaled = ArrivalRate(rate.time_ms, groups)
    generator = streams.generator(flow_plan.name, "arrivals")
    if flow.arrivals == "fixed":
        positions = np.sort(generator.random(round(groups[-1]))) * groups[-1]
    else:
        positions = _poisson_positions(generator, groups[-1])
    moments = scaled.inverse(positions)
    if flow.convoy is None:
        return np.arange(moments.size), moments
    sizes = _convoy_sizes(flow, streams.lucks(flow_plan.name, "convoy", moments.size))
    first = np.cumsum(sizes) - sizes
    within = np.arange(int(sizes.sum())) - np.repeat(first, sizes)
    cars = np.repeat(moments, sizes) + within * flow.convoy.gap
    # Numbered by convoy, then place in it: a car keeps its number when convoys overlap or the horizon cuts one.
    index = np.flatnonzero(cars < plan.horizon_ms)
    return index, cars[index]


def _poisson_positions(generator: np.random.Generator, expected: float) -> Array:
    """Points of a unit-rate Poisson process on [0, expected): sums of exponential gaps, always from the first."""
    parts: list[Array] = []
    reached, chunk = 0.0, int(expected + 6 * expected**0.5 + 16)
    while reached < expected:
        points = np.cumsum(generator.standard_exponential(chunk))
        points += reached
        parts.append(points)
        reached, chunk = float(points[-1]), 64
    drawn = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return drawn[: np.searchsorted(drawn, expected)]


def _diverts(
    plan: ManifestPlan,
    flow_plan: FlowPlan,
    closed: dict[str, Windows],
    index: Times,
    arrivals: Times,
    streams: Streams,
) -> Mask:
    """Which vehicles go to another port: a share, by each one's own draw, of those in closures that have lasted."""
    rule = flow_plan.flow.diversion
    if rule is None or not arrivals.size:
        return np.zeros(arrivals.size, dtype=bool)
    names = rule.while_
    if names is None:
        span = plan.scenario.ports[flow_plan.port].routes[flow_plan.flow.route].passage
        assert span is not None and span.clock is not None
        names = (span.clock,)
    shut = reduce(calendars.intersect, [closed[_full(flow_plan.port, name)] for name in names])
    lasting = shut + np.asarray([rule.after, 0])
    lasting = lasting[lasting[:, 0] < lasting[:, 1]]
    draw = streams.uniforms(flow_plan.name, "diversion", int(index[-1]) + 1)[index]
    return np.asarray(calendars.inside(lasting, arrivals) & (draw < rule.share))


def _sets_out(
    plan: ManifestPlan,
    flow_plan: FlowPlan,
    closed: dict[str, Windows],
    index: Times,
    arrivals: Times,
    streams: Streams,
) -> Mask:
    """Which vehicles set out at all: those observed, and in long closures a share by each vehicle's own draw."""
    rule = flow_plan.flow.holding_back
    out = np.ones(arrivals.size, dtype=bool)
    if rule is None or flow_plan.trace.arrival_ms.size or not arrivals.size:
        return out
    port = plan.scenario.ports[flow_plan.port]
    hours = flow_plan.flow.hours
    names = [hours.calendar] if isinstance(hours, HourProfile) else list(port.calendars)
    shut = calendars.merge(np.concatenate([closed[f"{flow_plan.port}.{name}"] for name in names]))
    long = shut[shut[:, 1] - shut[:, 0] > rule.closures_over]
    caught = calendars.inside(long, arrivals).nonzero()[0]
    if caught.size:
        draw = streams.uniforms(flow_plan.name, "sets_out", int(index[-1]) + 1)
        out[caught] = draw[index[caught]] < rule.sets_out
    return out


def _draw_adoptions(plan: ManifestPlan, flow_plan: FlowPlan, draws: _Draws, consignment: Times) -> dict[str, Mask]:
    """Who adopts each policy; one that changes how consignments declare is adopted by whole consignments."""
    adopted = {}
    for policy in dict.fromkeys(a.policy for a in flow_plan.amendments):
        share = plan.scenario.adoptions[policy]
        if share >= 1:
            adopted[policy] = np.ones(draws.index.size, dtype=bool)
            continue
        if any(a.kind == "once_per" and a.policy == policy for a in flow_plan.amendments):
            all_draws = draws.streams.uniforms(draws.owner, f"{policy}.adopted", draws.total)
            adopted[policy] = all_draws[_first_of_consignment(flow_plan, draws.index, consignment)] < share
        else:
            adopted[policy] = draws.uniform(f"{policy}.adopted") < share
    return adopted


def _first_of_consignment(flow_plan: FlowPlan, index: Times, consignment: Times) -> Times:
    """Number of the first vehicle of each vehicle's consignment, whether or not that one set out."""
    if flow_plan.trace.consignment is None and flow_plan.source is None:
        return consignment * flow_plan.flow.consignment
    _, first, member = np.unique(consignment, return_index=True, return_inverse=True)
    return np.asarray(index[first][member])


def _draw_marks(flow_plan: FlowPlan, draws: _Draws, adopted: dict[str, Mask]) -> dict[str, Mask]:
    inspection = flow_plan.inspection
    marks = _draw_carriers(flow_plan, inspection, draws) if inspection else {}
    for mark, share in (*flow_plan.flow.marks.items(), *flow_plan.visits):
        if mark in flow_plan.trace.marks:
            marks[mark] = flow_plan.trace.marks[mark][draws.index]
            continue
        rate: float | Array = share
        for amendment in flow_plan.amendments:
            if amendment.kind in ("share", "scale_share") and amendment.target == mark and amendment.number is not None:
                after = amendment.number if amendment.kind == "share" else rate * amendment.number
                rate = np.where(adopted[amendment.policy], after, rate)
        if inspection and mark == "selected":
            rate = _by_risk(inspection, rate, marks)
        marks[mark] = draws.uniform(mark) < rate
    return marks | _draw_finds(flow_plan, inspection, draws, marks) if inspection else marks


def _draw_carriers(flow_plan: FlowPlan, plan: InspectionPlan, draws: _Draws) -> dict[str, Mask]:
    """Each vehicle's class of traders, and whether it carries contraband."""
    observed = flow_plan.trace.marks
    place = np.full(draws.index.size, plan.shares.size - 1)
    if plan.rule.traders:
        place = np.searchsorted(np.cumsum(plan.shares)[:-1], draws.uniform("trader"), side="right")
    marks = {name: place == number for number, name in enumerate(plan.rule.traders)}
    marks |= {name: observed[name][draws.index] for name in plan.rule.traders if name in observed}
    if "contraband" in observed:
        return {**marks, "contraband": observed["contraband"][draws.index]}
    carrying = np.asarray(draws.uniform("contraband") < plan.carrying[_classes(plan, marks, draws.index.size)])
    if plan.rule.contraband.bad_share is not None:
        loaded = np.flatnonzero(carrying)
        carrying[loaded] = _bad_items(plan.rule, draws, loaded)[1] > 0
    return {**marks, "contraband": carrying}


def _classes(plan: InspectionPlan, marks: dict[str, Mask], vehicles: int) -> Times:
    """Number of each vehicle's class of traders; everybody else comes last."""
    place = np.full(vehicles, plan.shares.size - 1)
    for number, name in enumerate(plan.rule.traders):
        place[marks[name]] = number
    return place


def _by_risk(plan: InspectionPlan, rate: float | Array, marks: dict[str, Mask]) -> Array:
    """Each vehicle's rate of selection: the overall rate it is subject to, spread by who it is and what it carries."""
    carries = marks["contraband"]
    place = _classes(plan, marks, carries.size)
    out = np.empty(place.size)
    for level in np.unique(rate).tolist():
        clean, carrying = plan.selection(level)
        here = np.broadcast_to(rate == level, place.shape)
        out[here] = np.where(carries, carrying[place], clean[place])[here]
    return out


def _bad_items(rule: Inspection, draws: _Draws, who: Times) -> tuple[Times, Times]:
    """Items in the loads of the vehicles ``who``, and how many of them are bad."""
    given = rule.contraband
    items = _items(rule, draws.luck("inspection.items")[who])
    if given.bad_share is not None:
        share = np.clip(given.bad_share.at(draws.luck("inspection.bad_share")[who]), 0.0, 1.0)
        return items, detection.bad_items(items, share, draws.luck("inspection.bad")[who])
    if given.bad_items is None:
        return items, items
    bad = np.rint(given.bad_items.at(draws.luck("inspection.bad")[who])).astype(np.int64)
    return items, np.clip(bad, 1, items)


def _draw_finds(flow_plan: FlowPlan, plan: InspectionPlan, draws: _Draws, marks: dict[str, Mask]) -> dict[str, Mask]:
    """Which of the selected are opened, and in which of those the contraband is found."""
    rule, observed = plan.rule, flow_plan.trace.marks
    selected, carries = marks["selected"], marks["contraband"]
    opened = selected.copy()
    if rule.scan is not None:
        opened &= draws.uniform("inspection.scan") < np.where(carries, rule.scan.sensitivity, rule.scan.false_alarms)
    if "opened" in observed:
        opened = observed["opened"][draws.index]
    found = opened & carries
    if rule.sample is not None:
        who = np.flatnonzero(found)
        items, bad = _bad_items(rule, draws, who)
        sample = np.minimum(rule.sample.items or items, items)
        if rule.sample.level is not None:
            sample = detection.sample_size(items, rule.sample.level, rule.sample.confidence or 0.0)
        found[who] = draws.uniform("inspection.sample")[who] < detection.chance_to_find(items, bad, sample)
    if "found" in observed:
        found = observed["found"][draws.index]
    return {"opened": opened, "found": found}


def _draw_payload(
    plan: ManifestPlan,
    flow_plan: FlowPlan,
    draws: _Draws,
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
        if load.if_ is None:
            total += np.minimum(load.law.at(draws.luck(f"payload.{name}")), most)
        else:
            loaded = _Vehicles.with_marks((load.if_,), draws, marks, adopted)
            tonnes = load.law.at(draws.luck(f"payload.{name}", loaded))
            total[loaded.rows] += np.minimum(tonnes, np.broadcast_to(most, total.shape)[loaded.rows])
    return total


def _caps(plan: ManifestPlan, flow_plan: FlowPlan, arrivals: Times, adopted: dict[str, Mask]) -> Array:
    """Most that each vehicle may carry at a time, tonnes; one number for all if nothing limits anybody."""
    most = np.asarray(np.inf)
    for amendment in flow_plan.amendments:
        if amendment.kind == "cap_payload" and amendment.number is not None:
            days = calendars.local_days(port_zone(plan.scenario, flow_plan.port), plan.scenario.horizon)
            start, stop = days.window(amendment.first_day, amendment.last_day)
            capped = adopted[amendment.policy] & (arrivals >= start) & (arrivals < stop)
            most = np.minimum(most, np.where(capped, amendment.number, np.inf))
    return most


def _value(flow_plan: FlowPlan, index: Times, payload: Array) -> Array:
    if flow_plan.trace.value_cny is not None:
        return flow_plan.trace.value_cny[index]
    if flow_plan.flow.value is None:
        return np.zeros(payload.size)
    amount, per = flow_plan.flow.value
    return payload * amount if per == "t" else np.full(payload.size, amount)


def _draw_work(task: TaskPlan, draws: _Draws, vehicles: _Vehicles, observed: Times | None) -> Times:
    """Work of one task for each vehicle: its law at the vehicle's own luck, then the policies it adopts."""
    if not vehicles.index.size:
        return np.zeros(draws.index.size, dtype=np.int64)
    luck = draws.luck(task.purpose, vehicles) if task.lucky else np.zeros(vehicles.index.size)
    law, changes = _in_force(task, vehicles)
    if observed is None or law is not task.law:
        work = law.at(luck)
    else:
        work = observed[vehicles.index].astype(np.float64)
    for change in changes:
        work = _amended(change, work, luck, vehicles.who_adopt(change.policy))
    rounded = np.rint(work, out=work).astype(np.int64)
    if vehicles.rows is None:
        return rounded
    out = np.zeros(draws.index.size, dtype=np.int64)
    out[vehicles.rows] = rounded
    return out


def _in_force(task: TaskPlan, vehicles: _Vehicles) -> tuple[Law, tuple[Amendment, ...]]:
    """The last law that all vehicles take over in full, or the task's own, and the amendments after it."""
    for position in range(len(task.amendments) - 1, -1, -1):
        change = task.amendments[position]
        if change.law is not None and change.strength == 1 and isinstance(vehicles.who_adopt(change.policy), slice):
            return change.law, task.amendments[position + 1 :]
    return task.law, task.amendments


def _amended(change: Amendment, work: Array, luck: Array, takers: Times | slice) -> Array:
    """The work of vehicles, of which ``takers`` adopt a policy: from before towards after by its strength."""
    luck, before = luck[takers], work[takers]
    after = change.law.at(luck) if change.law is not None else before * (change.number or 0.0)
    if change.strength != 1:
        after = (1 - change.strength) * before + change.strength * after
    if isinstance(takers, slice):
        return after
    work[takers] = after
    return work


def _draw_deadlines(flow: Flow, draws: _Draws, arrivals: Times) -> Times:
    if flow.patience is None:
        return np.full(arrivals.size, NEVER, dtype=np.int64)
    gives_up = draws.uniform("patience") < flow.patience.share
    return np.where(gives_up, arrivals + flow.patience.after, NEVER)
