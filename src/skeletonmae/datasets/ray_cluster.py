"""Prepare a store in shards on a Ray cluster; needs the package `ray`, from the extra `skeletonmae[ray]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.join import join_shards
from skeletonmae.datasets.prepare import prepare
from skeletonmae.datasets.report import PrepareReport
from skeletonmae.datasets.shards import ShardNumber


def prepare_on_ray(
    dataset: Dataset, source: Path, out: Path, num_shards: int, *, max_retries: int = 3, **settings: Any
) -> PrepareReport:
    """Prepare each shard in a Ray task, and join them.

    Ray repeats a task whose process was killed or whose machine was lost; it continues from what is on the disk.

    Args:
        dataset: The dataset to read.
        source: The folder, zip archive or file that holds it, at the same path on all machines.
        out: Folder of the new store, likewise.
        num_shards: Number of shards.
        max_retries: How often a lost task is repeated.
        settings: Further arguments of `prepare`.

    Raises:
        InputError: As in `prepare` and `join_shards`.
    """
    task = ray.remote(max_retries=max_retries)(prepare)
    shards = [ShardNumber(number, num_shards) for number in range(1, num_shards + 1)]
    ray.get([task.remote(dataset, source, out, shard=shard, **settings) for shard in shards])
    return join_shards(dataset, source, out, strict=settings.get("strict", False))
