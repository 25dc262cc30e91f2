"""PKU-MMD text: one line per frame, two bodies of 25 joints with x, y, z; ntu25, meters, 30 frames per second.

Liu et al., PKU-MMD, 2017 (its README). Kinect v2: axes and joints are those of NTU RGB+D. An absent body is all
zeros, and a joint at (0, 0, 0), the position of the camera itself, was not observed.
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
    cells, is_complete = line.split(), bool(end) or len(head) < HEAD_BYTES
    has_width = len(cells) == WIDTH if is_complete else 100 < len(cells) <= WIDTH
    return has_width and all(is_number(cell) for cell in cells[: None if is_complete else -1])


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    values = number_rows(file.path, file.text(), WIDTH)
    positions = values.reshape(-1, BODIES, 25, 3).swapaxes(0, 1)
    observed = (positions != 0).any(-1)
    is_present = np.array(observed.any((1, 2)))
    is_present[0] = True
    yield SkeletonSequence.from_positions(
        positions[is_present], NTU25, observed=observed[is_present], name=file.path.stem, fps=30.0
    )


PKU_MMD = Format(
    "pku_mmd", "PKU-MMD text: 25 joints in 3D, two persons, one long recording per file", (".txt",), _sniff, _parse
)
