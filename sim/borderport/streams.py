"""(seed, replication, owner, purpose) → numbers. The one place where random numbers begin."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from borderport.deviates import fill_arrivals, fill_exponential, fill_normal, fill_uniform

NO_STREAM = bytes(24)


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
            Owner of the draw: ``port.flow``, or ``port.closure`` for closures at random.
        purpose : str
            The decision drawn for, e.g. ``arrivals`` or ``declaration.service``.
        n : int
            A longer draw begins with the shorter.
        """
        out = np.empty(n)
        fill_uniform(self._state(owner, purpose), out)
        return out

    def lucks(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` standard normal numbers of one address: what laws are evaluated at (`borderport.distributions`)."""
        out = np.empty(n)
        fill_normal(self._state(owner, purpose), out)
        return out

    def gaps(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` exponential numbers of mean 1 of one address: what lies between the points of a Poisson process."""
        out = np.empty(n)
        fill_exponential(self._state(owner, purpose), out)
        return out

    def arrivals(
        self, owner: str, purpose: str, expected: NDArray[np.float64], time_ms: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Moments of a Poisson process of one address, ascending; see `borderport.deviates.fill_arrivals`."""
        room = int(expected[-1] + 6 * expected[-1] ** 0.5 + 16)
        while True:
            out = np.empty(room, dtype=np.int64)
            found = fill_arrivals(self._state(owner, purpose), expected, time_ms, out)
            if found <= room:
                return out[:found]
            room = found

    def states(self, owner: str, purposes: tuple[str | None, ...]) -> NDArray[np.uint64]:
        """Initial states of the streams of some purposes, shape (purposes, 3); zeros for None."""
        digests = [NO_STREAM if purpose is None else self._digest(owner, purpose) for purpose in purposes]
        return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 3)

    def _state(self, owner: str, purpose: str) -> NDArray[np.uint64]:
        return np.frombuffer(self._digest(owner, purpose), dtype="<u8")

    def _digest(self, owner: str, purpose: str) -> bytes:
        address = f"{self.seed}\x1f{self.replication}\x1f{owner}\x1f{purpose}"
        return hashlib.blake2b(address.encode(), digest_size=24, person=b"borderport").digest()
