"""What the readers of animal poses share: joints of any name, who hangs on whom, and a layout of the user's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.joint_names import JointLookup, normalize_joint_name
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import abbreviate


def skeleton_from_names(
    file: InputFile,
    name: str,
    raw_names: Sequence[str],
    bones: Sequence[Sequence[int]] = (),
    mirror: Sequence[Sequence[int]] = (),
) -> Skeleton:
    """A layout from what a file says of joints.

    The root is the first joint that a bone leaves and none enters, or the first joint. Whatever no bone connects
    to it hangs on it, and a bone that closes a ring is left out. Without bones this is a star.

    Args:
        file: for messages.
        name: of the layout.
        raw_names: names of the joints, which become as the vocabulary writes its own if they differ then.
        bones: (from, to) as indices into `raw_names`.
        mirror: pairs of joints; by name if there are none.

    Raises:
        InputError: a name is there twice, or a bone or pair names no joint.
    """
    if not all(0 <= joint < len(raw_names) for pair in (*bones, *mirror) for joint in pair):
        expected = f"joints 0 to {len(raw_names) - 1}"
        raise InputError("a bone ends at a joint that is not there", where=file.path, expected=expected)
    plain = tuple(map(normalize_joint_name, raw_names))
    joints = plain if len(set(plain)) == len(raw_names) else tuple(raw_names)
    near = defaultdict(list)
    for one, other in bones:
        near[one].append(other)
        near[other].append(one)
    entered = {other for _, other in bones}
    tops = [*(one for one, _ in bones if one not in entered), *range(len(joints))]
    parents: dict[int, int] = {}
    for top in tops:
        if top != tops[0]:
            parents.setdefault(top, tops[0])
        queue = [top]
        for joint in queue:
            for other in near.pop(joint, ()):
                if other not in parents and other not in tops[:1]:
                    parents[other] = joint
                    queue.append(other)
    pairs = {joints[a]: joints[b] for a, b in mirror}
    both = pairs | {other: one for one, other in pairs.items()}
    try:
        return Skeleton(
            name=name,
            joints=joints,
            parents={joints[joint]: joints[parent] for joint, parent in parents.items()},
            mirror={joint: both.get(joint, joint) for joint in joints} if pairs else {},
        )
    except InputError as error:
        raise InputError(str(error), where=file.path) from error


def named_recording(
    file: InputFile,
    skeleton: Skeleton,
    raw_names: Sequence[str],
    positions: np.ndarray,
    options: ReadOptions,
    *,
    name: str,
    unit: str,
    notes: tuple[str, ...] = (),
) -> SkeletonSequence:
    """A recording in the file's own layout, or in the user's, whose joints are found by name.

    Args:
        file: that it is from.
        skeleton: the file's own layout.
        raw_names: names of the joints in the file.
        positions: `(person, frame, joint, axis)`, NaN where nothing was observed.
        options: with the user's layout, if there is one.
        name: of the recording.
        unit: of the positions.
        notes: what was met.

    Raises:
        InputError: the user's layout has none of the joints.
    """
    if layout := options.layout:
        places = JointLookup(layout)
        to = np.array([places[joint] for joint in raw_names])
        if (to < 0).all():
            expected, got = f"joints of {layout.name}: {abbreviate(layout.joints)}", abbreviate(raw_names)
            raise InputError("the layout has none of the joints", where=file.path, expected=expected, got=got)
        own, shape = positions, (*positions.shape[:2], layout.num_joints, positions.shape[3])
        check_density(file.path, shape[:3], own[..., 0].size)
        positions = np.full(shape, np.nan, dtype=np.float32)
        positions[:, :, to[to >= 0]] = own[:, :, to >= 0]
        if left_out := [joint for joint, place in zip(raw_names, to, strict=True) if place < 0]:
            notes = (*notes, f"the layout does not have {abbreviate(left_out)}")
    observed = np.isfinite(positions).all(-1)
    return SkeletonSequence.from_positions(
        positions, options.layout or skeleton, observed=observed, name=name, unit=unit, notes=notes
    )
