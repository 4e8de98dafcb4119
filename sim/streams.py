"""(seed, replication, flow, purpose) → generator. The one place where random numbers begin."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

FIRST_COUNT = np.uint64(1)  # where SFC64's counter begins, which bounds its period from below


class Streams:
    """The random numbers of one replication, by owner and purpose.

    The address is hashed (BLAKE2b, stable across processes, machines and versions of Python) to the state of an SFC64
    generator, so streams begin at unrelated places, none depends on how many others there are, and the i-th number
    always belongs to the i-th vehicle. SFC64 (Doty-Humphrey, PractRand) is the fastest generator that numpy has; its
    period is at least 2**64 from any state with this counter.

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
        # One generator whose state is set for each address: making a new one costs ten times as much.
        self._bits = np.random.SFC64(0)
        self._generator = np.random.Generator(self._bits)
        self._state = self._bits.state
        words = np.full(4, FIRST_COUNT, dtype="<u8")
        self._bytes = words.data.cast("B")
        self._state["state"]["state"] = words

    def generator(self, owner: str, purpose: str) -> np.random.Generator:
        """Generator of one purpose of one owner, at its first number; good until the next call of any method.

        Parameters
        ----------
        owner : str
            Whose draw: ``port.flow``, or ``port.closure`` for closures at random.
        purpose : str
            What it decides, e.g. ``arrivals`` or ``declaration.service``.
        """
        address = f"{self.seed}\x1f{self.replication}\x1f{owner}\x1f{purpose}"
        self._bytes[:24] = hashlib.blake2b(address.encode(), digest_size=24, person=b"borderport").digest()
        self._bits.state = self._state
        return self._generator

    def uniforms(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` uniform numbers in [0, 1) of one address: what yes/no decisions compare with a rate."""
        return self.generator(owner, purpose).random(n)

    def lucks(self, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
        """``n`` standard normal numbers of one address: what laws are evaluated at (`sim.distributions`)."""
        return self.generator(owner, purpose).standard_normal(n)
