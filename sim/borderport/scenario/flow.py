"""Flows: streams of similar vehicles, when they come, what they carry and how they behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from borderport.distributions import LAW_NAMES
from borderport.scenario.names import LoadName, MarkName, Name
from borderport.scenario.quantities import (
    Consumption,
    CountLaw,
    Duration,
    DurationLaw,
    Entry,
    ForReaders,
    Hourly,
    Hours,
    Label,
    Length,
    LoadLaw,
    Loss,
    Model,
    Moment,
    Months,
    Reference,
    Rest,
    Share,
    SomeTime,
    Value,
    Volume,
    Weekdays,
    refuse,
)


class Convoy(Model):
    """Vehicles that come together: how many, and how far apart."""

    size: CountLaw
    gap: Duration

    @model_validator(mode="after")
    def _somebody(self) -> Convoy:
        if self.size.mean() < 1:
            raise ValueError(f"a convoy has at least 1 vehicle on average, not {self.size.mean():g}")
        return self


class HourProfile(Model):
    """Arrivals over the day: ``share`` of the vehicles come in the first ``first`` of the calendar's open time."""

    calendar: Name
    first: SomeTime
    share: Share


class Payload(Model):
    """A load carried by the vehicles with mark ``if``, or by all.

    It is cleared, and its tonnes count, when the vehicle comes to the end of its passage, or already when it has done
    with the station ``cleared_after``: what a truck brings is through customs long before it leaves with what it takes.
    """

    law: LoadLaw
    if_: Name | None = Field(default=None, alias="if")
    cleared_after: Reference | None = None


class Patience(Model):
    """The driver's patience (reneging): ``share`` leave if, ``after`` their arrival, they still queue at one of ``at``.

    Attributes
    ----------
    at : tuple of str
        Stations that the route visits, and resources that it enters.
    goods : str
        ``lost``: they leave with the truck. ``wait``: they stay where they are, and a later truck fetches them; it has
        patience of its own, and holds back in closures as the first one would.
    fetched_after : Law or None
        With ``wait``: from when the driver leaves to when the later truck comes, in ms.
    still_worth : float
        With ``wait``: the share of the loads left behind that are still worth fetching; the others are lost.
    goes_along : tuple of str
        With ``wait``: loads (of ``payload``) that are on the truck already, so that they leave with it.
    loses : float
        Share of what they are then worth that lost goods lose.
    """

    after: Duration
    share: Share
    at: tuple[Name, ...]
    goods: Literal["lost", "wait"] = "lost"
    fetched_after: DurationLaw | None = None
    still_worth: Share = 1.0
    goes_along: tuple[Name, ...] = ()
    loses: Share = 0.0

    @model_validator(mode="after")
    def _waiting_goods_are_fetched(self) -> Patience:
        waits = self.goods == "wait"
        if waits and self.fetched_after is None:
            raise ValueError("goods: wait needs fetched_after: how long after the driver left the later truck comes")
        given = [key for key in ("fetched_after", "still_worth", "goes_along") if key in self.model_fields_set]
        if not waits and given:
            raise ValueError(f"{given[0]} goes with goods: wait")
        return self


class HoldingBack(Model):
    """Holding back (balking): in closures longer than ``closures_over`` only the share ``sets_out`` sets out when due.

    The rest come after the reopening, by the law ``rest`` of the delay and at the hour of the day at which they were
    due, or ``never``.
    """

    closures_over: Duration
    sets_out: Share
    rest: Rest = None

    @model_validator(mode="after")
    def _says_what_becomes_of_the_rest(self) -> HoldingBack:
        if self.sets_out < 1 and "rest" not in self.model_fields_set:
            raise ValueError(
                "say what becomes of those who do not set out: 'rest: never', or a delay after the reopening such as "
                "'rest: {uniform: {low: 1 d, high: 14 d}}'"
            )
        return self


class Diversion(Model):
    """Diversion of vehicles to another port while this one is shut for long.

    ``share`` of the vehicles that would come when all calendars ``while`` have been shut by closures for ``after`` go
    to the flow ``to`` instead, where they come ``detour`` later. ``while`` is the clock of the passage if left out.
    """

    to: Reference
    after: Duration
    while_: Annotated[tuple[Reference, ...], Field(min_length=1)] | None = Field(default=None, alias="while")
    share: Share
    detour: Duration


class Spoilage(Entry):
    """Goods that lose the share ``rate`` of their value in each day after the first ``after`` from the arrival on."""

    rate: Loss
    after: Duration = 0


class Flow(Entry):
    """One stream of similar vehicles (or persons) through one port.

    Attributes
    ----------
    volume : tuple of float and str, or None
        Number or tonnes that would be expected to set out, closures included: things per ``year``, ``d`` or ``h``.
        ``None`` for companions, diverted vehicles and traces.
    arrivals : str or dict
        ``poisson`` (non-homogeneous, by inversion), ``fixed`` (the expected count of each calendar year
        at the order statistics of the profile), or ``{trace: FILE.csv}``.
    active_from, active_until : datetime or None
        Local; no vehicle arrives before or after.
    months, weekdays, hours
        Relative intensity: twelve numbers or the name of a profile; seven numbers; 24 numbers, or open time.
    payload : dict
        Loads by name.
    marks : dict
        Yes/no attributes drawn for each vehicle, with their shares.
    inspection : str or None
        Name in the scenario's ``inspections``: who of the ``selected`` carries what, and whether it is found.
    companion_of : str or None
        The flow whose vehicles this one accompanies, one for one, waiting for their signals.
    diverted_from : str or None
        The flow whose diverted vehicles come here, with their loads, values and consignments.


    time_cost, idling : float or None
        Cost of an hour of one vehicle in CNY, and consumption of its engine in litres an hour, if not as in the
        scenario's ``costs``.
    spoilage : Spoilage or None
        Loss of the goods' value with time; needs a value.
    """

    label: ForReaders[Label | None] = None
    route: Name
    direction: Literal["export", "import", "transit"] = "export"
    counts: Literal["vehicles", "persons"] = "vehicles"
    volume: Volume | None = None
    arrivals: Literal["poisson", "fixed"] | Annotated[dict[Literal["trace"], str], Field(min_length=1)] = "poisson"
    active_from: Moment | None = None
    active_until: Moment | None = None
    months: Months | Name | None = None
    weekdays: Weekdays | None = None
    hours: HourProfile | Hours | None = None
    convoy: Convoy | None = None
    payload: dict[LoadName, Payload] = Field(default_factory=dict)
    value: Value | None = None
    marks: dict[MarkName, Share] = Field(default_factory=dict)
    inspection: Name | None = None
    patience: Patience | None = None
    holding_back: HoldingBack | None = None
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = 5
    consignment: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    vehicle_length: Length | None = None
    companion_of: Name | None = None
    diversion: Diversion | None = None
    diverted_from: Reference | None = None

    time_cost: Hourly | None = None
    idling: Consumption | None = None
    spoilage: Spoilage | None = None

    @property
    def goods_may_wait(self) -> bool:
        """True if goods may go later than when they are ready: left behind by a driver, or held back and sent after."""
        left_behind = self.patience is not None and self.patience.goods == "wait"
        return left_behind or (self.holding_back is not None and self.holding_back.rest is not None)

    def mean_payload(self) -> float:
        """Tonnes that a vehicle carries on average, all its loads together; those with a mark count by its share."""
        loads = self.payload.values()
        return sum(load.law.mean() * (self.marks[load.if_] if load.if_ else 1.0) for load in loads)

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
        others = (isinstance(self.arrivals, dict), self.companion_of is not None, self.diverted_from is not None)
        if (self.volume is None) != any(others) or (self.diverted_from is not None and sum(others) > 1):
            raise ValueError("needs a volume, or a trace of arrivals, or companion_of, or diverted_from: one of them")
        if self.diversion is not None and self.companion_of is not None:
            raise ValueError("a companion goes where its leader goes and has no diversion of its own")
        if self.spoilage is not None and self.value is None and self.diverted_from is None and not others[0]:
            raise ValueError("spoilage needs a value, of which goods lose a share")
        if self.active_from is not None and self.active_until is not None and self.active_until <= self.active_from:
            refuse([(("active_until",), f"is not after active_from ({self.active_from}), so nobody would ever come")])
        return self

    @model_validator(mode="after")
    def _taken_from_the_source(self) -> Flow:
        given = [name for name in SET_BY_SOURCE if name in self.model_fields_set]
        if self.diverted_from is not None and given:
            raise ValueError(f"diverted vehicles keep what they had: leave out {', '.join(given)}")
        return self


# Keys that a flow of diverted vehicles may not have, as the flow that they come from sets them.
SET_BY_SOURCE = (
    *("active_from", "active_until", "months", "weekdays", "hours", "convoy", "payload", "value", "consignment"),
    *("holding_back", "diversion"),
)
