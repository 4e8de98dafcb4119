"""The common ground of all replications, worked out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import assert_never

import numpy as np

from borderport import calendars, detection
from borderport.bounds import ITEMS
from borderport.calendars import Times, Windows
from borderport.deviates import KINDS
from borderport.distributions import Array, Coded, Constant, Law, standard_normal_grid
from borderport.manifest.arrivals import ArrivalRate, arrival_rate, convoy_sizes, port_zone
from borderport.scenario import (
    CapPayload,
    Closure,
    Flow,
    FlowAmendments,
    Inspection,
    MoveInland,
    Ref,
    Rescale,
    Retime,
    ScaleRate,
    Scenario,
    SetRate,
    StationTask,
    tasks_at,
    visits_of,
)
from borderport.trace import Trace

NO_TRACE = Trace(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class TaskPlan:
    """One task of a flow's route: its draw, its law, who does it, and what policies make of it, in their order."""

    task: StationTask
    purpose: str
    marks: tuple[str, ...]
    amendments: tuple[Retime | Rescale, ...]


@dataclass(frozen=True)
class Given:
    """A step of work whose values are worked out before.

    Attributes
    ----------
    task : int
        Number of the task within the flow.
    values : Law or str
        A law that is not compiled, or the column of the trace with what was seen.
    """

    task: int
    values: Law | str


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
    amendments: tuple[SetRate | ScaleRate, ...]


@dataclass(frozen=True)
class AdoptionPlan:
    """One policy that concerns a flow: the share that adopts it, and whether consignments adopt it together."""

    policy: str
    share: float
    together: bool


@dataclass(frozen=True)
class InspectionPlan:
    """Rates of contraband and of selection by class of traders; the last class is everybody else.

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
class DrawingPlan:
    """Everything that a flow's manifest needs and no draw changes."""

    name: Ref
    flow: Flow
    rate: ArrivalRate | None
    work: WorkPlan
    marks: tuple[MarkPlan, ...]
    adoptions: tuple[AdoptionPlan, ...]
    caps: tuple[CapPayload, ...]
    leader: Ref | None
    source: Ref | None
    trace: Trace
    inspection: InspectionPlan | None

    @cached_property
    def chances(self) -> dict[str, float]:
        """Rates of the yes/no decisions that are alike for every vehicle: who adopts a policy, and marks."""
        alike = [m for m in self.marks if not m.amendments and m.name not in self.trace.marks]
        adopted = {f"{a.policy}.adopted": a.share for a in self.adoptions if a.share < 1 and not a.together}
        return adopted | {m.name: m.share for m in alike if not (self.inspection and m.name == "selected")}

    @cached_property
    def expected(self) -> float:
        """Vehicles of its own, expected over the horizon; those of companions and of diverted vehicles are others'."""
        if self.trace.arrival_ms.size or self.rate is None:
            return float(self.trace.arrival_ms.size)
        together = 1.0
        if self.flow.convoy is not None:
            together = float(convoy_sizes(self.flow, standard_normal_grid()).mean())
        return float(self.rate.expected[-1]) * together

    @property
    def rank(self) -> int:
        """Turn in which the flow is drawn: flows of their own, then diverted vehicles, then companions."""
        return 2 if self.leader is not None else int(self.source is not None)


@dataclass(frozen=True)
class ManifestPlan:
    """A scenario made ready for drawing: a `DrawingPlan` for each flow, each after the one whose vehicles it takes."""

    scenario: Scenario
    flows: tuple[DrawingPlan, ...]
    fixed_closures: dict[Ref, tuple[Closure, Windows]] = field(repr=False)
    always_closed: dict[Ref, Windows] = field(repr=False)

    @cached_property
    def horizon_ms(self) -> int:
        """Length of the horizon, lead-in included."""
        return self.scenario.horizon.length_ms()

    def expected_vehicles(self) -> dict[str, float]:
        """Upper bound of the vehicles to expect of each flow over the horizon, by ``port.flow``."""
        expected: dict[str, float] = {}
        for plan in self.flows:
            origin = plan.leader or plan.source
            expected[plan.name] = expected[origin] if origin else plan.expected
        return expected


def plan_manifest(scenario: Scenario) -> ManifestPlan:
    """Work out once what every replication's manifest needs; the scenario has its policies applied."""
    flows = [_plan_flow(scenario, name, flow) for name, flow in scenario.flows().items()]
    flows.sort(key=lambda plan: plan.rank)
    fixed = {
        name: (closure, _fixed_window(scenario, name.port, closure))
        for name, closure in scenario.closures().items()
        if closure.random is None
    }
    always = {
        name: closed_windows(fixed, name)
        for name in scenario.calendars()
        if all(c.random is None for c in scenario.ports[name.port].closures.values() if _stops(c, name))
    }
    return ManifestPlan(scenario, tuple(flows), fixed, always)


def _plan_flow(scenario: Scenario, name: Ref, flow: Flow) -> DrawingPlan:
    amendments = FlowAmendments.of(scenario.amendments, name)
    adoptions = tuple(_plan_adoptions(scenario, amendments))
    trace = scenario.traces.get(name, NO_TRACE)
    return DrawingPlan(
        name=name,
        flow=flow,
        rate=_plan_rate(scenario, name.port, flow),
        work=_plan_work(_plan_tasks(scenario, name.port, flow, amendments), adoptions, trace),
        marks=tuple(_plan_marks(scenario, name.port, flow, amendments)),
        adoptions=adoptions,
        caps=amendments.caps,
        leader=Ref(name.port, flow.companion_of) if flow.companion_of else None,
        source=Ref.seen_from(name.port, flow.diverted_from) if flow.diverted_from else None,
        trace=trace,
        inspection=_plan_inspection(scenario.inspections[flow.inspection]) if flow.inspection else None,
    )


def _plan_rate(scenario: Scenario, port: str, flow: Flow) -> ArrivalRate | None:
    """Rate at which vehicles come or, where they come in convoys, at which those do."""
    rate = arrival_rate(scenario, port, flow)
    if rate is None or flow.convoy is None:
        return rate
    return replace(rate, expected=rate.expected / float(convoy_sizes(flow, standard_normal_grid()).mean()))


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
    """Items in each load, at least 1; the far end of the law's tail is cut."""
    return np.clip(np.rint(rule.contraband.items.at(luck)), 1, ITEMS.most).astype(np.int64)


def _plan_marks(scenario: Scenario, port: str, flow: Flow, amendments: FlowAmendments) -> Iterator[MarkPlan]:
    """The flow's own marks, and ``STATION.visited`` for steps with a share of their own."""
    visits = visits_of(scenario, port, flow.route)
    shares = flow.marks | {visit.visited: visit.share for visit in visits if visit.share is not None}
    for name, share in shares.items():
        yield MarkPlan(name, share, amendments.rates.get(name, ()))


def _plan_adoptions(scenario: Scenario, amendments: FlowAmendments) -> Iterator[AdoptionPlan]:
    together = {policy for policies in amendments.together.values() for policy in policies}
    for policy in amendments.policies:
        yield AdoptionPlan(policy, scenario.adoptions[policy], policy in together)


def _plan_tasks(scenario: Scenario, port: str, flow: Flow, amendments: FlowAmendments) -> list[TaskPlan]:
    plans: dict[str, TaskPlan] = {}
    for visit in visits_of(scenario, port, flow.route):
        bypasses = amendments.bypasses.get(visit.ref, ()) if visit.kind == "visit" else ()
        moved = [bypass.to for bypass in bypasses if isinstance(bypass, MoveInland)]
        tasks = [(task, task.station.port == port) for task in visit.tasks]
        # What is moved inland keeps the draw of the station it replaces; another port's station has its own.
        tasks += [(task, True) for to in moved for task in tasks_at(to, scenario.ports[to.port].stations[to.name])]
        for task, own in tasks:
            marks = visit.condition.has + ((task.mark,) if task.mark else ())
            purpose = task.local_key if own else task.key
            plans.setdefault(task.key, TaskPlan(task, purpose, marks, amendments.work.get(task.key, ())))
    return list(plans.values())


def _plan_work(tasks: list[TaskPlan], adoptions: tuple[AdoptionPlan, ...], trace: Trace) -> WorkPlan:
    number = {adoption.policy: i for i, adoption in enumerate(adoptions)}
    by_all = {adoption.policy for adoption in adoptions if adoption.share >= 1}
    rows: list[tuple[float, ...]] = []
    givens: list[Given] = []
    first, purposes = [0], []
    for place, task in enumerate(tasks):
        steps = _steps(task, task.task.local_key in trace.work_ms, by_all)
        for step in steps:
            if isinstance(step.what, Coded):
                kind, *parameters = step.what.code
            elif isinstance(step.what, float):
                kind, parameters = "scaled", [step.what, 0.0, 0.0, 0.0]
            else:
                kind, parameters = "given", [float(len(givens)), 0.0, 0.0, 0.0]
                givens.append(Given(place, step.what or task.task.local_key))
            policy = -1 if step.policy is None else number[step.policy]
            rows.append((policy, KINDS[kind], *parameters, step.strength))
        first.append(len(rows))
        lucky = any(isinstance(step.what, Law) and not isinstance(step.what, Constant) for step in steps)
        purposes.append(task.purpose if lucky else None)
    groups = tuple(dict.fromkeys(task.marks for task in tasks))
    return WorkPlan(
        keys=tuple(task.task.key for task in tasks),
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
    """The steps that make the work of a task, in order, from the last law that everybody takes over in full."""
    steps = [_Step(None, None if seen else task.task.service, 1.0)]
    for change in task.amendments:
        match change:
            case Retime():
                if change.strength == 1 and change.policy in by_all:
                    steps = []
                steps.append(_Step(change.policy, change.law, change.strength))
            case Rescale():
                steps.append(_Step(change.policy, change.factor, change.strength))
            case _:
                assert_never(change)
    return steps


def _fixed_window(scenario: Scenario, port: str, closure: Closure) -> Windows:
    days = calendars.local_days(port_zone(scenario, port), scenario.horizon)
    return calendars.merge(np.asarray([days.window(closure.first_day, closure.last_day)], dtype=np.int64))


def _stops(closure: Closure, calendar: Ref) -> bool:
    return closure.stops == "all" or calendar.name in closure.stops


def closed_windows(closures: Mapping[Ref, tuple[Closure, Windows]], calendar: Ref) -> Windows:
    """Windows in which closures keep a calendar shut, all of them together."""
    parts = [
        windows
        for name, (closure, windows) in closures.items()
        if name.port == calendar.port and _stops(closure, calendar)
    ]
    return calendars.merge(np.concatenate(parts)) if parts else np.empty((0, 2), dtype=np.int64)
