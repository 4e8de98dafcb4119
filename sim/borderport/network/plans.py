"""A route made ready for compiling: its columns, its steps, and the choices that decide what a vehicle does."""

from __future__ import annotations

from dataclasses import dataclass, field

from borderport import calendars
from borderport.calendars import Windows
from borderport.manifest import port_zone
from borderport.network.values import Column, Ids, Ops
from borderport.scenario import Amendment, Flow, Route, Scenario, Step


@dataclass(frozen=True)
class Visit:
    """A visit to a station as the compiler sees it; ``inland`` ones are upstream of the route."""

    station: str
    needs: tuple[int, ...]
    tasks: tuple[str, ...]
    pace: int
    holds_until: str | None
    may_share: bool
    escapes: bool


@dataclass(frozen=True)
class Item:
    """One step of a compiled route with its condition: the index of a choice, and the value it must have."""

    kind: str
    name: str
    columns: tuple[int, ...]
    visit: Visit | None = None
    resource: int = -1
    slot: int = 0
    choice: int = -1
    escapes: bool = False


@dataclass(frozen=True)
class FlowPlan:
    """A route made ready for compiling: its columns, its items, and which choices decide what a vehicle does.

    A *choice* is a yes/no question answered for each vehicle, in `choose`; the answers make the key under
    which a program is compiled and cached. Where the work of a manifest's tasks goes is cached as well.
    """

    name: str
    flow: Flow
    route: Route
    columns: tuple[Column, ...]
    work: tuple[tuple[int, tuple[str, ...]], ...]
    items: tuple[Item, ...]
    choices: tuple[tuple[str, str, tuple[Amendment, ...]], ...]
    priorities: tuple[tuple[str, int], ...]
    passage: tuple[int, int]
    clock: str | None
    declares: int
    shares_always: bool
    shares_by: tuple[str, ...]
    leader: str | None
    programs: dict[int, Ops] = field(default_factory=dict, repr=False, compare=False)
    columns_of: dict[tuple[str, ...], tuple[Ids, Ids]] = field(default_factory=dict, repr=False, compare=False)

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
        self.items: list[Item] = []
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
            self.items.append(Item(step.kind, step.name, columns, slot=slots[step.name], choice=choice))
            return
        full = self._full(step.name)
        resource = self.lookup.resource[full]
        columns, escapes = (), False
        if step.kind == "enter":
            columns = (self._seize_column(full, resource),)
            self._released_by(full)
            escapes = self.flow.patience is not None and step.name in self.flow.patience.at
        self.items.append(Item(step.kind, full, columns, resource=resource, choice=choice, escapes=escapes))

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
        visit = Visit(full, needs, tasks, pace, holds, once, escapes)
        self.items.append(Item("visit", full, tuple(columns), visit=visit, choice=choice))
