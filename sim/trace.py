"""Observed vehicles from a CSV file: what a trace carries is taken, what it lacks is drawn.

One row for each vehicle, in order of arrival. Columns, all but the first optional:

``arrival``
    Local time such as ``2024-05-01 09:30:00``, or ``arrival_ms`` since the start of the horizon.
``payload_t``, ``value_cny``
    Tonnes and CNY.
``consignment``
    Vehicles with the same number or text belong to one consignment.
``MARK``
    0 or 1 for each mark of the flow, e.g. ``selected``; ``STATION.visited`` for a step with a share of its own.
``STATION_ms`` or ``STATION.TASK_ms``
    Service times; ``_s``, ``_min`` and ``_h`` are understood too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sim.units import DURATION_MS

Finding = tuple[int, str]
MOST_FINDINGS = 20


@dataclass(frozen=True)
class Trace:
    """The vehicles of one flow as observed; arrays of shape (vehicles,).

    Attributes
    ----------
    arrival_ms : int64
        Since the start of the horizon, ascending, >= 0.
    payload_t, value_cny : float64 or None
    consignment : int64 or None
    marks : dict of bool arrays
    work_ms : dict of int64 arrays
        By ``station.task`` as the flow's route names it.
    """

    arrival_ms: NDArray[np.int64]
    payload_t: NDArray[np.float64] | None = None
    value_cny: NDArray[np.float64] | None = None
    consignment: NDArray[np.int64] | None = None
    marks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    work_ms: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 over all columns."""
        total = hashlib.sha256(self.arrival_ms.tobytes())
        for name in ("payload_t", "value_cny", "consignment"):
            values = getattr(self, name)
            total.update(name.encode() + (b"" if values is None else values.tobytes()))
        for group in (self.marks, self.work_ms):
            for name, values in group.items():
                total.update(name.encode() + values.tobytes())
        return total.hexdigest()


def read_trace(
    path: Path, *, start: datetime, zone: str, marks: frozenset[str], tasks: Mapping[str, str]
) -> tuple[Trace | None, list[Finding]]:
    """Read a trace.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with a header.
    start : datetime
        Start of the horizon, with its zone.
    zone : str
        Zone of local arrival times.
    marks : frozenset of str
        Marks that may be columns.
    tasks : mapping of str to str
        What a column of service times may be called, without its unit → ``station.task``.

    Returns
    -------
    Trace or None
        None if anything is wrong.
    list of (line, message)
        What is wrong and on which line of the file; line 1 is the header.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        return None, [(1, f"is not a table of comma-separated values in UTF-8: {str(error).strip()}")]
    columns = {str(name).strip(): table[name] for name in table.columns}
    reader = _Reader(len(table))
    kept: dict[str, NDArray[np.float64]] = {}
    work: dict[str, NDArray[np.int64]] = {}
    arrival = _arrivals(reader, columns, start, zone)
    for name, values in columns.items():
        base, _, unit = name.rpartition("_")
        if name in ("arrival", "arrival_ms"):
            continue
        if name in ("payload_t", "value_cny"):
            kept[name] = reader.numbers(name, values)
        elif name == "consignment":
            kept[name] = reader.labels(name, values)
        elif name in marks:
            kept[name] = reader.flags(name, values)
        elif unit in DURATION_MS and base in tasks:
            work[tasks[base]] = np.rint(reader.numbers(name, values) * DURATION_MS[unit]).astype(np.int64)
        else:
            reader.unknown(name, marks, tasks)
    if reader.findings:
        return None, sorted(reader.findings)[:MOST_FINDINGS]
    consignment = kept.get("consignment")
    return Trace(
        arrival_ms=arrival,
        payload_t=kept.get("payload_t"),
        value_cny=kept.get("value_cny"),
        consignment=None if consignment is None else consignment.astype(np.int64),
        marks={name: kept[name].astype(bool) for name in marks if name in kept},
        work_ms=work,
    ), []


class _Reader:
    """Turns columns into arrays and notes what is wrong with them, by line."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.findings: list[Finding] = []

    def note(self, rows: NDArray[np.bool_], message: str) -> None:
        """Note a fault of the first few of the marked rows; line 1 is the header."""
        self.findings += [(int(row) + 2, message) for row in np.flatnonzero(rows)[:MOST_FINDINGS]]

    def numbers(self, name: str, values: object) -> NDArray[np.float64]:
        """Numbers >= 0; none may be missing."""
        import pandas as pd

        found = np.asarray(pd.to_numeric(pd.Series(values), errors="coerce"), dtype=np.float64)
        missing = ~np.isfinite(found)
        self.note(missing, f"{name} is missing or not a number; write a plain number such as 12.5")
        negative = ~missing & (found < 0)
        self.note(negative, f"{name} is negative; it must be 0 or more")
        return np.where(missing | negative, 0.0, found)

    def flags(self, name: str, values: object) -> NDArray[np.float64]:
        """Zeros and ones."""
        found = self.numbers(name, values)
        self.note((found != 0) & (found != 1), f"{name} is neither 0 nor 1")
        return found

    def labels(self, name: str, values: object) -> NDArray[np.float64]:
        """Numbers for labels, in order of first appearance."""
        import pandas as pd

        codes, _ = pd.factorize(pd.Series(values))
        self.note(np.asarray(codes) < 0, f"{name} is missing")
        return np.asarray(codes, dtype=np.float64)

    def unknown(self, name: str, marks: frozenset[str], tasks: Mapping[str, str]) -> None:
        """A column nobody asks for: a station or mark that the route does not have."""
        stations = ", ".join(f"{task}_ms" for task in tasks) or "none"
        known = ", ".join(sorted(marks)) or "none"
        message = f"unknown column '{name}': service times of this route are {stations} (also _s, _min, _h)"
        self.findings.append((1, f"{message}; marks are {known}"))


def _arrivals(reader: _Reader, columns: Mapping[str, object], start: datetime, zone: str) -> NDArray[np.int64]:
    import pandas as pd

    if ("arrival" in columns) == ("arrival_ms" in columns):
        reader.findings.append(
            (1, "needs a column 'arrival' (local time) or 'arrival_ms' (since the start), one of them")
        )
        return np.zeros(reader.rows, dtype=np.int64)
    if "arrival_ms" in columns:
        found = reader.numbers("arrival_ms", columns["arrival_ms"]).astype(np.int64)
    else:
        local = pd.to_datetime(pd.Series(columns["arrival"]), errors="coerce", format="ISO8601")
        bad = np.asarray(local.isna())
        reader.note(bad, "arrival is not a local time; write it like 2024-05-01 09:30:00")
        local = local.fillna(pd.Timestamp(start.replace(tzinfo=None)))
        moments = local.dt.tz_localize(ZoneInfo(zone), ambiguous=True, nonexistent="shift_forward")
        elapsed = moments.dt.tz_convert("UTC") - pd.Timestamp(start.astimezone(ZoneInfo("UTC")))
        found = np.asarray(elapsed // pd.Timedelta(milliseconds=1), dtype=np.int64)
        reader.note(~bad & (found < 0), "arrival lies before the start of the horizon")
    later = np.zeros(reader.rows, dtype=bool)
    later[1:] = found[1:] < found[:-1]
    reader.note(later, "arrives before the vehicle on the line above; sort the file by arrival")
    return found
