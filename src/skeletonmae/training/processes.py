"""Several processes that train together, started by `torchrun`; alone if it did not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from skeletonmae.errors import InputError


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is, and the device it computes on."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def sum(self, *values: torch.Tensor) -> list[float]:
        """The sums of some numbers over all processes."""
        total = torch.stack([value.detach().to(self.device, torch.float64) for value in values])
        if self.world > 1:
            dist.all_reduce(total)
        return [float(value) for value in total]

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.world > 1:
            dist.barrier()


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` is a GPU if there is one (CUDA, then Apple's), else the CPU.

    Raises:
        InputError: there is no such device.
    """
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            problem = f"no such device here ({str(error).splitlines()[0]})"
            raise InputError(problem, expected="auto, cpu, or a GPU of this machine", got=name) from error
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def processes(device: str = "auto") -> Iterator[Processes]:
    """Join the other processes of `torchrun`, and leave them at the end of the block."""
    chosen = choose_device(device)
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        yield Processes(0, 1, chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), world, chosen)
    finally:
        dist.destroy_process_group()
