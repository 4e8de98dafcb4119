"""What every test may ask for."""

from __future__ import annotations

import pytest

from borderport.experiment import EngineName


@pytest.fixture(params=["compiled", "simpy"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Each simulation test runs on both engines."""
    name: EngineName = request.param
    return name
