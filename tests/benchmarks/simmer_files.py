"""Files that ``simmer.R`` reads and writes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.workload import (
    CLOSE_MS,
    DAY_MS,
    INSPECTION,
    LEAVES_YARD_AFTER,
    OPEN_MS,
    STATIONS,
    YARD_PLACES,
    Times,
    Workload,
)

SCRIPT = Path(__file__).with_name("simmer.R")


def write(workload: Workload, folder: Path) -> list[str]:
    """Write the inputs; returns the command that runs them."""
    folder.mkdir()
    work = [f"work{i}" for i in range(len(STATIONS))]
    columns = [workload.arrival_ms, workload.port, workload.inspected.astype(np.int64), *workload.work_ms.T]
    _table(folder / "vehicles.csv", ["time", "port", "inspected", *work], np.stack(columns, axis=1).tolist())
    _table(
        folder / "stations.csv",
        ["name", "servers", "inspection", "leaves_yard"],
        [[s.name, s.servers, int(i == INSPECTION), int(i == LEAVES_YARD_AFTER)] for i, s in enumerate(STATIONS)],
    )
    horizon = workload.horizon_days * DAY_MS
    _table(
        folder / "settings.csv",
        ["open", "close", "day", "yard", "horizon"],
        [[OPEN_MS, CLOSE_MS, DAY_MS, YARD_PLACES, horizon]],
    )
    return ["Rscript", str(SCRIPT), str(folder), str(int(workload.has_hours)), str(int(workload.has_yard))]


def read_exits(folder: Path) -> Times:
    """The exits, shape (vehicles,)."""
    return np.loadtxt(folder / "exits.csv", dtype=np.int64, ndmin=1)


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
