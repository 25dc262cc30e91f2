"""What a process that trains does with freed memory."""

from __future__ import annotations

import ctypes
import threading
import time
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from malloc.h
TRIM_SECONDS = 60.0
"""Seconds between returns of unused memory to the system. A step that takes longer saves nothing: its memory is
returned before the next."""


@cache
def retain_freed_memory() -> None:
    """Keep freed memory for the next training step instead of returning it to the system page by page.

    Call it once, before training, in a program that trains on a CPU; `pretrain`, `evaluate` and `demo` do. It
    changes the allocator of the whole process and saves most of the page faults of a step;
    `docs/performance.md` says what that changes.

    Unused memory is still returned every `TRIM_SECONDS`; otherwise batches of varying sizes would leave more and
    more of it behind. These switches exist in glibc; elsewhere this does nothing. Further calls do nothing either.
    """
    try:
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
    except (AttributeError, TypeError):  # no such function, or no such library
        return
    threading.Thread(target=_trim_forever, args=(library,), daemon=True).start()


def _trim_forever(library: ctypes.CDLL) -> None:
    while True:
        time.sleep(TRIM_SECONDS)
        library.malloc_trim(0)
