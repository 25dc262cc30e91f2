from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.sequences.merge import merge
from skeletonmae.skeletons import KINECT20


def clip(number: int, rng: np.random.Generator) -> SkeletonSequence:
    persons, frames = int(rng.integers(0, 3)), int(rng.integers(0, 6))
    observed = rng.random((persons, frames, 20)) < 0.7
    return SkeletonSequence.from_positions(
        rng.normal(size=(persons, frames, 20, 3)),
        KINECT20,
        observed=observed,
        name=f"clip {number} é",
        fps=None if number % 3 else 30.0,
        label=None if number % 4 == 0 else f"class {number % 5}",
        tags={"subject": str(number % 3)} | ({"camera": "x"} if number % 2 else {}),
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_merged_store_holds_what_was_kept(
    tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr("skeletonmae.sequences.merge.COPY_ROWS", 3)
    folder: Path = tmp_path_factory.mktemp("merge")
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    clips, sizes = [], data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    for number, size in enumerate(sizes):
        with StoreWriter(folder / f"part {number}", KINECT20, classes=("class 3",)) as store:
            for _ in range(size):
                clips.append(clip(len(clips), rng))
                store.add(clips[-1])
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(clips), max_size=len(clips))), dtype=bool)
    parts = SequenceStore.concat([SequenceStore.open(folder / f"part {number}") for number in range(len(sizes))])
    (folder / "merged").mkdir()
    merge(parts, folder / "merged", keep)
    merged = SequenceStore.open(folder / "merged")
    merged.verify()
    assert len(merged.shards) == 1
    assert merged.classes == parts.classes
    expected = [parts[int(place)] for place in np.flatnonzero(keep)]
    assert len(merged) == len(expected)
    for recording, expected_recording in zip(merged, expected, strict=True):
        assert (recording.name, recording.label, recording.fps, recording.tags) == (
            expected_recording.name,
            expected_recording.label,
            expected_recording.fps,
            expected_recording.tags,
        )
        np.testing.assert_array_equal(recording.positions, expected_recording.positions)
        np.testing.assert_array_equal(recording.observed, expected_recording.observed)
