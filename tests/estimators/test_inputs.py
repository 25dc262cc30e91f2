"""What the estimators accept as X."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets.sources import source_options
from skeletonmae.errors import InputError
from skeletonmae.estimators.inputs import as_recordings, refuse_unread
from skeletonmae.skeletons import KINECT20

OPTIONS = source_options("kinect20")
THREE = ["head", "left_hand", "right_hand"]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(
    "table",
    [
        numbers(4, 7),
        numbers(4, 7).tolist(),
        [np.zeros(3), np.zeros(3)],
        numbers(7),
        [],
        [1.0, 2.0],
        np.array([["a", "b"]]),
        numbers(4, 7).astype(object),
    ],
)
def test_tables(table: Any) -> None:
    assert as_recordings(table, source_options()) is None


def test_arrays_of_clips() -> None:
    positions = numbers(4, 9, 20, 3)
    clips = as_recordings(positions, OPTIONS)
    assert clips is not None
    assert [one.positions.shape for one in clips] == [(1, 9, 20, 3)] * 4
    np.testing.assert_allclose(clips[2].positions[0], positions[2], rtol=1e-6)
    (pair,) = as_recordings(numbers(1, 2, 9, 20, 3), OPTIONS) or []
    assert pair.positions.shape == (2, 9, 20, 3)
    flat = as_recordings(positions.reshape(4, -1), OPTIONS) or []
    np.testing.assert_array_equal(flat[2].positions, clips[2].positions)


def test_series_of_channels() -> None:
    """As in aeon and sktime, of equal or unequal length."""
    positions = numbers(4, 9, 3, 3)
    channels = positions.reshape(4, 9, 9).transpose(0, 2, 1)
    for X in (channels, list(channels), [channels[0], channels[1, :, :5]]):
        recordings = as_recordings(X, source_options(), THREE) or []
        np.testing.assert_allclose(recordings[0].positions[0], positions[0], rtol=1e-6)
    assert recordings[1].num_frames == 5
    assert recordings[0].skeleton.joints == tuple(THREE)
    flat = as_recordings(numbers(2, 6, 9), source_options(unit="px"), THREE, 2) or []
    assert flat[0].positions.shape == (1, 9, 3, 2)


def test_lists_of_recordings(tmp_path: Path, make_recording: Any, write_sample: Any) -> None:
    file = write_sample("nw_ucla", tmp_path / "größer 1.json", numbers(9, 20, 3))
    mine = make_recording(0)
    X = [mine, file, str(file), numbers(9, 20, 3), numbers(2, 9, 20, 3)]
    recordings = as_recordings(X, OPTIONS) or []
    assert [one.name for one in recordings] == ["clip 0", "größer 1", "größer 1", "item 3 of X", "item 4 of X"]
    assert [one.num_persons for one in recordings] == [1, 1, 1, 1, 2]
    items = np.empty(2, dtype=object)
    items[:] = [mine, file]
    assert [one.name for one in as_recordings(items, OPTIONS) or []] == ["clip 0", "größer 1"]
    texts = as_recordings(np.array([str(file)]), OPTIONS) or []
    assert [one.name for one in texts] == ["größer 1"]


def test_a_folder_or_a_store_is_several(tmp_path: Path, make_recording: Any, make_store: Any) -> None:
    store = make_store(tmp_path / "store", [make_recording(0), make_recording(1)])
    for X in (store, tmp_path / "store", str(tmp_path / "store")):
        assert [one.name for one in as_recordings(X, OPTIONS) or []] == ["clip 0", "clip 1"]
    with pytest.raises(InputError, match=r"item 0 of X: each item of a list must be one recording.*got 2"):
        as_recordings([tmp_path / "store"], OPTIONS)


@pytest.mark.parametrize(
    ("X", "joints", "message"),
    [
        (numbers(4, 9, 20, 3), THREE, "item 0 of X: another number of names"),
        (numbers(4, 61), None, "row 0 of X: not whole frames; expected a multiple of 20 joints x 3 axes = 60"),
        (numbers(4, 61, 9), None, "item 0 of X: another number of channels"),
        (["nowhere.csv"], None, "item 0 of X, nowhere.csv: there is no such"),
        ([numbers(9, 20, 3), object()], None, "item 1 of X: not a recording; got object"),
        ([numbers(9, 20, 4)], None, "item 0 of X: not a recording"),
    ],
)
def test_mistakes(X: Any, joints: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_recordings(X, OPTIONS, joints)


def test_arrays_without_joints() -> None:
    with pytest.raises(InputError, match="does not say which joints"):
        as_recordings(numbers(4, 9, 20, 3), source_options())
    with pytest.raises(InputError, match="axes: a joint has 2 or 3 coordinates"):
        as_recordings(numbers(4, 9), OPTIONS, axes=4)  # type: ignore[arg-type]


def test_what_could_not_be_used_is_named(make_recording: Any) -> None:
    recordings = [make_recording(number, skeleton=KINECT20) for number in range(3)]
    refuse_unread(recordings, ["", "", ""])
    with pytest.raises(InputError, match=r"item 1 of X \(clip 1\): too short, and 1 more"):
        refuse_unread(recordings, ["", "too short", "dark"])
