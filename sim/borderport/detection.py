"""Selection for inspection, and the finds of an inspection: the formulas, on whole arrays at a time.

Selection weighs *who* (classes of traders, by relative risk) and *what* (how well the carriers of contraband are told
from the others). Both spread a given selection rate over the vehicles; neither changes how many are selected.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from borderport.distributions import Array, normal_cdf

Counts = NDArray[np.int64]

GAMMALN_ERROR = 1e-13  # of a sum of a few, relative to the largest: several hundred times what scipy's are off by


def class_rates(rate: float, shares: Array, risks: Array) -> Array:
    """Spread a rate over classes in proportion to their risk, no class above 1.

    Parameters
    ----------
    rate : float
        Of all vehicles together, 0 to 1.
    shares, risks : float64 arrays, shape (classes,)
        Share of the vehicles in each class, adding up to 1; relative risk of each, >= 0.

    Returns
    -------
    float64 array, shape (classes,)
        ``min(1, x * risk)`` with the one ``x`` for which the shares' mean is ``rate``. Where all classes of any risk
        are at 1 and more is asked for, those without risk share the rest evenly.

    Examples
    --------
    >>> class_rates(0.28, np.array([0.9, 0.1]), np.array([1.0, 11.0])).round(6).tolist()
    [0.2, 1.0]
    """
    rates = np.zeros(shares.size)
    left, open_ = rate, risks > 0
    while open_.any():
        scale = left / float((shares * risks)[open_].sum()) if (shares[open_] > 0).any() else 0.0
        full = open_ & (scale * risks >= 1)
        if not full.any():
            rates[open_] = scale * risks[open_]
            return rates
        rates[full] = 1.0
        left = max(left - float(shares[full].sum()), 0.0)
        open_ &= ~full
    without = (risks <= 0) & (shares > 0)
    if without.any():
        rates[without] = min(left / float(shares[without].sum()), 1.0)
    return rates


def targeted(rate: float, prevalence: float, quality: float) -> tuple[float, float]:
    """Selection rates of vehicles without and with contraband.

    A vehicle's risk score is standard normal; that of a carrier lies ``d`` higher (the equal-variance binormal model of
    signal detection: Green & Swets, Signal Detection Theory and Psychophysics, 1966). Those above one threshold are
    selected, which is set so that the overall rate is ``rate``.

    Parameters
    ----------
    rate, prevalence : float
        Overall selection rate and share of carriers, 0 to 1.
    quality : float
        Chance that a carrier's score is above that of a vehicle without contraband (the area under the receiver
        operating characteristic): 0.5 is a blind draw, 1 knows every carrier.

    Returns
    -------
    clean, carrying : float
        ``(1 - prevalence) * clean + prevalence * carrying == rate``.

    Examples
    --------
    >>> targeted(0.15, 0.01, 0.5)
    (0.15, 0.15)
    >>> clean, carrying = targeted(0.15, 0.01, 1.0)
    >>> round(clean, 4), carrying
    (0.1414, 1.0)
    """
    from scipy.special import ndtri

    if rate <= 0 or rate >= 1 or quality == 0.5 or prevalence <= 0 or prevalence >= 1:
        return rate, rate
    if quality >= 1:
        carrying = min(rate / prevalence, 1.0)
        return max(rate - prevalence * carrying, 0.0) / (1 - prevalence), carrying
    shift = 2**0.5 * float(ndtri(quality))

    # Halved until it moves no more; a root finder of scipy.optimize would add a tenth to the time of a short run.
    low, high = -50.0, 50.0
    while (threshold := (low + high) / 2) not in (low, high):
        clean, carrying = normal_cdf(np.asarray([-threshold, shift - threshold])).tolist()
        if (1 - prevalence) * clean + prevalence * carrying > rate:
            low = threshold
        else:
            high = threshold
    return clean, carrying


def bad_items(items: Counts, share: Array, luck: Array) -> Counts:
    """Number of bad items among ``items``, each bad with probability ``share``: the binomial quantile at ``luck``.

    Parameters
    ----------
    items, share, luck : arrays, shape (vehicles,)
        ``items`` >= 0; ``share`` from 0 to 1; ``luck`` standard normal.
    """
    from scipy.special import bdtrik, betaincc

    u = normal_cdf(luck)
    some = u > np.exp(items * np.log1p(-np.minimum(share, 1 - 1e-12)))
    bad = np.zeros(items.size, dtype=np.int64)
    n, p, level = items[some].astype(np.float64), np.minimum(share[some], 1.0), u[some]
    found = np.nan_to_num(np.ceil(bdtrik(level, n, np.clip(p, 1e-300, 1 - 1e-12))), nan=1.0)
    found = np.clip(found, 1, n)
    # The inverse may round to the next whole number. P(at most k of n) is 1 - I_p(k + 1, n - k).
    found -= (found > 1) & (betaincc(found, n - found + 1, p) >= level)
    bad[some] = found.astype(np.int64)
    return bad


def chance_to_find(items: Counts, bad: Counts, sample: Counts) -> Array:
    """Chance that a sample without replacement holds at least one bad item (hypergeometric).

    Parameters
    ----------
    items, bad, sample : int64 arrays, shape (vehicles,)
        Size of the lot, bad items in it and items looked at; ``bad`` and ``sample`` at most ``items``.

    Returns
    -------
    float64 array, shape (vehicles,)
        ``1 - C(items - bad, sample) / C(items, sample)``.

    Examples
    --------
    >>> round(float(chance_to_find(np.array([100]), np.array([5]), np.array([10]))[0]), 6)
    0.416248
    """
    from scipy.special import gammaln

    good = items - bad
    possible = good >= sample
    n, g, k = items[possible], good[possible], sample[possible]
    missed = np.zeros(items.size)
    missed[possible] = np.exp(gammaln(g + 1) - gammaln(g - k + 1) - gammaln(n + 1) + gammaln(n - k + 1))
    return np.asarray(np.clip(1 - missed, 0.0, 1.0))


def sample_size(items: Counts, level: float, confidence: float) -> Counts:
    """Smallest sample that finds at least one bad item with ``confidence`` if the share ``level`` of the lot is bad.

    Parameters
    ----------
    items : int64 array, shape (vehicles,)
        Size of each lot, >= 1.
    level, confidence : float
        Above 0, at most 1, and taken for the decimal numbers that they are written as: 0.95 is 19 / 20. The number of
        bad items to be found is ``level * items``, rounded up.

    Returns
    -------
    int64 array, shape (vehicles,)
        Exact: where a chance is too near to ``confidence`` for floats to tell, whole numbers decide.

    Examples
    --------
    >>> sample_size(np.array([50, 100, 200, 1000]), 0.10, 0.95).tolist()
    [22, 25, 27, 29]
    """
    share, missed = Fraction(repr(float(level))), 1 - Fraction(repr(float(confidence)))
    lots, which = np.unique(items, return_inverse=True)
    bad = np.asarray([max(math.ceil(share * lot), 1) for lot in lots.tolist()], dtype=np.int64)
    low, high = np.zeros(lots.size, dtype=np.int64), lots.copy()
    while (low < high).any():
        middle = (low + high) // 2
        enough = _misses_at_most(missed, lots, bad, middle)
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + 1, high))
    return high[which]


def _misses_at_most(missed: Fraction, lots: Counts, bad: Counts, sample: Counts) -> NDArray[np.bool_]:
    """True if a sample misses all bad items of a lot with at most this chance; exact, shape as ``lots``."""
    from scipy.special import gammaln

    good = lots - bad
    enough = good < sample
    n, g, k = (column[~enough].astype(np.float64) for column in (lots, good, sample))
    chance = gammaln(g + 1) - gammaln(g - k + 1) - gammaln(n + 1) + gammaln(n - k + 1)
    over = chance - (math.log(missed) if missed else -math.inf)
    decided = over < 0
    for place in np.flatnonzero(np.abs(over) <= GAMMALN_ERROR * (gammaln(n + 1) + 1)):
        decided[place] = _exactly_at_most(missed, *(int(column[place]) for column in (n, g, k)))
    enough[~enough] = decided
    return enough


def _exactly_at_most(missed: Fraction, lot: int, good: int, sample: int) -> bool:
    """True if C(good, sample) / C(lot, sample) is at most ``missed``, in whole numbers."""
    bad = lot - good
    if sample > bad:  # the same chance with fewer factors: that the bad ones are all among those not looked at
        good, sample = lot - sample, bad
    return math.comb(good, sample) * missed.denominator <= missed.numerator * math.comb(lot, sample)
