"""Recordings go to a model in blocks in memory, of which one at a time is held."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import SkeletonEncoder
from skeletonmae.checkpoint import Checkpoint, load_checkpoint
from skeletonmae.inference import LeftOut, PersonRecording, blocks, predict
from skeletonmae.inference.blocks import Block, Row, recording_blocks
from skeletonmae.inference.embed import EmbedSettings, embed_recordings
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import KINECT20, NTU25


@pytest.fixture(scope="module")
def encoder(tiny_run: Path) -> SkeletonEncoder:
    return SkeletonEncoder.from_pretrained(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def classifier(tiny_run: Path) -> Checkpoint:
    return load_checkpoint(tiny_run / "finetune-1-seed0.safetensors")


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    store = SequenceStore.open(tiny_store)
    return [store[index] for index in range(24)]


def collected(recordings: Any) -> list[Block]:
    return list(recording_blocks(PersonRecording(None, one) for one in recordings))


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("pooling", ["mean", "joints", "parts"])
def test_features_equal_those_of_a_store_on_disk(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], tmp_path: Path, pooling: Any, views: int
) -> None:
    """Every bit of them."""
    with StoreWriter(tmp_path / "store", NTU25) as writer:
        for one in recordings:
            writer.add(one)
    settings = {"pooling": pooling, "views": views}
    expected = encoder.embed(tmp_path / "store", **settings)
    given = encoder.embed(recordings, **settings)
    assert np.array_equal(given.features, expected.features)
    assert (given.names, given.labels) == (expected.names, expected.labels)


def test_features_do_not_depend_on_the_size_of_a_block(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do random views, which follow from the position of a recording in all blocks."""
    expected = encoder.embed(recordings, views=2)
    monkeypatch.setattr(blocks, "BLOCK_RECORDINGS", 7)
    in_parts = encoder.embed(recordings, views=2)
    np.testing.assert_allclose(in_parts.features, expected.features, atol=1e-5)
    assert in_parts.names == expected.names


def test_predictions_do_not_depend_on_the_size_of_a_block(
    classifier: Checkpoint, recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = LeftOut("broken.csv", None, "not a table")
    given = [recordings[0], broken, *recordings[1:], broken]
    expected = predict(classifier, given, top=25)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    alone = predict(classifier, given, top=25)
    assert [(one.recording, one.error) for one in alone] == [(one.recording, one.error) for one in expected]
    assert (alone[1].recording, alone[1].error) == ("broken.csv", "not a table")
    for one, other in zip(alone, expected, strict=True):
        assert dict(one.classes) == pytest.approx(dict(other.classes), abs=1e-5)


def test_a_block_has_one_layout_and_a_limited_size(make_recording: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_RECORDINGS", 3)
    skeletons = [KINECT20] * 4 + [NTU25] * 2 + [KINECT20]
    given = [make_recording(number, skeleton=skeleton) for number, skeleton in enumerate(skeletons)]
    found = collected(given)
    assert [len(block.rows) for block in found] == [3, 1, 2, 1]
    assert [block.first_number for block in found] == [0, 3, 0, 4]  # counted for each layout
    assert [row.recording for block in found for row in block.rows] == [one.name for one in given]
    assert [block.store.skeleton for block in found if block.store] == [KINECT20, KINECT20, NTU25, KINECT20]


def test_what_cannot_be_read_keeps_its_place(make_recording: Any) -> None:
    good, bad = make_recording(0), replace(make_recording(1), name="\ud800")
    reason = LeftOut("broken.csv", None, "not a table")
    items = [reason, PersonRecording(0, good), PersonRecording(None, bad), PersonRecording(1, good)]
    (block,) = recording_blocks(items)
    kinds = [type(entry) for entry in block.entries]
    assert kinds == [LeftOut, Row, LeftOut, Row]
    assert block.store is not None
    assert len(block.store) == len(block.rows) == 2
    assert [entry.person for entry in block.entries] == [None, 0, None, 1]
    (nothing,) = recording_blocks([reason])
    assert (nothing.store, nothing.left_out) == (None, [reason])
    assert list(recording_blocks([])) == []


def test_names_labels_and_tags_are_not_stored_but_kept(make_recording: Any) -> None:
    strange = make_recording(0, label="größer\n", tags={"not / a file name": "1"})
    (block,) = collected([strange])
    assert block.rows == [Row(strange.name, None, "größer\n", {"not / a file name": "1"})]
    assert block.store is not None
    assert (block.store.classes, block.store.tags) == ((), {})


class Counted:
    """Recordings that are made one after the other; counts how many of them live at once."""

    def __init__(self, recording: SkeletonSequence, number: int) -> None:
        self.recording, self.number = recording, number
        self.living, self.most = 0, 0

    def __iter__(self) -> Iterator[SkeletonSequence]:
        for number in range(self.number):
            yield self._made(number)

    def _made(self, number: int) -> SkeletonSequence:
        one = replace(self.recording, name=str(number), positions=self.recording.positions.copy())
        self.living += 1
        self.most = max(self.most, self.living)
        weakref.finalize(one.positions, self._died)
        return one

    def _died(self) -> None:
        self.living -= 1


def test_recordings_are_not_held(
    encoder: SkeletonEncoder,
    classifier: Checkpoint,
    recordings: list[SkeletonSequence],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At most a few coordinates live outside the block, and the block itself is limited."""
    monkeypatch.setattr(blocks, "BLOCK_RECORDINGS", 16)
    source = Counted(recordings[0], 100)
    assert len(embed_recordings(encoder.checkpoint, source, EmbedSettings("parts"))) == 100
    assert source.most <= 4
    source = Counted(recordings[0], 100)
    assert len(predict(classifier, source)) == 100
    assert source.most <= 4


def test_a_block_is_gone_before_the_next_is_used(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_RECORDINGS", 8)
    living: list[weakref.ref[Any]] = []
    most = 0
    build = blocks.MemoryStoreBuilder.build

    def counted(self: Any) -> SequenceStore:
        nonlocal most
        store = build(self)
        living.append(weakref.ref(store.shards[0].positions))
        most = max(most, sum(one() is not None for one in living))
        return store

    monkeypatch.setattr(blocks.MemoryStoreBuilder, "build", counted)
    encoder.embed(recordings * 4)
    assert len(living) == 12
    assert most <= 2


def test_nothing_is_written(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a temporary folder"))
    assert len(encoder.embed(recordings[:2])) == 2
