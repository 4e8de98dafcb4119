"""Fixtures for every test."""

from __future__ import annotations

import pytest

from borderport.experiment import EngineName


@pytest.fixture(autouse=True)
def width_of_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is as wide here as in any pipe, however wide the terminal is that the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(params=["compiled", "simpy"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Each simulation test runs on both engines."""
    name: EngineName = request.param
    return name
