from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.frame_files import group_frame_files, number_frames, numbered_frame_files


@pytest.mark.parametrize(
    ("names", "numbered"),
    [
        (["a_000000000012_keypoints.json", "a_000000000013_keypoints.json"], [("a", 12), ("a", 13)]),
        (["cam01_000000.json", "cam01_000002.json"], [("cam01", 0), ("cam01", 2)]),
        (["cam01.0000.json", "cam02.0000.json", "cam01.0001.json"], [("cam01", 0), ("cam02", 0), ("cam01", 1)]),
        (["0.json", "10.json", "9.json"], [("", 0), ("", 10), ("", 9)]),
        (["0001_cam01.json", "0001_cam02.json", "0002_cam01.json"], [("cam01", 1), ("cam02", 1), ("cam01", 2)]),
        (["frame1_cam3.json", "frame2_cam3.json"], [("frame_cam3", 1), ("frame_cam3", 2)]),
        (["x1y2.json", "x1y3.json"], [("x1y", 2), ("x1y", 3)]),
        (["walk/000001.jpg", "run/000001.jpg"], [("walk", 1), ("run", 1)]),
        (["a/b/img_1.jpg", "a/b/img_2.png"], [("a/b/img", 1), ("a/b/img", 2)]),
        (["clip.mp4_7.png"], [("clip.mp4", 7)]),
        (["still.jpg"], [("still", 0)]),
        (["7", "8"], [("", 7), ("", 8)]),
        ([], []),
        (["9" * 30], [("9" * 10, int("9" * 20))]),
    ],
)
def test_the_number_that_varies_is_the_frame(names: list[str], numbered: list[tuple[str, int]]) -> None:
    assert number_frames(names) == numbered


@pytest.mark.parametrize(
    "names",
    [
        ["2020-01-02T10_00_01.000000.png", "2020-01-02T10_00_00.900000.png", "2020-01-02T10_00_00.950000.png"],
        ["20200102_100003.jpg", "20200102_100001.jpg", "20200102_100002.jpg"],
        ["2020-01-02 10:00:01,5.png", "2020-01-02 10:00:01,25.png", "2020-01-02 10:00:01,30.png"],
        ["20200102-100001-033.png", "20200102-100000-900.png", "20200102-100000-933.png"],
        ["20200102_100001_000000.png", "20200102_100000_900000.png", "20200102_100000_950000.png"],
        ["1577959200.950000.png", "1577959200.900000.png", "1577959200.900001.png"],
        ["1577959201.1.png", "1577959200.95.png", "1577959200.966.png"],
        ["1577959200950000000.png", "1577959200900000000.png", "1577959200900000001.png"],
    ],
)
def test_dates_and_times_are_numbered_in_their_order(names: list[str]) -> None:
    assert number_frames(names) == [("", 2), ("", 0), ("", 1)]
    assert number_frames([f"cam2_{name}" for name in names]) == [("cam2", 2), ("cam2", 0), ("cam2", 1)]


def test_frames_of_a_recording_that_is_named_by_its_date_are_numbered_by_their_numbers() -> None:
    names = ["2020-01-02_10-00-00_0001.json", "2020-01-02_10-00-00_0002.json", "2020-01-02_10-05-00_0001.json"]
    first, second = "2020-01-02_10-00-00", "2020-01-02_10-05-00"
    assert number_frames(names) == [(first, 1), (first, 2), (second, 1)]
    names = [f"{recording}_{number:06d}.json" for recording in (first, second) for number in range(3)]
    assert number_frames(names) == [(recording, number) for recording in (first, second) for number in range(3)]


def test_cameras_of_one_time_are_recordings_of_their_own() -> None:
    names = [f"cam{camera}_2020-01-02T10-00-0{second}.jpg" for second in (3, 4) for camera in (1, 2)]
    assert number_frames(names) == [("cam1", 0), ("cam2", 0), ("cam1", 1), ("cam2", 1)]


def test_frame_files_are_combined_by_folder_name_and_format(tmp_path: Path) -> None:
    names = ["x/v_2.json", "x/v_10.json", "x/v_1.json", "x/v_1.txt", "x/w_1.json", "y/v_1.json", "y/7.json"]
    others = ["y/z.json", "y/table_3.json"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = list_files(tmp_path, lambda _: True)
    found = group_frame_files(files, lambda file: None if "table" in file.path.name else file.path.suffix)
    assert [
        (
            file.path.relative_to(tmp_path).as_posix(),
            [frame.path.relative_to(tmp_path).as_posix() for frame in file.frame_files],
        )
        for file in found
    ] == [
        ("x/v", ["x/v_1.json", "x/v_2.json", "x/v_10.json"]),
        ("x/v", ["x/v_1.txt"]),
        ("x/w", ["x/w_1.json"]),
        ("y", ["y/7.json"]),
        ("y/table_3.json", []),
        ("y/v", ["y/v_1.json"]),
        ("y/z.json", []),
    ]
    assert list(numbered_frame_files(found[0])) == [1, 2, 10]
    assert numbered_frame_files(found[-1]) == {0: found[-1]}
    assert found[0].head() == b"x/v_1.json"
    assert found[0].size == len("x/v_1.json" + "x/v_2.json" + "x/v_10.json")


def test_two_files_of_one_frame_are_an_error() -> None:
    file = InputFile(Path("a"), frame_files=(InputFile(Path("a/w_1.json")), InputFile(Path("a/w_01.json"))))
    with pytest.raises(InputError, match=r"w_01\.json: frame 1 is duplicated; got w_1\.json and w_01\.json"):
        numbered_frame_files(file)
