"""Intervals against textbook numbers, and their coverage by experiment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from borderport.statistics import holm, p_value, replications_for, t_interval, t_intervals, variance_saved

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


def test_how_many_replications_a_precision_takes() -> None:
    # half-width 10 % of the mean after 10: for 5 % four times as many
    interval = t_interval(np.linspace(-1, 1, 10) * 0.2 + 1)
    ratio = interval.half_width / interval.mean
    assert replications_for(interval, 10, ratio / 2, 1000) in (40, 41)
    assert replications_for(interval, 10, ratio / 2, 30) == 30
    assert replications_for(interval, 10, ratio * 1.01, 1000) == 10
    assert replications_for(t_interval([5.0]), 1, 0.01, 1000) == 10
