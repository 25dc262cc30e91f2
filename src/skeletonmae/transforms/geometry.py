"""Moving whole bodies: where the middle is, which way they face, from where they are seen."""

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
    """Put the origin at the middle of the body of the first person, in the first frame that shows it."""

    kind: Literal["center"] = "center"

    def __call__(self, batch: Batch) -> Batch:
        """Move every clip."""
        middle = torch.as_tensor(batch.skeleton.center_index, device=batch.positions.device)
        positions = batch.positions[..., middle, :].flatten(1, 2)
        seen = batch.observed[..., middle].flatten(1, 2)
        frame = seen.any(2).int().argmax(1)  # the first that shows it; frame 0 if none does
        rows = torch.arange(len(batch), device=frame.device)
        seen = seen[rows, frame]
        origin = positions[rows, frame].sum(1) / seen.sum(1, keepdim=True).clamp(min=1)
        seen = batch.observed[..., None].to(origin.dtype)
        positions = torch.addcmul(batch.positions, origin[:, None, None, None], seen, value=-1)
        return replace(batch, positions=positions)  # in one pass: what was not observed stays 0


class FaceForward(Config):
    """Turn every clip about the vertical so that the first person's left-right axis lies along x.

    The axis is the mean over the clip of the directions from left to right shoulder and hip. Clips that never
    show both ends of one stay as they are.
    """

    kind: Literal["face_forward"] = "face_forward"

    def __call__(self, batch: Batch) -> Batch:
        """Turn every clip."""
        _need_3d(batch, self.kind)
        if not batch.skeleton.left_right:
            raise InputError(
                f"layout {batch.skeleton.name} has neither two shoulders nor two hips", where=self.kind
            )
        left, right = torch.tensor(batch.skeleton.left_right, device=batch.positions.device).T
        seen = batch.observed.index_select(3, left) & batch.observed.index_select(3, right)
        axis = batch.positions.index_select(3, right) - batch.positions.index_select(3, left)
        axis = axis * seen[..., None]
        total = axis.sum((2, 3))
        shown = seen.any(3).any(2)
        person = shown.int().argmax(1)
        total = total[torch.arange(len(batch), device=person.device), person]
        turn = torch.atan2(total[:, 2], total[:, 0])
        return replace(batch, positions=turned(batch.positions, rotation("y", turn)))


class BodySize(Config):
    """Divide by the largest distance of a joint from the origin, so that units do not matter."""

    kind: Literal["body_size"] = "body_size"

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        size = batch.positions.norm(dim=-1).flatten(1).amax(1).clamp(min=1e-6)
        return replace(batch, positions=batch.positions / size[:, None, None, None, None])


class Rotate(Config):
    """Turn every clip by random angles, as if seen from elsewhere."""

    kind: Literal["rotate"] = "rotate"
    degrees: tuple[float, float, float] = (0.0, 30.0, 0.0)
    """About x, y (the vertical) and z, at most, either way. In 2D only the last counts."""

    def __call__(self, batch: Batch) -> Batch:
        """Turn every clip."""
        random = batch.random("rotate")
        matrix = None
        for axis, limit in zip("xyz", self.degrees, strict=True):
            angle = random.between(-math.radians(limit), math.radians(limit))
            turn = rotation(axis, angle)
            matrix = turn if matrix is None else turn @ matrix
        assert matrix is not None
        if batch.positions.shape[-1] == 2:
            matrix = turn[:, :2, :2]
        return replace(batch, positions=turned(batch.positions, matrix))


class Scale(Config):
    """Enlarge or shrink every clip by a random factor."""

    kind: Literal["scale"] = "scale"
    low: float = Field(0.9, gt=0)
    """The smallest factor."""
    high: float = Field(1.1, gt=0)
    """The largest factor."""

    @model_validator(mode="after")
    def _ordered(self) -> Scale:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        factor = batch.random("scale").between(self.low, self.high)
        return replace(batch, positions=batch.positions * factor[:, None, None, None, None])


class Mirror(Config):
    """Mirror some clips: x changes sign, and left and right joints change places."""

    kind: Literal["mirror"] = "mirror"
    probability: float = Field(0.5, ge=0, le=1)
    """Of each clip."""

    def __call__(self, batch: Batch) -> Batch:
        """Mirror those clips that the draw falls on."""
        swap = torch.as_tensor(batch.skeleton.mirror_index, device=batch.positions.device)
        chosen = (batch.random("mirror").uniform() < self.probability).nonzero()[:, 0]
        sign = torch.ones(batch.positions.shape[-1], device=batch.positions.device)
        sign[0] = -1.0
        positions = batch.positions[chosen].index_select(3, swap) * sign
        observed = batch.observed[chosen].index_select(3, swap)
        return replace(
            batch,
            positions=batch.positions.index_copy(0, chosen, positions),
            observed=batch.observed.index_copy(0, chosen, observed),
        )


def rotation(axis: str, angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch 3 3"]:
    """Matrices that turn column vectors by `angle` radians about an axis, right-handed."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = angle.cos()
    matrix[:, second, first] = angle.sin()
    matrix[:, first, second] = -angle.sin()
    return matrix


def turned(
    positions: Float[Tensor, "batch person frame joint axis"], matrix: Float[Tensor, "batch axis axis"]
) -> Float[Tensor, "batch person frame joint axis"]:
    """Every clip's positions turned by its matrix."""
    joints, axes = math.prod(positions.shape[1:4]), positions.shape[4]
    some = math.gcd(joints, 4)  # so many joints a row: a product with a matrix of 3 x 3 is slow
    wide = torch.einsum("st,bij->bsjti", torch.eye(some, device=matrix.device), matrix)
    wide = wide.reshape(-1, some * axes, some * axes)
    return torch.bmm(positions.reshape(-1, joints // some, some * axes), wide).view_as(positions)


def _need_3d(batch: Batch, kind: str) -> None:
    if batch.positions.shape[-1] != 3:
        problem = f"needs 3D positions; for 2D leave {kind} out of data.transforms and data.augment"
        raise InputError(problem, where=f"transform {kind}", expected=3, got=batch.positions.shape[-1])
