"""Other proportions of the body."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Batch, Tracks
from skeletonmae.batches.constants import constant
from skeletonmae.batches.unobserved import set_unobserved_to_zero_
from skeletonmae.config import Config
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import breadth_first


class ScaleLimbs(Config):
    """Make the body parts of each person longer or shorter by random factors.

    Each bone is scaled about its parent by the factor of the part that its joint belongs to, and the joints
    further out move along. The root stays where it is, and the bones keep their directions.
    """

    kind: Literal["scale_limbs"] = "scale_limbs"
    low: float = Field(0.85, gt=0)
    """Minimum factor."""
    high: float = Field(1.15, gt=0)
    """Maximum factor."""
    sides: Literal["together", "separate"] = "together"
    """Whether the left and the right of a pair of parts, such as both arms, have the same factor."""

    @model_validator(mode="after")
    def _check_range(self) -> ScaleLimbs:
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got low {self.low}, high {self.high}")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Scale the parts of every person."""
        tracks, skeleton = batch.tracks, batch.skeleton
        part_of_joint = skeleton.part_index.tolist()
        if self.sides == "together":
            part_of_joint = joint_groups(skeleton)
        draw = batch.track_rng("scale_limbs").between(self.low, self.high, len(skeleton.parts))
        factor = draw[:, constant(tuple(part_of_joint), torch.int64, draw.device)]
        positions = tracks.positions + bone_displacement(tracks, factor - 1.0)
        positions = set_unobserved_to_zero_(positions, tracks.observed)
        return batch.of_tracks(replace(tracks, positions=positions))


def joint_groups(skeleton: Skeleton) -> list[int]:
    """Return the part of each joint, where a part and its mirror image count as one."""
    part, mirrored = skeleton.part_index, skeleton.part_index[skeleton.mirror_index]
    group = {int(one): min(int(one), int(other)) for one, other in zip(part, mirrored, strict=True)}
    return [group[one] for one in part.tolist()]


def bone_displacement(
    tracks: Tracks, growth: Float[Tensor, "track joint"]
) -> Float[Tensor, "track frame joint axis"]:
    """Return how far each joint moves if bones grow by a share of their length and carry the joints further out.

    A bone leads to the nearest joint on the way to the root that was measured; if there is none, it does not grow.
    Bridged joints carry nothing, because no target may depend on them. Within a part, that makes no difference.

    Args:
        tracks: The persons.
        growth: Growth of the bone of each joint, as a share of its length.
    """
    is_measured = tracks.observed & ~tracks.bridged
    if not is_measured.is_cpu:
        return _displacement(tracks.skeleton, tracks.positions, is_measured, growth)
    is_complete = is_measured.flatten(1).all(1)
    displacement = torch.empty_like(tracks.positions)
    for row, complete in ((is_complete.nonzero()[:, 0], True), ((~is_complete).nonzero()[:, 0], False)):
        if len(row):
            measured = None if complete else is_measured[row]
            part = _displacement(tracks.skeleton, tracks.positions[row], measured, growth[row])
            displacement.index_copy_(0, row, part)
    return displacement


def _displacement(
    skeleton: Skeleton,
    positions: Float[Tensor, "track frame joint axis"],
    is_measured: Bool[Tensor, "track frame joint"] | None,
    growth: Float[Tensor, "track joint"],
) -> Float[Tensor, "track frame joint axis"]:
    """Return how far each joint moves, as `bone_displacement` does.

    Args:
        skeleton: The layout.
        positions: The persons.
        is_measured: Which joints were measured; None for all.
        growth: As in `bone_displacement`.
    """
    positions = positions.permute(2, 0, 1, 3).contiguous()  # the loop reads one joint after the other
    growth = growth.t()[:, :, None, None]
    displacement = torch.zeros_like(positions)
    tree = [
        (skeleton.index[name], skeleton.index[skeleton.parents[name]])
        for name in breadth_first(skeleton.root, skeleton.parents)[1:]
    ]
    if is_measured is None:
        for joint, parent in tree:
            bone = positions[joint] - positions[parent]
            displacement[joint] = displacement[parent] + bone * growth[joint]
        return displacement.permute(1, 2, 0, 3)
    measured = is_measured.permute(2, 0, 1)[..., None].contiguous()
    # Of the nearest measured joint between each joint, itself included, and the root.
    anchor, carried, has_anchor = positions.clone(), torch.zeros_like(displacement), measured.clone()
    for joint, parent in tree:
        bone = (positions[joint] - anchor[parent]) * has_anchor[parent]
        displacement[joint] = carried[parent] + bone * growth[joint]
        anchor[joint] = positions[joint].where(measured[joint], anchor[parent])
        carried[joint] = displacement[joint].where(measured[joint], carried[parent])
        has_anchor[joint] |= has_anchor[parent]
    return displacement.permute(1, 2, 0, 3)
