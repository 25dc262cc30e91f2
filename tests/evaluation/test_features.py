from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae.errors import InputError
from skeletonmae.evaluation import calibrate_batch_norm
from skeletonmae.evaluation.features import extract_features

DICE = np.random.default_rng(0)
TRAIN, TEST, LABELS = DICE.normal(5, 3, (40, 4)), DICE.normal(50, 3, (40, 4)), np.zeros(40, int)


class Composed(nn.Module):
    """Another module behind the features of a method."""

    def __init__(self, method: Any, last: Any) -> None:
        super().__init__()
        self.method, self.last = method, last

    def embed(
        self, batch: Any, pooling: Any = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> torch.Tensor:
        out: torch.Tensor = self.last(self.method.embed(batch, pooling)[:, :4])
        return out


def append_module(task: Any, last: Any) -> None:
    object.__setattr__(task, "method", Composed(task.method, last))


def test_batch_norms_have_the_statistics_of_the_training_side(make_task: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",))
    norm = nn.BatchNorm1d(4)
    append_module(task, norm)
    calibrate_batch_norm(task)
    assert norm.momentum == 0.1  # unchanged
    features = extract_features(task, task.split.train, "mean")[0]
    torch.testing.assert_close(features.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(features.std(0), torch.ones(4), atol=1e-3, rtol=0)


def test_features_that_are_not_finite_are_refused(make_task: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",))
    append_module(task, lambda x: torch.where(x == x[3, 1], torch.nan, x))
    with pytest.raises(InputError, match=r"not finite.*got 1 of 40"):
        extract_features(task, task.split.train, "mean")


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_features_are_computed_in_the_precision_of_the_task(make_task: Any, precision: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",), precision=precision)
    seen: list[torch.dtype] = []
    linear = nn.Linear(4, 2)
    linear.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    append_module(task, linear)
    features, _ = extract_features(task, task.split.train, "mean")
    assert features.dtype == torch.float32
    assert set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}
