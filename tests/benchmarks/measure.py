"""Runs cells (implementation, workload, vehicles) side by side, round after round, and compares what they found."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import simmer_files, workload
from tests.benchmarks.workload import VARIANTS, Times

ROOT = Path(__file__).resolve().parents[2]
BASELINE = "compiled"


@dataclass(frozen=True)
class Cell:
    """One thing to measure; ``vehicles`` is 0 for a built-in scenario, which has its own."""

    tool: str
    workload: str
    vehicles: int


@dataclass(frozen=True)
class Result:
    """Measurements of a cell.

    Attributes
    ----------
    cpu_s : float
        Median CPU time of one simulation with recording, over the rounds.
    fastest_s, slowest_s : float
    start_s : float
        Wall time from nothing until inputs are converted and the first simulation is done.
    peak_mib : float
        Of the whole process, inputs included.
    events : int
        Arrivals and ends of service.
    differ : int or None
        Vehicles whose exit differs from the baseline's; for both engines and C, any other moment as well.
        None if there was no baseline.
    """

    cell: Cell
    cpu_s: float
    fastest_s: float
    slowest_s: float
    start_s: float
    peak_mib: float
    vehicles: int
    events: int
    differ: int | None

    @property
    def ns_per_event(self) -> float:
        """CPU time per arrival or end of service."""
        return self.cpu_s / self.events * 1e9


class BenchmarkFailed(Exception):
    """A process of the benchmark ended before it had answered."""


class _Process:
    """One implementation in a process of its own, waiting for orders."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self.cell, self.folder = cell, folder
        self.start_s = 0.0
        begin = time.monotonic()
        self.times: list[float] = []
        self.command = [sys.executable, "-m", "tests.benchmarks.worker"]
        self.command += [cell.tool, cell.workload, str(cell.vehicles), str(folder)]
        if cell.tool == "simmer":
            self.own = folder / f"simmer-{cell.workload}-{cell.vehicles}"
            variant = next(variant for variant in VARIANTS if variant == cell.workload)
            drawn = workload.load(folder / f"{cell.vehicles}.npz", variant)
            self.command = simmer_files.write(drawn, self.own)
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()
        self.ready_s = time.monotonic() - begin

    def answer(self) -> Any:
        """The next line of the process: JSON, a number, or a word."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchmarkFailed(f"{self.cell.tool} on {self.cell.workload} ended without an answer")
        try:
            return json.loads(line)
        except ValueError:
            return line.strip()

    def run(self, counts: bool) -> None:
        """One round."""
        assert self.process.stdin is not None
        begin = time.monotonic()
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        answer = self.answer()
        if not self.start_s:
            self.start_s = self.ready_s + time.monotonic() - begin
        if counts:
            self.times.append(answer["cpu_s"] if isinstance(answer, dict) else float(answer))

    def finish(self) -> dict[str, Any]:
        """End the process; returns its last words."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        last = self.answer()
        self.process.wait()
        if isinstance(last, dict):
            return last
        drawn = workload.load(self.folder / f"{self.cell.vehicles}.npz", "w24")
        return {"peak_mib": float(last), "vehicles": drawn.vehicles, "events": drawn.events}

    def found(self) -> dict[str, Times]:
        """Arrays that the simulation recorded."""
        if self.cell.tool == "simmer":
            return {"exit_ms": simmer_files.read_exits(self.own)}
        with np.load(self.folder / f"{self.cell.tool}-{self.cell.workload}-{self.cell.vehicles}.npz") as arrays:
            return dict(arrays)


def environment() -> dict[str, str]:
    """One thread for each process, and this checkout first on its path."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": str(ROOT / "sim")}


@contextmanager
def _processes(cells: Sequence[Cell], folder: Path) -> Iterator[list[_Process]]:
    started: list[_Process] = []
    try:
        for cell in cells:
            started.append(_Process(cell, folder))
        yield started
    finally:
        for process in started:
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()


def measure(cells: Sequence[Cell], rounds: int, folder: Path) -> list[Result]:
    """Measure cells of one workload side by side.

    Parameters
    ----------
    cells : sequence of Cell
        All of one workload and size.
    rounds : int
        Measured ones; one to warm up comes first. In each round every process has its turn, so a machine that slows
        down slows all of them.
    folder : Path
        For inputs and results.
    """
    vehicles = cells[0].vehicles
    if vehicles and not (folder / f"{vehicles}.npz").exists():
        workload.draw(vehicles, "w24").save(folder / f"{vehicles}.npz")
    with _processes(cells, folder) as processes:
        for number in range(rounds + 1):
            for process in processes:
                process.run(counts=number > 0)
        last = [process.finish() for process in processes]
        found = {process.cell.tool: process.found() for process in processes}
    return [
        Result(
            cell=process.cell,
            cpu_s=statistics.median(process.times),
            fastest_s=min(process.times),
            slowest_s=max(process.times),
            start_s=process.start_s,
            peak_mib=said["peak_mib"],
            vehicles=said["vehicles"],
            events=said["events"],
            differ=_differ(found, process.cell.tool),
        )
        for process, said in zip(processes, last, strict=True)
    ]


def _differ(found: dict[str, dict[str, Times]], tool: str) -> int | None:
    if BASELINE not in found:
        return None
    ours, theirs = found[BASELINE], found[tool]
    return sum(int(np.count_nonzero(ours[key] != theirs[key])) for key in ours.keys() & theirs.keys())
