"""Frozen encoder, retrieval of training clips of the same class."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from skeletonmae.evaluation.features import FeatureConfig, center_and_normalize
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.protocol import EvaluationTask, scored_result
from skeletonmae.evaluation.result import Result, ResultKey

SIMILARITIES_AT_ONCE = 2**24
"""Number of similarities that are computed and sorted at once."""


class Retrieval(FeatureConfig):
    """Rank the training clips by the cosine similarity of their features to each test clip.

    The test clips are the queries and the training clips the gallery. Features are centered with the mean of the
    training features, as in `knn`. Top-1 is the share of queries whose nearest training clip has their class. The
    mean average precision is over the queries whose class occurs in the gallery.
    """

    kind: Literal["retrieval"] = "retrieval"

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the one result."""
        return ((f"retrieval {self.feature_setting}".strip(), 1.0, 0),)

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result, with `map` and the chance levels among its metrics."""
        timer = LapTimer()
        device = task.distributed.device
        gallery, gallery_labels = (tensor.to(device) for tensor in self.extract(task, task.split.train))
        queries, query_labels = (tensor.to(device) for tensor in self.extract(task, task.split.test))
        gallery, queries = center_and_normalize(gallery, queries)
        precision, best = rank_gallery(queries, query_labels, gallery, gallery_labels, len(task.classes))
        num_relevant = torch.bincount(gallery_labels, minlength=len(task.classes))[query_labels]
        is_answerable = num_relevant > 0
        chance = chance_precision(num_relevant[is_answerable].cpu(), len(gallery))
        return [
            scored_result(
                task,
                best.cpu(),
                query_labels.cpu(),
                kind="similarities",
                protocol="retrieval",
                setting=self.feature_setting,
                num_train=len(gallery),
                metrics={
                    "map": float(precision[is_answerable].mean()),
                    "map_chance": float(chance.mean()),
                    "top1_chance": float((num_relevant / len(gallery)).mean()),
                    "num_queries_without_class": float((~is_answerable).sum()),
                },
                details={
                    **self.feature_details,
                    "normalization": "centered, l2",
                    "distance": "cosine",
                },
                seconds=timer.lap(),
            )
        ]


def rank_gallery(
    queries: Float[Tensor, "query feature"],
    query_labels: Int64[Tensor, " query"],
    gallery: Float[Tensor, "gallery feature"],
    gallery_labels: Int64[Tensor, " gallery"],
    num_classes: int,
) -> tuple[Float[Tensor, " query"], Float[Tensor, "query class"]]:
    """Rank a gallery for each query by dot product.

    Args:
        queries: Features, on any device.
        query_labels: Class indices.
        gallery: Features.
        gallery_labels: Class indices.
        num_classes: Number of classes.

    Returns:
        The average precision of each query, 0 if its class is not in the gallery; and the largest similarity to
        each class, -2 for a class without clips in the gallery.
    """
    rank = torch.arange(1, len(gallery) + 1, device=gallery.device)
    precision, best = [], []
    num_at_once = max(1, SIMILARITIES_AT_ONCE // len(gallery))
    for chunk, labels in zip(
        torch.split(queries, num_at_once), torch.split(query_labels, num_at_once), strict=True
    ):
        similarity = chunk @ gallery.T
        order = similarity.argsort(dim=1, descending=True, stable=True)
        is_relevant = gallery_labels[order] == labels[:, None]
        precision_at = is_relevant.cumsum(1) / rank
        total = (precision_at * is_relevant).sum(1)
        precision.append(total / is_relevant.sum(1).clamp(min=1))
        by_class = similarity.new_full((len(chunk), num_classes), -2.0)  # below any cosine
        best.append(by_class.scatter_reduce(1, gallery_labels.expand_as(similarity), similarity, "amax"))
    return torch.cat(precision), torch.cat(best)


def chance_precision(num_relevant: Int64[Tensor, " query"], num_gallery: int) -> Float[Tensor, " query"]:
    """Return the expected average precision of a gallery in random order.

    At rank i, a relevant clip has on average `(i - 1) (R - 1) / (N - 1)` of the other relevant clips before it.

    Args:
        num_relevant: Number of clips in the gallery of each query's class, R, at least 1.
        num_gallery: Number of clips in the gallery, N.
    """
    harmonic = (1.0 / torch.arange(1, num_gallery + 1, dtype=torch.float64)).sum()
    others = (num_relevant.double() - 1) / max(1, num_gallery - 1)
    return ((others * (num_gallery - harmonic) + harmonic) / num_gallery).float()
