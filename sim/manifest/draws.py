"""The draws of one flow's vehicles, or of some of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim.calendars import Times
from sim.distributions import Array
from sim.manifest.values import Mask
from sim.scenario import Amendment
from sim.streams import Streams


@dataclass(frozen=True)
class Draws:
    """The draws of one flow: numbers for all its vehicles are drawn, those of the ``index`` taken."""

    streams: Streams
    owner: str
    total: int
    index: Times

    @property
    def whole(self) -> bool:
        """Whether all set out."""
        return self.index.size == self.total

    def uniform(self, purpose: str) -> Array:
        """Uniform numbers of one purpose, one for each vehicle."""
        drawn = self.streams.uniforms(self.owner, purpose, self.total)
        return drawn if self.whole else drawn.take(self.index)

    def luck(self, purpose: str, vehicles: Vehicles | None = None) -> Array:
        """Of some vehicles, or of all."""
        drawn = self.streams.lucks(self.owner, purpose, self.total)
        index = self.index if vehicles is None else vehicles.index
        return drawn if index.size == self.total else drawn.take(index)


@dataclass(frozen=True)
class Vehicles:
    """Those of a flow that have all of some marks.

    Attributes
    ----------
    rows : int64 array or None
        Their places among all that set out; None if they are all of them.
    index : int64 array
        Their numbers in the flow.
    adopted : dict of bool arrays
        Of all that set out, by policy.
    takers : dict of (int64 array or slice)
        Places among these vehicles of those that adopt a policy; worked out when first asked for.
    """

    rows: Times | None
    index: Times
    adopted: dict[str, Mask]
    takers: dict[str, Times | slice] = field(default_factory=dict)

    @classmethod
    def with_marks(
        cls, names: tuple[str, ...], draws: Draws, marks: dict[str, Mask], adopted: dict[str, Mask]
    ) -> Vehicles:
        """Choose vehicles by their marks."""
        if not names:
            return cls(None, draws.index, adopted)
        has = marks[names[0]]
        for name in names[1:]:
            has = has & marks[name]
        rows = has.nonzero()[0]
        return cls(rows, draws.index.take(rows), adopted)

    @property
    def places(self) -> Times | slice:
        """Their places among all that set out, to index with."""
        return slice(None) if self.rows is None else self.rows

    def who_adopt(self, policy: str) -> Times | slice:
        """Places of those that adopt a policy."""
        if policy not in self.takers:
            takes = self.adopted[policy] if self.rows is None else self.adopted[policy].take(self.rows)
            self.takers[policy] = slice(None) if takes.all() else takes.nonzero()[0]
        return self.takers[policy]


@dataclass(frozen=True)
class Rates:
    """A rate for each vehicle, of the few that there are.

    Attributes
    ----------
    levels : list of float
    level : int64 array, shape (vehicles,), or None
        Place of each vehicle's rate among the levels; ``None`` if all have the first.
    """

    levels: list[float]
    level: Times | None = None

    def amended(self, amendment: Amendment, adopted: Mask) -> Rates:
        """The rates after a policy that sets or scales them has been adopted by some."""
        number = amendment.number or 0.0
        after = [number if amendment.kind == "share" else number * rate for rate in self.levels]
        if adopted.all():
            return Rates(after, self.level)
        moved = adopted * np.int64(len(self.levels))
        return Rates([*self.levels, *after], moved if self.level is None else self.level + moved)

    def by_vehicle(self) -> float | Array:
        """Each vehicle's rate; one number if all have the same."""
        return self.levels[0] if self.level is None else np.asarray(self.levels).take(self.level)
