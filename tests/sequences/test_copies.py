"""Exact copies in a store are found by their coordinates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.copies import number_recordings


def test_copies_have_the_number_of_the_first(tmp_path: Path, make_recording: Any, make_store: Any) -> None:
    first, second = make_recording(0, persons=2), make_recording(1)
    moved = second.positions.copy()
    moved[second.observed] += 0.25
    recordings = [
        first,
        second,
        replace(first, name="copy", label="other"),
        replace(second, positions=moved, name="moved"),
        replace(second, name="copy 2"),
    ]
    store = make_store(tmp_path / "store", recordings)
    assert number_recordings(store).tolist() == [0, 1, 0, 3, 1]
    both = SequenceStore.concat([store, make_store(tmp_path / "other", [replace(second, name="x")])])
    assert number_recordings(both).tolist() == [0, 1, 0, 3, 1, 1]
