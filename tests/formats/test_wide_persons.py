from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.formats.wide_header import find_header
from skeletonmae.formats.wide_persons import person_columns
from skeletonmae.sequences import SkeletonSequence

JOINTS = ("nose", "left_wrist", "right_wrist")


def read(tmp_path: Path, *lines: str) -> SkeletonSequence:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    assert detect(path).name == "wide_table"
    (recording,) = FORMATS["wide_table"].read(path, ReadOptions())
    return recording


def table(template: str, persons: tuple[int, ...] = (1, 2), frames: int = 3) -> list[str]:
    """X of person 0, frame 1, joint 2 is 12 and its y 112; of person 1, 1012 and 1112."""
    names = [
        template.format(number=number, joint=joint, axis=axis)
        for number in persons
        for joint in JOINTS
        for axis in "xy"
    ]
    places = [
        (1000 * person + joint + 100 * axis)
        for person in range(len(persons))
        for joint in range(3)
        for axis in (0, 1)
    ]
    return [",".join(names), *(",".join(str(place + 10 * frame) for place in places) for frame in range(frames))]


@pytest.mark.parametrize(
    "template",
    [
        "person{number}_{joint}_{axis}", "p{number}_{joint}_{axis}", "subject_{number}.{joint}.{axis}",
        "Player {number} {joint} {axis}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("persons", [(0, 1), (1, 2), (9, 10)])
def test_the_same_joints_after_a_persons_number_are_persons(
    template: str, persons: tuple[int, ...], tmp_path: Path
) -> None:
    lines = table(template, persons)
    recording = read(tmp_path, *lines)
    assert recording.skeleton.joints == JOINTS
    assert recording.positions.shape == (2, 3, 3, 2)
    frame, joint = np.arange(3)[:, None], np.arange(3)
    for person in (0, 1):
        x = 1000 * person + 10 * frame + joint
        np.testing.assert_array_equal(recording.positions[person], np.stack([x, x + 100], axis=-1))
    assert any(note.startswith("the columns are those of 2 persons: ") for note in recording.notes)


def test_frames_times_and_missing_persons(tmp_path: Path) -> None:
    header, *lines = table("p{number}_{joint}_{axis}")
    rows = [f"{frame},{time},{line}" for frame, time, line in zip((4, 5, 7), (0.0, 0.1, 0.3), lines, strict=True)]
    rows[1] = ",".join([*rows[1].split(",")[:8], *[""] * 6])
    recording = read(tmp_path, f"frame,time,{header}", *rows)
    assert recording.fps == pytest.approx(10)
    assert recording.observed.all(-1).tolist() == [[True, True, False, True], [True, False, False, True]]
    without = read(tmp_path, f"time,{header}", *(row.partition(",")[2] for row in rows))
    assert without.fps == pytest.approx(10, rel=0.6)
    assert without.positions.shape == (2, 3, 3, 2)


def test_one_line_of_a_person_has_a_joint_more(tmp_path: Path) -> None:
    header, *lines = table("p{number}_{joint}_{axis}")
    recording = read(tmp_path, f"{header},p2_tail_x,p2_tail_y", *(f"{line},1,2" for line in lines))
    assert len(recording.positions) == 1
    assert recording.skeleton.num_joints == 7


@pytest.mark.parametrize("template", ["finger{number}_{joint}_{axis}", "cam{number}_{joint}_{axis}"])
def test_other_numbered_words_are_no_persons(template: str, tmp_path: Path) -> None:
    recording = read(tmp_path, *table(template))
    assert (len(recording.positions), recording.skeleton.num_joints) == (1, 6)


def test_a_column_of_persons_comes_first(tmp_path: Path) -> None:
    header, *lines = table("p{number}_{joint}_{axis}")
    recording = read(tmp_path, f"person,{header}", *(f"a,{line}" for line in lines))
    assert (len(recording.positions), recording.skeleton.num_joints) == (1, 6)


def test_recordings_of_several_persons(tmp_path: Path) -> None:
    header, *lines = table("p{number}_{joint}_{axis}", frames=5)
    path = tmp_path / "mine.csv"
    names = ("a", "a", "b", "b", "b")
    path.write_text(
        "\n".join([f"video,{header}", *(f"{name},{line}" for name, line in zip(names, lines, strict=True))])
    )
    first, second = FORMATS["wide_table"].read(path, ReadOptions())
    assert (first.positions.shape[:2], second.positions.shape[:2]) == ((2, 2), (2, 3))
    assert second.positions[1, :, 0, 0].tolist() == [1020, 1030, 1040]


def test_numbers_that_are_equal_but_for_zeros_are_no_persons() -> None:
    names = [f"p{number}_{joint}_{axis}" for number in ("1", "01", "2") for joint in JOINTS for axis in "xy"]
    for columns, is_read in ((names, False), ([name for name in names if "p01" not in name], True)):
        header = find_header([columns])
        assert header is not None
        assert (person_columns(header, len(columns)) is not None) == is_read
