"""Which rows of one table add up to each row of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from borderport.calendars import Times
from borderport.distributions import Array

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Gathering:
    """Rows that are added up, in a fixed order, so that sums of floats are the same everywhere.

    Attributes
    ----------
    rows : int64 array
        Of the first table, those of each sum together; there is at least one.
    starts : int64 array, shape (sums,)
        Where the rows of each sum begin.
    """

    rows: Times
    starts: Times

    @classmethod
    def of(cls, wanted: Iterable[list[int]]) -> Gathering:
        """Gather these rows for each sum."""
        lists = list(wanted)
        sizes = [len(rows) for rows in lists]
        starts = np.cumsum([0, *sizes])[:-1]
        return cls(np.asarray([row for rows in lists for row in rows], dtype=np.int64), starts.astype(np.int64))

    def sums(self, table: NDArray[Number]) -> NDArray[Number]:
        """Sums over rows, shape (sums, ...)."""
        return np.add.reduceat(table.take(self.rows, axis=0), self.starts, axis=0)


def sums_between(values: Times, edges: Times) -> Times:
    """Sums of whole numbers from each edge to the next, over the first axis; 0 where there is nothing between."""
    added = np.zeros((values.shape[0] + 1, *values.shape[1:]), dtype=np.int64)
    np.cumsum(values, axis=0, out=added[1:])
    return added[edges[1:]] - added[edges[:-1]]


def ratios(top: Array | Times, bottom: Array | Times) -> Array:
    """Quotients; NaN where the divisor is 0."""
    return np.asarray(top / np.where(bottom != 0, bottom, np.nan))
