"""PYSKL and MMAction2 pickles: `{"split": {name: [frame_dir]}, "annotations": [...]}`, or a list of annotations.

An annotation has `frame_dir`, `label`, `keypoint` (person, frame, joint, 2 or 3), and in 2D `keypoint_score`
(person, frame, joint). The layout follows from the numbers of joints and axes. Nothing in the pickle is executed.
The split `xsub_train` becomes the tag `xsub` with the value `train`, and the split `train` the tag `split`. A
joint is unobserved where its score is 0 or, without scores, where it lies at the origin. Labels are kept as they
are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.plain_pickle import read_pickle
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.layout_by_shape import layout_of_array
from skeletonmae.limits import SPLIT_NAMES, check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

SPLIT_NAME = re.compile(
    r"(?:(?P<before>.*?)_?)(?P<side>train|val|test)(?:id|idation|ing)?_?(?P<after>\d*)", re.IGNORECASE
)
BOTH_SIDES = "both"
KEYS = (b"annotations", b"frame_dir", b"keypoint", b"split")


def _sniff(head: bytes) -> bool:
    is_pickle = head[:1] == b"\x80" or head[:2] in (b"(d", b"(l")
    return is_pickle and any(key in head for key in KEYS)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    with file.open() as stream:
        content = read_pickle(stream, str(file.path))
    splits = content.get("split") or {} if isinstance(content, dict) else {}
    annotations = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(annotations, list | tuple) or not annotations or not isinstance(splits, dict):
        expected = "{'split': {...}, 'annotations': [...]}, or a list of annotations"
        got = type(content).__name__
        raise InputError("not the annotations of PYSKL", where=file.path, expected=expected, got=got)
    tags = _tags(file, splits, len(annotations))
    for number, annotation in enumerate(annotations):
        try:
            yield _recording(f"{file.path}, annotation {number}", annotation, tags, options.layout)
        except InputError as error:
            options.on_error(error)


def _tags(file: InputFile, splits: Mapping[object, object], num_annotations: int) -> dict[str, dict[str, str]]:
    """Tags of each recording: its side of each split, or `BOTH_SIDES` if a split lists it on two sides."""
    tags: dict[str, dict[str, str]] = {}
    num_names, maximum = 0, SPLIT_NAMES.of(num_annotations)
    for split, names in splits.items():
        listed = names if isinstance(names, list | tuple | set | np.ndarray) else [None]
        num_names += len(listed)
        if num_names > maximum:
            expected = f"at most {maximum:,} names of {num_annotations:,} recordings"
            raise InputError("its splits list too many names", where=file.path, expected=expected)
        if not isinstance(split, str) or not all(isinstance(name, str) for name in listed):
            expected = "the name of a split with a list of names of recordings"
            raise InputError(
                "'split' has an invalid entry", where=file.path, expected=expected, got=_describe(split)
            )
        match = SPLIT_NAME.fullmatch(split)
        tag = (match["before"] or "split") + match["after"] if match else split
        tag, side = re.sub(r"[^\w .-]", "_", tag), match["side"].lower() if match else "yes"
        for name in map(str, listed):
            recording_tags = tags.setdefault(name, {})
            recording_tags[tag] = side if recording_tags.get(tag, side) == side else BOTH_SIDES
    return tags


def _recording(
    where: str, annotation: object, tags: Mapping[str, dict[str, str]], layout: Skeleton | None
) -> SkeletonSequence:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("keypoint"), np.ndarray):
        raise InputError("not an annotation", where=where, expected="a dict with an array 'keypoint'")
    name = annotation.get("frame_dir", annotation.get("filename"))
    if not isinstance(name, str) or not name:
        raise InputError("the annotation has no name", where=where, expected="'frame_dir'", got=_describe(name))
    where, score = f"{where} ({name})", annotation.get("keypoint_score")
    keypoints = _person_first(annotation["keypoint"], score)
    if keypoints.ndim != 4 or keypoints.shape[3] not in (2, 3) or keypoints.dtype.kind not in "fiu":
        expected, got = "numbers (person, frame, joint, 2 or 3)", f"{keypoints.dtype} {keypoints.shape}"
        raise InputError("'keypoint' has the wrong shape", where=where, expected=expected, got=got)
    check_shape(where, keypoints.shape[:3])
    num_axes, num_frames = keypoints.shape[3], annotation.get("total_frames", keypoints.shape[1])
    if not isinstance(num_frames, int | np.integer) or not 0 <= num_frames <= keypoints.shape[1]:
        expected = f"0 to {keypoints.shape[1]}"
        raise InputError(
            "'total_frames' does not match 'keypoint'", where=where, expected=expected, got=_describe(num_frames)
        )
    skeleton, notes = layout_of_array(where, keypoints.shape[2], num_axes, layout)
    label = annotation.get("label")
    if not isinstance(label, str | int | np.integer | None):
        raise InputError(
            "'label' has the wrong type", where=where, expected="a number or text", got=_describe(label)
        )
    recording_tags = tags.get(name, {})
    both = [tag for tag, side in recording_tags.items() if side == BOTH_SIDES]
    return SkeletonSequence.from_positions(
        keypoints[:, :num_frames],
        skeleton,
        observed=_observed(where, keypoints, score)[:, :num_frames],
        name=name,
        unit="m" if num_axes == 3 else "px",
        label=None if label is None else str(label),
        tags={tag: side for tag, side in recording_tags.items() if side != BOTH_SIDES},
        notes=(*(f"on more than one side of the split {tag!r}, so on none" for tag in both), *notes),
    )


def _person_first(keypoints: np.ndarray, score: object) -> np.ndarray:
    """The array with persons first; in MMAction2's first version they are last: (axis, frame, joint, person)."""
    if keypoints.ndim == 4 and keypoints.shape[0] == 3 and keypoints.shape[3] != 3:
        num_scored = len(score) if isinstance(score, np.ndarray) and score.ndim else 3
        if keypoints.shape[3] == 1 or num_scored != 3:
            return keypoints.transpose(3, 1, 2, 0)
    return keypoints


def _observed(where: str, keypoints: np.ndarray, score: object) -> np.ndarray:
    """Which joints `(person, frame, joint)` were observed."""
    if keypoints.shape[3] == 3 or score is None:
        return np.asarray((keypoints != 0).any(-1))
    if isinstance(score, np.ndarray) and score.shape == keypoints.shape[:3] and score.dtype.kind in "fiu":
        return np.asarray(score > 0)
    got = getattr(score, "shape", type(score).__name__)
    raise InputError("'keypoint_score' has the wrong shape", where=where, expected=keypoints.shape[:3], got=got)


def _describe(value: object) -> str:
    """A value for a message; a container, which may be nested too deeply to print, by its type."""
    return repr(value)[:80] if isinstance(value, str | int | float) else type(value).__name__


PYSKL = Format("pyskl", "PYSKL or MMAction2 pickle, 2D or 3D", (".pkl", ".pickle"), _sniff, _parse)
