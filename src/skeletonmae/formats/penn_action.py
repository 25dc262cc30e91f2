"""Penn Action labels: one MATLAB file per video, with x, y and visibility (frame, 13 joints), action and split.

Zhang, Zhu and Derpanis, ICCV 2013. Coordinates are pixels. An occluded joint with a position was annotated and is
observed; a joint in the top left corner of the image was not annotated. The tag `split` is `train` or `test`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.matlab5 import read_matlab, variable_names
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.limits import MAX_FRAMES
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import PENN13

VARIABLES = ("x", "y", "visibility", "action", "train")
CORNER_PIXELS = 5.0
"""A joint that was not annotated lies on the diagonal, this close to the top left corner."""
EXPECTED = "x, y and visibility (frames, 13), action (text) and train (1 or -1)"


def _sniff(head: bytes) -> bool:
    return head.startswith(b"MATLAB 5.0") and "action" in variable_names(head)


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    variables = read_matlab(file.content(), str(file.path), VARIABLES)
    x, y, visible, action, train = (variables.get(name) for name in VARIABLES)
    arrays = [a for a in (x, y, visible) if isinstance(a, np.ndarray) and a.ndim == 2 and a.shape[1] == 13]
    shapes = {array.shape for array in arrays}
    if len(arrays) < 3 or len(shapes) > 1 or len(arrays[0]) > MAX_FRAMES or not isinstance(action, str):
        got = {name: getattr(value, "shape", value) for name, value in variables.items()}
        raise InputError("not the labels of a video", where=file.path, expected=EXPECTED, got=got)
    side = np.ravel(train).tolist() if isinstance(train, np.ndarray) else []
    if side not in ([1], [-1]):
        raise InputError("'train' names no split", where=file.path, expected="1 (training) or -1 (test)", got=side)
    positions = np.stack(arrays[:2], axis=-1).astype(np.float64)
    yield SkeletonSequence.from_positions(
        positions,
        PENN13,
        observed=(arrays[2] > 0) | (positions > CORNER_PIXELS).any(-1) | (np.ptp(positions, axis=-1) != 0),
        name=file.path.stem,
        unit="px",
        label=action.replace("_", " "),
        tags={"split": "train" if side == [1] else "test"},
    )


PENN_ACTION = Format("penn_action", "Penn Action .mat: 13 joints in 2D", (".mat",), _sniff, _parse)
