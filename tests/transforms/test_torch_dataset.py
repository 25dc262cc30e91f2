"""A store as a map-style dataset of torch."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from skeletonmae import SkeletonDataset
from skeletonmae.errors import InputError
from skeletonmae.sequences import MemoryStoreBuilder, SequenceStore
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Rotate

CLIPS = ClipConfig(frames=8, augment=(Rotate(),))


def test_clips_are_those_of_a_loader(tiny_store: Path) -> None:
    dataset = SkeletonDataset(str(tiny_store), CLIPS)
    store = SequenceStore.open(tiny_store)
    assert (len(dataset), dataset.classes) == (len(store), store.classes)
    expected = CLIPS.loader(store, np.arange(len(store)), batch_size=len(store)).batch(0, 0)
    (batch,) = DataLoader(dataset, batch_size=len(dataset))
    assert batch["positions"].shape == (len(store), 2, 8, 25, 3)
    torch.testing.assert_close(batch["positions"], expected.positions)
    assert torch.equal(batch["observed"], expected.observed)
    assert torch.equal(batch["label"], expected.label)
    assert batch["index"].tolist() == list(range(len(store)))


def test_what_is_random_follows_from_seed_epoch_and_recording(tiny_store: Path) -> None:
    def first(epoch: int = 0, **settings: Any) -> Any:
        dataset = SkeletonDataset(tiny_store, CLIPS, training=True, **settings)
        dataset.set_epoch(epoch)
        return dataset[0]["positions"]

    assert torch.equal(first(), first())
    assert torch.equal(first(index=[5, 3]), SkeletonDataset(tiny_store, CLIPS, training=True)[5]["positions"])
    assert not torch.equal(first(), first(epoch=1))
    assert not torch.equal(first(), first(seed=1))


def test_some_recordings(tiny_store: Path) -> None:
    dataset = SkeletonDataset(SequenceStore.open(tiny_store), CLIPS, index=[7, 2])
    assert [one["index"] for one in (dataset[0], dataset[1], dataset[-1])] == [7, 2, 2]
    with pytest.raises(IndexError):
        dataset[2]
    with pytest.raises(InputError, match="index: there is no such recording; expected 0 to 95; got 0 to 96"):
        SkeletonDataset(tiny_store, index=[0, 96])


def test_a_store_in_memory_and_no_label(make_recording: Any) -> None:
    recording = make_recording(0, persons=3)
    builder = MemoryStoreBuilder(recording.skeleton)
    builder.add(recording)
    clip = SkeletonDataset(builder.build())[0]
    assert clip["label"] == -1
    assert clip["positions"].shape == (2, 64, 20, 3)


def test_a_pickle_has_no_coordinates(tiny_store: Path, make_recording: Any) -> None:
    """Workers that are spawned open the store again."""
    dataset = SkeletonDataset(tiny_store, CLIPS)
    clip = dataset[3]
    text = pickle.dumps(dataset)
    assert len(text) < 20_000
    again = pickle.loads(text)  # noqa: S301 - of this test
    assert torch.equal(again[3]["positions"], clip["positions"])
    builder = MemoryStoreBuilder(make_recording(0).skeleton)
    builder.add(make_recording(0))
    dataset = SkeletonDataset(builder.build())
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - of this test
    assert torch.equal(again[0]["positions"], dataset[0]["positions"])


def test_a_spawned_worker(tiny_store: Path) -> None:
    dataset = SkeletonDataset(tiny_store, CLIPS, index=np.arange(6))
    loader = DataLoader(dataset, batch_size=3, num_workers=1, multiprocessing_context="spawn")
    batches = [batch["positions"] for batch in loader]
    torch.testing.assert_close(torch.cat(batches)[4], dataset[4]["positions"])
