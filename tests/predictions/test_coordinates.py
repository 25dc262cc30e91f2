from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.predictions.coordinates import CoordinateConfig, coordinate_features
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

CONFIG = CoordinateConfig(joints=KINECT20.joints, axes=3, persons=1, frames=8)


def line(frames: int, **settings: Any) -> SkeletonSequence:
    """Every joint moves along a line at constant speed."""
    start = np.random.default_rng(0).normal(size=(20, 3))
    speed = np.random.default_rng(1).normal(size=(20, 3))
    return SkeletonSequence.from_positions(
        start + np.linspace(0, 1, frames)[:, None, None] * speed, KINECT20, **settings
    )


def row(recording: SkeletonSequence, **settings: Any) -> np.ndarray:
    features = coordinate_features(recording, CONFIG.model_copy(update=settings))
    assert features is not None
    return features


def test_a_row_has_positions_and_their_differences() -> None:
    features = row(line(30)).reshape(15, 20, 3)
    assert CONFIG.num_features == 15 * 20 * 3
    np.testing.assert_allclose(features[8:], np.diff(features[:8], axis=0), atol=1e-6)
    center = [KINECT20.joints.index(joint) for joint in KINECT20.center]
    np.testing.assert_allclose(features[0, center].mean(0), 0, atol=1e-6)


def test_neither_the_frame_rate_nor_the_place_changes_it() -> None:
    np.testing.assert_allclose(row(line(10)), row(line(91)), atol=1e-5)
    moved = replace(line(10), positions=line(10).positions + np.float32(4))
    np.testing.assert_allclose(row(line(10)), row(moved), atol=1e-5)


def test_empty_frames_at_the_ends_do_not_change_it() -> None:
    recording = line(10)
    positions = np.pad(recording.positions, ((0, 0), (3, 5), (0, 0), (0, 0)))
    observed = np.pad(recording.observed, ((0, 0), (3, 5), (0, 0)))
    np.testing.assert_allclose(row(replace(recording, positions=positions, observed=observed)), row(recording))


@pytest.mark.parametrize("degrees", [40, 200, 310])
def test_facing_forward_takes_back_a_turn(degrees: float) -> None:
    recording, angle = line(10), np.radians(degrees)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    turned = replace(recording, positions=(recording.positions @ turn).astype(np.float32))
    np.testing.assert_allclose(row(turned, face_forward=True), row(recording, face_forward=True), atol=1e-4)
    assert not np.allclose(row(turned), row(recording), atol=0.1)


def test_facing_forward_means_left_to_right_along_x() -> None:
    positions = row(line(10), face_forward=True).reshape(15, 20, 3)[:8]
    axis = sum((positions[:, right] - positions[:, left]).sum(0) for left, right in KINECT20.left_right)
    assert axis[0] > 0
    assert axis[2] == pytest.approx(0, abs=1e-4)


def test_what_is_missing_is_zero() -> None:
    recording = line(10)
    observed = recording.observed.copy()
    observed[0, :, 4] = False
    positions = np.where(observed[..., None], recording.positions, np.float32(0))
    features = row(replace(recording, positions=positions, observed=observed)).reshape(15, 20, 3)
    assert not features[:, 4].any()
    assert row(recording, joints=(*KINECT20.joints, "nose")).reshape(15, 21, 3)[:, 20].any() == False  # noqa: E712
    two = row(recording, persons=2)
    np.testing.assert_allclose(two[: len(two) // 2], row(recording))
    assert not two[len(two) // 2 :].any()


def test_nobody_has_no_row() -> None:
    nobody = SkeletonSequence.from_positions(np.full((5, 20, 3), np.nan), KINECT20)
    assert coordinate_features(nobody, CONFIG) is None
    assert coordinate_features(line(5), CONFIG.model_copy(update={"joints": ("nose",)})) is None
