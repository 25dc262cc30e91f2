"""What holds for each reader of a Kinect v1 set: the same numbers come out of every file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS
from skeletonmae.skeletons import KINECT20

SUFFIX = {"nw_ucla": ".json", "utd_mhad": ".mat", "msr_action3d": ".txt", "kinder_gator": ".csv"}
FPS = {"nw_ucla": None, "utd_mhad": 30.0, "msr_action3d": 15.0, "kinder_gator": 25.0}
Write = Callable[[str, Path, np.ndarray], Path]


@pytest.fixture(params=SUFFIX)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_joint_comes_to_its_place(name: str, write_sample: Write, tmp_path: Path) -> None:
    values = (np.arange(180).reshape(3, 20, 3) + 1) / 64
    (recording,) = FORMATS[name].read(write_sample(name, tmp_path / f"clip{SUFFIX[name]}", values))
    np.testing.assert_array_equal(recording.positions, values[None].astype(np.float32))
    assert recording.observed.all()
    assert recording.skeleton == KINECT20
    assert (recording.name, recording.unit, recording.label) == ("clip", "m", None)
    assert recording.fps == FPS[name]


def test_one_frame_is_a_recording(name: str, write_sample: Write, tmp_path: Path) -> None:
    path = write_sample(name, tmp_path / f"one{SUFFIX[name]}", np.ones((1, 20, 3)))
    (recording,) = FORMATS[name].read(path)
    assert recording.num_frames == 1


def test_a_lost_joint_is_unobserved(name: str, write_sample: Write, tmp_path: Path) -> None:
    values = np.ones((4, 20, 3))
    values[2, KINECT20.index["left_hand"]] = 0
    (recording,) = FORMATS[name].read(write_sample(name, tmp_path / f"lost{SUFFIX[name]}", values))
    assert np.argwhere(~recording.observed).tolist() == [[0, 2, KINECT20.index["left_hand"]]]
    (empty,) = FORMATS[name].read(write_sample(name, tmp_path / f"zero{SUFFIX[name]}", np.zeros((4, 20, 3))))
    assert not empty.observed.any()


def test_nan_is_a_lost_joint(name: str, write_sample: Write, tmp_path: Path) -> None:
    values = np.ones((4, 20, 3))
    values[3, 0, 0] = np.nan
    (recording,) = FORMATS[name].read(write_sample(name, tmp_path / f"nan{SUFFIX[name]}", values))
    assert np.argwhere(~recording.observed).tolist() == [[0, 3, 0]]
    assert "not finite" in recording.notes[0]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x80\x81\x00\xff" * 50])
def test_empty_and_foreign_files_are_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(InputError, match="thing"):
        list(FORMATS[name].read(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "no skeletons"),
        ('{"skeletons": []}', "wrong shape"),
        ('{"skeletons": [[[1, 2, 3]]]}', r"wrong shape.*\(1, 1, 3\)"),
        ('{"skeletons": [[[1, 2], [3]]]}', "not an array"),
        ('{"skeletons": {"a": 1}}', "not an array"),
        ('{"skeletons": ' + "[" * 100_000, "truncated"),
        ('{"skeletons": [[[1, 2', "truncated"),
    ],
)
def test_nw_ucla_says_what_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"a\.json.*{message}"):
        list(FORMATS["nw_ucla"].read(path))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((19, 3, 4)), "expected an array 'd_skel'.*19, 3, 4"),
        (np.ones((20, 3, 0)), "expected an array 'd_skel'.*20, 3, 0"),
        (np.ones((20, 3, 4, 2)), "expected an array 'd_skel'.*20, 3, 4, 2"),
        (np.array(["no", "numbers"]), "expected an array 'd_skel'"),
        (np.array([{"a": 1}, "b"], dtype=object), "d_skel.*a cell array"),
        ({"x": 1.0}, "d_skel.*a structure"),
    ],
)
def test_utd_mhad_admits_one_plain_array(array: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"d_skel": array})
    with pytest.raises(InputError, match=rf"a\.mat.*{message}"):
        list(FORMATS["utd_mhad"].read(path))


def test_utd_mhad_believes_no_claimed_size(samples: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "huge.mat"
    scipy.io.savemat(path, {"d_skel": np.ones((20, 3, 2))})
    content = bytearray(path.read_bytes())
    at = content.index(np.array([20, 3, 2], dtype="<i4").tobytes())
    for frames in (2**31 - 1, 90_000):  # beyond any recording; possible, but not in a file of 1 kB
        content[at + 8 : at + 12] = np.int32(frames).tobytes()
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"huge\.mat"):
            list(FORMATS["utd_mhad"].read(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2 3 1\n" * 19, "got 19 lines"),
        ("1 2 3\n" * 20, "line 1: wrong number of columns"),
        ("1 2 3 1\n" * 39 + "1 x 3 1", "line 40: not a number; got 'x'"),
        ("1 2 3 1\n" * 19 + "1 2", "line 20: wrong number of columns; expected 4; got 2"),
    ],
)
def test_msr_action3d_counts_lines_and_numbers(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"a\.txt.*{message}"):
        list(FORMATS["msr_action3d"].read(path))


def test_kinder_gator_takes_columns_by_name(samples: dict[str, Path], tmp_path: Path) -> None:
    rows = [line.split(",") for line in samples["kinder_gator"].read_text().splitlines()]
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join(",".join([row[0], *row[:0:-1]]) for row in rows).replace("Bow", "0"))
    (expected,) = FORMATS["kinder_gator"].read(samples["kinder_gator"])
    (recording,) = FORMATS["kinder_gator"].read(turned)
    np.testing.assert_array_equal(recording.positions, expected.positions)


def test_kinder_gator_names_the_columns_that_are_missing(samples: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(samples["kinder_gator"].read_text().replace("KneeLeftY", "KneeLeft"))
    with pytest.raises(InputError, match=r"line 1.*KneeLeftY"):
        list(FORMATS["kinder_gator"].read(path))
    lines = samples["kinder_gator"].read_text().splitlines()
    path.write_text(lines[0])
    with pytest.raises(InputError, match="no line after the header"):
        list(FORMATS["kinder_gator"].read(path))
    path.write_text("\n".join([*lines[:2], lines[2][:100]]))
    with pytest.raises(InputError, match="line 3: wrong number of columns"):
        list(FORMATS["kinder_gator"].read(path))
