"""Everybody stands on the stage, facing forward, feet on the floor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.rendering.stage import Stage, facing_forward
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17


def turned(recording: SkeletonSequence, degrees: float) -> SkeletonSequence:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return replace(recording, positions=(recording.positions @ rotation).astype(np.float32))


def test_everything_lies_in_the_picture_with_room_above(make_standing: Any) -> None:
    recording = make_standing(persons=2)
    stage = Stage.of(recording, 640, 360)
    x, y = stage.points[..., 0], stage.points[..., 1]
    assert 0 < x.min() < x.max() < 640
    assert 0.1 * 360 < y.min() < y.max() < 360
    assert stage.floor == pytest.approx(y.max(), abs=3)


def test_the_left_of_a_body_that_faces_the_viewer_is_on_the_right(make_standing: Any) -> None:
    recording = make_standing()
    left, right = (recording.skeleton.index[f"{side}_shoulder"] for side in ("left", "right"))
    for degrees in (0, 70, 180, 250):
        stage = Stage.of(turned(recording, degrees), 640, 360)
        assert (stage.points[0, :, left, 0] > stage.points[0, :, right, 0]).all()


@pytest.mark.parametrize("degrees", [30, 120, 200])
def test_the_view_does_not_depend_on_how_the_camera_stood(make_standing: Any, degrees: float) -> None:
    recording = make_standing()
    expected = Stage.of(recording, 640, 360).points
    np.testing.assert_allclose(Stage.of(turned(recording, degrees), 640, 360).points, expected, atol=0.5)


def test_persons_who_face_each_other_are_left_as_they_stand(make_standing: Any) -> None:
    first, second = make_standing(), turned(make_standing(), 180)
    both = replace(
        first,
        positions=np.concatenate([first.positions, second.positions]),
        observed=np.concatenate([first.observed, second.observed]),
    )
    assert facing_forward(both) is both.positions


def test_persons_without_a_place_stand_side_by_side(make_standing: Any) -> None:
    stage = Stage.of(make_standing(persons=2, shift=0.0), 640, 360)
    center = stage.points.mean((1, 2))
    assert abs(center[1, 0] - center[0, 0]) > 100
    assert "side by side" in stage.notes[0]
    assert not Stage.of(make_standing(persons=2), 640, 360).notes


def test_images_keep_their_directions_and_have_no_floor() -> None:
    positions = np.zeros((1, 2, 17, 2), np.float32)
    positions[0, :, :, 1] = np.linspace(100, 500, 17)
    positions[0, :, :, 0] = np.linspace(10, 90, 17)
    stage = Stage.of(SkeletonSequence.from_positions(positions, COCO17, unit="px"), 640, 360)
    assert stage.floor is None
    assert (np.diff(stage.points[0, 0, :, 0]) > 0).all()
    assert (np.diff(stage.points[0, 0, :, 1]) > 0).all()


def test_a_wrong_joint_far_away_does_not_make_everybody_small(make_standing: Any) -> None:
    recording = make_standing(frames=100)
    positions = recording.positions.copy()
    positions[0, 50, 3] = 1000
    size = np.ptp(Stage.of(replace(recording, positions=positions), 640, 360).points[0, 0, :, 1])
    assert size == pytest.approx(np.ptp(Stage.of(recording, 640, 360).points[0, 0, :, 1]), rel=0.02)


def test_an_empty_recording_is_refused(make_standing: Any) -> None:
    recording = make_standing()
    empty = replace(recording, positions=recording.positions * 0, observed=recording.observed & False)
    with pytest.raises(InputError, match="recording 'clip': no joint was observed"):
        Stage.of(empty, 640, 360)
