from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.errors import InputError
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, Skeleton
from skeletonmae.transforms.geometry import (
    BodySize,
    Center,
    FaceForward,
    Mirror,
    Rotate,
    Scale,
    Shear,
    rotate_positions,
    rotation_matrix,
)

Make = Callable[..., Any]
MANY = 4000


def points(values: Tensor, num: int = MANY, skeleton: Skeleton = KINECT20) -> Batch:
    """`num` clips of one person and one frame, every joint at `values`."""
    positions = values.expand(num, 1, 1, skeleton.num_joints, -1).clone()
    index = torch.arange(num)
    return Batch(
        positions, torch.ones(positions.shape[:-1], dtype=torch.bool), index, sample_keys(0, 0, index), skeleton
    )


def lengths(batch: Batch) -> Tensor:
    """Of every bone with both ends observed; 0 for the others."""
    parent = torch.as_tensor(batch.skeleton.parent_index)
    bone = (batch.positions - batch.positions[..., parent, :]).norm(dim=-1)
    return bone * (batch.observed & batch.observed[..., parent])


@pytest.mark.parametrize(
    "transform", [Rotate(degrees=(30, 180, 10)), FaceForward(), Center(), Mirror(probability=1)]
)
def test_rigid_transforms_keep_bone_lengths(make_batch: Make, transform: Any) -> None:
    batch = make_batch()
    moved = transform(batch)
    after = lengths(moved)
    if isinstance(transform, Mirror):
        after = after[..., torch.as_tensor(batch.skeleton.mirror_index)]
    torch.testing.assert_close(after, lengths(batch), atol=1e-5, rtol=1e-5)
    assert not torch.equal(moved.positions, batch.positions)


@pytest.mark.parametrize("axes", [2, 3])
def test_mirroring_twice_is_the_identity(make_batch: Make, axes: int) -> None:
    batch = make_batch(skeleton=NTU25, axes=axes)
    always = Mirror(probability=1.0)
    twice = always(always(batch))
    assert torch.equal(twice.positions, batch.positions)
    assert torch.equal(twice.observed, batch.observed)
    assert not torch.equal(always(batch).observed, batch.observed)


def test_mirroring_swaps_joints_by_name(make_batch: Make) -> None:
    batch = make_batch((1,), skeleton=COCO17)
    moved = Mirror(probability=1.0)(batch)
    for joint, other in (("left_wrist", "right_wrist"), ("right_ear", "left_ear"), ("nose", "nose")):
        index, mirrored_index = COCO17.index[joint], COCO17.index[other]
        expected = batch.positions[:, :, :, mirrored_index] * torch.tensor([-1.0, 1.0, 1.0])
        assert torch.equal(moved.positions[:, :, :, index], expected)
        assert torch.equal(moved.observed[:, :, :, index], batch.observed[:, :, :, mirrored_index])


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_mirroring_has_the_given_probability(probability: float) -> None:
    moved = Mirror(probability=probability)(points(torch.tensor([1.0, 2.0, 3.0])))
    share = float((moved.positions[:, 0, 0, 0, 0] < 0).double().mean())
    assert share == pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / MANY) + 1e-9)


def angles_about(axis: str, degrees: tuple[float, float, float]) -> np.ndarray:
    """Angles in degrees by which points were rotated about one axis."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    start = torch.zeros(3)
    start[first] = 1.0
    moved = Rotate(degrees=degrees)(points(start)).positions[:, 0, 0, 0].numpy()
    return np.degrees(np.arctan2(moved[:, second], moved[:, first]))


@pytest.mark.parametrize("axis", "xyz")
def test_angles_are_uniform_around_0(axis: str) -> None:
    limit = 40.0
    degrees = {"x": (limit, 0, 0), "y": (0, limit, 0), "z": (0, 0, limit)}[axis]
    angle = angles_about(axis, degrees)
    deviation = limit / math.sqrt(3)
    assert abs(angle.mean()) < 4 * deviation / math.sqrt(MANY)
    assert angle.std() == pytest.approx(deviation, rel=0.03)
    assert -limit <= angle.min() < -0.99 * limit
    assert 0.99 * limit < angle.max() <= limit
    count, _ = np.histogram(angle, 10, (-limit, limit))
    assert ((count - MANY / 10) ** 2 / (MANY / 10)).sum() < 27.9  # 9 degrees of freedom, p = 0.001


def test_the_three_angles_are_independent_and_applied_in_order(make_batch: Make) -> None:
    batch = points(torch.eye(3)[0], 5)
    dice = batch.rng("rotate")
    x, y, z = (dice.between(-math.radians(limit), math.radians(limit)) for limit in (10, 20, 30))
    cos, sin = torch.cos(y), torch.sin(y)
    once = torch.stack([cos, torch.zeros(5), -sin], 1)  # x does not move the first axis, y rotates it to -z
    cos, sin = torch.cos(z), torch.sin(z)
    expected = torch.stack([once[:, 0] * cos, once[:, 0] * sin, once[:, 2]], 1)
    moved = Rotate(degrees=(10, 20, 30))(batch)
    torch.testing.assert_close(moved.positions[:, 0, 0, 3], expected, atol=1e-6, rtol=0)
    assert abs(np.corrcoef(np.stack([x, y, z]))[0, 1]) < 1


def test_in_2d_only_the_last_angle_is_used() -> None:
    batch = points(torch.tensor([1.0, 0.0]))
    same = Rotate(degrees=(90, 90, 0))(batch)
    torch.testing.assert_close(same.positions, batch.positions)
    moved = Rotate(degrees=(0, 0, 60))(batch).positions[:, 0, 0, 0]
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(MANY))
    angle = np.degrees(np.arctan2(*moved[:, [1, 0]].T.numpy()))
    assert abs(angle.mean()) < 4 * 60 / math.sqrt(3 * MANY)
    assert np.abs(angle).max() == pytest.approx(60, abs=0.5)


@pytest.mark.parametrize(("axis", "start", "end"), [("x", 1, 2), ("y", 2, 0), ("z", 0, 1)])
def test_rotation_is_right_handed(axis: str, start: int, end: int) -> None:
    quarter = rotation_matrix(axis, torch.tensor([math.pi / 2]))[0]
    torch.testing.assert_close(quarter @ torch.eye(3)[start], torch.eye(3)[end], atol=1e-6, rtol=0)
    torch.testing.assert_close(quarter @ quarter.T, torch.eye(3), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(quarter)) == pytest.approx(1)


def test_scale_is_uniform_with_one_factor_per_clip(make_batch: Make) -> None:
    factor = Scale(low=0.5, high=2.0)(points(torch.ones(3))).positions
    assert (factor == factor[:, :1, :1, :1, :1]).all()
    factor = factor[:, 0, 0, 0, 0]
    assert 0.5 <= factor.min() < 0.51
    assert 1.99 < factor.max() <= 2
    assert float(factor.mean()) == pytest.approx(1.25, abs=4 * 1.5 / math.sqrt(12 * MANY))
    assert float(factor.std()) == pytest.approx(1.5 / math.sqrt(12), rel=0.03)
    with pytest.raises(ValidationError, match="low must not be above high"):
        Scale(low=1.1, high=0.9)


# Where the middle is.


def test_center_puts_the_first_persons_first_root_at_0(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    moved = Center()(batch)
    root = KINECT20.index["spine"]
    assert not moved.positions[:, 0, 0, root].any()
    shift = batch.positions[:, :1, :1, root : root + 1]
    expected = (batch.positions - shift) * batch.observed[..., None]
    torch.testing.assert_close(moved.positions, expected)


def test_center_uses_the_first_frame_in_which_the_root_is_observed(make_batch: Make) -> None:
    batch = make_batch((2,), lost=0.0)
    root, observed = KINECT20.index["spine"], batch.observed.clone()
    observed[0, 0, :5, root] = False
    moved = Center()(batch.with_positions(batch.positions, observed))
    assert not moved.positions[0, 0, 5, root].any()
    assert moved.positions[0, 1, 0, root].any()  # the second person's comes earlier and does not count
    observed[0, 0, :, root] = False
    moved = Center()(batch.with_positions(batch.positions, observed))
    assert not moved.positions[0, 1, 0, root].any()  # the first person's never comes


def test_without_any_center_the_mean_of_the_observed_joints_is_taken(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    observed = batch.observed.clone()
    observed[0, :, :, KINECT20.index["spine"]] = False
    observed[0, 0, :3] = False
    moved = Center()(batch.with_positions(batch.positions, observed))
    mean = moved.positions[0, 0, 3].sum(0) / observed[0, 0, 3].sum()
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-6, rtol=0)
    assert not moved.positions[1, 0, 0, KINECT20.index["spine"]].any()  # the other clip has one
    shifted = Center()(batch.with_positions(batch.positions + torch.tensor([3.0, -2.0, 7.0]), observed))
    torch.testing.assert_close(shifted.positions, moved.positions, atol=2e-6, rtol=0)


def test_the_center_of_two_hips_is_the_mean_of_the_observed_ones(make_batch: Make) -> None:
    batch = make_batch((1, 1), skeleton=COCO17, lost=0.0)
    hips, observed = [COCO17.index["left_hip"], COCO17.index["right_hip"]], batch.observed.clone()
    observed[1, 0, 0, hips[0]] = False
    moved = Center()(batch.with_positions(batch.positions, observed)).positions
    torch.testing.assert_close(moved[0, 0, 0, hips].mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    assert not moved[1, 0, 0, hips[1]].any()


def test_center_removes_any_shift(make_batch: Make) -> None:
    batch = make_batch()
    shifted = batch.with_positions(batch.positions + torch.tensor([3.0, -2.0, 7.0]))
    torch.testing.assert_close(Center()(shifted).positions, Center()(batch).positions, atol=2e-6, rtol=0)


# Which way it faces.


def left_to_right(batch: Batch, person: int = 0) -> Tensor:
    """Sum over the clip of the directions from left to right shoulder and hip, where both are observed."""
    total = torch.zeros(len(batch), 3)
    for side in ("shoulder", "hip"):
        left, right = batch.skeleton.index[f"left_{side}"], batch.skeleton.index[f"right_{side}"]
        both = (batch.observed[:, person, :, left] & batch.observed[:, person, :, right])[..., None]
        way = batch.positions[:, person, :, right] - batch.positions[:, person, :, left]
        total += (way * both).sum(1)
    return total


@pytest.mark.parametrize("skeleton", [KINECT20, NTU25, COCO17], ids=lambda skeleton: skeleton.name)
def test_facing_forward_rotates_the_left_right_axis_to_x(make_batch: Make, skeleton: Skeleton) -> None:
    batch = make_batch((2, 1, 2, 1, 1), skeleton=skeleton)
    before, after = left_to_right(batch), left_to_right(FaceForward()(batch))
    assert (after[:, 0] > 0).all()
    torch.testing.assert_close(after[:, 2], torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(after[:, 1], before[:, 1])  # heights stay
    torch.testing.assert_close(after[:, 0], before[:, [0, 2]].norm(dim=1))


def test_facing_forward_removes_any_rotation_about_the_vertical(make_batch: Make) -> None:
    batch = make_batch()
    angle = torch.linspace(-3, 3, len(batch))
    x, y, z = batch.positions.unbind(-1)
    cos, sin = (f(angle)[:, None, None, None] for f in (torch.cos, torch.sin))
    turned = batch.with_positions(torch.stack([cos * x + sin * z, y, cos * z - sin * x], -1))
    torch.testing.assert_close(
        FaceForward()(turned).positions, FaceForward()(batch).positions, atol=1e-5, rtol=1e-5
    )


def test_the_second_person_rotates_with_the_first_or_replaces_it(make_batch: Make) -> None:
    batch = make_batch((2, 2), lost=0.0)
    observed = batch.observed.clone()
    observed[1, 0, :, KINECT20.index["left_shoulder"]] = observed[1, 0, :, KINECT20.index["right_hip"]] = False
    batch = batch.with_positions(batch.positions, observed)
    moved = FaceForward()(batch)
    torch.testing.assert_close(lengths(moved), lengths(batch), atol=1e-5, rtol=1e-5)
    assert abs(float(left_to_right(moved, 0)[0, 2])) < 1e-4
    assert abs(float(left_to_right(moved, 1)[1, 2])) < 1e-4


def test_clips_without_a_left_right_axis_are_unchanged(make_batch: Make) -> None:
    batch = make_batch((1, 1), lost=0.0)
    observed = batch.observed.clone()
    observed[1, ..., KINECT20.index["left_shoulder"]] = observed[1, ..., KINECT20.index["left_hip"]] = False
    batch = batch.with_positions(batch.positions, observed)
    moved = FaceForward()(batch)
    assert torch.equal(moved.positions[1], batch.positions[1])
    assert not torch.equal(moved.positions[0], batch.positions[0])


def test_facing_forward_needs_3d_and_shoulders_or_hips(make_batch: Make) -> None:
    with pytest.raises(
        InputError,
        match=r"face_forward: needs 3D positions; for 2D recordings, remove face_forward from.*expected 3 axes; got 2",
    ):
        FaceForward()(make_batch(axes=2))
    head = Skeleton("heads", ("head", "nose"), {"nose": "head"})
    with pytest.raises(InputError, match="heads has neither two shoulders nor two hips"):
        FaceForward()(make_batch(skeleton=head))


def test_body_size_removes_the_unit(make_batch: Make) -> None:
    batch = make_batch((2, 1, 0))
    moved = BodySize()(batch)
    max_distance = moved.positions.norm(dim=-1).flatten(1).amax(1)
    torch.testing.assert_close(max_distance, torch.tensor([1.0, 1.0, 0.0]))
    in_mm = batch.with_positions(batch.positions * 1000)
    torch.testing.assert_close(BodySize()(in_mm).positions, moved.positions)


@pytest.mark.parametrize(("frames", "axes"), [(1, 3), (3, 3), (6, 2), (8, 3)])  # 25, 75, 150, 200 joints in all
def test_rotating_is_a_product_with_the_matrix(make_batch: Make, frames: int, axes: int) -> None:
    positions = make_batch((1, 1, 1), frames, NTU25, axes=axes).tracks.positions
    matrix = torch.randn(3, axes, axes, generator=torch.Generator().manual_seed(0))
    expected = np.einsum("bij,bfkj->bfki", matrix.double().numpy(), positions.double().numpy())
    torch.testing.assert_close(
        rotate_positions(positions, matrix).double(), torch.from_numpy(expected), atol=1e-6, rtol=1e-5
    )
    assert rotate_positions(positions[:0], matrix[:0]).shape == (0, *positions.shape[1:])


def test_mirroring_exchanges_what_is_bridged(make_batch: Any) -> None:
    batch = make_batch((2, 1), lost=0.0)
    bridged = torch.zeros_like(batch.observed)
    bridged[..., KINECT20.index["left_wrist"]] = batch.observed[..., 0]
    moved = Mirror(probability=1.0)(replace(batch, bridged=bridged))
    expected = torch.zeros_like(bridged)
    expected[..., KINECT20.index["right_wrist"]] = batch.observed[..., 0]
    assert torch.equal(moved.bridged, expected)


# As if recorded from another viewpoint.


@pytest.mark.parametrize("axes", [2, 3])
def test_shear_shifts_each_axis_in_proportion_to_the_others(axes: int) -> None:
    moved = [Shear(amount=0.4)(points(torch.eye(axes)[axis])).positions for axis in range(axes)]
    assert all((one == one[:, :1, :1, :1]).all() for one in moved)  # one matrix per clip
    matrix = torch.stack([one[:, 0, 0, 0] for one in moved], 2)
    diagonal = torch.eye(axes, dtype=torch.bool)
    torch.testing.assert_close(matrix[:, diagonal], torch.ones(MANY, axes))
    shift = matrix[:, ~diagonal]
    assert shift.shape[1] == axes * (axes - 1)
    assert -0.4 <= shift.min() < -0.39
    assert 0.39 < shift.max() <= 0.4
    assert (shift.mean(0).abs() < 4 * 0.4 / math.sqrt(3 * MANY)).all()
    correlation = np.corrcoef(shift.T) - np.eye(shift.shape[1])
    assert np.abs(correlation).max() < 0.08


def test_both_persons_of_a_clip_are_sheared_alike(make_batch: Make) -> None:
    batch = make_batch((2,), lost=0.0)
    same = batch.with_positions(batch.positions[:, :1].expand_as(batch.positions))
    moved = Shear()(same).positions
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert not torch.allclose(moved, same.positions)


def test_facing_forward_takes_back_a_rotation_about_the_vertical_before_it(make_batch: Make) -> None:
    batch = Center()(make_batch((2, 1), lost=0.1))
    expected = FaceForward()(batch).positions
    turned = FaceForward()(Rotate(degrees=(0, 60, 0))(batch)).positions
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)
    for other in (Rotate(degrees=(20, 60, 0)), Shear()):
        moved = FaceForward()(other(batch))
        assert (moved.positions - expected).abs().max() > 0.05
        left, right = (KINECT20.index[f"{side}_shoulder"] for side in ("left", "right"))
        both = (moved.observed[..., left] & moved.observed[..., right])[..., None]
        hips = [KINECT20.index[f"{side}_hip"] for side in ("left", "right")]
        both_hips = (moved.observed[..., hips[0]] & moved.observed[..., hips[1]])[..., None]
        across = ((moved.positions[..., right, :] - moved.positions[..., left, :]) * both).sum(2)
        across += ((moved.positions[..., hips[1], :] - moved.positions[..., hips[0], :]) * both_hips).sum(2)
        assert (across[:, 0, 0] > 0).all()
        torch.testing.assert_close(across[:, 0, 2], torch.zeros(2), atol=1e-4, rtol=0)


def test_the_body_size_is_that_of_the_largest_person_of_a_clip(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    large = batch.with_positions(batch.positions * torch.tensor([1.0, 10.0])[:, None, None, None])
    size = large.positions.norm(dim=-1).flatten(1).amax(1)
    torch.testing.assert_close(BodySize()(large).positions, large.positions / size[:, None, None, None, None])
