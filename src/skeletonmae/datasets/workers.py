"""A pool of worker processes that share a progress counter and stop together."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from skeletonmae.errors import InputError
from skeletonmae.processes import exit_with_parent

T = TypeVar("T")
Tick = Callable[[], None]
POLL_SECONDS = 0.1
_shared: tuple[Any, Any] | None = None  # in a worker: the shared progress counter and the stop flag


class WorkerLostError(InputError):
    """A worker process was killed. The results of the finished jobs are kept."""


def run_in_workers(
    jobs: Mapping[int, Callable[[Tick], T]], workers: int, num_done: int, progress: Callable[[int], None]
) -> dict[int, T]:
    """Run every job in one of several processes, and return the results.

    Args:
        jobs: Index -> job. A job is called with a function that it calls after each file. If several jobs raise,
            the exception of the one with the lowest index is raised.
        workers: Number of processes.
        num_done: Number of files done before.
        progress: Called with the number of files done.

    Raises:
        WorkerLostError: A worker process was killed.
    """
    context = get_context("spawn")
    # The flag has no lock: a worker that was killed while it held one would leave this process waiting forever.
    counter, stop = context.Value("q", num_done), context.RawValue("b", 0)
    with ProcessPoolExecutor(
        min(workers, len(jobs)), context, initializer=_init_worker, initargs=(counter, stop, os.getpid())
    ) as pool:
        with _sigint_blocked():  # the workers are started here, and inherit it
            futures = {index: pool.submit(_run, job) for index, job in jobs.items()}
        reported, pending = num_done, list(futures)
        try:
            while pending:
                wait([futures[pending[0]]], timeout=POLL_SECONDS)
                while pending and futures[pending[0]].done():
                    futures[pending.pop(0)].result()
                if counter.get_obj().value > reported:
                    reported = counter.get_obj().value
                    progress(reported)
            return {index: future.result() for index, future in futures.items()}
        except BrokenProcessPool as error:
            raise WorkerLostError(
                "a worker process was killed: it ran out of memory, or a file crashed its reader; "
                "run the same command again to resume; fewer workers need less memory"
            ) from error
        finally:
            stop.value = 1
            pool.shutdown(cancel_futures=True)


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block Ctrl-C, which a terminal sends to all processes; this process receives it at the end of the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: the workers ignore it once they are initialized
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _StoppedError(Exception):
    """The parent process no longer needs the result."""


def _init_worker(counter: Any, stop: Any, parent: int) -> None:
    global _shared
    _shared = counter, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True).start()


def _run(job: Callable[[Tick], T]) -> T:
    assert _shared is not None
    counter, stop = _shared

    def tick() -> None:
        if stop.value:
            raise _StoppedError
        with counter.get_lock():
            counter.value += 1

    return job(tick)
