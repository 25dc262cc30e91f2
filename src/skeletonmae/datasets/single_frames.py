"""Recordings that were cut into their frames: many recordings of one frame in the same folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MIN_RECORDINGS = 3
"""Fewer recordings of one frame in a folder are damaged recordings rather than the frames of one."""
MIN_SHARE = 0.5
"""Above this share of the recordings of a folder, those of one frame are the frames of recordings."""


def scattered_frames(names: Sequence[str], num_frames: Iterable[int]) -> dict[str, list[int]]:
    """Find folders whose recordings are the single frames of something.

    Args:
        names: Names of all recordings, which begin with their folder.
        num_frames: Number of frames of each.

    Returns:
        Folder -> indices of its recordings of one frame, for folders where more than half of the recordings, and
        at least three, have one frame.
    """
    folders: dict[str, list[int]] = {}
    single: dict[str, list[int]] = {}
    for index, (name, count) in enumerate(zip(names, num_frames, strict=True)):
        folder = name.rpartition("/")[0]
        folders.setdefault(folder, []).append(index)
        if count == 1:
            single.setdefault(folder, []).append(index)
    return {
        folder: indices
        for folder, indices in single.items()
        if len(indices) >= MIN_RECORDINGS and len(indices) > MIN_SHARE * len(folders[folder])
    }


def describe_scattered(folder: str, count: int) -> str:
    """Say what is wrong with `count` recordings of one frame in `folder`, and what to do."""
    place = f"the folder {folder!r}" if folder else "one folder"
    return (
        f"one of {count} recordings of a single frame in {place}, which are probably the frames of one recording; "
        "put all frames of a recording in one file (in a table: the same `recording`, and a column `frame`)"
    )
