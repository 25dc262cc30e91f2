"""Several processes that train together, started by `start_processes` or `torchrun`; otherwise a single one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist

from skeletonmae.errors import InputError
from skeletonmae.processes import RENDEZVOUS, announce_ready


@dataclass(frozen=True)
class DistributedContext:
    """This process among those that train together, and the device it computes on.

    Args:
        rank: Index of this process.
        world_size: Number of processes.
        device: Where this process computes.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def all_reduce_sum(self, *values: torch.Tensor) -> list[float]:
        """Sum each scalar over all processes, in float64."""
        sums = torch.stack([value.detach().to(self.device, torch.float64) for value in values])
        if self.world_size > 1:
            dist.all_reduce(sums)
        result: list[float] = sums.tolist()  # one wait for the device, where float() of each would be several
        return result

    def barrier(self) -> None:
        """Wait until all processes have reached this call."""
        if self.world_size > 1:
            dist.barrier()


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; `auto` prefers a CUDA GPU, then an Apple GPU, then the CPU.

    On a GPU, torch's allocator is told to grow its segments: batches differ in their number of persons, so that
    nearly every step asks for other sizes, and segments of a fixed size would fragment the memory. The variable of
    the environment that configures the allocator takes precedence.

    Raises:
        InputError: This machine has no such device.
    """
    if "PYTORCH_ALLOC_CONF" not in os.environ:  # read when the first tensor is made on a GPU
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    chosen = name
    if chosen == "auto":
        chosen = "mps" if torch.backends.mps.is_available() else "cpu"
        chosen = "cuda" if torch.cuda.is_available() else chosen
    if chosen == "cuda":  # one for each process
        chosen = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        return torch.empty(0, device=chosen).device
    except (RuntimeError, AssertionError) as error:
        problem = f"this machine has no such device ({str(error).splitlines()[0]})"
        raise InputError(problem, expected="auto, cpu, or a GPU of this machine", got=name) from error


@contextmanager
def init_distributed(device: str = "auto") -> Iterator[DistributedContext]:
    """Join the other processes of this command, if there are any, and leave them at the end of the block.

    Raises:
        InputError: This machine has no such device.
    """
    chosen_device = choose_device(device)
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    if world_size == 1:
        yield DistributedContext(0, 1, chosen_device)
        return
    if chosen_device.type == "cuda":
        torch.cuda.set_device(chosen_device)  # what torch's barriers and device meshes use
    backend = "nccl" if chosen_device.type == "cuda" else "gloo"
    num_threads = torch.get_num_threads()
    if RENDEZVOUS in os.environ:
        rank = int(os.environ["RANK"])
        if rank:
            announce_ready()
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        store = dist.FileStore(str(Path(os.environ[RENDEZVOUS]) / "store"), world_size)  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    else:
        dist.init_process_group(backend)
    try:
        yield DistributedContext(dist.get_rank(), world_size, chosen_device)
    finally:
        dist.destroy_process_group()
        torch.set_num_threads(num_threads)
