"""Further processes of the command that is running."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

from skeletonmae.errors import InputError
from skeletonmae.processes import start_processes

_arguments: list[str] = []
"""The arguments of the command that is running."""


def remember_arguments(arguments: Sequence[str]) -> None:
    """Remember the arguments of the command that is about to run."""
    _arguments[:] = arguments


def this_command() -> list[str]:
    """Return what runs the same command in another process."""
    return [sys.executable, "-m", "skeletonmae", *_arguments]


def further_processes(num_processes: int, device: str) -> AbstractContextManager[None]:
    """Start the other processes of the command that is running.

    Args:
        num_processes: Number of processes, this one included.
        device: The device, as on the command line.

    Raises:
        InputError: This machine has no such device, or fewer GPUs than processes.
    """
    import torch

    from skeletonmae.training import choose_device

    if choose_device(device).type == "cuda" and num_processes > 1:
        num_gpus = 1 if ":" in device else torch.cuda.device_count()
        if num_gpus < num_processes:
            problem = "each process needs a GPU of its own"
            raise InputError(problem, expected=f"at most {num_gpus} processes on {device}", got=num_processes)
    return start_processes(num_processes, this_command())
