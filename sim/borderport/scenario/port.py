"""Ports: calendars, closures, paces, resources, stations and routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from borderport import bounds, units
from borderport.scenario.flow import Flow
from borderport.scenario.names import Name, StationName, TaskName
from borderport.scenario.quantities import (
    Altitude,
    Day,
    Duration,
    DurationLaw,
    Entry,
    ForReaders,
    Label,
    Length,
    Model,
    MonthDay,
    Reference,
    Servers,
    Share,
    Speed,
    Weekday,
    Window,
    Zone,
    check_order,
    refuse,
)


class Season(Model):
    """The part of each year in which a calendar opens, both days included; may run over new year."""

    first: MonthDay
    last: MonthDay


class Calendar(Entry):
    """Open times: daily windows in local time, weekdays off, season."""

    open: tuple[Window, ...]
    zone: Zone | None = None
    closed_on: tuple[Weekday, ...] = ()
    season: Season | None = None


class RandomDays(Model):
    """Closures at random: exactly one of ``count``, ``every`` and ``daily_share`` is given.

    Attributes
    ----------
    count : int
        This many closures, placed at random without overlap, each starting at local midnight.
    chance : float
        Each of the ``count`` closures happens with this probability; always if left out.
    every : int
        Mean time in ms between the starts of closures (a Poisson process).
    daily_share : float
        Each day is closed with this probability.
    length : Law
        Length of one closure in ms; not with ``daily_share``.
    first_day, last_day : date or None
        Days between which closures may start; the horizon if left out.
    """

    count: Annotated[int, Field(ge=0, le=1000, strict=True)] | None = None
    chance: Share | None = None
    every: Duration | None = None
    daily_share: Share | None = None
    length: DurationLaw | None = None
    first_day: Day | None = None
    last_day: Day | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> RandomDays:
        given = [name for name in ("count", "every", "daily_share") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of count, every and daily_share")
        if (self.length is None) != (given == ["daily_share"]):
            raise ValueError("count and every need a length; daily_share closes whole days and takes none")
        if self.chance is not None and self.count is None:
            raise ValueError("chance goes with count: how likely each of so many closures is")
        if self.every is not None and self.every < units.MS_PER_HOUR:
            raise ValueError("every must be at least 1 h; give daily_share for days that close often")
        check_order(self.first_day, self.last_day)
        return self


class Closure(Entry):
    """Days on which calendars do not open: fixed (both days included) or random."""

    stops: tuple[str, ...] | Literal["all"]
    first_day: Day | None = None
    last_day: Day | None = None
    random: RandomDays | None = None

    @model_validator(mode="after")
    def _fixed_or_random(self) -> Closure:
        days = {name: getattr(self, name) for name in ("first_day", "last_day")}
        if self.random is None and None in days.values():
            raise ValueError("give first_day and last_day, or random")
        if self.random is not None:
            say = "does not go with random; say within random where closures may start"
            refuse([((name,), say) for name, day in days.items() if day is not None])
        check_order(self.first_day, self.last_day)
        return self


class Pace(Entry):
    """Speed of work: ``factor`` of normal on the days named, ``otherwise`` on the others; 0 % suspends work."""

    factor: Speed
    otherwise: Speed = 1.0
    first_day: Day | None = None
    last_day: Day | None = None
    season: Season | None = None
    daily_share: Share | None = None

    @model_validator(mode="after")
    def _days_in_order(self) -> Pace:
        check_order(self.first_day, self.last_day)
        return self


class CapacityPeriod(Entry):
    """Days, both included, on which a resource has another capacity."""

    first_day: Day
    last_day: Day
    capacity: Servers

    @model_validator(mode="after")
    def _days_in_order(self) -> CapacityPeriod:
        check_order(self.first_day, self.last_day)
        return self


class Breakdowns(Entry):
    """Failures at random: a Poisson process over the whole horizon, day and night.

    Attributes
    ----------
    every : int
        Mean time in ms between the starts of two breakdowns, at least 1 h.
    length : Law
        Length of one, in ms. Breakdowns that overlap count as one.
    servers : int or None
        Servers that are out meanwhile; ``None`` means all.
    """

    every: Duration
    length: DurationLaw
    servers: Annotated[int, Field(ge=1, le=bounds.MOST_SERVERS, strict=True)] | None = None

    @model_validator(mode="after")
    def _not_all_the_time(self) -> Breakdowns:
        if self.every < units.MS_PER_HOUR:
            raise ValueError("every must be at least 1 h; what fails more often is part of the service time")
        return self


class Quota(Model):
    """A limit of ``amount`` vehicles a day, refilled at local midnight, from first to last day, both included."""

    amount: Servers
    first_day: Day | None = None
    last_day: Day | None = None

    @model_validator(mode="after")
    def _days_in_order(self) -> Quota:
        check_order(self.first_day, self.last_day)
        return self


class Resource(Entry):
    """A pool of identical servers, or a daily quota that is used up and refilled.

    Attributes
    ----------
    capacity : int or None
        Servers while the calendar is open; ``None`` for a quota.
    calendar : str or None
        Name of a calendar of the port; ``None`` means always open.
    holding_area : float or None
        Metres of queue that fit before it reaches back onto the road.
    breakdowns : Breakdowns or None
        Failures of servers; work that has begun is finished all the same.
    """

    label: ForReaders[Label | None] = None
    capacity: Servers | None = None
    calendar: Name | None = None
    periods: tuple[CapacityPeriod, ...] = ()
    quota: Quota | None = None
    holding_area: Length | None = None
    breakdowns: Breakdowns | None = None

    @model_validator(mode="after")
    def _pool_or_quota(self) -> Resource:
        if (self.capacity is None) == (self.quota is None):
            raise ValueError("needs a capacity or a quota, one of them")
        if self.quota is not None and (self.calendar or self.periods or self.breakdowns):
            raise ValueError("a quota has no calendar, no periods and no breakdowns")
        refuse(
            (("periods", index), f"has days of another period, from {other.first_day} to {other.last_day}, too")
            for index, period in enumerate(self.periods)
            for other in self.periods[:index]
            if period.first_day <= other.last_day and other.first_day <= period.last_day
        )
        return self


class Task(Model):
    """One piece of work at a station; done by the vehicles that carry mark ``if``, or by all."""

    service: DurationLaw
    if_: Name | None = Field(default=None, alias="if")


class Station(Entry):
    """A named step: the resources it needs, all held while its tasks are done one after the other.

    Attributes
    ----------
    needs : tuple of str
        Resources, seized in the order in which the port lists them (so that no two stations can lock each
        other up).
    tasks : dict
        Work by name. ``service: LAW`` in the file is short for one task named ``service``.
    pace : str or None
        Name of the port's pace calendar that slows or suspends the work.
    declaration, inspection : bool
        True if time in service here is declaration time, or inspection time.
    officers : int
        Customs officers who are busy with one vehicle in service here.
    once_per : str
        ``vehicle``, or ``consignment``: the first vehicle ready declares, the others wait for it.
    """

    label: ForReaders[Label | None] = None
    needs: tuple[Name, ...] = ()
    tasks: dict[TaskName, Task] = Field(default_factory=dict)
    pace: Name | None = None
    declaration: bool = False
    inspection: bool = False
    officers: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    once_per: Literal["vehicle", "consignment"] = "vehicle"

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "service" in value:
            if "tasks" in value:
                raise ValueError("give service or tasks, not both")
            rest = {key: item for key, item in value.items() if key != "service"}
            return {**rest, "tasks": {"service": {"service": value["service"]}}}
        return value


StepKind = Literal["visit", "enter", "leave", "signal", "wait"]
STEP_KINDS: tuple[StepKind, ...] = get_args(StepKind)


class Step(Model):
    """One step of a route.

    Attributes
    ----------
    kind : str
        ``visit`` a station; ``enter`` a yard or fleet (seize one place) or ``leave`` it (give it back);
        ``signal`` a companion, or ``wait`` for its signal.
    name : str
        Station, resource or signal. ``port.station`` names a station of another port.
    if_, unless : str or None
        Only vehicles that carry, or do not carry, this mark.
    share : float or None
        A share of the vehicles, by a draw of this step's own.
    holds_until : str or None
        Blocking after service: the station's resources are given back only when the vehicle has got what the
        named later step (a station, or a resource entered) needs.
    """

    kind: StepKind
    name: Reference
    if_: Name | None = Field(default=None, alias="if")
    unless: Name | None = None
    share: Share | None = None
    holds_until: Reference | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": "visit", "name": value}
        if isinstance(value, Mapping) and "kind" not in value:
            if len(value) != 1:
                raise ValueError("a step is a station's name, {station: {options}} or {enter|leave|signal|wait: name}")
            key, given = next(iter(value.items()))
            if key in STEP_KINDS[1:]:
                return {"kind": key, "name": given}
            if not isinstance(given, Mapping):
                raise ValueError(f"'{key}' is followed by options such as {{if: selected}}")
            return {"kind": "visit", "name": key, **given}
        return value


class Span(Model):
    """A stretch of a route, from the arrival at one station to the end of another, and the calendar of its clock."""

    from_: Reference = Field(alias="from")
    to: Reference
    clock: Name | None = None


class Route(Entry):
    """The ordered steps of a flow. ``passage`` is the customs-controlled stretch; left out, it is the whole route."""

    label: ForReaders[Label | None] = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    passage: Span | None = None


class Port(Entry):
    """A border port: both sides of the line where both matter."""

    label: ForReaders[Label]
    zone: Zone | None = None
    altitude: Altitude | None = None
    calendars: dict[Name, Calendar] = Field(default_factory=dict)
    closures: dict[Name, Closure] = Field(default_factory=dict)
    paces: dict[Name, Pace] = Field(default_factory=dict)
    resources: dict[Name, Resource] = Field(default_factory=dict)
    stations: dict[StationName, Station] = Field(default_factory=dict)
    routes: dict[Name, Route] = Field(default_factory=dict)
    flows: dict[Name, Flow] = Field(default_factory=dict)
