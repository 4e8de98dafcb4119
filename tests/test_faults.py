"""Kills, full disks and workers that die: nothing is lost, nothing is half-written, nothing is left running."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from borderport.errors import SimError
from borderport.store import LIST, ResultStore, RunFolder
from borderport.workers import MOST_STRIKES, Processes, WorkerLost, map_unordered
from tests.test_cli import borderport, start, write_tiny

ROOT = Path(__file__).resolve().parent.parent
DESK = "ports.east.resources.desk.capacity"
SWEEP = ("sweep", "tiny.yaml", "--vary", f"{DESK}=1..6", "--reps", "40", "--quiet", "--out")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("borderport.results._draw", lambda folder, result: None)
    return write_tiny(tmp_path)


def descendants(pid: int) -> list[int]:
    """Every process below one that is still there."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in table.splitlines())}
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def records_in(path: Path) -> int:
    if not path.is_file():
        return 0
    store = ResultStore(path)
    try:
        return int(store.connection.execute("SELECT count(*) FROM results").fetchone()[0])
    finally:
        store.close()


# -------------------------------------------------------------------------------------------- the driver killed


def has_more(store: Path, before: int, process: subprocess.Popen[bytes]) -> bool:
    """True if a store has grown, or nobody is left to let it grow."""
    return records_in(store) > before or process.poll() is not None


def all_gone(processes: list[int]) -> bool:
    return not any(map(alive, processes))


def test_a_sweep_killed_again_and_again_ends_as_if_nothing_had_happened(tiny: Path) -> None:
    folder = tiny.parent
    assert borderport(*SWEEP, "calm", "--jobs", "1").code == 0
    stores = []
    for _ in range(2):
        process = start(folder, *SWEEP, "killed", "--jobs", "2", stderr=subprocess.DEVNULL)
        before = records_in(folder / "killed" / "store.sqlite")
        grown = wait_for(partial(has_more, folder / "killed" / "store.sqlite", before, process))
        below = descendants(process.pid)
        process.kill()
        process.wait(timeout=10)
        assert grown and wait_for(partial(all_gone, below), 5.0)
        stores.append(records_in(folder / "killed" / "store.sqlite"))
    assert stores == sorted(stores) and stores[0] > 0
    assert borderport(*SWEEP, "killed", "--jobs", "1").code == 0
    assert records_in(folder / "killed" / "store.sqlite") == 6 * 40
    for name in ("sweep.csv", "run.json"):
        assert (folder / "killed" / name).read_bytes() == (folder / "calm" / name).read_bytes()
    assert not list((folder / "killed").glob(".writing-*"))


def test_an_interrupted_sweep_keeps_what_it_has(tiny: Path) -> None:
    folder = tiny.parent
    process = start(folder, *SWEEP[:-2], "--reps", "100000", "--out", "out", "--jobs", "2", stderr=subprocess.PIPE)
    assert wait_for(lambda: records_in(folder / "out" / "store.sqlite") > 0)
    below = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - began < 5
    assert b"a sweep goes on where it stopped" in err and b"Traceback" not in err
    assert wait_for(lambda: not any(map(alive, below)), 5.0)
    assert records_in(folder / "out" / "store.sqlite") > 0
    assert not (folder / "out" / "sweep.csv").exists()


def test_a_wide_sweep_shows_at_once_how_far_it_is_and_can_be_left_at_any_time(tiny: Path) -> None:
    """Two thousand points are not loaded first: within seconds there are records, and a line that says so."""
    folder = tiny.parent
    words = ("sweep", "tiny.yaml", "--vary", f"{DESK}=1..2000", "--reps", "2", "--jobs", "1", "--out", "out")
    with (folder / "err").open("wb") as err:
        process = start(folder, *words, stderr=err)
    assert wait_for(lambda: b"replications: " in (folder / "err").read_bytes(), 20.0)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=5) == 130
    text = (folder / "err").read_text()
    done = [int(number) for number in re.findall(r"replications: (\d+) of 4002", text)]
    assert done and 0 < done[0] < 4002 and "a sweep goes on where it stopped" in text and "Traceback" not in text
    assert records_in(folder / "out" / "store.sqlite") >= done[0] > 0


def test_two_sweeps_at_once_share_one_store(tiny: Path) -> None:
    """Neither waits for ever nor spoils the other's records, and both end with the same table."""
    folder = tiny.parent
    both = [start(folder, *SWEEP, "shared", "--jobs", "1", stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate(timeout=90)[1], process.returncode) for process in both] == [(b"", 0)] * 2
    assert records_in(folder / "shared" / "store.sqlite") == 6 * 40
    assert borderport(*SWEEP, "calm", "--jobs", "1").code == 0
    assert (folder / "shared" / "sweep.csv").read_bytes() == (folder / "calm" / "sweep.csv").read_bytes()


@pytest.mark.slow
def test_random_kills_of_a_run_leave_whole_files_only(tiny: Path) -> None:
    """Whenever it is killed, each file is that of an undisturbed run or not there."""
    folder = tiny.parent
    command = ("compare", "tiny.yaml", "quick.yaml", "--reps", "2", "--jobs", "1", "--quiet", "--out")
    assert subprocess.run([sys.executable, "-m", "borderport", *command, "calm"], cwd=folder).returncode == 0
    for number in range(12):
        process = start(folder, *command, "killed")
        time.sleep(1.0 + 0.15 * number)
        process.kill()
        process.wait()
        for path in (folder / "killed").rglob("*") if (folder / "killed").exists() else ():
            if path.is_file() and not path.name.startswith(".writing-"):
                calm = (folder / "calm" / path.relative_to(folder / "killed")).read_bytes()
                assert path.read_bytes() == calm or (path.name == LIST and calm.startswith(path.read_bytes()))
    assert subprocess.run([sys.executable, "-m", "borderport", *command, "killed"], cwd=folder).returncode == 0
    assert not list((folder / "killed").rglob(".writing-*"))


# -------------------------------------------------------------------------------------------- workers that die


def die_once(item: tuple[int, str]) -> int:
    """The worker dies at the item that says so, the first time."""
    number, marker = item
    if marker and not os.path.exists(marker):
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def poison(number: int) -> int:
    if number == 7:
        os._exit(1)
    return number


def slowly(number: int) -> int:
    time.sleep(0.05)
    return number


@pytest.fixture
def pool() -> Iterator[Processes]:
    with Processes(2) as workers:
        yield workers


def test_a_worker_that_is_killed_costs_nothing(pool: Processes, tmp_path: Path) -> None:
    items = [(i, str(tmp_path / f"{i}") if i in (0, 19) else "") for i in range(20)]
    found = [result for _, result in map_unordered(pool, die_once, items)]
    assert sorted(found) == list(range(20))


@pytest.mark.slow
def test_workers_killed_from_outside_cost_nothing(pool: Processes) -> None:
    found = []
    for number, (_, result) in enumerate(map_unordered(pool, slowly, range(30))):
        found.append(result)
        if number in (3, 15):
            for pid in descendants(os.getpid()):
                if b"spawn_main" in command_of(pid):
                    os.kill(pid, signal.SIGKILL)
    assert sorted(found) == list(range(30))


def test_a_pool_that_breaks_while_it_is_left_is_left_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a thread of the pool would be printed as a traceback, and fails this test."""
    monkeypatch.setattr("borderport.workers.WINDOW_PER_WORKER", 10)
    for error in (None, RuntimeError):
        with contextlib.suppress(RuntimeError), Processes(2) as workers:
            for _ in map_unordered(workers, slowly, range(30)):
                for pid in descendants(os.getpid()):
                    if b"spawn_main" in command_of(pid):
                        os.kill(pid, signal.SIGKILL)
                if error is not None:
                    raise error
                break


def test_an_item_that_kills_every_worker_is_given_up(pool: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three strikes, with a message that says what it may have been; the other items lose nothing by it."""
    restarts: list[Processes] = []
    found: list[int] = []
    restart = Processes.restart

    def counted(self: Processes) -> None:
        restarts.append(self)
        restart(self)

    monkeypatch.setattr(Processes, "restart", counted)
    with pytest.raises(WorkerLost, match=f"died {MOST_STRIKES} times at the same task.*--jobs 1") as caught:
        for _, result in map_unordered(pool, poison, range(10)):
            found.append(result)
    assert isinstance(caught.value, SimError) and caught.value.exit_code == 4
    assert len(restarts) == MOST_STRIKES - 1
    assert len(found) == len(set(found)) and 7 not in found


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_gives_the_same_results(tiny: Path) -> None:
    folder = tiny.parent
    words = ("run", "tiny.yaml", "--reps", "300", "--quiet", "--out")
    assert borderport(*words, "calm", "--jobs", "1").code == 0
    process = start(folder, *words, "killed", "--jobs", "2", stderr=subprocess.PIPE)

    def workers() -> list[int]:
        return [p for p in descendants(process.pid) if b"spawn_main" in command_of(p)]

    assert wait_for(lambda: len(workers()) == 2)
    time.sleep(0.5)
    os.kill(workers()[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert (folder / "killed" / "metrics.csv").read_bytes() == (folder / "calm" / "metrics.csv").read_bytes()


# ------------------------------------------------------------------------------------------------- a full disk


def full_after(calls: int, original: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which finds the disk full from its ``calls``-th call on; opening a file to read it is no call."""
    count, opens = 0, original is Path.open

    def write(*given: Any, **named: Any) -> Any:
        nonlocal count
        reads = opens and "wb" not in (*given, *named.values())
        count += not reads
        if not reads and count > calls:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*given, **named)

    return write


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("where", ["pathlib.Path.open", "os.fsync", "os.replace"])
def test_a_full_disk_ends_with_5_and_whole_files(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, where: str, calls: int
) -> None:
    """At every write in turn; when there is space again, the same command does."""
    words = ("compare", "tiny.yaml", "quick.yaml", "--reps", "2", "--jobs", "1", "--quiet", "--out")
    assert borderport(*words, "calm").code == 0
    calm = {path.name: path.read_bytes() for path in (tiny.parent / "calm").iterdir()}
    module, _, name = where.rpartition(".")
    owner: Any = {"pathlib.Path": Path, "os": os}[module]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full_after(calls, getattr(owner, name)))
        done = borderport(*words, "full")
    assert (done.code, done.out) == (5, "")
    assert done.err == "full: cannot write results: No space left on device\n"
    left = {path.name: path.read_bytes() for path in (tiny.parent / "full").iterdir()}
    listed = left.pop(LIST).decode().splitlines()[1:]
    assert left == {name: calm[name] for name in left} and len(left) == calls
    assert set(left) < set(listed) and "run.json" not in left
    assert borderport(*words, "full").code == 0
    assert {path.name: path.read_bytes() for path in (tiny.parent / "full").iterdir()} == calm


@pytest.mark.parametrize("calls", range(5))
def test_a_folder_that_a_full_disk_left_half_written_does_not_pretend_to_be_whole(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Over an older run of three replications: no file of it stands beside the new ones, and the next run is alone."""
    assert (
        borderport("run", "tiny.yaml", "--reps", "3", "--jobs", "1", "--timeline", "--quiet", "--out", "out").code == 0
    )
    words = ("compare", "tiny.yaml", "quick.yaml", "--reps", "2", "--jobs", "1", "--quiet", "--out")
    assert borderport(*words, "calm").code == 0
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full_after(calls, os.replace))
        assert borderport(*words, "out").code == (5 if calls < 5 else 0)
    left = {path.name for path in Path("out").rglob("*") if path.is_file()}
    assert "run.json" not in left and not any(name.startswith("tiny-") for name in left)
    assert borderport(*words, "out").code == 0
    both = [{p.relative_to(top): p.read_bytes() for p in Path(top).rglob("*")} for top in ("calm", "out")]
    assert both[0] == both[1]


@pytest.mark.skipif(os.name == "nt", reason="there, what is open cannot be removed")
@pytest.mark.parametrize("again", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_store_removed_during_a_sweep_is_no_success(tiny: Path, again: bool) -> None:
    """Not even if somebody puts another one there: what was computed since is nowhere."""
    folder = tiny.parent
    process = start(folder, *SWEEP[:-2], "--reps", "100000", "--out", "out", "--jobs", "1", stderr=subprocess.PIPE)
    assert wait_for(lambda: records_in(folder / "out" / "store.sqlite") > 0)
    shutil.rmtree(folder / "out")
    if again:
        (folder / "out").mkdir()
        ResultStore(folder / "out" / "store.sqlite").close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert b"store.sqlite: this store was removed or replaced while in use" in err and b"Traceback" not in err


@pytest.mark.parametrize("when", ["simulated", "written"])
def test_a_folder_removed_during_a_run_is_written_whole_or_reported(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def remove(*_: object) -> None:
        shutil.rmtree("out")

    words = ("run", "tiny.yaml", "--reps", "2", "--jobs", "1", "--quiet", "--out")
    assert borderport(*words, "calm").code == 0
    if when == "simulated":
        one_run = RunFolder.one_run

        def removed_before(self: RunFolder) -> Any:
            remove()
            return one_run(self)

        monkeypatch.setattr(RunFolder, "one_run", removed_before)
        assert borderport(*words, "out").code == 0
        both = [{p.name: p.read_bytes() for p in Path(top).iterdir()} for top in ("calm", "out")]
        assert both[0] == both[1]
        return
    monkeypatch.setattr("borderport.results._draw", remove)
    done = borderport(*words, "out")
    assert done.code == 5 and done.err.endswith(" was removed while results were written: run it again\n")
    assert not Path("out/run.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_output_that_cannot_be_written_is_no_traceback(tiny: Path) -> None:
    """Standard output on a full disk."""
    with open("/dev/full", "wb") as full:
        process = start(tiny.parent, "show", "2024", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"Traceback" not in err and b"No space left on device" in err


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_store_that_cannot_grow_ends_with_5_and_keeps_what_it_has(tiny: Path) -> None:
    """A limit on the size of files is what a full disk looks like to SQLite; with space again, it goes on."""
    folder = tiny.parent
    limited = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        f"sys.argv = ['borderport', *{[*SWEEP, 'out', '--jobs', '1']!r}]\nfrom borderport.cli import main\nmain()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sim")}
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 5, done.stderr
    assert done.stderr.startswith("out") and "Traceback" not in done.stderr
    kept = records_in(folder / "out" / "store.sqlite")
    assert 0 < kept < 6 * 40
    assert borderport(*SWEEP, "out", "--jobs", "1").code == 0
    assert borderport(*SWEEP, "calm", "--jobs", "1").code == 0
    assert (folder / "out" / "sweep.csv").read_bytes() == (folder / "calm" / "sweep.csv").read_bytes()


@pytest.mark.timeout(300)
def test_an_install_that_nobody_can_write_to_runs_without_a_home(tmp_path: Path) -> None:
    """Nothing compiled can be kept then. Permissions do not stop root: files stand where folders would be made."""
    package, work = tmp_path / "install" / "borderport", tmp_path / "work"
    shutil.copytree(ROOT / "sim" / "borderport", package, ignore=shutil.ignore_patterns("__pycache__"))
    work.mkdir()
    write_tiny(work)
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    nowhere = str(tmp_path / "file" / "below")
    (tmp_path / "file").touch()
    names = ("HOME", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    environment = {**os.environ, **dict.fromkeys(names, nowhere), "PYTHONPATH": str(package.parent)}

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    asked = "from borderport.engines import compiled; print(compiled.__file__, type(compiled._advance._cache).__name__)"
    assert python("-c", asked) == f"{package / 'engines' / 'compiled.py'} NullCache"
    python("-m", "borderport", "run", "tiny.yaml", "--reps", "1", "--quiet", "--out", "results")
    assert any((work / "results").iterdir())
