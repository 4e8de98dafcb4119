"""Policies: what they select, what they change, and how a scenario uses them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from borderport.scenario.quantities import (
    Day,
    DurationLaw,
    Entry,
    Factor,
    ForReaders,
    Label,
    Mass,
    Model,
    Money,
    Name,
    Reference,
    Share,
    Window,
    Years,
)


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
    cap_payload: Mass | None = None
    add_servers: Annotated[int, Field(ge=-1000, le=1000, strict=True)] | None = None
    open: tuple[Window, ...] | None = None
    pace: Factor | None = None
    close: Closing | None = None
    consignment: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    scale_volume: Factor | None = None
    first_day: Day | None = None
    last_day: Day | None = None

    @property
    def kind(self) -> str:
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
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


_BESIDE = ("on", "first_day", "last_day", "source", "assumed")


EFFECT_KINDS = tuple(name for name in Effect.model_fields if name not in _BESIDE)


EFFECTS_WITH_DAYS = ("cap_payload", "add_servers")


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
    title: ForReaders[Label]
    description: ForReaders[str]
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
    """A vehicle effect, resolved: which policy does what to which flow's vehicles. Made by `borderport.policies`."""

    policy: str
    kind: str
    flow: str
    target: str
    law: DurationLaw | None = None
    number: float | None = None
    text: str | None = None
    strength: float = 1.0
    first_day: date | None = None
    last_day: date | None = None
