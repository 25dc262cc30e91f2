"""Clips in which nothing was observed: they are left out of both sides of an evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from skeletonmae.datasets.splits import Split
from skeletonmae.errors import InputError
from skeletonmae.evaluation.protocol import EvaluationTask


def leave_out_empty_clips(task: EvaluationTask) -> tuple[EvaluationTask, dict[str, int]]:
    """Leave recordings out whose clip shows the model no joint; a model can only guess their class.

    Returns:
        The task with a smaller split, and the number of recordings left out of each side, `train` and `test`.

    Raises:
        InputError: A side, or a class on one side, has no other recordings.
    """
    sides = {}
    for side, index in task.split._asdict().items():
        is_empty = find_empty_clips(task, index)
        sides[side] = index[~is_empty]
        _check_not_empty(task, side, index, sides[side])
    num_empty = {side: len(index) - len(sides[side]) for side, index in task.split._asdict().items()}
    return (replace(task, split=Split(**sides)) if any(num_empty.values()) else task), num_empty


def find_empty_clips(
    task: EvaluationTask, index: np.ndarray, batch_size: int = 256
) -> Bool[np.ndarray, " recording"]:
    """Return whether the middle part of each recording shows no joint that the model knows.

    Args:
        task: The model's joints, the clips and the recordings.
        index: Indices of the recordings.
        batch_size: Clips per batch.
    """
    loader = task.clips.loader(task.store, index, batch_size=batch_size, device=task.distributed.device)
    flags = [~batch.has_observed(task.joints).cpu().numpy() for batch in loader.epoch()]
    return np.concatenate([np.zeros(0, dtype=bool), *flags])


def _check_not_empty(task: EvaluationTask, side: str, before: np.ndarray, after: np.ndarray) -> None:
    advice = "check the store with `skeletonmae validate`"
    problem = "no joint that the model knows was observed in any clip of"
    if len(before) and not len(after):
        raise InputError(f"{problem} the {side} side; {advice}", where="data.evaluate", got=f"{len(before)} clips")
    lost = set(task.labels[before].tolist()) - set(task.labels[after].tolist())
    if lost:
        names = [task.classes[label] for label in sorted(lost)]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        got = ", ".join(names[:5]) + more
        raise InputError(f"{problem} some classes of the {side} side; {advice}", where="data.evaluate", got=got)
