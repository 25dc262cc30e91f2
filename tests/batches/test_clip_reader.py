from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from skeletonmae.batches import ClipReader, Windows
from skeletonmae.sequences import SequenceStore, SkeletonSequence, join
from skeletonmae.skeletons import KINECT20

Make = Callable[..., Any]


class Clips(NamedTuple):
    """What a reader returns, padded to the same number of persons."""

    positions: torch.Tensor
    observed: torch.Tensor
    bridged: torch.Tensor


def read(reader: ClipReader, windows: Any) -> Clips:
    tracks = reader(windows)
    return Clips(*(tracks.pad(getattr(tracks, name)) for name in Clips._fields))


def reference_clips(
    recordings: list[SkeletonSequence], windows: Windows, frames: int, max_persons: int, dtype: str = "float32"
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the clips one coordinate at a time, in exact arithmetic."""
    selected = [recordings[i] for i in windows.recording_index]
    persons = [[p for p in range(r.num_persons) if r.observed[p].any()][:max_persons] for r in selected]
    shape = (len(selected), max([1, *map(len, persons)]), frames, selected[0].skeleton.num_joints)
    positions, observed = np.zeros((*shape, selected[0].positions.shape[3])), np.zeros(shape, dtype=bool)
    for clip, recording in enumerate(selected):
        first, last = Fraction(float(windows.first[clip])), Fraction(float(windows.last[clip]))
        stored = recording.positions.astype(dtype).astype(np.float64)
        for row, person in enumerate(persons[clip]):
            for frame in range(frames):
                time = first + (last - first) * frame / (frames - 1) if frames > 1 else first
                before, after = int(np.floor(time)), int(np.ceil(time))
                for joint in range(shape[3]):
                    is_observed = recording.observed[person, [before, after], joint].all()
                    observed[clip, row, frame, joint] = is_observed
                    if is_observed:
                        for axis in range(positions.shape[-1]):
                            positions[clip, row, frame, joint, axis] = np.interp(
                                float(time), np.arange(recording.num_frames), stored[person, :, joint, axis]
                            )
    return positions, observed


def windows_of(recordings: list[SkeletonSequence], index: np.ndarray, rng: np.random.Generator) -> Windows:
    length = np.array([recordings[i].num_frames for i in index])
    ends = np.sort(rng.random((2, len(index))), axis=0) * (length - 1)
    ends[:, ::3] = np.stack([np.zeros_like(length), length - 1])[:, ::3]  # some clips cover the whole recording
    return Windows(index, ends[0], ends[1])


def mixed_recordings(make_recording: Make, seed: int, num: int, **settings: Any) -> list[SkeletonSequence]:
    """Recordings of 1 to 30 frames and 0 to 3 persons, some of whom are never observed."""
    rng = np.random.default_rng(seed)
    return [
        make_recording(seed * 100 + i, int(rng.integers(0, 4)), int(rng.choice([1, 2, 7, 30])), **settings)
        for i in range(num)
    ]


def check(
    store: SequenceStore, recordings: list[SkeletonSequence], rng: np.random.Generator, **settings: Any
) -> None:
    dtype = settings.pop("dtype", "float32")
    index = rng.integers(0, len(store), 14)
    windows = windows_of(recordings, index, rng)
    positions, observed, _ = read(ClipReader(store, **settings), windows)
    expected, expected_observed = reference_clips(
        recordings, windows, settings["num_frames"], settings.get("max_persons", 2), dtype
    )
    np.testing.assert_array_equal(observed, expected_observed)
    np.testing.assert_allclose(positions, expected, atol=2e-5)
    assert positions.dtype == torch.float32
    assert expected_observed.any()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_it_equals_a_plain_loop(
    tmp_path: Path, make_recording: Make, make_store: Make, seed: int, dtype: str
) -> None:
    axes = 2 + seed % 2
    recordings = mixed_recordings(make_recording, seed, 8, axes=axes, lost=0.1)
    store = make_store(tmp_path / "s", recordings, axes=axes, dtype=dtype)
    rng = np.random.default_rng(seed)
    check(store, recordings, rng, num_frames=[1, 2, 13, 40][seed % 4], max_persons=1 + seed % 3, dtype=dtype)


def test_shards_mixed_in_one_batch_equal_a_single_store(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    recordings = mixed_recordings(make_recording, 9, 12)
    single = make_store(tmp_path / "single", recordings)
    cuts = [recordings[:1], recordings[1:7], recordings[7:]]
    paths = [tmp_path / f"part {number}" for number in range(3)]
    for path, part in zip(paths, cuts, strict=True):
        make_store(path, part)
    join(paths, tmp_path / "joined")
    rng = np.random.default_rng(0)
    windows = windows_of(recordings, rng.permutation(12), rng)
    for store in (
        SequenceStore.open(tmp_path / "joined"),
        SequenceStore.concat(list(map(SequenceStore.open, paths))),
    ):
        for expected, got in zip(
            read(ClipReader(single, 9, 3), windows), read(ClipReader(store, 9, 3), windows), strict=True
        ):
            assert torch.equal(expected, got)
        check(store, recordings, rng, num_frames=9, max_persons=3)


@pytest.mark.parametrize("chunk_bytes", [1, 20_000])  # one track at a time; four or five
def test_clips_do_not_depend_on_the_chunk_size(
    tmp_path: Path, make_recording: Make, make_store: Make, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    recordings = mixed_recordings(make_recording, 5, 12, lost=0.1)
    store, rng = make_store(tmp_path / "s", recordings), np.random.default_rng(2)
    at_once = ClipReader(store, 17, 3)
    monkeypatch.setattr("skeletonmae.batches.clip_reader.BLOCK_BYTES", chunk_bytes)
    chunked = ClipReader(store, 17, 3)
    assert chunked.tracks_per_block < 6 < at_once.tracks_per_block
    windows = windows_of(recordings, rng.permutation(12), rng)
    for expected, got in zip(read(at_once, windows), read(chunked, windows), strict=True):
        assert torch.equal(expected, got)


def test_a_recorded_frame_is_read_alone(tmp_path: Path, make_store: Make) -> None:
    recording = SkeletonSequence.from_positions(np.ones((1, 3, 20, 3)), KINECT20)
    store = make_store(tmp_path / "s", [recording])
    poisoned = store.shards[0].arrays["positions"].copy()
    poisoned[1] = np.nan
    store.shards[0].arrays["positions"] = poisoned
    positions, *_ = read(ClipReader(store, 2), whole_recording(3))
    assert (positions == 1).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_device_memory_equals_the_memory_map(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    recordings = mixed_recordings(make_recording, 3, 6)
    store, rng = make_store(tmp_path / "s", recordings), np.random.default_rng(1)
    windows = windows_of(recordings, rng.permutation(6), rng)
    for expected, got in zip(
        read(ClipReader(store, 8), windows), read(ClipReader(store, 8, device="cuda"), windows), strict=True
    ):
        assert got.is_cuda
        torch.testing.assert_close(expected, got.cpu())


def whole_recording(frames: int) -> Windows:
    return Windows(np.array([0]), np.array([0.0]), np.array([frames - 1.0]))


def test_a_clip_of_the_recorded_length_equals_the_recording(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    for frames in range(1, 65):
        recording = make_recording(frames, 1, frames, lost=0.3)
        store = make_store(tmp_path / str(frames), [recording])
        positions, observed, _ = read(ClipReader(store, frames), whole_recording(frames))
        np.testing.assert_array_equal(observed[0], recording.observed, err_msg=f"{frames} frames")
        np.testing.assert_allclose(positions[0], recording.positions, atol=1e-6)


def test_a_stretched_clip_contains_every_recorded_frame(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    recording = make_recording(2, 1, 24, lost=0.3)
    store = make_store(tmp_path / "s", [recording])
    for stride in (2, 3, 5):
        positions, observed, _ = read(ClipReader(store, 23 * stride + 1), whole_recording(24))
        np.testing.assert_array_equal(observed[0, :, ::stride], recording.observed)
        np.testing.assert_allclose(positions[0, :, ::stride], recording.positions, atol=1e-5)


def test_a_single_frame_is_repeated(tmp_path: Path, make_store: Make) -> None:
    recording = SkeletonSequence.from_positions(np.full((1, 20, 3), 3.0), KINECT20)
    positions, observed, _ = read(ClipReader(make_store(tmp_path / "s", [recording]), 8), whole_recording(1))
    assert observed.all()
    assert (positions == 3).all()


def test_recordings_without_persons_and_no_recordings(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    store = make_store(tmp_path / "s", [make_recording(0, 2, 5, lost=1.0), make_recording(1, 0, 5)])
    both = Windows(np.array([0, 1]), np.zeros(2), np.full(2, 4.0))
    positions, observed, _ = read(ClipReader(store, 6), both)
    assert positions.shape == (2, 1, 6, 20, 3)
    assert not observed.any()
    assert not positions.any()
    none = Windows(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    assert read(ClipReader(store, 6), none)[0].shape == (0, 1, 6, 20, 3)


def test_unobserved_positions_are_0_even_if_the_store_holds_others(tmp_path: Path, make_store: Make) -> None:
    observed = np.ones((1, 3, 20), dtype=bool)
    observed[0, 1, 4] = False
    recording = SkeletonSequence.from_positions(np.ones((1, 3, 20, 3)), KINECT20, observed=observed)
    store = make_store(tmp_path / "s", [recording])
    poisoned = store.shards[0].arrays["positions"].copy()
    poisoned[1, 4] = np.nan
    store.shards[0].arrays["positions"] = poisoned
    positions, clip_observed, _ = read(ClipReader(store, 3), whole_recording(3))
    assert not clip_observed[0, 0, 1, 4]
    assert not positions[0, 0, 1, 4].any()


def test_a_person_is_not_observed_before_and_after_the_track(tmp_path: Path, make_store: Make) -> None:
    observed = np.ones((2, 9, 20), dtype=bool)
    observed[1, :3] = observed[1, 7:] = False
    recording = SkeletonSequence.from_positions(np.ones((2, 9, 20, 3)), KINECT20, observed=observed)
    store = make_store(tmp_path / "s", [recording])  # every joint that it holds is observed
    for bridge_seconds in (0.0, 0.25):
        clips = read(ClipReader(store, 9, bridge_seconds=bridge_seconds), whole_recording(9))
        np.testing.assert_array_equal(clips.observed[0], observed)
        np.testing.assert_array_equal(clips.positions[0], observed[..., None] * np.ones(3))
        assert not clips.bridged.any()
