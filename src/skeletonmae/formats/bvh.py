"""BVH motion capture: any hierarchy, with its own layout.

A BVH file has y up, and a body at rest looks along z. It is turned to face the camera, as Kinect sees it. Its unit
is not stated: the longest bone tells metres, centimetres and millimetres apart, and all become metres.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.formats.bvh_skeleton import bvh_skeleton
from skeletonmae.formats.decoders.bvh_text import forward_kinematics, parse_bvh
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import VOCABULARY, Skeleton

METRES = {1.0: (0.25, 0.65), 0.01: (25.0, 65.0), 0.001: (250.0, 650.0)}
"""Metres in the unit -> how long the longest bone of a human body, a thigh or a shin, can be in it."""
FACING = np.array([-1.0, 1.0, -1.0])  # half a turn about y


def _sniff(head: bytes) -> bool:
    return head.lstrip()[:9].upper() == b"HIERARCHY"


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    bvh = parse_bvh(file.content(), str(file.path))
    skeleton, positions = _body(bvh_skeleton(bvh), forward_kinematics(bvh) * FACING)
    longest = float(np.median(skeleton.bone_lengths(positions), axis=0).max()) if len(positions) else 0.0
    fits = [metres for metres, (low, high) in METRES.items() if low <= longest < high]
    unit, scale, notes = (
        ("m", fits[0], ())
        if fits
        else ("unknown", 1.0, (f"the unit is not known: the longest bone is {longest:.3g}",))
    )
    if options.unit:
        scale, notes = 1.0, ()
    yield SkeletonSequence.from_positions(
        positions * scale,
        skeleton,
        name=file.path.stem,
        unit=unit,
        fps=1.0 / bvh.frame_time if bvh.frame_time > 0 else None,
        notes=notes,
    )


def _body(skeleton: Skeleton, positions: np.ndarray) -> tuple[Skeleton, np.ndarray]:
    """The same without a root on the floor, from which the pelvis is moved: it is no joint of the body."""
    below = [joint for joint, parent in skeleton.parents.items() if parent == skeleton.root]
    if skeleton.root in VOCABULARY or below != ["pelvis"]:
        return skeleton, positions
    joints = tuple(joint for joint in skeleton.joints if joint != skeleton.root)
    parents = {joint: parent for joint, parent in skeleton.parents.items() if joint != "pelvis"}
    body = Skeleton(f"bvh{len(joints)}", joints, parents, center=("pelvis",), source=skeleton.source)
    return body, positions[:, [skeleton.index[joint] for joint in joints]]


BVH = Format("bvh", "BVH motion capture: the joints of its own hierarchy in 3D", (".bvh",), _sniff, _parse)
