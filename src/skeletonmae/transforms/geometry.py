"""Rigid motions, scaling and mirroring of whole clips."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError


class Center(Config):
    """Move the origin to the body center of the first person, in the first frame in which it is observed."""

    kind: Literal["center"] = "center"

    def __call__(self, batch: Batch) -> Batch:
        """Move every clip."""
        center_joints = torch.as_tensor(batch.skeleton.center_index, device=batch.positions.device)
        # All frames of the first person, then all of the second, and so on.
        positions = batch.positions[..., center_joints, :].flatten(1, 2)
        observed = batch.observed[..., center_joints].flatten(1, 2)
        frame = observed.any(2).int().argmax(1)  # the first with an observed center joint, else 0
        clip = torch.arange(len(batch), device=frame.device)
        num_observed = observed[clip, frame].sum(1, keepdim=True)
        origin = positions[clip, frame].sum(1) / num_observed.clamp(min=1)
        is_observed = batch.observed[..., None].to(origin.dtype)
        # In one pass, and unobserved joints stay 0.
        moved = torch.addcmul(batch.positions, origin[:, None, None, None], is_observed, value=-1)
        return replace(batch, positions=moved)


class FaceForward(Config):
    """Rotate every clip about the vertical so that the left-right axis of the first person lies along x.

    The axis is the mean over the clip of the directions from left to right shoulder and hip. Clips in which
    neither pair is ever observed are unchanged.
    """

    kind: Literal["face_forward"] = "face_forward"

    def __call__(self, batch: Batch) -> Batch:
        """Rotate every clip."""
        _check_3d(batch, self.kind)
        if not batch.skeleton.left_right:
            raise InputError(
                f"layout {batch.skeleton.name} has neither two shoulders nor two hips", where=self.kind
            )
        left, right = torch.tensor(batch.skeleton.left_right, device=batch.positions.device).T
        both_observed = batch.observed.index_select(3, left) & batch.observed.index_select(3, right)
        axis = batch.positions.index_select(3, right) - batch.positions.index_select(3, left)
        axis_sum = (axis * both_observed[..., None]).sum((2, 3))
        person = both_observed.any(3).any(2).int().argmax(1)  # the first with an observed pair
        axis_of_clip = axis_sum[torch.arange(len(batch), device=person.device), person]
        angle = torch.atan2(axis_of_clip[:, 2], axis_of_clip[:, 0])
        return replace(batch, positions=rotate_positions(batch.positions, rotation_matrix("y", angle)))


class BodySize(Config):
    """Divide each clip by the largest distance of a joint from the origin, which removes the unit."""

    kind: Literal["body_size"] = "body_size"

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        size = batch.positions.norm(dim=-1).flatten(1).amax(1).clamp(min=1e-6)
        return replace(batch, positions=batch.positions / size[:, None, None, None, None])


class Rotate(Config):
    """Rotate every clip by random angles, as if recorded from another viewpoint."""

    kind: Literal["rotate"] = "rotate"
    degrees: tuple[float, float, float] = (0.0, 30.0, 0.0)
    """Maximum angles about x, y (the vertical) and z, in both directions. In 2D, only the last is used."""

    def __call__(self, batch: Batch) -> Batch:
        """Rotate every clip."""
        rng = batch.rng("rotate")
        about_x, about_y, about_z = (
            rotation_matrix(axis, rng.between(-math.radians(limit), math.radians(limit)))
            for axis, limit in zip("xyz", self.degrees, strict=True)
        )
        matrix = about_z[:, :2, :2] if batch.positions.shape[-1] == 2 else about_z @ (about_y @ about_x)
        return replace(batch, positions=rotate_positions(batch.positions, matrix))


class Scale(Config):
    """Scale every clip by a random factor."""

    kind: Literal["scale"] = "scale"
    low: float = Field(0.9, gt=0)
    """Minimum factor."""
    high: float = Field(1.1, gt=0)
    """Maximum factor."""

    @model_validator(mode="after")
    def _check_range(self) -> Scale:
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got low {self.low}, high {self.high}")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        factor = batch.rng("scale").between(self.low, self.high)
        return replace(batch, positions=batch.positions * factor[:, None, None, None, None])


class Mirror(Config):
    """Mirror random clips: x changes its sign, and left and right joints are swapped."""

    kind: Literal["mirror"] = "mirror"
    probability: float = Field(0.5, ge=0, le=1)
    """Probability that a clip is mirrored."""

    def __call__(self, batch: Batch) -> Batch:
        """Mirror a random subset of the clips."""
        mirror_joint = torch.as_tensor(batch.skeleton.mirror_index, device=batch.positions.device)
        selected = (batch.rng("mirror").uniform() < self.probability).nonzero()[:, 0]
        sign = torch.ones(batch.positions.shape[-1], device=batch.positions.device)
        sign[0] = -1.0
        positions = batch.positions[selected].index_select(3, mirror_joint) * sign
        observed, bridged = (
            flags.index_copy(0, selected, flags[selected].index_select(3, mirror_joint))
            for flags in (batch.observed, batch.bridged)
        )
        positions = batch.positions.index_copy(0, selected, positions)
        return replace(batch, positions=positions, observed=observed, bridged=bridged)


def rotation_matrix(axis: str, angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch 3 3"]:
    """Return matrices that rotate column vectors by `angle` radians about an axis, right-handed."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = angle.cos()
    matrix[:, second, first] = angle.sin()
    matrix[:, first, second] = -angle.sin()
    return matrix


def rotate_positions(
    positions: Float[Tensor, "batch person frame joint axis"], matrix: Float[Tensor, "batch axis axis"]
) -> Float[Tensor, "batch person frame joint axis"]:
    """Multiply the positions of each clip by its matrix."""
    num_points, num_axes = math.prod(positions.shape[1:4]), positions.shape[4]
    # Products with a 3 x 3 matrix are slow: up to four points make one row, and the matrix becomes block-diagonal.
    points_per_row = math.gcd(num_points, 4)
    identity = torch.eye(points_per_row, device=matrix.device)
    block_size = points_per_row * num_axes
    block_diagonal = torch.einsum("st,bij->bsjti", identity, matrix).reshape(-1, block_size, block_size)
    rows = positions.reshape(-1, num_points // points_per_row, block_size)
    return torch.bmm(rows, block_diagonal).view_as(positions)


def _check_3d(batch: Batch, kind: str) -> None:
    num_axes = batch.positions.shape[-1]
    if num_axes != 3:
        problem = f"needs 3D positions; for 2D recordings, remove {kind} from data.transforms and data.augment"
        raise InputError(problem, where=f"transform {kind}", expected="3 axes", got=num_axes)
