from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets.validation_group import (
    ValidationGroup,
    describe_folds,
    describe_validation,
    folds_by_group,
    split_by_group,
)
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

CAMERAS = ("1", "2", "1", "3", "2", "1", "")


@pytest.fixture
def store(tmp_path: Path, make_recording: Any, make_store: Any) -> SequenceStore:
    """Seven recordings by three cameras, the last one by an unknown camera; the first two are not labeled."""
    recordings = [
        make_recording(label="a" if number > 1 else None, tags={"camera": camera} if camera else {})
        for number, camera in enumerate(CAMERAS)
    ]
    made: SequenceStore = make_store(tmp_path / "store", recordings)
    return made


def test_the_named_values_are_held_out(store: SequenceStore) -> None:
    index = np.arange(7)
    fit, val = split_by_group(store, index, ValidationGroup(tag="camera", values=("1",)), seed=0)
    assert (fit.tolist(), val.tolist()) == ([3, 4, 6], [2, 5])  # unlabeled recordings are in neither part
    fit, val = split_by_group(store, index, ValidationGroup(tag="camera", values=("1", "3")), seed=9)
    assert (fit.tolist(), val.tolist()) == ([4, 6], [2, 3, 5])
    fit, val = split_by_group(store, np.array([4, 5]), ValidationGroup(tag="camera", values=("1",)), seed=0)
    assert (fit.tolist(), val.tolist()) == ([4], [5])


def test_unknown_names_are_refused_with_those_there_are(store: SequenceStore) -> None:
    for tag, values, message in [
        ("kamera", ("1",), r"data\.validation_group: the store has no such tag; expected .*camera; got kamera"),
        ("camera", ("1", "4", "5"), r"no recording with this camera; expected 1, 2, 3; got 4, 5"),
    ]:
        with pytest.raises(InputError, match=message):
            split_by_group(store, np.arange(7), ValidationGroup(tag=tag, values=values), seed=0)
    with pytest.raises(InputError, match="no such tag"):
        split_by_group(store, np.arange(7), "kamera", seed=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("3",), "left to select settings on if camera 3 is held out; expected some of .* got 1, 2$"),
        (("1", "2"), "left to fit on if camera 1, 2 is held out; expected .* got 1, 2$"),
    ],
)
def test_a_side_without_recordings_is_refused(store: SequenceStore, values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_by_group(store, np.array([2, 4, 5]), ValidationGroup(tag="camera", values=values), seed=0)


def test_it_is_described() -> None:
    assert describe_validation(None) == "20 % of each class of the training side"
    assert describe_validation("subject") == "20 % of the training side, by subject"
    group = ValidationGroup(tag="camera", values=("1", "2"))
    assert describe_validation(group) == "camera 1, 2 of the training side"


def test_every_value_is_held_out_once(store: SequenceStore) -> None:
    index = np.arange(2, 6)  # cameras 1, 3, 2, 1
    divisions = folds_by_group(store, index, "camera", 5 - 1)
    assert sorted(val.tolist() for _, val in divisions) == [[2, 5], [3], [4]]
    assert all(sorted([*fit, *val]) == index.tolist() for fit, val in divisions)
    two = folds_by_group(store, index, "camera", 2)
    assert sorted(val.tolist() for _, val in two) == [[2, 5], [3, 4]]
    assert describe_folds("camera", 5) == "5 folds of the training side, by camera"


def test_without_values_every_recording_is_held_out_once(store: SequenceStore) -> None:
    for group, index in ((None, np.arange(2, 7)), ("camera", np.array([2, 5]))):  # one camera is no group
        divisions = folds_by_group(store, index, group, 2)
        assert len(divisions) == 2
        assert sorted(np.concatenate([val for _, val in divisions]).tolist()) == index.tolist()
    with pytest.raises(
        InputError, match="too few recordings to select settings in folds; expected 5 or more; got 2"
    ):
        folds_by_group(store, np.array([2, 5]), None, 5)
    assert describe_folds(None, 5) == "5 folds of the training side, by class"


def test_named_values_stay_one_validation_part(store: SequenceStore) -> None:
    group = ValidationGroup(tag="camera", values=("1", "3"))
    ((fit, val),) = folds_by_group(store, np.arange(7), group, 5)
    expected = split_by_group(store, np.arange(7), group, seed=0)
    assert (fit.tolist(), val.tolist()) == tuple(part.tolist() for part in expected)
    assert describe_folds(group, 5) == "camera 1, 3 of the training side"
