"""How the benchmarks measure: CPU time, system time and page faults of a call, and the limits of the machine."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skeletonmae.training import TrainingConfig
from skeletonmae.training.optimizer import build_optimizer

PRECISIONS = ("float32", "bf16")
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
KINDS = {
    "products": ("mm", "addmm", "bmm", "baddbmm", "mkldnn_linear", "_linear_pointwise"),
    "softmax": ("_softmax", "_softmax_backward_data"),
    "fused attention": (
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention_for_cpu_backward",
    ),
    "copies": ("copy_", "cat", "index", "index_select", "gather", "index_put_", "index_add", "scatter_add"),
    "optimizer": ("_fused_adamw_", "_foreach_norm", "_foreach_mul_"),
}
"""Kinds of operations -> names of the operations; all others are `rest`."""


@dataclass(frozen=True)
class Case:
    """One row of a table for each of `ours`.

    Args:
        what: Name of the computation.
        data: Name of the recordings.
        clips: Number of clips of one call.
        plain: One call of the reference.
        ours: Maps a name to one call of the package.
    """

    what: str
    data: str
    clips: int
    plain: Callable[[], object]
    ours: dict[str, Callable[[], object]]


class Step:
    """One training step, the same for the package and for a reference.

    Args:
        model: The module to train.
        loss: Computes the loss from the model.
        precision: float32 or bf16 (autocast).
    """

    def __init__(self, model: nn.Module, loss: Callable[[Any], Tensor], precision: str) -> None:
        self.model, self.loss, self.precision = model.train(), loss, precision
        self.optimizer = build_optimizer(model, TrainingConfig())

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(self.forward())
        self.update()

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def forward(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            return self.loss(self.model)


@dataclass(frozen=True)
class Usage:
    """What a call took: CPU seconds, the part of them that the system took, and page faults."""

    seconds: float
    system_seconds: float
    page_faults: int


def usage(call: Callable[[], object], who: int = resource.RUSAGE_SELF) -> Usage:
    """Return what a call took in this process; in the processes that it started and waited for, by `who`."""
    before = resource.getrusage(who)
    call()
    after = resource.getrusage(who)
    system = after.ru_stime - before.ru_stime
    return Usage(
        after.ru_utime - before.ru_utime + system,
        system,
        after.ru_minflt - before.ru_minflt,
    )


def measure(case: Case, repeats: int) -> list[dict[str, Any]]:
    """Return a row for each of `case.ours`: median CPU seconds of one call, with the calls in alternation."""
    calls = {"plain": case.plain, **case.ours}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            started = time.process_time()
            call()
            if turn:  # the first is a warm-up
                times[name].append(time.process_time() - started)
    return [
        {
            "what": case.what,
            "data": case.data,
            "ours_is": name,
            "clips": case.clips,
            "plain_seconds": statistics.median(times["plain"]),
            "ours_seconds": statistics.median(times[name]),
            "ratio": statistics.median(times["plain"]) / statistics.median(times[name]),
            "ratio_quartiles": np.quantile(np.divide(times["plain"], times[name]), (0.25, 0.75)).tolist(),
        }
        for name in case.ours
    ]


def matmul_ceiling(precision: str, side: int = 2048, repeats: int = 5) -> float:
    """Return the FLOP/s of a product of square matrices: the best of several, by MKL and by oneDNN."""
    a, b = (torch.randn(side, side).to(DTYPES[precision]) for _ in range(2))
    calls: list[Callable[[], object]] = [lambda: torch.mm(a, b)]
    if precision == "float32" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # torch.mm uses MKL
        calls.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
    seconds = [usage(call).seconds for call in calls for _ in range(repeats)]
    return 2 * side**3 / min(second for second in seconds if second > 0)


def shares_of_time(call: Callable[[], object]) -> dict[str, float]:
    """Return which share of the CPU time of a call each kind of operation takes, by torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        call()
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    seconds = dict.fromkeys((*KINDS, "rest"), 0.0)
    for event in profiler.key_averages():
        name = event.key.rpartition("::")[2]
        seconds[kind_of.get(name, "rest")] += event.self_cpu_time_total
    total = sum(seconds.values()) or 1.0
    return {kind: value / total for kind, value in seconds.items()}
