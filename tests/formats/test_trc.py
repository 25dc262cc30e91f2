from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import PENN13

HEADER = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc",
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
    "60\t60\t2\t2\tm\t60\t0\t2",
    "Frame#\tTime\tRHip\t\t\tR.Knee\t\t",
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
)
FRAMES = ("1\t0.000000\t0.1\t0.9\t-1.4\t0.2\t0.5\t-1.3", "2\t0.016667\t0.3\t0.8\t-1.2\t\t\t")


def written(tmp_path: Path, *lines: str, end: str = "\n") -> Path:
    path = tmp_path / "a.trc"
    path.write_text(end.join(lines) + end, newline="")
    return path


def read(path: Path, **options: object) -> SkeletonSequence:
    assert detect(path).name == "trc"
    (recording,) = FORMATS["trc"].read(path, ReadOptions(**options))  # type: ignore[arg-type]
    return recording


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_positions_by_hand(delimiter: str, blank: bool, end: str, tmp_path: Path) -> None:
    lines = [*HEADER, *([""] if blank else []), *FRAMES]
    recording = read(written(tmp_path, *(line.replace("\t", delimiter) for line in lines), end=end))
    assert recording.skeleton.joints == ("right_hip", "right_knee")
    assert recording.skeleton.parents == {"right_knee": "right_hip"}
    assert (recording.fps, recording.unit, recording.notes) == (60.0, "m", ())
    expected = [[[-0.1, 0.9, 1.4], [-0.2, 0.5, 1.3]], [[-0.3, 0.8, 1.2], [0, 0, 0]]]
    np.testing.assert_allclose(recording.positions[0], expected, rtol=1e-6)
    assert recording.observed[0].tolist() == [[True, True], [True, False]]


def test_axes_are_turned_and_not_mirrored(tmp_path: Path) -> None:
    frames = ("1\t0\t1\t0\t0\t0\t1\t0", "2\t0\t0\t0\t1\t2\t2\t2")
    recording = read(written(tmp_path, *HEADER, *frames))
    x, y, z = recording.positions[0, 0, 0], recording.positions[0, 0, 1], recording.positions[0, 1, 0]
    np.testing.assert_array_equal(np.cross(x, y), z)


@pytest.mark.parametrize(("unit", "scale"), [("mm", 0.001), ("cm", 0.01), ("M", 1.0), ("Millimeters", 0.001)])
def test_every_unit_becomes_meters(unit: str, scale: float, tmp_path: Path) -> None:
    header = [line.replace("\tm\t", f"\t{unit}\t") for line in HEADER]
    recording = read(written(tmp_path, *header, *FRAMES))
    assert recording.unit == "m"
    np.testing.assert_allclose(recording.positions[0, 0, 0], np.array([-0.1, 0.9, 1.4]) * scale, rtol=1e-6)
    unknown = read(written(tmp_path, *(line.replace("\tm\t", "\tfurlongs\t") for line in HEADER), *FRAMES))
    assert unknown.unit == "unknown"
    assert "the unit 'furlongs' is not known" in unknown.notes[0]
    assert read(written(tmp_path, *header, *FRAMES), unit="unknown").positions[0, 0, 0, 1] == np.float32(0.9)


@pytest.mark.parametrize("lost", ["\t\t", "NaN\tNaN\tNaN", "nan\tNAN\tNan", " \t \t ", "0\t0.0\t0", "1\t\t2", ""])
def test_lost_markers(lost: str, tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, FRAMES[0], f"2\t0.02\t0.3\t0.8\t-1.2\t{lost}".rstrip("\n")))
    assert recording.observed[0].tolist() == [[True, True], [True, False]]
    assert bool(recording.notes) == lost.startswith("0")


def test_frames_start_anywhere_and_gaps_are_unobserved(tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, *(f"{number}\t0\t1\t1\t1\t2\t2\t2" for number in (185, 186, 189))))
    assert recording.observed[0, :, 0].tolist() == [True, True, False, False, True]
    every_second = read(written(tmp_path, *HEADER, *(f"{number}\t0\t1\t1\t1\t2\t2\t2" for number in (4, 6, 8))))
    assert (every_second.num_frames, every_second.fps) == (3, 30.0)
    assert every_second.notes[0].startswith("the frame numbers count in steps of 2")


def test_missing_frames_are_reported(tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, FRAMES[0]))
    assert recording.notes == ("the header declares 2 frames, but the file has 1",)


def test_names_without_room_for_y_and_z(tmp_path: Path) -> None:
    header = (*HEADER[:3], "Frame#\tTime\tRHip\tLHip", HEADER[4])
    recording = read(written(tmp_path, *header, FRAMES[0]))
    assert recording.skeleton.joints == ("right_hip", "left_hip")
    np.testing.assert_allclose(recording.positions[0, 0, 1], [-0.2, 0.5, 1.3], rtol=1e-6)


def test_a_layout_is_found_by_name(tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, *FRAMES), layout=PENN13)
    assert recording.skeleton == PENN13
    assert np.flatnonzero(recording.observed[0, 0]).tolist() == [
        PENN13.index["right_hip"],
        PENN13.index["right_knee"],
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((*HEADER, "1\t0\tone\t1\t1\t1\t1\t1"), "line 6: not a number; got one"),
        ((*HEADER, "1\t0\t1\t1\t1\t1\t1\t1\t9"), "line 6: wrong number of columns; expected 8; got 9"),
        ((*HEADER, "1.5\t0\t1\t1\t1\t1\t1\t1"), "a frame number is not a whole number"),
        ((*HEADER, "\t0\t1\t1\t1\t1\t1\t1"), "a frame number is not a whole number"),
        ((*HEADER, FRAMES[0], FRAMES[0]), "a frame is duplicated"),
        ((*HEADER, FRAMES[0], "1000000000\t0\t1\t1\t1\t1\t1\t1"), "a frame number is far too large"),
        (HEADER, "it has no frame"),
        (HEADER[:3], "not a TRC file, or truncated"),
        ((*HEADER[:3], "RHip\t\t\tRKnee", HEADER[4], FRAMES[0]), "line 4: not the names of markers"),
        ((*HEADER[:2], "60\t60\t2\t3\tm", *HEADER[3:], FRAMES[0]), "wrong number of markers; expected 3; got 2"),
        (
            (*HEADER[:3], "Frame#\tTime\tRHip\t\t\tRHip\t\t", HEADER[4], FRAMES[0]),
            "must be unique; got duplicates: RHip",
        ),
        ((*HEADER[:2], "99999999999960\t60\t2\t2\tm", *HEADER[3:], FRAMES[0]), "impossible frame rate"),
    ],
)
def test_what_is_wrong_is_named(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"a\.trc.*{message}"):
        read(written(tmp_path, *lines))
