"""The one place that knows numba: loops over arrays, compiled when first called and kept on disk.

A loop that is kept belongs to all the sources that decide results: it has taken over constants and steps of other
files, of which numba's own cache knows nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache

PACKAGE = Path(__file__).parent

# Files and folders of the package that decide a replication's figures; a change to any of them makes stored results and
# compiled loops stale.
DECISIVE = (
    "bounds.py",
    "calendars.py",
    "compiling.py",
    "detection.py",
    "deviates.py",
    "distributions.py",
    "engines",
    "manifest",
    "metrics",
    "network",
    "policies.py",
    "scenario",
    "streams.py",
    "timeline.py",
    "trace.py",
    "units.py",
)

# Without the interpreter lock, and without counting references to arrays (a fifth of the engine's time): nothing is
# allocated inside.
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}
_KEPT = re.compile(r"-([0-9a-f]{16})(\.\d+)?\.nb[ci]")


@cache
def sources_digest(package: Path = PACKAGE) -> str:
    """SHA-256 of the sources that decide results, read once: half a megabyte, some milliseconds."""
    total = hashlib.sha256()
    for name in DECISIVE:
        place = package / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            content = file.read_bytes()
            total.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode())
            total.update(content)
    return total.hexdigest()


class _Named(CompileResultCacheImpl):
    """Names the files of a loop by the digest of the sources, so that no two versions ever share a file."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        numba: Any = super()
        return f"{numba.get_filename_base(fullname, abiflags)}-{sources_digest()[:16]}"


class _Cache(FunctionCache):
    """Keeps one compiled loop on disk, and nothing of other versions of the sources."""

    _impl_class = _Named

    def save_overload(self, sig: Any, data: Any) -> None:
        numba: Any = super()
        with contextlib.suppress(OSError):  # a full disk: it is compiled again next time
            numba.save_overload(sig, data)
            for path in Path(self.cache_path).iterdir():
                kept = _KEPT.search(path.name)
                if kept is not None and kept[1] != sources_digest()[:16]:
                    path.unlink(missing_ok=True)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop that allocates nothing; kept on disk unless no folder for it can be written."""
    loop: Any = njit(**_OPTIONS)(function)
    cache_of: Any = _Cache
    with contextlib.suppress(RuntimeError):
        loop._cache = cache_of(function)
    kept: Callable[..., Any] = loop
    return kept


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a step that is written into the loops that take it."""
    step: Callable[..., Any] = njit(inline="always")(function)
    return step
