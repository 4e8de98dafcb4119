"""Workers that tasks run on: one protocol, its implementations, and the one place that chooses between them.

A command, or a function of the library, opens workers once and hands them to every question it asks. The driver alone
keeps results; a worker only computes. Workers watch their parent and end with it, even if it is killed (a process
pool's own workers would wait for ever). A worker that dies takes the pool with it: the pool is started again and what
was under way is done again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from borderport.errors import SimError

T = TypeVar("T")
R = TypeVar("R")

WINDOW_PER_WORKER = 3
MOST_STRIKES = 3


class WorkerLost(SimError):
    """A worker process died again and again at the same task: killed from outside, or out of memory."""

    exit_code = 4


class Workers(Protocol):
    """Requirements of a question on those who compute for it.

    Opened by a ``with`` statement, which ends them: when their tasks are done, or at once if an exception is why.
    """

    @property
    def jobs(self) -> int:
        """Number of tasks that are computed at a time, >= 1; 1 if a task is done when it is submitted."""

    def submit(self, fn: Callable[..., R], /, *args: Any) -> Future[R]:
        """Hand out a task; raises BrokenExecutor if a worker has died since the last start."""

    def restart(self) -> None:
        """End what is left of the workers, whose tasks are lost, and start others."""

    def __enter__(self) -> Self:
        """Open for tasks."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""


class Serial:
    """No workers: each task is run at once, in this process."""

    jobs = 1

    def submit(self, fn: Callable[..., R], /, *args: Any) -> Future[R]:
        """Run the task and return a finished future."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args))
        except BaseException as error:
            future.set_exception(error)
            if isinstance(error, KeyboardInterrupt):
                raise
        return future

    def restart(self) -> None:
        """Nothing to end and nothing to start."""

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""


class Processes:
    """A pool of processes that can be started again after a worker died.

    Left by an exception, such as an interrupt, it ends its workers at once instead of waiting for their tasks.

    Parameters
    ----------
    jobs : int
        Processes, >= 1. They start with the first task.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_start_worker)

    def submit(self, fn: Callable[..., R], /, *args: Any) -> Future[R]:
        """Hand a task to a worker; raises BrokenExecutor if one has died since the last start."""
        with _interrupts_held():  # workers are started by the first task, and inherit what is held
            return self._pool.submit(fn, *args)

    def restart(self) -> None:
        """End what is left of the pool and start another."""
        self._end()
        self._pool = self._open()

    def __enter__(self) -> Self:
        """Open for tasks."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the pool: when its tasks are done, or at once if an exception is why."""
        if kind is None:
            self._pool.shutdown()
        else:
            self._end()

    def _end(self) -> None:
        # There is no public way to end workers amid a task (`kill_workers` came with Python 3.14).
        for process in list((getattr(self._pool, "_processes", None) or {}).values()):
            process.kill()
        # A worker killed amid a message leaves the pool's own thread waiting for the rest of it; with our end of the
        # pipe closed, which only workers write to, it sees that nobody is there.
        with contextlib.suppress(AttributeError, OSError):
            results: Any = vars(self._pool).get("_result_queue")
            results._writer.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep interrupts back for a moment, and from processes started meanwhile for good.

    The mask is what those processes inherit. It does not keep a signal from another thread, after which Python would
    interrupt this one all the same, amid the start of a worker: so handlers only take note until the end.
    """
    noted: list[int] = []
    masks = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers, and none is interrupted
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                handlers[number] = signal.signal(number, lambda number, frame: noted.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if noted:
            raise KeyboardInterrupt


def _start_worker() -> None:
    """Keep numerical libraries to one thread, leave interrupts to the driver, and end when the parent ends."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# By the name that `open_workers` and the command line know them by: the one list of them.
EXECUTORS: dict[str, Callable[[int], Workers]] = {"serial": lambda jobs: Serial(), "processes": Processes}
SERIAL = Serial()


def open_workers(executor: str | None = None, jobs: int | None = None, tasks: int = 1) -> Workers:
    """Workers for a question, to be opened by ``with``: the one place that chooses.

    Parameters
    ----------
    executor : str or None
        A name of `EXECUTORS`. By default processes if there is to be more than one, else this process.
    jobs : int or None
        Number of them, >= 1. By default as many as there are cores if ``executor`` is given, else as many as pay.
    tasks : int
        Number of replications to compute, roughly.
    """
    if executor is None:
        jobs = jobs or default_jobs(tasks)
        executor = "serial" if jobs == 1 else "processes"
    return EXECUTORS[executor](jobs or os.cpu_count() or 1)


def default_jobs(tasks: int) -> int:
    """Processes worth starting for so many replications: a pool costs about as much as a dozen of them."""
    return min(os.cpu_count() or 1, max(tasks // 8, 1))


def map_unordered(workers: Workers, task: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yield (item, result) as results come in, never with more than a few tasks per worker under way.

    Results must not depend on their order: whoever calls sorts them. When a worker dies, all are started again and
    everything that was under way is done again. Who caused it cannot be known, so all of it has a strike against it;
    what has all strikes but one runs alone, so that the last strike never hits a bystander.

    Raises
    ------
    WorkerLost
        A worker died `MOST_STRIKES` times with the same item under way.
    """
    waiting = iter(items)
    again: deque[tuple[T, int]] = deque()
    running: dict[Future[R], tuple[T, int]] = {}
    # Of a single worker a result is handed out before its next task begins: an interrupt costs one task at most.
    most = 1 if workers.jobs == 1 else WINDOW_PER_WORKER * workers.jobs
    # What is still running when the caller stops is left to `Workers.__exit__`: of a pool that breaks, a future
    # cancelled here would fail the pool's own thread.
    while True:
        lost = _fill(workers, task, waiting, again, running, most)
        if not running and not lost:
            return
        wait(running, return_when=FIRST_COMPLETED)
        struck = []
        for future in [future for future in running if future.done()]:
            item, strikes = running.pop(future)
            try:
                result = future.result()
            except BrokenExecutor:
                struck.append((item, strikes))
            else:
                yield item, result
        if struck or lost:
            struck += running.values()
            running.clear()
            again.extend(_struck(item, strikes) for item, strikes in struck)
            workers.restart()


def _fill(
    workers: Workers,
    task: Callable[[T], R],
    waiting: Iterator[T],
    again: deque[tuple[T, int]],
    running: dict[Future[R], tuple[T, int]],
    most: int,
) -> bool:
    """Submit tasks until enough are under way; return whether a worker had died before."""
    while len(running) < most:
        if again:
            if running and any(strikes >= MOST_STRIKES - 1 for _, strikes in (again[0], *running.values())):
                return False  # a suspect runs alone
            item, strikes = again.popleft()
        else:
            if any(strikes >= MOST_STRIKES - 1 for _, strikes in running.values()):
                return False
            try:
                item, strikes = next(waiting), 0
            except StopIteration:
                return False
        try:
            running[workers.submit(task, item)] = item, strikes
        except BrokenExecutor:
            again.appendleft((item, strikes))
            return True
    return False


def _struck(item: T, strikes: int) -> tuple[T, int]:
    if strikes + 1 >= MOST_STRIKES:
        raise WorkerLost(
            f"a worker process died {MOST_STRIKES} times at the same task: it was killed or ran out of memory; "
            "--jobs 1 runs without workers"
        )
    return item, strikes + 1
