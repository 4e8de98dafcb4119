"""Selection for inspection, and its finds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from borderport import bounds
from borderport.distributions import Constant
from borderport.scenario.names import MarkName
from borderport.scenario.quantities import Entry, Factor, ItemLaw, Share, ShareLaw


class Trader(Entry):
    """A class of firms: its share of a flow's vehicles, and how often it is selected and carries contraband.

    Attributes
    ----------
    share : float
        Of the flow's vehicles; what the classes leave is the class of everybody else, of risk 100 %.
    selection, contraband : float
        Relative to everybody else: 500 % is five times as often. The flow's own rates are those of all its vehicles, so
        what one class is selected more, the others are less.
    """

    share: Share
    selection: Factor = 1.0
    contraband: Factor = 1.0


class Contraband(Entry):
    """The object of inspection: ``share`` of the vehicles carry it, among ``items`` in the load.

    Attributes
    ----------
    items : Law
        Items (boxes, bales) in a load, rounded, at least 1.
    bad_items, bad_share : Law or None
        Number of bad items of a carrier; or the chance of each to be bad (a load in which none is, carries none).
        All of them if neither is given.
    """

    share: Share
    items: ItemLaw = Constant(1.0)
    bad_items: ItemLaw | None = None
    bad_share: ShareLaw | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Contraband:
        if self.bad_items is not None and self.bad_share is not None:
            raise ValueError("give bad_items or bad_share, not both")
        return self


class Scan(Entry):
    """Reading the scanner's image: chance of an alarm with contraband on board, and without."""

    sensitivity: Share
    false_alarms: Share


class SampleSize(Entry):
    """Number of items of an opened load that are looked at.

    ``items`` of them, or so many that a load of which the share ``level`` is bad is found out with ``confidence``.
    """

    items: Annotated[int, Field(ge=1, le=int(bounds.ITEMS.most), strict=True)] | None = None
    level: Share | None = None
    confidence: Share | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> SampleSize:
        if (self.items is None) == (self.level is None) or (self.level is None) != (self.confidence is None):
            raise ValueError("give items, or level and confidence")
        if self.level == 0 or self.confidence == 0:
            raise ValueError("level and confidence are above 0 %")
        return self


class Inspection(Entry):
    """Selection for inspection and its finds; the flow's mark ``selected`` says how many are selected.

    Gives the vehicles further marks: each trader's class, ``contraband``, ``opened`` and ``found``.

    Attributes
    ----------
    contraband : Contraband
    traders : dict of Trader
        By name of the class.
    targeting : float
        Chance that a carrier's risk score is above another vehicle's: 50 % selects blindly, 100 % knows every carrier.
    scan : Scan or None
        Selected vehicles are opened if the image raises an alarm; without a scanner all of them are.
    sample : SampleSize or None
        Items looked at when a load is opened; all of them if left out.
    """

    contraband: Contraband
    traders: dict[MarkName, Trader] = Field(default_factory=dict)
    targeting: Share = 0.5
    scan: Scan | None = None
    sample: SampleSize | None = None

    @model_validator(mode="after")
    def _possible(self) -> Inspection:
        if self.targeting < 0.5:
            raise ValueError("targeting is at least 50 %, a blind draw")
        if sum(trader.share for trader in self.traders.values()) > 1 + 1e-9:
            raise ValueError("the shares of the traders add up to more than 100 %")
        wrong = [name for name in self.traders if name in (*INSPECTION_MARKS, "selected")]
        if wrong:
            raise ValueError(f"a class of traders cannot be called '{wrong[0]}', which is a mark of its own")
        return self

    def marks(self) -> tuple[str, ...]:
        """The marks it gives vehicles."""
        return (*self.traders, *INSPECTION_MARKS)


INSPECTION_MARKS = ("contraband", "opened", "found")
