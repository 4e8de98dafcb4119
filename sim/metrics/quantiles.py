"""Quantiles of the times of many groups, from one sorting of all times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendars import Times
from sim.distributions import Array
from sim.metrics.definitions import GRID, QUANTILES
from sim.metrics.groups import Group
from sim.tally import TimeSets
from sim.units import MS_PER_MINUTE


@dataclass(frozen=True)
class QuantilePlan:
    """Which quantiles are wanted of which sets of flows; groups with the same members share a set.

    Attributes
    ----------
    sets : TimeSets
    levels : float64 array, shape (ranks,)
        Ascending within a set.
    of_groups : int64 array, shape (groups, 4)
        Where each group's `QUANTILES` are among the levels.
    of_grids : int64 array, shape (grids, 200)
        Where those at `GRID` are.
    """

    sets: TimeSets
    levels: Array
    of_groups: Times
    of_grids: Times

    def minutes(self, packed: NDArray[np.uint64], times: Times) -> Array:
        """Quantiles in minutes at the levels; NaN for a set without times.

        Between neighbours by their distance: of n times in order, the quantile at ``level`` stands at
        ``level (n - 1)``.

        Parameters
        ----------
        packed : uint64 array
            Times in ms with their flows, in any order; sorted in place.
        times : int64 array, shape (flows,)
            How many there are of each flow.
        """
        sizes = self.sets.sizes(times)
        place = self.levels * np.maximum(sizes - 1, 0)
        low = place.astype(np.int64)
        below, above = self.sets.ranked(packed, low).T
        return np.where(sizes > 0, (below + (place - low) * (above - below)) / MS_PER_MINUTE, np.nan)


def plan_quantiles(groups: tuple[Group, ...], grids: list[Group], flows: list[str]) -> QuantilePlan:
    """Put the levels that groups, and the grids of some of them, want of each set in order."""
    levels = list(QUANTILES.values())
    wanted = [(group.members, levels) for group in groups] + [(group.members, GRID.tolist()) for group in grids]
    sets = list(dict.fromkeys(frozenset(members) for members, _ in wanted))
    # by set, then level; each remembers who wants it
    asked = [
        (sets.index(frozenset(members)), level, number) for number, (members, own) in enumerate(wanted) for level in own
    ]
    asked.sort()
    places = np.argsort([number for *_, number in asked], kind="stable")
    split = len(groups) * len(levels)
    members = np.asarray([[name in members for name in flows] for members in sets], dtype=bool)
    return QuantilePlan(
        TimeSets.of(members, np.bincount([number for number, *_ in asked]).tolist()),
        np.asarray([level for _, level, _ in asked]),
        places[:split].reshape(len(groups), len(levels)),
        places[split:].reshape(len(grids), GRID.size),
    )
