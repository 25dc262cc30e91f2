"""A store that is prepared in shards, as several machines do it, is the one that a single `prepare` writes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from skeletonmae.datasets import DATASETS, Dataset, PrepareReport, ShardNumber, join_shards, prepare
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore
from skeletonmae.transforms import ClipConfig

Write = Callable[[str, Path, np.ndarray], Path]
NW_UCLA = DATASETS["nw_ucla"]


@pytest.fixture
def source(tmp_path: Path, write_sample: Write) -> Path:
    """Eight valid files and two invalid ones."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(8):
        name = f"a{1 + number % 6:02d}_s{1 + number // 6:02d}_e00_v01.json"
        write_sample("nw_ucla", folder / name, np.full((3 + number, 20, 3), 1 + number / 100))
    (folder / "a03_s03_e00_v01.json").write_text('{"skeletons": [')
    (folder / "notes.json").write_text("{}")
    return folder


def prepare_shards(dataset: Dataset, source: Path, out: Path, total: int) -> PrepareReport:
    for number in reversed(range(total)):
        prepare(dataset, source, out, shard=ShardNumber(1 + number, total))
    return join_shards(dataset, source, out)


def assert_same_recordings(first: SequenceStore, second: SequenceStore) -> None:
    assert (len(first), first.classes, first.tags) == (len(second), second.classes, second.tags)
    for index in range(len(first)):
        one, other = first[index], second[index]
        assert (one.name, one.label, one.tags, one.fps) == (other.name, other.label, other.tags, other.fps)
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.observed, other.observed)


@pytest.mark.parametrize("total", [3, 10])
def test_joined_shards_have_the_recordings_of_one_prepare(source: Path, tmp_path: Path, total: int) -> None:
    expected = prepare(NW_UCLA, source, tmp_path / "one")
    report = prepare_shards(NW_UCLA, source, tmp_path / "shards", total)
    one, joined = (SequenceStore.open(tmp_path / name) for name in ("one", "shards"))
    joined.verify()
    assert_same_recordings(joined, one)
    assert report == expected
    loaders = [
        ClipConfig(frames=8).loader(store, np.arange(8), batch_size=8, training=True, seed=1)
        for store in (one, joined)
    ]
    assert torch.equal(*(loader.batch(0, 0).positions for loader in loaders))


def test_joining_copies_nothing_and_can_be_moved(source: Path, tmp_path: Path) -> None:
    prepare_shards(NW_UCLA, source, tmp_path / "shards", 3)
    assert {path.name for path in (tmp_path / "shards").iterdir()} == {
        "manifest.json", "report.json", *(f"shard-0000{number}-of-00003" for number in (1, 2, 3)),
    }  # fmt: skip
    fingerprint = SequenceStore.open(tmp_path / "shards").fingerprint
    moved = (tmp_path / "shards").rename(tmp_path / "moved")
    SequenceStore.open(moved).verify()
    assert SequenceStore.open(moved).fingerprint == fingerprint
    prepare(NW_UCLA, source, tmp_path / "one")
    assert SequenceStore.open(tmp_path / "one").fingerprint != fingerprint


def test_a_shard_that_was_killed_is_repeated_and_a_complete_one_is_not(source: Path, tmp_path: Path) -> None:
    out, second = tmp_path / "shards", ShardNumber(2, 2)

    def killed(*_: int) -> None:
        raise KeyboardInterrupt

    prepare(NW_UCLA, source, out, shard=ShardNumber(1, 2))
    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, out, shard=second, progress=killed)
    with pytest.raises(InputError, match=r"shards are missing.*: 2/2"):
        join_shards(NW_UCLA, source, out)
    first_report = prepare(NW_UCLA, source, out, shard=second)
    assert prepare(NW_UCLA, source, out, shard=second, progress=killed) == first_report
    join_shards(NW_UCLA, source, out)
    prepare(NW_UCLA, source, tmp_path / "one")
    assert_same_recordings(SequenceStore.open(out), SequenceStore.open(tmp_path / "one"))


def test_what_only_all_recordings_show_is_as_in_one_prepare(tmp_path: Path, write_sample: Write) -> None:
    source = tmp_path / "raw"
    for folder in ("walk", "run", "frames"):
        (source / folder).mkdir(parents=True)
    for number in range(4):
        write_sample("nw_ucla", source / "frames" / f"{number}.json", np.ones((1, 20, 3)))
        write_sample("nw_ucla", source / "walk" / f"{number}.json", np.full((4, 20, 3), number + 1.0))
    for number in range(2):  # a table may name a recording of another file
        lines = [f"again,{frame},{joint},{number + 1},2,3" for frame in range(3) for joint in ("head", "neck")]
        text = "\n".join(["recording,frame,joint,x,y,z", *lines])
        (source / "run" / f"{number}.csv").write_text(text)
    (source / "labels.csv").write_text("recording,label\n" + "".join(f"walk/{n},w\n" for n in (0, 1, 2, 7)))
    (source / "data.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")
    expected = prepare(DATASETS["folder"], source, tmp_path / "one")
    report = prepare_shards(DATASETS["folder"], source, tmp_path / "shards", 5)
    assert_same_recordings(SequenceStore.open(tmp_path / "shards"), SequenceStore.open(tmp_path / "one"))
    for name in ("skipped", "notes", "ignored"):
        assert sorted(map(str, getattr(report, name))) == sorted(map(str, getattr(expected, name)))
    assert len(expected.skipped) >= 5


def test_a_name_in_two_shards_is_kept_once(tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    for file, names in {"a": ("x", "y"), "b": ("y", "z"), "c": ("z",), "d": ("v",)}.items():
        lines = [f"{name},{frame},head,1,2,{ord(file)}" for name in names for frame in range(3)]
        (source / f"{file}.csv").write_text("\n".join(["recording,frame,joint,x,y,z", *lines]))
    expected = prepare(DATASETS["folder"], source, tmp_path / "one")
    report = prepare_shards(DATASETS["folder"], source, tmp_path / "shards", 4)
    joined = SequenceStore.open(tmp_path / "shards")
    assert [joined.name(index) for index in range(len(joined))] == ["x", "y", "z", "v"]
    assert_same_recordings(joined, SequenceStore.open(tmp_path / "one"))
    assert report == expected
    assert [skipped.file for skipped in report.skipped] == ["b.csv", "c.csv"]
    (tmp_path / "shards" / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"b\.csv: its recording 'y' has the same name as that of a\.csv"):
        join_shards(DATASETS["folder"], source, tmp_path / "shards", strict=True)
    assert join_shards(DATASETS["folder"], source, tmp_path / "shards") == expected


def test_shards_that_do_not_belong_together_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    prepare(NW_UCLA, source, out, shard=ShardNumber(1, 2))
    prepare(NW_UCLA, source, out, shard=ShardNumber(2, 2), dtype="float16")
    with pytest.raises(InputError, match="other settings"):
        join_shards(NW_UCLA, source, out)
    with pytest.raises(InputError, match="already exists"):
        prepare(NW_UCLA, source, out, shard=ShardNumber(2, 2))
    prepare(NW_UCLA, source, out, shard=ShardNumber(1, 3))
    with pytest.raises(InputError, match=r"different divisions.*\[2, 3\]"):
        join_shards(NW_UCLA, source, out)


def test_what_cannot_be_joined_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shards"):
        join_shards(NW_UCLA, source, tmp_path / "nothing")
    with pytest.raises(InputError, match=r"fewer files than shards.*at least 11 files.*10"):
        prepare(NW_UCLA, source, tmp_path / "out", shard=ShardNumber(1, 11))
    prepare_shards(NW_UCLA, source, tmp_path / "shards", 2)
    with pytest.raises(InputError, match="already a store"):
        join_shards(NW_UCLA, source, tmp_path / "shards")
    (tmp_path / "shards" / "manifest.json").unlink()
    (tmp_path / "shards" / "shard-00001-of-00002" / "shard.json").unlink()
    with pytest.raises(InputError, match="not a shard that"):
        join_shards(NW_UCLA, source, tmp_path / "shards")
    shutil.rmtree(tmp_path / "shards" / "shard-00001-of-00002")
    (tmp_path / "shards" / "shard-00001-of-00002").touch()
    with pytest.raises(InputError, match=r"shards are missing.*: 1/2"):
        join_shards(NW_UCLA, source, tmp_path / "shards")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_an_impossible_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a shard"):
        ShardNumber.parse(text)
