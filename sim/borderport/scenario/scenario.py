"""A whole scenario: ports, policies in force, horizon, and what was reported."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, WithJsonSchema, model_validator

from borderport.scenario.costs import Costs
from borderport.scenario.flow import Flow
from borderport.scenario.inspection import Inspection
from borderport.scenario.policy import Amendment, PolicyUse
from borderport.scenario.port import Port, Station
from borderport.scenario.quantities import Day, Duration, Entry, ForReaders, Mass, Model, Moment, Months, Name, Zone
from borderport.trace import Trace


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
        if self.end <= self.start:
            raise ValueError("end is not after start")
        if self.end - self.start > timedelta(days=40_000):
            raise ValueError("a horizon of more than 40,000 days does not fit the simulator's clock")
        return self

    def origin(self) -> datetime:
        """The moment of time 0, with its zone: the start less the lead-in."""
        return self.start.replace(tzinfo=ZoneInfo(self.zone)) - timedelta(milliseconds=self.lead_in)

    def years(self) -> float:
        """Length of the reported period in calendar years: half of 2024 is 183 of its 366 days."""
        ends = []
        for moment in (self.start, self.end):
            first, following = datetime(moment.year, 1, 1), datetime(moment.year + 1, 1, 1)
            ends.append(moment.year + (moment - first) / (following - first))
        return ends[1] - ends[0]

    def length_ms(self) -> int:
        """From time 0 to the end, in ms, lead-in included."""
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
    vehicles: Annotated[float, Field(ge=0)] | None = None
    first_day: Day
    last_day: Day


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
    amendments: tuple[Amendment, ...] = Field(default=(), exclude=True)
    policy_costs: dict[str, float] = Field(default_factory=dict, exclude=True)

    def flows(self) -> dict[str, Flow]:
        """All flows by ``port.flow``, in the order of the file."""
        return {f"{p}.{f}": flow for p, port in self.ports.items() for f, flow in port.flows.items()}

    def marks(self, flow: Flow) -> tuple[str, ...]:
        """Marks that conditions may ask for: the flow's own and those of its inspection."""
        inspection = self.inspections.get(flow.inspection or "")
        return (*flow.marks, *(inspection.marks() if inspection else ()))

    def station(self, port: str, reference: str) -> tuple[str, Station]:
        """A station by the name a route of ``port`` uses for it, with its full name ``port.station``."""
        owner, _, name = reference.rpartition(".")
        return f"{owner or port}.{name}", self.ports[owner or port].stations[name]
