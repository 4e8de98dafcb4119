"""Policies: what they select, what they change, and how a scenario uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal, TypeVar, assert_never, get_args

from pydantic import Field, model_validator

from borderport.scenario.names import Name, VariantName
from borderport.scenario.quantities import (
    Day,
    DurationLaw,
    Entry,
    Factor,
    ForReaders,
    Label,
    Load,
    Model,
    Money,
    Reference,
    Share,
    Speed,
    Window,
    Years,
    check_order,
    overlapping,
    refuse,
)
from borderport.scenario.refs import Ref

K = TypeVar("K")
T = TypeVar("T")
VehicleKind = Literal[
    "service", "scale", "skip", "inland", "once_per", "share", "scale_share", "priority", "cap_payload"
]
WorldKind = Literal["add_servers", "open", "pace", "close", "consignment", "scale_volume"]
VEHICLE_KINDS: tuple[VehicleKind, ...] = get_args(VehicleKind)
WORLD_KINDS: tuple[WorldKind, ...] = get_args(WorldKind)
EFFECT_KINDS: tuple[VehicleKind | WorldKind, ...] = (*VEHICLE_KINDS, *WORLD_KINDS)


class Selector(Model):
    """The objects of an effect: lists of names; a key left out selects all."""

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

    @model_validator(mode="after")
    def _days_in_order(self) -> Closing:
        check_order(self.first_day, self.last_day)
        return self


class Effect(Entry):
    """One typed change; exactly one of the keys below ``on`` is given.

    Vehicle effects (they honour adoption): ``service`` and ``scale`` (a task's law), ``skip`` and ``inland`` (a
    station), ``once_per`` (a station), ``share`` and ``scale_share`` (a mark), ``priority`` (a flow),
    ``cap_payload`` (a flow). World effects (adoption must be 100 %): ``add_servers``, ``open``, ``pace``, ``close``,
    ``consignment``, ``scale_volume`` (a flow). With ``first_day`` and ``last_day``, both included, ``cap_payload`` is
    for the vehicles that arrive on these local days, ``add_servers`` for these days.
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
    cap_payload: Load | None = None
    add_servers: Annotated[int, Field(ge=-1000, le=1000, strict=True)] | None = None
    open: tuple[Window, ...] | None = None
    pace: Speed | None = None
    close: Closing | None = None
    consignment: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    scale_volume: Factor | None = None
    first_day: Day | None = None
    last_day: Day | None = None

    @property
    def kind(self) -> VehicleKind | WorldKind:
        """The one key that is given."""
        return next(name for name in EFFECT_KINDS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Effect:
        given = [name for name in EFFECT_KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(EFFECT_KINDS)}")
        if (self.first_day is None) != (self.last_day is None):
            raise ValueError("give first_day and last_day, or neither")
        if self.first_day is not None and self.kind not in EFFECTS_WITH_DAYS:
            raise ValueError(f"{self.kind} cannot have days; {' and '.join(EFFECTS_WITH_DAYS)} can")
        check_order(self.first_day, self.last_day)
        if self.open is not None and overlapping(self.open):
            refuse([(("open",), "has windows that overlap; join them to one")])
        return self


EFFECTS_WITH_DAYS = ("cap_payload", "add_servers")


class PolicyCost(Entry):
    """Cost of a policy, however widely it is used: ``once``, spread evenly over its ``life``, and ``per_year``."""

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
    title: ForReaders[Label]
    description: ForReaders[str]
    adoption: Share = 1.0
    effects: tuple[Effect, ...] = ()
    variants: dict[VariantName, tuple[Effect, ...]] = Field(default_factory=dict)
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
    """A scenario's use of a policy; keys left out are taken from the policy's file.

    ``strength`` scales how far the durations it changes go from before (0 %) to after (100 %).
    """

    adoption: Share | None = None
    strength: Factor = 1.0
    variant: str | None = None
    cost: PolicyCost | None = None


class _OfFlow(Model):
    """A change to the vehicles of one flow that adopt a policy."""

    policy: str
    flow: Ref


class Retime(_OfFlow):
    """A task follows another law; ``strength`` is how far its work moves from before (0) to after (1)."""

    kind: Literal["service"] = "service"
    task: str
    law: DurationLaw
    strength: float = 1.0


class Rescale(_OfFlow):
    """A task takes ``factor`` of the time before; ``strength`` as in `Retime`."""

    kind: Literal["scale"] = "scale"
    task: str
    factor: float
    strength: float = 1.0


class Skip(_OfFlow):
    """A station is passed by."""

    kind: Literal["skip"] = "skip"
    station: Ref


class MoveInland(_OfFlow):
    """The work of a station is done at another one, ``to``, before the route begins."""

    kind: Literal["inland"] = "inland"
    station: Ref
    to: Ref


class DeclareTogether(_OfFlow):
    """A consignment declares once at a station, for all its vehicles."""

    kind: Literal["once_per"] = "once_per"
    station: Ref


class SetRate(_OfFlow):
    """The share of the vehicles that have a mark is ``rate``."""

    kind: Literal["share"] = "share"
    mark: str
    rate: float


class ScaleRate(_OfFlow):
    """The share of the vehicles that have a mark is ``factor`` of what it was."""

    kind: Literal["scale_share"] = "scale_share"
    mark: str
    factor: float


class Prioritise(_OfFlow):
    """Vehicles are served at this priority, 0 first."""

    kind: Literal["priority"] = "priority"
    priority: int


class CapPayload(_OfFlow):
    """No load is more than ``most_t`` tonnes, on the days of arrival named or always."""

    kind: Literal["cap_payload"] = "cap_payload"
    most_t: float
    first_day: date | None = None
    last_day: date | None = None


Amendment = (
    Retime | Rescale | Skip | MoveInland | DeclareTogether | SetRate | ScaleRate | Prioritise | CapPayload
)  # a vehicle effect, resolved for one flow; made by `borderport.policies` only


def claim(amendment: Amendment) -> tuple[str, str, str]:
    """The object of an amendment: the kind of thing, the flow, and which one; two policies must not set the same."""
    match amendment:
        case Retime() | Rescale():
            return "service", amendment.flow, amendment.task
        case Skip() | MoveInland():
            return "place", amendment.flow, amendment.station
        case DeclareTogether():
            return "once_per", amendment.flow, amendment.station
        case SetRate() | ScaleRate():
            return "share", amendment.flow, amendment.mark
        case Prioritise():
            return "priority", amendment.flow, "vehicle"
        case CapPayload():
            return "cap_payload", amendment.flow, "vehicle"
        case _:
            assert_never(amendment)


@dataclass(frozen=True)
class FlowAmendments:
    """Changes that policies make to one flow, by what they concern; always in the order in which they are in force.

    Attributes
    ----------
    policies : tuple of str
        All that touch the flow.
    work : dict
        By task.
    rates : dict
        By mark.
    bypasses : dict
        By station: why vehicles do not stop there.
    together : dict
        By station: policies by which consignments declare once there.
    priorities : tuple of Prioritise
    caps : tuple of CapPayload
    """

    policies: tuple[str, ...]
    work: dict[str, tuple[Retime | Rescale, ...]]
    rates: dict[str, tuple[SetRate | ScaleRate, ...]]
    bypasses: dict[Ref, tuple[Skip | MoveInland, ...]]
    together: dict[Ref, tuple[str, ...]]
    priorities: tuple[Prioritise, ...]
    caps: tuple[CapPayload, ...]

    @classmethod
    def of(cls, amendments: Iterable[Amendment], flow: Ref) -> FlowAmendments:
        """Amendments of one flow, sorted."""
        found = cls((), {}, {}, {}, {}, (), ())
        for amendment in amendments:
            if amendment.flow == flow:
                found = found._and(amendment)
        return found

    def _and(self, new: Amendment) -> FlowAmendments:
        policies = tuple(dict.fromkeys((*self.policies, new.policy)))
        match new:
            case Retime() | Rescale():
                return replace(self, policies=policies, work=_with(self.work, new.task, new))
            case SetRate() | ScaleRate():
                return replace(self, policies=policies, rates=_with(self.rates, new.mark, new))
            case Skip() | MoveInland():
                return replace(self, policies=policies, bypasses=_with(self.bypasses, new.station, new))
            case DeclareTogether():
                return replace(self, policies=policies, together=_with(self.together, new.station, new.policy))
            case Prioritise():
                return replace(self, policies=policies, priorities=(*self.priorities, new))
            case CapPayload():
                return replace(self, policies=policies, caps=(*self.caps, new))
            case _:
                assert_never(new)


def _with(found: dict[K, tuple[T, ...]], key: K, item: T) -> dict[K, tuple[T, ...]]:
    return {**found, key: (*found.get(key, ()), item)}
