from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skeletonmae.errors import InputError
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.doubt import LIMITS, Familiarity
from skeletonmae.predictions.motion_statistics import ReferencePose
from skeletonmae.runtime.training_clips import FILE, METADATA_KEY, TrainingClips

RANGE = TrainingRange(
    smallest=0.5, largest=0.7, tilt=9, joints=3, observed=0.9, shortest=1, median=2, longest=4, in_seconds=True
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the facts about some training clips."""
    familiarity = Familiarity(np.arange(5.0), np.zeros(len(LIMITS)), np.ones(len(LIMITS)))
    reference = ReferencePose(("pelvis", "neck"), np.array([[0, 1, 2], [3, 4, 5]], np.float32))
    TrainingClips(familiarity, reference, RANGE).save(tmp_path)
    return tmp_path


def test_what_is_saved_is_read(folder: Path) -> None:
    clips = TrainingClips.load(folder)
    assert clips.training == RANGE
    assert clips.familiarity.novelties.tolist() == [0, 1, 2, 3, 4]
    assert clips.familiarity.low.tolist() == [0] * len(LIMITS)
    assert clips.familiarity.high.tolist() == [1] * len(LIMITS)
    assert clips.reference.joints == ("pelvis", "neck")
    assert clips.reference.positions.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("low", None, "an array is missing or unexpected"),
        ("mean", np.zeros(3, np.float32), "mean: an array is missing or unexpected"),
        ("low", np.zeros(9, np.float32), "wrong number of limits, low and high; expected .*; got 9 and 6"),
        ("novelties", np.zeros((2, 2), np.float32), "novelties: an array has the wrong shape"),
        ("high", np.full(len(LIMITS), np.nan, np.float32), "high: some values are not finite"),
        ("high", np.zeros(len(LIMITS)), "high: wrong data type; expected float32; got float64"),
    ],
)
def test_arrays_that_do_not_fit(name: str, array: np.ndarray | None, message: str, folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / FILE, framework="numpy") as file:
        metadata = file.metadata()
    arrays = load_file(folder / FILE)
    arrays.pop(name, None)
    save_file(arrays if array is None else {**arrays, name: array}, folder / FILE, metadata)
    with pytest.raises(InputError, match=message):
        TrainingClips.load(folder)


def test_damaged_files(folder: Path) -> None:
    arrays = load_file(folder / FILE)
    for metadata in ({}, {METADATA_KEY: "{"}, {METADATA_KEY: '{"training": 1}'}):
        save_file(arrays, folder / FILE, metadata)
        with pytest.raises(InputError, match="the facts about the training clips cannot be read"):
            TrainingClips.load(folder)
    (folder / FILE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        TrainingClips.load(folder)
    (folder / FILE).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        TrainingClips.load(folder)
