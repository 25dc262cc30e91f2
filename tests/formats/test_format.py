from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, detect
from skeletonmae.formats.decoders.text_numbers import number_rows
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.kinect_recording import kinect_recording
from skeletonmae.skeletons import KINECT20


def test_detect_finds_each_format_by_content(samples: dict[str, Path], tmp_path: Path) -> None:
    for name, path in samples.items():
        nameless = tmp_path / name
        nameless.write_bytes(path.read_bytes())
        assert detect(nameless).name == name


def test_detect_says_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(b"\x00\x01nothing of ours")
    with pytest.raises(
        InputError, match=r"odd\.bin: in no known format; it does not begin with text; expected .*docs/data\.md"
    ):
        detect(path)
    with pytest.raises(InputError, match=r"absent\.json.*No such file"):
        detect(tmp_path / "absent.json")


def test_a_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    for entry in FORMATS.values():
        assert not entry.matches(tmp_path / "absent")
        assert not entry.matches(tmp_path)
        with pytest.raises(InputError, match="absent"):
            list(entry.read(tmp_path / "absent"))


def test_the_place_of_the_camera_is_unobserved(tmp_path: Path) -> None:
    values = np.ones((2, 20, 3))
    values[1, 7] = 0
    values[0, 5] = (0, 0, 2.5)  # straight before the camera: two zeros are no loss
    recording = kinect_recording(InputFile(tmp_path / "a.txt"), values, KINECT20.joints)
    assert np.argwhere(~recording.observed).tolist() == [[0, 1, 7]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
def test_a_joint_that_is_not_finite_is_unobserved_and_noted(tmp_path: Path, bad: float) -> None:
    values = np.ones((3, 20, 3))
    values[2, 3, 1] = bad
    recording = kinect_recording(InputFile(tmp_path / "a.txt"), values, KINECT20.joints)
    assert np.argwhere(~recording.observed).tolist() == [[0, 2, 3]]
    assert recording.notes == ("1 joint positions were not finite numbers and count as not observed",)


def test_no_line_of_numbers_is_said(tmp_path: Path) -> None:
    for text in ("a,b\n", "a,b\n\n  \n"):
        with pytest.raises(InputError, match=r"a\.csv: no line of numbers"):
            number_rows(tmp_path / "a.csv", text, 2, delimiter=",", header=1)


def test_what_the_user_says_counts_for_every_format(samples: dict[str, Path]) -> None:
    for name, path in samples.items():
        for recording in FORMATS[name].read(path, ReadOptions(unit="unknown", fps=12.5)):
            assert (recording.unit, recording.fps) == ("unknown", 12.5)
