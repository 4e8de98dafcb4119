"""Results on disk: whole or not there, found again under what determines them, and never wrong."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import math
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderport import store as sim_store
from borderport.errors import StoreError
from borderport.metrics import Key
from borderport.store import (
    LIST,
    LIST_HEAD,
    ResultStore,
    RunFolder,
    json_text,
    model_hash,
    record_key,
    safe_name,
    tidy_rows,
)

ROOT = Path(__file__).resolve().parent.parent
RECORD: dict[Key, float] = {
    ("east", "all", "all", "vehicles_cleared"): 12.0,
    ("all", "all", "all", "passage_time_mean"): 0.1 + 0.2,
    ("east", "cars", "满洲里", "unfinished"): math.nan,
}


def same(a: dict[Key, float] | None, b: dict[Key, float]) -> bool:
    return a is not None and list(a) == list(b) and np.array_equal(list(a.values()), list(b.values()), equal_nan=True)


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "store.sqlite")


# ----------------------------------------------------------------------------------------------------- folder


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "b")
    assert folder.write("deep/file.txt", b"first").read_bytes() == b"first"

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match=r"a/b: cannot write results: No space left on device"):
        folder.place("deep/file.txt", fail)
    assert [path.name for path in folder.path.rglob("*")] == ["deep", "file.txt"]
    assert (folder.path / "deep" / "file.txt").read_bytes() == b"first"


def test_an_error_of_the_program_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(ZeroDivisionError):
        folder.place("file", lambda path: 1 / 0)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_a_file_is_the_disks_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name too long"):
        RunFolder(tmp_path / ("x" * 300))


def test_what_a_killed_run_left_behind_is_swept_out(tmp_path: Path) -> None:
    """Files that a run still going on is writing stay, and so does every file of the user's."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "figures").mkdir()
    left = [tmp_path / f".writing-{ended.pid}-run.json", tmp_path / "figures" / f".writing-{ended.pid}-a.png"]
    kept = [tmp_path / f".writing-{os.getpid()}-run.json", tmp_path / ".writing-notes", tmp_path / "mine.txt"]
    for path in (*left, *kept):
        path.write_bytes(b"x")
    RunFolder(tmp_path)
    assert not any(path.exists() for path in left) and all(path.exists() for path in kept)


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(StoreError, match=f"{tmp_path}: cannot write results: Read-only file system"):
        RunFolder(tmp_path)


def write_run(folder: RunFolder, *names: str) -> None:
    with folder.one_run():
        for name in names:
            folder.write(name, b"new")
        folder.finish({})


def below(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*")}


def test_a_folder_holds_one_run_and_what_is_the_users(tmp_path: Path) -> None:
    write_run(RunFolder(tmp_path), "a.csv", "figures/a.png", "timeline/a.csv")
    (tmp_path / "timeline" / "mine.csv").touch()
    write_run(RunFolder(tmp_path), "b.csv")
    assert below(tmp_path) == {"b.csv", "run.json", "timeline", "timeline/mine.csv", LIST}


@pytest.mark.parametrize(
    "listed",
    [
        "../kept",
        "/KEPT",
        "figures/../../kept",
        "link/kept",
        "",
        ".",
        "..",
        LIST,
        "folder",
        "a\0b",
        "kep",
        "\udcff",
        "x" * 5000,
    ],
)
def test_a_list_that_somebody_spoilt_removes_nothing_else(tmp_path: Path, listed: str) -> None:
    for name in ("kept", "out/kept", "out/folder/kept"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    text = listed.replace("/KEPT", str(tmp_path / "kept"))
    (tmp_path / "out" / LIST).write_bytes(f"{LIST_HEAD}\n{text}\nkept".encode(errors="surrogateescape"))  # cut off
    write_run(RunFolder(tmp_path / "out"), "b.csv")
    assert {"kept", "out/kept", "out/folder/kept", "out/b.csv", "out/run.json"} <= below(tmp_path)


def test_a_file_of_the_users_that_is_called_like_the_list_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").touch()
    (tmp_path / LIST).write_text("mine.csv\nmine.csv\n")
    write_run(RunFolder(tmp_path), "b.csv")
    assert below(tmp_path) == {"b.csv", "mine.csv", "run.json", LIST}


def test_two_runs_into_one_folder_leave_one_of_them(tmp_path: Path) -> None:
    """The later waits until the earlier is whole."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom borderport.store import RunFolder\n"
        "folder = RunFolder(Path(sys.argv[1]))\nwith folder.one_run():\n    for i in range(20):\n"
        "        folder.write(f'{sys.argv[2]}-{i}.csv', b'x')\n        time.sleep(0.01)\n"
        "    folder.finish({'who': sys.argv[2]})\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who], cwd=ROOT / "sim") for who in "ab"]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    who = json.loads((tmp_path / "run.json").read_text())["who"]
    assert below(tmp_path) == {f"{who}-{i}.csv" for i in range(20)} | {"run.json", LIST}


@given(st.text())
def test_a_safe_name_is_safe_and_tells_names_apart(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name and 0 < len(name.encode()) < 120
    assert not set(name) & set('/\\:*?"<>|\0') and name not in (".", "..") and name.strip(" .") == name
    assert name == text or safe_name(text + "x") != name


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path, start: str) -> None:
    path = RunFolder(tmp_path).write_csv("t.csv", ("text", "number"), [(start, -1.5), ("plain", math.nan)])
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert rows == [["text", "number"], [f"'{start}".replace("\r", " "), "-1.5"], ["plain", ""]]


def test_a_header_that_a_spreadsheet_would_run_is_quoted_too(tmp_path: Path) -> None:
    path = RunFolder(tmp_path).write_csv("t.csv", ("=1+1",), [])
    assert path.read_text() == "'=1+1\n"


def test_compressed_tables_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    rows = [("a", 1, 0.1)] * 100
    folder = RunFolder(tmp_path)
    one, other = (folder.write_csv(f"{name}.csv.gz", ("x", "y", "z"), rows) for name in "ab")
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == b"x,y,z\n" + b"a,1,0.1\n" * 100


@given(st.recursive(st.floats() | st.none() | st.text() | st.integers(), st.lists, max_leaves=5))
def test_json_has_no_nan(value: object) -> None:
    def strict(name: str) -> None:
        raise AssertionError(name)

    text = json_text({"value": value, "more": [{"a": math.inf}]})
    assert json.loads(text, parse_constant=strict)["more"] == [{"a": None}]


def test_tidy_rows_name_everything() -> None:
    keys = (("east", "cars", "all", "passage_time_mean"), ("all", "all", "all", "tonnes_cleared_2024-01"))
    rows = list(tidy_rows("tiny", keys, np.asarray([[1.0, 2.0], [3.0, 4.0]])))
    assert rows[0] == ("tiny", 0, *keys[0], 1.0, "min") and rows[3] == ("tiny", 1, *keys[1], 4.0, "t")


# ------------------------------------------------------------------------------------------------------ store


def test_what_is_put_is_found_bit_for_bit(store: ResultStore) -> None:
    store.put([("a", RECORD), ("b", {})])
    assert same(store.get("a"), RECORD)
    assert store.get("b") == {} and store.get("c") is None
    store.close()
    again = ResultStore(store.path)
    assert same(again.get("a"), RECORD)
    assert not store.path.with_name("store.sqlite-wal").exists() or again.path.stat().st_size > 0


def test_the_same_again_changes_nothing(store: ResultStore) -> None:
    store.put([("a", RECORD)])
    store.put([("a", RECORD), ("a", RECORD)])
    assert same(store.get("a"), RECORD)


def test_all_records_of_one_call_are_kept_or_none(store: ResultStore) -> None:
    class Wrong(dict[Key, float]):
        def items(self) -> object:  # type: ignore[override]  # breaks the promise of dict on purpose
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.put([("a", RECORD), ("b", Wrong())])
    assert store.get("a") is None


def test_the_key_is_of_everything_that_decides_a_result() -> None:
    keys = [record_key(*given) for given in (("s", 1, 2, "m"), ("t", 1, 2, "m"), ("s", 2, 2, "m"), ("s", 1, 3, "m"))]
    keys += [record_key("s", 1, 2, "n"), record_key("s", 11, 2, "m"), record_key("s", 1, 12, "m")]
    assert len(set(keys)) == len(keys)
    assert record_key("s", 1, 2, "m") == keys[0]


@pytest.mark.parametrize("library", ["numpy", "scipy", "numba", "llvmlite"])
def test_another_release_of_what_decides_last_bits_makes_stored_results_stale(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before = model_hash()
    versions = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0" if name == library else versions(name))
    assert model_hash() != before


def test_another_source_or_python_makes_stored_results_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is that of the compiled loops: `tests/test_compiling.py` says what it is of."""
    before = model_hash()
    with monkeypatch.context() as patched:
        patched.setattr(sim_store, "sources_digest", lambda: "another")
        assert model_hash() != before
    with monkeypatch.context() as patched:
        patched.setattr(sys, "version_info", (3, 99, 0))
        assert model_hash() != before
    assert model_hash() == before


# ----------------------------------------------------------------------------------------------------- damage


def fill(path: Path, count: int = 60) -> dict[str, dict[Key, float]]:
    records = {f"key-{i}": {("east", "all", "all", f"metric-{j}"): i + j / 7 for j in range(20)} for i in range(count)}
    store = ResultStore(path)
    store.put(records.items())
    store.close()
    return records


def test_a_damaged_record_is_not_there(store: ResultStore) -> None:
    store.put([("a", RECORD), ("b", RECORD)])
    record = bytearray(store.connection.execute("SELECT record FROM results WHERE key = 'a'").fetchone()[0])
    for position in range(len(record)):
        for bit in (1, 128):
            record[position] ^= bit
            store.connection.execute("UPDATE results SET record = ? WHERE key = 'a'", (bytes(record),))
            assert store.get("a") is None
            record[position] ^= bit
    for wrong in (b"", bytes(record[:-1]), "text", None, 7, zlib.compress(b"[]")):
        store.connection.execute("UPDATE results SET record = ? WHERE key = 'a'", (wrong,))
        assert store.get("a") is None
    another = store.connection.execute("SELECT sum, record FROM results WHERE key = 'b'").fetchone()
    store.connection.execute("UPDATE results SET sum = ?, record = ? WHERE key = 'a'", another)
    assert store.get("a") is None  # whole, but another one's
    assert same(store.get("b"), RECORD)


def read_all(path: Path, keys: list[str]) -> list[dict[Key, float] | None]:
    store = ResultStore(path)
    try:
        return [store.get(key) for key in keys]
    finally:
        store.close()


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_file_gives_no_wrong_record(tmp_path: Path, damage: str) -> None:
    """A record read is right, or missing, or the store is refused with what to do: never another exception."""
    records = fill(tmp_path / "whole.sqlite")
    content = (tmp_path / "whole.sqlite").read_bytes()
    rng = np.random.default_rng(1)
    path, refused, lost = tmp_path / "store.sqlite", 0, 0
    for _ in range(150):
        at = int(rng.integers(0, len(content)))
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(0, 8))
        for stale in tmp_path.glob("store.sqlite*"):
            stale.unlink()
        path.write_bytes(content[:at] if damage == "cut" else bytes(changed))
        try:
            found = read_all(path, list(records))
        except StoreError as error:
            refused += 1
            assert str(error).startswith(f"{path}: cannot use this store: ")
            continue
        lost += found.count(None)
        assert all(one is None or one == expected for one, expected in zip(found, records.values(), strict=True))
    assert refused + lost > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"port,flow\neast,cars\n" * 100),
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 5000),
        lambda path: path.mkdir(),
    ],
)
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "store.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=r"store.sqlite: cannot use this store: "):
        ResultStore(path)
    assert path.is_dir() if before is None else path.read_bytes() == before


def test_a_store_that_is_there_no_more_takes_no_records(tmp_path: Path) -> None:
    """To the file that was removed they could be written, and nobody would find them."""
    for left in (False, True):
        store = ResultStore(tmp_path / "store.sqlite")
        store.put([("a", RECORD)])
        (tmp_path / "store.sqlite").unlink()
        if left:
            (tmp_path / "store.sqlite").touch()
        with pytest.raises(StoreError, match="removed or replaced while in use"):
            store.put([("b", RECORD)])
        with pytest.raises(StoreError, match="removed or replaced while in use"):
            store.close()
        for path in tmp_path.iterdir():
            path.unlink()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """With a table of the same name, too."""
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE results (name TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="cannot use this store"):
        read_all(path, ["a"])


def test_an_empty_file_is_an_empty_store(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"")
    assert read_all(tmp_path / "store.sqlite", ["a"]) == [None]


def test_two_programs_may_use_one_store(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    code = (
        "import sys\nfrom pathlib import Path\nfrom borderport.store import ResultStore\n"
        "who, path = sys.argv[1], Path(sys.argv[2])\nstore = ResultStore(path)\n"
        "for i in range(60):\n    name = f'{i}' if i % 2 else f'{who}-{i}'\n"
        "    store.put([(name, {('all', 'all', 'all', 'm'): float(i)})])\nstore.close()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, who, str(path)], cwd=ROOT) for who in "abc"]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    keys = [f"{i}" for i in range(1, 60, 2)] + [f"{who}-{i}" for who in "abc" for i in range(0, 60, 2)]
    for key, found in zip(keys, read_all(path, keys), strict=True):
        assert found == {("all", "all", "all", "m"): float(key.rpartition("-")[2])}
