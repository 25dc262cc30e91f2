from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.skeletons import HAND21, KINECT20, LAYOUTS, PENN13, Skeleton
from skeletonmae.skeletons.average_body import AVERAGE_BODY, BODY_SIZE, measured_lengths
from skeletonmae.transforms.size import NormalizeSize, body_size

Make = Callable[..., Any]
WITHOUT_A_BODY = {"hand21"}


def average_person(skeleton: Skeleton, persons: int = 1, frames: int = 8, scale: float = 1.0) -> Batch:
    body = torch.tensor([AVERAGE_BODY.get(joint, (0.0, 0.0, 0.0)) for joint in skeleton.joints]) * scale
    positions = body.expand(1, persons, frames, *body.shape).contiguous()
    observed = torch.ones(positions.shape[:-1], dtype=torch.bool)
    return Batch(
        positions, observed, torch.zeros(1, dtype=torch.int64), sample_keys(0, 0, torch.arange(1)), skeleton
    )


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - WITHOUT_A_BODY))
def test_half_a_meter_of_an_average_adult_is_1_in_every_layout(layout: str) -> None:
    assert body_size(average_person(LAYOUTS[layout]).tracks).item() == pytest.approx(BODY_SIZE, rel=1e-5)


def test_every_joint_of_a_body_has_a_place_and_a_mirror_image() -> None:
    joints = {joint for name, layout in LAYOUTS.items() if name != "hand21" for joint in layout.joints}
    assert joints <= AVERAGE_BODY.keys()
    for joint, (x, y, z) in AVERAGE_BODY.items():
        other = joint.replace("left_", "right_") if "left_" in joint else joint.replace("right_", "left_")
        assert AVERAGE_BODY[other] == (-x, y, z)


def test_lengths_do_not_depend_on_the_tree() -> None:
    star = Skeleton("star", KINECT20.joints, {joint: "head" for joint in KINECT20.joints if joint != "head"})
    assert measured_lengths(star) == measured_lengths(KINECT20)
    assert len(measured_lengths(KINECT20)) == 10
    assert measured_lengths(HAND21) == ()
    wrists = {KINECT20.joints[index] for pair in measured_lengths(KINECT20) for index in pair[:2]}
    assert "left_wrist" in wrists
    assert "left_hand" not in wrists
    sbu = LAYOUTS["sbu15"]
    assert "left_hand" in {sbu.joints[int(index)] for pair in measured_lengths(sbu) for index in pair[:2]}


def test_the_size_in_any_unit_and_after_scaling_it_is_1() -> None:
    batch = average_person(PENN13, scale=300.0)
    assert body_size(batch.tracks).item() == pytest.approx(150.0, rel=1e-5)
    assert body_size(NormalizeSize()(batch).tracks).item() == pytest.approx(1.0, rel=1e-5)


def test_every_person_is_divided_by_the_size_of_the_first(make_batch: Make) -> None:
    batch = average_person(KINECT20, persons=2)
    positions = batch.positions * torch.tensor([2.0, 1.0]).view(1, 2, 1, 1, 1)
    scaled = NormalizeSize()(batch.with_positions(positions))
    torch.testing.assert_close(scaled.positions, positions / (2 * BODY_SIZE))


def test_without_limbs_the_spread_of_the_joints_counts() -> None:
    few = [KINECT20.index[joint] for joint in ("head", "left_hand", "right_hand")]
    batch = average_person(KINECT20, scale=4.0)
    observed = torch.zeros_like(batch.observed)
    observed[..., few] = True
    tracks = batch.with_positions(batch.positions, observed).tracks
    assert body_size(tracks).item() == pytest.approx(4.0 * BODY_SIZE, rel=1e-5)


def test_unknown_joints_have_the_spread_1() -> None:
    animal = Skeleton(
        "animal", ("nose tip", "tail base", "tail tip"), {"tail base": "nose tip", "tail tip": "tail base"}
    )
    positions = (
        torch.tensor([[-30.0, 0.0, 0.0], [0.0, 0.0, 0.0], [30.0, 0.0, 0.0]]).expand(1, 1, 5, 3, 3).contiguous()
    )
    observed = torch.ones(1, 1, 5, 3, dtype=torch.bool)
    batch = Batch(
        positions, observed, torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), animal
    )
    scaled = NormalizeSize()(batch).tracks.positions
    assert (scaled**2).sum(-1).mean().item() == pytest.approx(1.0)


def test_a_clip_without_a_size_and_an_outlier(make_batch: Make) -> None:
    batch = average_person(KINECT20)
    one_joint = batch.observed & (torch.arange(20) == 3)
    lost = batch.with_positions(batch.positions, one_joint)
    assert torch.equal(NormalizeSize()(lost).positions, lost.positions)
    wrong = batch.positions.clone()
    wrong[0, 0, :3, 5] += 100.0  # an elbow, in 3 of 8 frames
    assert body_size(batch.with_positions(wrong).tracks).item() == pytest.approx(BODY_SIZE, rel=1e-5)


def test_the_path_is_divided_too() -> None:
    batch = average_person(KINECT20)
    tracks = replace(batch.tracks, root=torch.ones(1, 8, 3), root_observed=torch.ones(1, 8, dtype=torch.bool))
    root = NormalizeSize()(batch.of_tracks(tracks)).tracks.root
    assert root is not None
    torch.testing.assert_close(root, torch.full((1, 8, 3), 1 / BODY_SIZE))
