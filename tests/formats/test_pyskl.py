from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.pyskl import PYSKL
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def annotation(**changed: Any) -> dict[str, Any]:
    return {
        "frame_dir": "a",
        "label": 3,
        "total_frames": 4,
        "keypoint": np.ones((2, 4, 17, 2), np.float16),
        "keypoint_score": np.ones((2, 4, 17), np.float16),
    } | changed


def read(path: Path, held: object, **options: Any) -> list[SkeletonSequence]:
    path.write_bytes(pickle.dumps(held))
    return list(PYSKL.read(path, ReadOptions(**options)))


def test_the_splits_become_tags(tmp_path: Path) -> None:
    splits = {"xsub_train": ["a"], "xsub_val": ["b"], "xview_train": ["b"], "xview_val": ["a"], "train": ["a"]}
    splits |= {"test1": ["a"], "train2": ["a"], "mine": ["b"]}
    held = {"split": splits, "annotations": [annotation(), annotation(frame_dir="b"), annotation(frame_dir="c")]}
    found = {one.name: dict(one.tags) for one in read(tmp_path / "x.pkl", held)}
    assert found == {
        "a": {"xsub": "train", "xview": "val", "split": "train", "split1": "test", "split2": "train"},
        "b": {"xsub": "val", "xview": "train", "mine": "yes"},
        "c": {},
    }


def test_a_recording_on_two_sides_is_on_none_and_noted(tmp_path: Path) -> None:
    splits = {"Train": ["a", "b"], "validation": ["b"], "testing_2": ["b"]}
    first, second = read(
        tmp_path / "x.pkl", {"split": splits, "annotations": [annotation(), annotation(frame_dir="b")]}
    )
    assert (first.tags, first.notes) == ({"split": "train"}, ())
    assert (second.tags, second.notes) == (
        {"split2": "test"},
        ("on more than one side of the split 'split', so on none",),
    )


@pytest.mark.parametrize(
    ("shape", "layout", "unit"),
    [
        ((1, 5, 25, 3), "ntu25", "m"),
        ((2, 5, 17, 2), "coco17", "px"),
        ((1, 5, 13, 2), "penn13", "px"),
        ((1, 5, 18, 2), "openpose18", "px"),
        ((1, 5, 17, 3), "h36m17", "m"),
    ],
)
def test_the_layout_follows_from_the_shape(tmp_path: Path, shape: tuple[int, ...], layout: str, unit: str) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    made = annotation(keypoint=values, total_frames=3)
    del made["keypoint_score"]
    (one,) = read(tmp_path / "x.pkl", [made])
    assert (one.skeleton.name, one.unit, one.label) == (layout, unit, "3")
    np.testing.assert_array_equal(one.positions, values[:, :3])


def test_mmaction2_has_axis_frame_joint_person(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 6, 25, 2)).astype(np.float32)
    values[:, :, :, 1] = 0
    made = annotation(keypoint=values, total_frames=6, keypoint_score=np.ones((2, 6, 25)))
    (one,) = read(tmp_path / "x.pkl", [made])
    np.testing.assert_array_equal(one.positions[0], values[:, :, :, 0].transpose(1, 2, 0))
    assert not one.observed[1].any()


def test_no_score_is_no_joint(tmp_path: Path) -> None:
    score = np.ones((2, 4, 17), np.float16)
    score[1, 2, 5] = 0
    (one,) = read(tmp_path / "x.pkl", [annotation(keypoint_score=score)])
    assert np.argwhere(~one.observed).tolist() == [[1, 2, 5]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keypoint": None}, "annotation 1: not an annotation"),
        ({"keypoint": np.ones((4, 17, 2))}, r"annotation 1 \(bad\): 'keypoint' has the wrong shape"),
        ({"keypoint": np.full((1, 4, 17, 2), "x")}, "'keypoint' has the wrong shape"),
        ({"frame_dir": 7}, "annotation 1: the annotation has no name"),
        ({"total_frames": 5}, "'total_frames' does not match 'keypoint'; expected 0 to 4; got 5"),
        ({"total_frames": "all"}, "'total_frames' does not match 'keypoint'"),
        ({"keypoint_score": np.ones((2, 4, 16))}, "'keypoint_score' has the wrong shape"),
        ({"keypoint": np.ones((1, 4, 11, 2))}, "no layout is known for 11 joints in 2D"),
    ],
)
def test_a_bad_annotation_is_said_and_the_others_are_read(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    held = [annotation(), annotation(**{"frame_dir": "bad"} | changed), annotation(frame_dir="c")]
    refused: list[InputError] = []
    assert [one.name for one in read(tmp_path / "x.pkl", held, on_error=refused.append)] == ["a", "c"]
    with pytest.raises(InputError, match=message):
        raise refused[0]
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.pkl", held)


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    made = annotation(keypoint=np.ones((1, 4, 20, 2)), keypoint_score=np.ones((1, 4, 20)))
    (one,) = read(tmp_path / "x.pkl", [made], layout=KINECT20)
    assert one.skeleton == KINECT20
    with pytest.raises(InputError, match="the layout has another number of joints"):
        read(tmp_path / "x.pkl", [annotation()], layout=KINECT20)


class Evil:
    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (self.canary,)


def test_a_pickle_that_runs_code_is_refused_by_name(tmp_path: Path) -> None:
    canary = tmp_path / "run"
    with pytest.raises(InputError, match=r"x\.pkl.*(posix|nt|os)\.mkdir"):
        read(tmp_path / "x.pkl", {"annotations": [annotation(frame_dir=Evil(str(canary)))]})
    assert not canary.exists()


@pytest.mark.parametrize("held", [{}, [], {"annotations": {}}, {"split": [], "annotations": [1]}, "annotations"])
def test_what_is_not_annotations_is_refused(tmp_path: Path, held: object) -> None:
    with pytest.raises(InputError, match=r"x\.pkl"):
        read(tmp_path / "x.pkl", held)


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((0, 2**32, 17, 2), "impossible number of frames"),
        ((10**15, 0, 17, 2), "impossible number of persons"),
        ((0, 4, 10**9, 2), "impossible number of joints"),
    ],
)
def test_shapes_that_nothing_has_are_one_error_among_others(
    tmp_path: Path, shape: tuple[int, ...], match: str
) -> None:
    hostile = annotation(frame_dir="bad", keypoint=np.zeros(0, np.float16).reshape(shape), total_frames=0)
    errors: list[InputError] = []
    found = read(tmp_path / "x.pkl", [annotation(), hostile, annotation(frame_dir="c")], on_error=errors.append)
    assert [recording.name for recording in found] == ["a", "c"]
    with pytest.raises(InputError, match=rf"annotation 1 \(bad\): {match}"):
        raise errors[0]


def test_an_invalid_split_is_named(tmp_path: Path) -> None:
    content = {"split": {"xsub_train": [1, 2]}, "annotations": [annotation()]}
    with pytest.raises(
        InputError, match=r"'split' has an invalid entry; expected the name of a split .* got .*xsub"
    ):
        read(tmp_path / "x.pkl", content)


def test_splits_that_share_one_long_list_are_refused(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(1000)]
    content = {"split": {f"s{number}_train": names for number in range(1000)}, "annotations": [annotation()]}
    with pytest.raises(InputError, match="its splits list too many names; expected at most 100,100 names of 1"):
        read(tmp_path / "x.pkl", content)


@pytest.mark.real
def test_the_real_sample(real_data: Path) -> None:
    found = list(PYSKL.read(real_data / "pyskl_sample" / "hrnet_486.pkl"))
    assert len(found) == 486
    assert Counter(one.tags["xsub"] for one in found) == {"train": 388, "test": 98}
    assert {one.label for one in found} == {str(number) for number in range(1, 17)}
    assert {(one.skeleton.name, one.unit, one.num_persons) for one in found} == {("coco17", "px", 1)}
    assert sum(int((~one.observed).sum()) for one in found) == 2023  # joints with a score of 0
    assert not any(one.notes for one in found)
