"""Scenario + Manifest → Network: resources, calendars, and a program of the five operations for each vehicle.

A route is compiled once for every combination of choices its vehicles make (which steps they visit, who declares,
what priority they have); each vehicle points to its program. Every SEIZE, DELAY and WAIT of a flow's route has
a *column*; when it is done, the moment is written to the vehicle's row at that column. So one flow's moments are
a matrix of vehicles by columns, and a vehicle's parts add up to its total by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim import calendars
from sim.calendars import Times, Windows
from sim.manifest import FlowManifest, Manifest, Mask, port_zone
from sim.scenario import Amendment, Flow, Route, Scenario, Step

# The five operations, and the end of a program; in `Network.ops` each is a row of CODE ... ESCAPE.
SEIZE, DELAY, RELEASE, WAIT, SIGNAL, END = range(6)
CODE, ARGUMENT, COLUMN, LEVEL, ESCAPE = range(5)
# What END notes of a vehicle, and what is noted of one that never reaches it.
UNFINISHED, EXITED, ABANDONED = range(3)

Ops = NDArray[np.uint32]
ColumnKind = Literal["wait", "blocked", "service", "signal"]


@dataclass(frozen=True)
class Column:
    """What one column of a flow's moments records.

    Attributes
    ----------
    station : str
        ``port.station``; for a yard or fleet entered, ``port.resource``.
    kind : str
        ``wait`` and ``blocked`` end when a unit of ``resource`` is granted (``blocked`` while an earlier station's
        resources are still held), ``service`` when the work is done, ``signal`` when the signal is given.
    resource : int
        Index in `Network.resources`, or -1.
    pace : int
        Index of the pace calendar of a service, or -1.
    """

    station: str
    kind: ColumnKind
    resource: int = -1
    pace: int = -1


@dataclass(frozen=True)
class FlowLayout:
    """Where a flow's vehicles and moments are.

    Attributes
    ----------
    name : str
        ``port.flow``.
    columns : tuple of Column
        In the order of the route.
    first_record : int
        Where the flow's matrix begins in the moments; shape (vehicles, columns), row by row.
    vehicle : int64 array, shape (vehicles,)
        Number of each vehicle in the order of events, by row.
    passage : (int, int)
        First column, and column after the last, of the span ``passage``.
    clock : str or None
        ``port.calendar`` of the passage's open clock.
    """

    name: str
    columns: tuple[Column, ...]
    first_record: int
    vehicle: Times
    passage: tuple[int, int]
    clock: str | None


@dataclass(frozen=True)
class Network:
    """Everything an engine needs, as arrays; times int64 ms since time 0.

    Attributes
    ----------
    horizon_ms : int
        Events at or after it do not happen.
    lead_in_ms : int
        What is held before it does not count as busy.
    resources : tuple of str
        ``port.resource``; their order is the global order of seizing.
    capacity : int64 array, shape (resources,)
        At time 0.
    change_ms, change_resource, change_capacity, change_refills : arrays, shape (changes,)
        Sorted by time, then resource. A refill sets capacity to what is in use plus ``change_capacity``.
    pace_first : int64 array, shape (paces + 1,)
        Where each pace calendar begins in ``pace_ms`` and ``pace_per_mille``.
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
        How many signals there are.
    work_ms : int64 array, shape (records,)
        Work of each DELAY, at its record.
    windows : dict of int64 arrays, shape (windows, 2)
        By ``port.calendar``: when it is open in this replication, closures taken out.
    flows : tuple of FlowLayout
    """

    horizon_ms: int
    lead_in_ms: int
    resources: tuple[str, ...]
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
    windows: dict[str, Windows]
    flows: tuple[FlowLayout, ...]


@dataclass(frozen=True)
class _Visit:
    """A visit to a station as the compiler sees it; ``inland`` ones are upstream of the route."""

    station: str
    needs: tuple[int, ...]
    tasks: tuple[str, ...]
    pace: int
    holds_until: str | None
    may_share: bool
    escapes: bool


@dataclass(frozen=True)
class _Item:
    """One step of a compiled route with its condition: the index of a choice, and the value it must have."""

    kind: str
    name: str
    columns: tuple[int, ...]
    visit: _Visit | None = None
    resource: int = -1
    slot: int = 0
    choice: int = -1
    escapes: bool = False


@dataclass(frozen=True)
class FlowPlan:
    """A route made ready for compiling: its columns, its items, and which choices decide what a vehicle does.

    A *choice* is a yes/no question answered for each vehicle, in `choose`; the answers make the key under
    which a program is compiled and cached.
    """

    name: str
    flow: Flow
    route: Route
    columns: tuple[Column, ...]
    work: tuple[tuple[int, tuple[str, ...]], ...]
    items: tuple[_Item, ...]
    choices: tuple[tuple[str, str, tuple[Amendment, ...]], ...]
    priorities: tuple[tuple[str, int], ...]
    passage: tuple[int, int]
    clock: str | None
    declares: int
    shares_always: bool
    shares_by: tuple[str, ...]
    leader: str | None
    programs: dict[int, Ops] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_consignments(self) -> bool:
        """Whether vehicles may declare together: by the flow's consignments, or those of a trace or another flow."""
        given = isinstance(self.flow.arrivals, dict) or self.flow.diverted_from is not None
        together = self.flow.consignment > 1 or given
        return self.declares >= 0 and together


@dataclass(frozen=True)
class NetworkPlan:
    """What no replication changes: resources, paces, the plans of the flows."""

    scenario: Scenario
    resources: tuple[str, ...]
    unreleased: frozenset[int]
    paces: tuple[str, ...]
    priorities: tuple[int, ...]
    flows: tuple[FlowPlan, ...]
    windows: dict[str, Windows]
    slots: int


# --- planning ----------------------------------------------------------------------------------------------


def plan_network(scenario: Scenario) -> NetworkPlan:
    """Compile what every replication of a scenario (policies applied) has in common."""
    resources = tuple(f"{p}.{r}" for p, port in scenario.ports.items() for r in port.resources)
    quotas = frozenset(
        i for i, full in enumerate(resources) if scenario.ports[full.split(".")[0]].resources[full.split(".")[1]].quota
    )
    paces = tuple(f"{p}.{name}" for p, port in scenario.ports.items() for name in port.paces)
    windows = {
        f"{p}.{name}": calendars.open_windows(calendar, port_zone(scenario, p), scenario.horizon)
        for p, port in scenario.ports.items()
        for name, calendar in port.calendars.items()
    }
    lookup = _Lookup(scenario, {n: i for i, n in enumerate(resources)}, {n: i for i, n in enumerate(paces)})
    flows = tuple(_plan_flow(lookup, full, flow) for full, flow in scenario.flows().items())
    slots = 1 + max((len(_signals(plan.route)) for plan in flows), default=0)
    used = {flow.priority for flow in scenario.flows().values()} | {p for plan in flows for _, p in plan.priorities}
    return NetworkPlan(scenario, resources, quotas, paces, tuple(sorted(used)), flows, windows, slots)


@dataclass(frozen=True)
class _Lookup:
    scenario: Scenario
    resource: dict[str, int]
    pace: dict[str, int]


def _signals(route: Route) -> list[str]:
    return sorted({step.name for step in route.steps if step.kind in ("signal", "wait")})


def _plan_flow(lookup: _Lookup, full: str, flow: Flow) -> FlowPlan:
    scenario, port = lookup.scenario, full.split(".")[0]
    route = scenario.ports[port].routes[flow.route]
    leader = scenario.ports[port].flows[flow.companion_of] if flow.companion_of else None
    slots = {s: i + 1 for i, s in enumerate(_signals(scenario.ports[port].routes[leader.route] if leader else route))}
    amendments = tuple(a for a in scenario.amendments if a.flow == full)
    builder = _RouteBuilder(lookup, port, flow, amendments)
    # What is moved inland comes first, whatever step it replaces.
    for step in route.steps:
        builder.add_inland(step)
    first_own = len(builder.columns)
    for step in route.steps:
        builder.add(step, slots)
    span = route.passage
    spans = builder.span(span.from_ if span else None, span.to if span else None, first_own)
    return FlowPlan(
        name=full,
        flow=flow,
        route=route,
        columns=tuple(builder.columns),
        work=tuple(builder.work),
        items=tuple(builder.items),
        choices=tuple(builder.choices),
        priorities=tuple((a.policy, int(a.number or 0)) for a in amendments if a.kind == "priority"),
        passage=spans,
        clock=f"{port}.{span.clock}" if span and span.clock else None,
        declares=builder.declares,
        shares_always=builder.shares_always,
        shares_by=tuple(a.policy for a in amendments if a.kind == "once_per"),
        leader=f"{port}.{flow.companion_of}" if flow.companion_of else None,
    )


class _RouteBuilder:
    """Collects columns, items and choices of one flow's route, step by step."""

    def __init__(self, lookup: _Lookup, port: str, flow: Flow, amendments: tuple[Amendment, ...]) -> None:
        self.lookup, self.port, self.flow, self.amendments = lookup, port, flow, amendments
        self.columns: list[Column] = []
        self.work: list[tuple[int, tuple[str, ...]]] = []
        self.items: list[_Item] = []
        self.choices: list[tuple[str, str, tuple[Amendment, ...]]] = []
        self.declares = -1
        self.shares_always = False
        self.holding: list[tuple[str, str]] = []

    def add_inland(self, step: Step) -> None:
        """Put an upstream station before the route if a policy moves this step there."""
        for amendment in self._amending(step, "inland"):
            assert amendment.text is not None
            choice = self._choice("inland", step, (amendment,))
            self._visit(amendment.text, None, False, choice)

    def add(self, step: Step, slots: dict[str, int]) -> None:
        """Add one step of the route itself."""
        moved = self._amending(step, "inland") + self._amending(step, "skip")
        conditional = step.if_ or step.unless or step.share is not None or moved
        choice = self._choice("visit", step, moved) if conditional else -1
        if step.kind == "visit":
            self._visit(step.name, step, True, choice)
            return
        if step.kind in ("signal", "wait"):
            columns: tuple[int, ...] = ()
            if step.kind == "wait":
                columns = (self._column(Column(f"{self.port}.{step.name}", "signal")),)
            self.items.append(_Item(step.kind, step.name, columns, slot=slots[step.name], choice=choice))
            return
        full = self._full(step.name)
        resource = self.lookup.resource[full]
        columns, escapes = (), False
        if step.kind == "enter":
            columns = (self._seize_column(full, resource),)
            self._released_by(full)
            escapes = self.flow.patience is not None and step.name in self.flow.patience.at
        self.items.append(_Item(step.kind, full, columns, resource=resource, choice=choice, escapes=escapes))

    def span(self, first: str | None, last: str | None, default_first: int) -> tuple[int, int]:
        """Columns from the arrival at one station to the end of another."""
        start, stop = default_first, len(self.columns)
        for item in self.items:
            if item.kind == "visit" and item.columns[0] >= default_first:
                start = item.columns[0] if first and item.name == self._full(first) else start
                stop = item.columns[-1] + 1 if last and item.name == self._full(last) else stop
        return start, stop

    def _full(self, reference: str) -> str:
        return reference if "." in reference else f"{self.port}.{reference}"

    def _amending(self, step: Step, kind: str) -> tuple[Amendment, ...]:
        if step.kind != "visit":
            return ()
        full, _ = self.lookup.scenario.station(self.port, step.name)
        return tuple(a for a in self.amendments if a.kind == kind and a.target == full)

    def _choice(self, kind: str, step: Step, amendments: tuple[Amendment, ...]) -> int:
        condition = f"{step.if_ or ''}|{step.unless or ''}|{f'{step.name}.visited' if step.share is not None else ''}"
        self.choices.append((kind, condition, amendments))
        return len(self.choices) - 1

    def _column(self, column: Column) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def _seize_column(self, station: str, resource: int) -> int:
        if self.holding:
            return self._column(Column(self.holding[0][0], "blocked", resource))
        return self._column(Column(station, "wait", resource))

    def _released_by(self, full: str) -> None:
        self.holding = [(station, until) for station, until in self.holding if until != full]

    def _visit(self, reference: str, step: Step | None, own: bool, choice: int) -> None:
        scenario = self.lookup.scenario
        full, station = scenario.station(self.port, reference)
        owner = full.split(".")[0]
        needs = tuple(sorted(self.lookup.resource[f"{owner}.{need}"] for need in station.needs))
        once = station.once_per == "consignment" or bool(step and self._amending(step, "once_per"))
        patience = self.flow.patience
        escapes = own and patience is not None and reference in patience.at
        pace = self.lookup.pace[f"{owner}.{station.pace}"] if station.pace else -1
        columns = []
        if once:
            columns.append(self._column(Column(full, "signal")))
            self.declares = len(self.items)
            self.shares_always = station.once_per == "consignment"
        columns += [self._seize_column(full, resource) for resource in needs]
        self._released_by(full)
        columns.append(self._column(Column(full, "service", pace=pace)))
        tasks = tuple(f"{full}.{task}" for task in station.tasks)
        self.work.append((columns[-1], tasks))
        holds = self._full(step.holds_until) if step and step.holds_until else None
        if holds:
            self.holding.append((full, holds))
        visit = _Visit(full, needs, tasks, pace, holds, once, escapes)
        self.items.append(_Item("visit", full, tuple(columns), visit=visit, choice=choice))


# --- programs ----------------------------------------------------------------------------------------------

# How a vehicle stands to its consignment's declaration.
ALONE, DECLARES_FOR_ALL, WAITS_FOR_DECLARATION = range(3)


def compile_program(
    plan: FlowPlan, answers: tuple[bool, ...], role: int, level: int, unreleased: frozenset[int]
) -> Ops:
    """Compile one route for vehicles that answer the choices alike.

    Parameters
    ----------
    plan : FlowPlan
    answers : tuple of bool, length of ``plan.choices``
        Whether the step behind each choice is visited.
    role : int
        `ALONE`, `DECLARES_FOR_ALL` or `WAITS_FOR_DECLARATION`.
    level : int
        Rank of the vehicle's priority.
    unreleased : frozenset of int
        Resources that are quotas: seized, never given back.

    Returns
    -------
    uint32 array, shape (operations, 5)
        ESCAPE counts operations from the SEIZE to where giving up goes on; 0 means the vehicle waits on.
    """
    writer = _Writer(level, unreleased)
    lent = {item.resource for item in plan.items if item.kind == "enter"}
    lent -= {item.resource for item in plan.items if item.kind == "leave"}
    for number, item in enumerate(plan.items):
        if item.choice >= 0 and not answers[item.choice]:
            continue
        if item.kind == "visit":
            writer.visit(item, role if number == plan.declares else ALONE)
        elif item.kind == "enter":
            writer.seize(item.resource, item.columns[0], item.escapes)
            writer.release_pending(item.name)
        elif item.kind == "leave":
            writer.release(item.resource)
        elif item.kind == "signal":
            writer.op(SIGNAL, item.slot)
            writer.lend(lent)
        else:
            writer.op(WAIT, item.slot, item.columns[0])
    return writer.finish(signals_declared=role == DECLARES_FOR_ALL)


class _Writer:
    """Writes one program, keeping track of what the vehicle holds so that giving up releases it."""

    def __init__(self, level: int, unreleased: frozenset[int]) -> None:
        self.level, self.unreleased = level, unreleased
        self.rows: list[list[int]] = []
        self.held: list[int] = []
        self.pending: list[tuple[str, tuple[int, ...]]] = []
        self.escapes: list[tuple[int, tuple[int, ...]]] = []

    def op(self, code: int, argument: int, column: int = 0) -> None:
        """Append one operation."""
        self.rows.append([code, argument, column, self.level, 0])

    def seize(self, resource: int, column: int, escapes: bool) -> None:
        """SEIZE one unit; with ``escapes``, the driver may give up here."""
        if escapes:
            self.escapes.append((len(self.rows), tuple(self.held)))
        self.op(SEIZE, resource, column)
        if resource not in self.unreleased:
            self.held.append(resource)

    def release(self, resource: int) -> None:
        """RELEASE one unit; quotas are never given back. A companion may give back what its leader seized."""
        if resource in self.unreleased:
            return
        if resource in self.held:
            self.held.remove(resource)
        self.op(RELEASE, resource)

    def lend(self, resources: set[int]) -> None:
        """The companion has been signalled: what it gives back is no longer this vehicle's to release."""
        self.held = [resource for resource in self.held if resource not in resources]

    def release_pending(self, reached: str) -> None:
        """Blocking after service ends: the step that was held for has been reached."""
        for until, needs in [pending for pending in self.pending if pending[0] == reached]:
            self.pending.remove((until, needs))
            for resource in reversed(needs):
                self.release(resource)

    def visit(self, item: _Item, role: int) -> None:
        """SEIZE what the station needs, DELAY, RELEASE, with consignments and blocking after service."""
        visit = item.visit
        assert visit is not None
        columns = item.columns
        if visit.may_share:
            if role == WAITS_FOR_DECLARATION:
                self.op(WAIT, 0, columns[0])
                self.release_pending(item.name)
                return
            columns = columns[1:]
        for resource, column in zip(visit.needs, columns, strict=False):
            self.seize(resource, column, visit.escapes)
        self.release_pending(item.name)
        if visit.tasks:
            self.op(DELAY, visit.pace + 1, columns[-1])
        if role == DECLARES_FOR_ALL:
            self.op(SIGNAL, 0)
        if visit.holds_until:
            self.pending.append((visit.holds_until, visit.needs))
            return
        for resource in reversed(visit.needs):
            self.release(resource)

    def finish(self, signals_declared: bool) -> Ops:
        """Close the program, then append the ways out: give back what is held, free the consignment, leave."""
        for until in [until for until, _ in self.pending]:
            self.release_pending(until)
        self.op(END, EXITED)
        for position, held in self.escapes:
            self.rows[position][ESCAPE] = len(self.rows) - position
            for resource in reversed(held):
                self.op(RELEASE, resource)
            if signals_declared:
                self.op(SIGNAL, 0)
            self.op(END, ABANDONED)
        return np.asarray(self.rows, dtype=np.uint32)


# --- building ----------------------------------------------------------------------------------------------


def build_network(plan: NetworkPlan, manifest: Manifest) -> Network:
    """Lay out one replication: calendars with its closures, a program and a row of records for each vehicle."""
    counts = [manifest.flows[flow.name].index.size for flow in plan.flows]
    sizes = [n * len(flow.columns) for n, flow in zip(counts, plan.flows, strict=True)]
    first_vehicle, first_record = _offsets(counts), _offsets(sizes)
    total = int(first_vehicle[-1])
    arrival, deadline = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    start, row = np.empty(total, dtype=np.uint32), np.empty(total, dtype=np.int64)
    signal = np.zeros((total, plan.slots), dtype=np.uint32)
    work = np.zeros(int(first_record[-1]), dtype=np.int64)
    programs = _Programs(plan)
    numbers = _SignalNumbers(first_vehicle, {flow.name: i for i, flow in enumerate(plan.flows)}, plan.slots)
    for position, flow in enumerate(plan.flows):
        drawn = manifest.flows[flow.name]
        here = slice(int(first_vehicle[position]), int(first_vehicle[position + 1]))
        records = slice(int(first_record[position]), int(first_record[position + 1]))
        matrix = work[records].reshape(drawn.index.size, len(flow.columns))
        _fill_work(flow, drawn, matrix)
        arrival[here], deadline[here] = drawn.arrival_ms, drawn.deadline_ms
        row[here] = records.start + np.arange(drawn.index.size) * len(flow.columns)
        answers = _answers(flow, drawn)
        consignment = _distinct(drawn.consignment)[1] if flow.has_consignments else None
        roles = _roles(flow, drawn, matrix, answers, consignment)
        start[here] = programs.assign(flow, drawn, answers, roles)
        numbers.write(flow, position, consignment, signal[here])
    order = np.argsort(arrival, kind="stable")
    place = np.empty(total, dtype=np.int64)
    place[order] = np.arange(total)
    layouts = tuple(
        FlowLayout(
            flow.name,
            flow.columns,
            int(first_record[i]),
            place[first_vehicle[i] : first_vehicle[i + 1]],
            flow.passage,
            flow.clock,
        )
        for i, flow in enumerate(plan.flows)
    )
    windows = {name: _open_now(plan, manifest, name) for name in plan.windows}
    changes = _changes(plan, windows, manifest.broken)
    paces = _paces(plan, manifest)
    return Network(
        horizon_ms=plan.scenario.horizon.length_ms(),
        lead_in_ms=plan.scenario.horizon.lead_in,
        resources=plan.resources,
        capacity=changes[0],
        change_ms=changes[1],
        change_resource=changes[2],
        change_capacity=changes[3],
        change_refills=changes[4],
        pace_first=paces[0],
        pace_ms=paces[1],
        pace_per_mille=paces[2],
        levels=max(len(plan.priorities), 1),
        ops=programs.table(),
        arrival_ms=arrival[order],
        start=start[order],
        row=row[order],
        deadline_ms=deadline[order],
        signal=signal.take(order, axis=0),
        signals=numbers.total,
        work_ms=work,
        windows=windows,
        flows=layouts,
    )


def _offsets(sizes: list[int]) -> Times:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _distinct(numbers: Times) -> tuple[Times, Times]:
    """The distinct ones, ascending, and the place of each number among them; nothing is sorted if they lie close."""
    if not numbers.size:
        return numbers, numbers
    low, high = int(numbers.min()), int(numbers.max())
    if high - low > 4 * numbers.size + 10_000:
        distinct, place = np.unique(numbers, return_inverse=True)
        return distinct, place
    table = np.zeros(high - low + 1, dtype=np.int64)
    table[numbers - low] = 1
    distinct = np.flatnonzero(table)
    table[distinct] = np.arange(distinct.size)
    return distinct + low, table[numbers - low]


def _fill_work(flow: FlowPlan, drawn: FlowManifest, matrix: Times) -> None:
    """Write the work of each visit, the sum of its tasks, at its service column."""
    for column, tasks in flow.work:
        if len(tasks) == 1:
            matrix[:, column] = drawn.work_ms[tasks[0]]
        elif tasks:
            matrix[:, column] = np.sum([drawn.work_ms[task] for task in tasks], axis=0)


def _answers(flow: FlowPlan, drawn: FlowManifest) -> list[Mask]:
    """For each choice of a route, which vehicles visit the step behind it."""
    everyone = np.ones(drawn.index.size, dtype=bool)
    answers = []
    for kind, condition, amendments in flow.choices:
        wants = everyone
        if_, unless, visited = condition.split("|")
        for mark in (if_, visited):
            wants = wants & drawn.marks[mark] if mark else wants
        if unless:
            wants = wants & ~drawn.marks[unless]
        for amendment in amendments:
            adopts = drawn.adopted[amendment.policy]
            wants = wants & (adopts if kind == "inland" else ~adopts)
        answers.append(wants)
    return answers


def _roles(flow: FlowPlan, drawn: FlowManifest, work: Times, answers: list[Mask], consignment: Times | None) -> Times:
    """Each vehicle's role in its consignment's declaration.

    The one that declares is the one that would be ready first if nobody queued: arrival plus its own work before the
    declaration. The others wait for its signal.
    """
    roles = np.full(drawn.index.size, ALONE, dtype=np.int64)
    if consignment is None or not drawn.index.size:
        return roles
    together = _declares_together(flow, drawn, answers)
    ready = drawn.arrival_ms.copy()
    for item in flow.items[: flow.declares]:
        if item.kind == "visit":
            own = work[:, item.columns[-1]]
            ready += own * answers[item.choice] if item.choice >= 0 else own
    soonest = np.full(int(consignment.max()) + 1, calendars.NEVER)
    np.minimum.at(soonest, consignment[together], ready[together])
    candidates = np.flatnonzero(together & (ready == soonest[consignment]))
    declares = np.full(soonest.size, -1)
    declares[consignment[candidates[::-1]]] = candidates[::-1]  # of equals, the first is written last
    roles[together] = WAITS_FOR_DECLARATION
    roles[declares[declares >= 0]] = DECLARES_FOR_ALL
    return roles


def _declares_together(flow: FlowPlan, drawn: FlowManifest, answers: list[Mask]) -> Mask:
    """Vehicles whose consignment makes one declaration, by the station's own rule or an adopted policy."""
    together = np.full(drawn.index.size, flow.shares_always)
    for policy in flow.shares_by:
        together |= drawn.adopted[policy]
    choice = flow.items[flow.declares].choice
    return together & answers[choice] if choice >= 0 else together


class _SignalNumbers:
    """Hands out signal numbers: one for each consignment (slot 0), one for each signal a vehicle gives (1, 2, ...)."""

    def __init__(self, first_vehicle: Times, position: dict[str, int], slots: int) -> None:
        self.first_vehicle, self.position, self.slots = first_vehicle, position, slots
        self.total = int(first_vehicle[-1]) * slots

    def write(self, flow: FlowPlan, position: int, consignment: Times | None, signal: NDArray[np.uint32]) -> None:
        """Write the signal behind each slot, shape (vehicles, slots); companions share their leaders' signals."""
        owner = self.position[flow.leader] if flow.leader else position
        first = int(self.first_vehicle[owner]) * self.slots
        signal[:] = np.arange(first, first + signal.size).reshape(signal.shape)
        if consignment is not None:
            signal[:, 0] = first + consignment * self.slots


class _Programs:
    """The programs one replication uses, each written once into one table."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.parts: list[Ops] = []
        self.size = 0

    def assign(self, flow: FlowPlan, drawn: FlowManifest, answers: list[Mask], roles: Times) -> NDArray[np.uint32]:
        """First operation of each vehicle's program, shape (vehicles,)."""
        if not flow.choices and not flow.priorities and flow.declares < 0:
            only = self._write(flow, 3 * self.plan.priorities.index(flow.flow.priority), 0)
            return np.full(drawn.index.size, only, dtype=np.uint32)
        level = np.full(drawn.index.size, self.plan.priorities.index(flow.flow.priority))
        for policy, priority in flow.priorities:
            level = np.where(drawn.adopted[policy], self.plan.priorities.index(priority), level)
        key = roles + 3 * level
        for answer in answers:
            key += key
            key += answer
        keys, member = _distinct(key)
        starts = np.empty(keys.size, dtype=np.uint32)
        for i, packed in enumerate(keys.tolist()):
            starts[i] = self._write(flow, packed, len(answers))
        return np.asarray(starts[member])

    def _write(self, flow: FlowPlan, key: int, choices: int) -> int:
        """Append one program; returns its first operation."""
        start = self.size
        ops = self._program(flow, key, choices)
        self.parts.append(ops)
        self.size += ops.shape[0]
        return start

    def _program(self, flow: FlowPlan, key: int, choices: int) -> Ops:
        if key not in flow.programs:
            answers = tuple(bool(key >> (choices - 1 - i) & 1) for i in range(choices))
            level, role = divmod(key >> choices, 3)
            flow.programs[key] = compile_program(flow, answers, role, level, self.plan.unreleased)
        return flow.programs[key]

    def table(self) -> Ops:
        """All programs used, shape (operations, 5)."""
        return np.concatenate(self.parts) if self.parts else np.empty((0, 5), dtype=np.uint32)


def _changes(
    plan: NetworkPlan, windows: dict[str, Windows], broken: dict[str, Windows]
) -> tuple[Times, Times, Times, Times, Mask]:
    """Capacities at time 0, then all changes sorted by time and resource."""
    initial = np.zeros(len(plan.resources), dtype=np.int64)
    times, values, refills = [], [], []
    single: dict[str, tuple[Times, Times]] = {}  # by calendar: of a pool of one
    for number, full in enumerate(plan.resources):
        port, name = full.split(".")
        resource, zone = plan.scenario.ports[port].resources[name], port_zone(plan.scenario, port)
        if resource.quota is not None:
            time, value, refill = calendars.quota_changes(resource.quota, zone, plan.scenario.horizon)
        elif resource.calendar and resource.capacity and not (resource.periods or resource.breakdowns):
            calendar = f"{port}.{resource.calendar}"
            if calendar not in single:
                single[calendar] = calendars.switched(windows[calendar], 1, plan.scenario.horizon.length_ms())
            time, value = single[calendar][0], single[calendar][1] * resource.capacity
            refill = np.zeros(time.shape, dtype=bool)
        else:
            open_ = windows[f"{port}.{resource.calendar}"] if resource.calendar else None
            time, value = calendars.capacity_changes(resource, open_, zone, plan.scenario.horizon, broken.get(full))
            refill = np.zeros(time.shape, dtype=bool)
        if time.size and time[0] == 0:
            initial[number] = value[0]
            time, value, refill = time[1:], value[1:], refill[1:]
        times.append(time)
        values.append(value)
        refills.append(refill)
    if not times:
        none = np.zeros(0, dtype=np.int64)
        return initial, none, none, none, np.zeros(0, dtype=bool)
    time = np.concatenate(times)
    order = np.argsort(
        time, kind="stable"
    )  # the resources' changes stand one after the other, so ties keep their order
    return (
        initial,
        time[order],
        np.repeat(np.arange(len(times)), [time.size for time in times])[order],
        np.concatenate(values)[order],
        np.concatenate(refills)[order],
    )


def _open_now(plan: NetworkPlan, manifest: Manifest, calendar: str) -> Windows:
    """When ``port.calendar`` is open in this replication, closures taken out; shape (windows, 2)."""
    return calendars.subtract(plan.windows[calendar], manifest.closed[calendar])


def _paces(plan: NetworkPlan, manifest: Manifest) -> tuple[Times, Times, Times]:
    firsts, times, values = [0], [], []
    for full in plan.paces:
        port, name = full.split(".")
        pace = plan.scenario.ports[port].paces[name]
        time, value = calendars.pace_changes(
            pace, manifest.slow_days.get(full), port_zone(plan.scenario, port), plan.scenario.horizon
        )
        times.append(time)
        values.append(value)
        firsts.append(firsts[-1] + time.size)
    empty = np.empty(0, dtype=np.int64)
    return (
        np.asarray(firsts, dtype=np.int64),
        np.concatenate(times) if times else empty,
        np.concatenate(values) if values else empty,
    )
