"""Rigid motions, scaling and mirroring of whole clips."""

from __future__ import annotations

import functools
import math
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
from skeletonmae.errors import InputError
from skeletonmae.transforms.depth import set_depth_to_zero_


class Center(Config):
    """Move the origin to the body center of the first person, in the first frame in which it is observed.

    Where nobody's center is ever observed, it is the mean of the joints that are, in the first frame with any.
    """

    kind: Literal["center"] = "center"

    def __call__(self, batch: Batch) -> Batch:
        """Move every clip."""
        tracks = batch.tracks
        joints = constant(tuple(batch.skeleton.center_index.tolist()), torch.int64, tracks.positions.device)
        observed = tracks.observed.index_select(2, joints)
        is_observed = observed.any(2)
        frame = is_observed.int().argmax(1)  # the first with an observed center joint, else 0
        track = torch.arange(len(tracks), device=frame.device)
        center = tracks.positions[track, frame].index_select(1, joints).sum(1)
        center = center / observed[track, frame].sum(1, keepdim=True).clamp(min=1)
        has_center = is_observed.any(1)
        origin = tracks.of_first_person(has_center, center)
        if not (has_center.is_cpu and has_center.all()):  # on a GPU, to look would mean to wait
            origin = _origin_without_center(tracks, has_center, origin)
        # Whole frames are moved, since long rows are subtracted much faster than single points.
        moved = tracks.positions.flatten(2) - origin.repeat(1, batch.skeleton.num_joints)[:, None]
        return moved_batch(batch, set_unobserved_to_zero_(moved.view_as(tracks.positions), tracks.observed))


def _origin_without_center(
    tracks: Tracks, has_center: Bool[Tensor, " track"], origin: Float[Tensor, "track axis"]
) -> Float[Tensor, "track axis"]:
    """Return the origin of each track; of clips without any center, the mean of the first person's joints."""
    is_known = tracks.of_first_person(has_center, torch.ones_like(origin))
    is_seen = tracks.observed.any(2)
    frame, track = is_seen.int().argmax(1), torch.arange(len(tracks), device=origin.device)
    num_joints = tracks.observed[track, frame].sum(1, keepdim=True).clamp(min=1)
    mean = tracks.positions[track, frame].sum(1) / num_joints
    return origin.where(is_known > 0, tracks.of_first_person(is_seen.any(1), mean))


class FaceForward(Config):
    """Rotate every clip about the vertical so that the left-right axis of the first person lies along x.

    The axis is the mean over the clip of the directions from left to right shoulder and hip. Clips in which
    neither pair is ever observed are unchanged, and so are 2D clips with a third axis that is 0.
    """

    kind: Literal["face_forward"] = "face_forward"
    optional: bool = False
    """Leave clips of layouts without two shoulders and two hips as they are; by default they are refused."""

    def __call__(self, batch: Batch) -> Batch:
        """Rotate every clip."""
        _check_3d(batch, self.kind)
        if not batch.skeleton.left_right:
            if self.optional:
                return batch
            raise InputError(
                f"layout {batch.skeleton.name} has neither two shoulders nor two hips", where=self.kind
            )
        tracks = batch.tracks
        left, right = (
            constant(side, torch.int64, tracks.positions.device)
            for side in zip(*batch.skeleton.left_right, strict=True)
        )
        both_observed = tracks.observed.index_select(2, left) & tracks.observed.index_select(2, right)
        axis = tracks.positions.index_select(2, right) - tracks.positions.index_select(2, left)
        axis_sum = (axis * both_observed[..., None]).sum((1, 2))
        axis_of_clip = tracks.of_first_person(both_observed.flatten(1).any(1), axis_sum)
        angle = torch.atan2(axis_of_clip[:, 2], axis_of_clip[:, 0]).masked_fill(~tracks.has_depth, 0.0)
        return mapped_batch(batch, rotation_matrix("y", angle))


class BodySize(Config):
    """Divide each clip by the largest distance of a joint from the origin, which removes the unit."""

    kind: Literal["body_size"] = "body_size"

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        positions = batch.tracks.positions
        size = batch.tracks.max_over_persons(positions.norm(dim=-1).flatten(1).amax(1, keepdim=True))
        return divided_batch(batch, size.clamp(min=1e-6)[:, 0])


class Rotate(Config):
    """Rotate every clip by random angles, as if recorded from another viewpoint.

    A `face_forward` that follows takes back a rotation about the vertical, but not one about x or z.
    """

    kind: Literal["rotate"] = "rotate"
    degrees: tuple[float, float, float] = (0.0, 30.0, 0.0)
    """Maximum angles about x (pitch), y (yaw, about the vertical) and z (roll), in both directions. Of 2D clips,
    only the last is used."""

    def __call__(self, batch: Batch) -> Batch:
        """Rotate every clip."""
        num_axes = batch.tracks.positions.shape[-1]
        draw = batch.rng("rotate").uniform(3)
        angles = {
            axis: math.radians(limit) * (2 * draw[:, index] - 1)
            for index, (axis, limit) in enumerate(zip("xyz", self.degrees, strict=True))
            if limit and (axis == "z" or num_axes == 3)
        }
        matrices = [
            rotation_matrix(axis, angle if axis == "z" else angle.masked_fill(~batch.has_depth, 0.0))
            for axis, angle in angles.items()
        ]
        if not matrices:
            return batch
        matrix = functools.reduce(torch.bmm, reversed(matrices))  # the rotation about x is the first
        matrix_of_track = matrix[:, :num_axes, :num_axes].index_select(0, batch.tracks.clip_index)
        return mapped_batch(batch, matrix_of_track)


class Shear(Config):
    """Shear every clip at random: each axis is shifted in proportion to the others.

    Source: Rao et al., *Augmented Skeleton Based Contrastive Action Learning with Momentum LSTM*, Information
    Sciences 569, 2021. Unlike a rotation, it changes the angles between bones.
    """

    kind: Literal["shear"] = "shear"
    amount: float = Field(0.3, ge=0)
    """Maximum shift along one axis, as a share of the distance along another, in both directions."""

    def __call__(self, batch: Batch) -> Batch:
        """Shear every clip."""
        num_axes = batch.tracks.positions.shape[-1]
        shift = batch.rng("shear").between(-self.amount, self.amount, num_axes, num_axes)
        identity = torch.eye(num_axes, device=shift.device)
        matrix = identity + shift * (1 - identity)
        sheared = mapped_batch(batch, matrix.index_select(0, batch.tracks.clip_index))
        return moved_batch(sheared, set_depth_to_zero_(sheared.tracks.positions, batch.tracks.has_depth))


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
        factor = batch.rng("scale").between(self.low, self.high)[batch.tracks.clip_index]
        tracks = batch.tracks
        root = None if tracks.root is None else tracks.root * factor[:, None, None]
        return batch.of_tracks(
            replace(tracks, positions=tracks.positions * factor[:, None, None, None], root=root)
        )


class Mirror(Config):
    """Mirror random clips: x changes its sign, and left and right joints are swapped."""

    kind: Literal["mirror"] = "mirror"
    probability: float = Field(0.5, ge=0, le=1)
    """Probability that a clip is mirrored."""

    def __call__(self, batch: Batch) -> Batch:
        """Mirror a random subset of the clips."""
        tracks = batch.tracks
        mirror_joint = constant(tuple(batch.skeleton.mirror_index.tolist()), torch.int64, tracks.positions.device)
        is_mirrored = (batch.rng("mirror").uniform() < self.probability)[tracks.clip_index][:, None, None]
        sign = constant((-1.0, 1.0, 1.0)[: tracks.positions.shape[-1]], torch.float32, tracks.positions.device)
        positions = tracks.positions.index_select(2, mirror_joint) * sign
        observed, bridged = (
            flags.index_select(2, mirror_joint).where(is_mirrored, flags)
            for flags in (tracks.observed, tracks.bridged)
        )
        positions = positions.where(is_mirrored[..., None], tracks.positions)
        root = None if tracks.root is None else (tracks.root * sign).where(is_mirrored, tracks.root)
        return batch.of_tracks(replace(tracks, positions=positions, observed=observed, bridged=bridged, root=root))


def moved_batch(batch: Batch, positions: Float[Tensor, "track frame joint axis"]) -> Batch:
    """Return a batch whose persons have other positions, which are 0 where not observed."""
    return batch.of_tracks(replace(batch.tracks, positions=positions))


def mapped_batch(batch: Batch, matrix: Float[Tensor, "track axis axis"]) -> Batch:
    """Return a batch whose positions, and paths of the bodies, are multiplied by the matrix of each track."""
    tracks = batch.tracks
    root = tracks.root
    if root is not None:
        root = torch.bmm(root, matrix.transpose(1, 2))
    return batch.of_tracks(replace(tracks, positions=rotate_positions(tracks.positions, matrix), root=root))


def divided_batch(batch: Batch, size: Float[Tensor, " track"]) -> Batch:
    """Return a batch whose positions, and paths of the bodies, are divided by a size of each track."""
    tracks = batch.tracks
    root = None if tracks.root is None else tracks.root / size[:, None, None]
    return batch.of_tracks(replace(tracks, positions=tracks.positions / size[:, None, None, None], root=root))


def rotation_matrix(axis: str, angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch 3 3"]:
    """Return matrices that rotate column vectors by `angle` radians about an axis, right-handed."""
    cos, sin = angle.cos(), angle.sin()
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    entries = {
        "x": (one, zero, zero, zero, cos, -sin, zero, sin, cos),
        "y": (cos, zero, sin, zero, one, zero, -sin, zero, cos),
        "z": (cos, -sin, zero, sin, cos, zero, zero, zero, one),
    }
    return torch.stack(entries[axis], 1).view(-1, 3, 3)


def rotate_positions(
    positions: Float[Tensor, "row *points axis"], matrix: Float[Tensor, "row axis axis"]
) -> Float[Tensor, "row *points axis"]:
    """Multiply the positions of each track, or of each clip, by its matrix."""
    num_points, num_axes = math.prod(positions.shape[1:-1]), positions.shape[-1]
    # Products with a 3 x 3 matrix are slow: up to four points make one row, and the matrix becomes block-diagonal.
    points_per_row = math.gcd(num_points, 4)
    identity = torch.eye(points_per_row, device=matrix.device)
    block_size = points_per_row * num_axes
    block_diagonal = identity[:, None, :, None] * matrix.transpose(1, 2)[:, None, :, None, :]
    rows = positions.reshape(-1, num_points // points_per_row, block_size)
    return torch.bmm(rows, block_diagonal.reshape(-1, block_size, block_size)).view_as(positions)


def _check_3d(batch: Batch, kind: str) -> None:
    num_axes = batch.tracks.positions.shape[-1]
    if num_axes != 3:
        problem = f"needs 3D positions; for 2D recordings, remove {kind} from data.transforms and data.augment"
        raise InputError(problem, where=f"transform {kind}", expected="3 axes", got=num_axes)
