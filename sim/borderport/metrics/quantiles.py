"""Quantiles of the times of many groups, from one sorting of all times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.metrics.groups import Group
from borderport.metrics.names import GRID, QUANTILES
from borderport.metrics.tally import TimeSets, VehicleCounts
from borderport.units import MS_PER_MINUTE


@dataclass(frozen=True)
class QuantilePlan:
    """Quantiles that are wanted of sets of flows; groups with the same members share a set.

    Attributes
    ----------
    sets : TimeSets
    levels : float64 array, shape (ranks,)
        Ascending within a set.
    of_groups : int64 array, shape (groups, 4)
        Places of each group's `QUANTILES` among the levels.
    of_grids : int64 array, shape (grids, 200)
        Places of those at `GRID`.
    """

    sets: TimeSets
    levels: Array
    of_groups: Times
    of_grids: Times

    def minutes(self, counts: VehicleCounts, span: int) -> Array:
        """Quantiles in minutes at the levels, of the times in one span; NaN for a set without times.

        Between neighbours by their distance: of n times in order, the quantile at ``level`` stands at
        ``level (n - 1)``.
        """
        packed, times = counts.packed[span, : counts.filled[span]], counts.done[span]
        sizes = self.sets.sizes(times)
        place = self.levels * np.maximum(sizes - 1, 0)
        low = place.astype(np.int64)
        below, above = self.sets.ranked(packed, low).T
        return np.where(sizes > 0, (below + (place - low) * (above - below)) / MS_PER_MINUTE, np.nan)


def plan_quantiles(groups: Sequence[Group], grids: Sequence[Group], flows: Sequence[str]) -> QuantilePlan:
    """Put the levels that groups, and the grids of some of them, want of each set in order."""
    levels = list(QUANTILES.values())
    wanted = [(group.members, levels) for group in groups] + [(group.members, GRID.tolist()) for group in grids]
    numbers = {members: number for number, members in enumerate(dict.fromkeys(frozenset(m) for m, _ in wanted))}
    # by set, then level; each remembers who wants it
    asked = sorted(
        (number, level, who)
        for who, (number, own) in enumerate((numbers[frozenset(members)], own) for members, own in wanted)
        for level in own
    )
    places = np.argsort([who for *_, who in asked], kind="stable").astype(np.int64)
    split = len(groups) * len(levels)
    members = np.asarray([[name in members for name in flows] for members in numbers], dtype=bool)
    ranks = np.bincount(np.asarray([number for number, *_ in asked], dtype=np.int64), minlength=len(numbers))
    return QuantilePlan(
        TimeSets.of(members.reshape(len(numbers), len(flows)), ranks.tolist()),
        np.asarray([level for _, level, _ in asked]),
        places[:split].reshape(len(groups), len(levels)),
        places[split:].reshape(len(grids), GRID.size),
    )
