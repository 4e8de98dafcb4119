"""Compiles ``kernel.c`` and calls it as `borderport.engines.compiled.run` calls its own kernel: same arrays."""

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

from borderport.engines.ordering import key_bits
from borderport.network import ARGUMENT, CODE, COLUMN, ESCAPE, LEVEL, UNFINISHED, Network
from borderport.timeline import NOT_REACHED, Timeline

SOURCE = Path(__file__).with_name("kernel.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
NOBODY = 0xFFFFFFFF

# An operation as one integer: where each field of `Network.ops` begins; `kernel.c` takes it apart.
SHIFTS = {CODE: 0, LEVEL: 3, COLUMN: 8, ARGUMENT: 24, ESCAPE: 48}
# Rows of a vehicle and of a resource.
PLACE, RECORD = 0, 1
IN_USE, CAPACITY, QUEUED, BUSY, LONGEST, WAITED = range(6)
RESOURCE_FIELDS = 8
IS_QUEUEING = 0x80000000

# The members of `Run` in kernel.c, in their order: numbers, then arrays with their types.
NUMBERS = ("horizon_ms", "lead_in_ms", "bits", "levels", "slots", "arrivals", "changes", "deadlines")
ARRAYS: dict[str, type[np.generic]] = {
    "programs": np.uint64,
    "arrival_ms": np.int64,
    "deadline_ms": np.int64,
    "deadline_order": np.uint32,
    "change_ms": np.int64,
    "change_resource": np.uint32,
    "change_capacity": np.int64,
    "change_refills": np.uint8,
    "pace_first": np.int64,
    "pace_ms": np.int64,
    "pace_per_mille": np.int64,
    "signal": np.uint32,
    "vehicles": np.uint32,
    "resources": np.int64,
    "ends": np.uint32,
    "given": np.uint8,
    "signal_ends": np.uint32,
    "heap": np.uint64,
    "moments": np.int64,
    "exit_ms": np.int64,
    "outcome": np.uint8,
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
    n = network.arrival_ms.size
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
    programs = np.zeros(network.ops.shape[0], dtype=np.uint64)
    for field, shift in SHIFTS.items():
        programs |= network.ops[:, field].astype(np.uint64) << np.uint64(shift)
    vehicles = np.empty((n, 4), dtype=np.uint32)
    vehicles[:, PLACE], vehicles[:, RECORD] = network.start, network.row
    resources = np.zeros((network.capacity.size, RESOURCE_FIELDS), dtype=np.int64)
    resources[:, CAPACITY] = network.capacity
    memory: dict[str, NDArray[Any]] = {
        "programs": programs,
        "deadline_order": order,
        "vehicles": vehicles,
        "resources": resources,
        "ends": np.full((network.capacity.size * network.levels, 2), NOBODY, dtype=np.uint32),
        "given": np.zeros(network.signals, dtype=np.uint8),
        "signal_ends": np.full((network.signals, 2), NOBODY, dtype=np.uint32),
        "heap": np.empty(n + 1, dtype=np.uint64),
        "moments": ~network.work_ms,
        "exit_ms": np.full(n, NOT_REACHED, dtype=np.int64),
        "outcome": np.full(n, UNFINISHED, dtype=np.uint8),
    }
    arrays = {
        name: memory[name] if name in memory else np.ascontiguousarray(getattr(network, name), dtype=kind)
        for name, kind in ARRAYS.items()
    }
    assert all(arrays[name].dtype == kind and arrays[name].flags.c_contiguous for name, kind in ARRAYS.items())
    run = _Run(*numbers.values(), *(arrays[name].ctypes.data for name in ARRAYS))
    advance(ctypes.byref(run))
    standing = np.full(n, -1, dtype=np.int64)
    inside = np.flatnonzero(memory["outcome"] == UNFINISHED)
    standing[inside] = network.ops[vehicles[inside, PLACE] & ~np.uint32(IS_QUEUEING), COLUMN]
    return Timeline(
        network=network,
        moments=np.maximum(memory["moments"], NOT_REACHED),
        exit_ms=memory["exit_ms"],
        outcome=memory["outcome"],
        standing=standing,
        busy_ms=resources[:, BUSY] + resources[:, IN_USE] * network.horizon_ms,
        queue_max=np.maximum(resources[:, LONGEST], resources[:, QUEUED]),
        queue_ms=resources[:, WAITED] + resources[:, QUEUED] * network.horizon_ms,
    )
