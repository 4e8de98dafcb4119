"""One replication laid out: calendars with its closures, a program and a row of records for each vehicle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim import calendars
from sim.calendars import Times
from sim.manifest import FlowManifest, Manifest, Mask
from sim.network.changes import capacity_changes, open_now, pace_changes
from sim.network.plans import FlowPlan, NetworkPlan
from sim.network.programs import ALONE, DECLARES_FOR_ALL, WAITS_FOR_DECLARATION, compile_program
from sim.network.values import FlowLayout, Network, Ops


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
    windows = {name: open_now(plan, manifest, name) for name in plan.windows}
    changes = capacity_changes(plan, windows, manifest.broken)
    paces = pace_changes(plan, manifest)
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
