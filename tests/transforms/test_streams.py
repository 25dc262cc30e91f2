from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.skeletons import COCO17, KINECT20, Skeleton
from skeletonmae.transforms import motion, to_stream

Make = Callable[..., Any]


def test_the_joint_stream_is_the_clip(make_batch: Make) -> None:
    batch = make_batch()
    assert to_stream(batch, "joint") is batch


@pytest.mark.parametrize("skeleton", [KINECT20, COCO17], ids=lambda skeleton: skeleton.name)
def test_bones_are_joint_minus_parent_by_name(make_batch: Make, skeleton: Skeleton) -> None:
    batch = make_batch((2, 1), skeleton=skeleton)
    bones = to_stream(batch, "bone")
    for joint, index in skeleton.index.items():
        parent = skeleton.index[skeleton.parents.get(joint, joint)]
        both_observed = batch.observed[..., index] & batch.observed[..., parent]
        expected = (batch.positions[..., index, :] - batch.positions[..., parent, :]) * both_observed[..., None]
        assert torch.equal(bones.observed[..., index], both_observed)
        assert torch.equal(bones.positions[..., index, :], expected)
    assert not bones.positions[..., skeleton.index[skeleton.root], :].any()


def test_a_standing_body_has_no_motion(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    standing = batch.with_positions(batch.positions[:, :, :1].expand_as(batch.positions))
    stream = to_stream(standing, "motion")
    assert not stream.positions.any()
    assert torch.equal(stream.observed, standing.observed)


def test_constant_velocity_has_constant_motion(make_batch: Make) -> None:
    batch = make_batch((1,), lost=0.0)
    step = torch.tensor([0.1, 0.0, -0.2])
    walk = batch.with_positions(batch.positions[:, :, :1] + torch.arange(16.0)[:, None, None] * step)
    stream = to_stream(walk, "motion").positions
    torch.testing.assert_close(stream[:, :, :-1], step.expand_as(stream[:, :, :-1]), atol=1e-5, rtol=0)
    assert not stream[:, :, -1].any()


def test_motion_is_observed_where_both_frames_are() -> None:
    positions = torch.tensor([1.0, 4.0, 0.0, 9.0]).view(4, 1, 1)
    observed = torch.tensor([True, True, False, True]).view(4, 1)
    difference, observed_in_both = motion(positions, observed)
    assert difference.flatten().tolist() == [3, 0, 0, 0]
    assert observed_in_both.flatten().tolist() == [True, False, False, True]


def test_one_frame_has_no_motion(make_batch: Make) -> None:
    assert not to_stream(make_batch(frames=1), "motion").positions.any()


def test_a_bone_and_a_motion_are_bridged_if_either_end_is(make_batch: Make) -> None:
    batch = make_batch((1,), frames=4, lost=0.0)
    wrist, hand = KINECT20.index["left_wrist"], KINECT20.index["left_hand"]
    bridged = torch.zeros_like(batch.observed)
    bridged[0, 0, 1, wrist] = True
    batch = replace(batch, bridged=bridged)
    bones = to_stream(batch, "bone").bridged[0, 0]
    assert bones.nonzero().tolist() == [[1, joint] for joint in sorted((wrist, hand))]
    assert to_stream(batch, "motion").bridged[0, 0].nonzero().tolist() == [[0, wrist], [1, wrist]]
    unobserved = replace(batch, observed=batch.observed.index_fill(2, torch.tensor([2]), False))
    assert to_stream(unobserved, "motion").bridged[0, 0].nonzero().tolist() == [[0, wrist]]
