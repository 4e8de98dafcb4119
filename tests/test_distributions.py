"""Laws: their mean and spread, that they rise with the luck, and how they are read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from scipy.special import ndtri

from borderport.deviates import KINDS, evaluate
from borderport.distributions import Constant, Law, Mixture, law_text, parse_law
from borderport.units import format_duration, parse_duration, parse_mass

N = 400_000
# Equally spaced quantiles: moments by quadrature, without chance. The ends of heavy tails are cut off a little.
GRID = np.asarray(ndtri((np.arange(N) + 0.5) / N))

MINUTE = 60_000.0
# law, mean in min, coefficient of variation
LAWS = [
    ("7 min", 7, 0),
    ({"constant": "7 min"}, 7, 0),
    ({"lognormal": {"mean": "162 min", "cv": 0.6}}, 162, 0.6),
    ({"lognormal": {"mean": "10 min", "cv": 2}}, 10, 2),
    ({"exponential": {"mean": "5 min"}}, 5, 1),
    ({"gamma": {"mean": "5 min", "cv": 0.5}}, 5, 0.5),
    ({"gamma": {"mean": "5 min", "cv": 2}}, 5, 2),
    ({"normal": {"mean": "15 min", "sd": "2.5 min"}}, 15, 2.5 / 15),
    ({"uniform": {"low": "2 min", "high": "8 min"}}, 5, 6 / math.sqrt(12) / 5),
    # mean (2 + 3 + 10) / 3; variance (4 + 9 + 100 - 6 - 20 - 30) / 18
    ({"triangular": {"low": "2 min", "mode": "3 min", "high": "10 min"}}, 5, math.sqrt(57 / 18) / 5),
    # 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4
    ({"empirical": ["3 min", "1 min", "6 min", "2 min"]}, 3, math.sqrt(3.5) / 3),
    # 70 % 9 and 30 % 13.5: mean 10.35, variance 0.7 x 0.3 x 4.5²
    (
        {"mixture": [{"share": "70 %", "law": "9 min"}, {"share": "30 %", "law": "13.5 min"}]},
        10.35,
        math.sqrt(0.21 * 4.5**2) / 10.35,
    ),
]
IDS = [next(iter(law)) if isinstance(law, dict) else "quantity" for law, _, _ in LAWS]


@pytest.mark.parametrize(("given_law", "mean", "cv"), LAWS, ids=IDS)
def test_a_law_hits_its_mean_and_its_spread(given_law: object, mean: float, cv: float) -> None:
    law = parse_law(given_law, parse_duration)
    values = law.at(GRID) / MINUTE
    assert values.mean() == pytest.approx(mean, rel=2e-3)
    assert values.std() / values.mean() == pytest.approx(cv, rel=2e-2, abs=1e-12)
    assert law.mean() / MINUTE == pytest.approx(mean, rel=2e-3)


@pytest.mark.parametrize(("given_law", "mean", "cv"), LAWS, ids=IDS)
def test_a_law_rises_with_the_luck_and_is_never_negative(given_law: object, mean: float, cv: float) -> None:
    values = parse_law(given_law, parse_duration).at(np.linspace(-8, 8, 2001))
    assert values.dtype == np.float64  # also of whole milliseconds
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert values.min() >= 0


@pytest.mark.parametrize(("given_law", "mean", "cv"), LAWS, ids=IDS)
def test_a_law_is_its_quantile_function_whatever_else_is_asked(given_law: object, mean: float, cv: float) -> None:
    """A vehicle's value depends on its own luck only, not on who is drawn with it."""
    law, luck = parse_law(given_law, parse_duration), GRID[:: N // 50]
    one_by_one = [float(law.at(np.asarray([z]))[0]) for z in luck]
    assert law.at(luck).tolist() == one_by_one


@pytest.mark.parametrize(
    ("given_law", "theirs"),
    [
        ("{lognormal: {mean: 34 min, cv: 1.2}}", stats.lognorm(math.sqrt(math.log(2.44)), 0, 34 / math.sqrt(2.44))),
        ("{exponential: {mean: 7 min}}", stats.expon(0, 7)),
        ("{normal: {mean: 60 min, sd: 2 min}}", stats.norm(60, 2)),
        ("{uniform: {low: 2 min, high: 8 min}}", stats.uniform(2, 6)),
        ("{triangular: {low: 2 min, mode: 3 min, high: 10 min}}", stats.triang(1 / 8, 2, 8)),
        ("{triangular: {low: 2 min, mode: 10 min, high: 10 min}}", stats.triang(1, 2, 8)),
        ("{gamma: {mean: 5 min, cv: 2}}", stats.gamma(0.25, 0, 20)),
    ],
)
def test_a_law_is_the_quantile_function_that_scipy_knows(given_law: str, theirs: Any) -> None:
    luck = np.linspace(-5, 5, 1001)
    ours = parse_law(yaml.safe_load(given_law), parse_duration).at(luck) / MINUTE
    # From below and from above the middle, so that no share is rounded to one.
    wanted = np.where(luck < 0, theirs.ppf(special.ndtr(luck)), theirs.isf(special.ndtr(-luck)))
    assert np.allclose(ours, wanted, rtol=1e-8, atol=1e-12)


def test_shares_of_a_mixture_that_add_up_to_a_hair_more_than_one_leave_nobody_out() -> None:
    parts = ((0.7, Constant(9.0)), (0.3 + 1e-10, Constant(13.0)), (0.0, Constant(20.0)))
    assert Mixture(parts).at(np.asarray([-3.0, 3.0])).tolist() == [9.0, 13.0]


def test_a_normal_law_is_cut_to_its_bounds() -> None:
    law = parse_law({"normal": {"mean": "18 t", "sd": "3 t", "low": "6 t", "high": "20 t"}}, parse_mass)
    values = law.at(GRID)
    assert values.min() == 6 and values.max() == 20
    assert law.mean() == pytest.approx(values.mean(), rel=1e-3)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.floats(-6, 6))
def test_a_mixture_takes_the_part_in_which_the_rank_lies(weights: list[float], luck: float) -> None:
    shares = [round(100 * w / sum(weights), 3) for w in weights]
    shares[-1] = round(100 - sum(shares[:-1]), 3)
    parts = [{"share": f"{max(share, 0)} %", "law": f"{i} min"} for i, share in enumerate(shares)]
    law: Law = parse_law({"mixture": parts}, parse_duration)
    rank = 0.5 * math.erfc(-luck / math.sqrt(2))
    edges = np.cumsum(shares) / 100
    wanted = min(int(np.searchsorted(edges, rank, "right")), len(shares) - 1)
    near = np.abs(edges - rank).min() < 1e-9
    assert near or law.at(np.asarray([luck]))[0] == wanted * MINUTE


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ({"lognormal": {"mean": "1 min"}}, "needs cv"),
        ({"lognormal": {"mean": "1 min", "cv": "1 %"}}, "plain number"),
        ({"lognormal": {"mean": "1 min", "cv": 1, "sd": "1 min"}}, "no parameter 'sd'"),
        ({"gamma": {"mean": "1 min", "cv": 0}}, "cv > 0"),
        ({"triangular": {"low": "3 min", "mode": "2 min", "high": "4 min"}}, "low <= mode"),
        ({"uniform": {"low": "3 min", "high": "2 min"}}, "low <= high"),
        ({"empirical": []}, "list of observed"),
        ({"mixture": [{"share": "50 %", "law": "1 min"}]}, "add up to 100"),
        ({"poisson": {"mean": "1 min"}}, "exactly one law"),
        ({}, "nothing"),
        ("5", "needs a unit"),
        ("5 t", "unknown duration unit"),
    ],
)
def test_what_is_wrong_with_a_law_is_said(text: object, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse_law(text, parse_duration)


@pytest.mark.parametrize(
    "written",
    [
        "34 min",
        {"lognormal": {"mean": "34 min", "cv": 1.2}},
        {"normal": {"mean": "5 min", "sd": "1 min", "low": "1 min"}},
        {"triangular": {"low": "2 min", "mode": "150 s", "high": "3 min"}},
        {"empirical": ["3 min", "5 min"]},
        {"mixture": [{"share": "70 %", "law": "9 min"}, {"share": "30 %", "law": {"exponential": {"mean": "1 h"}}}]},
    ],
)
def test_a_law_is_written_as_it_is_read(written: object) -> None:
    law = parse_law(written, parse_duration)
    text = law_text(law, lambda value: format_duration(round(value)))
    assert parse_law(yaml.safe_load(text), parse_duration) == law


def test_a_kind_of_law_without_a_formula_is_an_error() -> None:
    """It would otherwise be taken for some other law."""
    with pytest.raises(ValueError, match="without a formula"):
        evaluate(1 + max(KINDS.values()), 1.0, 1.0, 1.0, 1.0, np.zeros(1), np.zeros(1))
