"""Compiles ``kernel.c`` and calls it as `sim.engines.compiled.run` calls its own kernel: same arrays in, same out."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engines.ordering import key_bits
from sim.network import ARGUMENT, UNFINISHED, Network
from sim.timeline import NOT_REACHED, Timeline

SOURCE = Path(__file__).with_name("kernel.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
NOBODY = 0xFFFFFFFF

# The members of `Run` in kernel.c, in their order: numbers, then arrays with their types.
NUMBERS = ("horizon_ms", "lead_in_ms", "bits", "levels", "slots", "arrivals", "changes", "deadlines")
ARRAYS = {
    **dict.fromkeys(("change_ms",), np.int64),
    **dict.fromkeys(("change_resource",), np.uint32),
    **dict.fromkeys(("change_capacity",), np.int64),
    **dict.fromkeys(("change_refills",), np.uint8),
    **dict.fromkeys(("pace_first", "pace_ms", "pace_per_mille"), np.int64),
    **dict.fromkeys(("ops",), np.uint32),
    **dict.fromkeys(("arrival_ms", "deadline_ms"), np.int64),
    **dict.fromkeys(("row", "deadline_order", "signal"), np.uint32),
    **dict.fromkeys(("work_ms",), np.int64),
    **dict.fromkeys(("capacity", "in_use", "busy_ms", "queued"), np.int64),
    **dict.fromkeys(("moments", "exit_ms"), np.int64),
    **dict.fromkeys(("outcome",), np.uint8),
    **dict.fromkeys(("position", "head", "tail", "following", "preceding"), np.uint32),
    **dict.fromkeys(("waits", "given"), np.uint8),
    **dict.fromkeys(("signal_head", "signal_tail"), np.uint32),
    **dict.fromkeys(("heap",), np.uint64),
}


class _Run(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in NUMBERS] + [(name, ctypes.c_void_p) for name in ARRAYS]


def compiler() -> str | None:
    """The C compiler, if there is one."""
    return shutil.which("cc")


def build() -> Callable[[Network], Timeline]:
    """Compile the kernel into a temporary folder and load it; what is returned runs one replication."""
    found = compiler()
    assert found is not None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        subprocess.run([found, *FLAGS, "-o", str(library), str(SOURCE)], check=True)
        advance = ctypes.CDLL(str(library)).advance
    advance.argtypes, advance.restype = [ctypes.POINTER(_Run)], None
    return lambda network: _run(advance, network)


def _run(advance: Any, network: Network) -> Timeline:
    n, resources = network.arrival_ms.size, network.capacity.size
    patient = np.flatnonzero(network.deadline_ms < network.horizon_ms)
    order = patient[np.argsort(network.deadline_ms[patient], kind="stable")].astype(np.uint32)
    numbers = {
        "horizon_ms": network.horizon_ms,
        "lead_in_ms": network.lead_in_ms,
        "bits": key_bits(n, network.horizon_ms),
        "levels": network.levels,
        "slots": network.signal.shape[1],
        "arrivals": n,
        "changes": network.change_ms.size,
        "deadlines": order.size,
    }
    nobody = np.uint32(NOBODY)
    memory: dict[str, NDArray[Any]] = {
        "deadline_order": order,
        "capacity": network.capacity.copy(),
        "in_use": np.zeros(resources, dtype=np.int64),
        "busy_ms": np.zeros(resources, dtype=np.int64),
        "queued": np.zeros(resources, dtype=np.int64),
        "moments": np.full(network.work_ms.size, NOT_REACHED, dtype=np.int64),
        "exit_ms": np.full(n, NOT_REACHED, dtype=np.int64),
        "outcome": np.full(n, UNFINISHED, dtype=np.uint8),
        "position": network.start.copy(),
        "head": np.full(resources * network.levels, nobody, dtype=np.uint32),
        "tail": np.full(resources * network.levels, nobody, dtype=np.uint32),
        "following": np.full(n, nobody, dtype=np.uint32),
        "preceding": np.full(n, nobody, dtype=np.uint32),
        "waits": np.zeros(n, dtype=np.uint8),
        "given": np.zeros(network.signals, dtype=np.uint8),
        "signal_head": np.full(network.signals, nobody, dtype=np.uint32),
        "signal_tail": np.full(network.signals, nobody, dtype=np.uint32),
        "heap": np.empty(n + 1, dtype=np.uint64),
    }
    given = {
        name: np.ascontiguousarray(getattr(network, name), dtype=kind)
        for name, kind in ARRAYS.items()
        if name not in memory
    }
    arrays = {**given, **memory}
    for name, kind in ARRAYS.items():
        assert arrays[name].dtype == kind and arrays[name].flags.c_contiguous, name
    run = _Run(*numbers.values(), *(arrays[name].ctypes.data for name in ARRAYS))
    advance(ctypes.byref(run))
    waiting = np.full(n, -1, dtype=np.int64)
    stuck = np.flatnonzero(memory["waits"])
    waiting[stuck] = network.ops[memory["position"][stuck], ARGUMENT]
    busy = memory["busy_ms"] + memory["in_use"] * network.horizon_ms
    return Timeline(network, memory["moments"], memory["exit_ms"], memory["outcome"], waiting, busy)
