from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, InputFile, detect, find_files
from skeletonmae.formats.stgcn_npy import label_file_names

NAMES = ["S001C001P001R001A001.skeleton", "S001C002P001R001A050.skeleton"]


def ntu_data() -> np.ndarray:
    """(sample, axis, frame, joint, person): 4 and 6 of 10 frames, the second clip with two persons."""
    data = np.zeros((2, 3, 10, 25, 2), np.float32)
    joints = np.arange(25, dtype=np.float32)
    data[0, 0, :4, :, 0] = joints
    data[0, 1, :4, :, 0] = 1
    data[0, 2, :4, :, 0] = 3
    data[1, :, :6, :, 0] = 2
    data[1, :, 2:6, :, 1] = 4
    return data


def write(folder: Path, data: np.ndarray, labels: Any = (NAMES, [0, 49]), name: str = "train_data") -> InputFile:
    """The file as `find_files` gives it, with its labels."""
    np.save(folder / f"{name}.npy", data)
    if labels is not None:
        (folder / f"{name.split('_')[0]}_label.pkl").write_bytes(pickle.dumps(labels))
    (file,) = find_files(folder)
    assert detect(file).name == "stgcn_npy"
    return file


def read(file: InputFile) -> list[Any]:
    return list(FORMATS["stgcn_npy"].read(file))


def test_names_labels_persons_and_frames(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, ntu_data(), name="val_data_joint"))
    assert (first.name, first.label, dict(first.tags)) == ("S001C001P001R001A001", "0", {"split": "val"})
    assert (first.positions.shape, first.unit, first.skeleton.name) == ((1, 4, 25, 3), "m", "ntu25")
    assert first.positions[0, 3, 7].tolist() == [7, 1, 3]
    assert (second.label, second.positions.shape) == ("49", (2, 6, 25, 3))
    assert np.argwhere(~second.observed.any(-1)).tolist() == [[1, 0], [1, 1]]


def test_labels_belong_to_the_array_also_in_an_archive(tmp_path: Path) -> None:
    write(tmp_path, ntu_data())
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("train_data.npy", "train_label.pkl"):
            archive.write(tmp_path / name, f"ntu/{name}")
            (tmp_path / name).unlink()
    (file,) = find_files(tmp_path / "all.zip")
    assert [recording.label for recording in read(file)] == ["0", "49"]


def test_a_file_with_other_labels_has_changed(tmp_path: Path) -> None:
    before = write(tmp_path, ntu_data()).stat_key
    assert write(tmp_path, ntu_data(), (NAMES, ["other", "text"])).stat_key != before


def test_without_labels_recordings_are_numbered(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, ntu_data(), labels=None))
    assert [(r.name, r.label) for r in (first, second)] == [
        ("train_data/000000", None),
        ("train_data/000001", None),
    ]


def test_a_pickle_of_labels_without_its_array_is_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((NAMES, [0, 1])))
    (tmp_path / "val_data.npy").write_bytes(b"")
    assert [file.path.name for file in find_files(tmp_path)] == ["train_label.pkl", "val_data.npy"]


def test_kinetics_has_scores_and_shares_of_the_image(tmp_path: Path) -> None:
    data = np.zeros((1, 3, 6, 18, 2), np.float32)
    data[0, 0, :4, :, 0], data[0, 1, :4, :, 0], data[0, 2, :4, :, 0] = 0.25, -0.125, 0.8
    data[0, :, 1, 4, 0] = 0
    (recording,) = read(write(tmp_path, data, (["abc.json"], [7])))
    assert (recording.skeleton.name, recording.unit, recording.name) == ("openpose18", "image", "abc")
    assert recording.positions.shape == (1, 4, 18, 2)
    assert recording.positions[0, 0, 0].tolist() == [0.75, 0.375]  # a half was subtracted from both
    assert np.argwhere(~recording.observed).tolist() == [[0, 1, 4]]


def test_clips_that_agcn_normalized_are_turned_back_and_not_repeated(tmp_path: Path) -> None:
    """AGCN: the spine is the origin, z is up, x runs from the left to the right shoulder, and the clip is repeated."""
    data = np.zeros((1, 3, 10, 25, 2), np.float32)
    clip = np.zeros((4, 25, 3), np.float32)
    clip[:, 0] = [0, 0, -0.3]  # the pelvis is below the spine
    clip[:, 20] = [0, 0, 0.25]  # and the shoulder center above it
    clip[:, 4], clip[:, 8] = [-0.2, 0, 0.25], [0.2, 0, 0.25]  # left and right shoulder
    clip[:, 15] = [0.1, 0.5, -1]  # the left foot is half a meter in front of the body
    clip[:, 3, 2] = np.arange(4) + 1
    others = [j for j in range(25) if j not in (0, 1, 3, 4, 8, 15, 20)]
    clip[:, others] = 0.01
    data[0, ..., 0] = clip[np.arange(10) % 4].transpose(2, 0, 1)
    data[0, ..., 1] = np.arange(10)[:, None] + 1  # relative to the first person, so it does not repeat
    (recording,) = read(write(tmp_path, data, (["a"], [0]), name="train_data_joint"))
    assert recording.positions.shape == (2, 4, 25, 3)
    at = recording.skeleton.index
    np.testing.assert_allclose(recording.positions[0, 0, at["pelvis"]], [0, -0.3, 0], atol=1e-6)
    np.testing.assert_allclose(recording.positions[0, 0, at["right_shoulder"]], [0.2, 0.25, 0], atol=1e-6)
    # who faces the camera has the right shoulder at the camera's left, and steps towards it: z falls
    np.testing.assert_allclose(recording.positions[0, 0, at["left_foot"]], [0.1, -1, -0.5], atol=1e-6)
    assert recording.observed.all()


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (
            (NAMES, [0]),
            r"train_label\.pkl: wrong number of labels; expected 2 of each.*; got 2 names and 1 labels",
        ),
        ("text", "not the labels of ST-GCN"),
        (([1, 2], [0, 1]), "a name is not text"),
        ((NAMES, [0.5, None]), "a label is not a number or text"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, labels: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(write(tmp_path, ntu_data(), labels))


@pytest.mark.parametrize("name", ["train_data_bone", "train_data_joint_motion", "train_motion"])
def test_bones_and_motion_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"bones or motion.*expected train_data_joint\.npy"):
        read(write(tmp_path, ntu_data(), name=name))


def test_a_clip_whose_joints_have_no_layout_is_one_error_among_others(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sample 0: no layout is known for 7 joints in 3D"):
        read(write(tmp_path, ntu_data()[:, :, :, :7]))


def test_an_array_of_empty_clips_is_no_array_of_clips(tmp_path: Path) -> None:
    np.save(tmp_path / "train_data.npy", np.zeros((10**7, 3, 0, 25, 2), np.float32))
    with pytest.raises(InputError, match=r"not the array of ST-GCN.*got float32 \(10000000, 3, 0, 25, 2\)"):
        read(InputFile(tmp_path / "train_data.npy"))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_labels_may_be_an_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "val_label.npy", np.array([3, 12]).reshape(shape))
    first, second = read(write(tmp_path, ntu_data(), labels=None, name="val_position"))
    assert [(r.name, r.label) for r in (first, second)] == [
        ("val_position/000000", "3"),
        ("val_position/000001", "12"),
    ]


def test_a_wrong_array_of_labels_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "val_label.npy", np.array([3, 12, 4]))
    with pytest.raises(
        InputError, match=r"val_label\.npy: the labels do not match the samples; expected 2 whole numbers"
    ):
        read(write(tmp_path, ntu_data(), labels=None, name="val_position"))


def test_only_the_data_has_labels() -> None:
    assert label_file_names("test_data_joint.npy") == ("test_label.pkl", "test_label.npy")
    assert label_file_names("train_position.npy") == ("train_label.pkl", "train_label.npy")
    assert label_file_names("train_label.npy") == label_file_names("points.npy") == ()
