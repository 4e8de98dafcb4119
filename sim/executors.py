"""Serial and processes behind one interface, that of `concurrent.futures`.

The driver alone keeps results; a worker only computes. Workers watch their parent and end with it, even if it is
killed (a process pool's own workers would wait for ever).
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WINDOW_PER_WORKER = 3


class SerialExecutor(Executor):
    """Runs each task at once, in this process."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run the task and return a finished future."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
            if isinstance(error, KeyboardInterrupt):
                raise
        return future


def _start_worker() -> None:
    """Keep numerical libraries to one thread, and end when the parent ends."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def open_executor(jobs: int) -> Executor:
    """An executor with ``jobs`` workers: this process if 1, else a pool of processes started once."""
    if jobs <= 1:
        return SerialExecutor()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)


def map_unordered(executor: Executor, task: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[tuple[T, R]]:
    """Yield (item, result) as results come in, never with more than a few tasks per worker under way.

    Results must not depend on their order: whoever calls sorts them.
    """
    waiting = iter(items)
    running: dict[Future[R], T] = {}
    try:
        while True:
            for item in waiting:
                running[executor.submit(task, item)] = item
                if len(running) >= WINDOW_PER_WORKER * jobs:
                    break
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


def default_jobs(tasks: int) -> int:
    """Processes worth starting for so many replications: a pool costs about as much as a dozen of them."""
    return min(os.cpu_count() or 1, max(tasks // 8, 1))
