"""Intervals, paired differences, Holm's correction, run-until-precise.

Replications are independent, so a mean over them has a Student-t interval; differences between scenarios are taken
within each replication first (common random numbers), which is what makes them precise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtr, stdtrit

from borderport.distributions import Array
from borderport.units import (
    MS_PER_HOUR,
    MS_PER_MINUTE,
    parse_count,
    parse_duration,
    parse_mass,
    parse_money,
    parse_share,
)

CONFIDENCE = 0.95
MOST_REPLICATIONS = 10_000  # that are run for the sake of a precision
FIRST_STEP = 10
ENOUGH_TO_JUDGE = 30  # replications after which a figure that hardly any of them gives is given up


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


def t_interval(values: Sequence[float] | Array, level: float = CONFIDENCE) -> Interval:
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


def t_intervals(values: Array, level: float = CONFIDENCE) -> tuple[Array, Array, Array]:
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


def share_interval(shares: Sequence[float] | Array, level: float = CONFIDENCE) -> Interval:
    """Mean and Student-t interval of shares over replications, cut off where it would pass 0 or 1."""
    found = t_interval(shares, level)
    low, high = np.clip([found.low, found.high], 0.0, 1.0)
    return Interval(found.mean, float(low), float(high))


def ratio_interval(top: Array, bottom: Array, level: float = CONFIDENCE) -> Interval:
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


@dataclass(frozen=True)
class Precision:
    """Precision wanted of a figure: half of its interval.

    Attributes
    ----------
    amount : float
        > 0; a share of the mean if ``relative``, else in the unit of the figure.
    relative : bool
    """

    amount: float
    relative: bool = True

    def half_width(self, mean: float) -> float:
        """The greatest half-width that will do, unit of the mean."""
        return self.amount * abs(mean) if self.relative else self.amount


@dataclass(frozen=True)
class Outlook:
    """Distance of a figure from the precision wanted, and the replications that it takes.

    Attributes
    ----------
    interval : Interval
        Of the replications so far.
    values, done : int
        Replications that have a value, and all of them.
    wanted : float
        Half-width wanted, unit of the figure; NaN without a value.
    needed : float
        Replications in all that would reach it, by the variance seen; infinite where none would, NaN where it cannot be
        told.
    total : int
        Replications to run in all before looking again; ``done`` if it is time to stop.
    """

    interval: Interval
    values: int
    done: int
    wanted: float
    needed: float
    total: int

    @property
    def reached(self) -> bool:
        """True if half of the interval is as small as wanted."""
        return self.interval.half_width <= self.wanted


def outlook(values: Sequence[float] | Array, precision: Precision, most: int = MOST_REPLICATIONS) -> Outlook:
    """Look whether a figure is precise enough, and whether going on would help.

    Replications are at most doubled from one look to the next. It is time to stop if the precision is reached, if it is
    surely out of reach of ``most`` replications (even by the lower end of the variance's 95 % interval), or if fewer
    than two of `ENOUGH_TO_JUDGE` replications have a value.

    Parameters
    ----------
    values : sequence of float, shape (replications,)
        NaN where a replication has no value.
    precision : Precision
    most : int
        Never go beyond so many replications.

    Returns
    -------
    Outlook

    Examples
    --------
    >>> outlook([9.0, 10.0, 11.0], Precision(0.5)).reached
    True
    >>> outlook([9.0, 10.0, 11.0], Precision(0.1)).total
    6
    """
    interval = t_interval(values)
    done = len(values)
    present = int((~np.isnan(np.asarray(values, dtype=np.float64))).sum())
    wanted = precision.half_width(interval.mean)
    if present < 2:
        total = min(max(2 * done, FIRST_STEP), ENOUGH_TO_JUDGE, most)
        return Outlook(interval, present, done, wanted, float("nan"), max(done, total))
    if interval.half_width <= wanted:
        return Outlook(interval, present, done, wanted, done, done)
    needed = _replications_for(interval.half_width, present, wanted) * done / present
    at_best = needed * (present - 1) / float(chdtri(present - 1, (1 - CONFIDENCE) / 2))
    total = done if at_best > most else min(max(2 * done, FIRST_STEP), most, max(done + 1, math.ceil(needed)))
    return Outlook(interval, present, done, wanted, needed, max(done, total))


# Units in which a precision can be given, with parser and example: those of metrics that scenario files have too.
ABSOLUTE: dict[str, tuple[Callable[[str], float], str]] = {
    "min": (lambda text: parse_duration(text) / MS_PER_MINUTE, "0.5 min"),
    "h": (lambda text: parse_duration(text) / MS_PER_HOUR, "100 h"),
    "t": (parse_mass, "50 t"),
    "CNY": (parse_money, "1 M CNY"),
    "vehicles": (parse_count, "5 vehicles"),
}


def parse_precision(text: str, unit: str) -> Precision:
    """Read a precision of a figure with this unit: ``"1%"`` of its mean, or in its own unit as ``"0.5 min"``.

    Raises
    ------
    ValueError
        It is neither; the message says what would be right.

    Examples
    --------
    >>> parse_precision("1 %", "min")
    Precision(amount=0.01, relative=True)
    >>> parse_precision("1.5 h", "min")
    Precision(amount=90.0, relative=False)
    """
    relative = "%" in text or unit not in ABSOLUTE
    example = f", or like '{ABSOLUTE[unit][1]}'" if unit in ABSOLUTE else ""
    try:
        amount = parse_share(text) if relative else ABSOLUTE[unit][0](text)
    except ValueError as error:
        raise ValueError(f"{error}; write it like 1%{example}") from None
    if not 0 < amount < (1 if relative else math.inf):
        raise ValueError(f"must be above 0{' and below 100 %' if relative else ''}; write it like 1%{example}")
    return Precision(amount, relative)


def _replications_for(half_width: float, done: int, wanted: float) -> float:
    """Values that would bring the half-width of ``done`` values down to ``wanted``; infinite if none would."""
    if wanted == 0:
        return float("inf")
    now = float(stdtrit(done - 1, (1 + CONFIDENCE) / 2))
    first = done * (half_width / wanted) ** 2
    return first * float(stdtrit(max(first - 1, 1), (1 + CONFIDENCE) / 2) / now) ** 2
