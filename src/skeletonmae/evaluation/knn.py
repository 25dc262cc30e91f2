"""Frozen encoder, k nearest neighbors."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.evaluation.features import FeatureConfig, center_and_normalize
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.protocol import EvaluationTask, scored_result
from skeletonmae.evaluation.result import Result, ResultKey


class KNN(FeatureConfig):
    """The majority class of the nearest training clips, by cosine similarity of features."""

    kind: Literal["knn"] = "knn"
    k: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 5, 20), min_length=1)
    """Numbers of neighbors; one result for each."""

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the result for each k."""
        return tuple((f"knn {self._setting(k)}", 1.0, 0) for k in self.k)

    def _setting(self, k: int) -> str:
        return f"k={k} {self.feature_setting}".strip()

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result for each k."""
        timer = LapTimer()
        device = task.distributed.device
        train, train_labels = (each.to(device) for each in self.extract(task, task.split.train))
        test, test_labels = self.extract(task, task.split.test)
        test = test.to(device)
        return [
            scored_result(
                task,
                knn_scores(train, train_labels, test, k, len(task.classes)).cpu(),
                test_labels,
                kind="votes",
                protocol="knn",
                setting=self._setting(k),
                num_train=len(train),
                details={**self.feature_details, "normalization": "centered, l2", "k": k, "distance": "cosine"},
                seconds=timer.lap(),
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
    train, test = center_and_normalize(train, test)
    k = min(k, len(train))
    similarity, nearest = (test @ train.T).topk(k, dim=1)
    votes = 1.0 + (1.0 + similarity) / (4.0 * k)
    return test.new_zeros(len(test), num_classes).scatter_add_(1, labels[nearest], votes)
