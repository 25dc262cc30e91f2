"""Clips as a camera would see them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Batch, Tracks
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.config import Config
from skeletonmae.transforms.chosen import change_tracks
from skeletonmae.transforms.geometry import rotate_positions, rotation_matrix

NEAREST = 0.25
"""Least distance of a joint from the camera, as a share of that of the person: others would be behind it."""


class VirtualCamera(Config):
    """Turn random 3D clips into 2D ones, seen in perspective by a camera at a random place.

    The camera looks at the mean of the observed joints of the clip, from any side. The third coordinate becomes 0
    and `has_depth` False. The clip keeps its three axes and, at the distance of that mean, its scale. It belongs
    after `normalize_size`, and before another one that measures the projected body.
    """

    kind: Literal["virtual_camera"] = "virtual_camera"
    probability: float = Field(0.5, ge=0, le=1)
    """Probability that a 3D clip becomes a 2D clip."""
    yaw: float = Field(180.0, ge=0, le=180)
    """Maximum angle about the vertical, in both directions, in degrees."""
    pitch: tuple[float, float] = (-15.0, 45.0)
    """Minimum and maximum height of the camera, as the angle in degrees at which it looks down."""
    roll: float = Field(8.0, ge=0, le=180)
    """Maximum angle about the direction in which the camera looks, in both directions, in degrees."""
    distance: tuple[float, float] = (4.0, 20.0)
    """Minimum and maximum distance of the camera, in the unit of the positions: body sizes after `normalize_size`.
    Small distances are as likely as large ones, in proportion."""

    @model_validator(mode="after")
    def _check_ranges(self) -> VirtualCamera:
        if not -90 <= self.pitch[0] <= self.pitch[1] <= 90:
            raise ValueError(f"pitch must be two angles in increasing order, from -90 to 90; got {self.pitch}")
        if not 0 < self.distance[0] <= self.distance[1]:
            raise ValueError(f"distance must be two distances above 0 in increasing order; got {self.distance}")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Project some of the clips."""
        if batch.tracks.positions.shape[-1] != 3:
            return batch
        rng = batch.rng("virtual_camera")
        draw = rng.uniform(5)
        tracks = batch.tracks
        is_chosen = (draw[:, 0] < self.probability)[tracks.clip_index] & tracks.has_depth
        target = _mean_of_clips(tracks)

        def change(chosen: Tracks) -> Tracks:
            clip = chosen.clip_index
            return self._project(chosen, draw.index_select(0, clip), target.index_select(0, clip))

        return change_tracks(batch, is_chosen, change)

    def _project(
        self, tracks: Tracks, draw: Float[Tensor, "track draw"], target: Float[Tensor, "track axis"]
    ) -> Tracks:
        """Project tracks with the numbers of their clips."""
        yaw = math.radians(self.yaw) * (2 * draw[:, 1] - 1)
        pitch = (self.pitch[0] + (self.pitch[1] - self.pitch[0]) * draw[:, 2]) * (math.pi / 180)
        roll = math.radians(self.roll) * (2 * draw[:, 3] - 1)
        ratio = self.distance[1] / self.distance[0]
        distance = (self.distance[0] * ratio ** draw[:, 4])[:, None, None, None]
        # From above, the head is nearer to the camera than the feet: y up turns towards -z.
        turns = (rotation_matrix("y", yaw), rotation_matrix("x", -pitch), rotation_matrix("z", roll))
        matrix = torch.bmm(turns[2], torch.bmm(turns[1], turns[0]))
        seen = rotate_positions(tracks.positions - target[:, None, None], matrix)
        depth = seen[..., 2:] + distance
        seen *= distance / depth.maximum(NEAREST * distance)
        seen[..., 2] = 0.0
        has_depth = torch.zeros_like(tracks.has_depth)
        return replace(tracks, positions=set_unobserved_to_zero_(seen, tracks.observed), has_depth=has_depth)


def _mean_of_clips(tracks: Tracks) -> Float[Tensor, "batch axis"]:
    """Return the mean of the observed positions of each clip."""
    total = tracks.positions.new_zeros(tracks.num_clips, tracks.positions.shape[-1])
    total.index_add_(0, tracks.clip_index, tracks.positions.sum((1, 2)))
    num = tracks.positions.new_zeros(tracks.num_clips)
    num.index_add_(0, tracks.clip_index, tracks.observed.sum((1, 2)).to(num.dtype))
    return total / num.clamp(min=1)[:, None]
