"""Recordings of real videos: what is observed, and how still and how fast 3D poses are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.formats import VideoOptions
from skeletonmae.pose import VideoPoses, estimate_poses, recording_from_poses
from skeletonmae.skeletons import MEDIAPIPE33

pytestmark = pytest.mark.real
LEGS, WRISTS, ANKLES, HIPS = (
    [MEDIAPIPE33.index[f"{side}_{joint}"] for side in ("left", "right") for joint in joints]
    for joints in (("knee", "ankle"), ("wrist",), ("ankle",), ("hip",))
)


@cache
def poses_of(path: Path) -> VideoPoses:
    return estimate_poses(path)


@pytest.fixture
def poses(real_data: Path) -> Any:
    pytest.importorskip("av")
    pytest.importorskip("onnxruntime")
    folder = real_data.parent / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real videos at {folder}")
    return lambda name: poses_of(folder / name)


def jerk(positions: np.ndarray) -> float:
    """Mean second difference at 30 frames per second, in centimeters."""
    return float(100 * np.linalg.norm(np.diff(positions, 2, axis=0), axis=-1).mean())


def test_a_walk_is_whole_and_smooth(poses: Any) -> None:
    found = poses("pose2sim_single_cam01.mp4")
    flat, deep = (recording_from_poses(found, VideoOptions(axes=axes)) for axes in (2, 3))
    assert flat.positions.shape == (1, 100, 33, 2)
    assert (flat.fps, dict(flat.tags)) == (60, {"image_size": "1080x1920"})
    assert flat.observed.mean() > 0.9
    assert flat.notes == deep.notes == ()
    height = np.median(np.ptp(flat.positions[0, ..., 1], axis=1))
    assert 600 < height < 1000
    raw, smoothed = found.world[::2], deep.positions[0, ::2]
    assert jerk(raw[:, WRISTS]) > 6
    assert jerk(smoothed[:, WRISTS]) == pytest.approx(1.8, abs=0.3)
    assert jerk(smoothed[:, ANKLES]) == pytest.approx(1.7, abs=0.3)
    assert np.abs(deep.positions[0][:, HIPS].mean(1)).max() < 0.01
    nose, ankle = (deep.positions[0, :, MEDIAPIPE33.index[name], 1].mean() for name in ("nose", "left_ankle"))
    assert nose > 0.3 > -0.3 > ankle  # y points up


def test_legs_behind_a_table_are_unobserved(poses: Any) -> None:
    recording = recording_from_poses(poses("intel_sign_hungry.mkv"))
    assert recording.positions.shape == (1, 49, 33, 2)
    assert recording.fps == 30
    assert not recording.observed[0][:, LEGS].any()
    assert recording.observed[0][:, WRISTS].mean() > 0.9


def test_squats_at_five_frames_a_second(poses: Any) -> None:
    recording = recording_from_poses(poses("tfjs_squat_5fps.mp4"), VideoOptions(axes=3))
    assert recording.positions.shape == (1, 65, 33, 3)
    assert recording.fps == 5
    assert recording.observed.mean() > 0.95


@pytest.mark.slow
def test_a_walker_has_the_speed_of_a_walker(poses: Any) -> None:
    found = poses("sports2d_demo.mp4")
    recording = recording_from_poses(found, VideoOptions(axes=3, root_motion=True))
    speeds = []
    for positions, observed in zip(recording.positions, recording.observed, strict=True):
        frames = np.flatnonzero(observed[:, HIPS].all(1))
        way = positions[frames][:, HIPS, 0].mean(1)
        speeds.append(np.median(np.abs(way[10:] - way[:-10])) * recording.fps / 10)
    assert any(speed == pytest.approx(1.18, abs=0.1) for speed in speeds)
    assert any("no person was seen in" in note for note in recording.notes)
