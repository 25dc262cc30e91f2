"""Frozen encoder, nearest neighbours."""

from __future__ import annotations

import time
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.config import Config
from skeletonmae.evaluation.features import features_of
from skeletonmae.evaluation.protocol import Result, Task, score
from skeletonmae.methods import Pooling


class KNN(Config):
    """The class that most of the nearest training clips have, by the cosine of features."""

    kind: Literal["knn"] = "knn"
    k: tuple[int, ...] = Field((1, 5, 20), min_length=1)
    """How many neighbours; a result for each."""
    pooling: Pooling = "mean"
    """As in `linear`."""

    def run(self, task: Task) -> list[Result]:
        """One result for each k."""
        started = time.monotonic()
        train = features_of(task, task.split.train, self.pooling)
        test = features_of(task, task.split.test, self.pooling)
        return [
            Result(
                protocol="knn",
                setting=" ".join([f"k={k}", *([self.pooling] if self.pooling != "mean" else [])]),
                pretrained=task.pretrained,
                num_train=len(train[0]),
                seconds=time.monotonic() - started,
                **score(neighbour_scores(*train, test[0], k, len(task.classes)), test[1], task.classes),
            )
            for k in self.k
        ]


def neighbour_scores(
    train: Float[Tensor, "train feature"],
    labels: Int64[Tensor, " train"],
    test: Float[Tensor, "test feature"],
    k: int,
    num_classes: int,
) -> Float[Tensor, "test class"]:
    """For each test clip, how many of its k nearest training clips are of each class.

    Nearest by cosine, after the mean of the training features is taken off. Of classes with equally many, the one
    with the nearest neighbours wins: each counts 1 and a little more the nearer it is.
    """
    mean = train.mean(0)
    train = torch.nn.functional.normalize(train - mean, dim=1)
    test = torch.nn.functional.normalize(test - mean, dim=1)
    k = min(k, len(train))
    cosine, nearest = (test @ train.T).topk(k, dim=1)
    vote = 1.0 + (1.0 + cosine) / (4.0 * k)
    return torch.zeros(len(test), num_classes).scatter_add_(1, labels[nearest], vote)
