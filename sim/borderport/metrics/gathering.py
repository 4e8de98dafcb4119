"""Sums of rows of one table into the rows of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array

# Whole numbers, or not.
Numbers = Times | Array


@dataclass(frozen=True)
class Gathering:
    """Rows that are added up, in a fixed order, so that sums of floats are the same everywhere.

    Attributes
    ----------
    rows : int64 array
        Of the first table, those of each sum together; there is at least one.
    starts : int64 array, shape (sums,)
        First row of each sum.
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

    def sums(self, table: Numbers) -> Numbers:
        """Sums over rows, shape (sums, ...)."""
        return np.asarray(np.add.reduceat(table.take(self.rows, axis=0), self.starts, axis=0))


def ratios(top: Numbers, bottom: Numbers) -> Array:
    """Quotients; NaN where the divisor is 0."""
    return np.asarray(top / np.where(bottom != 0, bottom, np.nan))
