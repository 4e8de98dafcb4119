"""Observed vehicles from a CSV file: what a trace carries is taken, what it lacks is drawn.

One row for each vehicle, in order of arrival. Columns, all but the first optional:

``arrival``
    Local time such as ``2024-05-01 09:30:00``, or with its offset from UTC (``+08:00``), which the hour that comes
    twice in autumn needs; or ``arrival_ms`` since the start of the horizon.
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

import csv
import hashlib
import io
import math
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from borderport.bounds import DURATION, LOAD, MONEY, Bound
from borderport.units import DURATION_MS, PLAIN

Finding = tuple[int, str]
MOST_FINDINGS = 20
MOST_BYTES = 50_000_000
MOST_VEHICLES = 1_000_000
MOST_COLUMNS = 1_000
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,149}")


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
    path: Path, *, start: datetime, end: datetime, zone: str, marks: frozenset[str], tasks: Mapping[str, str]
) -> tuple[Trace | None, list[Finding]]:
    """Read a trace.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with a header.
    start, end : datetime
        Of the horizon, with their zone.
    zone : str
        Zone of local arrival times.
    marks : frozenset of str
        Marks that may be columns.
    tasks : mapping of str to str
        Name that a column of service times may have, without its unit → ``station.task``.

    Returns
    -------
    Trace or None
        None if anything is wrong.
    list of (line, message)
        Faults, each with its line of the file; line 1 is the header.
    """
    table, findings = _read_table(path)
    if table is None:
        return None, findings
    columns, reader = table.columns, _Reader(table.lines)
    kept: dict[str, NDArray[np.float64]] = {}
    work: dict[str, NDArray[np.int64]] = {}
    arrival = _arrivals(reader, columns, (start, end), zone)
    for name, values in columns.items():
        base, _, unit = name.rpartition("_")
        if name in ("arrival", "arrival_ms"):
            continue
        if name in ("payload_t", "value_cny"):
            kept[name] = reader.quantities(name, values, LOAD if name == "payload_t" else MONEY)
        elif name == "consignment":
            kept[name] = reader.labels(name, values)
        elif name in marks and unit in DURATION_MS and base in tasks:
            reader.findings.append((1, f"column '{name}' is a mark and the times of '{base}'; rename one of them"))
        elif name in marks:
            kept[name] = reader.flags(name, values)
        elif unit in DURATION_MS and base in tasks:
            if tasks[base] in work:
                reader.findings.append((1, f"column '{name}': the times of '{base}' are given twice"))
            work[tasks[base]] = reader.durations(name, values, DURATION_MS[unit])
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
        marks={name: kept[name].astype(bool) for name in sorted(marks) if name in kept},
        work_ms=work,
    ), []


@dataclass(frozen=True)
class _Table:
    """A file as text: columns by name, and the line on which each row ends."""

    columns: dict[str, list[str]]
    lines: list[int]


def _read_text(path: Path) -> tuple[str, list[Finding]]:
    """The text of a regular file of a size that is read, or what is wrong with it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "", [(1, "is not a regular file")]
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        return "", [(1, f"cannot be read: {error.strerror}")]
    if len(content) > MOST_BYTES:
        return "", [(1, f"is larger than {MOST_BYTES // 1_000_000} MB, the most that is read; leave columns out")]
    try:
        return content.decode("utf-8-sig"), []  # Excel writes a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return "", [(line, f"is not UTF-8: {error.reason}; save the table as 'CSV UTF-8'")]


def _read_table(path: Path) -> tuple[_Table | None, list[Finding]]:
    """Read a file's cells; every row must have as many as the header. Empty lines do not count."""
    text, wrong = _read_text(path)
    if wrong:
        return None, wrong
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, lines = [], []
    try:
        header = [name.strip() for name in next(reader, [])]
        findings = _wrong_header(header)
        for row in reader if not findings else ():
            if row:
                rows.append(row)
                lines.append(reader.line_num)
            if len(rows) > MOST_VEHICLES:
                return None, [(reader.line_num, f"is vehicle {len(rows):,}; at most {MOST_VEHICLES:,} are read")]
    except csv.Error as error:
        return None, [(reader.line_num, f"is not a table of comma-separated values: {error}")]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            findings.append((line, f"has {len(row)} cells, the header has {len(header)}"))
    if findings:
        return None, findings[:MOST_FINDINGS]
    return _Table({name: [row[i] for row in rows] for i, name in enumerate(header)}, lines), []


def _wrong_header(header: Sequence[str]) -> list[Finding]:
    """Faults of the first line. If it is none of a trace's, nothing of it is shown: it may be of any file."""
    if not any(header):
        return [(1, "is empty; it needs a header such as 'arrival,payload_t'")]
    if ("arrival" in header) == ("arrival_ms" in header):
        return [(1, "needs a column 'arrival' (local time) or 'arrival_ms' (since the start), one of them")]
    if len(header) > MOST_COLUMNS:
        return [(1, f"has {len(header):,} columns; at most {MOST_COLUMNS:,} are read")]
    return [(1, f"column {_quoted(name)} is there twice") for name in dict.fromkeys(header) if header.count(name) > 1]


def _quoted(name: str) -> str:
    """A column's name as a message shows it, if it may be one."""
    return f"'{name}'" if not name or _COLUMN.fullmatch(name) else "whose name is none"


class _Reader:
    """Turns columns into arrays and notes what is wrong with them, by line."""

    def __init__(self, lines: Sequence[int]) -> None:
        self.lines = lines
        self.findings: list[Finding] = []

    @property
    def rows(self) -> int:
        """Number of vehicles."""
        return len(self.lines)

    def note(self, rows: NDArray[np.bool_], message: str) -> None:
        """Note a fault of the first few of the marked rows."""
        self.findings += [(self.lines[row], message) for row in np.flatnonzero(rows)[:MOST_FINDINGS].tolist()]

    def numbers(self, name: str, values: Sequence[str]) -> NDArray[np.float64]:
        """Numbers >= 0; none may be missing."""
        found = np.asarray([_number(text) for text in values], dtype=np.float64)
        empty = np.asarray([not text.strip() for text in values], dtype=bool)
        wrong = ~np.isfinite(found) & ~empty
        self.note(empty, f"{name} is missing; leave the whole column out to have it drawn")
        self.note(wrong, f"{name} is not a number; write it like 12.5")
        negative = found < 0
        self.note(negative, f"{name} is negative; it must be 0 or more")
        return np.where(empty | wrong | negative, 0.0, found)

    def quantities(self, name: str, values: Sequence[str], bound: Bound, unit: float = 1.0) -> NDArray[np.float64]:
        """Numbers of a unit as a quantity, from 0 to its bound."""
        found = self.numbers(name, values) * unit
        large = found > bound.most
        self.note(large, f"{name} is more than {bound.text}, {bound.why}")
        return np.where(large, 0.0, found)

    def durations(self, name: str, values: Sequence[str], unit_ms: int) -> NDArray[np.int64]:
        """Numbers of a unit of time as whole milliseconds."""
        return np.rint(self.quantities(name, values, DURATION, unit_ms)).astype(np.int64)

    def flags(self, name: str, values: Sequence[str]) -> NDArray[np.float64]:
        """Zeros and ones."""
        found = self.numbers(name, values)
        self.note((found != 0) & (found != 1), f"{name} is neither 0 nor 1")
        return found

    def labels(self, name: str, values: Sequence[str]) -> NDArray[np.float64]:
        """Numbers for labels, in order of first appearance."""
        texts = [text.strip() for text in values]
        self.note(np.asarray([not text for text in texts], dtype=bool), f"{name} is missing")
        numbers = {text: float(number) for number, text in enumerate(dict.fromkeys(texts))}
        return np.asarray([numbers[text] for text in texts], dtype=np.float64)

    def unknown(self, name: str, marks: frozenset[str], tasks: Mapping[str, str]) -> None:
        """A column nobody asks for: a station or mark that the route does not have."""
        stations = ", ".join(f"{task}_ms" for task in tasks) or "none"
        known = ", ".join(sorted(marks)) or "none"
        message = f"unknown column {_quoted(name)}: service times of this route are {stations} (also _s, _min, _h, _d)"
        self.findings.append((1, f"{message}; marks are {known}"))


_PLAIN = re.compile(rf"\s*[+-]?{PLAIN}\s*")


def _number(text: str) -> float:
    """A cell as a number, NaN if it is none; Python would read ``1_000`` and digits of any script, too."""
    return float(text) if _PLAIN.fullmatch(text) else math.nan


def _arrivals(
    reader: _Reader, columns: Mapping[str, Sequence[str]], horizon: tuple[datetime, datetime], zone: str
) -> NDArray[np.int64]:
    """Milliseconds since the start of the horizon, ascending and within it."""
    start = horizon[0].astimezone(UTC)
    length = _since(start, horizon[1])
    if "arrival_ms" in columns:
        found = reader.durations("arrival_ms", columns["arrival_ms"], 1)
    else:
        moments = [_moment(text, ZoneInfo(zone)) for text in columns["arrival"]]
        bad = np.asarray([moment is None for moment in moments], dtype=bool)
        reader.note(bad, "arrival is not a local time that exists; write it like 2024-05-01 09:30:00")
        given = [0 if moment is None else _since(start, moment) for moment in moments]
        found = np.asarray(given, dtype=np.int64)
        reader.note(found < 0, "arrival lies before the start of the horizon")
    reader.note(found >= length, "arrival lies after the end of the horizon")
    later = np.zeros(reader.rows, dtype=bool)
    later[1:] = found[1:] < found[:-1]
    reader.note(later, "arrives before the vehicle on the line above; sort the file by arrival")
    return found


def _since(start: datetime, moment: datetime) -> int:
    return (moment.astimezone(UTC) - start) // timedelta(milliseconds=1)


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """A moment with its zone; None if the text is none or a local time that clocks skip."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        local = moment.replace(tzinfo=zone)
        there = local.astimezone(UTC)
        return there if there.astimezone(zone).replace(tzinfo=None) == moment else None
    except (ValueError, OverflowError):
        return None
