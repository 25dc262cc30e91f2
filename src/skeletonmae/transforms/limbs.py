"""Other proportions of the body."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
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
    skeleton = tracks.skeleton
    is_measured = (tracks.observed & ~tracks.bridged)[..., None]
    displacement = torch.zeros_like(tracks.positions)
    # Of the nearest measured joint between each joint, itself included, and the root.
    anchor, carried, has_anchor = tracks.positions.clone(), torch.zeros_like(displacement), is_measured.clone()
    for name in breadth_first(skeleton.root, skeleton.parents)[1:]:
        joint, parent = skeleton.index[name], skeleton.index[skeleton.parents[name]]
        bone = (tracks.positions[:, :, joint] - anchor[:, :, parent]) * has_anchor[:, :, parent]
        displacement[:, :, joint] = carried[:, :, parent] + bone * growth[:, joint, None, None]
        was_measured = is_measured[:, :, joint]
        anchor[:, :, joint] = tracks.positions[:, :, joint].where(was_measured, anchor[:, :, parent])
        carried[:, :, joint] = displacement[:, :, joint].where(was_measured, carried[:, :, parent])
        has_anchor[:, :, joint] |= has_anchor[:, :, parent]
    return displacement
