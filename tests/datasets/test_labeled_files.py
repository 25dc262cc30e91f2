"""Datasets whose files say the action: Penn Action, Gym99, Diving48; and SBU, whose folders do."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, PrepareReport, detect_dataset, prepare
from skeletonmae.recipe import Source
from skeletonmae.sequences import SequenceStore

Write = Callable[[str, Path, np.ndarray], Path]
RealSet = Callable[[str], tuple[PrepareReport, SequenceStore]]


def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 20, 3))


@pytest.mark.parametrize(
    ("name", "file", "sides", "label"),
    [
        ("gym99", "gym_hrnet.pkl", ("train", "val"), "(FX) leap forward with leg change to split"),
        ("diving48", "diving48_hrnet.pkl", ("train", "test"), None),
    ],
)
def test_the_pickle_says_the_class_and_the_side(
    tmp_path: Path, name: str, file: str, sides: tuple[str, str], label: str | None
) -> None:
    dataset = DATASETS[name]
    common = {"total_frames": 4, "keypoint": np.ones((1, 4, 17, 2)), "keypoint_score": np.ones((1, 4, 17))}
    names = ("a", "b", "c", "beyond")
    labels = (0, len(dataset.classes) - 1, 6, len(dataset.classes))
    annotations = [
        {"frame_dir": recording, "label": code} | common for recording, code in zip(names, labels, strict=True)
    ]
    content = {"split": dict(zip(sides, (["a", "c"], ["b"]), strict=True)), "annotations": annotations}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / file).write_bytes(pickle.dumps(content))
    assert detect_dataset(tmp_path / "raw") is dataset
    report = prepare(dataset, tmp_path / "raw", tmp_path / "out")
    assert [f"'{'beyond'}'" in skipped.reason for skipped in report.skipped] == [True]
    store = SequenceStore.open(tmp_path / "out")
    assert store.labels.tolist() == [0, len(dataset.classes) - 1, 6]
    assert [side.tolist() for side in dataset.splits[dataset.default_split](store)] == [[0, 2], [1]]


def test_penn_action_in_small(tmp_path: Path, write_sample: Write) -> None:
    (tmp_path / "raw").mkdir()
    for number in (1, 2):
        write_sample("penn_action", tmp_path / "raw" / f"{number:04d}.mat", numbers())
    assert detect_dataset(tmp_path / "raw") is DATASETS["penn_action"]
    assert prepare(DATASETS["penn_action"], tmp_path / "raw", tmp_path / "out").classes["tennis serve"] == 2


def test_sbu_is_named_after_its_folders(tmp_path: Path, write_sample: Write) -> None:
    for folder in ("s01s02/03/001", "s02s03/08/002"):
        path = tmp_path / "raw" / folder / "skeleton_pos.txt"
        path.parent.mkdir(parents=True)
        write_sample("sbu", path, numbers())
    assert detect_dataset(tmp_path / "raw") is DATASETS["sbu"]
    prepare(DATASETS["sbu"], tmp_path / "raw", tmp_path / "out")
    store = SequenceStore.open(tmp_path / "out")
    assert [(recording.name, recording.label, dict(recording.tags)) for recording in store] == [
        ("s01s02_03_001", "kicking", {"pair": "s01s02", "trial": "1"}),
        ("s02s03_08_002", "punching", {"pair": "s02s03", "trial": "2"}),
    ]


@pytest.mark.real
def test_the_real_penn_action_has_the_published_counts(real_data: Path, real_set: RealSet) -> None:
    dataset = DATASETS["penn_action"]
    assert detect_dataset(real_data / "penn_action") is dataset
    report, store = real_set("penn_action")
    assert (report.recordings, report.skipped, len(store.classes)) == (2326, (), 15)
    assert [len(side) for side in dataset.splits["given"](store)] == [1258, 1068]
    assert sorted(Counter(store.labels.tolist()).values())[0] == 82


@pytest.mark.real
def test_the_real_sbu_has_the_published_counts(real_data: Path, real_set: RealSet) -> None:
    dataset = DATASETS["sbu"]
    assert detect_dataset(real_data / "sbu") is dataset
    report, store = real_set("sbu")
    assert (report.recordings, report.skipped, report.notes, len(store.classes)) == (282, (), (), 8)
    assert len(store.tags["pair"]) == 21
    assert (store.num_persons == 2).all()
    folds = [rule(store) for rule in dataset.splits.values()]
    assert len(folds) == 5
    assert np.concatenate([fold.test for fold in folds]).size == 282
    assert len(set(np.concatenate([fold.test for fold in folds]).tolist())) == 282
    assert all(len(fold.train) + len(fold.test) == 282 for fold in folds)


@pytest.mark.real
def test_the_real_pickle_in_a_folder_of_ones_own(real_data: Path, real_set: RealSet) -> None:
    assert detect_dataset(real_data / "pyskl_sample") is DATASETS["folder"]
    report, store = real_set("pyskl_sample")
    assert (report.recordings, report.skipped, len(store.classes)) == (486, (), 16)
    assert sorted(store.classes, key=int) == [str(number) for number in range(1, 17)]  # labels from 1
    assert Counter(store.tag("xsub").tolist()) == {"train": 388, "test": 98}
    rule = Source(store=store.shards[0].path).split_rule(store)  # its own split, and not one drawn by chance
    assert [len(side) for side in rule(store)] == [388, 98]
    assert not set(rule.pretrain_index(store)) & set(np.flatnonzero(store.tag("xsub") == "test"))
