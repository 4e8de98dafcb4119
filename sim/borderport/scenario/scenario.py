"""A whole scenario: ports, policies in force, horizon, and what was reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, WithJsonSchema, model_validator

from borderport import bounds
from borderport.scenario.costs import Costs
from borderport.scenario.flow import Flow
from borderport.scenario.inspection import Inspection
from borderport.scenario.names import RESERVED, Name
from borderport.scenario.policy import Amendment, PolicyUse
from borderport.scenario.port import Calendar, Closure, Pace, Port, Resource, Station
from borderport.scenario.quantities import (
    Day,
    Duration,
    Entry,
    ForReaders,
    Mass,
    Model,
    Moment,
    Months,
    Zone,
    check_exists,
    check_order,
    refuse,
)
from borderport.scenario.refs import Ref
from borderport.trace import Trace
from borderport.units import MS_PER_DAY


class Horizon(Model):
    """The simulated time, local to ``zone``: from ``start`` up to, not including, ``end``.

    ``lead_in`` is simulated before ``start`` so that the reported period need not begin empty; its vehicles
    are not counted.
    """

    start: Moment
    end: Moment
    zone: Zone = "UTC"
    lead_in: Duration = 0

    @model_validator(mode="after")
    def _forward(self) -> Horizon:
        wrong = {name: check_exists(getattr(self, name), self.zone) for name in ("start", "end")}
        refuse(((name,), message) for name, message in wrong.items() if message)
        if self.end <= self.start:
            refuse([(("end",), f"end is not after start ({self.start}), so nothing would happen")])
        days = (self.end - self.start) / timedelta(days=1) + self.lead_in / MS_PER_DAY
        if days > bounds.LONGEST_HORIZON_DAYS:
            which = "lead_in" if self.lead_in else "end"
            most = bounds.LONGEST_HORIZON_DAYS
            say = f"makes a horizon of {days:,.0f} days, lead-in included; the simulator's clock holds {most:,}"
            refuse([((which,), say)])
        return self

    def origin(self) -> datetime:
        """The moment of time 0, with its zone: the start less the lead-in, however often clocks change between them."""
        start = self.start.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)  # local times subtract as clocks show
        return (start - timedelta(milliseconds=self.lead_in)).astimezone(ZoneInfo(self.zone))

    def years(self) -> float:
        """Length of the reported period in calendar years: half of 2024 is 183 of its 366 days."""
        ends = []
        for moment in (self.start, self.end):
            first, following = datetime(moment.year, 1, 1), datetime(moment.year + 1, 1, 1)
            ends.append(moment.year + (moment - first) / (following - first))
        return ends[1] - ends[0]

    def length_ms(self) -> int:
        """Time from 0 to the end, in ms, lead-in included."""
        return self.length

    @cached_property
    def length(self) -> int:
        """See `length_ms`: worked out once, since every replication asks."""
        end = self.end.replace(tzinfo=ZoneInfo(self.zone))
        return round((end.timestamp() - self.origin().timestamp()) * 1000)


class Reported(Entry):
    """A figure somebody reported, drawn beside the simulated one: ``tonnes`` cleared or ``vehicles`` of a group."""

    port: str = "all"
    flow: str = "all"
    tonnes: Mass | None = None
    vehicles: Annotated[float, Field(ge=0, le=bounds.VOLUME.most, allow_inf_nan=False)] | None = None
    first_day: Day
    last_day: Day

    @model_validator(mode="after")
    def _days_in_order(self) -> Reported:
        check_order(self.first_day, self.last_day)
        return self


class Scenario(Model):
    """Everything a replication needs but its random numbers.

    ``policies`` are those asked for, in order. ``traces`` holds the vehicles of flows read from CSV files, by
    ``port.flow``. ``adoptions``, ``amendments`` and ``policy_costs`` (CNY a year) are empty until
    `borderport.policies.apply_policies` fills them in.
    """

    name: ForReaders[str]
    title: ForReaders[str]
    question: ForReaders[str | None] = None
    horizon: Horizon
    profiles: dict[Name, Months] = Field(default_factory=dict)
    inspections: dict[Name, Inspection] = Field(default_factory=dict)
    ports: dict[Name, Port]
    policies: dict[Name, PolicyUse] = Field(default_factory=dict)
    groups: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    reported: ForReaders[dict[Name, Reported]] = Field(default_factory=dict)
    costs: Costs | None = None
    traces: dict[str, Annotated[Trace, WithJsonSchema({})]] = Field(default_factory=dict, exclude=True)
    adoptions: dict[str, float] = Field(default_factory=dict, exclude=True)
    amendments: tuple[Annotated[Amendment, WithJsonSchema({})], ...] = Field(default=(), exclude=True)
    policy_costs: dict[str, float] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _told_apart(self) -> Scenario:
        refuse((*_groups(self), *_places(self), *_moments(self)))
        return self

    def flows(self) -> dict[Ref, Flow]:
        """All flows, in the order of the file."""
        return {Ref(p, name): flow for p, port in self.ports.items() for name, flow in port.flows.items()}

    def members(self, group: str) -> tuple[Ref, ...]:
        """The flows of a named group."""
        return tuple(Ref.parse(flow) for flow in self.groups[group])

    def resources(self) -> dict[Ref, Resource]:
        """All resources, in the order of the file."""
        return {Ref(p, name): resource for p, port in self.ports.items() for name, resource in port.resources.items()}

    def flow(self, name: Ref) -> Flow:
        """The flow of a full name; KeyError if there is none."""
        return self.ports[name.port].flows[name.name]

    def station(self, name: Ref) -> Station | None:
        """The station of a full name, if there is one."""
        port = self.ports.get(name.port)
        return None if port is None else port.stations.get(name.name)

    def calendars(self) -> dict[Ref, Calendar]:
        """All calendars, in the order of the file."""
        return {Ref(p, name): calendar for p, port in self.ports.items() for name, calendar in port.calendars.items()}

    def closures(self) -> dict[Ref, Closure]:
        """All closures, in the order of the file."""
        return {Ref(p, name): closure for p, port in self.ports.items() for name, closure in port.closures.items()}

    def paces(self) -> dict[Ref, Pace]:
        """All paces, in the order of the file."""
        return {Ref(p, name): pace for p, port in self.ports.items() for name, pace in port.paces.items()}

    def marks(self, flow: Flow) -> tuple[str, ...]:
        """Marks that conditions may ask for: the flow's own and those of its inspection."""
        inspection = self.inspections.get(flow.inspection or "")
        return (*flow.marks, *(inspection.marks() if inspection else ()))


Found = Iterator[tuple[tuple[str | int, ...], str]]


def _groups(scenario: Scenario) -> Found:
    """Groups whose rows in a table would not say what they seem to."""
    flows = scenario.flows()
    for name, members in scenario.groups.items():
        here = ("groups", name)
        if not members:
            yield here, "holds no flow, so there is nothing to show; leave it out"
        if name in scenario.ports:
            yield here, f"'{name}' is a port, whose flows tables show together already; choose another name"
        for index, member in enumerate(members):
            if member in members[:index]:
                yield (*here, index), f"'{member}' is in this group twice, so it would be counted twice"
        left_out = [full for full in flows if full.name == name and full not in members]
        if left_out:
            yield here, f"is called like a flow, so it must hold {', '.join(left_out)} too; or choose another name"


def _moments(scenario: Scenario) -> Found:
    """Local moments of a port that its clocks skip."""
    for port, p in scenario.ports.items():
        for name, flow in p.flows.items():
            for key in ("active_from", "active_until"):
                moment = getattr(flow, key)
                message = check_exists(moment, p.zone or scenario.horizon.zone) if moment is not None else ""
                if message:
                    yield ("ports", port, "flows", name, key), message


def _places(scenario: Scenario) -> Found:
    """Stations, yards entered and signals waited for that are called the same, so that tables would mix them."""
    stations = {f"{port}.{name}" for port, p in scenario.ports.items() for name in p.stations}
    steps = [
        (("ports", port, "routes", name, "steps", index, "name"), step.kind, step.name, f"{port}.{step.name}")
        for port, p in scenario.ports.items()
        for name, route in p.routes.items()
        for index, step in enumerate(route.steps)
    ]
    entered = {name if "." in name else own for _, kind, name, own in steps if kind == "enter"}
    for path, kind, name, own in steps:
        full = name if "." in name else own
        if kind == "enter" and full in stations:
            yield path, f"'{name}' is a station too, and tables could not tell them apart; rename one of them"
        elif kind in ("signal", "wait") and "." in name:
            yield path, f"a signal is given within a port and has no point in its name, got '{name}'"
        elif kind == "wait" and (own in stations or own in entered):
            yield path, f"'{name}' is a station or yard too, and tables could not tell them apart; rename the signal"
    for port, p in scenario.ports.items():
        for name, station in p.stations.items():
            for task in station.tasks:
                taken = RESERVED["station.task"].get(f"{name}.{task}")
                if taken:
                    message = f"'{name}.{task}' means {taken}; choose another name"
                    yield ("ports", port, "stations", name, "tasks", task), message
