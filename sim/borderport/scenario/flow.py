"""Flows: streams of similar vehicles, when they come, what they carry and how they behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from borderport.distributions import LAW_NAMES
from borderport.scenario.quantities import (
    Consumption,
    CountLaw,
    Duration,
    Entry,
    ForReaders,
    Hourly,
    Label,
    Length,
    Loss,
    MassLaw,
    Model,
    Moment,
    Months,
    Name,
    Reference,
    Share,
    Value,
    Volume,
)


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
    """``share`` of the drivers leave if, ``after`` their arrival, they still queue at one of ``at``.

    These are stations that the route visits, and resources that it enters. Their goods lose the share ``loses`` of what
    they are then worth.
    """

    after: Duration
    share: Share
    at: tuple[Name, ...]
    loses: Share = 0.0


class HoldingBack(Model):
    """In closures longer than ``closures_over``, only the share ``sets_out`` of the vehicles sets out at all."""

    closures_over: Duration
    sets_out: Share


class Diversion(Model):
    """Who goes to another port when this one is shut for long.

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
        What would set out, closures included: things per ``year``, ``d`` or ``h``. ``None`` for companions, diverted
        vehicles and traces.
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
    inspection : str or None
        Name in the scenario's ``inspections``: who of the ``selected`` carries what, and whether it is found.
    companion_of : str or None
        The flow whose vehicles this one accompanies, one for one, waiting for their signals.
    diverted_from : str or None
        The flow whose diverted vehicles come here, with their loads, values and consignments.


    time_cost, idling : float or None
        What an hour of one vehicle costs in CNY, and what its engine burns in litres an hour, if not as in the
        scenario's ``costs``.
    spoilage : Spoilage or None
        How the goods lose value with time; needs a value.
    """

    label: ForReaders[Label | None] = None
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
        return self

    @model_validator(mode="after")
    def _taken_from_the_source(self) -> Flow:
        given = [name for name in SET_BY_SOURCE if name in self.model_fields_set]
        if self.diverted_from is not None and given:
            raise ValueError(f"diverted vehicles keep what they had: leave out {', '.join(given)}")
        return self


# What a flow of diverted vehicles may not say, as the flow that they come from does.
SET_BY_SOURCE = (
    *("active_from", "active_until", "months", "weekdays", "hours", "convoy", "payload", "value", "consignment"),
    *("holding_back", "diversion"),
)
