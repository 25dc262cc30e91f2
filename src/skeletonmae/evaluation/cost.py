"""What an encoder costs: parameters, operations, memory and time."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.training import autocast, read_log

NUM_CLIPS = 64
"""Largest number of clips that the cost is measured on."""
NUM_PASSES = 3
"""Number of timed passes; the fastest counts."""


class Cost(Config):
    """What the features of clips cost, as measured on the first training clips in one batch."""

    parameters: int
    """Number of weights of the encoder, without the decoder."""
    flops_per_clip: float
    """Floating-point operations of the encoder for a clip, on average: matrix products, convolutions and
    attention, a multiplication with its addition counted as 2, for persons and tokens that were observed."""
    persons_per_clip: float
    """Number of persons in a clip, on average."""
    clips_per_second: float
    """Clips that the encoder processes in a second, without reading and transforming them."""
    peak_memory_bytes: int | None
    """Most memory in use: on a GPU, of all tensors in these passes; otherwise of the whole process so far. None
    where the system does not say."""
    num_clips: int
    """Number of clips of the batch."""
    pretraining_seconds: float | None = None
    """Duration of the pre-training by its log; None if there is no log beside the checkpoint."""


def measure_cost(
    task: EvaluationTask,
    network: Callable[[Batch], Tensor] | None = None,
    *,
    pretraining_seconds: float | None = None,
) -> Cost:
    """Measure what the mean features of clips cost.

    Args:
        task: The encoder and the recordings.
        network: What is measured, on the device of the task; by default the encoder.
        pretraining_seconds: Duration of the pre-training, if it is known.
    """
    device = task.distributed.device
    if network is None:
        network = task.method.to(device).eval().embed
    index = task.split.train[:NUM_CLIPS]
    batch = task.clips.loader(task.store, index, batch_size=len(index), device=device).batch(0, 0)

    def compute() -> Tensor:
        with autocast(task.precision, device):
            return network(batch)

    with torch.inference_mode():
        num_parameters = count_parameters(lambda: network(batch))
        # In float32, as the counter takes operations apart where autocast no longer sees them.
        flops = count_flops(lambda: network(batch))
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = min(_duration(compute, device) for _ in range(NUM_PASSES))
    return Cost(
        parameters=num_parameters,
        flops_per_clip=flops / len(batch),
        persons_per_clip=float(batch.present.sum()) / len(batch),
        clips_per_second=len(batch) / seconds,
        peak_memory_bytes=_peak_memory(device),
        num_clips=len(batch),
        pretraining_seconds=pretraining_seconds,
    )


def count_parameters(call: Callable[[], object]) -> int:
    """Return the number of weights that a call computes with."""
    with _UsedParameters() as used:
        call()
    return sum(parameter.numel() for parameter in used.parameters.values())


class _UsedParameters(TorchFunctionMode):
    """Collects the parameters that are arguments of torch's functions; reading an attribute is no use."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: dict[int, nn.Parameter] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") != "__get__":
            tensors = tree_leaves((args, kwargs))
            self.parameters |= {id(tensor): tensor for tensor in tensors if isinstance(tensor, nn.Parameter)}
        return func(*args, **(kwargs or {}))


def count_flops(call: Callable[[], object]) -> int:
    """Return the operations of the matrix products, convolutions and attention in a call.

    A backward pass counts if the call contains it. A multiplication with its addition counts as 2.
    """

    def attention_flops(query: Any, key: Any, value: Any, *_: object, **__: object) -> int:
        return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    def backward_flops(grad: Any, query: Any, key: Any, value: Any, *_: object, **__: object) -> int:
        return int(sdpa_backward_flop_count(grad, query, key, value))  # type: ignore[no-untyped-call]

    # torch's counter does not know the kernels of CPUs.
    kernels = {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: backward_flops,
    }
    with FlopCounterMode(display=False, custom_mapping=kernels) as counter:
        call()
    return int(counter.get_total_flops())


def pretraining_duration(folder: Path, recipe: Mapping[str, Any]) -> float | None:
    """Return how long a pre-training took by its log, in seconds; None without a log.

    Also None if the run started from a checkpoint, since its log has the last stage only.

    Args:
        folder: The folder of the run.
        recipe: The recipe of the run, as in the header of its checkpoint.
    """
    if recipe.get("init_from"):
        return None
    accumulation_steps = int(recipe.get("training", {}).get("gradient_accumulation_steps", 1))
    try:
        rows = read_log(folder)
    except InputError:  # a log.csv of something else
        return None
    return logged_seconds(rows, accumulation_steps)


def logged_seconds(rows: Sequence[dict[str, float]], accumulation_steps: int = 1) -> float | None:
    """Return how long a training took by the rows of its log, in seconds; None without any.

    A row has the speed since the training started or resumed, so that pauses do not count.

    Args:
        rows: One row per epoch, with its last `step` and `batches_per_second`.
        accumulation_steps: Number of batches per step.
    """
    if not rows or any(row.get("batches_per_second", 0.0) <= 0 for row in rows):
        return None
    ends = [0.0, *(row["step"] for row in rows)]
    steps = [end - start for start, end in itertools.pairwise(ends)]
    batches_per_second = [row["batches_per_second"] for row in rows]
    return sum(accumulation_steps * num / speed for num, speed in zip(steps, batches_per_second, strict=True))


def _duration(call: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _peak_memory(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
