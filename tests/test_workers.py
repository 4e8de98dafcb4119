"""Serial and processes behind one protocol."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from borderport.workers import (
    EXECUTORS,
    SERIAL,
    WINDOW_PER_WORKER,
    Processes,
    Serial,
    Workers,
    _interrupts_held,
    default_jobs,
    map_unordered,
    open_workers,
)


def square(x: int) -> int:
    return x * x


def fail_at_three(x: int) -> int:
    if x == 3:
        raise ZeroDivisionError("three")
    return x


def process_of(_: int) -> int:
    return os.getpid()


def setting(name: str) -> str | None:
    return os.environ.get(name)


class Threads(ThreadPoolExecutor):
    """Workers of another kind: the protocol is all that questions know."""

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs)
        self.jobs = jobs

    def restart(self) -> None:
        pytest.fail("no thread dies")


def test_serial_runs_each_task_at_once_in_this_process() -> None:
    with open_workers(jobs=1) as workers:
        future = workers.submit(square, 7)
        assert future.done() and future.result() == 49
        assert workers.submit(process_of, 0).result() == os.getpid()


@pytest.mark.parametrize(
    ("executor", "jobs", "tasks", "kind", "many"),
    [
        (None, None, 8, Serial, 1),
        (None, None, 10**6, None, os.cpu_count()),
        (None, 1, 10**6, Serial, 1),
        (None, 3, 1, Processes, 3),
        ("serial", 3, 10**6, Serial, 1),
        ("processes", 2, 1, Processes, 2),
        ("processes", None, 1, Processes, os.cpu_count()),
    ],
)
def test_who_computes_is_chosen_in_one_place(
    executor: str | None, jobs: int | None, tasks: int, kind: type | None, many: int
) -> None:
    workers = open_workers(executor, jobs, tasks)
    assert workers.jobs == many and (kind is None or type(workers) is kind)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_item_comes_back_with_its_result(jobs: int) -> None:
    with open_workers(jobs=jobs) as workers:
        found = dict(map_unordered(workers, square, range(20)))
    assert found == {x: x * x for x in range(20)}


def test_processes_are_others_and_keep_libraries_to_one_thread() -> None:
    with open_workers(jobs=2) as workers:
        pids = {pid for _, pid in map_unordered(workers, process_of, range(8))}
        assert os.getpid() not in pids
        assert workers.submit(setting, "OMP_NUM_THREADS").result() == "1"


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_task_reaches_the_caller(jobs: int) -> None:
    with open_workers(jobs=jobs) as workers, pytest.raises(ZeroDivisionError, match="three"):
        list(map_unordered(workers, fail_at_three, range(50)))


def test_serial_keeps_an_error_in_the_future_but_not_an_interrupt() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    serial = Serial()
    assert isinstance(serial.submit(fail_at_three, 3).exception(), ZeroDivisionError)
    with pytest.raises(KeyboardInterrupt):
        serial.submit(interrupt)


def test_no_more_tasks_are_taken_than_a_few_for_each_worker() -> None:
    """A design of a million points is never put into the queue at once."""
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for i in range(10**9):
            taken.append(i)
            yield i

    with Threads(2) as workers:
        results = map_unordered(workers, square, endless())
        for n in range(1, 30):
            next(results)
            assert len(taken) <= n + WINDOW_PER_WORKER * 2 + 1
        results.close()


def test_in_this_process_a_result_is_handed_out_before_the_next_task_is_taken() -> None:
    """An interrupt then costs at most the task under way."""
    taken: list[int] = []
    items = (taken.append(i) or i for i in range(9))
    for done, _ in enumerate(map_unordered(SERIAL, square, items), start=1):
        assert len(taken) == done


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to threads")
def test_an_interrupt_that_another_thread_gets_waits_until_a_worker_has_started() -> None:
    """The mask of this thread does not keep it back, and half a start leaves a worker that ends in a traceback."""
    reached = False
    go = threading.Event()
    other = threading.Thread(target=go.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), _interrupts_held():
            assert other.ident is not None
            signal.pthread_kill(other.ident, signal.SIGINT)
            time.sleep(0.3)
            reached = True
        assert reached and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        go.set()
        other.join()


def test_nothing_to_do_gives_nothing() -> None:
    with open_workers(jobs=1) as workers:
        assert list(map_unordered(workers, square, [])) == []


def test_few_replications_are_not_worth_processes() -> None:
    assert default_jobs(1) == default_jobs(8) == 1
    assert default_jobs(10**6) == (os.cpu_count() or 1)


def test_another_kind_of_workers_needs_an_entry_in_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "threads", Threads)
    workers: Workers = open_workers("threads", 2)
    with workers:
        assert dict(map_unordered(workers, square, range(5))) == {x: x * x for x in range(5)}
