"""CTR-GCN `.npz`: `x_train`, `y_train`, `x_test`, `y_test`, as many projects that build on it read them.

`x` is (sample, frame, persons x joints x axes), padded with zeros; `y` is one-hot, or the index of the class. For
NTU RGB+D that is 300 frames of 2 persons with 25 joints in meters, with Kinect's axes, and the spine of the first
person in the first frame is the origin. The tag `split` is `train`, `val` or `test`; a label is the index of the
class. The arrays of large sets exceed memory, so they are read one sample at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.npy import Npz, first_member, open_npz
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.padded_arrays import find_convention, padded_recording
from skeletonmae.limits import MAX_RECORDINGS, check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

SPLITS = ("train", "val", "test")
ARRAYS = {f"{letter}_{split}" for letter in "xy" for split in SPLITS}
SHAPES = {
    150: (2, 25, 3), 75: (1, 25, 3), 120: (2, 20, 3), 60: (1, 20, 3),
    102: (2, 17, 3), 51: (1, 17, 3), 68: (2, 17, 2), 34: (1, 17, 2), 108: (2, 18, 3), 54: (1, 18, 3),
}  # fmt: skip
"""Numbers of a frame -> (persons, joints, channels)."""
EXPECTED = "x (sample, frame, persons x joints x axes) and y (sample, class) for train and test"


def _sniff(head: bytes) -> bool:
    return first_member(head) in ARRAYS


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    with open_npz(file) as arrays:
        splits = [split for split in SPLITS if f"x_{split}" in arrays]
        if not splits:
            got = ", ".join(arrays.names[:20])
            raise InputError("not the arrays of CTR-GCN", where=file.path, expected=EXPECTED, got=got)
        shapes = {split: _clip_shape(file, arrays, split, options.layout) for split in splits}
        convention = find_convention(
            _to_clip(row, shapes[split]) for split in splits for row in arrays.rows(f"x_{split}")
        )
        for split in splits:
            labels = _labels(file, arrays, split)
            for index, row in enumerate(arrays.rows(f"x_{split}")):
                try:
                    yield padded_recording(
                        f"{file.path}, x_{split}, sample {index}",
                        _to_clip(row, shapes[split]),
                        convention,
                        options,
                        name=f"{file.path.stem}/{split}-{index:06d}",
                        label=labels[index],
                        tags={"split": split},
                    )
                except InputError as error:
                    options.on_error(error)


def _clip_shape(file: InputFile, arrays: Npz, split: str, layout: Skeleton | None) -> tuple[int, int, int]:
    """(persons, joints, channels) of the frames of one split."""
    where, header = f"{file.path}, x_{split}", arrays.header(f"x_{split}")
    shape = header.shape
    is_numbers = len(shape) == 3 and header.dtype.kind in "fiu" and header.row_bytes > 0
    if not is_numbers or shape[0] > MAX_RECORDINGS:
        raise InputError(
            "the array has the wrong shape", where=where, expected=EXPECTED, got=f"{header.dtype} {shape}"
        )
    choices = [SHAPES[shape[2]]] if shape[2] in SHAPES else []
    if layout:
        per_joint, rest = divmod(shape[2], layout.num_joints)
        channels = next((axes for axes in (3, 2) if per_joint and not rest and per_joint % axes == 0), 0)
        choices = [(per_joint // channels, layout.num_joints, channels)] if channels else []
    if not choices:
        known = " or ".join(map(str, SHAPES))
        expected = f"{known}, or a multiple of 2 or 3 values for each joint of a layout from --layout"
        raise InputError("wrong number of values per frame", where=where, expected=expected, got=shape[2])
    persons, joints, channels = choices[0]
    check_shape(where, (persons, shape[1], joints))
    return persons, joints, channels


def _to_clip(row: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """(person, frame, joint, channel) of a sample."""
    return row.reshape(len(row), *shape).swapaxes(0, 1)


def _labels(file: InputFile, arrays: Npz, split: str) -> list[str | None]:
    """The label of each sample of a split: one-hot rows or indices as text, None where there is none."""
    count, name = arrays.header(f"x_{split}").shape[0], f"y_{split}"
    if name not in arrays:
        return [None] * count
    values = arrays.array(name)
    if values.dtype.kind not in "biuf" or values.shape[:1] != (count,) or values.ndim not in (1, 2):
        expected = f"({count},) or ({count}, classes)"
        raise InputError(
            "the labels do not match the samples",
            where=f"{file.path}, {name}",
            expected=expected,
            got=values.shape,
        )
    if values.ndim == 1:
        return [str(int(value)) if np.isfinite(value) else None for value in values.tolist()]
    hot, index = np.count_nonzero(values, axis=1) == 1, values.argmax(axis=1) if values.shape[1] else None
    if index is None:
        return [None] * count
    return [
        str(class_index) if is_hot else None
        for class_index, is_hot in zip(index.tolist(), hot.tolist(), strict=True)
    ]


CTRGCN_NPZ = Format(
    "ctrgcn_npz", "CTR-GCN .npz: x_train, y_train, x_test, y_test of padded clips", (".npz",), _sniff, _parse
)
