from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.sequences import SkeletonSequence

RNG = np.random.default_rng(0)


def landmarks(num_joints: int, num_fields: int, frames: int = 3) -> np.ndarray:
    """Landmarks in the image `(frame, joint, field)`; that of joint 1 is hidden in frame 1."""
    values = RNG.uniform(0.1, 0.9, (frames, num_joints, num_fields)).round(6)
    values[..., 3:] = 0.95
    values[1, 1, 3:] = 0.2
    return values


def write(tmp_path: Path, values: np.ndarray, first: int | None, *, after: str = "", name: str = "") -> Path:
    """A table with its columns numbered from `first` on, or without a header; `after` is a further column."""
    flat = values.reshape(len(values), -1)
    lines = [",".join([*map(str, row), *([after] if after else [])]) for row in flat.tolist()]
    header = (
        []
        if first is None
        else [",".join([*map(str, range(first, first + flat.shape[1])), *([name] if name else [])])]
    )
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([*header, *lines]) + "\n")
    return path


def read(path: Path) -> SkeletonSequence:
    assert detect(path).name == "wide_table"
    (recording,) = FORMATS["wide_table"].read(path, ReadOptions())
    return recording


@pytest.mark.parametrize("first", [None, 0, 1])
@pytest.mark.parametrize(("num_joints", "num_fields"), [(33, 4), (33, 3), (21, 4), (21, 3)])
def test_landmarks_in_the_image(num_joints: int, num_fields: int, first: int | None, tmp_path: Path) -> None:
    values = landmarks(num_joints, num_fields)
    recording = read(write(tmp_path, values, first))
    assert recording.skeleton.name == ("mediapipe33" if num_joints == 33 else "hand21")
    assert (recording.unit, recording.positions.shape) == ("image", (1, 3, num_joints, 2))
    expected = values[..., :2].copy()
    expected[1, 1] *= num_fields == 3
    np.testing.assert_allclose(recording.positions[0], expected, rtol=1e-6)
    assert recording.observed[0, 1, 1] == (num_fields == 3)
    columns = num_joints * num_fields
    assert any(note.startswith(f"{columns} columns without names are read as") for note in recording.notes)


def test_world_landmarks(tmp_path: Path) -> None:
    values = landmarks(33, 4)
    values[..., :3] -= values[:, [23, 24], :3].mean(1, keepdims=True)  # the hips
    recording = read(write(tmp_path, values, 0))
    assert (recording.unit, recording.positions.shape) == ("m", (1, 3, 33, 3))
    seen = recording.observed[0]
    np.testing.assert_allclose(recording.positions[0][seen], (values[..., :3] * [-1, -1, 1])[seen], rtol=1e-5)


@pytest.mark.parametrize(("up", "turn"), [("-y", [-1, -1, 1]), ("y", [1, 1, 1])])
def test_world_landmarks_are_turned_once(up: Any, turn: list[int], tmp_path: Path) -> None:
    values = landmarks(33, 3)
    values -= values[:, [23, 24]].mean(1, keepdims=True)
    path = write(tmp_path, values, 0)
    (recording,) = FORMATS["wide_table"].read(path, ReadOptions(up=up))
    np.testing.assert_allclose(recording.positions[0], values * turn, rtol=1e-4, atol=1e-7)


def test_a_visibility_of_0_throughout_is_no_measurement_for_a_hand(tmp_path: Path) -> None:
    values = landmarks(21, 4)
    values[..., 3] = 0
    recording = read(write(tmp_path, values, 0))
    assert recording.observed.all()
    assert "the visibility is 0 in all of the first lines and is left out" in recording.notes
    values[2, 5, 3] = 0.7
    assert np.argwhere(read(write(tmp_path, values, 0)).observed[0]).tolist() == [[2, 5]]


def test_a_further_column_of_text(tmp_path: Path) -> None:
    values = landmarks(33, 4)
    assert read(write(tmp_path, values, 0, after="wave", name="class")).label == "wave"
    assert read(write(tmp_path, values, 0, after="ann", name="asana")).tags == {"asana": "ann"}
    assert read(write(tmp_path, values, None, after="wave")).label == "wave"


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values * [640, 480, 640, 1],  # pixels
        lambda values: values * [1, 1, 1, 2],  # no visibility
        lambda values: values * [1, 1, 100, 1],
        lambda values: values.round(),
        lambda values: values[:, :32],
        lambda values: values[:, :, :2],
    ],
)
@pytest.mark.parametrize("first", [None, 0])
def test_other_numbers_are_not_guessed(change: object, first: int | None, tmp_path: Path) -> None:
    path = write(tmp_path, change(landmarks(33, 4)), first)  # type: ignore[operator]
    assert not FORMATS["wide_table"].matches(path)
    with pytest.raises(
        InputError, match=r"mine\.csv: in no known format.* a first line with the names of the columns"
    ):
        detect(path)


def test_two_sets_of_other_columns_are_not_guessed(tmp_path: Path) -> None:
    values = landmarks(33, 4)
    path = write(tmp_path, values, None, after="a,b")
    assert not FORMATS["wide_table"].matches(path)
