"""What a layout says of its joints besides their names: side, body part, and place in the tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.skeletons.derived import side_of
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import PARTS

ROOT_MOTION: Final = "root motion"
"""Name of the additional joint whose coordinates are the path of the body; it is no joint of the body."""
SIDES = ("middle", "left", "right")
OTHER = "other"
DESCRIBED_PARTS = (*PARTS, OTHER, ROOT_MOTION)
"""Body parts that a description tells apart; parts with names of their own, such as a tail, are `other`."""
LIMBS = ("head", "torso", "arm", "leg", OTHER)
"""Kinds of body parts along which the place of a joint is measured separately."""


@dataclass(frozen=True, eq=False)
class JointDescription:
    """What a layout says of its joints besides their names. The order of the joints makes no difference.

    Args:
        side: Index in `SIDES`.
        part: Index in `DESCRIBED_PARTS`.
        limb: Index in `LIMBS`.
        path: For each joint, which others lie on the way to it from the nearest joint of the body center, which is
            on the way too; where two are equally near, the mean over both ways.
        same_part: Whether two joints belong to the same part of the layout; a joint belongs to its own.
    """

    side: Int[np.ndarray, " joint"]
    part: Int[np.ndarray, " joint"]
    limb: Int[np.ndarray, " joint"]
    path: Float[np.ndarray, "joint joint"]
    same_part: Bool[np.ndarray, "joint joint"]


@lru_cache(maxsize=256)
def describe_joints(skeleton: Skeleton) -> JointDescription:
    """Describe the joints of a layout.

    The side is that which the name of the joint states, or else the name of its part. No other letter of a name
    counts, except that a part with one of the names of the vocabulary, such as `left_arm`, is that part.
    """
    part_of = {joint: part for part, joints in skeleton.parts.items() for joint in joints}
    parts = [part_of[joint] for joint in skeleton.joints]
    sides = [
        side_of(part) if (side := side_of(joint)) == "middle" else side
        for joint, part in zip(skeleton.joints, parts, strict=True)
    ]
    known = [part if part in DESCRIBED_PARTS else OTHER for part in parts]
    limbs = [kind if (kind := part.split("_")[-1]) in LIMBS else OTHER for part in known]
    return JointDescription(
        side=np.array([SIDES.index(side) for side in sides]),
        part=np.array([DESCRIBED_PARTS.index(part) for part in known]),
        limb=np.array([LIMBS.index(limb) for limb in limbs]),
        path=_paths_from_center(skeleton),
        same_part=skeleton.part_index[:, None] == skeleton.part_index,
    )


def _paths_from_center(skeleton: Skeleton) -> Float[np.ndarray, "joint joint"]:
    distance = skeleton.hop_distance
    from_center = distance[skeleton.center_index]
    is_nearest = from_center == from_center.min(0)
    paths = np.zeros(distance.shape, dtype=np.float32)
    for center, nearest in zip(skeleton.center_index, is_nearest, strict=True):
        # In a tree, a joint is on the way between two others if the detour through it is none.
        is_on_way = distance[center] + distance == distance[:, [center]]
        np.fill_diagonal(is_on_way, val=False)
        paths += is_on_way * nearest[:, None]
    paths /= is_nearest.sum(0)[:, None]
    return paths


@lru_cache(maxsize=256)
def with_root_motion(skeleton: Skeleton) -> Skeleton:
    """Return a layout with one more joint, the last, whose coordinates are the path of the body.

    It hangs on the root, and is a part of its own.

    Raises:
        InputError: The layout has a joint of that name.
    """
    return replace(
        skeleton,
        joints=(*skeleton.joints, ROOT_MOTION),
        parents={**skeleton.parents, ROOT_MOTION: skeleton.root},
        parts={**skeleton.parts, ROOT_MOTION: (ROOT_MOTION,)},
        mirror={**skeleton.mirror, ROOT_MOTION: ROOT_MOTION},
    )
