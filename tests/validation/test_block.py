"""What is measured on hundreds of recordings at once is compared with plain loops over each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20
from skeletonmae.validation.block import RecordingBlock, iter_blocks

Make = Callable[..., SkeletonSequence]


@pytest.fixture
def some(make_recording: Make) -> list[SkeletonSequence]:
    """Persons who come late, go early, or are never there; recordings without anybody and without a frame."""
    made = [make_recording(seed, persons=seed % 3 + 1, frames=5 + seed) for seed in range(8)]
    empty = SkeletonSequence.from_positions(np.zeros((1, 4, 20, 3)), KINECT20, observed=np.zeros((1, 4, 20), bool))
    return [*made, empty, replace(empty, positions=empty.positions[:, :0], observed=empty.observed[:, :0])]


def tracks(recordings: list[SkeletonSequence]) -> list[tuple[int, int, int, np.ndarray, np.ndarray]]:
    """(recording, person, first frame, positions, flags) from the first to the last observed frame."""
    out = []
    for place, one in enumerate(recordings):
        for person in range(one.num_persons):
            frames = [frame for frame in range(one.num_frames) if one.observed[person, frame].any()]
            if frames:
                span = slice(frames[0], frames[-1] + 1)
                out.append((place, person, frames[0], one.positions[person, span], one.observed[person, span]))
    return out


def test_a_block_holds_the_tracks_end_to_end(some: list[SkeletonSequence]) -> None:
    block, expected = RecordingBlock.from_recordings(some), tracks(some)
    assert len(block.track_starts) == len(expected)
    for number, (place, person, since, positions, observed) in enumerate(expected):
        assert (block.recording_index[number], block.person_index[number], block.start_frame[number]) == (
            place,
            person,
            since,
        )
        np.testing.assert_array_equal(block.positions[block.track_rows(number)], positions)
        np.testing.assert_array_equal(block.observed[block.track_rows(number)], observed)
        assert (block.track_index[block.track_rows(number)] == number).all()


def test_steps_sizes_and_bones_are_those_of_plain_loops(some: list[SkeletonSequence]) -> None:
    block = RecordingBlock.from_recordings(some)
    mean, spread = block.bones
    for number, (_, _, _, positions, observed) in enumerate(tracks(some)):
        step = block.displacement[block.track_rows(number)]
        squares: list[float] = []
        for frame, joint in np.ndindex(*observed.shape):
            both = frame + 1 < len(observed) and observed[frame, joint] and observed[frame + 1, joint]
            far = np.linalg.norm(positions[frame + 1, joint] - positions[frame, joint]) if both else 0.0
            assert step[frame, joint] == pytest.approx(far, rel=1e-5)
        for frame, seen in zip(positions, observed, strict=True):
            squares += [float(((joint - frame[seen].mean(0)) ** 2).sum()) for joint in frame[seen]]
        assert block.body_size[number] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-5)
        for bone, (joint, parent) in enumerate(KINECT20.bones):
            a, b = KINECT20.index[joint], KINECT20.index[parent]
            there = observed[:, a] & observed[:, b]
            lengths = np.linalg.norm(positions[there, a] - positions[there, b], axis=-1)
            expected = (lengths.mean(), lengths.std()) if len(lengths) else (np.nan, np.nan)
            np.testing.assert_allclose((mean[number, bone], spread[number, bone]), expected, rtol=1e-4, atol=1e-6)


def test_blocks_break_where_the_layout_axes_or_unit_change(make_recording: Make) -> None:
    kinds: list[dict[str, Any]] = [{}, {}, {"skeleton": COCO17}, {"axes": 2}, {"axes": 2, "unit": "px"}, {}]
    made = [make_recording(seed, **kind) for seed, kind in enumerate(kinds)]
    found = list(iter_blocks(made))
    assert [len(block.recordings) for block in found] == [2, 1, 1, 1, 1]
    assert [block.first_index for block in found] == [0, 2, 3, 4, 5]


def test_blocks_are_bounded_and_come_before_the_stream_ends(make_recording: Make) -> None:
    taken = 0

    def stream() -> Any:
        nonlocal taken
        for seed in range(1000):
            taken += 1
            yield make_recording(seed, frames=10)

    first = next(iter_blocks(stream(), num_rows=50))
    assert len(first.recordings) == taken - 1 < 10


def test_a_recording_without_a_name_is_called_by_its_number(make_recording: Make) -> None:
    made = [make_recording(0, name=""), make_recording(1, name="mine")]
    assert [RecordingBlock.from_recordings(made, first_index=6).recording_name(place) for place in (0, 1)] == [
        "number 6",
        "mine",
    ]
