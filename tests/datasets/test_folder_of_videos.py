from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.pose_video import write_video

import skeletonmae
from skeletonmae.datasets import FOLDER, detect_dataset, prepare, unread_files
from skeletonmae.datasets.load_recordings import load_recordings
from skeletonmae.errors import InputError
from skeletonmae.formats import VideoOptions
from skeletonmae.sequences import SequenceStore

Write = Callable[[str, Path, np.ndarray], Path]
VALUES = np.random.default_rng(0).uniform(0, 2, (6, 20, 3))

pytestmark = pytest.mark.usefixtures("pixel_estimator")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two videos of each of two classes."""
    for label in ("jump", "wave"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(2):
            write_video(tmp_path / "clips" / label / f"clip {number}.mkv", VALUES + number)
    return tmp_path / "clips"


def test_videos_become_a_store_with_their_folders_as_classes(clips: Path, tmp_path: Path) -> None:
    assert detect_dataset(clips) is FOLDER
    report = prepare(FOLDER, clips, tmp_path / "store")
    assert report.classes == {"jump": 2, "wave": 2}
    store = SequenceStore.open(tmp_path / "store")
    assert (store.unit, store.axes, store.skeleton.name) == ("px", 2, "mediapipe33")
    assert set(store.tags["image_size"]) == {"96x64"}
    assert [recording.name for recording in skeletonmae.read(clips)] == [
        f"{label}/clip {number}" for label in ("jump", "wave") for number in range(2)
    ]


def test_labels_may_name_videos(clips: Path) -> None:
    (clips / "labels.csv").write_text("recording,label,subject\nclip 0.mkv,hop,ann\n".replace("clip", "jump/clip"))
    found = {one.name: (one.label, one.tags.get("subject")) for one in skeletonmae.read(clips)}
    assert found["jump/clip 0"] == ("hop", "ann")
    assert found["jump/clip 1"] == ("jump", None)


def test_videos_beside_poses_of_their_name_are_what_those_were_made_from(
    clips: Path, tmp_path: Path, write_sample: Write
) -> None:
    """Their labels are those of the poses, too; the other videos are read."""
    write_sample("mediapipe", clips / "jump" / "clip 0.json", np.ones((3, 20, 3)))
    (clips / "labels.csv").write_text("recording,label\njump/clip 0.mkv,hop\n")
    assert {one.name: one.label for one in skeletonmae.read(clips, errors="ignore")} == {
        "jump/clip 0": "hop",
        "jump/clip 1": "jump",
        "wave/clip 0": "wave",
        "wave/clip 1": "wave",
    }
    (left_out,) = unread_files(FOLDER, clips)
    assert left_out.path == clips / "jump" / "clip 0.mkv"
    assert left_out.reason.startswith("a video beside poses of the same name, which are read in its place")
    assert left_out.may_hold_recordings
    report = prepare(FOLDER, clips, tmp_path / "store")
    assert "jump/clip 0.mkv" in {entry.file for entry in report.skipped}
    (alone,) = skeletonmae.read(clips / "jump" / "clip 0.mkv")
    assert alone.name == "clip 0"


@pytest.mark.parametrize(
    "name", ["clip 0.pose.json", "clip 0DLC_resnet50.json", "clip 0_000000000000_keypoints.json"]
)
def test_pose_estimators_add_to_the_name_of_a_video(clips: Path, write_sample: Write, name: str) -> None:
    write_sample("mediapipe", clips / "jump" / name, np.ones((3, 20, 3)))
    assert [file.path.name for file in FOLDER.files(clips / "jump")] == [name, "clip 1.mkv"]


@pytest.mark.parametrize(
    "name", ["poses_2d.json", "clip.json", "clip 00.json", "clip 0.txt", "clip 0.csv", "x/clip 0.json"]
)
def test_poses_of_something_else_keep_no_video_from_being_read(
    clips: Path, write_sample: Write, name: str
) -> None:
    """Nor do videos whose names have another ending, or tables of something else."""
    path = clips / "jump" / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".json":
        write_sample("mediapipe", path, np.ones((3, 20, 3)))
    elif path.suffix == ".txt":
        path.write_bytes((clips / "jump" / "clip 1.mkv").read_bytes())
    else:
        path.write_text("name,age\nann,30\n")
    assert len([file for file in FOLDER.files(clips) if file.path.suffix == ".mkv"]) == 4


def test_other_files_do_not_keep_videos_from_being_read(clips: Path) -> None:
    (clips / "about.json").write_text('{"camera": "hall"}')
    (clips / "subjects.csv").write_text("name,age\nann,30\n")
    assert len(FOLDER.files(clips)) == 6
    recordings, problems = load_recordings([clips])
    assert len(recordings) == 4
    assert {Path(problem.recording).name for problem in problems} == {"about.json", "subjects.csv"}


def test_a_video_that_cannot_be_read_is_said_and_the_others_are_read(clips: Path, tmp_path: Path) -> None:
    (clips / "jump" / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    (clips / "jump" / "empty.mp4").write_bytes(b"")
    (clips / "jump" / "text.mp4").write_bytes(b"some text")
    report = prepare(FOLDER, clips, tmp_path / "store")
    assert report.recordings == 4
    reasons = {entry.file: entry.reason for entry in report.skipped}
    assert "the video cannot be opened" in reasons["jump/broken.mp4"]
    assert "is empty" in reasons["jump/empty.mp4"]
    assert "expected a video in MP4, QuickTime" in reasons["jump/text.mp4"]


def test_an_interrupted_prepare_knows_other_options(clips: Path, tmp_path: Path) -> None:
    from skeletonmae.datasets.convert import RecordingConverter
    from skeletonmae.datasets.jobs import ReadSettings
    from skeletonmae.formats import ReadOptions, VideoOptions

    def key(video: Any) -> str:
        settings = ReadSettings(FOLDER, clips, ReadOptions(video=video), RecordingConverter(), "float32", False)
        return settings.cache_key(skeletonmae.read(clips / "jump")[0], FOLDER.files(clips))

    options = [
        VideoOptions(),
        VideoOptions(persons="largest"),
        VideoOptions(axes=3),
        VideoOptions(estimator="movenet"),
    ]
    assert len({key(one) for one in options}) == 4
    assert key(VideoOptions(cache_folders=(tmp_path,))) == key(VideoOptions())


def test_a_folder_with_pictures_alone_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"got 1 file: 1 \.png; make a video of images"):
        detect_dataset(tmp_path)


def test_options_for_videos_in_python(clips: Path) -> None:
    flat, deep = (skeletonmae.read(clips / "jump", video=video) for video in (None, VideoOptions(axes=3)))
    assert {one.unit for one in flat} == {"px"}
    assert {(one.unit, one.positions.shape[3]) for one in deep} == {("m", 3)}
