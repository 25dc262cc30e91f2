"""Features of a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.modules.batchnorm import _BatchNorm

from skeletonmae.batches import Loader
from skeletonmae.batches.loader import epoch_order
from skeletonmae.config import Config
from skeletonmae.evaluation.feature_cache import ViewFeatures
from skeletonmae.evaluation.protocol import EvaluationTask, check_finite
from skeletonmae.methods import Pooling
from skeletonmae.training import autocast

Features = tuple[Float[Tensor, "clip feature"], Int64[Tensor, " clip"]]
"""Features and labels of clips."""


class FeatureConfig(Config):
    """Which features of a frozen encoder a protocol uses."""

    pooling: Pooling = "mean"
    """`mean` averages over persons, time and joints, as published. `joints` concatenates the means of the joints,
    `parts` those of the six parts of a body: head, torso, arms and legs. `statistics` adds standard deviations
    over time to `parts`, and takes both from the block at two thirds of the depth; it needs the encoder of
    `joint_patch`."""
    time_parts: int = Field(1, ge=1, le=1000)
    """Number of equal parts of a clip whose means are concatenated."""
    last_blocks: int = Field(1, ge=1, le=256)
    """Number of encoder blocks, from the last, whose features are averaged, each after the encoder's final norm.
    More than one is for `joint_patch`."""

    @model_validator(mode="after")
    def _check_statistics(self) -> Self:
        if self.pooling == "statistics" and (self.time_parts > 1 or self.last_blocks > 1):
            got = f"time_parts {self.time_parts} and last_blocks {self.last_blocks}"
            raise ValueError(f"pooling statistics is of all of a clip and one block: both must be 1; got {got}")
        return self

    def extract(
        self,
        task: EvaluationTask,
        index: np.ndarray,
        *,
        views: int = 0,
        average_views: bool = False,
        seed: int = 0,
    ) -> Features:
        """Return the features and labels of recordings; see `extract_features`."""
        return extract_features(
            task,
            index,
            self.pooling,
            time_parts=self.time_parts,
            last_blocks=self.last_blocks,
            views=views,
            average_views=average_views,
            seed=seed,
        )

    def extract_views(
        self, task: EvaluationTask, index: np.ndarray, *, views: int = 0, seed: int = 0
    ) -> list[ViewFeatures]:
        """Return the features of the middle part of every recording, and of each of `views` random parts."""
        return _extract_views(task, index, self.pooling, self.time_parts, self.last_blocks, views, seed)

    def extract_mean(
        self, task: EvaluationTask, index: np.ndarray, *, views: int = 0, seed: int = 0
    ) -> ViewFeatures:
        """Return the mean features over the views of every recording, in the order of `index`.

        Args:
            task: The encoder and the recordings.
            index: Indices of the recordings, each once.
            views: Number of random, augmented parts of each recording, in addition to the middle part.
            seed: Seed of the random parts.

        Returns:
            The features, on the CPU, and which recordings have a view that shows the model a joint.
        """
        return _average(self.extract_views(task, index, views=views, seed=seed))

    @property
    def feature_setting(self) -> str:
        """What distinguishes these features from the default ones, such as `parts last_blocks=3`."""
        pooling = [self.pooling] if self.pooling != "mean" else []
        numbers = {"time_parts": self.time_parts, "last_blocks": self.last_blocks}
        return " ".join([*pooling, *(f"{name}={number}" for name, number in numbers.items() if number > 1)])

    @property
    def feature_details(self) -> dict[str, str | int]:
        """What a result says about these features."""
        return {"pooling": self.pooling, "time_parts": self.time_parts, "last_blocks": self.last_blocks}


def extract_features(
    task: EvaluationTask,
    index: np.ndarray,
    pooling: Pooling,
    *,
    time_parts: int = 1,
    last_blocks: int = 1,
    views: int = 0,
    average_views: bool = False,
    seed: int = 0,
    batch_size: int = 256,
) -> Features:
    """Features and labels of recordings, on the CPU. Clips that show the model no joint are left out.

    The features of each view are kept in `task.feature_cache`.

    Args:
        task: The encoder and the recordings.
        index: Indices of the recordings, each once.
        pooling: How token features become clip features.
        time_parts: Number of equal parts of a clip whose means are concatenated.
        last_blocks: Number of encoder blocks, from the last, whose features are averaged.
        views: Number of random, augmented parts of each recording, in addition to the middle part.
        average_views: Average the views of each recording; the result has one row per recording, in the order of
            `index`. If False, all middle parts come first, then all first random parts, and so on.
        seed: Seed of the random parts.
        batch_size: Clips per batch.

    Raises:
        InputError: A feature is not finite, a clip has fewer time steps than `time_parts`, or the method returns
            the features of fewer than `last_blocks` blocks.
    """
    labels = torch.from_numpy(task.labels[index].astype(np.int64))
    found = _extract_views(task, index, pooling, time_parts, last_blocks, views, seed, batch_size)
    return join_views(found, labels, average=average_views)


def join_views(views: Sequence[ViewFeatures], labels: Int64[Tensor, " recording"], *, average: bool) -> Features:
    """Return the features and labels of the views of recordings that show the model a joint.

    Args:
        views: The views, each of all recordings.
        labels: Labels of the recordings.
        average: Average the views of each recording; otherwise all clips of the first view come first.
    """
    kept = [_average(list(views))] if average else views
    features = torch.cat([view.features[view.is_kept] for view in kept])
    return features, torch.cat([labels[view.is_kept] for view in kept])


def _extract_views(
    task: EvaluationTask,
    index: np.ndarray,
    pooling: Pooling,
    time_parts: int,
    last_blocks: int,
    views: int,
    seed: int,
    batch_size: int = 256,
) -> list[ViewFeatures]:
    """Features of the middle part of each recording, and of `views` random parts; see `extract_features`."""
    device = task.distributed.device
    loaders: dict[bool, Loader] = {}  # one for all random parts: on a GPU, it copies the store there

    def view_features(view: int) -> ViewFeatures:
        is_random = view > 0

        def compute() -> ViewFeatures:
            if is_random not in loaders:
                loaders[is_random] = task.clips.loader(
                    task.store, index, batch_size=batch_size, training=is_random, seed=seed, device=device
                )
            return _compute_view(task, loaders[is_random], max(0, view - 1), pooling, time_parts, last_blocks)

        settings = (pooling, time_parts, last_blocks, batch_size, view, seed if is_random else 0)
        # The objects themselves are in the key: an id could be used again.
        encoder = (task.method, task.store, task.clips, task.joints, task.precision, device)
        return task.feature_cache.get((*encoder, *settings, index.tobytes()), compute)

    return [view_features(view) for view in range(views + 1)]


def _average(views: list[ViewFeatures]) -> ViewFeatures:
    """Mean of the views of each recording that show the model a joint."""
    is_kept = torch.stack([view.is_kept for view in views])
    total = torch.stack([view.features.masked_fill(~view.is_kept[:, None], 0.0) for view in views]).sum(0)
    num_kept = is_kept.sum(0)
    return ViewFeatures(total / num_kept.clamp(min=1)[:, None], num_kept > 0)


@torch.inference_mode()
def _compute_view(
    task: EvaluationTask, loader: Loader, epoch: int, pooling: Pooling, time_parts: int, last_blocks: int
) -> ViewFeatures:
    """Features of one part of each recording of a loader, in the order of its index."""
    device = task.distributed.device
    method = task.method.to(device).eval()
    features, is_kept = [], []
    for batch in loader.epoch(epoch):
        with autocast(task.precision, device):
            embedded = method.embed(batch, pooling, time_parts=time_parts, last_blocks=last_blocks)
        features.append(embedded.float().cpu())
        is_kept.append(batch.has_observed(task.joints).cpu())
    view = ViewFeatures(torch.cat(features), torch.cat(is_kept))
    check_finite(view.features[view.is_kept])
    if not loader.training:
        return view
    order = torch.from_numpy(np.argsort(epoch_order(loader.seed, epoch, len(loader.index))))
    return ViewFeatures(view.features[order], view.is_kept[order])


def center_and_normalize(
    train: Float[Tensor, "train feature"], test: Float[Tensor, "test feature"]
) -> tuple[Float[Tensor, "train feature"], Float[Tensor, "test feature"]]:
    """Subtract the mean of the training features from both sides, and scale each clip's features to length 1.

    Args:
        train: Features of the training clips.
        test: Features of the test clips, which do not change the mean.
    """
    mean = train.mean(0)
    return normalize(train - mean, dim=1), normalize(test - mean, dim=1)


def calibrate_batch_norm(task: EvaluationTask) -> None:
    """Recompute the batch norm statistics of an untrained encoder on the training split.

    Fresh batch norms have mean 0 and variance 1, so they do not normalize at all. No labels are used.
    """
    norms = [module for module in task.method.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momentum = norms[0].momentum
    for norm in norms:
        norm.momentum = None  # cumulative average over all batches
    method = task.method.to(task.distributed.device).train()
    loader = task.clips.loader(
        task.store, task.split.train, batch_size=256, training=True, device=task.distributed.device
    )
    with torch.no_grad():
        for batch in loader.epoch():
            method.embed(batch)
    for norm in norms:
        norm.momentum = momentum
