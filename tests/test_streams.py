"""Random numbers begin at one address: one address, one stream, for ever."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from borderport.deviates import EXPONENTIAL_EDGE, NORMAL_EDGE, fill_arrivals
from borderport.streams import Streams


def test_the_first_numbers_of_an_address_never_change() -> None:
    """Pinned: if this fails, every result for every seed has changed, which the change log must say."""
    assert Streams(1, 0).uniforms("port.flow", "arrivals", 2).tolist() == PINNED_UNIFORMS
    assert Streams(1, 0).lucks("port.flow", "desk.service", 2).tolist() == pytest.approx(PINNED_LUCKS, rel=1e-12)


PINNED_UNIFORMS = [0.600220986108088, 0.009289508054491025]
PINNED_LUCKS = [-1.680132167317566, -0.9727008343068657]


def test_a_longer_draw_begins_with_the_shorter() -> None:
    assert np.array_equal(Streams(1, 0).uniforms("a.b", "p", 10), Streams(1, 0).uniforms("a.b", "p", 1000)[:10])
    assert np.array_equal(Streams(1, 0).lucks("a.b", "p", 10), Streams(1, 0).lucks("a.b", "p", 1000)[:10])


def test_the_numbers_are_those_that_numpy_draws_from_the_same_state() -> None:
    """A second implementation; a million numbers reach the tails, and every branch of both ziggurats."""
    n, streams = 1_000_000, Streams(1, 0)
    assert np.array_equal(streams.uniforms("a.b", "p", n), _numpy("a.b", "p").random(n))
    lucks, gaps = streams.lucks("a.b", "p", n), streams.gaps("a.b", "p", n)
    assert np.allclose(lucks, _numpy("a.b", "p").standard_normal(n), rtol=1e-12, atol=0)
    assert np.allclose(gaps, _numpy("a.b", "p").standard_exponential(n), rtol=1e-12, atol=0)
    assert np.abs(lucks).max() > NORMAL_EDGE
    assert gaps.max() > EXPONENTIAL_EDGE


def test_arrivals_are_where_the_cumulative_rate_reaches_the_sums_of_gaps() -> None:
    """numpy's way: add up gaps, invert the rate between its points. Room that is too small is made larger."""
    expected, time_ms = np.asarray([0.0, 3.0, 3.5, 50.0]), np.asarray([10.0, 1000.0, 5000.0, 90_000.0])
    streams = Streams(1, 0)
    points = np.cumsum(streams.gaps("a.b", "p", 200))
    wanted = np.interp(points[points < 50], expected, time_ms).astype(np.int64)
    assert streams.arrivals("a.b", "p", expected, time_ms).tolist() == wanted.tolist()
    few = np.empty(3, dtype=np.int64)
    state = streams.states("a.b", ("p",))[0]
    assert fill_arrivals(state, expected, time_ms, few) == wanted.size
    assert few.tolist() == wanted[:3].tolist()


def _numpy(owner: str, purpose: str) -> np.random.Generator:
    """numpy's own generator of seed 1, replication 0, at an address."""
    address = f"1\x1f0\x1f{owner}\x1f{purpose}".encode()
    digest = hashlib.blake2b(address, digest_size=24, person=b"borderport").digest()
    bits = np.random.SFC64(0)
    state = bits.state
    state["state"]["state"] = np.asarray([*np.frombuffer(digest, dtype="<u8"), 1], dtype=np.uint64)
    bits.state = state
    return np.random.Generator(bits)


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
