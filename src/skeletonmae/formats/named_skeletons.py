"""Skeletons and recordings of files that name their joints freely."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.joint_names import joint_indices
from skeletonmae.limits import MAX_FPS, MIN_FPS, check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, VOCABULARY, Skeleton
from skeletonmae.skeletons.aliases import canonical_joint_names
from skeletonmae.skeletons.derived import abbreviate
from skeletonmae.skeletons.plausible_tree import plausible_center, plausible_parents

NUMBERED = re.compile(r"joint_\d+")
METRIC = ("m", "unknown")
"""Units of recordings of people. In pixels most recordings with unknown names are of animals."""
CONSEQUENCE = "--convert-to finds no joints, and checks that need to know head, arms or legs are not made"


def skeleton_from_names(
    file: InputFile,
    name: str,
    raw_names: Sequence[str],
    bones: Sequence[Sequence[int]] = (),
    mirror: Sequence[Sequence[int]] = (),
) -> Skeleton:
    """The layout of a file that names its joints.

    The root is the first joint that begins a bone and ends none, or the first joint. A joint that no bone connects
    to the root is a child of the root, and a bone that would close a cycle is left out. Without any bone the tree
    is a plausible one, from the names (`skeletons.plausible_tree`). The center of a human body is that of its
    hips, as in the built-in layouts, or the best joints that are there; that of another shape is the root.

    Args:
        file: The file, for messages.
        name: Name of the layout.
        raw_names: Names of the joints in the file. Aliases of the vocabulary's joints get the vocabulary's names.
        bones: (from, to) as indices into `raw_names`.
        mirror: Pairs of joints that mirror each other; by default they follow from the names.

    Raises:
        InputError: A name is duplicated, or a bone or pair has an index that no joint has.
    """
    if not all(0 <= joint < len(raw_names) for pair in (*bones, *mirror) for joint in pair):
        expected = f"indices 0 to {len(raw_names) - 1}"
        raise InputError("a bone has a joint that does not exist", where=file.path, expected=expected)
    joints = canonical_joint_names(raw_names)
    pairs = {joints[a]: joints[b] for a, b in mirror}
    both = pairs | {other: one for one, other in pairs.items()}
    try:
        return Skeleton(
            name=name,
            joints=joints,
            parents=_parents(joints, bones) if bones else plausible_parents(tuple(dict.fromkeys(joints))),
            center=plausible_center(joints),
            mirror={joint: both.get(joint, joint) for joint in joints} if pairs else {},
        )
    except InputError as error:
        raise InputError(str(error), where=file.path) from error


def _parents(joints: Sequence[str], bones: Sequence[Sequence[int]]) -> dict[str, str]:
    neighbors = defaultdict(list)
    for start, end in bones:
        neighbors[start].append(end)
        neighbors[end].append(start)
    ends = {end for _, end in bones}
    tops = [*(start for start, _ in bones if start not in ends), *range(len(joints))]
    parents: dict[int, int] = {}
    for top in tops:
        if top != tops[0]:
            parents.setdefault(top, tops[0])
        queue = [top]
        for joint in queue:
            for neighbor in neighbors.pop(joint, ()):
                if neighbor not in parents and neighbor not in tops[:1]:
                    parents[neighbor] = joint
                    queue.append(neighbor)
    return {joints[joint]: joints[parent] for joint, parent in parents.items()}


def layout_from_names(file: InputFile, name: str, raw_names: Sequence[str]) -> tuple[Skeleton, np.ndarray]:
    """The layout that a file's joint names form, and the index in it of each of them.

    It is the built-in layout with exactly these joints; otherwise the file's own, with a plausible tree.

    Raises:
        InputError: A name is duplicated.
    """
    joints = canonical_joint_names(raw_names)
    built_in = next((layout for layout in LAYOUTS.values() if set(layout.joints) == set(joints)), None)
    if built_in is None or len(set(joints)) < len(joints):
        return skeleton_from_names(file, name, raw_names), np.arange(len(raw_names))
    return built_in, np.array([built_in.index[joint] for joint in joints])


def named_recording(
    file: InputFile,
    skeleton: Skeleton,
    raw_names: Sequence[str],
    positions: np.ndarray,
    options: ReadOptions,
    *,
    name: str,
    unit: str,
    fps: float | None = None,
    notes: tuple[str, ...] = (),
) -> SkeletonSequence:
    """A recording in the file's own layout, or in the user's, whose joints are found by name.

    Args:
        file: The file, for messages.
        skeleton: The file's own layout.
        raw_names: Names of the joints in the file.
        positions: `(person, frame, joint, axis)`, NaN where nothing was observed.
        options: With the user's layout, if there is one.
        name: Name of the recording.
        unit: Unit of the positions.
        fps: Frames per second, if known.
        notes: Remarks for the report.

    Raises:
        InputError: The user's layout has none of the joints, or the frame rate is impossible.
    """
    if fps is not None and not MIN_FPS <= fps <= MAX_FPS:
        expected = f"{MIN_FPS:g} to {MAX_FPS:,.0f} frames per second"
        raise InputError("impossible frame rate", where=file.path, expected=expected, got=fps)
    if layout := options.layout:
        to = joint_indices(layout, raw_names)
        if (to < 0).all():
            expected, got = f"joints of {layout.name}: {abbreviate(layout.joints)}", abbreviate(raw_names)
            raise InputError("the layout has none of the joints", where=file.path, expected=expected, got=got)
        source, shape = positions, (*positions.shape[:2], layout.num_joints, positions.shape[3])
        check_density(file.path, shape[:3], source[..., 0].size)
        positions = np.full(shape, np.nan, dtype=np.float32)
        positions[:, :, to[to >= 0]] = source[:, :, to >= 0]
        if unknown := [joint for joint, index in zip(raw_names, to, strict=True) if index < 0]:
            notes = (*notes, f"the layout does not have {abbreviate(unknown)}")
    elif unit in METRIC and not any(joint in VOCABULARY or NUMBERED.fullmatch(joint) for joint in skeleton.joints):
        notes = (f"no joint name is known ({abbreviate(skeleton.joints, 3)}): {CONSEQUENCE}", *notes)
    observed = np.isfinite(positions).all(-1)
    return SkeletonSequence.from_positions(
        positions, options.layout or skeleton, observed=observed, name=name, unit=unit, fps=fps, notes=notes
    )
