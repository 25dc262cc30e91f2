"""The rows of the benchmark: what each is compared with, its goal, and how a case becomes rows."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import (
    DECODERS,
    PASS_CLIPS,
    SHARES,
    Comparison,
    Settings,
    finetuning,
    inference,
    loading,
    pretraining,
    start,
)
from measuring import PRECISIONS, Usage, matmul_ceiling, shares_of_time, usage
from pass_flops import FlopCount, counting

MAX_START_SECONDS = 2.5
GOALS: dict[tuple[str, str | None], float] = {
    ("pre-training, decoder self", "float32"): 3.0,
    ("pre-training, decoder self, queries 0.25", "float32"): 6.0,
    ("pre-training, decoder cross, queries 0.25", "float32"): 12.0,
    ("pre-training, decoder self", "bf16"): 2.7,
    ("pre-training, decoder self, queries 0.25", "bf16"): 5.0,
    ("pre-training, decoder cross, queries 0.25", "bf16"): 10.0,
    ("fine-tuning", "float32"): 3.2,
    ("fine-tuning", "bf16"): 2.8,
    ("inference, 8 clips at a time", "float32"): 3.0,
    ("inference, 8 clips at a time", "bf16"): 5.0,
    ("loading", None): 10.0,
    ("import skeletonmae.runs", None): MAX_START_SECONDS,
    ("skeletonmae pretrain, one step", None): MAX_START_SECONDS,
}
"""(name, precision) -> the least ratio, or for a start the most CPU seconds."""


def pretraining_half(folder: Path, settings: Settings, precision: str) -> Comparison:
    """Half a step of pre-training, with `decoder: self` and half of the clips with two persons."""
    half = replace(settings, clips=max(PASS_CLIPS, settings.clips // 2))
    return pretraining(folder, half, precision, {"decoder self": DECODERS["decoder self"]}, SHARES[-1:])


Build = Callable[[Path, Settings], Comparison]
CASES: dict[str, tuple[Build, str | None, bool]] = {
    **{
        f"{what}, {precision}": (partial(build, precision=precision), precision, True)
        for what, build in (("pre-training", pretraining), ("fine-tuning", finetuning), ("inference", inference))
        for precision in PRECISIONS
    },
    "loading": (loading, None, True),
    "start": (start, None, True),
    **{
        f"pre-training, {precision}, freed memory {'retained' if is_retained else 'returned'}": (
            partial(pretraining_half, precision=precision),
            precision,
            is_retained,
        )
        for precision in PRECISIONS
        for is_retained in (False, True)
    },
}
"""Name -> what builds the case, its precision, and whether the process retains freed memory."""


def measure_case(name: str, settings: Settings, profile: bool = True) -> list[dict[str, Any]]:
    """Time a case in this process, and return its rows.

    Args:
        name: An entry of `CASES`.
        settings: How much is timed.
        profile: Whether to divide the time among kinds of operations, in one further call.
    """
    build, precision, is_retained = CASES[name]
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the reference uses it
    has_goal = " memory " not in name
    with tempfile.TemporaryDirectory() as folder:
        comparison = build(Path(folder), settings)
        calls = [comparison.reference, *(ours.call for ours in comparison.ours)]
        for call in calls:  # warm up
            call()
        used: list[list[Usage]] = [[] for _ in calls]
        flops = [FlopCount() for _ in calls]
        for _ in range(comparison.calls):  # in alternation
            for call, found, count in zip(calls, used, flops, strict=True):
                with counting(count):
                    found.append(usage(call, comparison.who))
        limits: list[dict[str, Any]] = [{} for _ in calls]
        if precision and profile:
            ceiling = matmul_ceiling(precision)
            means = [count.total / comparison.calls for count in flops]
            limits = [_limits(*side, ceiling) for side in zip(calls, used, means, strict=True)]
    common = {
        "device": "cpu",
        "precision": precision,
        "unit": comparison.unit,
        "clips": comparison.clips * comparison.calls,
        "freed_memory": "retained" if is_retained else "returned",
        "load": round(os.getloadavg()[0], 1),
    }
    rows = []
    for ours, found, limit in zip(comparison.ours, used[1:], limits[1:], strict=True):
        goal = GOALS.get((ours.name, precision)) if has_goal else None
        is_start = name == "start"
        both = {"reference": _per_clip(used[0], comparison.clips), "our": _per_clip(found, comparison.clips)}
        ratio = both["reference"]["seconds"] / both["our"]["seconds"]
        pairs = zip(used[0], found, strict=True)
        ratios = [reference.seconds / our.seconds for reference, our in pairs if our.seconds > 0]
        reached = None
        if goal is not None:
            reached = both["our"]["seconds"] <= goal if is_start else ratio >= goal
        rows.append(
            {
                "name": ours.name,
                "ratio": ratio,
                "goal": goal,
                **{f"{side}_{field}": value for side, values in both.items() for field, value in values.items()},
                "two_person_share": ours.share,
                **common,
                "goal_is": "seconds" if is_start else "ratio",
                "is_reached": reached,
                "ratio_quartiles": np.quantile(ratios or [ratio], (0.25, 0.75)).tolist(),
                **({"reference_limits": limits[0], "our_limits": limit} if limit else {}),
            }
        )
    return rows


def _per_clip(used: list[Usage], clips: int) -> dict[str, float]:
    """Return the seconds of a clip, those of the system among them, and its page faults.

    The seconds are the mean of all calls, because the calls of a step differ: the last updates the weights.
    """
    mean = {name: statistics.fmean(getattr(one, name) for one in used) for name in Usage.__dataclass_fields__}
    return {name: value / clips for name, value in mean.items()}


def _limits(call: Callable[[], object], used: list[Usage], flops: float, ceiling: float) -> dict[str, Any]:
    """Return the mean FLOPs of the timed calls, their share of the best rate, and where the time of a call goes.

    The calls hold different numbers of persons, so both the FLOPs and the seconds are means of all of them.
    """
    seconds = statistics.fmean(one.seconds for one in used)
    return {
        "gigaflops": flops / 1e9,
        "ceiling_gigaflops_per_second": ceiling / 1e9,
        "share_of_ceiling": flops / seconds / ceiling if seconds > 0 else None,
        "shares_of_time": shares_of_time(call),
    }
