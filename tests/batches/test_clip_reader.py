from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import ClipReader, Windows
from skeletonmae.sequences import SequenceStore, SkeletonSequence, join
from skeletonmae.skeletons import KINECT20

Make = Callable[..., Any]


def plain(
    recordings: list[SkeletonSequence], windows: Windows, frames: int, max_persons: int, dtype: str = "float32"
) -> tuple[np.ndarray, np.ndarray]:
    """The clips, one number at a time."""
    chosen = [recordings[i] for i in windows.recording_index]
    persons = [[p for p in range(r.num_persons) if r.observed[p].any()][:max_persons] for r in chosen]
    shape = (len(chosen), max([1, *map(len, persons)]), frames, chosen[0].skeleton.num_joints)
    positions, observed = np.zeros((*shape, chosen[0].positions.shape[3])), np.zeros(shape, dtype=bool)
    for clip, recording in enumerate(chosen):
        first, last = Fraction(float(windows.first[clip])), Fraction(float(windows.last[clip]))
        stored = recording.positions.astype(dtype).astype(np.float64)
        for place, person in enumerate(persons[clip]):
            for frame in range(frames):
                time = first + (last - first) * frame / (frames - 1) if frames > 1 else first
                before, after = int(np.floor(time)), int(np.ceil(time))
                for joint in range(shape[3]):
                    seen = recording.observed[person, [before, after], joint].all()
                    observed[clip, place, frame, joint] = seen
                    if seen:
                        for axis in range(positions.shape[-1]):
                            positions[clip, place, frame, joint, axis] = np.interp(
                                float(time), np.arange(recording.num_frames), stored[person, :, joint, axis]
                            )
    return positions, observed


def windows_of(recordings: list[SkeletonSequence], index: np.ndarray, rng: np.random.Generator) -> Windows:
    length = np.array([recordings[i].num_frames for i in index])
    ends = np.sort(rng.random((2, len(index))), axis=0) * (length - 1)
    ends[:, ::3] = np.stack([np.zeros_like(length), length - 1])[:, ::3]  # some clips are whole recordings
    return Windows(index, ends[0], ends[1])


def mixed(make_recording: Make, seed: int, num: int, **settings: Any) -> list[SkeletonSequence]:
    """Recordings of 1 to 30 frames and 0 to 3 persons, some of whom were never seen."""
    rng = np.random.default_rng(seed)
    return [
        make_recording(seed * 100 + i, int(rng.integers(0, 4)), int(rng.choice([1, 2, 7, 30])), **settings)
        for i in range(num)
    ]


def check(store: SequenceStore, recordings: list[SkeletonSequence], rng: np.random.Generator, **how: Any) -> None:
    dtype = how.pop("dtype", "float32")
    index = rng.integers(0, len(store), 14)
    windows = windows_of(recordings, index, rng)
    positions, observed = ClipReader(store, **how)(windows)
    expected, seen = plain(recordings, windows, how["num_frames"], how.get("max_persons", 2), dtype)
    np.testing.assert_array_equal(observed, seen)
    np.testing.assert_allclose(positions, expected, atol=2e-5)
    assert positions.dtype == torch.float32
    assert seen.any()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_it_equals_a_plain_loop(
    tmp_path: Path, make_recording: Make, make_store: Make, seed: int, dtype: str
) -> None:
    axes = 2 + seed % 2
    recordings = mixed(make_recording, seed, 8, axes=axes, lost=0.1)
    store = make_store(tmp_path / "s", recordings, axes=axes, dtype=dtype)
    rng = np.random.default_rng(seed)
    check(store, recordings, rng, num_frames=[1, 2, 13, 40][seed % 4], max_persons=1 + seed % 3, dtype=dtype)


def test_shards_mixed_in_one_batch_equal_a_single_store(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    recordings = mixed(make_recording, 9, 12)
    single = make_store(tmp_path / "single", recordings)
    cuts = [recordings[:1], recordings[1:7], recordings[7:]]
    paths = [tmp_path / f"part {number}" for number in range(3)]
    for path, some in zip(paths, cuts, strict=True):
        make_store(path, some)
    join(paths, tmp_path / "joined")
    rng = np.random.default_rng(0)
    windows = windows_of(recordings, rng.permutation(12), rng)
    for store in (
        SequenceStore.open(tmp_path / "joined"),
        SequenceStore.concat(list(map(SequenceStore.open, paths))),
    ):
        for one, other in zip(ClipReader(single, 9, 3)(windows), ClipReader(store, 9, 3)(windows), strict=True):
            assert torch.equal(one, other)
        check(store, recordings, rng, num_frames=9, max_persons=3)


@pytest.mark.parametrize("chunk_bytes", [1, 20_000])  # one track at a time; four or five
def test_clips_do_not_depend_on_the_chunk_size(
    tmp_path: Path, make_recording: Make, make_store: Make, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    recordings = mixed(make_recording, 5, 12, lost=0.1)
    store, rng = make_store(tmp_path / "s", recordings), np.random.default_rng(2)
    at_once = ClipReader(store, 17, 3)
    monkeypatch.setattr("skeletonmae.batches.clip_reader.CHUNK_BYTES", chunk_bytes)
    chunked = ClipReader(store, 17, 3)
    assert chunked.tracks_per_chunk < 6 < at_once.tracks_per_chunk
    windows = windows_of(recordings, rng.permutation(12), rng)
    for one, other in zip(at_once(windows), chunked(windows), strict=True):
        assert torch.equal(one, other)


def test_a_frame_that_is_met_needs_no_second_one(tmp_path: Path, make_store: Make) -> None:
    made = SkeletonSequence.from_positions(np.ones((1, 3, 20, 3)), KINECT20)
    store = make_store(tmp_path / "s", [made])
    poisoned = store.shards[0].arrays["positions"].copy()
    poisoned[1] = np.nan
    store.shards[0].arrays["positions"] = poisoned
    positions, _ = ClipReader(store, 2)(whole(3))
    assert (positions == 1).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_device_memory_gives_what_the_memory_map_gives(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    recordings = mixed(make_recording, 3, 6)
    store, rng = make_store(tmp_path / "s", recordings), np.random.default_rng(1)
    windows = windows_of(recordings, rng.permutation(6), rng)
    for one, other in zip(
        ClipReader(store, 8)(windows), ClipReader(store, 8, device="cuda")(windows), strict=True
    ):
        assert other.is_cuda
        torch.testing.assert_close(one, other.cpu())


def whole(frames: int) -> Windows:
    return Windows(np.array([0]), np.array([0.0]), np.array([frames - 1.0]))


def test_as_many_frames_as_were_recorded_are_the_recording(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    for frames in range(1, 65):
        made = make_recording(frames, 1, frames, lost=0.3)
        store = make_store(tmp_path / str(frames), [made])
        positions, observed = ClipReader(store, frames)(whole(frames))
        np.testing.assert_array_equal(observed[0], made.observed, err_msg=f"{frames} frames")
        np.testing.assert_allclose(positions[0], made.positions, atol=1e-6)


def test_every_recorded_frame_is_met_when_a_clip_is_stretched(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    made = make_recording(2, 1, 24, lost=0.3)
    store = make_store(tmp_path / "s", [made])
    for times in (2, 3, 5):
        positions, observed = ClipReader(store, 23 * times + 1)(whole(24))
        np.testing.assert_array_equal(observed[0, :, ::times], made.observed)
        np.testing.assert_allclose(positions[0, :, ::times], made.positions, atol=1e-5)


def test_one_frame_is_repeated(tmp_path: Path, make_store: Make) -> None:
    made = SkeletonSequence.from_positions(np.full((1, 20, 3), 3.0), KINECT20)
    positions, observed = ClipReader(make_store(tmp_path / "s", [made]), 8)(whole(1))
    assert observed.all()
    assert (positions == 3).all()


def test_nobody_and_nothing(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    store = make_store(tmp_path / "s", [make_recording(0, 2, 5, lost=1.0), make_recording(1, 0, 5)])
    both = Windows(np.array([0, 1]), np.zeros(2), np.full(2, 4.0))
    positions, observed = ClipReader(store, 6)(both)
    assert positions.shape == (2, 1, 6, 20, 3)
    assert not observed.any()
    assert not positions.any()
    none = Windows(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    assert ClipReader(store, 6)(none)[0].shape == (0, 1, 6, 20, 3)


def test_what_was_not_observed_is_0_even_if_the_store_says_otherwise(tmp_path: Path, make_store: Make) -> None:
    observed = np.ones((1, 3, 20), dtype=bool)
    observed[0, 1, 4] = False
    made = SkeletonSequence.from_positions(np.ones((1, 3, 20, 3)), KINECT20, observed=observed)
    store = make_store(tmp_path / "s", [made])
    poisoned = store.shards[0].arrays["positions"].copy()
    poisoned[1, 4] = np.nan
    store.shards[0].arrays["positions"] = poisoned
    positions, seen = ClipReader(store, 3)(whole(3))
    assert not seen[0, 0, 1, 4]
    assert not positions[0, 0, 1, 4].any()
