"""Routes resolved: what each step is, whom it concerns, what work is done there and what is held meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from borderport.distributions import Law
from borderport.scenario.port import Station, Step, StepKind
from borderport.scenario.refs import Ref
from borderport.scenario.scenario import Scenario

NO_STATION = Station()


@dataclass(frozen=True)
class Condition:
    """Condition of a step: vehicles take it that have all marks of ``has`` and none of ``lacks``."""

    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def always(self) -> bool:
        """True if every vehicle takes the step."""
        return not (self.has or self.lacks)


@dataclass(frozen=True)
class StationTask:
    """One task at a station.

    Attributes
    ----------
    station : Ref
    name : str
    service : Law
        In ms.
    mark : str or None
        Only vehicles that have it do the task.
    """

    station: Ref
    name: str
    service: Law
    mark: str | None

    @property
    def key(self) -> str:
        """``port.station.task``."""
        return f"{self.station}.{self.name}"

    @property
    def local_key(self) -> str:
        """``station.task``."""
        return f"{self.station.name}.{self.name}"


@dataclass(frozen=True)
class Visit:
    """One step of a route with its names resolved.

    Attributes
    ----------
    kind : str
        As in `Step`.
    name : str
        As the route writes it.
    ref : Ref
        The station visited, the resource entered or left; the port's own name of a signal.
    station : Station
        `NO_STATION` for steps that visit none.
    condition : Condition
        The vehicles that take the step; a share by a draw of its own is the mark ``visited``.
    share : float or None
        The share of the vehicles that have the mark ``visited``.
    tasks : tuple of StationTask
        The work done here, in order.
    holds_until : Ref or None
        The later step at which the station's resources are given back; ``None``: when the work is done.
    held : Ref or None
        The station whose resources the vehicle still holds when it comes here, so that it is blocked while it waits.
    """

    kind: StepKind
    name: str
    ref: Ref
    station: Station
    condition: Condition
    share: float | None
    tasks: tuple[StationTask, ...]
    holds_until: Ref | None
    held: Ref | None

    @property
    def visited(self) -> str:
        """The mark of those who take a step that has a share of its own."""
        return visited_mark(self.name)


def visited_mark(step: str) -> str:
    """The mark of the vehicles that take a step with a share of its own, by the name the route gives the step."""
    return f"{step}.visited"


def visits_of(scenario: Scenario, port: str, route: str) -> tuple[Visit, ...]:
    """The steps of a route, resolved.

    Parameters
    ----------
    scenario : Scenario
    port, route : str
        The port whose route it is.

    Returns
    -------
    tuple of Visit
        In the order of the route. A station that does not exist is `NO_STATION`: `borderport.loading` says so.
    """
    visits: list[Visit] = []
    holding: list[tuple[Ref, Ref]] = []
    for step in scenario.ports[port].routes[route].steps:
        ref = Ref.seen_from(port, step.name)
        until = Ref.seen_from(port, step.holds_until) if step.holds_until else None
        station = scenario.station(ref) if step.kind == "visit" else None
        held = holding[0][0] if holding else None
        station = station or NO_STATION
        tasks = tasks_at(ref, station)
        visits.append(Visit(step.kind, step.name, ref, station, _condition(step), step.share, tasks, until, held))
        if step.kind in ("visit", "enter"):
            holding = [(station, reached) for station, reached in holding if reached != ref]
        if until is not None:
            holding.append((ref, until))
    return tuple(visits)


def tasks_at(ref: Ref, station: Station) -> tuple[StationTask, ...]:
    """The tasks of one station."""
    return tuple(StationTask(ref, name, task.service, task.if_) for name, task in station.tasks.items())


def _condition(step: Step) -> Condition:
    has = [step.if_] if step.if_ else []
    if step.share is not None:
        has.append(visited_mark(step.name))
    return Condition(tuple(has), (step.unless,) if step.unless else ())
