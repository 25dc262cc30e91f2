from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import Loader, MixedLoader
from skeletonmae.batches.mixture import apportion, batch_order
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import KINECT20, PENN13
from skeletonmae.transforms import ClipConfig

Make = Callable[..., Any]
SIZES = (23, 9)


@pytest.fixture(scope="module")
def stores(
    make_store: Make, make_recording: Make, tmp_path_factory: pytest.TempPathFactory
) -> list[SequenceStore]:
    folder = tmp_path_factory.mktemp("stores")
    layouts = ({"skeleton": KINECT20}, {"skeleton": PENN13, "axes": 2, "unit": "px"})
    return [
        make_store(
            folder / str(number), [make_recording(i, 1, 6, lost=0.0, **layout) for i in range(size)], **unit
        )
        for number, (size, layout, unit) in enumerate(
            zip(SIZES, layouts, ({}, {"axes": 2, "unit": "px"}), strict=True)
        )
    ]


def mixture(stores: list[SequenceStore], shares: tuple[float, ...] = (1, 3), **settings: Any) -> MixedLoader:
    config = ClipConfig(frames=4, axes=3, transforms=())
    loaders: list[Loader] = [
        config.loader(store, np.arange(len(store)), batch_size=4, training=True, seed=7, **settings)
        for store in stores
    ]
    loaders[1] = replace(loaders[1], first_number=len(stores[0]))
    return MixedLoader(tuple(loaders), shares, seed=7)


def test_parts_of_a_whole_number_by_largest_remainders() -> None:
    assert apportion((1, 1), 4) == (2, 2)
    assert apportion((5.0, 3.0, 2.0), 10) == (5, 3, 2)
    assert apportion((2, 1), 4) == (3, 1)  # 2.67 and 1.33
    assert apportion((1000, 1, 1), 5) == (3, 1, 1)
    assert apportion((1, 1, 1), 3) == (1, 1, 1)
    rng = np.random.default_rng(0)
    for _ in range(50):
        shares = tuple(rng.random(rng.integers(1, 6)) + 1e-3)
        total = int(rng.integers(len(shares), 300))
        parts = apportion(shares, total)
        assert sum(parts) == total
        exact = np.array(shares) / sum(shares) * total
        assert all(part == 1 or abs(part - one) < len(shares) for part, one in zip(parts, exact, strict=True))


def test_the_batches_of_each_source_are_spread_evenly() -> None:
    counts = (50, 13, 1)
    for epoch in range(3):
        order = batch_order(3, epoch, counts)
        assert Counter(order.tolist()) == dict(enumerate(counts))
        for source, count in enumerate(counts):
            so_far = np.cumsum(order == source)
            expected = np.arange(1, 65) * count / 64
            assert np.abs(so_far - expected).max() < 2.5
    assert not np.array_equal(batch_order(3, 0, counts), batch_order(3, 1, counts))
    assert not np.array_equal(batch_order(3, 0, counts), batch_order(4, 0, counts))


def test_every_batch_comes_from_one_source_and_shares_are_kept(stores: list[SequenceStore]) -> None:
    loader = mixture(stores)
    assert len(loader) == 6 + 3
    assert loader.batches_per_epoch == (2, 7)
    batches = list(loader.epoch(0))
    assert Counter(batch.skeleton.name for batch in batches) == {"kinect20": 2, "penn13": 7}
    for batch in batches:
        assert batch.tracks.positions.shape[-1] == 3
        assert batch.tracks.has_depth.tolist() == [batch.skeleton.name == "kinect20"] * len(batch.tracks)


def test_a_source_shows_all_recordings_before_it_repeats_one(stores: list[SequenceStore]) -> None:
    loader = mixture(stores)
    seen: dict[str, list[int]] = {"kinect20": [], "penn13": []}
    for epoch in range(6):
        for batch in loader.epoch(epoch):
            seen[batch.skeleton.name] += batch.recording.tolist()
    assert Counter(seen["kinect20"]) == Counter(list(range(23)) * 2)  # 12 batches of 6 a pass
    assert Counter(seen["penn13"]) == Counter(list(range(9)) * 14)
    for first in range(0, len(seen["penn13"]), 9):
        assert sorted(seen["penn13"][first : first + 9]) == list(range(9))


def test_a_batch_is_a_function_of_seed_epoch_and_step(stores: list[SequenceStore]) -> None:
    expected = [batch.keys for epoch in range(3) for batch in mixture(stores).epoch(epoch)]
    again = mixture(stores)
    order = [(epoch, step) for epoch in range(3) for step in range(len(again))]
    for index in np.random.default_rng(0).permutation(len(order)).tolist():
        assert torch.equal(again.batch(*order[index]).keys, expected[index])
    resumed = [batch.keys for batch in again.epoch(1, start=4)]
    assert all(torch.equal(a, b) for a, b in zip(resumed, expected[13:18], strict=True))
    assert len({int(key) for keys in expected for key in keys}) == sum(map(len, expected))


def test_two_processes_divide_every_batch(stores: list[SequenceStore]) -> None:
    whole = mixture(stores)
    ranks = [mixture(stores, rank=rank, world_size=2) for rank in range(2)]
    for step in range(len(whole)):
        expected = whole.batch(2, step)
        parts = [loader.batch(2, step) for loader in ranks]
        for rank, part in enumerate(parts):
            assert torch.equal(part.keys, expected.keys[rank::2])
            torch.testing.assert_close(part.positions, expected.positions[rank::2], rtol=0, atol=0)


def test_more_sources_than_batches(stores: list[SequenceStore], tmp_path: Path) -> None:
    loader = ClipConfig(frames=4, axes=3, transforms=()).loader(stores[1], np.arange(9), batch_size=9)
    mixed = MixedLoader((loader,) * 3, (1.0, 100.0, 1.0))
    assert mixed.batches_per_epoch == (1, 1, 1)
    assert sorted(len(batch) for batch in mixed.epoch(5)) == [9, 9, 9]
