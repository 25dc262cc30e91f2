"""A store in memory holds what a store on disk would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.sequences import MemoryStoreBuilder, SequenceStore, SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20


@pytest.fixture
def recordings(make_recording: Any) -> list[SkeletonSequence]:
    return [
        make_recording(seed, persons=1 + seed % 3, frames=5 + seed, label=label, tags=tags, fps=fps)
        for seed, (label, tags, fps) in enumerate(
            [("bow", {"subject": "1"}, 30.0), (None, {}, None), ("wave", {"subject": "2", "view": "front"}, 15.0)]
        )
    ]


def build(recordings: list[SkeletonSequence], **settings: Any) -> SequenceStore:
    builder = MemoryStoreBuilder(recordings[0].skeleton, **settings)
    for recording in recordings:
        builder.add(recording)
    return builder.build()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_it_has_the_arrays_of_a_store_on_disk(
    recordings: list[SkeletonSequence], tmp_path: Path, make_store: Any, dtype: Any
) -> None:
    store, written = build(recordings, dtype=dtype), make_store(tmp_path / "s", recordings, dtype=dtype)
    (shard,), (expected,) = store.shards, written.shards
    assert shard.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert shard.arrays[name].dtype == array.dtype, name
        np.testing.assert_array_equal(shard.arrays[name], array, name)
    assert shard.manifest == expected.manifest.model_copy(update={"files": {}})
    assert (store.classes, store.tags) == (("bow", "wave"), {"subject": ("1", "2"), "view": ("front",)})
    for one, other in zip(store, written, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        assert (one.name, one.label, one.tags, one.fps) == (other.name, other.label, other.tags, other.fps)


def test_a_recording_that_is_refused_leaves_nothing(
    recordings: list[SkeletonSequence], make_recording: Any
) -> None:
    builder = MemoryStoreBuilder(KINECT20)
    builder.add(recordings[0])
    for bad in (make_recording(5, skeleton=COCO17), replace(recordings[1], name="\ud800")):
        with pytest.raises(InputError):
            builder.add(bad)
    builder.add(recordings[2])
    store = builder.build()
    assert [store.name(index) for index in range(len(store))] == [recordings[0].name, recordings[2].name]
    store.verify()


def test_an_interrupted_recording_leaves_nothing(
    recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = MemoryStoreBuilder(KINECT20)
    builder.add(recordings[0])
    num_rows = builder.observed.num_rows
    append = type(builder.observed).append
    monkeypatch.setattr(type(builder.observed), "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        builder.add(recordings[2])
    monkeypatch.setattr(type(builder.observed), "append", append)
    assert (builder.positions.num_rows, builder.observed.num_rows) == (num_rows, num_rows)
    builder.add(recordings[2])
    np.testing.assert_array_equal(builder.build()[1].num_frames, recordings[2].num_frames)


def test_bytes_are_counted(recordings: list[SkeletonSequence]) -> None:
    builder = MemoryStoreBuilder(KINECT20)
    assert builder.num_bytes == 0
    builder.add(recordings[0])
    num_bytes = builder.num_bytes
    assert num_bytes == builder.build().shards[0].positions.nbytes > 0


def test_later_changes_of_a_recording_do_not_reach_the_store(make_recording: Any) -> None:
    recording = make_recording(1, lost=0.0)
    builder = MemoryStoreBuilder(KINECT20)
    builder.add(recording)
    recording.positions[:] = 7.0
    assert not (builder.build().shards[0].positions == 7.0).any()


def test_an_empty_store_is_a_store() -> None:
    store = MemoryStoreBuilder(KINECT20, classes=("wave",)).build()
    assert (len(store), store.classes, list(store)) == (0, ("wave",), [])


def test_the_fingerprint_is_that_of_the_content(recordings: list[SkeletonSequence]) -> None:
    moved = [replace(one, positions=one.positions * np.float32(2)) for one in recordings]
    assert build(recordings).fingerprint == build(recordings).fingerprint != build(moved).fingerprint


def test_it_joins_other_stores(recordings: list[SkeletonSequence], tmp_path: Path, make_store: Any) -> None:
    joined = SequenceStore.concat([make_store(tmp_path / "s", recordings[:1]), build(recordings[1:])])
    assert joined.labels.tolist() == [0, -1, 1]
