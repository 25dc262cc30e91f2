"""Code in a process of its own, forked from one that has loaded torch already.

Loading torch and the package takes two seconds of a processor. A server process loads them once for all tests; what a
test starts is a fork of the server, so it shares no state with the test or with what others start.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PRELOAD = ["skeletonmae.__main__", "skeletonmae.runs", "skeletonmae.cli", "skeletonmae.inference", "torch._dynamo"]
"""Modules that the server loads; the first step of an optimizer loads the last."""
CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    CONTEXT.set_forkserver_preload(PRELOAD)


class FreshProcess:
    """A process that calls a function.

    Args:
        function: A function at the top level of a module.
        *args: Its arguments.
        cwd: Folder it runs in; by default the current one.
        env: Environment variables that it has in addition.
    """

    def __init__(
        self,
        function: Callable[..., object],
        *args: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        settings = (function, args, cwd or Path.cwd(), dict(env or {}), self._folder)
        self._process: Any = CONTEXT.Process(target=_call, args=settings)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status; negative for a signal, and None while it is running."""
        code: int | None = self._process.exitcode
        return code

    @property
    def stdout(self) -> str:
        return (self._folder / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self._folder / "stderr").read_text(encoding="utf-8")

    def send_signal(self, which: signal.Signals) -> None:
        os.kill(self._process.pid, which)

    def kill(self) -> None:
        self._process.kill()
        self._process.join(60)

    def wait(self, timeout: float = 300) -> FreshProcess:
        """Wait until it has ended; after `timeout` seconds it is killed, which fails the test."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(f"still running after {timeout} s; stderr: {self.stderr}")
        return self


def start_cli(*words: object, setup: Callable[[], None] | None = None, **settings: Any) -> FreshProcess:
    """Start `skeletonmae` with these words, and with `setup` called before it."""
    return FreshProcess(_command_line, [str(word) for word in words], setup, **settings)


def _command_line(words: list[str], setup: Callable[[], None] | None) -> int:
    from skeletonmae.__main__ import run

    sys.argv = ["skeletonmae", *words]
    if setup:
        setup()
    return run()


def _call(
    function: Callable[..., object], args: tuple[object, ...], cwd: Path, env: dict[str, str], folder: Path
) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ |= env
    sys.exit(function(*args))
