"""What every entry in `DATASETS` must hold."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, prepare
from skeletonmae.datasets.synthetic_dataset import SyntheticDataset
from skeletonmae.formats import FORMATS, InputFile
from skeletonmae.sequences import SequenceStore, SkeletonSequence

entries = pytest.mark.parametrize("name", DATASETS)


@entries
def test_it_says_what_it_is(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.name == name
    assert dataset.title
    assert dataset.source
    assert dataset.license
    assert len(set(dataset.classes)) == len(dataset.classes)
    assert dataset.default_split in dataset.splits
    tags = {getattr(rule, "tag", None) or getattr(rule, "by", None) for rule in dataset.splits.values()} - {None}
    assert not dataset.tags or tags <= set(dataset.tags)


@entries
def test_it_goes_to_another_process(name: str) -> None:
    again = pickle.loads(pickle.dumps(DATASETS[name]))  # noqa: S301
    assert (again.name, again.classes, again.splits) == (name, DATASETS[name].classes, DATASETS[name].splits)


@entries
def test_an_empty_folder_is_not_it(name: str, tmp_path: Path) -> None:
    assert not DATASETS[name].matches(tmp_path)
    assert not DATASETS[name].matches(tmp_path / "absent")


def test_every_format_can_be_used_by_a_folder(written: dict[str, tuple[Path, list[SkeletonSequence]]]) -> None:
    for name in FORMATS:
        root, expected = written[name]
        assert DATASETS["folder"].matches(root)
        found = [recording.name for recording in DATASETS["folder"].read(InputFile(root), root)]
        assert found == [recording.name for recording in expected]


def test_synthetic_is_the_same_however_many_processes_make_it(tmp_path: Path) -> None:
    synthetic = DATASETS["synthetic"]
    assert isinstance(synthetic, SyntheticDataset)
    few = replace(synthetic, num_recordings=110, seed=3)
    for workers in (1, 2):
        report = prepare(few, Path(), tmp_path / str(workers), workers=workers)
        assert (report.recordings, report.skipped) == (110, ())
        assert sum(report.classes.values()) == 110
    one, two = (SequenceStore.open(tmp_path / str(workers)) for workers in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert (a.name, a.label, a.tags) == (b.name, b.label, b.tags)
        np.testing.assert_array_equal(a.positions, b.positions)
    for rule in synthetic.splits.values():
        train, test = rule(one)
        assert not set(train) & set(test)
