"""Where random numbers begin: one address, one stream, for ever."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sim.streams import Streams


def test_the_first_numbers_of_an_address_never_change() -> None:
    """Pinned: if this fails, every result for every seed has changed, which the change log must say."""
    assert Streams(1, 0).uniforms("port.flow", "arrivals", 2).tolist() == PINNED_UNIFORMS
    assert Streams(1, 0).lucks("port.flow", "desk.service", 2).tolist() == PINNED_LUCKS


PINNED_UNIFORMS = [0.600220986108088, 0.009289508054491025]
PINNED_LUCKS = [-1.680132167317566, -0.9727008343068657]


def test_a_longer_draw_begins_with_the_shorter() -> None:
    assert np.array_equal(Streams(1, 0).uniforms("a.b", "p", 10), Streams(1, 0).uniforms("a.b", "p", 1000)[:10])
    assert np.array_equal(Streams(1, 0).lucks("a.b", "p", 10), Streams(1, 0).lucks("a.b", "p", 1000)[:10])


def test_every_part_of_an_address_counts() -> None:
    addresses = itertools.product((-1, 1, 11), (0, 1, 11), ("a.b", "a", "1"), ("p", "b\x1fp", ""))
    firsts = [float(Streams(*address[:2]).uniforms(*address[2:], 1)[0]) for address in addresses]
    assert len(set(firsts)) == 81


@pytest.mark.parametrize("other", [(2, 0, "a.b", "p"), (1, 1, "a.b", "p"), (1, 0, "a.c", "p"), (1, 0, "a.b", "q")])
def test_streams_of_two_addresses_are_independent(other: tuple[int, int, str, str]) -> None:
    n = 20_000
    first, second = Streams(1, 0).lucks("a.b", "p", n), Streams(*other[:2]).lucks(*other[2:], n)
    for lag in range(3):
        r = np.corrcoef(first[: n - lag], second[lag:])[0, 1]
        assert abs(r) < 4 / np.sqrt(n)


def test_uniforms_are_uniform_and_lucks_standard_normal() -> None:
    n = 20_000
    u, z = Streams(1, 0).uniforms("a.b", "u", n), Streams(1, 0).lucks("a.b", "z", n)
    assert 0 <= u.min() and u.max() < 1
    # chi-square over 20 bins, 19 degrees of freedom, 0.1 % point 43.8
    assert ((np.histogram(u, 20, (0, 1))[0] - n / 20) ** 2 / (n / 20)).sum() < 43.8
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
