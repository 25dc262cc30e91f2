"""ST-GCN, AGCN, MS-G3D, CrosSCLR: `train_data.npy` or `train_position.npy` with `train_label.pkl` beside it.

The array is (sample, channel, frame, joint, person), padded with zeros; the channels are x, y, z in meters (NTU
RGB+D), or x, y, score of an image (Kinetics-skeleton). The pickle is (names, indices of classes); a recording gets
its name from there, and the index as its label. CrosSCLR has an array of labels, `train_label.npy`, and no names.
Without names, recordings are numbered.
The tag `split` is `train`, `val` or `test`, by the name of the file. `padded_arrays` describes padding, axes and
what is unobserved. Arrays of bones or of motion (`train_data_bone.npy`) hold no positions and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.npy import ArrayHeader, iter_rows, read_array, read_header, sniff_header
from skeletonmae.formats.decoders.plain_pickle import read_pickle
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.padded_arrays import find_convention, padded_recording
from skeletonmae.limits import MAX_RECORDINGS, check_shape
from skeletonmae.sequences import SkeletonSequence

DATA_NAME = re.compile(r"(?P<split>train|val|test)_(?!label)(?P<stream>\w+)\.npy")
DERIVED_STREAM = re.compile("bone|motion|velocity|acceleration")
EXPECTED = "(sample, channel, frame, joint, person) with 2 or 3 channels"
MAX_CLIP_PERSONS = 10
"""Persons for whom such an array has room; more mean that the last axis is another one."""


def label_file_names(data_name: str) -> tuple[str, ...]:
    """Names of the labels beside `train_data_joint.npy` or `train_position.npy`; none for other files."""
    match = DATA_NAME.fullmatch(data_name)
    return (f"{match['split']}_label.pkl", f"{match['split']}_label.npy") if match else ()


def _is_clips(header: ArrayHeader | None) -> bool:
    return (
        header is not None
        and len(header.shape) == 5
        and header.shape[1] in (2, 3)
        and header.shape[4] <= MAX_CLIP_PERSONS
        and header.row_bytes > 0
        and header.dtype.kind == "f"
    )


def _sniff(head: bytes) -> bool:
    return _is_clips(sniff_header(head))


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    match = DATA_NAME.fullmatch(file.path.name)
    if match and DERIVED_STREAM.search(match["stream"]):
        expected = f"{match['split']}_data_joint.npy"
        raise InputError("an array of bones or motion, not of positions", where=file.path, expected=expected)
    where = str(file.path)
    with file.open() as content:
        header = read_header(content, where, file.size)
        if not _is_clips(header):
            got = f"{header.dtype} {header.shape}"
            raise InputError("not the array of ST-GCN", where=where, expected=EXPECTED, got=got)
        samples, _, frames, joints, persons = header.shape
        check_shape(where, (persons, frames, joints))
        if samples > MAX_RECORDINGS:
            expected = f"at most {MAX_RECORDINGS:,}"
            raise InputError("too many samples", where=where, expected=expected, got=samples)
        convention = find_convention(map(_to_clip, iter_rows(content, header, where)))
    names, labels = _names_and_labels(file, samples)
    tags = {"split": match["split"]} if match else {}
    with file.open() as content:
        header = read_header(content, where, file.size)
        for index, row in enumerate(iter_rows(content, header, where)):
            try:
                yield padded_recording(
                    f"{where}, sample {index}",
                    _to_clip(row),
                    convention,
                    options,
                    name=names[index],
                    label=labels[index],
                    tags=tags,
                )
            except InputError as error:
                options.on_error(error)


def _to_clip(row: np.ndarray) -> np.ndarray:
    """(person, frame, joint, channel) of a sample."""
    return row.transpose(3, 1, 2, 0)


def _names_and_labels(file: InputFile, count: int) -> tuple[list[str], list[str | None]]:
    """Name and label of each sample, from the pickle or the array of labels beside the array of clips."""
    numbered = [f"{file.path.stem}/{index:06d}" for index in range(count)]
    if file.sidecar is None:
        return numbered, [None] * count
    where = str(file.sidecar.path)
    if file.sidecar.path.suffix == ".npy":
        return numbered, _label_array(file.sidecar, count)
    with file.sidecar.open() as content:
        pairs = read_pickle(content, where)
    if not isinstance(pairs, tuple | list) or len(pairs) < 2:
        raise InputError("not the labels of ST-GCN", where=where, expected="(names, labels)")
    names, labels = (list(part) if isinstance(part, list | tuple | np.ndarray) else [] for part in pairs[:2])
    if len(names) != count or len(labels) != count:
        expected = f"{count} of each, as {file.path.name} has samples"
        got = f"{len(names)} names and {len(labels)} labels"
        raise InputError("wrong number of labels", where=where, expected=expected, got=got)
    if not all(isinstance(name, str) for name in names):
        raise InputError("a name is not text", where=where)
    if not all(isinstance(label, int | str | np.integer) for label in labels):
        raise InputError("a label is not a number or text", where=where)
    return [PurePath(name).stem or name for name in names], [str(label) for label in labels]


def _label_array(file: InputFile, count: int) -> list[str | None]:
    """Labels of CrosSCLR: whole numbers `(sample,)` or `(sample, 1)`."""
    where = str(file.path)
    with file.open() as content:
        values = read_array(content, read_header(content, where, file.size), where)
    if values.shape not in ((count,), (count, 1)) or values.dtype.kind not in "iu":
        got = f"{values.dtype} {values.shape}"
        raise InputError(
            "the labels do not match the samples", where=where, expected=f"{count} whole numbers", got=got
        )
    return [str(label) for label in values.reshape(-1).tolist()]


STGCN_NPY = Format(
    "stgcn_npy",
    "ST-GCN, AGCN and MS-G3D: train_data.npy with train_label.pkl beside it",
    (".npy",),
    _sniff,
    _parse,
    sidecar_name=label_file_names,
)
