from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import Batch, ClipReader, Loader, Windows, sample_keys
from skeletonmae.batches.loader import epoch_order, prefetch_batches
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.sequences.clip_sampling import evenly_spaced_frames
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, make_recording: Make, make_store: Make) -> SequenceStore:
    """23 recordings of 1 to 40 frames and of 0 to 2 persons."""
    frames = np.random.default_rng(0).integers(1, 40, 23)
    recordings = [make_recording(i, i % 3, int(f), label=f"c{i % 4}", lost=0.1) for i, f in enumerate(frames)]
    path: Path = tmp_path_factory.mktemp("loader") / "s"
    opened: SequenceStore = make_store(path, recordings)
    return opened


def loader(store: SequenceStore, **settings: Any) -> Loader:
    index = settings.pop("index", np.arange(len(store)))
    settings = {"batch_size": 6, "training": True, "crop": (0.5, 1.0), "prefetch": 0, "seed": 4} | settings
    return Loader(ClipReader(store, 8), store.labels, index, **settings)


def clips(batches: Any) -> dict[int, tuple[torch.Tensor, torch.Tensor, int]]:
    """Map the key of each clip to its positions and observed flags, padded to two persons, and its label."""
    found = {}
    for batch in batches:
        for row, key in enumerate(batch.keys.tolist()):
            padded = torch.zeros(2, *batch.positions.shape[2:]), torch.zeros(2, *batch.observed.shape[2:])
            for target, values in zip(padded, (batch.positions[row], batch.observed[row]), strict=True):
                target[: len(values)] = values
            assert key not in found
            found[key] = (*padded, int(batch.label[row]))
    return found


def equal(a: Batch, b: Batch) -> bool:
    names = ("positions", "observed", "label", "keys", "bridged")
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_size", [1, 5, 6, 23, 100])
def test_an_epoch_contains_every_recording_once(store: SequenceStore, training: bool, batch_size: int) -> None:
    batches = loader(store, training=training, batch_size=batch_size)
    found = list(batches.epoch(3))
    assert len(found) == len(batches) == -(-23 // batch_size)
    sizes = [len(batch) for batch in found]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    keys = torch.cat([batch.keys for batch in found])
    assert sorted(keys.tolist()) == sorted(sample_keys(4, 3, torch.arange(23)).tolist())


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_processes_share_each_batch_without_overlap_or_loss(store: SequenceStore, world_size: int) -> None:
    single = list(loader(store).epoch(1))
    per_process = [list(loader(store, world_size=world_size, rank=rank).epoch(1)) for rank in range(world_size)]
    for step, batch in enumerate(single):
        expected, found = clips([batch]), clips([process_batches[step] for process_batches in per_process])
        assert set(found) == set(expected)
        for key, values in expected.items():
            assert all(torch.equal(a, b) for a, b in zip(values[:2], found[key][:2], strict=True))
            assert values[2] == found[key][2]


def test_more_processes_than_clips(store: SequenceStore) -> None:
    sizes = [len(loader(store, index=np.arange(2), world_size=3, rank=rank).batch(0, 0)) for rank in range(3)]
    assert sizes == [1, 1, 0]


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_a_batch_does_not_depend_on_the_start_of_the_epoch(store: SequenceStore, prefetch: int) -> None:
    all_batches = list(loader(store).epoch(2))
    late = list(loader(store, prefetch=prefetch).epoch(2, start=2))
    assert len(late) == len(all_batches) - 2
    assert all(equal(a, b) for a, b in zip(all_batches[2:], late, strict=True))


def test_epochs_and_seeds_differ_in_order_and_crop(store: SequenceStore) -> None:
    first = clips(loader(store).epoch(0))
    for other in (clips(loader(store).epoch(1)), clips(loader(store, seed=5).epoch(0))):
        assert not set(first) & set(other)
    orders = [
        torch.cat([b.label for b in loader(store, seed=s).epoch(e)]).tolist() for s, e in ((4, 0), (4, 1), (5, 0))
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert equal(loader(store).batch(0, 1), loader(store).batch(0, 1))


def test_the_order_is_drawn_once_per_epoch(store: SequenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[Any] = []
    default_rng = np.random.default_rng

    def counted(seed: Any) -> np.random.Generator:
        seeds.append(seed)
        return default_rng(seed)

    monkeypatch.setattr(np.random, "default_rng", counted)
    for epoch in range(2):
        assert len(list(loader(store, prefetch=2).epoch(epoch))) == 4
    assert seeds == [[4, 0], [4, 1]]


def test_any_thread_gets_the_order_of_its_own_epoch(store: SequenceStore) -> None:
    batches = loader(store)
    expected = {(epoch, step): batches.batch(epoch, step).keys for epoch in range(6) for step in range(4)}
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda epoch_and_step: batches.batch(*epoch_and_step).keys, list(expected) * 5)
        assert all(torch.equal(a, b) for a, b in zip(found, list(expected.values()) * 5, strict=True))


def test_the_order_is_numpys_permutation_and_read_only() -> None:
    order = epoch_order(3, 7, 1000)
    assert order.tolist() == np.random.default_rng([3, 7]).permutation(1000).tolist()
    with pytest.raises(ValueError, match="read-only"):
        order[0] = 1


def test_outside_training_the_order_is_that_of_the_index(store: SequenceStore) -> None:
    index = np.array([5, 3, 20, 3 + 4, 0])
    batches = list(loader(store, index=index, training=False, batch_size=2).epoch())
    assert torch.cat([batch.label for batch in batches]).tolist() == store.labels[index].tolist()
    assert (
        torch.cat([batch.keys for batch in batches]).tolist()
        == sample_keys(4, 0, torch.from_numpy(index)).tolist()
    )


def test_an_empty_index_is_an_empty_epoch(store: SequenceStore) -> None:
    for prefetch in (0, 2):
        empty = loader(store, index=np.zeros(0, np.int64), prefetch=prefetch)
        assert len(empty) == 0
        assert list(empty.epoch()) == []


class RecordingReader(ClipReader):
    """Remembers the windows that it was called with."""

    def blocks(self, windows: Windows) -> Iterator[Any]:
        self.windows = windows
        return super().blocks(windows)


def windows(store: SequenceStore, epochs: int = 1, **settings: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    reader = RecordingReader(store, 8)
    batches = replace(loader(store, batch_size=23, **settings), reader=reader)
    found = []
    for epoch in range(epochs):
        batches.batch(epoch, 0)
        found.append((store.num_frames[reader.windows.recording_index], reader.windows.first, reader.windows.last))
    frames, first, last = (np.concatenate(column) for column in zip(*found, strict=True))
    return frames, first, last


def test_training_crops_are_uniform_in_length_and_position(store: SequenceStore) -> None:
    frames, first, last = windows(store, epochs=200)
    assert (first >= 0).all()
    assert (last <= frames - 1).all()
    is_long = frames >= 10
    share = ((last - first + 1) / frames)[is_long]
    assert 0.5 <= share.min() < 0.51
    assert 0.99 < share.max() <= 1
    assert share.mean() == pytest.approx(0.75, abs=0.01)
    assert share.var() == pytest.approx(0.5**2 / 12, rel=0.1)
    position = (first[is_long] / (frames[is_long] * (1 - share)))[share < 0.999]
    assert position.mean() == pytest.approx(0.5, abs=0.02)
    assert position.var() == pytest.approx(1 / 12, rel=0.1)
    assert abs(np.corrcoef(share[share < 0.999], position)[0, 1]) < 0.06
    is_single = frames == 1
    assert (first[is_single] == 0).all()
    assert (last[is_single] == 0).all()


def test_a_test_clip_is_the_middle_of_the_recording(store: SequenceStore) -> None:
    frames, first, last = windows(store, training=False, crop=(0.9, 0.9))
    is_several = frames > 1
    np.testing.assert_allclose((first + last)[is_several], (frames - 1)[is_several])
    np.testing.assert_allclose((last - first + 1)[is_several], 0.9 * frames[is_several])


def test_random_frames_are_drawn_in_training_and_evenly_spaced_otherwise(store: SequenceStore) -> None:
    reader = RecordingReader(store, 8)
    batches = replace(loader(store, batch_size=23, sampling="random_frames"), reader=reader)
    drawn = []
    for epoch in range(200):
        batches.batch(epoch, 0)
        order = reader.windows.recording_index.argsort()
        drawn.append(reader.windows.times[order])
    times, frames = np.stack(drawn), store.num_frames
    assert (np.diff(times, axis=2) >= 0).all()
    assert (times == times.round()).all()
    assert (times <= (frames - 1)[:, None]).all()
    longest = int(frames.argmax())
    counts = np.bincount(times[:, longest].astype(int).ravel(), minlength=frames[longest])
    assert counts.min() > 0.4 * counts.mean()
    replace(batches, training=False).batch(0, 0)
    expected = evenly_spaced_frames(frames, 8)
    assert np.array_equal(reader.windows.times, expected)


def test_the_transform_is_applied_to_every_batch(store: SequenceStore) -> None:
    plain = list(loader(store).epoch())
    doubled = list(loader(store, transform=lambda batch: batch.with_positions(batch.positions * 2)).epoch())
    assert all(torch.equal(a.positions * 2, b.positions) for a, b in zip(plain, doubled, strict=True))


# Prefetching by a thread.


def numbers(stop: int, fail_at: int = -1) -> Iterator[Any]:
    for number in range(stop):
        if number == fail_at:
            raise KeyError(f"number {number}")
        yield number


@pytest.mark.parametrize("prefetch", [1, 3, 100])
def test_prefetch_keeps_the_order(prefetch: int) -> None:
    assert list(prefetch_batches(numbers(20), prefetch)) == list(range(20))


def test_prefetch_raises_an_error_after_the_batches_before_it() -> None:
    got = []
    with pytest.raises(KeyError, match="number 5"):
        got.extend([got.append(number) for number in prefetch_batches(numbers(9, fail_at=5), 2)])  # type: ignore[func-returns-value]
    assert got == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("taken", [1, 4])
def test_prefetch_stops_when_the_consumer_does(taken: int) -> None:
    produced: list[int] = []

    def endless() -> Iterator[Any]:
        while True:
            produced.append(len(produced))
            yield produced[-1]

    before = threading.active_count()
    batches = prefetch_batches(endless(), 2)
    for _ in range(taken):
        next(batches)
    assert threading.active_count() == before + 1
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(produced) <= taken + 4


def test_prefetch_makes_only_as_many_batches_as_requested() -> None:
    reached, gate = threading.Event(), threading.Event()
    produced: list[int] = []

    def counted() -> Iterator[Any]:
        for number in range(20):
            produced.append(number)
            if number == 3:
                reached.set()
            yield number
        gate.set()

    batches = prefetch_batches(counted(), 2)
    assert next(batches) == 0
    assert reached.wait(5)  # one consumed, two in the queue, one waiting to be put
    assert not gate.wait(0.05)
    assert len(produced) == 4
    assert list(batches) == list(range(1, 20))


def test_a_second_view_has_the_same_recordings_in_the_same_order_and_other_draws(store: SequenceStore) -> None:
    def noise(batch: Batch) -> Batch:
        return batch.with_positions(batch.positions + batch.rng("noise").uniform(1)[..., None, None, None])

    settings = {"batch_size": 4, "crop": (0.2, 0.9), "training": True, "seed": 3, "transform": noise}
    plain, views = loader(store, **settings), loader(store, **settings, num_views=2)
    for step in range(len(plain)):
        first = views.batch(1, step)
        assert torch.equal(first.positions, plain.batch(1, step).positions)
        second = first.second_view
        assert second is not None
        assert second.second_view is None
        assert torch.equal(second.recording, first.recording)
        assert torch.equal(second.label, first.label)
        assert (second.keys != first.keys).all()
        assert not torch.equal(second.positions, first.positions)
        assert torch.equal(second.positions, views.batch(1, step).second_view.positions)  # type: ignore[union-attr]
        rows = torch.tensor([True, *[False] * (len(first) - 1)])
        assert torch.equal(first.select(rows).second_view.positions, second.positions[:1])  # type: ignore[union-attr]


def test_clips_carry_the_number_of_their_recording(store: SequenceStore) -> None:
    index = np.arange(len(store))[::-1].copy()
    batch = loader(store, index=index, batch_size=len(store), training=False).batch(0, 0)
    assert batch.recording.tolist() == index.tolist()
    numbers = np.arange(len(store)) // 2
    batch = loader(store, index=index, batch_size=len(store), training=False, recording=numbers).batch(0, 0)
    assert batch.recording.tolist() == numbers[index].tolist()


TRANSFORMS: Any = {
    "transforms": tuple({"kind": kind} for kind in ("center", "face_forward", "smooth", "body_size")),
    "augment": tuple({"kind": kind} for kind in ("rotate", "scale", "mirror", "noise", "drop_joints")),
    "bridge_seconds": 0.2,
    "max_persons": 3,
}


def test_transforms_see_parts_of_a_batch_and_clips_do_not_depend_on_them(
    store: SequenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ClipConfig(frames=8, **TRANSFORMS)
    expected = config.loader(store, np.arange(23), batch_size=23, training=True).batch(1, 0)
    monkeypatch.setattr("skeletonmae.batches.clip_reader.BLOCK_BYTES", 8 * 20 * 3 * 4 * 4)  # four tracks
    loader = config.loader(store, np.arange(23), batch_size=23, training=True)
    sizes: list[int] = []

    def counted(batch: Batch) -> Batch:
        sizes.append(len(batch))
        return config.apply_transforms(batch, training=True)

    batch = replace(loader, transform=counted).batch(1, 0)
    assert len(sizes) > 5
    assert sum(sizes) == 23
    assert_equal(batch, expected)
    elsewhere = replace(loader, transform=counted, device=torch.device("cpu", 0)).batch(1, 0)
    assert sizes[-1] == 23  # moved first, and then transformed at once
    assert_equal(elsewhere, expected)


def assert_equal(batch: Batch, expected: Batch) -> None:
    for name in ("label", "keys", "recording"):
        assert torch.equal(getattr(batch, name), getattr(expected, name))
    for name in ("positions", "observed", "bridged", "clip_index", "person_index"):
        torch.testing.assert_close(getattr(batch.tracks, name), getattr(expected.tracks, name), atol=1e-6, rtol=0)
    assert batch.tracks.num_persons == expected.tracks.num_persons


def test_absent_persons_are_not_in_the_tracks_of_a_batch(tmp_path: Path, make_store: Make) -> None:
    observed = np.ones((2, 40, 20), dtype=bool)
    observed[1, 10:] = False  # gone before the clip begins
    recordings = [
        SkeletonSequence.from_positions(np.ones((2, 40, 20, 3)), KINECT20, observed=flags)
        for flags in (observed, observed & (np.arange(2) < 1)[:, None, None])
    ]
    store = make_store(tmp_path / "s", recordings)
    batch = Loader(ClipReader(store, 4), store.labels, np.arange(2), 2, crop=(0.2, 0.2), prefetch=0).batch(0, 0)
    assert batch.tracks.clip_index.tolist() == [0, 1]
    assert batch.present.tolist() == [[True, False], [True, False]]
    assert batch.positions.shape[:2] == (2, 2)
