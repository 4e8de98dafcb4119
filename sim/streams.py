"""(seed, replication, flow, purpose) → generator. The one place where random numbers begin."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, replication: int, owner: str, purpose: str) -> np.random.Generator:
    """Generator of one purpose of one flow in one replication.

    The address is hashed (BLAKE2b, stable across processes, machines and versions of Python) to the key of a
    Philox generator, so streams are independent, none depends on how many others there are, and the i-th
    number always belongs to the i-th vehicle (Salmon et al. 2011, doi:10.1145/2063384.2063405).

    Parameters
    ----------
    seed, replication : int
        Any integers.
    owner : str
        Whose draw: ``port.flow``, or ``port.closure`` for closures at random.
    purpose : str
        What it decides, e.g. ``arrivals`` or ``declaration.service``.

    Examples
    --------
    >>> float(stream(1, 0, "a.b", "arrivals").random()) == float(stream(1, 0, "a.b", "arrivals").random())
    True
    """
    address = "\x1f".join((str(seed), str(replication), owner, purpose))
    digest = hashlib.blake2b(address.encode(), digest_size=16, person=b"borderport").digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype="<u8")))


def uniforms(seed: int, replication: int, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
    """``n`` uniform numbers in [0, 1) of one address: what yes/no decisions compare with a rate."""
    return stream(seed, replication, owner, purpose).random(n)


def lucks(seed: int, replication: int, owner: str, purpose: str, n: int) -> NDArray[np.float64]:
    """``n`` standard normal numbers of one address: what laws are evaluated at (`sim.distributions`)."""
    return stream(seed, replication, owner, purpose).standard_normal(n)
