"""Test recordings that are exact copies of training recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from skeletonmae.datasets.splits import Split
from skeletonmae.errors import InputError
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.sequences.copies import number_recordings

TestCopies = Literal["keep", "remove"]
"""What happens to test recordings that are exact copies of training recordings."""


def handle_copies(task: EvaluationTask, test_copies: TestCopies) -> tuple[EvaluationTask, np.ndarray]:
    """Find the test recordings that are exact copies of training recordings, and keep or remove them.

    Copies have the same coordinates to the last bit. `validate` also finds recordings that share frames with
    others, or are nearly the same.

    Args:
        task: The evaluation.
        test_copies: `keep` marks them in `task.copies`, so that results also state the accuracy without them;
            `remove` takes them out of the test side.

    Returns:
        The task, and the indices of the copies in the store.

    Raises:
        InputError: All test recordings are copies, and are to be removed.
    """
    train, test = task.split
    number = number_recordings(task.store)
    copies = test[np.isin(number[test], number[train])]
    if test_copies == "keep":
        return replace(task, copies=copies), copies
    if len(copies) == len(test):
        raise InputError(
            "no test recording is left: all are copies of training recordings",
            where="data.test_copies",
            expected="keep, or a split whose sides share nothing",
            got=f"{len(copies)} copies",
        )
    return replace(task, split=Split(train, np.setdiff1d(test, copies))), copies


def describe_copies(copies: np.ndarray, test_copies: TestCopies) -> str:
    """Say what happened to the copies: `none`, `kept` or `removed`."""
    return {"keep": "kept", "remove": "removed"}[test_copies] if len(copies) else "none"
