"""Intervals against textbook numbers, and their coverage by experiment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from borderport.statistics import (
    MOST_REPLICATIONS,
    Precision,
    holm,
    outlook,
    p_value,
    parse_precision,
    share_interval,
    t_interval,
    t_intervals,
    variance_saved,
)

NAN = float("nan")


def test_an_interval_by_hand() -> None:
    # mean 3, s² = 2.5, s / sqrt(5) = 0.7071, t(4, 97.5 %) = 2.776445
    found = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3
    assert found.half_width == pytest.approx(2.776445 * math.sqrt(2.5 / 5), rel=1e-6)
    assert (found.low + found.high) / 2 == pytest.approx(3)


def test_a_higher_level_is_wider() -> None:
    # t(4, 99.5 %) = 4.604095
    assert t_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.99).half_width == pytest.approx(4.604095 * math.sqrt(0.5), rel=1e-6)


def test_one_replication_has_a_mean_and_no_interval() -> None:
    found = t_interval([7.0])
    assert found.mean == 7 and math.isnan(found.low) and math.isnan(found.high)


def test_replications_without_a_value_are_left_out() -> None:
    assert t_interval([1.0, NAN, 3.0]) == t_interval([1.0, 3.0])
    assert math.isnan(t_interval([NAN, NAN]).mean)


def test_many_intervals_at_once_are_the_single_ones() -> None:
    values = np.asarray([[1.0, 5.0], [2.0, NAN], [4.0, 7.0]])
    low, mean, high = t_intervals(values)
    for column in (0, 1):
        one = t_interval(values[:, column])
        assert (low[column], mean[column], high[column]) == (one.low, one.mean, one.high)


def test_95_per_cent_of_the_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(10, 3, (8, 500))
    low, _, high = t_intervals(samples)
    covered = ((low <= 10) & (high >= 10)).mean()
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 500)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=20))
def test_p_values_are_those_of_scipy(values: list[float]) -> None:
    array = np.asarray(values)
    if array.std() > 1e-3:
        assert p_value(array) == pytest.approx(stats.ttest_1samp(array, 0).pvalue, rel=1e-9)


def test_no_difference_at_all_has_p_one_and_a_constant_difference_nought() -> None:
    assert p_value(np.zeros(5)) == 1
    assert p_value(np.full(5, 2.0)) == 0
    assert math.isnan(p_value(np.asarray([1.0, NAN])))


def test_holms_correction_by_hand() -> None:
    # sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, made to rise: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_missing_p_value_does_not_count_as_a_comparison() -> None:
    adjusted = holm([0.01, NAN, 0.03])
    assert adjusted[0] == 0.02 and adjusted[2] == 0.03 and math.isnan(adjusted[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p - 1e-12 and a <= 1 for a, p in zip(adjusted, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.asarray(adjusted)[order]) >= -1e-12).all()


def test_the_variance_that_pairing_saves() -> None:
    base = np.asarray([1.0, 2.0, 3.0])
    assert variance_saved(base, base + 5) == pytest.approx(1)  # the difference does not vary at all
    assert variance_saved(base, -base) == pytest.approx(-1)  # it varies twice as much
    assert math.isnan(variance_saved(base[:2], base[:2]))
    assert math.isnan(variance_saved(np.ones(3), np.ones(3)))


def test_shares_have_an_interval_within_0_and_1() -> None:
    whole = t_interval([0.9, 1.0, 0.95])
    found = share_interval([0.9, 1.0, 0.95])
    assert whole.high > 1 and (found.mean, found.low, found.high) == (whole.mean, whole.low, 1.0)
    assert math.isnan(share_interval([0.5]).low)


def test_how_many_replications_a_precision_takes() -> None:
    # t(29, 97.5 %) = 2.045: s = 1 and a half-width of 0.2 take about (2 / 0.2)² = 98 values
    values = np.tile([-1.0, 1.0], 15) * math.sqrt(29 / 30) + 5
    found = outlook(values, Precision(0.2, relative=False))
    assert found.needed == pytest.approx(98, abs=2) and not found.reached and found.wanted == 0.2
    assert found.total == 60  # never more than twice as many before it looks again
    assert outlook(values, Precision(0.04)).needed == found.needed  # 4 % of 5
    assert outlook(values, Precision(0.3, relative=False)).total == pytest.approx(44, abs=2)
    assert outlook(values, Precision(0.2, relative=False), most=70).total == 60
    assert outlook(np.tile(values, 2), Precision(0.2, relative=False), most=70).total == 70
    assert outlook(np.tile(values, 4), Precision(0.2, relative=False)).reached


def test_as_many_as_a_precision_needs_give_it() -> None:
    rng = np.random.default_rng(4)
    values, wanted = rng.normal(100, 20, 20), Precision(0.02)
    while not (found := outlook(values, wanted)).reached:
        assert values.size < found.total <= 2 * values.size
        values = np.append(values, rng.normal(100, 20, found.total - values.size))
    assert found.interval.half_width <= 0.02 * found.interval.mean
    assert values.size == pytest.approx((1.96 * 20 / 2) ** 2, rel=0.25)


def test_what_is_out_of_reach_is_not_tried() -> None:
    """A share of a mean near nought, or of nought; nothing is run for either."""
    values = np.tile([-1.0, 1.0], 10)
    for moved, needed in ((0.001, 4e8), (0.0, math.inf)):
        found = outlook(values + moved, Precision(0.1))
        assert (found.total, found.reached) == (20, False)
        assert found.needed == pytest.approx(needed, rel=0.2)
    assert outlook(values, Precision(0.1, relative=False)).needed < MOST_REPLICATIONS
    assert outlook(np.zeros(3), Precision(0.1)).reached  # it does not vary at all


def test_one_that_may_just_be_in_reach_is_tried() -> None:
    """The variance of a few replications is no more than a guess: 12,000 seem to be needed, 6,000 may do."""
    values = np.tile([-1.0, 1.0], 5) + 100
    wanted = Precision(1.96 / math.sqrt(12_000) * values.std(ddof=1), relative=False)
    assert outlook(values, wanted).needed == pytest.approx(12_000, rel=0.01)
    assert outlook(values, wanted).total == 20
    assert outlook(np.tile(values, 500), wanted).total == 5_000


def test_a_figure_that_hardly_any_replication_has_is_given_up_after_thirty() -> None:
    sizes = [1]
    while (found := outlook([NAN] * sizes[-1], Precision(0.01))).total > sizes[-1]:
        sizes.append(found.total)
    assert sizes == [1, 10, 20, 30] and not found.reached and math.isnan(found.needed)
    assert outlook([5.0] + [NAN] * 29, Precision(0.01)).total == 30
    half = outlook([1.0, NAN, 2.0, NAN, 1.5, NAN, 1.2, NAN, 1.8, NAN], Precision(0.1))
    whole = outlook([1.0, 2.0, 1.5, 1.2, 1.8], Precision(0.1))
    assert half.needed == 2 * whole.needed


@pytest.mark.parametrize(
    ("text", "unit", "amount", "relative"),
    [
        ("1%", "min", 0.01, True),
        ("0.5 %", "1", 0.005, True),
        ("0.5 min", "min", 0.5, False),
        ("30 s", "min", 0.5, False),
        ("2 d", "h", 48.0, False),
        ("500 kg", "t", 0.5, False),
        ("2 M CNY", "CNY", 2e6, False),
        ("7 vehicles", "vehicles", 7.0, False),
    ],
)
def test_a_precision_is_read(text: str, unit: str, amount: float, relative: bool) -> None:
    assert parse_precision(text, unit) == Precision(amount, relative)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("5", "min"),
        ("0%", "min"),
        ("100%", "min"),
        ("-1%", "t"),
        ("0 min", "min"),
        ("1 t", "min"),
        ("1 night", "nights"),
    ]
    + [("nan%", "min"), ("1e999%", "min"), ("", "min"), ("1 min", "1")],
)
def test_what_is_no_precision_is_refused(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="write it like 1%"):
        parse_precision(text, unit)
