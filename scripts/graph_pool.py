"""Project 3D stores into one 2D store, as random cameras see them, to pre-train `graph` on more poses.

    python scripts/graph_pool.py stores/graph_pool            # from stores/pool/*, in the layout penn13
    python scripts/graph_pool.py OUT STORE ... --layout coco17 --views 4

The stores of the pool, which `scripts/encoder_pool.py` writes, hold only the training sides of their datasets,
without recordings of which a test side shows a copy. A projected recording has no label. In a recipe:

    data: {pretrain: [{store: stores/penn_action, split: given}, {store: stores/graph_pool, use: all}]}
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import Skeleton, conversion, get_layout
from skeletonmae.transforms.camera import VirtualCamera

SOURCES = ("nw_ucla", "utd_mhad", "kinder_gator", "msr_action3d", "bandai_namco", "cmu")
"""Stores of the pool that are 3D, without the synthetic motion."""
CAMERA = VirtualCamera(probability=1.0, distance=(2.0, 10.0))
"""Two to ten meters away."""
FOCAL_LENGTH = 200.0
"""Pixels of a meter at the distance of the body."""


def project(recording: SkeletonSequence, layout: Skeleton, key: int, views: int) -> Iterator[SkeletonSequence]:
    """Yield a 3D recording as each of some random cameras sees it, in pixels of its image.

    Args:
        recording: In meters.
        layout: The joints to keep; those that the recording lacks are unobserved.
        key: Number of the recording, on which the cameras depend.
        views: Number of cameras.
    """
    positions, observed = conversion(recording.skeleton, layout)(recording.positions, recording.observed)
    index = torch.arange(views) + views * key
    clips = [torch.from_numpy(values).expand(views, *values.shape) for values in (positions, observed)]
    batch = CAMERA(Batch(*clips, torch.full_like(index, -1), sample_keys(0, 0, index), layout))
    for number, seen in enumerate(batch.positions.numpy()):
        image = np.where(
            observed[..., None], -FOCAL_LENGTH * seen[..., :2], np.float32(0)
        )  # x to the right, y down
        name = f"{recording.name}, camera {number + 1}"
        yield replace(
            recording,
            positions=image.astype(np.float32),
            observed=observed,
            skeleton=layout,
            name=name,
            unit="px",
            label=None,
            tags={},
        )


def write_pool(stores: list[Path], out: Path, layout: Skeleton, views: int) -> int:
    """Write the projections of all recordings of some stores, and return their number.

    Raises:
        InputError: A store is not 3D in meters, or has no joint of the layout.
    """
    count = 0
    with StoreWriter(out, layout, axes=2, unit="px", dataset="folder", dtype="float16") as writer:
        for path in stores:
            store = SequenceStore.open(path)
            if (store.axes, store.unit) != (3, "m"):
                raise InputError("only 3D recordings can be projected", where=path, got=f"{store.axes} axes")
            for recording in (store[index] for index in range(len(store))):
                for seen in project(recording, layout, count, views):
                    writer.add(replace(seen, name=f"{path.name}/{seen.name}"))
                    count += 1
    return count


def main() -> int:
    """Read the command line and write the store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the store to write")
    parser.add_argument("stores", type=Path, nargs="*", help="3D stores; by default those of stores/pool")
    parser.add_argument("--layout", default="penn13", help="joints of the projections")
    parser.add_argument("--views", type=int, default=2, help="number of cameras for each recording")
    options = parser.parse_args()
    stores = options.stores or [Path("stores/pool") / name for name in SOURCES]
    try:
        print(f"{write_pool(stores, options.out, get_layout(options.layout), options.views)} projections")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
