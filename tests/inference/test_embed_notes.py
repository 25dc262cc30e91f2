"""What `embed` says of recordings whose features should not be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skeletonmae.inference import SkeletonEncoder
from skeletonmae.skeletons import COCO17


def test_2d_and_3d_recordings_in_one_table_are_counted(
    make_recording: Any, make_store: Any, tmp_path: Path
) -> None:
    """In recordings and in stores; of one kind, nothing is said."""
    encoder = SkeletonEncoder.from_pretrained("small")
    flat = [
        make_recording(number, 1, 9, COCO17, axes=2, unit="px", fps=30.0, name=f"f{number}") for number in range(3)
    ]
    deep = [make_recording(number, 1, 9, fps=30.0, name=f"d{number}") for number in range(2)]
    start = "the features of one motion in 2D and in 3D differ, so compare and classify each kind by itself"
    assert f"3 recordings are 2D and 2 3D; {start}" in encoder.embed([*flat, *deep]).notes
    store = make_store(tmp_path / "flat", flat[:1], axes=2, unit="px")
    assert f"1 recording is 2D and 2 3D; {start}" in encoder.embed([store, *deep]).notes
    for one_kind in (flat, deep):
        assert not any("2D" in note for note in encoder.embed(one_kind).notes)
