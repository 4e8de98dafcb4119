"""Both engines return the same timeline, bit for bit, whatever the network."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings

from borderport.engines import compiled, reference
from borderport.network import Network
from borderport.timeline import NOT_REACHED
from tests.random_networks import networks


def assert_same(network: Network) -> None:
    """Run both engines and compare every array."""
    slow, fast = reference.run(network), compiled.run(network)
    for name in ("moments", "exit_ms", "outcome", "standing", "busy_ms", "queue_max", "queue_ms"):
        assert np.array_equal(getattr(slow, name), getattr(fast, name)), name
    assert (fast.moments >= NOT_REACHED).all()
    fast.check()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks())
def test_random_networks_give_the_same_timeline(network: Network) -> None:
    assert_same(network)
