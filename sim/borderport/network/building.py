"""One replication laid out: calendars with its closures, a program and a row of records for each vehicle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.manifest import FlowManifest, Manifest, Mask
from borderport.network.changes import all_changes, open_now, pace_changes
from borderport.network.flow_plan import FlowPlan, NetworkPlan
from borderport.network.loops import (
    AT_ARRIVAL,
    AT_SIGNALS,
    add_answers,
    choose_declarants,
    fill_records,
    fill_vehicles,
    find_distinct,
    put_in_order,
)
from borderport.network.network import FlowLayout, Network, Ops
from borderport.network.programs import ALONE, DECLARES_FOR_ALL, WAITS_FOR_DECLARATION, compile_program


def build_network(plan: NetworkPlan, manifest: Manifest) -> Network:
    """Lay out one replication: calendars with its closures, a program and a row of records for each vehicle."""
    counts = [manifest.flows[flow.name].index.size for flow in plan.flows]
    sizes = [n * len(flow.columns) for n, flow in zip(counts, plan.flows, strict=True)]
    first_vehicle, first_record = _offsets(counts), _offsets(sizes)
    vehicles = np.empty((int(first_vehicle[-1]), AT_SIGNALS + plan.slots), dtype=np.int64)
    work = np.empty(int(first_record[-1]), dtype=np.int64)
    programs = _Programs(plan)
    first_signal = _first_signals(plan, first_vehicle)
    for position, flow in enumerate(plan.flows):
        drawn = manifest.flows[flow.name]
        here = slice(int(first_vehicle[position]), int(first_vehicle[position + 1]))
        records = slice(int(first_record[position]), int(first_record[position + 1]))
        matrix = work[records].reshape(drawn.index.size, len(flow.columns))
        fill_records(drawn.work, *_columns_of_tasks(flow, drawn), matrix)
        answers = _answers(flow, drawn)
        goods = _distinct(drawn.consignment)[1] if flow.has_consignments else np.arange(drawn.index.size)
        roles = _roles(flow, drawn, matrix, answers, goods)
        starts = programs.assign(flow, drawn, answers, roles)
        numbers = (records.start, len(flow.columns), first_signal[position])
        fill_vehicles(drawn.arrival_ms, drawn.deadline_ms, starts, goods, numbers, vehicles[here])
        if flow.left:
            later = (drawn.fetches >= 0).nonzero()[0]
            given = vehicles[here][drawn.fetches[later], AT_SIGNALS + flow.left]
            vehicles[here][later, AT_SIGNALS + flow.left + 1] = given
    ordered, place = _by_arrival(vehicles)
    windows = {name: open_now(plan, manifest, name) for name in plan.windows}
    capacity, change_ms, change_resource, change_capacity, change_refills = all_changes(plan, windows, manifest.broken)
    pace_first, pace_ms, pace_per_mille = pace_changes(plan, manifest)
    return Network(
        horizon_ms=plan.scenario.horizon.length_ms(),
        lead_in_ms=plan.scenario.horizon.lead_in,
        resources=plan.resources,
        capacity=capacity,
        change_ms=change_ms,
        change_resource=change_resource,
        change_capacity=change_capacity,
        change_refills=change_refills,
        pace_first=pace_first,
        pace_ms=pace_ms,
        pace_per_mille=pace_per_mille,
        levels=max(len(plan.priorities), 1),
        ops=programs.table(),
        **ordered,
        signals=vehicles.shape[0] * plan.slots,
        work_ms=work,
        windows=windows,
        flows=_layouts(plan, first_vehicle, first_record, place),
    )


def _by_arrival(vehicles: Times) -> tuple[dict[str, Any], Times]:
    """Arrays of a network's vehicles, in order of arrival, ties by flow; and the place of each in that order."""
    count, slots = vehicles.shape[0], vehicles.shape[1] - AT_SIGNALS
    order = np.argsort(vehicles[:, AT_ARRIVAL], kind="stable")
    place, (arrival, deadline, row) = np.empty(count, dtype=np.int64), np.empty((3, count), dtype=np.int64)
    start, signal = np.empty(count, dtype=np.uint32), np.empty((count, slots), dtype=np.uint32)
    put_in_order(order, vehicles, place, arrival, deadline, row, start, signal)
    ordered = {"arrival_ms": arrival, "deadline_ms": deadline, "row": row, "start": start, "signal": signal}
    return ordered, place


def _layouts(plan: NetworkPlan, first_vehicle: Times, first_record: Times, place: Times) -> tuple[FlowLayout, ...]:
    """Layout of each flow: its vehicles and its records."""
    return tuple(
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


def _offsets(sizes: list[int]) -> Times:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _distinct(numbers: Times) -> tuple[Times, Times]:
    """The distinct ones in the order in which they appear, and the place of each number among them."""
    slots = np.zeros(1 << (2 * numbers.size + 1).bit_length(), dtype=np.uint32)
    distinct, places = np.empty(numbers.size, dtype=np.int64), np.empty(numbers.size, dtype=np.int64)
    found = find_distinct(numbers, slots, distinct, places)
    return distinct[:found], places


def _columns_of_tasks(flow: FlowPlan, drawn: FlowManifest) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Rows of the flow's work, and at which column each is done; shape (pairs,) each."""
    if drawn.tasks not in flow.columns_of:
        row = {task: i for i, task in enumerate(drawn.tasks)}
        pairs = [(row[task], column) for column, tasks in flow.work for task in tasks]
        task, column = np.asarray(pairs, dtype=np.uint64).reshape(-1, 2).T
        flow.columns_of[drawn.tasks] = np.ascontiguousarray(task), np.ascontiguousarray(column)
    return flow.columns_of[drawn.tasks]


def _answers(flow: FlowPlan, drawn: FlowManifest) -> Mask:
    """True for vehicles that visit the step behind each choice of a route; shape (choices, vehicles)."""
    answers = np.ones((len(flow.choices), drawn.index.size), dtype=bool)
    for choice, wants in zip(flow.choices, answers, strict=True):
        for mark in choice.condition.has:
            wants &= drawn.marks[mark]
        for mark in choice.condition.lacks:
            wants &= ~drawn.marks[mark]
        if choice.fetches:
            wants &= drawn.fetches >= 0
        if choice.adopts is not None:
            wants &= drawn.adopted[choice.adopts]
        for policy in choice.bypassed_by:
            wants &= ~drawn.adopted[policy]
    return answers


def _roles(flow: FlowPlan, drawn: FlowManifest, records: Times, answers: Mask, goods: Times) -> Times:
    """Each vehicle's role in the declaration of its ``goods``, consignments numbered from 0 on.

    The one that declares is the one that would be ready first if nobody queued: arrival plus its own work before the
    declaration. The others wait for its signal.
    """
    roles = np.full(drawn.index.size, ALONE, dtype=np.int64)
    if not flow.has_consignments:
        return roles
    before = [(step.columns[-1], step.choice) for step in flow.steps[: flow.declares] if step.kind == "visit"]
    soonest, declarant = np.empty(roles.size, dtype=np.int64), np.full(roles.size, -1)
    together = _declares_together(flow, drawn, answers)
    steps = np.asarray(before, dtype=np.int64).reshape(-1, 2)
    choose_declarants(drawn.arrival_ms, records, steps, answers, together, goods, soonest, declarant)
    roles[together] = WAITS_FOR_DECLARATION
    roles[declarant[declarant >= 0]] = DECLARES_FOR_ALL
    return roles


def _declares_together(flow: FlowPlan, drawn: FlowManifest, answers: Mask) -> Mask:
    """Vehicles whose consignment makes one declaration, by the station's own rule or an adopted policy."""
    together = np.full(drawn.index.size, flow.shares_always)
    for policy in flow.shares_by:
        together |= drawn.adopted[policy]
    choice = flow.steps[flow.declares].choice
    return together & answers[choice] if choice >= 0 else together


def _first_signals(plan: NetworkPlan, first_vehicle: Times) -> list[int]:
    """Number of each flow's first signal; companions share their leaders' signals.

    A vehicle has one for each slot: that of its consignment (slot 0), and those it gives by itself (1, 2, ...).
    """
    position = {flow.name: i for i, flow in enumerate(plan.flows)}
    owners = [position[flow.leader or flow.name] for flow in plan.flows]
    return [int(first_vehicle[owner]) * plan.slots for owner in owners]


class _Programs:
    """The programs one replication uses, each written once into one table."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.parts: list[Ops] = []
        self.size = 0

    def assign(self, flow: FlowPlan, drawn: FlowManifest, answers: Mask, roles: Times) -> NDArray[np.uint32]:
        """First operation of each vehicle's program, shape (vehicles,)."""
        if not flow.choices and not flow.priorities and flow.declares < 0:
            only = self._write(flow, 3 * self.plan.priorities.index(flow.flow.priority), 0)
            return np.full(drawn.index.size, only, dtype=np.uint32)
        level = np.full(drawn.index.size, self.plan.priorities.index(flow.flow.priority))
        for policy, priority in flow.priorities:
            level = np.where(drawn.adopted[policy], self.plan.priorities.index(priority), level)
        key = roles + 3 * level
        add_answers(answers, key)
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
