from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.skeletons import HAND21, KINECT20, Skeleton
from skeletonmae.transforms.geometry import FaceForward, Mirror, Rotate, Scale
from skeletonmae.transforms.root_motion import RootMotion, anchors_of

Make = Callable[..., Any]
HIPS = [KINECT20.index["left_hip"], KINECT20.index["right_hip"]]


def test_the_middle_of_the_hips_is_the_origin_of_every_frame(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    moved = RootMotion()(batch).tracks
    torch.testing.assert_close(moved.positions[:, :, HIPS].mean(2), torch.zeros(3, 16, 3), atol=1e-6, rtol=0)
    center = batch.tracks.positions[:, :, HIPS].mean(2)
    expected = center - center[torch.tensor([0, 0, 2]), 0][:, None]  # both persons of the first clip
    torch.testing.assert_close(moved.root, expected)
    assert moved.root_observed.all()


def test_pose_and_path_together_are_the_clip(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.0)
    moved = RootMotion()(batch).tracks
    back = moved.positions + moved.root[:, :, None]
    shift = batch.tracks.positions - back
    torch.testing.assert_close(shift, shift[:, :1, :1].expand_as(shift), atol=1e-5, rtol=0)
    torch.testing.assert_close(shift[0], shift[1])


def test_unobserved_hips_in_some_frames_keep_their_place() -> None:
    frames = torch.arange(6.0)
    positions = frames.view(1, 1, 6, 1, 1).expand(1, 1, 6, 20, 3).contiguous()
    observed = torch.ones(1, 1, 6, 20, dtype=torch.bool)
    for frame in (0, 3):
        observed[0, 0, frame, HIPS[0]] = False
    batch = Batch(
        positions, observed, torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), KINECT20
    )
    tracks = RootMotion()(batch.with_positions(positions, observed)).tracks
    assert tracks.root_observed is not None
    assert tracks.root is not None
    assert tracks.root_observed[0].tolist() == [False, True, True, False, True, True]
    assert tracks.root[0, :, 0].tolist() == [0, 0, 1, 0, 3, 4]  # relative to the first frame with hips
    assert tracks.positions[0, :, 3, 0].tolist() == [-1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("lost", "center"),
    [
        (("left_hip",), ("pelvis",)),
        (("left_hip", "pelvis"), ("left_shoulder", "right_shoulder")),
        (("right_hip", "pelvis", "left_shoulder"), ("shoulder_center",)),
    ],
)
def test_what_stands_in_for_the_hips(make_batch: Make, lost: tuple[str, ...], center: tuple[str, ...]) -> None:
    batch = make_batch((1,), lost=0.0)
    observed = batch.observed.clone()
    observed[..., [KINECT20.index[joint] for joint in lost]] = False
    moved = RootMotion()(batch.with_positions(batch.positions, observed)).tracks
    middle = moved.positions[:, :, [KINECT20.index[joint] for joint in center]].mean(2)
    torch.testing.assert_close(middle, torch.zeros_like(middle), atol=1e-6, rtol=0)


def test_the_centroid_stands_in_for_everything_else(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.2)
    kept = [KINECT20.index[joint] for joint in ("head", "left_hand", "right_hand", "left_foot")]
    observed = batch.observed & torch.isin(torch.arange(20), torch.tensor(kept))
    moved = RootMotion()(batch.with_positions(batch.positions, observed)).tracks
    torch.testing.assert_close(moved.positions.sum(2), torch.zeros(3, 16, 3), atol=1e-5, rtol=0)
    assert torch.equal(moved.root_observed, moved.observed.any(2))
    assert not moved.root[~moved.root_observed].any()


def test_a_layout_with_its_own_names_has_its_own_center() -> None:
    mouse = Skeleton("mouse", ("nose tip", "trunk"), {"nose tip": "trunk"}, center=("trunk",))
    assert anchors_of(mouse) == [("trunk",)]
    assert anchors_of(HAND21) == []
    assert ("spine",) not in anchors_of(KINECT20)


def test_tracks_of_a_batch_are_independent(make_batch: Make) -> None:
    batch = make_batch((1, 1, 1), lost=0.4)
    together = RootMotion()(batch).tracks
    for clip in range(3):
        alone = RootMotion()(batch.select(torch.tensor([clip]))).tracks
        torch.testing.assert_close(alone.positions[0], together.positions[clip])
        torch.testing.assert_close(alone.root[0], together.root[clip])


@pytest.mark.parametrize(
    "transform", [FaceForward(), Rotate(degrees=(20, 30, 40)), Scale(), Mirror(probability=1.0)]
)
def test_path_and_pose_move_together(make_batch: Make, transform: Any) -> None:
    batch = make_batch((1, 2), lost=0.0)
    tracks = RootMotion()(batch).tracks
    whole = tracks.positions + tracks.root[:, :, None]
    expected = transform(batch.of_tracks(replace(tracks, positions=whole, root=None, root_observed=None))).tracks
    if transform.kind == "face_forward":  # the direction is that of the pose
        expected = expected.positions
        moved = transform(batch.of_tracks(tracks)).tracks
        lengths = [torch.linalg.vector_norm(one, dim=-1) for one in (moved.root, tracks.root)]
        torch.testing.assert_close(lengths[0], lengths[1])
        return
    moved = transform(batch.of_tracks(tracks)).tracks
    torch.testing.assert_close(moved.positions + moved.root[:, :, None], expected.positions, atol=1e-5, rtol=1e-5)
