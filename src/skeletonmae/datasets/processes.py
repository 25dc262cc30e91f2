"""Pieces of work in several processes, which count together and stop together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from skeletonmae.errors import InputError

Done = TypeVar("Done")
Tick = Callable[[], None]
SECONDS_BETWEEN_LOOKS = 0.1
_shared: tuple[Any, Any] | None = None  # in a worker: what is done by all of them, and whether to stop


class WorkerLostError(InputError):
    """A process was killed; what the others did is kept."""


def in_processes(
    works: Mapping[int, Callable[[Tick], Done]], workers: int, before: int, progress: Callable[[int], None]
) -> dict[int, Done]:
    """What each piece of work gives back; every one is given a function to call when something is done.

    Args:
        works: by number; the first that raises, by number, is the one whose exception comes out.
        workers: how many processes.
        before: what was done before.
        progress: told how much is done.

    Raises:
        WorkerLostError: a process was killed.
    """
    context = get_context("spawn")
    counter, stop = context.Value("q", before), context.Event()
    with ProcessPoolExecutor(
        min(workers, len(works)), context, initializer=_share, initargs=(counter, stop, os.getpid())
    ) as pool:
        futures = {number: pool.submit(_work, work) for number, work in works.items()}
        shown, order = before, list(futures)
        try:
            while order:
                wait([futures[order[0]]], timeout=SECONDS_BETWEEN_LOOKS)
                while order and futures[order[0]].done():
                    futures[order.pop(0)].result()
                if counter.value > shown:
                    shown = counter.value
                    progress(shown)
            return {number: future.result() for number, future in futures.items()}
        except BrokenProcessPool as error:
            problem = "a process that reads was killed: out of memory, or by a file that crashes its reader"
            expected = "the same command goes on where it was; fewer workers need less memory"
            raise WorkerLostError(problem, expected=expected) from error
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


class _StoppedError(Exception):
    """The process that asked has no more use for the work."""


def _share(counter: Any, stop: Any, parent: int) -> None:
    global _shared
    _shared = counter, stop
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when the one that asked has been killed; nothing else would."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _work(work: Callable[[Tick], Done]) -> Done:
    assert _shared is not None
    counter, stop = _shared

    def tick() -> None:
        if stop.is_set():
            raise _StoppedError
        with counter.get_lock():
            counter.value += 1

    return work(tick)
