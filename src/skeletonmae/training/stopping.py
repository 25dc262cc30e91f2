"""Stopping a training run by a signal, between two steps and with its state saved."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
IMPATIENT_SECONDS = 1.0
"""A second signal after this time stops at once. `torchrun` passes Ctrl-C on, so two may arrive together."""


class TrainingStopped(KeyboardInterrupt):
    """A signal stopped a training run after a complete step, and the state has been saved."""


class StopRequest:
    """Whether a signal has asked the run to stop."""

    def __init__(self) -> None:
        self.is_set = False
        self.time = 0.0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note a signal. A later one interrupts at once."""
        if self.is_set and time.monotonic() - self.time > IMPATIENT_SECONDS:
            signal.default_int_handler(number, frame)
        if not self.is_set:
            self.is_set, self.time = True, time.monotonic()


@contextmanager
def deferred_interrupts() -> Iterator[StopRequest]:
    """Collect the signals that would raise `KeyboardInterrupt` in the block, until the run has completed a step.

    A signal that nobody has acted on by the end of the block raises `KeyboardInterrupt` there. Signals that the
    program handles in another way are left alone, as are all signals outside the main thread.
    """
    request = StopRequest()
    is_main_thread = threading.current_thread() is threading.main_thread()
    deferred = [
        number for number in SIGNALS if is_main_thread and signal.getsignal(number) is signal.default_int_handler
    ]
    for number in deferred:
        signal.signal(number, request.handle)
    try:
        yield request
    finally:
        for number in deferred:
            signal.signal(number, signal.default_int_handler)
    if request.is_set:
        raise KeyboardInterrupt
