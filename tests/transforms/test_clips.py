from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from skeletonmae.batches.loader import epoch_order
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.corruption import Noise
from skeletonmae.transforms.geometry import Center, Mirror

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop": (0.8, 0.5)}, "increasing order"),
        ({"crop": (0.0, 0.5)}, "above 0"),
        ({"crop": (0.5, 1.5)}, "at most 1"),
        ({"test_crop": 0}, "test_crop"),
        ({"frames": 0}, "frames"),
        ({"stream": "bones"}, "stream"),
        ({"sampling": "segment"}, "sampling"),
        ({"transforms": [{"kind": "centre"}]}, "centre"),
        ({"transforms": [{"kind": "scale", "lo": 1}]}, "lo"),
        ({"hop": 3}, "hop"),
    ],
)
def test_an_invalid_setting_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClipConfig.model_validate(change)


def test_settings_survive_json() -> None:
    config = ClipConfig(stream="bone", augment=(Noise(sigma=0.2), Mirror()))
    assert ClipConfig.model_validate_json(config.model_dump_json()) == config


def test_transforms_are_followed_by_augmentation_and_then_the_stream(make_batch: Make) -> None:
    batch = make_batch()
    config = ClipConfig(stream="bone", transforms=(Center(), Mirror(probability=1.0)), augment=(Noise(sigma=1.0),))
    plain = ClipConfig(transforms=()).apply_transforms(Mirror(probability=1.0)(Center()(batch)))
    parent = torch.as_tensor(batch.skeleton.parent_index)
    bones = plain.positions - plain.positions[..., parent, :]
    found = config.apply_transforms(batch)
    torch.testing.assert_close(found.positions, bones * found.observed[..., None])
    noisy = config.apply_transforms(batch, training=True)
    assert (noisy.positions - found.positions).abs().max() > 0.5


def test_the_loader_crops_and_augments_in_training_only(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    store = make_store(tmp_path / "s", [make_recording(i, 1, 30, lost=0.0, label="abac"[i]) for i in range(4)])
    config = ClipConfig(frames=8, transforms=(), augment=(Noise(sigma=5.0),))
    index = np.array([3, 1])
    test = list(config.loader(store, index, batch_size=2).epoch())
    assert len(test) == 1
    assert test[0].positions.shape == (2, 1, 8, 20, 3)
    assert test[0].label.tolist() == [2, 1]
    again = config.loader(store, index, batch_size=2, seed=5).batch(3, 0)
    assert torch.equal(again.positions, test[0].positions)
    first, second = (config.loader(store, index, batch_size=2, training=True).batch(e, 0) for e in (0, 1))
    assert first.positions[first.observed].std() > 3
    assert sorted(first.label.tolist()) == [1, 2]
    assert not torch.equal(first.positions, second.positions)


@pytest.mark.parametrize(("share", "first", "last"), [(1.0, 0.0, 29.0), (0.5, 7.5, 21.5)])
def test_outside_training_the_middle_part_of_test_crop_is_taken(
    tmp_path: Path, make_store: Make, share: float, first: float, last: float
) -> None:
    moving = np.broadcast_to(np.arange(30.0)[:, None, None], (30, 20, 3))  # each position is its frame's index
    store = make_store(tmp_path / "s", [SkeletonSequence.from_positions(moving, KINECT20, name="a")])
    config = ClipConfig(frames=8, crop=(0.5, 0.5), test_crop=share, transforms=())
    batch = config.loader(store, np.arange(1), batch_size=1).batch(0, 0)
    assert batch.positions[0, 0, :, 0, 0].tolist() == pytest.approx(np.linspace(first, last, 8), abs=1e-4)


def counting(path: Path, make_store: Make, *frames: int) -> Any:
    """A store of recordings with the given numbers of frames, in which each position is its frame's index."""
    numbers = (np.broadcast_to(np.arange(num * 1.0)[:, None, None], (num, 20, 3)) for num in frames)
    return make_store(path, [SkeletonSequence.from_positions(n, KINECT20, name=f"{len(n)}") for n in numbers])


def test_outside_training_the_middle_frame_of_each_segment_is_taken(tmp_path: Path, make_store: Make) -> None:
    store = counting(tmp_path / "s", make_store, 12, 4, 6, 2, 1)
    batch = ClipConfig(frames=4, sampling="segments", transforms=()).loader(store, np.arange(5), batch_size=5)
    # Of segments of 3, 1, 1.5, 0.5 and 0.25 frames: where (number + 0.5) * length falls.
    expected = [[1, 4, 7, 10], [0, 1, 2, 3], [0, 2, 3, 5], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert batch.batch(0, 0).positions[:, 0, :, 0, 0].tolist() == expected


def test_in_training_each_segment_gives_any_of_its_frames(tmp_path: Path, make_store: Make) -> None:
    store = counting(tmp_path / "s", make_store, 12, 9, 4)
    config = ClipConfig(frames=4, sampling="segments", transforms=())
    loader = config.loader(store, np.arange(3), batch_size=3, training=True)
    drawn = {12: set[Any](), 9: set[Any](), 4: set[Any]()}
    count = np.zeros((4, 12))
    for epoch in range(300):
        batch = loader.batch(epoch, 0)
        for row, clip in enumerate(batch.positions[:, 0, :, 0, 0].tolist()):
            drawn[int(store.num_frames[epoch_order(0, epoch, 3)[row]])].update(enumerate(map(int, clip)))
            if clip[0] != clip[0] // 1 or len(clip) != 4:
                raise AssertionError("a frame between two")
            if store.num_frames[epoch_order(0, epoch, 3)[row]] == 12:
                count[range(4), [int(number) for number in clip]] += 1
    assert drawn[12] == {(number // 3, number) for number in range(12)}
    # Segments of 2.25 frames: frame 2 belongs to the first two, frame 4 to the second and third, frame 6 to the last.
    pairs = {0: (0, 1, 2), 1: (2, 3, 4), 2: (4, 5, 6), 3: (6, 7, 8)}
    assert drawn[9] == {(segment, number) for segment, numbers in pairs.items() for number in numbers}
    assert drawn[4] == {(number, number) for number in range(4)}
    assert np.abs(count[count > 0] - 100).max() < 40  # evenly: 5 standard deviations


def test_segments_do_not_depend_on_the_batch_and_read_only_their_recording(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    store = make_store(tmp_path / "s", [make_recording(i, 2, 30, lost=0.1) for i in range(6)])
    config = ClipConfig(frames=8, sampling="segments", bridge_seconds=0, transforms=())
    all_clips = config.loader(store, np.arange(6), batch_size=6, training=True).batch(2, 0)
    order = epoch_order(0, 2, 6).tolist()
    halves = config.loader(store, np.arange(6), batch_size=6, training=True, world_size=2, rank=1).batch(2, 0)
    assert torch.equal(halves.positions[:, 0], all_clips.positions[1::2, 0])
    for row, place in enumerate(order):
        stored = {tuple(frame) for frame in store[place].positions[0].astype(np.float32).reshape(30, -1).tolist()}
        assert {tuple(frame) for frame in all_clips.positions[row, 0].flatten(1).tolist()} <= stored


def test_only_the_first_persons_are_used(tmp_path: Path, make_store: Make) -> None:
    three = np.broadcast_to(np.arange(1.0, 4)[:, None, None, None], (3, 4, 20, 3))  # says the number of the person
    store = make_store(tmp_path / "s", [SkeletonSequence.from_positions(three, KINECT20, name="a")])
    for num in (1, 2, 3, 4):
        config = ClipConfig(frames=4, max_persons=num, transforms=())
        batch = config.loader(store, np.arange(1), batch_size=1).batch(0, 0)
        assert batch.positions[0, :, 0, 0, 0].tolist() == pytest.approx([1, 2, 3][:num])


def test_a_clip_may_be_longer_than_every_recording(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    store = make_store(tmp_path / "s", [make_recording(0, 1, 5, lost=0.0), make_recording(1, 1, 3000, lost=0.0)])
    batch = ClipConfig(frames=8).loader(store, np.arange(2), batch_size=2).batch(0, 0)
    assert batch.positions.shape == (2, 1, 8, 20, 3)
    assert batch.positions.isfinite().all()
    assert batch.observed[1].any()
