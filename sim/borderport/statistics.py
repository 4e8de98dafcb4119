"""Intervals, paired differences, Holm's correction, run-until-precise.

Replications are independent, so a mean over them has a Student-t interval; differences between scenarios are taken
within each replication first (common random numbers), which is what makes them precise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from borderport.distributions import Array

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over replications and its confidence interval; ``low`` and ``high`` are NaN with fewer than two."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval, unit of the mean."""
        return (self.high - self.low) / 2


def t_interval(values: Sequence[float] | Array, level: float = LEVEL) -> Interval:
    """Mean and Student-t interval of independent replications.

    Parameters
    ----------
    values : sequence of float, shape (replications,)
        NaN means that a replication has no value (nobody cleared, say); it is left out.
    level : float
        Confidence, 0 < level < 1.

    Returns
    -------
    Interval

    Examples
    --------
    >>> t_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    low, mean, high = t_intervals(np.asarray(values, dtype=np.float64)[:, None], level)
    return Interval(float(mean[0]), float(low[0]), float(high[0]))


def t_intervals(values: Array, level: float = LEVEL) -> tuple[Array, Array, Array]:
    """Intervals of many metrics at once.

    Parameters
    ----------
    values : float array, shape (replications, metrics)
        NaN where a replication has no value.

    Returns
    -------
    low, mean, high : float arrays, shape (metrics,)
    """
    present = ~np.isnan(values)
    n = present.sum(axis=0)
    filled = np.where(present, values, 0.0)
    mean = np.divide(filled.sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
    squares = np.where(present, (filled - mean) ** 2, 0.0).sum(axis=0)
    variance = np.divide(squares, n - 1, out=np.full(n.shape, np.nan), where=n > 1)
    half = stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * np.sqrt(variance / np.maximum(n, 1))
    return mean - half, mean, mean + half


def ratio_interval(top: Array, bottom: Array, level: float = LEVEL) -> Interval:
    """Ratio of two means over the same replications, with its interval (Fieller 1954).

    Parameters
    ----------
    top, bottom : float arrays, shape (replications,)
        Paired.

    Returns
    -------
    Interval
        NaN unless the mean of ``bottom`` surely differs from zero: the ratio could be anything.

    Examples
    --------
    >>> twice = ratio_interval(np.array([2.0, 4.0, 6.0, 4.0]), np.array([1.0, 2.0, 3.0, 2.0]))
    >>> twice.mean, round(twice.low, 6), round(twice.high, 6)
    (2.0, 2.0, 2.0)
    """
    n = top.size
    nothing = Interval(float("nan"), float("nan"), float("nan"))
    if n < 2:
        return nothing
    t = float(stdtrit(n - 1, (1 + level) / 2))
    cov = np.cov(top, bottom, ddof=1) * (t * t / n)
    a, b = float(top.mean()), float(bottom.mean())
    square = b * b - cov[1, 1]
    if square <= 0:
        return nothing
    middle = a * b - cov[0, 1]
    half = float(np.sqrt(max(middle * middle - square * (a * a - cov[0, 0]), 0.0)))
    return Interval(a / b, float((middle - half) / square), float((middle + half) / square))


def p_value(differences: Array) -> float:
    """Two-sided p-value of a paired t-test that the mean difference is zero; 1 if all differences are equal to zero."""
    values = differences[~np.isnan(differences)]
    if values.size < 2:
        return float("nan")
    spread = values.std(ddof=1)
    if spread == 0:
        return 1.0 if values[0] == 0 else 0.0
    t = abs(values.mean()) / (spread / np.sqrt(values.size))
    return float(2 * stdtr(values.size - 1, -t))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for several comparisons (Holm 1979).

    Parameters
    ----------
    p_values : sequence of float
        In [0, 1]; NaN stays NaN and does not count.

    Returns
    -------
    list of float
        Adjusted p-values in the same order.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p == p)
    adjusted = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = round(highest, 12)
    return adjusted


def variance_saved(base: Array, other: Array) -> float:
    """Share of the variance of a difference that common random numbers saved.

    ``1 - var(other - base) / (var(other) + var(base))``; 0 means that pairing did nothing, 1 that it removed all, below
    0 that it did harm. NaN with fewer than three replications or no variance.
    """
    if base.size < 3:
        return float("nan")
    apart = base.var(ddof=1) + other.var(ddof=1)
    return float(1 - (other - base).var(ddof=1) / apart) if apart > 0 else float("nan")


def replications_for(interval: Interval, done: int, precision: float, most: int) -> int:
    """How many replications in all would bring the half-width to ``precision`` of the mean, by the variance seen.

    Parameters
    ----------
    interval : Interval
        Of the ``done`` replications so far.
    precision : float
        Relative half-width wanted, > 0.
    most : int
        Never more than this.

    Returns
    -------
    int
        ``done`` if the half-width is reached.
    """
    if not np.isfinite(interval.half_width) or interval.mean == 0:
        return min(most, max(2 * done, 10)) if not np.isfinite(interval.half_width) else done
    ratio = interval.half_width / abs(interval.mean)
    if ratio <= precision:
        return done
    return min(most, max(done + 1, int(np.ceil(done * (ratio / precision) ** 2))))
