"""Further processes of a command, which compute together with this one as the processes of `torchrun` do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from skeletonmae.errors import InputError

RENDEZVOUS = "SKELETONMAE_RENDEZVOUS"
"""Environment variable: the folder in which the processes of a command find one another."""
POLL_SECONDS = 0.1
END_SECONDS = 60.0
"""How long the other processes may take to end after this one is done."""


class ProcessLostError(InputError):
    """One of the processes of a command ended before the others."""


@contextmanager
def start_processes(num_processes: int, command: Sequence[str]) -> Iterator[None]:
    """Start the other processes of a command; `init_distributed` in the block joins them.

    The processes are on this machine and share its cores. This one is the main process, which writes the files
    and prints. The others end with it, whatever ends it.

    Args:
        num_processes: Number of processes, this one included. With 1, or if this is already one of several,
            none is started.
        command: What starts the command once more.

    Raises:
        InputError: The number is not positive.
        ProcessLostError: Another process ended before it was ready, or before this one was done.
    """
    if num_processes < 1:
        raise InputError("the number of processes is not positive", expected="at least 1", got=num_processes)
    if num_processes == 1 or int(os.environ.get("WORLD_SIZE", 1)) > 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="skeletonmae-") as name:
        folder = Path(name)
        shared = {
            RENDEZVOUS: name,
            "WORLD_SIZE": str(num_processes),
            "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // num_processes)),
            "GLOO_SOCKET_IFNAME": _loopback(),
        }
        others: list[subprocess.Popen[bytes]] = []
        try:
            for rank in range(1, num_processes):
                others.append(_start(command, folder, shared | _rank(rank)))
            _wait_until_ready(others, folder)
            with _environment(shared | _rank(0)):
                yield
            for other in others:
                other.wait(END_SECONDS)
            _check(others, folder)
        except (RuntimeError, subprocess.TimeoutExpired) as error:  # torch: the connection has been closed
            time.sleep(POLL_SECONDS)
            _check(others, folder, error)
            raise
        finally:
            for other in others:
                other.kill()
                other.wait()


def announce_ready() -> None:
    """Tell the main process that this one is about to join it, and end when that one is killed."""
    threading.Thread(target=exit_with_parent, args=(os.getppid(),), daemon=True).start()
    _ready_file(Path(os.environ[RENDEZVOUS]), int(os.environ["RANK"])).touch()


def exit_with_parent(parent: int) -> None:
    """End this process when its parent has been killed; nothing else would.

    Args:
        parent: Identifier of the parent's process.
    """
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


def is_main_process() -> bool:
    """Whether this process, among those that compute together, writes the files and prints."""
    return os.environ.get("RANK", "0") == "0"


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


def _check(others: Sequence[subprocess.Popen[bytes]], folder: Path, cause: Exception | None = None) -> None:
    """Refuse that one of the other processes has failed."""
    for rank, other in enumerate(others, 1):
        if other.poll():
            raise _lost(other, folder, rank) from cause


def _lost(process: subprocess.Popen[bytes], folder: Path, rank: int) -> ProcessLostError:
    status = process.returncode
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    said = _error_file(folder, rank).read_text(encoding="utf-8", errors="replace").strip()
    why = said.splitlines()[-1] if said else "it said nothing; fewer processes need less memory"
    return ProcessLostError(f"process {rank} of this command {how}: {why}")


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
