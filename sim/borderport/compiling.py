"""The one place that knows numba: loops over arrays, compiled when first called and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

# Without the interpreter lock, and without counting references to arrays (a fifth of the engine's time): nothing is
# allocated inside.
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop that allocates nothing; cached on disk unless no cache folder can be written."""
    loop: Callable[..., Any]
    try:
        loop = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        loop = njit(**_OPTIONS)(function)
    return loop


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a step that is written into the loops that take it."""
    step: Callable[..., Any] = njit(inline="always")(function)
    return step
