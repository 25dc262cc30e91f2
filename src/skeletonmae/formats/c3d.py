"""C3D motion capture: labeled points (markers or joint centers) of one or several persons.

Labels may begin with the name of a subject (`Anna:LASI`). Subjects with the same markers are persons of one
recording; other prefixes stay part of the names where names would not be unique without them. Angles, forces and
other quantities that models add to the points, and points without a label, are left out. A point is unobserved
where its residual is negative or it lies at exactly (0, 0, 0). Millimeters and centimeters become meters. The
file's axes are turned to ours by the axes that it draws to the right and upwards. Upwards is the positive end of
the vertical axis, whatever its sign in the file: Qualisys writes `-Z` where z is up. A file that does not state
its axes has z up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.c3d_points import looks_like_c3d, read_c3d
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.length_units import METERS_PER_UNIT
from skeletonmae.formats.named_skeletons import layout_from_names, named_recording
from skeletonmae.limits import check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons.derived import abbreviate

DEFAULT_SCREEN = ("+X", "+Z")
UNLABELED = re.compile(r"[*uU]?\d*|unlabell?ed.*", re.IGNORECASE)
"""Names of points without a label: none at all, `*12`, `U3`."""


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    points = read_c3d(file.content(), str(file.path))
    kept = [
        index
        for index, label in enumerate(points.labels)
        if label not in points.derived and not UNLABELED.fullmatch(label.rpartition(":")[2])
    ]
    if not kept:
        got = abbreviate([label for label in points.labels if label]) or "no labels"
        raise InputError("no labeled positions in it", where=file.path, got=got)
    persons, names, columns = _group_by_subject([points.labels[index] for index in kept])
    source = np.array(kept)[columns]
    check_shape(file.path, (persons, len(points.positions), len(names)))
    turn, notes = (np.eye(3), ()) if options.up else _turn(file, points.screen_axes)
    scale, unit = (
        METERS_PER_UNIT.get(points.unit.lower(), 1.0),
        "m" if points.unit.lower() in METERS_PER_UNIT else "unknown",
    )
    if unit == "unknown":
        stated = f"the file states {points.unit!r}" if points.unit else "the file does not state one"
        notes = (*notes, f"the unit is not known: {stated}; use --unit m, cm or mm")
    if options.unit:
        scale = 1.0
    if left_out := [label for label in points.labels if label in points.derived]:
        notes = (*notes, f"{len(left_out)} points are no positions and were left out: {abbreviate(left_out)}")
    is_lost = ~points.is_valid | (points.positions == 0).all(-1)
    positions = np.where(is_lost[..., None], np.nan, points.positions * np.float32(scale)) @ turn
    skeleton, order = layout_from_names(file, f"c3d{len(names)}", names)
    to_skeleton = np.argsort(order)
    yield replace(
        named_recording(
            file,
            skeleton,
            [names[index] for index in to_skeleton],
            positions[:, source[:, to_skeleton]].transpose(1, 0, 2, 3),
            options,
            name=file.path.stem,
            unit=unit,
            notes=notes,
        ),
        fps=points.rate or None,
    )


def _group_by_subject(labels: Sequence[str]) -> tuple[int, list[str], np.ndarray]:
    """How many persons there are, the names of their joints, and the label's index of each `(person, joint)`."""
    prefixes = [label.rpartition(":")[0] for label in labels]
    names = [label.rpartition(":")[2] for label in labels]
    subjects = list(dict.fromkeys(prefixes))
    joints = list(dict.fromkeys(names))
    where = {(prefix, name): index for index, (prefix, name) in enumerate(zip(prefixes, names, strict=True))}
    if len(where) == len(subjects) * len(joints) == len(labels):
        columns = [[where[subject, joint] for joint in joints] for subject in subjects]
        return len(subjects), joints, np.array(columns)
    unique = names if len(joints) == len(names) else list(labels)
    return 1, unique, np.arange(len(labels))[None]


def _turn(file: InputFile, screen: tuple[str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The matrix that turns rows of the file's axes to ours: x to the left of the screen, y up, z into the
    screen."""
    notes = () if all(screen) else ("the file does not state its axes: z was taken to be up",)
    right, up = (_axis(text) for text in (screen if all(screen) else DEFAULT_SCREEN))
    up = None if up is None else np.abs(up)
    if right is None or up is None or (right * up).any():
        raise InputError("its axes are not clear", where=file.path, expected="X_SCREEN and Y_SCREEN", got=screen)
    return np.stack([-right, up, np.cross(-right, up)], axis=-1), notes


def _axis(text: str) -> np.ndarray | None:
    """`-X` as (-1, 0, 0)."""
    match = re.fullmatch(r"([+-]?)([XYZ])", text.upper())
    if match is None:
        return None
    axis: np.ndarray = np.eye(3)["XYZ".index(match[2])] * (-1.0 if match[1] == "-" else 1.0)
    return axis


C3D = Format("c3d", "C3D motion capture: labeled points in 3D", (".c3d",), looks_like_c3d, _parse)
