"""PYSKL and MMAction2 pickles: `{"split": {name: [frame_dir]}, "annotations": [...]}`, or a list of annotations.

An annotation has `frame_dir`, `label`, `keypoint` (person, frame, joint, 2 or 3), and in 2D `keypoint_score`
(person, frame, joint). The layout follows from the number of joints and axes. Nothing in the pickle is run. A
split `xsub_train` becomes the tag `xsub` with the value `train`, a split `train` the tag `split`. A joint is
unobserved where its score is 0 or, without scores, where it lies at the origin. Labels stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.plain_pickle import read_pickle
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, Skeleton

BY_JOINTS = {
    (17, 2): "coco17", (18, 2): "openpose18", (25, 2): "openpose25", (13, 2): "penn13", (33, 2): "mediapipe33",
    (25, 3): "ntu25", (20, 3): "kinect20", (15, 3): "sbu15", (17, 3): "h36m17", (24, 3): "smpl24",
}  # fmt: skip
GUESSED = ((17, 3), (25, 2))
"""Joints and axes that more than one layout in use has."""
SIDE = re.compile(
    r"(?:(?P<before>.*?)_?)(?P<side>train|val|test)(?:id|idation|ing)?_?(?P<after>\d*)", re.IGNORECASE
)
BOTH = "both"


def _sniff(head: bytes) -> bool:
    said = (b"annotations", b"frame_dir", b"keypoint", b"split")
    return (head[:1] == b"\x80" or head[:2] in (b"(d", b"(l")) and any(word in head for word in said)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    with file.open() as content:
        held = read_pickle(content, str(file.path))
    splits = held.get("split") or {} if isinstance(held, dict) else {}
    annotations = held.get("annotations") if isinstance(held, dict) else held
    if not isinstance(annotations, list | tuple) or not annotations or not isinstance(splits, dict):
        expected = "{'split': {...}, 'annotations': [...]}, or a list of annotations"
        raise InputError(
            "not the annotations of PYSKL", where=file.path, expected=expected, got=type(held).__name__
        )
    tags = _tags(file, splits)
    for number, annotation in enumerate(annotations):
        try:
            yield _recording(f"{file.path}, annotation {number}", annotation, tags, options.layout)
        except InputError as error:
            options.on_error(error)


def _tags(file: InputFile, splits: Mapping[object, object]) -> dict[str, dict[str, str]]:
    """Recording -> its tags: the side of each split that it is on; `both` if it is on two of them."""
    tags: dict[str, dict[str, str]] = {}
    for split, names in splits.items():
        listed = names if isinstance(names, list | tuple | set | np.ndarray) else [None]
        if not isinstance(split, str) or not all(isinstance(name, str) for name in listed):
            expected = "a name and a list of names of recordings"
            raise InputError("not a split", where=file.path, expected=expected, got=_short(split))
        match = SIDE.fullmatch(split)
        tag = (match["before"] or "split") + match["after"] if match else split
        tag, side = re.sub(r"[^\w .-]", "_", tag), match["side"].lower() if match else "yes"
        for name in map(str, listed):
            its = tags.setdefault(name, {})
            its[tag] = side if its.get(tag, side) == side else BOTH
    return tags


def _recording(
    where: str, annotation: object, tags: Mapping[str, dict[str, str]], layout: Skeleton | None
) -> SkeletonSequence:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("keypoint"), np.ndarray):
        raise InputError("not an annotation", where=where, expected="a dict with an array 'keypoint'")
    name = annotation.get("frame_dir", annotation.get("filename"))
    if not isinstance(name, str) or not name:
        raise InputError("it has no name", where=where, expected="'frame_dir', a text", got=_short(name))
    where, places = f"{where} ({name})", annotation["keypoint"]
    score = annotation.get("keypoint_score")
    if places.ndim == 4 and places.shape[0] == 3 and places.shape[3] != 3:
        scored = len(score) if isinstance(score, np.ndarray) and score.ndim else 3
        if places.shape[3] == 1 or scored != 3:  # axis, frame, joint, person: MMAction2's first form
            places = places.transpose(3, 1, 2, 0)
    if places.ndim != 4 or places.shape[3] not in (2, 3) or places.dtype.kind not in "fiu":
        expected = "numbers (person, frame, joint, 2 or 3)"
        raise InputError(
            "'keypoint' is wrong", where=where, expected=expected, got=f"{places.dtype} {places.shape}"
        )
    axes, frames = places.shape[3], annotation.get("total_frames", places.shape[1])
    if not isinstance(frames, int | np.integer) or not 0 <= frames <= places.shape[1]:
        expected = f"up to {places.shape[1]}"
        raise InputError("'total_frames' is wrong", where=where, expected=expected, got=_short(frames))
    joints = (places.shape[2], axes)
    if layout is None and joints not in BY_JOINTS:
        problem = f"no layout is known for {joints[0]} joints in {axes}D"
        raise InputError(problem, where=where, expected="a layout of your own")
    if axes == 3 or score is None:
        seen = (places != 0).any(-1)
    elif isinstance(score, np.ndarray) and score.shape == places.shape[:3] and score.dtype.kind in "fiu":
        seen = score > 0
    else:
        got = getattr(score, "shape", type(score).__name__)
        raise InputError("'keypoint_score' is wrong", where=where, expected=places.shape[:3], got=got)
    label = annotation.get("label")
    if not isinstance(label, str | int | np.integer | None):
        raise InputError("'label' is wrong", where=where, expected="a number or a text", got=_short(label))
    its = tags.get(name, {})
    notes = [f"on more than one side of the split {tag!r}, so on none" for tag in its if its[tag] == BOTH]
    if layout is None and joints in GUESSED:
        notes.append(f"{joints[0]} joints in {axes}D are taken for {BY_JOINTS[joints]}")
    return SkeletonSequence.from_positions(
        places[:, :frames],
        layout or LAYOUTS[BY_JOINTS[joints]],
        observed=seen[:, :frames],
        name=name,
        unit="m" if axes == 3 else "px",
        label=None if label is None else str(label),
        tags={tag: side for tag, side in its.items() if side != BOTH},
        notes=tuple(notes),
    )


def _short(value: object) -> str:
    """What is said of a value, which may be too deep to be written out."""
    return repr(value)[:80] if isinstance(value, str | int | float) else type(value).__name__


PYSKL = Format("pyskl", "PYSKL or MMAction2 pickle, 2D or 3D", (".pkl", ".pickle"), _sniff, _parse)
