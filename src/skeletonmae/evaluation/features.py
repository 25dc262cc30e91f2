"""Features of a frozen encoder."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from skeletonmae.evaluation.protocol import EvaluationTask, check_finite
from skeletonmae.methods import Pooling
from skeletonmae.training import autocast


@torch.inference_mode()
def extract_features(
    task: EvaluationTask,
    index: np.ndarray,
    pooling: Pooling,
    *,
    views: int = 0,
    seed: int = 0,
    batch_size: int = 256,
) -> tuple[Float[Tensor, "clip feature"], Int64[Tensor, " clip"]]:
    """Features and labels of recordings, on the CPU. Clips that show the model no joint are left out.

    Args:
        task: The encoder and the recordings.
        index: Indices of the recordings.
        pooling: How token features become clip features.
        views: 0 for the middle part of each recording, in the order of `index`; otherwise the number of random,
            augmented parts of each recording.
        seed: Seed of the random parts.
        batch_size: Clips per batch.

    Raises:
        InputError: A feature is not finite.
    """
    cacheable = pooling == "mean" and not views  # other features are large
    key = (id(task.method), index.tobytes(), task.clips) if cacheable else None
    if key in task.feature_cache:
        return task.feature_cache[key]
    method = task.method.to(task.distributed.device).eval()
    loader = task.clips.loader(
        task.store, index, batch_size=batch_size, training=views > 0, seed=seed, device=task.distributed.device
    )
    features, labels = [], []
    for epoch in range(max(1, views)):
        for batch in loader.epoch(epoch):
            is_kept = batch.has_observed(task.joints)
            with autocast(task.precision, task.distributed.device):
                embedded = method.embed(batch, pooling)
            features.append(embedded[is_kept].float().cpu())
            labels.append(batch.label[is_kept].cpu())
    extracted = check_finite(torch.cat(features)), torch.cat(labels)
    if key:
        task.feature_cache[key] = extracted
    return extracted


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
