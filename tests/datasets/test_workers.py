"""Workers and Ctrl-C, which a terminal sends to every process."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import pytest

from skeletonmae.datasets.workers import run_in_workers


def survive_interrupt(tick: Callable[[], None]) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    tick()
    return "survived"


def tick_forever(tick: Callable[[], None]) -> NoReturn:
    while True:
        os.kill(os.getpid(), signal.SIGINT)
        tick()
        time.sleep(0.005)


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
def test_an_interrupt_reaches_only_the_parent_and_stops_all(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(num_done: int) -> None:
        if num_done > 2:  # more than the one file of the first job
            os.kill(os.getpid(), signal.SIGINT)

    assert run_in_workers({7: survive_interrupt}, 1, 0, lambda _: None) == {7: "survived"}
    with pytest.raises(KeyboardInterrupt):
        run_in_workers({0: survive_interrupt, 1: tick_forever}, 1, 0, interrupt)
    assert "Traceback" not in capfd.readouterr().err
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
