"""Frozen encoder, k nearest neighbors."""

from __future__ import annotations

import time
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.config import Config
from skeletonmae.evaluation.features import extract_features
from skeletonmae.evaluation.protocol import EvaluationTask, Result, scored_result
from skeletonmae.methods import Pooling


class KNN(Config):
    """The majority class of the nearest training clips, by cosine similarity of features."""

    kind: Literal["knn"] = "knn"
    k: tuple[int, ...] = Field((1, 5, 20), min_length=1)
    """Numbers of neighbors; one result for each."""
    pooling: Pooling = "mean"
    """As in `linear`."""

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result for each k."""
        started = time.monotonic()
        train = extract_features(task, task.split.train, self.pooling)
        test = extract_features(task, task.split.test, self.pooling)
        return [
            scored_result(
                task,
                knn_scores(*train, test[0], k, len(task.classes)),
                test[1],
                kind="votes",
                protocol="knn",
                setting=" ".join([f"k={k}", *([self.pooling] if self.pooling != "mean" else [])]),
                num_train=len(train[0]),
                seconds=time.monotonic() - started,
            )
            for k in self.k
        ]


def knn_scores(
    train: Float[Tensor, "train feature"],
    labels: Int64[Tensor, " train"],
    test: Float[Tensor, "test feature"],
    k: int,
    num_classes: int,
) -> Float[Tensor, "test class"]:
    """Votes of the k nearest training clips for each class.

    Features are centered with the training mean and compared by cosine similarity. A neighbor's vote is 1 plus a
    fraction that grows with its similarity; the fractions of all k neighbors sum to at most one half, so they only
    break ties between classes with equally many neighbors.

    Args:
        train: Features of the training clips.
        labels: Class indices of the training clips.
        test: Features of the test clips.
        k: Number of neighbors; at most the number of training clips is used.
        num_classes: Number of classes.
    """
    mean = train.mean(0)
    train = torch.nn.functional.normalize(train - mean, dim=1)
    test = torch.nn.functional.normalize(test - mean, dim=1)
    k = min(k, len(train))
    similarity, nearest = (test @ train.T).topk(k, dim=1)
    votes = 1.0 + (1.0 + similarity) / (4.0 * k)
    return torch.zeros(len(test), num_classes).scatter_add_(1, labels[nearest], votes)
