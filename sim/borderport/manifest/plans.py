"""What every replication has in common, worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from borderport import calendars, detection
from borderport.calendars import Times, Windows
from borderport.deviates import KINDS
from borderport.distributions import Array, Coded, Constant, Law, standard_normal_grid
from borderport.manifest.arrivals import ArrivalRate, arrival_rate, convoy_sizes, port_zone
from borderport.scenario import Amendment, Closure, Flow, Inspection, Port, Scenario
from borderport.trace import Trace

NO_TRACE = Trace(np.zeros(0, dtype=np.int64))

# Purposes of draws that are the model's own, by the kind of thing that a user may have given the same name.
_OWN_PURPOSES = {
    "mark": re.compile(
        "arrivals|convoy|diversion|sets_out|patience|trader|contraband|closed|start|length|happens|slow"
    ),
    "task": re.compile(r"inspection\.(items|bad_share|bad|scan|sample)|.*\.(visited|adopted)"),
    "payload": re.compile(r"payload\.(visited|adopted)"),
}


def purpose_of(kind: str, name: str) -> str:
    """Purpose of a draw for what a user has named: that name, unless the model draws something else under it.

    A mark called ``patience`` would else be carried by the very drivers who give up.
    """
    return f"{kind} {name}" if _OWN_PURPOSES[kind].fullmatch(name) else name


@dataclass(frozen=True)
class TaskPlan:
    """One task of a flow's route: its draw, its law, who does it, and what policies make of it, in their order."""

    key: str
    purpose: str
    law: Law
    marks: tuple[str, ...]
    amendments: tuple[Amendment, ...]


@dataclass(frozen=True)
class Given:
    """A step of work whose values are worked out before: a law that is not compiled, or, without a law, what was seen.

    Attributes
    ----------
    task : int
        Which task of the flow.
    law : Law or None
    """

    task: int
    law: Law | None


@dataclass(frozen=True)
class WorkPlan:
    """The work of a flow's tasks, as `borderport.deviates.fill_work` takes it.

    Attributes
    ----------
    keys : tuple of str
        ``port.station.task``.
    purposes : tuple of (str or None)
        Of the luck of each task; ``None`` if it does not matter.
    groups : tuple of tuple of str
        The marks that vehicles need, for each group of tasks done by the same vehicles.
    group, first : int64 arrays, shape (tasks,) and (tasks + 1,)
    steps : float64 array, shape (steps, 7)
    givens : tuple of Given
    """

    keys: tuple[str, ...]
    purposes: tuple[str | None, ...]
    groups: tuple[tuple[str, ...], ...]
    group: Times
    first: Times
    steps: Array
    givens: tuple[Given, ...]


@dataclass(frozen=True)
class MarkPlan:
    """One yes/no attribute: the share of vehicles that have it, and the policies that set or scale it, in order."""

    name: str
    share: float
    amendments: tuple[Amendment, ...]

    @property
    def purpose(self) -> str:
        """Of its draw."""
        return purpose_of("mark", self.name)


@dataclass(frozen=True)
class AdoptionPlan:
    """One policy that concerns a flow: the share that adopts it, and whether consignments adopt it together."""

    policy: str
    share: float
    together: bool


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
    work: WorkPlan
    marks: tuple[MarkPlan, ...]
    adoptions: tuple[AdoptionPlan, ...]
    caps: tuple[Amendment, ...]
    leader: str | None
    source: str | None
    trace: Trace
    inspection: InspectionPlan | None

    @cached_property
    def chances(self) -> dict[str, float]:
        """Rates of the yes/no decisions that are alike for every vehicle: who adopts a policy, and marks."""
        alike = [m for m in self.marks if not m.amendments and m.name not in self.trace.marks]
        adopted = {f"{a.policy}.adopted": a.share for a in self.adoptions if a.share < 1 and not a.together}
        return adopted | {m.purpose: m.share for m in alike if not (self.inspection and m.name == "selected")}

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
        f"{port}.{name}": closed_windows(fixed, p, port, name)
        for port, p in scenario.ports.items()
        for name in p.calendars
        if all(closure.random is None for closure in p.closures.values() if _stops(closure, name))
    }
    return ManifestPlan(scenario, tuple(flows), fixed, always)


def full_name(port: str, reference: str) -> str:
    """``port.name`` of what a port calls ``name`` or ``other_port.name``."""
    return reference if "." in reference else f"{port}.{reference}"


def _plan_flow(scenario: Scenario, port: str, name: str) -> FlowPlan:
    flow = scenario.ports[port].flows[name]
    full = f"{port}.{name}"
    amendments = tuple(a for a in scenario.amendments if a.flow == full)
    adoptions = tuple(_plan_adoptions(scenario, amendments))
    trace = scenario.traces.get(full, NO_TRACE)
    return FlowPlan(
        name=full,
        port=port,
        flow=flow,
        rate=_plan_rate(scenario, port, flow),
        work=_plan_work(_plan_tasks(scenario, port, flow, amendments), adoptions, trace),
        marks=tuple(_plan_marks(scenario, port, flow, amendments)),
        adoptions=adoptions,
        caps=tuple(a for a in amendments if a.kind == "cap_payload" and a.number is not None),
        leader=f"{port}.{flow.companion_of}" if flow.companion_of else None,
        source=full_name(port, flow.diverted_from) if flow.diverted_from else None,
        trace=trace,
        inspection=_plan_inspection(scenario.inspections[flow.inspection]) if flow.inspection else None,
    )


def _plan_rate(scenario: Scenario, port: str, flow: Flow) -> ArrivalRate | None:
    """When vehicles come, or, where they come in convoys, when those do."""
    rate = arrival_rate(scenario, port, flow)
    if rate is None or flow.convoy is None:
        return rate
    return ArrivalRate(rate.time_ms, rate.expected / float(convoy_sizes(flow, standard_normal_grid()).mean()))


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
    grid = standard_normal_grid()
    items = items_of(rule, grid[::8])
    none = np.log1p(-np.minimum(rule.contraband.bad_share.at(grid), 1 - 1e-12))
    return float(1 - np.exp(items[:, None] * none).mean())


def items_of(rule: Inspection, luck: Array) -> Times:
    """Items in each load, at least 1."""
    return np.maximum(np.rint(rule.contraband.items.at(luck)), 1).astype(np.int64)


def _plan_marks(scenario: Scenario, port: str, flow: Flow, amendments: tuple[Amendment, ...]) -> Iterator[MarkPlan]:
    """The flow's own marks, and ``STATION.visited`` for steps with a share of their own."""
    steps = scenario.ports[port].routes[flow.route].steps
    shares = flow.marks | {f"{step.name}.visited": step.share for step in steps if step.share is not None}
    changing = [a for a in amendments if a.kind in ("share", "scale_share") and a.number is not None]
    for name, share in shares.items():
        yield MarkPlan(name, share, tuple(a for a in changing if a.target == name))


def _plan_adoptions(scenario: Scenario, amendments: tuple[Amendment, ...]) -> Iterator[AdoptionPlan]:
    together = {a.policy for a in amendments if a.kind == "once_per"}
    for policy in dict.fromkeys(a.policy for a in amendments):
        yield AdoptionPlan(policy, scenario.adoptions[policy], policy in together)


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
                purpose = purpose_of("task", key.partition(".")[2] if own else key)
                plans.setdefault(key, TaskPlan(key, purpose, task.service, needed, changed))
    return list(plans.values())


def _plan_work(tasks: list[TaskPlan], adoptions: tuple[AdoptionPlan, ...], trace: Trace) -> WorkPlan:
    number = {adoption.policy: i for i, adoption in enumerate(adoptions)}
    by_all = {adoption.policy for adoption in adoptions if adoption.share >= 1}
    rows: list[tuple[float, ...]] = []
    givens: list[Given] = []
    first, purposes = [0], []
    for place, task in enumerate(tasks):
        steps = _steps(task, task.key.partition(".")[2] in trace.work_ms, by_all)
        for step in steps:
            if isinstance(step.what, Coded):
                kind, *parameters = step.what.code
            elif isinstance(step.what, float):
                kind, parameters = "scaled", [step.what, 0.0, 0.0, 0.0]
            else:
                kind, parameters = "given", [float(len(givens)), 0.0, 0.0, 0.0]
                givens.append(Given(place, step.what))
            policy = -1 if step.policy is None else number[step.policy]
            rows.append((policy, KINDS[kind], *parameters, step.strength))
        first.append(len(rows))
        lucky = any(isinstance(step.what, Law) and not isinstance(step.what, Constant) for step in steps)
        purposes.append(task.purpose if lucky else None)
    groups = tuple(dict.fromkeys(task.marks for task in tasks))
    return WorkPlan(
        keys=tuple(task.key for task in tasks),
        purposes=tuple(purposes),
        groups=groups,
        group=np.asarray([groups.index(task.marks) for task in tasks], dtype=np.int64),
        first=np.asarray(first, dtype=np.int64),
        steps=np.asarray(rows, dtype=np.float64).reshape(-1, 7),
        givens=tuple(givens),
    )


@dataclass(frozen=True)
class _Step:
    """One step of a task's work, for those who adopt a policy (None: for all).

    ``what`` is a law, a factor of the work before, or, None, what was seen.
    """

    policy: str | None
    what: Law | float | None
    strength: float


def _steps(task: TaskPlan, seen: bool, by_all: set[str]) -> list[_Step]:
    """What makes the work of a task, in order, from the last law that everybody takes over in full."""
    steps = [_Step(None, None if seen else task.law, 1.0)]
    for change in task.amendments:
        if change.law is not None and change.strength == 1 and change.policy in by_all:
            steps = []
        steps.append(_Step(change.policy, change.law or float(change.number or 0.0), change.strength))
    return steps


def _fixed_window(scenario: Scenario, port: str, closure: Closure) -> Windows:
    days = calendars.local_days(port_zone(scenario, port), scenario.horizon)
    return calendars.merge(np.asarray([days.window(closure.first_day, closure.last_day)], dtype=np.int64))


def _stops(closure: Closure, calendar: str) -> bool:
    return closure.stops == "all" or calendar in closure.stops


def closed_windows(closures: dict[str, tuple[Closure, Windows]], port: Port, port_name: str, calendar: str) -> Windows:
    """When closures keep a calendar shut, all of them together."""
    parts = [
        windows
        for name, (closure, windows) in closures.items()
        if name.startswith(f"{port_name}.") and _stops(closure, calendar)
    ]
    return calendars.merge(np.concatenate(parts)) if parts else np.empty((0, 2), dtype=np.int64)
