"""The memory of a process that trains."""

from __future__ import annotations

import ctypes
import threading
import time

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from malloc.h
SECONDS = 15.0


def keep_memory() -> None:
    """Keep memory that was freed for the next step, instead of giving it back and asking for it page by page.

    What lies unused between blocks is given back four times a minute: batches of ever other sizes would leave ever
    more of it. glibc has these switches; elsewhere nothing changes.
    """
    try:
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
    except (AttributeError, TypeError):  # no such function, no such library
        return
    threading.Thread(target=_give_back, args=(library,), daemon=True).start()


def _give_back(library: ctypes.CDLL) -> None:
    while True:
        time.sleep(SECONDS)
        library.malloc_trim(0)
