from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, read_table
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, NTU25


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, **how: str) -> list[SkeletonSequence]:
    return list(read_table(path, **how))


def test_two_persons_come_and_go(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "recording,frame,person,joint,x,y,z,label,subject,fps",
        "a,7,tom,left_wrist,1,2,3,wave,s1,25",
        "a,7,ann,head,4,5,6,wave,s1,25",
        "a,9,tom,left_wrist,7,8,9,wave,s1,25",
        "b,0,ann,spine,1,1,1,,,",
    )
    first, second = read(path)
    assert first.skeleton == KINECT20  # the smallest layout with these joints
    assert (first.name, first.label, dict(first.tags), first.fps, first.unit) == (
        "a",
        "wave",
        {"subject": "s1"},
        25.0,
        "m",
    )
    assert first.positions.shape == (2, 3, 20, 3)
    index = KINECT20.index
    seen = {
        (0, 0, index["head"]): (4, 5, 6),
        (1, 0, index["left_wrist"]): (1, 2, 3),
        (1, 2, index["left_wrist"]): (7, 8, 9),
    }
    assert {tuple(map(int, at)) for at in np.argwhere(first.observed)} == seen.keys()
    for at, position in seen.items():
        np.testing.assert_array_equal(first.positions[at], position)
    assert (second.label, dict(second.tags), second.fps) == (None, {}, None)


def test_two_axes_are_pixels_unless_said(tmp_path: Path) -> None:
    lines = ("recording,frame,person,joint,x,y,confidence", "a,0,0,nose,10,20,0.5", "a,0,0,left_eye,11,21,0")
    (recording,) = read(table(tmp_path, *lines))
    assert (recording.skeleton, recording.unit, recording.positions.shape[3]) == (COCO17, "px", 2)
    assert recording.observed.sum() == 1  # confidence 0 is not observed
    (said,) = read(table(tmp_path, *lines), unit="image", layout="coco17")
    assert said.unit == "image"


def test_layout_by_argument_or_column(tmp_path: Path) -> None:
    path = table(tmp_path, "recording,frame,person,joint,x,y,z", "a,0,0,head,1,1,1")
    assert read(path, layout="ntu25")[0].skeleton == NTU25
    path = table(tmp_path, "recording,frame,person,joint,x,y,z,layout", "a,0,0,head,1,1,1,ntu25")
    assert read(path)[0].skeleton == NTU25
    with pytest.raises(InputError, match=r"unknown layout.*ntu25.*got ntu26"):
        read(table(tmp_path, "recording,frame,person,joint,x,y", "a,0,0,head,1,1"), layout="ntu26")


def test_empty_and_nan_coordinates_are_unobserved_and_zero_is_a_place(tmp_path: Path) -> None:
    path = table(
        tmp_path, "recording,frame,person,joint,x,y,z", "a,0,0,head,,1,1", "a,1,0,head,nan,1,1", "a,2,0,head,0,0,0"
    )
    (recording,) = read(path)
    assert recording.observed[0, :, recording.skeleton.index["head"]].tolist() == [False, False, True]


def test_a_spreadsheets_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes('\ufeff"recording","frame","person","joint","x","y"\r\na, 0,0,nose,1,2\r\n\r\n'.encode())
    assert FORMATS["table"].matches(path)
    assert read(path)[0].positions[0, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,1,0,head,1,1", "line 3: wrong number of columns; expected 7"),
        ("a,1,0,elbow,1,1,1", "'elbow' is not a joint of the vocabulary"),
        ("a,0,0,head,1,1,1", "line 3: the joint is there twice"),
        ("a,0.5,0,head,1,1,1", "line 3: a frame is not a whole number"),
        ("a,,0,head,1,1,1", "line 3: a frame is not a whole number"),
        ("a,1000000000000,0,head,1,1,1", "line 3: a frame number is far too large"),
        ("a,1,0,head,1,one,1", "line 3: column 'y' is not a number; got one"),
        ("a,1,0,head,1,1,inf", "line 3: column 'z' is not a finite number"),
        ("a,1,0,head,1,1,1e39", "line 3: column 'z' is not a finite number"),
        ('a,1,0,"head,1,1,1', "not CSV"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str, tmp_path: Path) -> None:
    path = table(tmp_path, "recording,frame,person,joint,x,y,z", "a,0,0,head,1,1,1", line)
    with pytest.raises(InputError, match=rf"mine\.csv.*{said}"):
        read(path)


def test_what_must_hold_for_a_whole_recording(tmp_path: Path) -> None:
    head = "recording,frame,person,joint,x,y,label"
    with pytest.raises(InputError, match=r"recording 'a'.*'label' must hold one value.*sit.*wave"):
        read(table(tmp_path, head, "a,0,0,nose,1,1,wave", "a,1,0,nose,1,1,sit"))
    with pytest.raises(InputError, match="line 4: the lines of recording 'a' do not follow each other"):
        read(table(tmp_path, head, "a,0,0,nose,1,1,", "b,0,0,nose,1,1,", "a,1,0,nose,1,1,"))
    with pytest.raises(InputError, match="no layout has all these joints"):
        read(table(tmp_path, head, "a,0,0,nose,1,1,", "a,0,0,left_thumb,1,1,"))
    with pytest.raises(InputError, match="no line after the header"):
        read(table(tmp_path, head))
    with pytest.raises(InputError, match="columns recording, frame"):
        read(table(tmp_path, "recording,frame,joint,x,y", "a,0,nose,1,1"))
    with pytest.raises(InputError, match="fps"):
        read(table(tmp_path, "recording,frame,person,joint,x,y,fps", "a,0,0,nose,1,1,-3"))
