"""(seed, replication, owner, purpose) → numbers. The one place where random numbers begin.

The generator and its deviates are written out here, compiled, so they are the same with every version of numpy and take
a third of its time. The methods are those of numpy (SFC64; ziggurats of 256 layers), so that numpy can check them: the
numbers agree with those of ``numpy.random.Generator`` to the last few bits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.compiling import compiled, inlined

_FIRST_COUNT = np.uint64(1)  # where SFC64's counter begins, which bounds its period from below
LAYERS = 256
# Where the lowest layer of each ziggurat ends and its tail begins; all layers then have the same area.
NORMAL_EDGE = 3.6541528853610088
EXPONENTIAL_EDGE = 7.69711747013105
_TO_UNIT = 1.0 / 2**53
# Unsigned like the numbers they shift: numba turns a mix of signed and unsigned 64-bit integers into floats.
_ONE, _TWO, _THREE, _SEVEN, _NINE, _ELEVEN = (np.uint64(bits) for bits in (1, 2, 3, 7, 9, 11))
_SEVENTEEN, _TWENTY_FOUR, _FORTY = (np.uint64(bits) for bits in (17, 24, 40))
_NONE, _LAYER, _FRACTION = np.uint64(0), np.uint64(0xFF), np.uint64(2**52 - 1)


def _layers(edge: float, area: float, bits: int, density: Callable[..., float], inverse: Callable[..., float]) -> Any:
    """Layers of a ziggurat under a falling density (Marsaglia & Tsang 2000, doi:10.18637/jss.v005.i08).

    Parameters
    ----------
    edge, area : float
        Where the lowest layer ends, and the area of each.
    bits : int
        Of the whole number that is scaled to a layer's width.

    Returns
    -------
    uint64 array, float64 array, float64 array, shape (256,)
        By layer: below which number a point lies under the density for certain; the width of one unit; the density at
        the layer's edge. The lowest layer, whose edge stands for its tail too, comes first, then from the top down.
    """
    edges = np.empty(LAYERS)
    edges[-1] = edge
    for layer in range(LAYERS - 1, 1, -1):
        edges[layer - 1] = inverse(density(edges[layer]) + area / edges[layer])
    edges[0] = area / density(edge)
    inner = np.concatenate([[edge, 0.0], edges[1:-1]])
    heights = np.asarray([1.0, *(density(place) for place in edges[1:].tolist())])
    return (inner / edges * 2.0**bits).astype(np.uint64), edges / 2.0**bits, heights


_TAIL = math.sqrt(math.pi / 2) * math.erfc(NORMAL_EDGE / math.sqrt(2))
NORMAL_SURE, NORMAL_UNIT, NORMAL_HEIGHT = _layers(
    NORMAL_EDGE,
    NORMAL_EDGE * math.exp(-(NORMAL_EDGE**2) / 2) + _TAIL,
    52,
    lambda place: math.exp(-(place**2) / 2),
    lambda height: math.sqrt(-2 * math.log(height)),
)
EXPONENTIAL_SURE, EXPONENTIAL_UNIT, EXPONENTIAL_HEIGHT = _layers(
    EXPONENTIAL_EDGE,
    (EXPONENTIAL_EDGE + 1) * math.exp(-EXPONENTIAL_EDGE),
    53,
    lambda place: math.exp(-place),
    lambda height: -math.log(height),
)


@inlined
def _next(a: Any, b: Any, c: Any, count: Any) -> Any:
    """One step of SFC64 (Doty-Humphrey, PractRand): its number, then its state."""
    number = a + b + count
    return number, b ^ (b >> _ELEVEN), c + (c << _THREE), ((c << _TWENTY_FOUR) | (c >> _FORTY)) + number, count + _ONE


@inlined
def _unit(number: Any) -> Any:
    """53 bits of a number as a float in [0, 1)."""
    return np.float64(np.int64(number >> _ELEVEN)) * _TO_UNIT


@inlined
def _height(edges: Any, layer: Any, number: Any) -> Any:
    """A height between the edges of a layer."""
    return edges[layer] + (edges[layer - _ONE] - edges[layer]) * _unit(number)


@compiled
def _fill_uniform(state: Any, out: Any) -> None:
    """Uniform numbers in [0, 1)."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    for place in range(out.size):
        number, a, b, c, count = _next(a, b, c, count)
        out[place] = _unit(number)


@compiled
def _rest_of_normal(number: Any, value: Any, a: Any, b: Any, c: Any, count: Any) -> Any:
    """Whether a point lies under the density that does not for certain; the value, and the state after."""
    layer = number & _LAYER
    if layer == _NONE:  # in the tail, by Marsaglia's method
        beyond, rise = 1.0, 0.0
        while rise + rise <= beyond * beyond:
            first, a, b, c, count = _next(a, b, c, count)
            second, a, b, c, count = _next(a, b, c, count)
            beyond, rise = -math.log1p(-_unit(first)) / NORMAL_EDGE, -math.log1p(-_unit(second))
        # The sign of a point in the tail is another bit than elsewhere.
        sign = -1.0 if (number >> _SEVENTEEN) & _ONE else 1.0
        return True, sign * (NORMAL_EDGE + beyond), a, b, c, count
    number, a, b, c, count = _next(a, b, c, count)
    return _height(NORMAL_HEIGHT, layer, number) < math.exp(-value * value / 2), value, a, b, c, count


@compiled
def _fill_normal(state: Any, out: Any) -> None:
    """Standard normal numbers."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    place = 0
    while place < out.size:
        number, a, b, c, count = _next(a, b, c, count)
        layer, fraction = number & _LAYER, (number >> _NINE) & _FRACTION
        # The sign is a factor, not a branch: half of all branches would be guessed wrong.
        value = np.float64(np.int64(fraction) * (1 - np.int64((number >> _SEVEN) & _TWO))) * NORMAL_UNIT[layer]
        if fraction >= NORMAL_SURE[layer]:
            under, value, a, b, c, count = _rest_of_normal(number, value, a, b, c, count)
            if not under:
                continue
        out[place] = value
        place += 1


@compiled
def _fill_exponential(state: Any, out: Any) -> None:
    """Exponential numbers of mean 1."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    place = 0
    while place < out.size:
        number, a, b, c, count = _next(a, b, c, count)
        layer, fraction = (number >> _THREE) & _LAYER, number >> _ELEVEN
        value = np.float64(np.int64(fraction)) * EXPONENTIAL_UNIT[layer]
        if fraction >= EXPONENTIAL_SURE[layer]:
            number, a, b, c, count = _next(a, b, c, count)
            if layer == _NONE:
                value = EXPONENTIAL_EDGE - math.log1p(-_unit(number))
            elif _height(EXPONENTIAL_HEIGHT, layer, number) >= math.exp(-value):
                continue
        out[place] = value
        place += 1


class Streams:
    """The random numbers of one replication, by owner and purpose.

    The address is hashed (BLAKE2b, stable across processes, machines and versions of Python) to the state of an SFC64
    generator, so streams begin at unrelated places, none depends on how many others there are, and the i-th number
    always belongs to the i-th vehicle. SFC64 (Doty-Humphrey, PractRand) is among the fastest generators of its quality;
    its period is at least 2**64 from any state with this counter.

    Parameters
    ----------
    seed, replication : int
        Any integers.

    Examples
    --------
    >>> one, other = Streams(1, 0), Streams(1, 0)
    >>> float(one.uniforms("a.b", "selected", 3)[2]) == float(other.uniforms("a.b", "selected", 3)[2])
    True
    """

    def __init__(self, seed: int, replication: int) -> None:
        self.seed, self.replication = seed, replication

    def uniforms(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` uniform numbers in [0, 1) of one address: what yes/no decisions compare with a rate.

        Parameters
        ----------
        owner : str
            Whose draw: ``port.flow``, or ``port.closure`` for closures at random.
        purpose : str
            What it decides, e.g. ``arrivals`` or ``declaration.service``.
        n : int
            A longer draw begins with the shorter.
        """
        out = np.empty(n)
        _fill_uniform(self._state(owner, purpose), out)
        return out

    def lucks(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` standard normal numbers of one address: what laws are evaluated at (`sim.distributions`)."""
        out = np.empty(n)
        _fill_normal(self._state(owner, purpose), out)
        return out

    def gaps(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` exponential numbers of mean 1 of one address: what lies between the points of a Poisson process."""
        out = np.empty(n)
        _fill_exponential(self._state(owner, purpose), out)
        return out

    def _state(self, owner: str, purpose: str) -> NDArray[np.uint64]:
        address = f"{self.seed}\x1f{self.replication}\x1f{owner}\x1f{purpose}"
        digest = hashlib.blake2b(address.encode(), digest_size=24, person=b"borderport").digest()
        return np.frombuffer(digest, dtype="<u8")
