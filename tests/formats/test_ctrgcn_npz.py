from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.skeletons import NTU25, Skeleton

SEVEN = Skeleton("seven", tuple("abcdefg"), dict.fromkeys("bcdefg", "a"))


def ntu_arrays(**changed: Any) -> dict[str, np.ndarray]:
    """Two samples for training and one for testing: 300 frames of 2 persons x 25 joints x 3, as CTR-GCN writes them."""
    x = np.zeros((3, 300, 2, 25, 3), np.float32)
    for sample, frames in enumerate((40, 45, 50)):
        x[sample, :frames, 0] = np.arange(75, dtype=np.float32).reshape(25, 3) / 100
        x[sample, :frames, 0] -= x[sample, 0, 0, 1].copy()  # the spine of the first frame is the origin
        x[sample, :frames, 0] += np.arange(frames, dtype=np.float32)[:, None, None] / 10
    x[2, 5:50, 1] = 2
    flat = x.reshape(3, 300, 150)
    labels = np.eye(60)[[0, 1, 49]]
    arrays = {"x_train": flat[:2], "y_train": labels[:2], "x_test": flat[2:], "y_test": labels[2:]}
    return {name: array for name, array in (arrays | changed).items() if array is not None}


def read(path: Path, layout: Skeleton | None = None, **changed: Any) -> list[Any]:
    np.savez(path, **ntu_arrays(**changed))
    return list(FORMATS["ctrgcn_npz"].read(path, ReadOptions(layout=layout)))


def test_padding_and_absent_persons_are_cut_and_splits_and_labels_are_kept(tmp_path: Path) -> None:
    found = read(tmp_path / "NTU60_CS.npz")
    assert [r.name for r in found] == ["NTU60_CS/train-000000", "NTU60_CS/train-000001", "NTU60_CS/test-000000"]
    assert [r.positions.shape for r in found] == [(1, 40, 25, 3), (1, 45, 25, 3), (2, 50, 25, 3)]
    assert [r.label for r in found] == ["0", "1", "49"]
    assert [dict(r.tags) for r in found] == [{"split": "train"}, {"split": "train"}, {"split": "test"}]
    assert {(r.unit, r.fps, r.skeleton) for r in found} == {("m", None, NTU25)}
    # pelvis: (0, 0.01, 0.02) - spine (0.03, 0.04, 0.05), and the body moves 0.1 a frame
    np.testing.assert_allclose(found[0].positions[0, 10, 0], [0.97, 0.97, 0.97], atol=1e-6)
    assert found[0].observed.all()  # also the spine of the first frame, which is exactly zero
    assert not found[2].observed[1, :5].any()
    assert found[2].observed[1, 5:].all()


def test_a_joint_at_exactly_zero_is_unobserved_unless_it_is_the_center(tmp_path: Path) -> None:
    arrays = ntu_arrays()
    arrays["x_train"].reshape(2, 300, 2, 25, 3)[0, 7, 0, 19] = 0
    (first, *_) = read(tmp_path / "a.npz", x_train=arrays["x_train"])
    assert np.argwhere(~first.observed).tolist() == [[0, 7, 19]]


def test_a_sample_of_zeros_is_a_recording_without_frames(tmp_path: Path) -> None:
    arrays = ntu_arrays()
    arrays["x_train"][0] = 0
    assert read(tmp_path / "a.npz", x_train=arrays["x_train"])[0].positions.shape == (1, 0, 25, 3)


def test_labels_may_be_indices_or_absent(tmp_path: Path) -> None:
    found = read(tmp_path / "a.npz", y_train=np.array([7, 3]), y_test=None)
    assert [r.label for r in found] == ["7", "3", None]
    assert read(tmp_path / "b.npz", y_train=np.zeros((2, 60)))[0].label is None


def test_scores_in_the_third_channel_are_recognized_for_pose_estimators(tmp_path: Path) -> None:
    pose = np.full((1, 4, 1, 17, 3), 0.25, np.float32)
    pose[0, 1, 0, 9, 2] = 0
    arrays = {"x_train": pose.reshape(1, 4, 51), "y_train": np.array([1]), "x_test": None, "y_test": None}
    (recording,) = read(tmp_path / "a.npz", **arrays)
    assert (recording.skeleton.name, recording.unit) == ("coco17", "image")
    assert recording.positions.shape == (1, 4, 17, 2)
    assert np.argwhere(~recording.observed).tolist() == [[0, 1, 9]]


def test_other_numbers_of_joints_need_a_layout(tmp_path: Path) -> None:
    arrays = {"x_train": np.ones((1, 4, 42), np.float32), "y_train": np.array([1]), "x_test": None, "y_test": None}
    with pytest.raises(
        InputError, match=r"x_train: wrong number of values per frame; expected .*--layout; got 42"
    ):
        read(tmp_path / "a.npz", **arrays)
    (recording,) = read(tmp_path / "a.npz", layout=SEVEN, **arrays)
    assert recording.positions.shape == (2, 4, 7, 2)


def test_files_of_other_arrays_are_described(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", boxes=np.zeros(3))
    with pytest.raises(InputError, match="begins with the array 'boxes'"):
        detect(tmp_path / "other.npz")
    np.save(tmp_path / "other.npy", np.zeros((106, 17, 3), np.float32))
    with pytest.raises(InputError, match=r"a numpy array of float32 with shape \(106, 17, 3\)"):
        detect(tmp_path / "other.npy")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"x_train": np.zeros((2, 150))}, "x_train: the array has the wrong shape"),
        ({"x_train": np.zeros((10**7, 0, 150)), "y_train": None}, "x_train: the array has the wrong shape"),
        ({"x_train": np.zeros((2, 3, 150), "S1")}, "x_train: the array has the wrong shape"),
        ({"y_train": np.zeros(3)}, "y_train: the labels do not match the samples"),
        ({"y_train": np.array(["a", "b"])}, "y_train: the labels do not match the samples"),
        ({"x_train": None, "x_test": None}, "not the arrays of CTR-GCN"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, changed: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(tmp_path / "a.npz", **changed)
