from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import VideoOptions
from skeletonmae.pose import identities_of_persons, recording_from_poses
from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.skeletons import COCO17, MEDIAPIPE33

WIDTH, HEIGHT = 640, 480
BODY = np.random.default_rng(1).uniform(-1, 1, (33, 2)).astype(np.float32)


def make(persons: dict[int, tuple[Any, float]], num_frames: int = 60, **settings: Any) -> VideoPoses:
    """Poses of persons: identity -> the frames in which they are seen, and half their size in pixels.

    Their middle is at 100 + 10 times the identity, 200 + the number of the frame in a hundred.
    """
    found = sorted((int(frame), identity) for identity, (frames, _) in persons.items() for frame in frames)
    frame_index, identity = np.array(found, dtype=np.int64).reshape(-1, 2).T
    size = np.array([persons[int(number)][1] for number in identity], np.float32)
    middle = np.stack([100 + 10 * identity, 200 + frame_index % 100], 1).astype(np.float32)
    points = middle[:, None] + size[:, None, None] * BODY
    world = np.concatenate([-BODY, BODY[:, :1]], 1)[None].repeat(len(points), 0)
    about = {
        "skeleton": MEDIAPIPE33,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": 30.0,
        "times": np.arange(num_frames) / 30,
        "frame_index": np.ascontiguousarray(frame_index),
        "identity": np.ascontiguousarray(identity),
        "points": points,
        "confidence": np.full(points.shape[:2], 0.9, np.float32),
        "world": world,
        "score": np.ones(len(points), np.float32),
    }
    return VideoPoses(**{**about, **settings})


def test_frames_and_persons_are_where_the_poses_say() -> None:
    poses = make({4: (range(60), 20), 9: (range(10, 40), 90)})
    recording = recording_from_poses(poses, name="walk")
    assert identities_of_persons(poses) == [9, 4]  # 30 frames of 90 pixels are more than 60 of 20
    assert recording.positions.shape == (2, 60, 33, 2)
    assert (recording.unit, recording.fps, recording.name) == ("px", 30, "walk")
    assert dict(recording.tags) == {"image_size": "640x480"}
    assert recording.skeleton == MEDIAPIPE33
    assert recording.notes == ()
    for person, identity in enumerate([9, 4]):
        for frame in range(60):
            pose = [one for one in poses.at(frame) if one.identity == identity]
            assert recording.observed[person, frame].all() == bool(pose)
            assert recording.observed[person, frame].any() == bool(pose)
            if pose:
                np.testing.assert_array_equal(recording.positions[person, frame], pose[0].points)


def test_a_joint_is_observed_if_it_is_sure_and_inside_the_image() -> None:
    poses = make({0: (range(30), 50)}, 30)
    poses.confidence[:, 3] = 0.49
    poses.confidence[:, 4] = 0.5
    poses.points[:, 5] = [-1, 50]
    poses.points[:, 6] = [WIDTH + 1, 50]
    poses.points[:, 7] = [50, HEIGHT + 1]
    poses.points[:, 8] = [WIDTH, HEIGHT]
    for axes in (2, 3):
        observed = recording_from_poses(poses, VideoOptions(axes=axes)).observed[0]  # type: ignore[arg-type]
        assert np.flatnonzero(~observed.all(0)).tolist() == [3, 5, 6, 7]
        assert not observed[:, [3, 5, 6, 7]].any()
    low = make({0: (range(30), 50)}, 30, min_confidence=0.3, confidence=poses.confidence)
    assert recording_from_poses(low).observed[0].all()


def test_three_axes_have_the_same_frames_and_persons() -> None:
    poses = make({4: (range(60), 20), 9: (range(10, 40), 90)})
    flat, deep = (recording_from_poses(poses, VideoOptions(axes=axes)) for axes in (2, 3))
    np.testing.assert_array_equal(flat.observed, deep.observed)
    assert (deep.unit, deep.fps, deep.positions.shape) == ("m", 30, (2, 60, 33, 3))
    assert poses.world is not None
    np.testing.assert_allclose(deep.positions[1], poses.world[poses.identity == 4], atol=1e-5)  # they stand still


def test_root_motion_is_added_where_it_is_wanted() -> None:
    poses = make({0: (range(60), 100)})
    still, moving = (
        recording_from_poses(poses, VideoOptions(axes=3, root_motion=wanted)) for wanted in (False, True)
    )
    hips = [MEDIAPIPE33.index[name] for name in ("left_hip", "right_hip")]
    way = moving.positions[0, :, hips].mean(0) - still.positions[0, :, hips].mean(0)
    np.testing.assert_allclose(np.diff(way[10:-10, 1]), -0.01, atol=1e-4)  # a pixel down of a hundred a meter
    np.testing.assert_allclose(np.diff(way[:, 0]), 0, atol=1e-4)


def test_root_motion_counts_from_the_middle_of_an_image_that_is_not_square() -> None:
    poses = make({0: (range(60), 100)})
    hips = [MEDIAPIPE33.index[name] for name in ("left_hip", "right_hip")]
    poses.points[:] += np.array([WIDTH / 2, HEIGHT / 2]) - poses.points[:, hips].mean(1, keepdims=True)
    still, moving = (
        recording_from_poses(poses, VideoOptions(axes=3, root_motion=wanted)) for wanted in (False, True)
    )
    np.testing.assert_allclose(moving.positions, still.positions, atol=1e-4)


def test_recordings_in_3d_are_smoothed_and_those_in_2d_are_not() -> None:
    poses = make({0: (range(60), 50)})
    assert poses.world is not None
    poses.world[:, 7] += np.random.default_rng(0).normal(scale=0.05, size=(60, 3)).astype(np.float32)
    poses.points[:, 7] += np.random.default_rng(1).normal(scale=2, size=(60, 2)).astype(np.float32)
    deep, flat = (recording_from_poses(poses, VideoOptions(axes=axes)).positions[0] for axes in (3, 2))  # type: ignore[arg-type]
    jitter = [np.abs(np.diff(values[5:-5, 7], 2, axis=0)).mean() for values in (poses.world, deep)]
    assert jitter[1] < 0.5 * jitter[0]
    np.testing.assert_array_equal(flat, poses.points)


def test_an_estimator_without_depth_has_two_axes() -> None:
    poses = make({0: (range(30), 50)}, 30, world=None)
    assert recording_from_poses(poses).unit == "px"
    with pytest.raises(InputError, match=r"movenet has no depth; expected --axes 2, or --estimator blazepose"):
        recording_from_poses(poses, VideoOptions(axes=3, estimator="movenet"))


def test_nobody_is_said() -> None:
    empty = make({}, 30)
    with pytest.raises(
        InputError, match=r"clip: no person was seen in the video; expected somebody who fills .*fifth.*30 frames"
    ):
        recording_from_poses(empty, where="clip")
    unsure = make({0: (range(30), 50)}, 30, confidence=np.full((30, 33), 0.1, np.float32))
    with pytest.raises(InputError, match="no person was seen"):
        recording_from_poses(unsure)
    short = make({0: (range(14), 50)}, 60)
    with pytest.raises(
        InputError, match=r"seen for less than 0.5 s and in less than 25% of the frames; got at most 14 of 60"
    ):
        recording_from_poses(short)


def test_short_tracks_are_left_out_with_a_note() -> None:
    poses = make({0: (range(60), 50), 1: (range(14), 50), 2: (range(15, 30), 50)}, 60)
    assert identities_of_persons(poses) == [0, 2]  # half a second, and a quarter of the frames
    assert recording_from_poses(poses).notes == (
        "1 person who was seen for less than 0.5 s and in less than 25% of the frames was left out",
    )
    long = make({0: (range(20, 600), 50), 1: (range(15), 50)}, 600)
    assert identities_of_persons(long) == [0, 1]
    assert recording_from_poses(long).notes == ("no person was seen in 5 of 600 frames",)


@pytest.mark.parametrize(
    ("persons", "expected"), [("all", [1, 0, 2]), ("largest", [1]), (2, [1, 0]), (5, [1, 0, 2])]
)
def test_the_largest_persons_are_kept(persons: Any, expected: list[int]) -> None:
    poses = make({0: (range(60), 50), 1: (range(60), 80), 2: (range(60), 20)})
    options = VideoOptions(persons=persons)
    assert identities_of_persons(poses, options) == expected
    recording = recording_from_poses(poses, options)
    assert recording.num_persons == len(expected)
    left_out = [note for note in recording.notes if "left out" in note]
    assert (
        left_out
        == {
            1: ["2 persons besides the 1 largest were left out (--persons largest)"],
            2: ["1 person besides the 2 largest was left out (--persons 2)"],
            3: [],
        }[len(expected)]
    )


def test_a_long_video_of_many_persons_keeps_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.pose.recordings.MAX_CELLS", 3 * 100 * 33)
    poses = make({number: (range(100), 50 + number) for number in range(5)}, 100)
    recording = recording_from_poses(poses)
    assert identities_of_persons(poses) == [4, 3, 2]
    assert (
        "2 persons besides the 3 largest were left out, because 5 persons in 100 frames are too many"
        in recording.notes[0]
    )


def test_a_variable_rate_is_resampled_in_pixels_and_meters() -> None:
    times = np.delete(np.arange(61) / 30, 20)
    poses = make({0: (range(60), 50)}, 60, times=times)
    for axes in (2, 3):
        recording = recording_from_poses(poses, VideoOptions(axes=axes))  # type: ignore[arg-type]
        assert (recording.num_frames, recording.fps) == (61, 30)
        assert "frame rate of the video is variable" in recording.notes[0]
        assert recording.observed.all()
    flat = recording_from_poses(poses).positions[0]
    np.testing.assert_allclose(flat[20], (poses.points[19] + poses.points[20]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(flat[21:], poses.points[20:])
    as_it_is = recording_from_poses(poses, fps=25)
    assert (as_it_is.num_frames, as_it_is.fps, as_it_is.notes) == (60, 25, ())
    np.testing.assert_array_equal(as_it_is.positions[0], poses.points)


def test_notes_of_the_video_are_notes_of_the_recording() -> None:
    assert recording_from_poses(make({0: (range(30), 50)}, 30, notes=("it breaks off",))).notes == (
        "it breaks off",
    )


def test_other_layouts_are_kept() -> None:
    poses = make({0: (range(30), 50)}, 30)
    poses = make(
        {0: (range(30), 50)},
        30,
        skeleton=COCO17,
        points=poses.points[:, :17].copy(),
        confidence=poses.confidence[:, :17].copy(),
        world=None,
    )
    assert recording_from_poses(poses).skeleton == COCO17
