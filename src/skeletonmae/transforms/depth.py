"""2D clips among 3D ones: the third axis is 0, and `has_depth` says that it was not observed."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch


def with_third_axis(batch: Batch) -> Batch:
    """Give 2D clips a third axis, in the directions of 3D clips; 3D clips are returned as they are.

    In an image, x points to the right and y down; in 3D, x points to the camera's left and y up. So the first two
    axes change their signs, and a person has the same orientation in a video as before a depth sensor.
    """
    tracks = batch.tracks
    if tracks.positions.shape[-1] == 3:
        return batch
    positions = torch.nn.functional.pad(-tracks.positions, (0, 1))
    root = None if tracks.root is None else torch.nn.functional.pad(-tracks.root, (0, 1))
    return batch.of_tracks(replace(tracks, positions=positions, root=root))


def set_depth_to_zero_(
    positions: Float[Tensor, "track *points axis"], has_depth: Bool[Tensor, " track"]
) -> Float[Tensor, "track *points axis"]:
    """Set the third coordinate of 2D clips to 0, in place, and return the positions."""
    if positions.shape[-1] != 3 or (has_depth.is_cpu and has_depth.all()):
        return positions
    shape = (len(has_depth), *[1] * (positions.dim() - 2))
    positions[..., 2] *= has_depth.view(shape)
    return positions
