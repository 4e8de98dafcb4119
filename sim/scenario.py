"""The frozen models a scenario file is read into. No input or output here, and no port's name.

A scenario is data: ports with calendars, resources, stations, routes and flows; the policies in force; named
groups of flows. `sim.loading` reads it from YAML, `sim.policies` applies the policies, `sim.manifest` and
`sim.network` turn it into arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from sim import units
from sim.distributions import LAW_NAMES, Law, law_text, parse_law
from sim.trace import Trace

NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_PER_DAY = 1440


class Model(BaseModel):
    """Base of all models: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


def _text(pattern: str, example: str) -> WithJsonSchema:
    """How a quantity looks in a file, for editors."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


def _law_schema(example: str) -> WithJsonSchema:
    names: dict[str, object] = {name: {} for name in LAW_NAMES}
    law = {"type": "object", "properties": names, "minProperties": 1, "maxProperties": 1}
    return WithJsonSchema(
        {"oneOf": [{"type": "string", "examples": [example]}, {**law, "additionalProperties": False}]}
    )


_NUMBER = r"^\s*[0-9][0-9,_ ]*\.?[0-9]*([eE][+-]?[0-9]+)?\s*"


def _shown(write: Callable[[Any], str]) -> PlainSerializer:
    """How a value is written where a scenario is printed: as in a file, so that it can be read back."""
    return PlainSerializer(write, return_type=str, when_used="json")


def _percent(value: float) -> str:
    return f"{value * 100:.12g} %"


def _tonnes(value: float) -> str:
    return f"{value:.12g} t"


Duration = Annotated[
    int,
    BeforeValidator(units.parse_duration),
    _shown(units.format_duration),
    _text(_NUMBER + "(ms|s|min|h|d)$", "30 min"),
]
Mass = Annotated[float, BeforeValidator(units.parse_mass), _shown(_tonnes), _text(_NUMBER + "(kg|t|kt)$", "18 t")]
Length = Annotated[
    float,
    BeforeValidator(units.parse_length),
    _shown(lambda value: f"{value:.12g} m"),
    _text(_NUMBER + "(m|km)$", "18 m"),
]
Share = Annotated[
    float, BeforeValidator(units.parse_share), _shown(_percent), _text(_NUMBER + "(%|per mille)$", "15 %")
]
Factor = Annotated[
    float, BeforeValidator(units.parse_factor), _shown(_percent), _text(_NUMBER + "(%|per mille)$", "80 %")
]
Volume = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_rate),
    _shown(units.format_rate),
    _text(_NUMBER + ".* per (year|d|h)$", "5,570 trailers per year"),
]
Value = Annotated[
    tuple[float, str],
    BeforeValidator(units.parse_value),
    _shown(lambda value: f"{value[0]:.12g} CNY/{value[1]}"),
    _text(_NUMBER + ".*/(kg|t|kt|vehicle|person)$", "25 CNY/kg"),
]
Money = Annotated[
    float,
    BeforeValidator(units.parse_money),
    _shown(lambda value: f"{value:.12g} CNY"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)$", "3 M CNY"),
]
Hourly = Annotated[
    float,
    BeforeValidator(units.parse_hourly),
    _shown(lambda value: f"{value:.12g} CNY/h"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/h$", "25 CNY/h"),
]
Price = Annotated[
    float,
    BeforeValidator(units.parse_price),
    _shown(lambda value: f"{value:.12g} CNY/l"),
    _text(_NUMBER + "(CNY|M CNY|bn CNY)/l$", "8 CNY/l"),
]
Consumption = Annotated[
    float,
    BeforeValidator(units.parse_consumption),
    _shown(lambda value: f"{value:.12g} l/h"),
    _text(_NUMBER + "l/h$", "2.4 l/h"),
]
Emission = Annotated[
    float,
    BeforeValidator(units.parse_emission),
    _shown(lambda value: f"{value * 1000:.12g} kg/l"),
    _text(_NUMBER + "(kg|t|kt)/l$", "2.7 kg/l"),
]
Loss = Annotated[
    float,
    BeforeValidator(units.parse_loss),
    _shown(lambda value: f"{value * 100:.12g} %/d"),
    _text(_NUMBER + "(%|per mille)/d$", "2 %/d"),
]
Years = Annotated[
    float,
    BeforeValidator(units.parse_years),
    _shown(lambda value: f"{value:.12g} years"),
    _text(_NUMBER + "years?$", "10 years"),
]
DurationLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_duration)),
    _shown(lambda law: law_text(law, lambda value: units.format_duration(round(value)))),
    _law_schema("30 min"),
]
MassLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_mass)),
    _shown(lambda law: law_text(law, _tonnes)),
    _law_schema("18 t"),
]
CountLaw = Annotated[
    Law,
    PlainValidator(lambda value: parse_law(value, units.parse_count)),
    _shown(lambda law: law_text(law, lambda value: f"{value:.12g} vehicles")),
    _law_schema("25 cars"),
]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$", max_length=120)]
Servers = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


def _parse_day(text: object) -> date:
    if not isinstance(text, str):
        raise ValueError(f"must be a day such as 2024-02-09, got '{text}'")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a day; write it like 2024-02-09") from None


def _parse_moment(text: object) -> datetime:
    if not isinstance(text, str):
        raise ValueError(f"must be a local date or time such as 2024-01-01 or '2024-01-01 08:00', got '{text}'")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a date; write it like 2024-01-01 or '2024-01-01 08:00'") from None
    if moment.tzinfo is not None:
        raise ValueError("times are local to the zone; leave out the offset")
    return moment


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _parse_zone(text: object) -> str:
    if not isinstance(text, str) or text not in _zones():
        raise ValueError(f"'{text}' is not a time zone; write it like Asia/Shanghai")
    return text


_WINDOW = re.compile(r"^(\d{2}):(\d{2})-(\d{2}):(\d{2})$")


def _parse_window(text: object) -> tuple[int, int]:
    match = _WINDOW.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' is not a window; write it in quotes like \"10:00-12:30\"")
    h1, m1, h2, m2 = map(int, match.groups())
    start, stop = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start >= MINUTES_PER_DAY or stop > MINUTES_PER_DAY:
        raise ValueError(f"'{text}' is not a time of day; hours run from 00:00 to 24:00")
    if start == stop:
        raise ValueError(f"'{text}' is empty; for all day write \"00:00-24:00\"")
    return start, stop if stop > start else stop + MINUTES_PER_DAY


def _format_window(window: tuple[int, int]) -> str:
    start, stop = window
    stop = stop if stop <= MINUTES_PER_DAY else stop - MINUTES_PER_DAY
    return f"{start // 60:02d}:{start % 60:02d}-{stop // 60:02d}:{stop % 60:02d}"


Day = Annotated[date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})]
Moment = Annotated[datetime, BeforeValidator(_parse_moment), WithJsonSchema({"type": "string"})]
Zone = Annotated[str, BeforeValidator(_parse_zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai"]})]
Window = Annotated[
    tuple[int, int],
    BeforeValidator(_parse_window),
    PlainSerializer(_format_window, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _WINDOW.pattern, "examples": ["10:00-12:30"]}),
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Months = Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(min_length=12, max_length=12)]


class Label(Model):
    """What a thing is called on figures, in English and, where known, in Chinese."""

    en: str
    zh: str | None = None


class Entry(Model):
    """Something with numbers in it, and where they come from.

    Attributes
    ----------
    source : str or None
        Publisher, title and date of what the numbers are taken from.
    assumed : str or None
        The reason for numbers that nobody has published. Both may stand: each says what it covers.
    """

    source: str | None = None
    assumed: str | None = None


class Season(Model):
    """The part of each year in which a calendar opens, both days included; may run over new year."""

    first: MonthDay
    last: MonthDay


class Calendar(Entry):
    """When something is open: daily windows in local time, weekdays off, season."""

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
    every : int
        Mean time in ms between the starts of closures (a Poisson process).
    daily_share : float
        Each day is closed with this probability.
    length : Law
        Length of one closure in ms; not with ``daily_share``.
    first_day, last_day : date or None
        Where closures may start; the horizon if left out.
    """

    count: Annotated[int, Field(ge=0, le=1000, strict=True)] | None = None
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
        return self


class Closure(Entry):
    """Days on which calendars do not open: fixed (both days included) or random."""

    stops: tuple[str, ...] | Literal["all"]
    first_day: Day | None = None
    last_day: Day | None = None
    random: RandomDays | None = None

    @model_validator(mode="after")
    def _fixed_or_random(self) -> Closure:
        fixed = self.first_day is not None and self.last_day is not None
        if fixed == (self.random is not None):
            raise ValueError("give first_day and last_day, or random")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


class Pace(Entry):
    """How fast people work at times: ``factor`` of normal on the days named; 0 % suspends begun work."""

    factor: Factor
    first_day: Day | None = None
    last_day: Day | None = None
    season: Season | None = None
    daily_share: Share | None = None


class CapacityPeriod(Entry):
    """Days, both included, on which a resource has another capacity."""

    first_day: Day
    last_day: Day
    capacity: Servers


class Quota(Model):
    """At most ``amount`` vehicles a day, refilled at local midnight, from first to last day, both included."""

    amount: Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
    first_day: Day | None = None
    last_day: Day | None = None


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
    """

    label: Label | None = None
    capacity: Servers | None = None
    calendar: Name | None = None
    periods: tuple[CapacityPeriod, ...] = ()
    quota: Quota | None = None
    holding_area: Length | None = None

    @model_validator(mode="after")
    def _pool_or_quota(self) -> Resource:
        if (self.capacity is None) == (self.quota is None):
            raise ValueError("needs a capacity or a quota, one of them")
        if self.quota is not None and (self.calendar or self.periods):
            raise ValueError("a quota has no calendar and no periods")
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
        Whether time in service here is declaration time, or inspection time.
    officers : int
        Customs officers who are busy with one vehicle in service here.
    once_per : str
        ``vehicle``, or ``consignment``: the first vehicle ready declares, the others wait for it.
    """

    label: Label | None = None
    needs: tuple[Name, ...] = ()
    tasks: dict[Name, Task] = Field(default_factory=dict)
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


STEP_KINDS = ("visit", "enter", "leave", "signal", "wait")


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

    kind: Literal["visit", "enter", "leave", "signal", "wait"]
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

    label: Label | None = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    passage: Span | None = None


class Convoy(Model):
    """Vehicles that come together: how many, and how far apart."""

    size: CountLaw
    gap: Duration


class HourProfile(Model):
    """When in the day vehicles come: ``share`` of them in the first ``first`` of the calendar's open time."""

    calendar: Name
    first: Duration
    share: Share


class Payload(Model):
    """A load carried by the vehicles with mark ``if``, or by all."""

    law: MassLaw
    if_: Name | None = Field(default=None, alias="if")


class Patience(Model):
    """``share`` of the drivers leave if, ``after`` their arrival, they still queue at one of the stations ``at``.

    Their goods lose the share ``loses`` of what they are then worth.
    """

    after: Duration
    share: Share
    at: tuple[Name, ...]
    loses: Share = 0.0


class HoldingBack(Model):
    """In closures longer than ``closures_over``, only the share ``sets_out`` of the vehicles sets out at all."""

    closures_over: Duration
    sets_out: Share


class Spoilage(Entry):
    """Goods that lose the share ``rate`` of their value in each day after the first ``after`` from the arrival on."""

    rate: Loss
    after: Duration = 0


class Flow(Entry):
    """One stream of similar vehicles (or persons) through one port.

    Attributes
    ----------
    volume : tuple of float and str, or None
        What would set out, closures included: things per ``year``, ``d`` or ``h``. ``None`` for companions and
        traces.
    arrivals : str or dict
        ``poisson`` (non-homogeneous, by inversion), ``fixed`` (the yearly count at the order statistics of the
        profile), or ``{trace: FILE.csv}``.
    active_from, active_until : datetime or None
        Local; no vehicle arrives before or after.
    months, weekdays, hours
        Relative intensity: twelve numbers or the name of a profile; seven numbers; 24 numbers, or open time.
    payload : dict
        Loads by name.
    marks : dict
        Yes/no attributes drawn for each vehicle, with their shares.
    companion_of : str or None
        The flow whose vehicles this one accompanies, one for one, waiting for their signals.
    time_cost, idling : float or None
        What an hour of one vehicle costs in CNY, and what its engine burns in litres an hour, if not as in the
        scenario's ``costs``.
    spoilage : Spoilage or None
        How the goods lose value with time; needs a value.
    """

    label: Label | None = None
    route: Name
    direction: Literal["export", "import", "transit"] = "export"
    counts: Literal["vehicles", "persons"] = "vehicles"
    volume: Volume | None = None
    arrivals: Literal["poisson", "fixed"] | dict[Literal["trace"], str] = "poisson"
    active_from: Moment | None = None
    active_until: Moment | None = None
    months: Months | Name | None = None
    weekdays: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=7, max_length=7)] | None = None
    hours: (
        HourProfile | Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=24, max_length=24)] | None
    ) = None
    convoy: Convoy | None = None
    payload: dict[Name, Payload] = Field(default_factory=dict)
    value: Value | None = None
    marks: dict[Name, Share] = Field(default_factory=dict)
    patience: Patience | None = None
    holding_back: HoldingBack | None = None
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = 5
    consignment: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    vehicle_length: Length | None = None
    companion_of: Name | None = None
    time_cost: Hourly | None = None
    idling: Consumption | None = None
    spoilage: Spoilage | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_payload(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "payload" in value:
            given = value["payload"]
            if not isinstance(given, Mapping) or (len(given) == 1 and next(iter(given)) in LAW_NAMES):
                return {**value, "payload": {"cargo": {"law": given}}}
        return value

    @model_validator(mode="after")
    def _source_of_vehicles(self) -> Flow:
        trace = isinstance(self.arrivals, dict)
        if (self.volume is None) != (trace or self.companion_of is not None):
            raise ValueError("needs a volume, or a trace of arrivals, or companion_of: one of them")
        if self.spoilage is not None and self.value is None and not trace:
            raise ValueError("spoilage needs a value, of which goods lose a share")
        return self


class Port(Entry):
    """A border port: both sides of the line where both matter."""

    label: Label
    zone: Zone | None = None
    altitude: Length | None = None
    calendars: dict[Name, Calendar] = Field(default_factory=dict)
    closures: dict[Name, Closure] = Field(default_factory=dict)
    paces: dict[Name, Pace] = Field(default_factory=dict)
    resources: dict[Name, Resource] = Field(default_factory=dict)
    stations: dict[Name, Station] = Field(default_factory=dict)
    routes: dict[Name, Route] = Field(default_factory=dict)
    flows: dict[Name, Flow] = Field(default_factory=dict)


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
        end = self.end.replace(tzinfo=ZoneInfo(self.zone))
        return round((end.timestamp() - self.origin().timestamp()) * 1000)


class Selector(Model):
    """What an effect applies to: lists of names; a key left out selects all."""

    port: tuple[Name, ...] | None = None
    flow: tuple[Name, ...] | None = None
    station: tuple[Name, ...] | None = None
    task: tuple[Name, ...] | None = None
    mark: tuple[Name, ...] | None = None
    resource: tuple[Name, ...] | None = None
    calendar: tuple[Name, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: [item] if isinstance(item, str) else item for key, item in value.items()}
        return value


class Closing(Model):
    """Days, both included, on which the selected calendars do not open."""

    first_day: Day
    last_day: Day


class Effect(Entry):
    """One typed change; exactly one of the keys below ``on`` is given.

    Vehicle effects (they honour adoption): ``service`` and ``scale`` (a task's law), ``skip`` and ``inland`` (a
    station), ``once_per`` (a station), ``share`` and ``scale_share`` (a mark), ``priority`` (a flow),
    ``cap_payload`` (a flow). World effects (adoption must be 100 %): ``add_servers``, ``open``, ``pace``, ``close``,
    ``consignment``.
    """

    on: Selector
    service: DurationLaw | None = None
    scale: Factor | None = None
    skip: Literal[True] | None = None
    inland: Reference | None = None
    once_per: Literal["consignment"] | None = None
    share: Share | None = None
    scale_share: Factor | None = None
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] | None = None
    cap_payload: Mass | None = None
    add_servers: Annotated[int, Field(ge=-1000, le=1000, strict=True)] | None = None
    open: tuple[Window, ...] | None = None
    pace: Factor | None = None
    close: Closing | None = None
    consignment: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None

    @property
    def kind(self) -> str:
        """The one key that is given."""
        return next(name for name in EFFECT_KINDS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Effect:
        given = [name for name in EFFECT_KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(EFFECT_KINDS)}")
        return self


EFFECT_KINDS = tuple(name for name in Effect.model_fields if name not in ("on", "source", "assumed"))
VEHICLE_EFFECTS = ("service", "scale", "skip", "inland", "once_per", "share", "scale_share", "priority", "cap_payload")


class PolicyCost(Entry):
    """What a policy costs, however widely it is used: ``once``, spread evenly over its ``life``, and ``per_year``."""

    once: Money = 0.0
    life: Years | None = None
    per_year: Money = 0.0

    @model_validator(mode="after")
    def _spread(self) -> PolicyCost:
        if bool(self.once) != (self.life is not None):
            raise ValueError("once and life go together: what is bought once is spread over the years of its life")
        return self

    @property
    def yearly(self) -> float:
        """CNY a year."""
        return self.per_year + (self.once / self.life if self.life is not None else 0.0)


class Policy(Entry):
    """A named measure: what it is, where it is taken from, how widely it is used, and what it changes.

    ``variants`` hold readings of the same measure that exclude one another; ``variant`` is the one in force
    where a scenario does not say. ``after`` names policies whose settings this one may change again. ``cost`` is that
    of having it at all, at any adoption.
    """

    name: Name
    title: Label
    description: str
    adoption: Share = 1.0
    effects: tuple[Effect, ...] = ()
    variants: dict[str, tuple[Effect, ...]] = Field(default_factory=dict)
    variant: str | None = None
    after: tuple[Name, ...] = ()
    cost: PolicyCost | None = None

    @model_validator(mode="after")
    def _known_variant(self) -> Policy:
        if bool(self.variants) != (self.variant is not None):
            raise ValueError("variants and variant (the default) go together")
        if self.variant is not None and self.variant not in self.variants:
            raise ValueError(f"no variant '{self.variant}': there are {', '.join(self.variants)}")
        if not self.effects and not self.variants:
            raise ValueError("a policy needs effects or variants")
        return self


class PolicyUse(Entry):
    """How a scenario uses a policy; what is left out is taken from the policy's file.

    ``strength`` scales how far the durations it changes go from before (0 %) to after (100 %).
    """

    adoption: Share | None = None
    strength: Factor = 1.0
    variant: str | None = None
    cost: PolicyCost | None = None


class Amendment(Model):
    """A vehicle effect, resolved: which policy does what to which flow's vehicles. Made by `sim.policies` only."""

    policy: str
    kind: str
    flow: str
    target: str
    law: DurationLaw | None = None
    number: float | None = None
    text: str | None = None
    strength: float = 1.0


class Reported(Entry):
    """A figure somebody reported, drawn beside the simulated one: ``tonnes`` cleared or ``vehicles`` of a group."""

    port: str = "all"
    flow: str = "all"
    tonnes: Mass | None = None
    vehicles: Annotated[float, Field(ge=0)] | None = None
    first_day: Day
    last_day: Day


class TimeCost(Entry):
    """What an hour of one vehicle with its driver costs, day or night."""

    rate: Hourly


class Idling(Entry):
    """What an engine burns while it idles, and for which share of the time in queues and blocked it does."""

    rate: Consumption
    share: Share = 1.0


class Altitude(Entry):
    """How much more an engine burns for each km above the sea."""

    extra_per_km: Factor


class Fuel(Entry):
    """What a litre of fuel costs."""

    price: Price


class Emissions(Entry):
    """What a litre of fuel gives off, burnt."""

    per_litre: Emission


class OfficerCost(Entry):
    """What an hour of one officer costs."""

    rate: Hourly


class Costs(Model):
    """What things cost, each rate with its own source; what is left out costs nothing."""

    time: TimeCost | None = None
    idling: Idling | None = None
    altitude: Altitude | None = None
    fuel: Fuel | None = None
    co2: Emissions | None = None
    officers: OfficerCost | None = None

    @model_validator(mode="after")
    def _engines(self) -> Costs:
        given = [name for name in ("altitude", "fuel", "co2") if getattr(self, name) is not None]
        if given and self.idling is None:
            raise ValueError(f"{given[0]} needs idling: what an engine burns, and for which share of the time")
        return self


class Scenario(Model):
    """Everything a replication needs but its random numbers.

    ``policies`` are those asked for, in order. ``traces`` holds the vehicles of flows read from CSV files, by
    ``port.flow``. ``adoptions``, ``amendments`` and ``policy_costs`` (CNY a year) are empty until
    `sim.policies.apply_policies` fills them in.
    """

    name: str
    title: str
    question: str | None = None
    horizon: Horizon
    profiles: dict[Name, Months] = Field(default_factory=dict)
    ports: dict[Name, Port]
    policies: dict[Name, PolicyUse] = Field(default_factory=dict)
    groups: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    reported: dict[Name, Reported] = Field(default_factory=dict)
    costs: Costs | None = None
    traces: dict[str, Annotated[Trace, WithJsonSchema({})]] = Field(default_factory=dict, exclude=True)
    adoptions: dict[str, float] = Field(default_factory=dict, exclude=True)
    amendments: tuple[Amendment, ...] = Field(default=(), exclude=True)
    policy_costs: dict[str, float] = Field(default_factory=dict, exclude=True)

    def flows(self) -> dict[str, Flow]:
        """All flows by ``port.flow``, in the order of the file."""
        return {f"{p}.{f}": flow for p, port in self.ports.items() for f, flow in port.flows.items()}

    def station(self, port: str, reference: str) -> tuple[str, Station]:
        """A station by the name a route of ``port`` uses for it, with its full name ``port.station``."""
        owner, _, name = reference.rpartition(".")
        return f"{owner or port}.{name}", self.ports[owner or port].stations[name]
