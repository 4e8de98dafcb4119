"""Routes → programs of the five operations, one for every combination of choices that vehicles make."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from borderport.network.flow_plan import FlowPlan, PlannedStep
from borderport.network.network import ABANDONED, DELAY, END, ESCAPE, EXITED, RELEASE, SEIZE, SIGNAL, WAIT, Ops

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
        True if the step behind each choice is visited.
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
    lent = {step.resource for step in plan.steps if step.kind == "enter"}
    lent -= {step.resource for step in plan.steps if step.kind == "leave"}
    for number, step in enumerate(plan.steps):
        if step.choice >= 0 and not answers[step.choice]:
            continue
        match step.kind:
            case "visit":
                writer.visit(step, role if number == plan.declares else ALONE)
            case "enter":
                writer.seize(step.resource, step.columns[0], step.escapes)
                writer.release_pending(step.ref)
            case "leave":
                writer.release(step.resource)
            case "signal":
                writer.op(SIGNAL, step.slot)
                writer.lend(lent)
            case "wait":
                writer.op(WAIT, step.slot, step.columns[0])
            case _:
                assert_never(step.kind)
    return writer.finish(signals_declared=role == DECLARES_FOR_ALL, left=plan.left)


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

    def visit(self, step: PlannedStep, role: int) -> None:
        """SEIZE what the station needs, DELAY, RELEASE, with consignments and blocking after service."""
        service, columns = step.service, step.columns
        assert service is not None
        if service.may_share:
            if role == WAITS_FOR_DECLARATION:
                self.op(WAIT, 0, columns[0])
                self.release_pending(step.ref)
                return
            columns = columns[1:]
        for resource, column in zip(service.needs, columns, strict=False):
            self.seize(resource, column, step.escapes)
        self.release_pending(step.ref)
        if service.tasks:
            self.op(DELAY, service.pace + 1, columns[-1])
        if role == DECLARES_FOR_ALL:
            self.op(SIGNAL, 0)
        if service.holds_until:
            self.pending.append((service.holds_until, service.needs))
            return
        for resource in reversed(service.needs):
            self.release(resource)

    def finish(self, signals_declared: bool, left: int) -> Ops:
        """Close the program, then append the ways out: give back what is held, give the signals, leave."""
        for until in [until for until, _ in self.pending]:
            self.release_pending(until)
        self.op(END, EXITED)
        for position, held in self.escapes:
            self.rows[position][ESCAPE] = len(self.rows) - position
            for resource in reversed(held):
                self.op(RELEASE, resource)
            if signals_declared:
                self.op(SIGNAL, 0)
            if left:
                self.op(SIGNAL, left)
            self.op(END, ABANDONED)
        return np.asarray(self.rows, dtype=np.uint32)
