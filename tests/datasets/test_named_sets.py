from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, PrepareReport, detect_dataset
from skeletonmae.errors import InputError
from skeletonmae.formats import InputFile
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import KINECT20

Write = Callable[[str, Path, np.ndarray], Path]
FILES = {
    "nw_ucla": ("a12_s10_e03_v02.json", "carry", {"subject": "10", "repetition": "3", "camera": "2"}),
    "utd_mhad": ("a9_s1_t4_skeleton.mat", "draw circle clockwise", {"subject": "1", "trial": "4"}),
    "msr_action3d": ("a20_s10_e01_skeleton3D.txt", "pick up and throw", {"subject": "10", "trial": "1"}),
    "kinder_gator": (
        "Adults/POSE-p565_53-Throw-a-ball--1469183320067.csv",
        "throw a ball",
        {"subject": "565", "group": "adult"},
    ),
}
COUNTS = {  # recordings, classes, subjects, train, test
    "nw_ucla": (1484, 10, 10, 1020, 464),
    "utd_mhad": (861, 27, 8, 431, 430),
    "msr_action3d": (567, 20, 10, 292, 275),
    "kinder_gator": (1159, 58, 20, 579, 580),
}
named = pytest.mark.parametrize("name", FILES)


@named
def test_the_path_says_the_class_and_the_tags(name: str, write_sample: Write, tmp_path: Path) -> None:
    file, label, tags = FILES[name]
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    write_sample(name, path, np.ones((2, 20, 3)))
    dataset = DATASETS[name]
    assert detect_dataset(tmp_path) is dataset
    assert dataset.files(tmp_path) == [InputFile(path)]
    (recording,) = dataset.read(InputFile(path), tmp_path)
    assert (recording.label, dict(recording.tags)) == (label, tags)
    assert set(tags) == set(dataset.tags)


@pytest.mark.parametrize(
    ("file", "label"),
    [
        (
            "Children/POSE-p103_12-Swipe-across-an-imaginary-screen-in-front-of-you-from-left-to-right-1.csv",
            "swipe across an imaginary screen in front of you from left to right",
        ),
        ("Children/POSE-p103_58-Climb-and-imaginary-ladder-1469183381500.csv", "climb an imaginary ladder"),
        ("Adults/POSE-p103_30-Draw-the-letter-A-1469182976558.csv", "draw the letter A"),
    ],
)
def test_kinder_gator_motions_by_name(file: str, label: str, write_sample: Write, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    write_sample("kinder_gator", path, np.ones((2, 20, 3)))
    assert next(DATASETS["kinder_gator"].read(InputFile(path), tmp_path)).label == label


def test_more_than_one_dataset_in_a_folder(write_sample: Write, tmp_path: Path) -> None:
    for name, (file, _, _) in FILES.items():
        if "/" not in file:
            write_sample(name, tmp_path / file, np.ones((2, 20, 3)))
    with pytest.raises(InputError, match=r"more than one dataset.*nw_ucla, utd_mhad, msr_action3d"):
        detect_dataset(tmp_path)


def test_nothing_known_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n")
    with pytest.raises(
        InputError,
        match=r"no recording of a known format.*a table.*got 1 file: 1 \.csv; a\.csv begins with '1,2,3'; .*names of the columns",
    ):
        detect_dataset(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        detect_dataset(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="got an empty folder"):
        detect_dataset(tmp_path / "empty")
    (tmp_path / "empty" / "film.mp4").write_bytes(b"x")
    with pytest.raises(
        InputError, match=r"film\.mp4 begins with 'x'; what would be read in its place: a video in MP4"
    ):
        detect_dataset(tmp_path / "empty")
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / "a.csv").write_bytes("frame,joint,x,y\n".encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16: save it as UTF-8"):
        detect_dataset(tmp_path / "wide")


@pytest.fixture(scope="module")
def stores(real_set: Callable[[str], tuple[PrepareReport, SequenceStore]]) -> dict[str, SequenceStore]:
    sets = {name: real_set(name) for name in COUNTS}
    assert not [report.skipped for report, _ in sets.values() if report.skipped]
    return {name: store for name, (_, store) in sets.items()}


@pytest.mark.real
@named
def test_the_real_set_has_the_published_counts(
    name: str, real_data: Path, stores: dict[str, SequenceStore]
) -> None:
    dataset, store = DATASETS[name], stores[name]
    train, test = dataset.splits[dataset.default_split](store)
    subjects = store.tags["subject"]
    assert (len(store), len(store.classes), len(subjects), len(train), len(test)) == COUNTS[name]
    assert set(Counter(store.labels.tolist())) == set(range(len(store.classes)))
    assert detect_dataset(real_data / name) is dataset


@pytest.mark.real
def test_kinder_gator_has_ten_of_each_group_on_both_sides(stores: dict[str, SequenceStore]) -> None:
    store = stores["kinder_gator"]
    for side in DATASETS["kinder_gator"].splits["subject"](store):
        people = set(zip(store.tag("group")[side], store.tag("subject")[side], strict=True))
        assert Counter(group for group, _ in people) == {"adult": 5, "child": 5}


@pytest.mark.real
def test_the_one_real_recording_without_a_joint_and_the_lost_ones(stores: dict[str, SequenceStore]) -> None:
    store = stores["msr_action3d"]
    empty = [store.name(i) for i in np.flatnonzero(store.num_persons == 0)]
    assert empty == ["a13_s09_e02_skeleton3D"]
    num_observed = sum(int(recording.observed.sum()) for recording in store)
    assert 1 - num_observed / (20 * store.num_frames.sum()) == pytest.approx(0.047, abs=0.001)
    assert stores["nw_ucla"].num_frames.min() == 1


@pytest.mark.real
@named
def test_the_sets_share_their_axes(name: str, stores: dict[str, SequenceStore]) -> None:
    """Up is y, away is z from the camera, and a person who faces it has the right side at larger x."""
    index = KINECT20.index
    up, away, right, behind = [], [], [], []
    for recording in stores[name]:
        positions = recording.positions[recording.observed.all(-1)]
        if not len(positions):
            continue
        joint = {name: np.median(positions[:, place], axis=0) for name, place in index.items()}
        feet = (joint["left_foot"] + joint["right_foot"]) / 2
        up.append(joint["head"][1] > joint["pelvis"][1] > feet[1])
        away.append(joint["pelvis"][2] > 0)
        across = joint["right_shoulder"] - joint["left_shoulder"]
        right.append(across[0] > 0)
        toes = (
            positions[:, [index["left_foot"], index["right_foot"]]]
            - positions[:, [index["left_ankle"], index["right_ankle"]]]
        )
        spine = joint["shoulder_center"] - joint["pelvis"]
        behind.append(np.cross(across, spine) @ np.median(toes.mean(1), axis=0) < 0)
    assert np.mean(up) > 0.99
    assert np.mean(away) == 1
    assert np.mean(right) > 0.98
    assert np.mean(behind) > 0.98  # toes point against right x up: a right-handed frame with right, up, away


@pytest.mark.real
def test_the_action_sets_of_msr_action3d(stores: dict[str, SequenceStore]) -> None:
    store, splits = stores["msr_action3d"], DATASETS["msr_action3d"].splits
    sides = {name: splits[name](store) for name in ("as1", "as2", "as3")}
    assert {name: len(set(store.labels[both.train])) for name, both in sides.items()} == dict.fromkeys(sides, 8)
    assert {name: len(set(store.labels[both.test])) for name, both in sides.items()} == dict.fromkeys(sides, 8)
    covered = np.unique(np.concatenate([np.concatenate(both) for both in sides.values()]))
    assert len(covered) == len(store)  # every action is in one of the sets
