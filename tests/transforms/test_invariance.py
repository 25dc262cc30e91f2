"""What the clips of a model that reads any layout do not depend on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import Tracks
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, PENN13, Skeleton
from skeletonmae.skeletons.average_body import AVERAGE_BODY
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Center, FaceForward
from skeletonmae.transforms.root_motion import RootMotion
from skeletonmae.transforms.size import NormalizeSize

Make = Callable[..., Any]
CLIPS = ClipConfig(
    frames=32,
    axes=3,
    test_crop=1.0,
    transforms=(NormalizeSize(), Center(), FaceForward(optional=True)),
    final_transforms=(NormalizeSize(), RootMotion()),
)
TOLERANCE = {"atol": 2e-5, "rtol": 0.0}
"""In body sizes: coordinates of single precision at several times the size of a body."""


def waving(skeleton: Skeleton = KINECT20, fps: float = 30.0, seconds: float = 2.0) -> np.ndarray:
    """A walking and waving person in meters, `(frame, joint, axis)`, the same motion at any rate."""
    time = np.arange(0, seconds + 1e-9, 1 / fps)
    body = np.array([AVERAGE_BODY[joint] for joint in skeleton.joints])
    phase = np.arange(len(body))[:, None] + np.arange(3)
    swing = 0.1 * np.sin(3.0 * time[:, None, None] + phase)
    path = np.stack([0.5 * time, 0.02 * np.cos(4 * time), 3.0 - 0.2 * time], axis=1)
    return body + swing + path[:, None]


def clip_of(
    make_store: Make, folder: Path, positions: np.ndarray, skeleton: Skeleton = KINECT20, **settings: Any
) -> Tracks:
    fps, observed = settings.pop("fps", 30.0), settings.pop("observed", None)
    unit = settings.get("unit", "m")
    recording = SkeletonSequence.from_positions(positions, skeleton, fps=fps, unit=unit, observed=observed)
    store = make_store(folder, [recording], axes=positions.shape[-1], **settings)
    tracks: Tracks = CLIPS.loader(store, np.arange(1), batch_size=1).batch(0, 0).tracks
    return tracks


def assert_same(one: Tracks, other: Tracks, **tolerance: float) -> None:
    assert one.root is not None
    assert other.root is not None
    torch.testing.assert_close(one.positions, other.positions, **(tolerance or TOLERANCE))
    torch.testing.assert_close(one.root, other.root, **(tolerance or TOLERANCE))
    assert torch.equal(one.observed, other.observed)
    assert torch.equal(one.has_depth, other.has_depth)


@pytest.fixture
def reference(make_store: Make, tmp_path: Path) -> Tracks:
    return clip_of(make_store, tmp_path / "reference", waving())


@pytest.mark.parametrize("scale", [1000.0, 0.01])
def test_the_unit(make_store: Make, tmp_path: Path, reference: Tracks, scale: float) -> None:
    assert_same(clip_of(make_store, tmp_path / "s", waving() * scale, unit="unknown"), reference)


def test_where_the_person_stands_and_faces(make_store: Make, tmp_path: Path, reference: Tracks) -> None:
    angle = 2.0
    turn = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    moved = clip_of(make_store, tmp_path / "s", waving() @ turn.T + [2.0, -1.0, 4.0])
    assert_same(moved, reference)


def test_the_path_of_the_body_is_kept(reference: Tracks) -> None:
    root = reference.root
    assert root is not None
    assert not root[0, 0].any()
    walked = torch.linalg.vector_norm(root[0, -1]) * 0.5 * 1.0  # half a meter, for an average adult
    assert walked == pytest.approx(2.0 * math.hypot(0.5, 0.2), abs=0.25)
    hips = reference.positions[0, :, [KINECT20.index["left_hip"], KINECT20.index["right_hip"]]].mean(1)
    assert hips.abs().max() < 1e-5


def test_joints_that_were_never_observed(make_store: Make, tmp_path: Path) -> None:
    joints = [KINECT20.index[joint] for joint in PENN13.joints]
    positions = waving()
    observed = np.zeros(positions.shape[:2], dtype=bool)
    observed[:, joints] = True
    one = clip_of(make_store, tmp_path / "a", positions, observed=observed)
    other = clip_of(make_store, tmp_path / "b", positions[:, joints], PENN13)
    torch.testing.assert_close(one.positions[:, :, joints], other.positions, **TOLERANCE)
    torch.testing.assert_close(one.root, other.root, **TOLERANCE)


@pytest.mark.parametrize("axes", [2, 3])
def test_few_joints_without_limbs_hips_or_shoulders(make_store: Make, tmp_path: Path, axes: int) -> None:
    few = ("head", "left_hand", "right_hand", "left_foot", "right_foot")
    star = Skeleton("five", few, dict.fromkeys(few[1:], "head"))
    joints = [KINECT20.index[joint] for joint in few]
    positions = waving()[:, :, :axes]
    observed = np.zeros(positions.shape[:2], dtype=bool)
    observed[:, joints] = True
    unit = {} if axes == 3 else {"unit": "px"}
    one = clip_of(make_store, tmp_path / "a", positions, observed=observed, **unit)
    other = clip_of(make_store, tmp_path / "b", positions[:, joints] * 300 + 40, star, unit="px")
    torch.testing.assert_close(one.positions[:, :, joints], other.positions, **TOLERANCE)
    torch.testing.assert_close(one.root, other.root, **TOLERANCE)
    assert 0.5 < torch.linalg.vector_norm(other.positions, dim=-1).max() < 5


def test_an_empty_second_person(make_store: Make, tmp_path: Path, reference: Tracks) -> None:
    positions = np.stack([waving(), np.full_like(waving(), np.nan)])
    assert_same(clip_of(make_store, tmp_path / "s", positions), reference)


def test_the_order_of_joints(make_store: Make, tmp_path: Path, reference: Tracks) -> None:
    order = np.random.default_rng(0).permutation(20)
    joints = tuple(KINECT20.joints[joint] for joint in order)
    shuffled = Skeleton("shuffled", joints, KINECT20.parents, center=KINECT20.center)
    clip = clip_of(make_store, tmp_path / "s", waving()[:, order], shuffled)
    back = replace(clip, positions=clip.positions[:, :, np.argsort(order)], observed=clip.observed)
    assert_same(back, reference)


@pytest.mark.parametrize("fps", [10.0, 15.0, 60.0, 120.0])
def test_the_frame_rate(make_store: Make, tmp_path: Path, reference: Tracks, fps: float) -> None:
    clip = clip_of(make_store, tmp_path / "s", waving(fps=fps), fps=fps)
    assert clip.duration.item() == pytest.approx(2.0, rel=1e-6)
    assert reference.duration.item() == pytest.approx(2.0, rel=1e-6)
    assert_same(clip, reference, atol=0.015, rtol=0.0)  # 10 frames a second cut the corners of a wave


def test_2d_clips_stand_upright_and_have_no_depth(make_store: Make, tmp_path: Path) -> None:
    image = waving(COCO17)[:, :, :2] * [-100.0, -100.0] + [320.0, 240.0]  # x to the right, y down
    clip = clip_of(make_store, tmp_path / "s", image, COCO17, unit="px")
    flat = clip_of(make_store, tmp_path / "f", waving(COCO17) * [1.0, 1.0, 0.0], COCO17)
    assert not clip.has_depth.any()
    assert not clip.positions[..., 2].any()
    assert clip.positions[0, :, COCO17.index["nose"], 1].min() > 0.5
    torch.testing.assert_close(clip.positions[..., 1], flat.positions[..., 1], **TOLERANCE)


def test_an_unknown_rate_has_an_unknown_duration(make_store: Make, tmp_path: Path) -> None:
    assert clip_of(make_store, tmp_path / "s", waving(), fps=None).duration.isnan().all()


def test_lost_and_wrong_joints_hardly_change_the_size(make_store: Make, tmp_path: Path, reference: Tracks) -> None:
    rng = np.random.default_rng(0)
    positions = waving()
    positions[:20, KINECT20.index["left_wrist"]] += 5.0
    observed = rng.random(positions.shape[:2]) < 0.7
    clip = clip_of(make_store, tmp_path / "s", positions, observed=observed)
    thigh = [KINECT20.index["left_hip"], KINECT20.index["left_knee"]]
    lengths = [
        torch.linalg.vector_norm(one.positions[0, :, thigh[0]] - one.positions[0, :, thigh[1]], dim=-1)
        for one in (clip, reference)
    ]
    both = clip.observed[0, :, thigh].all(1)
    torch.testing.assert_close(lengths[0][both], lengths[1][both], rtol=0.06, atol=0.0)
