"""Recordings that were cut into their frames: many recordings of one frame in the same folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

MIN_RECORDINGS = 3
"""Fewer recordings of one frame in a folder are damaged recordings rather than the frames of one."""
MIN_SHARE = 0.5
"""Above this share of the recordings of a folder, those of one frame are the frames of recordings."""
MAX_EXAMPLES = 3


def scattered_frames(names: Sequence[str], num_frames: Iterable[int]) -> dict[str, list[int]]:
    """Find folders whose recordings are the single frames of something.

    Args:
        names: Names of all recordings, which begin with their folder.
        num_frames: Number of frames of each.

    Returns:
        Folder -> indices of its recordings of one frame, for folders where more than half of the recordings, and
        at least three, have one frame. Folders of one recording each whose names differ only in their digits
        count as one, with `#` for the digits: `walk/frame_#`.
    """
    counts = list(num_frames)
    folders: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        folders[name.rpartition("/")[0]].append(index)
    groups = {folder: indices for folder, indices in folders.items() if len(indices) > 1}
    numbered: dict[str, list[int]] = defaultdict(list)
    for folder, indices in folders.items():
        if len(indices) == 1:
            numbered[re.sub(r"\d+", "#", folder)].extend(indices)
    scattered: dict[str, list[int]] = {}
    for group in (groups, numbered):
        for folder, indices in group.items():
            single = [index for index in indices if counts[index] == 1]
            if len(single) >= MIN_RECORDINGS and len(single) > MIN_SHARE * len(indices):
                scattered[folder] = single
    return scattered


def describe_scattered(folder: str, names: Sequence[str]) -> str:
    """Say what is wrong with recordings of one frame, and what to do.

    Args:
        folder: Their folder, from `scattered_frames`.
        names: Their names.
    """
    place = f"the folder {folder!r}" if folder else "one folder"
    examples = ", ".join(map(repr, names[:MAX_EXAMPLES])) + (", ..." if len(names) > MAX_EXAMPLES else "")
    return (
        f"one of {len(names)} recordings of a single frame in {place} ({examples}), which are probably the frames "
        "of one recording; put all frames of a recording in one file (in a table: one `recording`, and a column "
        "`frame`), or, if they are files of OpenPose or MediaPipe, in one folder with the number of the frame in "
        "their names"
    )
