"""Further processes of a command, which compute together with this one as the processes of `torchrun` do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from skeletonmae.errors import InputError

RENDEZVOUS, PARENT = "SKELETONMAE_RENDEZVOUS", "SKELETONMAE_PARENT"
"""Environment variables: the folder in which the processes of a command find one another, and the main process."""
POLL_SECONDS = 0.1
END_SECONDS = 30.0
"""How long the other processes may take to end after this one is done."""
GRACE_SECONDS = 10.0
"""How long this process may take to notice that another one has ended."""
ADDRESS = "127.0.0.1"


class ProcessLostError(InputError):
    """One of the processes of a command ended before the others."""


@contextmanager
def start_processes(num_processes: int, command: Sequence[str]) -> Iterator[None]:
    """Start the other processes of a command; `init_distributed` in the block joins them.

    The processes are on this machine and share its cores. This one is the main process, which writes the files
    and prints. The others end with it, whatever ends it.

    Args:
        num_processes: Number of processes, this one included. With 1, or in one of those that were started, none
            is started.
        command: What starts the command once more.

    Raises:
        InputError: The number is not positive, `torchrun` has started processes already, or processes cannot
            connect on this machine.
        ProcessLostError: Another process ended before it was ready, or before this one was done.
    """
    if num_processes < 1:
        raise InputError("the number of processes is not positive", expected="at least 1", got=num_processes)
    if num_processes == 1 or RENDEZVOUS in os.environ:
        yield
        return
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise InputError("torchrun has started processes already", expected="1 process", got=num_processes)
    if not can_connect():
        raise InputError(f"processes cannot connect on this machine: it has no address {ADDRESS}; use one process")
    with tempfile.TemporaryDirectory(prefix="skeletonmae-") as name:
        folder = Path(name)
        shared = {
            RENDEZVOUS: name,
            PARENT: str(os.getpid()),
            "WORLD_SIZE": str(num_processes),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, num_cores() // num_processes))),
            "GLOO_SOCKET_IFNAME": _loopback(),
        }
        others: list[subprocess.Popen[bytes]] = []
        done = threading.Event()
        try:
            for rank in range(1, num_processes):
                others.append(_start(command, folder, shared | _rank(rank)))
            _wait_until_ready(others, folder)
            threading.Thread(target=_end_if_stuck, args=(others, folder, done), daemon=True).start()
            with _environment(shared | _rank(0)):
                yield
            with suppress(subprocess.TimeoutExpired):  # all is done and written
                for other in others:
                    other.wait(END_SECONDS)
            _check(others, folder)
        except RuntimeError as error:  # torch: the connection has been closed
            deadline = time.monotonic() + GRACE_SECONDS
            while all(other.poll() is None for other in others) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            _check(others, folder, error)
            raise
        finally:
            done.set()
            _kill(others)


def follow_main_process() -> None:
    """If this is one of the further processes of a command, end it when the main process is killed."""
    if PARENT in os.environ and not is_main_process():
        parent, folder = int(os.environ[PARENT]), Path(os.environ[RENDEZVOUS])
        if os.getppid() != parent:
            exit_with_parent(parent, folder)
        threading.Thread(target=exit_with_parent, args=(parent, folder), daemon=True).start()


def announce_ready() -> None:
    """Tell the main process that this one is about to join it."""
    _ready_file(Path(os.environ[RENDEZVOUS]), int(os.environ["RANK"])).touch()


def exit_with_parent(parent: int, folder: Path | None = None) -> None:
    """End this process when its parent has been killed; nothing else would.

    Args:
        parent: Identifier of the parent's process.
        folder: A temporary folder, which the parent can no longer remove.
    """
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    for _ in range(3):  # the main thread may be writing to it
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def is_main_process() -> bool:
    """Whether this process, among those that compute together, writes the files and prints."""
    return os.environ.get("RANK", "0") == "0"


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_connect() -> bool:
    """Whether processes on this machine can connect with one another."""
    with socket.socket() as listener:
        try:
            listener.bind((ADDRESS, 0))
        except OSError:
            return False
    return True


def _rank(rank: int) -> dict[str, str]:
    return {"RANK": str(rank), "LOCAL_RANK": str(rank)}


def _start(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that imports from the same places as this one, and is not reached by Ctrl-C."""
    places = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"}
    with _error_file(folder, int(variables["RANK"])).open("wb") as errors:
        return subprocess.Popen(
            command,
            env={**os.environ, **places, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def _wait_until_ready(others: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    waiting = list(range(1, len(others) + 1))
    while waiting := [rank for rank in waiting if not _ready_file(folder, rank).exists()]:
        for rank in waiting:
            if others[rank - 1].poll() is not None:
                raise _lost(others[rank - 1], folder, rank)
        time.sleep(POLL_SECONDS)


def _end_if_stuck(others: Sequence[subprocess.Popen[bytes]], folder: Path, done: threading.Event) -> None:
    """End this process if another has failed and this one waits for it in torch, where no exception reaches it."""
    while not done.wait(POLL_SECONDS):
        if any(other.poll() for other in others) and not done.wait(GRACE_SECONDS):
            try:
                _check(others, folder)
            except ProcessLostError as error:
                sys.stderr.write(f"error: {error}\n")
                sys.stderr.flush()
            _kill(others)
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(1)


def _kill(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def _check(others: Sequence[subprocess.Popen[bytes]], folder: Path, cause: Exception | None = None) -> None:
    """Refuse that one of the other processes has failed."""
    for rank, other in enumerate(others, 1):
        if other.poll():
            raise _lost(other, folder, rank) from cause


def _lost(process: subprocess.Popen[bytes], folder: Path, rank: int) -> ProcessLostError:
    """Describe why a process has ended; what it has written to its error output says more than its status."""
    status = process.returncode
    if status < 0:
        memory = "; fewer processes need less memory" if -status == signal.SIGKILL else ""
        reason = f"was killed by signal {-status}{memory}"
    else:
        output = _error_file(folder, rank).read_text(encoding="utf-8", errors="replace").strip()
        _, prefix, error = f"\n{output}".rpartition("\nerror: ")
        last_line = output.splitlines()[-1] if output else f"exit status {status}"
        reason = f"ended: {error if prefix else last_line}"
    return ProcessLostError(f"process {rank + 1} of this command {reason}; run the same command again to resume")


def _ready_file(folder: Path, rank: int) -> Path:
    return folder / f"ready-{rank}"


def _error_file(folder: Path, rank: int) -> Path:
    return folder / f"errors-{rank}.txt"


def _loopback() -> str:
    """Return the name of the network interface that no other computer reaches."""
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
