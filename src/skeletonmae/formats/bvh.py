"""BVH motion capture: any hierarchy, with its own layout.

A BVH file has y up, and a body at rest faces along z. Bodies are turned by half a turn, so that such a body faces
the camera. The file does not state its unit: the longest bone tells meters, centimeters and millimeters apart, and
all become meters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.formats.axes import turn_about_y
from skeletonmae.formats.bvh_skeleton import bvh_skeleton
from skeletonmae.formats.decoders.bvh_text import forward_kinematics, parse_bvh
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.length_units import longest_bone, meters_per_unit
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import VOCABULARY, Skeleton


def _sniff(head: bytes) -> bool:
    return head.lstrip()[:9].upper() == b"HIERARCHY"


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    bvh = parse_bvh(file.content(), str(file.path))
    positions = forward_kinematics(bvh)
    skeleton, positions = _without_floor_root(
        bvh_skeleton(bvh), positions if options.up else turn_about_y(positions)
    )
    length = longest_bone(skeleton, positions)
    scale = meters_per_unit(length)
    unit, notes = (
        ("m", ()) if scale else ("unknown", (f"the unit is not known: the longest bone is {length:.3g}",))
    )
    if options.unit:
        scale, notes = 1.0, ()
    yield SkeletonSequence.from_positions(
        positions * (scale or 1.0),
        skeleton,
        name=file.path.stem,
        unit=unit,
        fps=1.0 / bvh.frame_time if bvh.frame_time > 0 else None,
        notes=notes,
    )


def _without_floor_root(skeleton: Skeleton, positions: np.ndarray) -> tuple[Skeleton, np.ndarray]:
    """Leave out a root on the floor that only carries the pelvis: it is no joint of the body."""
    children = [joint for joint, parent in skeleton.parents.items() if parent == skeleton.root]
    if skeleton.root in VOCABULARY or children != ["pelvis"]:
        return skeleton, positions
    joints = tuple(joint for joint in skeleton.joints if joint != skeleton.root)
    parents = {joint: parent for joint, parent in skeleton.parents.items() if joint != "pelvis"}
    body = Skeleton(f"bvh{len(joints)}", joints, parents, center=("pelvis",), source=skeleton.source)
    return body, positions[:, [skeleton.index[joint] for joint in joints]]


BVH = Format("bvh", "BVH motion capture: the joints of its own hierarchy in 3D", (".bvh",), _sniff, _parse)
