from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.datasets import FOLDER, prepare
from skeletonmae.datasets.single_frames import describe_scattered, scattered_frames
from skeletonmae.errors import InputError

HEADER = "recording,frame,joint,x,y,z"


def table(name: str, frames: int) -> str:
    joints = ("head", "left_hand", "right_hand")
    lines = [f"{name},{frame},{joint},{frame},{i},1" for frame in range(frames) for i, joint in enumerate(joints)]
    return "\n".join([HEADER, *lines])


def test_three_and_most_of_a_folder_are_frames() -> None:
    names = ["a/1", "a/2", "a/3", "a/long", "b/1", "b/2", "c/1", "c/2", "c/3", "c/4", "c/5", "c/6"]
    num_frames = [1, 1, 1, 50, 1, 1, 1, 1, 1, 9, 9, 9]
    assert scattered_frames(names, num_frames) == {"a": [0, 1, 2]}


def test_folders_with_one_frame_each_are_one() -> None:
    names = [
        *(f"walk/frame_{number:03d}/pose" for number in range(4)),
        "run/take_1/pose",
        "run/take_2/pose",
        "x/a",
        "y/a",
    ]
    assert scattered_frames(names, [1, 1, 1, 9, 1, 1, 1, 1]) == {"walk/frame_#": [0, 1, 2]}


def test_the_message_names_three_examples_and_what_to_do() -> None:
    message = describe_scattered("walk/frame_#", [f"walk/frame_{number}/pose" for number in range(4)])
    assert message.startswith(
        "one of 4 recordings of a single frame in the folder 'walk/frame_#' ('walk/frame_0/pose', "
        "'walk/frame_1/pose', 'walk/frame_2/pose', ...), which are probably the frames of one recording; put all"
    )
    assert "in one folder with the number of the frame in their names" in message


def test_a_file_for_each_frame_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "wave"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"shot_{'abcd'[number]}.csv").write_text(table(f"shot {number}", 1))
    with pytest.raises(InputError, match="one of 4 recordings of a single frame in the folder 'wave'"):
        prepare(FOLDER, tmp_path / "raw", tmp_path / "out")
    (tmp_path / "raw" / "sound").mkdir()
    (tmp_path / "raw" / "sound" / "a.csv").write_text(table("a", 9))
    report = prepare(FOLDER, tmp_path / "raw", tmp_path / "out")
    assert report.recordings == 1
    assert [entry.file for entry in report.skipped] == [f"wave/shot {number}" for number in range(4)]
    assert "put all frames of a recording in one file" in report.skipped[0].reason
    with pytest.raises(InputError, match="single frame"):
        prepare(FOLDER, tmp_path / "raw", tmp_path / "strict", strict=True)


def test_a_column_that_calls_every_frame_a_recording(tmp_path: Path) -> None:
    lines = [line for number in range(5) for line in table(f"f{number}", 1).splitlines()[1:]]
    (tmp_path / "all.csv").write_text("\n".join([HEADER, *lines]))
    with pytest.raises(InputError, match=r"no recording could be kept.*one of 5 recordings of a single frame"):
        prepare(FOLDER, tmp_path / "all.csv", tmp_path / "out")
