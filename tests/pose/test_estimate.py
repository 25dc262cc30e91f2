from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_poses import FlatEstimator
from fake_poses import write_video as fake_video
from samples.pose_video import HEIGHT, WIDTH, image_of, person, write_images

from skeletonmae.errors import InputError
from skeletonmae.formats import InputFile, VideoOptions, VideoProgress
from skeletonmae.pose import estimate_poses, recording_from_poses
from skeletonmae.pose.cache import FOLDER
from skeletonmae.skeletons import COCO17, MEDIAPIPE33


def points(frame: int, identity: int) -> np.ndarray:
    """33 joints that say whose they are, and when."""
    return np.stack([np.full(33, 10 + 20 * identity), 10 + np.arange(33) + frame / 2], 1).astype(np.float32)


def crossing(path: Path, num_frames: int = 40, **settings: Any) -> Path:
    """Two persons, of whom one is absent for a while, and nobody in the last two frames."""
    images = []
    for frame in range(num_frames):
        seen = [
            identity for identity in (3, 1) if frame < num_frames - 2 and (identity == 1 or not 5 <= frame < 25)
        ]
        images.append(image_of([person(identity, points(frame, identity)) for identity in seen]))
    return write_images(path, images, **settings)


def test_identities_and_frames_survive_from_the_video_to_the_recording(
    tmp_path: Path, pixel_estimator: Any
) -> None:
    path = crossing(tmp_path / "crossing.mkv")
    poses = estimate_poses(path)
    assert (poses.num_frames, poses.width, poses.height, poses.fps) == (40, WIDTH, HEIGHT, 30)
    assert [[one.identity for one in poses.at(frame)] for frame in (0, 5, 24, 25, 38)] == [
        [3, 1],
        [1],
        [1],
        [3, 1],
        [],
    ]
    recording = recording_from_poses(poses)
    assert recording.notes == ("no person was seen in 2 of 40 frames",)
    for index, identity in enumerate((1, 3)):
        for frame in range(40):
            seen = frame < 38 and (identity == 1 or not 5 <= frame < 25)
            assert recording.observed[index, frame].all() == recording.observed[index, frame].any() == seen
            if seen:
                np.testing.assert_array_equal(recording.positions[index, frame], points(frame, identity))
    np.testing.assert_allclose(pixel_estimator.times, np.arange(40) / 30, atol=1e-3)


def test_points_are_in_pixels_of_the_whole_video(tmp_path: Path) -> None:
    class Marker:
        """Finds the white square."""

        skeleton, has_depth, min_confidence = MEDIAPIPE33, False, 0.5

        def update(self, image: np.ndarray, time: float) -> list[Any]:
            from skeletonmae.pose import PersonPose

            rows, columns = np.nonzero(image[..., 0] > 128)
            middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5], np.float32)
            return [PersonPose(0, np.tile(middle, (33, 1)), np.ones(33, np.float32), None, 1.0)]

        def reset(self) -> None:
            pass

    image = np.zeros((600, 1280, 3), np.uint8)
    image[200:240, 1000:1040] = 255
    path = write_images(tmp_path / "large.mkv", [image] * 3)
    found = estimate_poses(path, estimator=Marker())
    np.testing.assert_allclose(found.points[:, 0], [[1020, 220]] * 3, atol=1)
    assert found.world is None


def test_the_second_time_takes_the_kept_poses(tmp_path: Path, pixel_estimator: Any) -> None:
    path = crossing(tmp_path / "a.mkv")
    messages: list[str] = []
    options = VideoOptions(cache_folders=(tmp_path / FOLDER,), on_message=messages.append)
    first = estimate_poses(path, options)
    assert pixel_estimator.num_updates == 40
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(path.read_bytes())
    second = estimate_poses(copy, VideoOptions(axes=3, cache_folders=(tmp_path / FOLDER,)))
    assert pixel_estimator.num_updates == 40
    np.testing.assert_array_equal(second.points, first.points)
    (kept,) = (tmp_path / FOLDER).iterdir()
    kept.write_bytes(kept.read_bytes()[:-50])
    estimate_poses(path, options)
    assert pixel_estimator.num_updates == 80
    assert [message.partition(" ")[0] for message in messages] == ["poses", "kept", "poses"]
    estimate_poses(path, options)
    assert pixel_estimator.num_updates == 80
    estimate_poses(path)  # without a folder, nothing is kept
    assert pixel_estimator.num_updates == 120


def test_a_video_in_an_archive(tmp_path: Path, pixel_estimator: Any) -> None:
    path = crossing(tmp_path / "a.mkv")
    archive = tmp_path / "clips.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, "walk/a.mkv")
        file.writestr("walk/broken.mkv", path.read_bytes()[:60])
    found = estimate_poses(InputFile(archive / "walk/a.mkv", archive))
    assert found.num_frames == 40
    with pytest.raises(InputError, match=r"clips.zip/walk/broken.mkv: the video cannot be opened"):
        estimate_poses(InputFile(archive / "walk/broken.mkv", archive))


def test_one_frame_is_no_motion(tmp_path: Path, pixel_estimator: Any) -> None:
    path = crossing(tmp_path / "one.mkv", 1)
    with pytest.raises(
        InputError, match=r"one.mkv: the video shows no motion; expected two frames or more; got one"
    ):
        estimate_poses(path)


def test_progress_ends_with_all_frames(tmp_path: Path, pixel_estimator: Any) -> None:
    seen: list[VideoProgress] = []
    path = crossing(tmp_path / "a.mkv", 10)
    estimate_poses(path, VideoOptions(on_progress=seen.append))
    assert [one.num_frames for one in seen] == [*range(1, 11), 10]
    assert [one.is_done for one in seen] == [False] * 10 + [True]
    assert (seen[-1].total, seen[-1].path) == (10, path)


def test_a_missing_network_or_estimator_names_the_video(tmp_path: Path) -> None:
    path = crossing(tmp_path / "a.mkv", 3)
    with pytest.raises(
        InputError, match=r"a.mkv: .*no such pose estimator; expected blazepose, .*; got lightpose"
    ):
        estimate_poses(path, VideoOptions(estimator="lightpose"))


def test_an_estimator_forgets_the_video_before_and_its_threshold_holds(tmp_path: Path) -> None:
    path, estimator = fake_video(tmp_path / "a.mp4"), FlatEstimator()
    for _ in range(2):
        poses = estimate_poses(path, estimator=estimator)
    assert estimator.num_resets == 2
    assert len(estimator.times) == 10
    assert (poses.width, poses.height, poses.min_confidence) == (192, 128, 0.3)
    recording = recording_from_poses(poses)
    assert (recording.skeleton.name, recording.tags["image_size"]) == ("coco17", "192x128")
    expected = np.array([joint != "right_knee" for joint in COCO17.joints])  # all scores are below 0.5
    assert (recording.observed[0] == expected).all()


def test_videos_with_the_same_options_share_an_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FlatEstimator] = []

    def make(*_: Any, **__: Any) -> FlatEstimator:
        made.append(FlatEstimator())
        return made[-1]

    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", make)
    path = fake_video(tmp_path / "a.mp4")
    for _ in range(3):
        estimate_poses(path)
    assert [one.num_resets for one in made] == [3]
    estimate_poses(path, VideoOptions(persons=1))
    assert [one.num_resets for one in made] == [3, 1]
    made[-1].update = None  # type: ignore[method-assign,assignment]
    with pytest.raises(TypeError):
        estimate_poses(path, VideoOptions(persons=1))
    estimate_poses(path, VideoOptions(persons=1))  # whatever failed is not used again
    assert [one.num_resets for one in made] == [3, 2, 1]
