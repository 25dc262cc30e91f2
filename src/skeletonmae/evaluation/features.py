"""Features of a frozen encoder."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from skeletonmae.evaluation.protocol import Task, finite
from skeletonmae.methods import Pooling


@torch.inference_mode()
def features_of(
    task: Task, index: np.ndarray, pooling: Pooling, *, views: int = 0, seed: int = 0, batch_size: int = 256
) -> tuple[Float[Tensor, "clip feature"], Int64[Tensor, " clip"]]:
    """Features and labels of recordings, on the CPU.

    Args:
        task: the encoder and the recordings.
        index: which recordings.
        pooling: of the features.
        views: 0 for the middle part of each recording, in the order of `index`; else so many random, augmented
            parts of each.
        seed: of the random parts.
        batch_size: clips at a time.
    """
    shared = pooling == "mean" and not views  # the others are large
    key = (id(task.method), index.tobytes(), task.clips) if shared else None
    if key in task.features:
        return task.features[key]
    method = task.method.to(task.processes.device).eval()
    loader = task.clips.loader(
        task.store, index, batch_size=batch_size, training=views > 0, seed=seed, device=task.processes.device
    )
    features, labels = [], []
    for epoch in range(max(1, views)):
        for batch in loader.epoch(epoch):
            features.append(method.embed(batch, pooling).float().cpu())
            labels.append(batch.label.cpu())
    found = finite(torch.cat(features)), torch.cat(labels)
    if key:
        task.features[key] = found
    return found


def settle_norms(task: Task) -> None:
    """Give the batch norms of an encoder that was not trained the statistics of the training side, without labels.

    Fresh ones have mean 0 and variance 1 and so change nothing, in a network that counts on them.
    """
    norms = [module for module in task.method.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    usual = norms[0].momentum
    for norm in norms:
        norm.momentum = None  # the mean over all batches
    method = task.method.to(task.processes.device).train()
    loader = task.clips.loader(
        task.store, task.split.train, batch_size=256, training=True, device=task.processes.device
    )
    with torch.no_grad():
        for batch in loader.epoch():
            method.embed(batch)
    for norm in norms:
        norm.momentum = usual
