"""The path of the body through space, apart from its pose."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.batches.constants import constant
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.config import Config
from skeletonmae.skeletons import VOCABULARY, Skeleton

ANCHORS: tuple[tuple[str, ...], ...] = (
    ("left_hip", "right_hip"),
    ("pelvis",),
    ("left_shoulder", "right_shoulder"),
    ("shoulder_center",),
    ("neck",),
)
"""Joints whose mean is the center of a body, best first."""


class RootMotion(Config):
    """Move the origin to the body's center in every frame, and keep the path of the center in `Tracks.root`.

    The center is the middle of the hips or, where these are observed in less than half of the frames in which the
    person is seen, the pelvis, the middle of the shoulders, their center, the neck, the center that a layout with
    names of its own declares, or the centroid of the observed joints. In frames without it, the body keeps its
    last place, or the first one that follows, and the path is not observed. Paths are relative to the first center
    of the first person of the clip, so that the place and the origin of the sensor do not matter, but the distance
    between two persons does.
    """

    kind: Literal["root_motion"] = "root_motion"

    def __call__(self, batch: Batch) -> Batch:
        """Take the path out of the positions of every person."""
        tracks = batch.tracks
        if not len(tracks):
            root, root_observed = (
                tracks.positions.new_zeros(0, *tracks.positions.shape[1::2]),
                tracks.observed[:, :, 0],
            )
            return batch.of_tracks(replace(tracks, root=root, root_observed=root_observed))
        center, is_observed = body_center(tracks.positions, tracks.observed, tracks.skeleton)
        held, first = held_values(center, is_observed)
        moved = tracks.positions.flatten(2) - held.repeat(1, 1, tracks.skeleton.num_joints)
        positions = set_unobserved_to_zero_(moved.view_as(tracks.positions), tracks.observed)
        start = held.gather(1, first[:, None, None].expand(-1, 1, held.shape[2]))[:, 0]
        origin = tracks.of_first_person(is_observed.any(1), start)
        root = set_unobserved_to_zero_(held - origin[:, None], is_observed)
        return batch.of_tracks(replace(tracks, positions=positions, root=root, root_observed=is_observed))


def body_center(
    positions: Float[Tensor, "track frame joint axis"],
    observed: Bool[Tensor, "track frame joint"],
    skeleton: Skeleton,
) -> tuple[Float[Tensor, "track frame axis"], Bool[Tensor, "track frame"]]:
    """Return the center of each body in each frame, as described at `RootMotion`, and whether it was observed."""
    return _center_of(positions, observed, skeleton, 0)


def _center_of(
    positions: Float[Tensor, "track frame joint axis"],
    observed: Bool[Tensor, "track frame joint"],
    skeleton: Skeleton,
    rank: int,
) -> tuple[Float[Tensor, "track frame axis"], Bool[Tensor, "track frame"]]:
    """Return the centers, without the first `rank` anchors."""
    is_seen = observed.any(2)
    anchors = anchors_of(skeleton)[rank:]
    if not anchors:
        return positions.sum(2) / observed.sum(2, keepdim=True).clamp(min=1), is_seen
    joints = constant(tuple(skeleton.index[joint] for joint in anchors[0]), torch.int64, positions.device)
    center = positions.index_select(2, joints).mean(2)
    is_observed = observed.index_select(2, joints).all(2)
    has_center = 2 * is_observed.sum(1) >= is_seen.sum(1)
    if not has_center.is_cpu:
        others = _center_of(positions, observed, skeleton, rank + 1)
        return (
            center.where(has_center[:, None, None], others[0]),
            is_observed.where(has_center[:, None], others[1]),
        )
    row = (~has_center).nonzero().squeeze(1)
    if len(row):
        others = _center_of(positions[row], observed[row], skeleton, rank + 1)
        center.index_copy_(0, row, others[0])
        is_observed.index_copy_(0, row, others[1])
    return center, is_observed


def anchors_of(skeleton: Skeleton) -> list[tuple[str, ...]]:
    """Return the joints whose mean is the center of a body of a layout, best first.

    The center that a layout declares counts only if its joints have names of their own: otherwise, a joint that is
    not in the layout would make another difference than one that is not observed.
    """
    anchors: list[tuple[str, ...]] = [anchor for anchor in ANCHORS if set(anchor) <= skeleton.index.keys()]
    return anchors if set(skeleton.center) <= VOCABULARY.keys() else [*anchors, tuple(skeleton.center)]


def held_values(
    values: Float[Tensor, "track frame axis"], counts: Bool[Tensor, "track frame"]
) -> tuple[Float[Tensor, "track frame axis"], Tensor]:
    """Return for each frame the values of the last frame that counts, or of the next.

    Returns:
        The values, and the index of the first frame that counts.
    """
    first = counts.int().argmax(1)
    if counts.is_cpu and counts.all():
        return values, first
    frame = torch.arange(values.shape[1], device=values.device).expand_as(counts)
    last = frame.masked_fill(~counts, -1).cummax(1).values
    source = torch.where(last < 0, first[:, None], last)
    return values.gather(1, source[..., None].expand_as(values)), first
