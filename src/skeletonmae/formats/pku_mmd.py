"""PKU-MMD text: a line a frame, two bodies of 25 joints of x, y, z; ntu25, metres, 30 frames a second.

Liu et al., PKU-MMD, 2017 (its README). Kinect v2: axes and joints are those of NTU RGB+D. A body that is not there
is all zeros, and (0, 0, 0), the place of the camera itself, is a joint that was not observed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.formats.decoders.text_numbers import is_number, number_rows
from skeletonmae.formats.files import HEAD_BYTES, InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

BODIES = 2
WIDTH = BODIES * 25 * 3


def _sniff(head: bytes) -> bool:
    line, end, _ = head.decode("utf-8-sig", "replace").partition("\n")
    cells, whole = line.split(), bool(end) or len(head) < HEAD_BYTES
    enough = len(cells) == WIDTH if whole else 100 < len(cells) <= WIDTH
    return enough and all(is_number(cell) for cell in cells[: None if whole else -1])


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    values = number_rows(file.path, file.text(), WIDTH)
    positions = values.reshape(-1, BODIES, 25, 3).swapaxes(0, 1)
    observed = (positions != 0).any(-1)
    there = np.array(observed.any((1, 2)))
    there[0] = True
    yield SkeletonSequence.from_positions(
        positions[there], NTU25, observed=observed[there], name=file.path.stem, fps=30.0
    )


PKU_MMD = Format(
    "pku_mmd", "PKU-MMD text: 25 joints in 3D, two persons, one long recording a file", (".txt",), _sniff, _parse
)
