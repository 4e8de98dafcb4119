"""The one place that writes and reads results/.

A run writes one folder, which holds that run and no other; each file appears whole or not at all (written beside,
flushed to disk, renamed). A sweep keeps its replications in a SQLite store keyed by what determines them, so what is
there is never computed again and an interrupted sweep goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import json
import os
import platform
import re
import sqlite3
import sys
import tempfile
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from borderport.compiling import sources_digest
from borderport.distributions import Array
from borderport.errors import StoreError
from borderport.metrics import Key, unit_of

# Libraries that decide the last bits of a figure beside the program: functions, compilers. Python decides them too: its
# `sum` of floats was another one before 3.12.
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LIST = "borderport-files.txt"
LIST_HEAD = "# What the run in this folder wrote. The next run that is written here removes these files and no others."
MARK = "run.json"
LONGEST_NAME = 100  # bytes: file systems take 255, and a folder's path has some more
_UNSAFE = frozenset('<>:"/\\|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)  # on Windows
BUSY_SECONDS = 60.0  # how long to wait for another sweep that writes to the same store


def version() -> str:
    """Version of the installed distribution."""
    return metadata.version("borderport")


def model_hash() -> str:
    """SHA-256 of all that decides results but the scenario: the program's sources, its libraries and Python."""
    python = "{}.{}".format(*sys.version_info[:2])
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return hashlib.sha256(" ".join((sources_digest(), python, *versions)).encode()).hexdigest()


def provenance() -> dict[str, str]:
    """Versions that a reader needs to repeat a run; nothing that names a machine."""
    names = (*LIBRARIES, "simpy", "pandas", "matplotlib")
    return {
        "borderport": version(),
        "model": model_hash(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one message that names the folder."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{folder}: cannot write results: {error.strerror or error}") from error


class RunFolder:
    """A folder of results; made, and found writable, before anything is simulated.

    It holds one run, whole: what is written within `one_run` takes the place of what the run before wrote. Which files
    that were, a list in the folder says; no other file is ever removed. ``run.json`` is gone while a run is written and
    comes last, so a folder that has one is whole, whatever happened.

    Parameters
    ----------
    path : Path
        Created with its parents if it does not exist.

    Raises
    ------
    StoreError
        It cannot be made or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._list: FileIO | None = None
        self._written: list[str] = []
        with _disk(path):
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path) as probe:
                probe.write(b"x")
            _sweep_out(path)

    @contextmanager
    def one_run(self) -> Iterator[None]:
        """Remove what the run before wrote, and list what is written from now on; other programs wait meanwhile."""
        with _disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._list, self._written = FileIO(self.path / LIST, "a+"), []
        try:
            with _disk(self.path):
                _lock(self._list)
                self._clear(self._list)
            yield
        finally:
            self._list.close()
            self._list = None

    def _clear(self, listed: FileIO) -> None:
        """Remove the files of a list, and folders that are empty then; the list is begun anew last."""
        listed.seek(0)
        head, *names = listed.read().decode(errors="replace").split("\n")[:-1] or [""]  # the last one may be cut off
        (self.path / MARK).unlink(missing_ok=True)
        for file in map(self._inside, names if head == LIST_HEAD else ()):
            if file is not None:
                file.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # other files are in there
                    file.parent.rmdir()
        listed.truncate(0)
        listed.write(f"{LIST_HEAD}\n".encode())

    def _inside(self, name: str) -> Path | None:
        """A file of this folder, or None if the name leads out of it or to no file."""
        file = self.path / name.replace("\0", "")
        try:
            within = name != LIST and file.parent.resolve().is_relative_to(self.path.resolve())
            return file if within and (file.is_file() or file.is_symlink()) else None
        except OSError:  # too long a name to be one of ours
            return None

    def finish(self, document: object) -> Path:
        """Write ``run.json``: all that belongs to the run is there.

        Raises
        ------
        StoreError
            Something of it is gone already.
        """
        for name in (LIST, *self._written):
            if not (self.path / name).is_file():
                raise StoreError(f"{self.path}: '{name}' was removed while results were written: run it again")
        return self.write_json(MARK, document)

    def place(self, name: str, make: Callable[[Path], object]) -> Path:
        """Make one file beside its place, flush it to disk and put it there: it appears whole or not at all.

        Parameters
        ----------
        name : str
            Relative; folders are made.
        make : callable
            Writes the file at the path it is given.

        Returns
        -------
        Path
            Of the file.
        """
        target = self.path / name
        with _disk(self.path):
            if self._list is not None:
                self._list.write(f"{name}\n".encode())
                self._written.append(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".writing-{os.getpid()}-{target.name}")
            try:
                make(temporary)
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
        return target

    def write(self, name: str, content: bytes) -> Path:
        """Write one file of the given content."""
        return self.place(name, lambda path: path.write_bytes(content))

    def write_json(self, name: str, document: object) -> Path:
        """Write a JSON file; NaN is written as null."""
        return self.write(name, json_text(document).encode())

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
        """Write a CSV file, compressed if its name ends in ``.gz``; text that a spreadsheet would run is quoted."""

        def make(path: Path) -> None:
            with path.open("wb") as raw, _packed(raw, name.endswith(".gz")) as binary:
                text = io.TextIOWrapper(binary, "utf-8", newline="")
                writer = csv.writer(text, lineterminator="\n")
                writer.writerow(map(_cell, header))
                writer.writerows([_cell(item) for item in row] for row in rows)
                text.detach()

        return self.place(name, make)


@contextmanager
def _packed(raw: BinaryIO, packed: bool) -> Iterator[BinaryIO]:
    """The file, or one that is compressed into it without a name or time: the same rows give the same bytes."""
    if not packed:
        yield raw
        return
    with gzip.GzipFile("", "wb", 1, raw, 0) as inner:
        yield cast(BinaryIO, inner)


def _lock(file: FileIO) -> None:
    """Wait until no other program has the file locked; it is unlocked when it is closed, by a kill too."""
    if sys.platform != "win32":
        import fcntl

        with contextlib.suppress(OSError):  # file systems of a network may have no locks
            fcntl.flock(file, fcntl.LOCK_EX)


def safe_name(text: str) -> str:
    """A name for a file that every file system takes, the text itself if it is one.

    Examples
    --------
    >>> safe_name("my-port+capacity-3"), safe_name("a/b"), safe_name("..")
    ('my-port+capacity-3', 'a_b-f5effa', '_-a8ca44')
    """
    name = "".join("_" if c in _UNSAFE or unicodedata.category(c)[0] == "C" else c for c in text)
    name = re.sub(r"^[. ]+|[. ]+$", "_", name) or "_"
    name = f"_{name}" if _RESERVED.match(name) else name
    if name == text and len(name.encode()) <= LONGEST_NAME:
        return name
    kept = name.encode()[: LONGEST_NAME - 7].decode(errors="ignore")
    return f"{kept}-{short_digest(text)}"


def short_digest(asked: object) -> str:
    """Six hexadecimal digits of what was asked, to tell names apart."""
    text = json.dumps(asked, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _sweep_out(folder: Path) -> None:
    """Remove half-written files of runs that were killed; those of runs still going on stay."""
    for path in (*folder.glob(".writing-*"), *folder.glob("*/.writing-*")):
        pid = path.name.split("-")[1]
        if pid.isdigit() and not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # there, signal 0 would end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _cell(item: object) -> object:
    if isinstance(item, str):
        text = item.replace("\r", " ")  # which the writer leaves unquoted, and readers take for the end of a row
        return f"'{text}" if item.startswith(FORMULA_STARTS) else text
    if isinstance(item, float):
        return "" if item != item else f"{item:.10g}"
    return item


def json_text(document: object) -> str:
    """JSON of a document, NaN and infinities as null, keys in the order given."""
    return json.dumps(_finite(document), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def tidy_rows(scenario: str, keys: Sequence[Key], values: Array) -> Iterator[tuple[object, ...]]:
    """Rows of the tidy table: scenario, replication, port, flow, station, metric, value, unit."""
    for replication, row in enumerate(values.tolist()):
        for (port, flow, station, metric), value in zip(keys, row, strict=True):
            yield scenario, replication, port, flow, station, metric, value, unit_of(metric)


TIDY_HEADER = ("scenario", "replication", "port", "flow", "station", "metric", "value", "unit")


class ResultStore:
    """Replications already computed, in one SQLite file; written by the driver only.

    Parameters
    ----------
    path : Path
        Made with its folder if it does not exist.

    Raises
    ------
    StoreError
        The file cannot be made or is no store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
            self.connection.text_factory = bytes  # a flipped bit can turn a record into text that cannot be decoded
            self._set_up()
            self._file = _identity(path)

    def _set_up(self) -> None:
        """Turn the log on and make the table; SQLite does not wait for another who does so at this moment, so we do."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=FULL")
                self.connection.execute(
                    "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, sum INTEGER, record BLOB)"
                )
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.05)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            damaged = type(error) is sqlite3.DatabaseError
            hint = "; it is damaged or no store: move it away and run again" if damaged else ""
            raise StoreError(f"{self.path}: cannot use this store: {error}{hint}") from error

    def has(self, key: str) -> bool:
        """True if there is a record under a key, and it is sound."""
        return self._record(key) is not None

    def _check_there(self) -> None:
        """A file that was removed goes on taking records, which nobody will ever read."""
        if _identity(self.path) != self._file:
            raise StoreError(f"{self.path}: this store was removed or replaced while in use: what it held is lost")

    def get(self, key: str) -> dict[Key, float] | None:
        """The record under a key, or None if there is none or it is damaged (it is then computed again)."""
        record = self._record(key)
        if record is None:
            return None
        items = json.loads(zlib.decompress(record))
        return {(port, flow, station, metric): value for port, flow, station, metric, value in items}

    def _record(self, key: str) -> bytes | None:
        with self._guard():
            row = self.connection.execute("SELECT sum, record FROM results WHERE key = ?", (key,)).fetchone()
        sound = row is not None and isinstance(row[1], bytes) and _checksum(key, row[1]) == row[0]
        return row[1] if sound else None

    def put(self, records: Iterable[tuple[str, dict[Key, float]]]) -> None:
        """Keep records; all of one call are kept, or none.

        Raises
        ------
        StoreError
            They cannot be kept, or the file is there no more.
        """
        rows = []
        for key, values in records:
            items = [[*of, value] for of, value in values.items()]
            record = zlib.compress(json.dumps(items, separators=(",", ":")).encode(), 1)
            rows.append((key, _checksum(key, record), record))
        with self._guard(), self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)
        self._check_there()

    def close(self) -> None:
        """Fold the log into the file and close it."""
        with self._guard():
            self.connection.close()
        self._check_there()


def _identity(path: Path) -> tuple[int, int] | None:
    """Identity of the file that a path leads to; None if it leads to none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _checksum(key: str, record: bytes) -> int:
    """Over the key too: in a damaged file, a key may lead to another one's record."""
    return zlib.crc32(record, zlib.crc32(key.encode()))


def record_key(scenario_digest: str, replication: int, seed: int, model: str) -> str:
    """Key of one replication: everything that determines its figures."""
    return hashlib.sha256(f"{scenario_digest}|{replication}|{seed}|{model}".encode()).hexdigest()
