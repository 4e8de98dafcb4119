"""The draws of one flow's vehicles, or of some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from borderport.calendars import Times
from borderport.deviates import fill_chances
from borderport.distributions import Array
from borderport.manifest.manifest import Mask
from borderport.scenario import ScaleRate, SetRate
from borderport.streams import Streams


@dataclass(frozen=True)
class Draws:
    """The draws of one flow: numbers for all its vehicles are drawn, those of the ascending ``index`` taken.

    ``happens`` holds, by purpose, the yes/no decisions whose rate is the same for every vehicle.
    """

    streams: Streams
    owner: str
    total: int
    index: Times
    happens: dict[str, Mask]

    @classmethod
    def of(cls, streams: Streams, owner: str, total: int, index: Times, chances: dict[str, float]) -> Draws:
        """Draw at once what happens by chance, at a rate for each purpose."""
        happens = np.empty((len(chances), index.size), dtype=bool)
        if index.size:
            rates = np.asarray(list(chances.values()), dtype=np.float64)
            fill_chances(streams.states(owner, tuple(chances)), rates, index, np.empty(index[-1] + 1), happens)
        return cls(streams, owner, total, index, dict(zip(chances, happens, strict=True)))

    def uniform(self, purpose: str, index: Times | None = None) -> Array:
        """Uniform numbers of one purpose, one for each vehicle, or for each of an ascending ``index``."""
        return self._taken(self.streams.uniforms, purpose, index)

    def luck(self, purpose: str, index: Times | None = None) -> Array:
        """Normal scores of one purpose, one for each vehicle, or for each of an ascending ``index``."""
        return self._taken(self.streams.lucks, purpose, index)

    def _taken(self, draw: Callable[[str, str, int], Array], purpose: str, index: Times | None) -> Array:
        index = self.index if index is None else index
        total = int(index[-1]) + 1 if index.size else 0
        drawn = draw(self.owner, purpose, total)
        return drawn if index.size == total else drawn.take(index)


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

    def amended(self, amendment: SetRate | ScaleRate, adopted: Mask) -> Rates:
        """The rates after a policy that sets or scales them has been adopted by some."""
        match amendment:
            case SetRate():
                after = [amendment.rate for _ in self.levels]
            case ScaleRate():
                after = [amendment.factor * rate for rate in self.levels]
            case _:
                assert_never(amendment)
        if adopted.all():
            return Rates(after, self.level)
        moved = adopted * np.int64(len(self.levels))
        return Rates([*self.levels, *after], moved if self.level is None else self.level + moved)

    def by_vehicle(self) -> float | Array:
        """Each vehicle's rate; one number if all have the same."""
        return self.levels[0] if self.level is None else np.asarray(self.levels).take(self.level)
