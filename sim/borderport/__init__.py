"""Simulate land border ports: queues, inspection, transloading and clearance policies.

Examples
--------
>>> import borderport
>>> before, after = borderport.load("2024-before"), borderport.load("2024")
>>> before.name, after.name
('2024-before', '2024')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from borderport.api import (
        Scenario,
        Simulation,
        calibrate,
        compare,
        from_dict,
        frontier,
        load,
        run,
        simulate,
        sweep,
    )
    from borderport.errors import ScenarioInvalid, SimError, UsageError

__all__ = [
    "Scenario",
    "ScenarioInvalid",
    "SimError",
    "Simulation",
    "UsageError",
    "calibrate",
    "compare",
    "from_dict",
    "frontier",
    "load",
    "run",
    "simulate",
    "sweep",
]
_FROM_ERRORS = ("ScenarioInvalid", "SimError", "UsageError")


def __getattr__(name: str) -> Any:
    """Import the library when one of its names is asked for: ``borderport --help`` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'borderport' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("borderport.errors" if name in _FROM_ERRORS else "borderport.api"), name)


def __dir__() -> list[str]:
    """The names of the library."""
    return sorted(__all__)
