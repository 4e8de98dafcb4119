"""A route made ready for compiling: its columns, its steps, and the choices that decide what a vehicle does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from borderport import calendars
from borderport.calendars import Windows
from borderport.manifest import port_zone
from borderport.network.network import Column, Ids, Ops
from borderport.scenario import (
    Condition,
    Flow,
    FlowAmendments,
    MoveInland,
    Ref,
    Route,
    Scenario,
    StepKind,
    Visit,
    tasks_at,
    visits_of,
)


@dataclass(frozen=True)
class Service:
    """The resources that a visit to a station seizes and the work it does, as the compiler sees it."""

    needs: tuple[int, ...]
    tasks: tuple[str, ...]
    pace: int
    holds_until: Ref | None
    may_share: bool


@dataclass(frozen=True)
class Choice:
    """A yes/no question answered for each vehicle: whether it takes a step.

    Attributes
    ----------
    condition : Condition
    fetches : bool
        Only vehicles that come for goods which another one may leave behind.
    adopts : str or None
        A policy that it must have adopted.
    bypassed_by : tuple of str
        Policies that it must not have adopted.
    """

    condition: Condition
    adopts: str | None = None
    bypassed_by: tuple[str, ...] = ()
    fetches: bool = False


@dataclass(frozen=True)
class PlannedStep:
    """One step of a route ready for compiling, with the index of the choice that it depends on, or -1."""

    kind: StepKind
    ref: Ref
    columns: tuple[int, ...]
    service: Service | None = None
    resource: int = -1
    slot: int = 0
    choice: int = -1
    escapes: bool = False


@dataclass(frozen=True)
class FlowPlan:
    """A route made ready for compiling: its columns, its steps, and the choices that decide what a vehicle does.

    The answers to the choices make the key under which a program is compiled and cached. Where the work of a manifest's
    tasks goes is cached as well. ``left`` is the slot of the signal that a driver who gives up gives to the truck that
    comes for the goods left behind, which finds it in its next slot; 0 if nothing is left behind.
    """

    name: Ref
    flow: Flow
    route: Route
    columns: tuple[Column, ...]
    work: tuple[tuple[int, tuple[str, ...]], ...]
    steps: tuple[PlannedStep, ...]
    choices: tuple[Choice, ...]
    priorities: tuple[tuple[str, int], ...]
    passage: tuple[int, int]
    clock: Ref | None
    declares: int
    shares_always: bool
    shares_by: tuple[str, ...]
    leader: Ref | None
    left: int
    programs: dict[int, Ops] = field(default_factory=dict, repr=False, compare=False)
    columns_of: dict[tuple[str, ...], tuple[Ids, Ids]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def slots(self) -> int:
        """Slots for signals that its vehicles need: the consignment's, the route's, those of goods left behind."""
        return self.left + 2 if self.left else 1 + len(_signals(self.route))

    @property
    def has_consignments(self) -> bool:
        """True if vehicles may declare together: by the flow's consignments, or those of a trace or another flow."""
        given = isinstance(self.flow.arrivals, dict) or self.flow.diverted_from is not None
        together = self.flow.consignment > 1 or given
        return self.declares >= 0 and together


@dataclass(frozen=True)
class NetworkPlan:
    """Everything that no replication changes: resources, paces, the plans of the flows."""

    scenario: Scenario
    resources: tuple[Ref, ...]
    unreleased: frozenset[int]
    paces: tuple[Ref, ...]
    priorities: tuple[int, ...]
    flows: tuple[FlowPlan, ...]
    windows: dict[Ref, Windows]
    slots: int


def plan_network(scenario: Scenario) -> NetworkPlan:
    """Compile what every replication of a scenario (policies applied) has in common."""
    resources, paces = scenario.resources(), tuple(scenario.paces())
    quotas = frozenset(i for i, resource in enumerate(resources.values()) if resource.quota)
    windows = {
        name: calendars.open_windows(calendar, port_zone(scenario, name.port), scenario.horizon)
        for name, calendar in scenario.calendars().items()
    }
    lookup = _Lookup(scenario, {n: i for i, n in enumerate(resources)}, {n: i for i, n in enumerate(paces)})
    flows = tuple(_plan_flow(lookup, name, flow) for name, flow in scenario.flows().items())
    slots = max((plan.slots for plan in flows), default=1)
    used = {flow.priority for flow in scenario.flows().values()} | {p for plan in flows for _, p in plan.priorities}
    return NetworkPlan(scenario, tuple(resources), quotas, paces, tuple(sorted(used)), flows, windows, slots)


@dataclass(frozen=True)
class _Lookup:
    scenario: Scenario
    resource: dict[Ref, int]
    pace: dict[Ref, int]


def _signals(route: Route) -> list[str]:
    return sorted({step.name for step in route.steps if step.kind in ("signal", "wait")})


def _plan_flow(lookup: _Lookup, name: Ref, flow: Flow) -> FlowPlan:
    port = lookup.scenario.ports[name.port]
    route = port.routes[flow.route]
    leader = port.flows[flow.companion_of] if flow.companion_of else None
    slots = {s: i + 1 for i, s in enumerate(_signals(port.routes[leader.route] if leader else route))}
    amendments = FlowAmendments.of(lookup.scenario.amendments, name)
    builder = _RouteBuilder(lookup, flow, amendments)
    left = len(slots) + 1 if flow.patience is not None and flow.patience.goods == "wait" else 0
    if left:
        builder.add_waiting_goods(Ref(name.port, f"{name.name}_left_behind"), left + 1)
    visits = visits_of(lookup.scenario, name.port, flow.route)
    # What is moved inland comes first, whatever step it replaces.
    for visit in visits:
        builder.add_inland(visit)
    first_own = len(builder.columns)
    for visit in visits:
        builder.add(visit, slots)
    span = route.passage
    start = Ref.seen_from(name.port, span.from_) if span else None
    end = Ref.seen_from(name.port, span.to) if span else None
    return FlowPlan(
        name=name,
        flow=flow,
        route=route,
        columns=tuple(builder.columns),
        work=tuple(builder.work),
        steps=tuple(builder.steps),
        choices=tuple(builder.choices),
        priorities=tuple((a.policy, a.priority) for a in amendments.priorities),
        passage=builder.span(start, end, first_own),
        clock=Ref(name.port, span.clock) if span and span.clock else None,
        declares=builder.declares,
        shares_always=builder.shares_always,
        shares_by=tuple(policy for policies in amendments.together.values() for policy in policies),
        leader=Ref(name.port, flow.companion_of) if flow.companion_of else None,
        left=left,
    )


class _RouteBuilder:
    """Collects columns, steps and choices of one flow's route, visit by visit."""

    def __init__(self, lookup: _Lookup, flow: Flow, amendments: FlowAmendments) -> None:
        self.lookup, self.flow, self.amendments = lookup, flow, amendments
        self.columns: list[Column] = []
        self.work: list[tuple[int, tuple[str, ...]]] = []
        self.steps: list[PlannedStep] = []
        self.choices: list[Choice] = []
        self.declares = -1
        self.shares_always = False

    def add_waiting_goods(self, ref: Ref, slot: int) -> None:
        """Let a later truck come only when the driver before it has left the goods behind."""
        choice = self._choice(Choice(Condition(), fetches=True))
        self.steps.append(PlannedStep("wait", ref, (self._column(Column(ref, "signal")),), slot=slot, choice=choice))

    def add_inland(self, visit: Visit) -> None:
        """Put an upstream station before the route if a policy moves this visit there."""
        for amendment in self.amendments.bypasses.get(visit.ref, ()):
            if visit.kind == "visit" and isinstance(amendment, MoveInland):
                station = self.lookup.scenario.ports[amendment.to.port].stations[amendment.to.name]
                there = replace(
                    visit,
                    ref=amendment.to,
                    station=station,
                    tasks=tasks_at(amendment.to, station),
                    holds_until=None,
                    held=None,
                )
                choice = self._choice(Choice(visit.condition, adopts=amendment.policy))
                self._add_service(there, station.once_per == "consignment", choice, escapes=False)

    def add(self, visit: Visit, slots: dict[str, int]) -> None:
        """Add one step of the route itself."""
        bypassed_by = tuple(a.policy for a in self.amendments.bypasses.get(visit.ref, ()) if visit.kind == "visit")
        taken_by_all = visit.condition.always and not bypassed_by
        choice = -1 if taken_by_all else self._choice(Choice(visit.condition, bypassed_by=bypassed_by))
        escapes = self.flow.patience is not None and visit.name in self.flow.patience.at
        if visit.kind == "visit":
            together = visit.station.once_per == "consignment" or visit.ref in self.amendments.together
            self._add_service(visit, together, choice, escapes)
        elif visit.kind in ("signal", "wait"):
            columns = (self._column(Column(visit.ref, "signal")),) if visit.kind == "wait" else ()
            self.steps.append(PlannedStep(visit.kind, visit.ref, columns, slot=slots[visit.name], choice=choice))
        else:
            resource = self.lookup.resource[visit.ref]
            columns = (self._seize_column(visit, resource),) if visit.kind == "enter" else ()
            escapes = escapes and visit.kind == "enter"
            self.steps.append(
                PlannedStep(visit.kind, visit.ref, columns, resource=resource, choice=choice, escapes=escapes)
            )

    def span(self, first: Ref | None, last: Ref | None, default_first: int) -> tuple[int, int]:
        """Columns from the arrival at one station to the end of another."""
        start, stop = default_first, len(self.columns)
        for step in self.steps:
            if step.kind == "visit" and step.columns[0] >= default_first:
                start = step.columns[0] if step.ref == first else start
                stop = step.columns[-1] + 1 if step.ref == last else stop
        return start, stop

    def _choice(self, choice: Choice) -> int:
        self.choices.append(choice)
        return len(self.choices) - 1

    def _column(self, column: Column) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def _seize_column(self, visit: Visit, resource: int) -> int:
        if visit.held is not None:
            return self._column(Column(visit.held, "blocked", resource))
        return self._column(Column(visit.ref, "wait", resource))

    def _add_service(self, visit: Visit, together: bool, choice: int, escapes: bool) -> None:
        ref, station = visit.ref, visit.station
        needs = tuple(sorted(self.lookup.resource[Ref(ref.port, need)] for need in station.needs))
        pace = self.lookup.pace[Ref(ref.port, station.pace)] if station.pace else -1
        columns = []
        if together:
            columns.append(self._column(Column(ref, "signal")))
            self.declares = len(self.steps)
            self.shares_always = station.once_per == "consignment"
        columns += [self._seize_column(visit, resource) for resource in needs]
        columns.append(self._column(Column(ref, "service", pace=pace)))
        tasks = tuple(task.key for task in visit.tasks)
        self.work.append((columns[-1], tasks))
        service = Service(needs, tasks, pace, visit.holds_until, together)
        self.steps.append(PlannedStep("visit", ref, tuple(columns), service=service, choice=choice, escapes=escapes))
