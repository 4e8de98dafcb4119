"""Ranks of times within many sets of flows, from one sorting of all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.compiling import compiled
from borderport.metrics.tally.terms import ONE


class Memberships(NamedTuple):
    """The sets that each flow belongs to, flow by flow, and where each flow's begin; uint64."""

    first: NDArray[np.uint64]
    sets: NDArray[np.uint64]


class Wanted(NamedTuple):
    """Ranks that are wanted, set by set, with the begin of each set and the progress of the walk in it.

    Attributes
    ----------
    ranks : int64 array, shape (ranks,)
    begins : int64 array, shape (sets + 1,)
    pending : int64 array, shape (sets, 4)
        `TIMES_LEFT`: how many times there are before the next at which there is something to note. `NEXT_RANK`: the
        rank of that one. `NEXT_TIME`: the first wanted rank whose time is not yet known. `NEXT_AFTER`: the first whose
        next time is not.
    """

    ranks: Times
    begins: Times
    pending: Times


TIMES_LEFT, NEXT_RANK, NEXT_TIME, NEXT_AFTER = range(4)


@compiled
def _find_ranked(ordered: Any, bits: Any, member: Any, wanted: Any, found: Any) -> None:
    """Walk over all times in ascending order, count in each set they belong to, note those whose rank is wanted."""
    flows, ranks = (ONE << bits) - ONE, wanted.ranks
    for packed in ordered:
        flow = packed & flows
        for k in range(member.first[flow], member.first[flow + ONE]):
            number = member.sets[k]
            left = wanted.pending[number, TIMES_LEFT]
            wanted.pending[number, TIMES_LEFT] = left - 1
            if left:
                continue
            time, own = packed >> bits, wanted.pending[number]
            rank, at, after, stop = own[NEXT_RANK], own[NEXT_TIME], own[NEXT_AFTER], wanted.begins[number + ONE]
            while after < at and ranks[after] + 1 == rank:
                found[after, 1] = time
                after += 1
            while at < stop and ranks[at] == rank:
                found[at, 0] = found[at, 1] = time
                at += 1
            following = ranks[after] + 1 if after < at else ranks[at] if at < stop else rank
            # Zero times left are past if nothing follows, and do not come again.
            own[TIMES_LEFT], own[NEXT_RANK], own[NEXT_TIME], own[NEXT_AFTER] = (
                following - rank - 1,
                following,
                at,
                after,
            )


@dataclass(frozen=True)
class TimeSets:
    """Sets of flows whose times are ranked together, and how many ranks each asks for.

    Attributes
    ----------
    members : bool array, shape (sets, flows)
    begins : int64 array, shape (sets + 1,)
        First rank of each set, all sets end to end.
    of_flows : Memberships
    """

    members: NDArray[np.bool_]
    begins: Times
    of_flows: Memberships

    @classmethod
    def of(cls, members: NDArray[np.bool_], ranks: list[int]) -> TimeSets:
        """Sets by their members, shape (sets, flows), and by how many ranks they ask for."""
        flows, sets = np.nonzero(members.T)
        first = np.searchsorted(flows, np.arange(members.shape[1] + 1))
        of_flows = Memberships(first.astype(np.uint64), sets.astype(np.uint64))
        return cls(members, np.cumsum([0, *ranks]), of_flows)

    def sizes(self, times: Times) -> Times:
        """Number of times of each set, for each rank; from those of each flow."""
        return np.repeat(self.members @ times, np.diff(self.begins))

    def ranked(self, packed: NDArray[np.uint64], ranks: Times) -> Times:
        """The time of each rank in its set, and the one after it or, at the end, itself.

        All times are sorted once, with their flow in the lowest bits, instead of those of each set.

        Parameters
        ----------
        packed : uint64 array
            Times with their flows, as `flow_bits` has it; sorted in place.
        ranks : int64 array, shape (ranks,)
            From 0 on, ascending within a set.

        Returns
        -------
        int64 array, shape (ranks, 2)
            Zeros for ranks that a set does not have.
        """
        pending = np.zeros((self.members.shape[0], 4), dtype=np.int64)
        pending[:, TIMES_LEFT] = pending[:, NEXT_RANK] = ranks[self.begins[:-1]]
        pending[:, NEXT_TIME] = pending[:, NEXT_AFTER] = self.begins[:-1]
        found = np.zeros((ranks.size, 2), dtype=np.int64)
        packed.sort()
        bits = flow_bits(self.members.shape[1])
        _find_ranked(packed, bits, self.of_flows, Wanted(ranks, self.begins, pending), found)
        return found


def flow_bits(flows: int) -> np.uint64:
    """Number of the lowest bits of a packed time that hold the number of its flow."""
    return np.uint64(flows.bit_length())
