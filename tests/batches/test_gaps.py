"""Short gaps are interpolated between the observed frames before and after; a plain loop says what is right."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from skeletonmae.batches import ClipReader, SampledFrames, Windows
from skeletonmae.batches.gaps import bridge_gaps, distance_to_observed
from skeletonmae.sequences import SequenceStore, SkeletonSequence, join
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig

Make = Callable[..., Any]


class Clips(NamedTuple):
    """What a reader returns, padded to the same number of persons."""

    positions: torch.Tensor
    observed: torch.Tensor
    bridged: torch.Tensor


def read(reader: ClipReader, windows: Any) -> Clips:
    tracks = reader(windows)
    return Clips(*(tracks.pad(getattr(tracks, name)) for name in Clips._fields))


RATES = (None, 30.0, 4.0, 1.0, math.nan)
LONGEST = (8, 7, 1, 0, 8)  # frames in 0.25 s, and 8 where the rate is unknown


def mixed(make_recording: Make, lost: float = 0.4, persons: int = 2) -> list[SkeletonSequence]:
    rates = [None if rate is None or math.isnan(rate) else rate for rate in RATES]
    return [make_recording(i, persons, 12 + 9 * i, lost=lost, fps=rates[i]) for i in range(5)]


def expected_cell(values: np.ndarray, observed: np.ndarray, time: float, longest: int) -> tuple[Any, bool]:
    """The position of one joint at a time, None if not observed, and whether it is bridged."""
    before = [frame for frame in range(len(values)) if observed[frame] and frame <= time]
    after = [frame for frame in range(len(values)) if observed[frame] and frame >= time]
    if not before or not after:
        return None, False
    first, last = before[-1], after[0]
    missing = max(last - first - 1, 0)
    if missing > longest:
        return None, False
    share = (time - first) / (last - first) if last > first else 0.0
    return values[first] * (1 - share) + values[last] * share, missing > 0


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("by_segments", [False, True])
def test_it_equals_a_plain_loop(
    tmp_path: Path, make_recording: Make, make_store: Make, dtype: str, by_segments: bool
) -> None:
    recordings = mixed(make_recording)
    for name, part in (("a", recordings[:2]), ("b", recordings[2:])):
        make_store(tmp_path / name, part, dtype=dtype)
    join([tmp_path / "a", tmp_path / "b"], tmp_path / "s")
    store = SequenceStore.open(tmp_path / "s")
    index, num_frames = np.arange(5), store.num_frames.astype(np.float64)
    rng = np.random.default_rng(0)
    windows: Any = Windows(index, num_frames * 0.1, num_frames - 2)
    if by_segments:
        windows = SampledFrames(index, np.sort(rng.integers(0, num_frames[:, None], (5, 10)), 1).astype(float))
    clips = read(ClipReader(store, 10, bridge_seconds=0.25), windows)
    times = windows.frame_times(index, 10)
    num_bridged = 0
    for clip, recording in enumerate(recordings):
        persons = np.flatnonzero(recording.observed.any((1, 2)))
        values = recording.positions.astype(dtype).astype(np.float64)
        for row, person in enumerate(persons):
            for frame, time in enumerate(times[clip]):
                for joint in range(20):
                    expected, is_bridged = expected_cell(
                        values[person, :, joint], recording.observed[person, :, joint], time, LONGEST[clip]
                    )
                    assert clips.observed[clip, row, frame, joint] == (expected is not None)
                    assert clips.bridged[clip, row, frame, joint] == is_bridged
                    found = clips.positions[clip, row, frame, joint].numpy()
                    np.testing.assert_allclose(found, 0 if expected is None else expected, atol=1e-4)
                    num_bridged += is_bridged
    assert num_bridged > 100


def test_a_gap_of_exactly_the_longest_is_bridged_and_one_more_is_not(tmp_path: Path, make_store: Make) -> None:
    positions = np.broadcast_to(np.arange(30, dtype=np.float32)[None, :, None, None], (1, 30, 20, 3))
    observed = np.ones((1, 30, 20), dtype=bool)
    observed[0, 10:17, 0] = False  # 7 frames at 30 per second are less than 0.25 s
    observed[0, 10:18, 1] = False
    observed[0, :3, 2] = observed[0, 27:, 3] = False
    one = SkeletonSequence.from_positions(positions, KINECT20, observed=observed, fps=30.0)
    store = make_store(tmp_path / "s", [one])
    whole = Windows(np.array([0]), np.zeros(1), np.array([29.0]))
    clips = read(ClipReader(store, 30, bridge_seconds=0.25), whole)
    assert clips.bridged[0, 0, :, 0].nonzero().flatten().tolist() == list(range(10, 17))
    torch.testing.assert_close(clips.positions[0, 0, :, 0, 0], torch.arange(30.0))
    assert not clips.bridged[..., 1:].any()
    assert torch.equal(clips.observed[0, 0, :, 1:], torch.from_numpy(observed[0, :, 1:]))


@pytest.mark.parametrize("lost", [0.0, 0.4])
def test_0_bridges_nothing_and_where_nothing_is_missing_nothing_changes(
    tmp_path: Path, make_recording: Make, make_store: Make, lost: float
) -> None:
    recordings = mixed(make_recording, lost)
    store, index = make_store(tmp_path / "s", recordings), np.arange(5)
    whole = Windows(index, np.zeros(5), store.num_frames - 1.5)
    without = read(ClipReader(store, 16), whole)
    assert not without.bridged.any()
    bridged = read(ClipReader(store, 16, bridge_seconds=0.25), whole)
    if lost == 0:
        assert all(torch.equal(*arrays) for arrays in zip(without, bridged, strict=True))
    was_observed = without.observed
    assert torch.equal(was_observed, bridged.observed & ~bridged.bridged)
    assert torch.equal(without.positions[was_observed], bridged.positions[was_observed])
    assert bridged.bridged.any() == (lost > 0)


@pytest.mark.parametrize("sampling", ["crop", "segments"])
def test_clips_do_not_depend_on_the_batch_or_the_chunk(
    tmp_path: Path, make_recording: Make, make_store: Make, sampling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path / "s", mixed(make_recording))
    config = ClipConfig(frames=9, sampling=sampling, transforms=())
    together = config.loader(store, np.arange(5), batch_size=5).batch(0, 0)
    monkeypatch.setattr("skeletonmae.batches.clip_reader.BLOCK_BYTES", 1)
    assert together.bridged.any()
    assert not (together.bridged & ~together.observed).any()
    for row in range(5):
        alone = config.loader(store, np.array([row]), batch_size=1).batch(0, 0)
        for name in ("positions", "observed", "bridged"):
            assert torch.equal(getattr(alone, name)[0], getattr(together, name)[row, : alone.present.shape[1]])


def test_it_is_the_same_on_a_gpu(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    store = make_store(tmp_path / "s", mixed(make_recording))
    whole = Windows(np.arange(5), np.zeros(5), store.num_frames - 1.0)
    readers = (ClipReader(store, 16, device=name, bridge_seconds=0.25) for name in ("cpu", "cuda"))
    on_cpu, on_gpu = (read(reader, whole) for reader in readers)
    for expected, found in zip(on_cpu, on_gpu, strict=True):
        torch.testing.assert_close(found.cpu(), expected)


@pytest.mark.parametrize("limit", [1, 2, 9, 127, 128, 250, 300])
@pytest.mark.parametrize("num_rows", [0, 1, 200])
def test_distances_equal_a_search_row_by_row(limit: int, num_rows: int) -> None:
    observed = torch.rand(num_rows, 5, generator=torch.Generator().manual_seed(0)) < torch.tensor(
        [0, 0.02, 0.2, 0.9, 1]
    )
    before, after = distance_to_observed(observed, limit)
    for row in range(num_rows):
        for joint in range(5):
            seen = observed[:, joint].nonzero().flatten()
            back = [row - int(other) for other in seen if other <= row]
            ahead = [int(other) - row for other in seen if other >= row]
            assert before[row, joint] == min([limit, *back])
            assert after[row, joint] == min([limit, *ahead])


def test_values_for_every_joint_are_those_for_bridged_joints_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    observed = torch.rand(60, 7, generator=generator) < 0.6
    positions = torch.randn(60, 7, 3, generator=generator) * observed[..., None]
    row = torch.arange(60)
    limits = torch.where(row % 9 < 7, 3, 0), row % 30, 29 - row % 30  # two tracks of 30 rows
    found = []
    for dense in (False, True):
        arrays = positions.clone(), observed.clone()
        found.append((*arrays, bridge_gaps(*arrays, *limits, 3, dense=dense)))
    assert found[0][2].sum() > 20
    assert not (found[0][2] & observed).any()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("times", [[0.0, 40.5, 41.0, 90.25, 250.0, 299.0], [10.0, 10.0, 10.5, 11.0, 11.0, 200.75]])
def test_frames_far_apart_and_repeated_ones_see_only_the_rows_around_them(
    tmp_path: Path, make_recording: Make, make_store: Make, times: list[float]
) -> None:
    recording = make_recording(3, 1, 300, lost=0.6, fps=30.0)
    reader = ClipReader(make_store(tmp_path / "s", [recording]), 6, bridge_seconds=0.25)
    clips = read(reader, SampledFrames(np.array([0]), np.array([times])))
    for frame, time in enumerate(times):
        for joint in range(20):
            expected, is_bridged = expected_cell(
                recording.positions[0, :, joint], recording.observed[0, :, joint], time, 7
            )
            assert clips.observed[0, 0, frame, joint] == (expected is not None)
            assert clips.bridged[0, 0, frame, joint] == is_bridged
            found = clips.positions[0, 0, frame, joint].numpy()
            np.testing.assert_allclose(found, 0 if expected is None else expected, atol=1e-5)
    assert clips.bridged.any()
    assert not clips.observed.all()
