"""The body parts over which an encoder that reads any layout averages its features."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from skeletonmae.methods.pooling import BODY_PARTS
from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.skeletons.description import ROOT_MOTION, SIDES, describe_joints, with_root_motion

GROUPS = (*BODY_PARTS, "left", "middle", "right", ROOT_MOTION)
"""What a classifier of any layout tells apart: body parts, the sides of a body of another shape, and its path."""


@lru_cache(maxsize=256)
def pooled_layout(skeleton: Skeleton) -> Skeleton:
    """Return a layout with the path of the body, and with the parts of which features are the mean.

    These are the six parts of a human body, whatever the layout, so that features have the same meaning in all of
    them: a joint of another part, such as a racket, belongs to the one that it hangs on. A layout with at most one
    of the six, such as that of an animal with a nose, keeps its own parts. The path of the body is always a part
    of its own.

    Args:
        skeleton: The layout of the clips.
    """
    parts = {part: skeleton.parts[part] for part in BODY_PARTS if part in skeleton.parts}
    if len(parts) > 1:
        names = list(parts)
        nearest = np.stack([skeleton.hop_distance[:, _index(skeleton, parts[part])].min(1) for part in names], 1)
        part_of = [names[part] for part in nearest.argmin(1)]
        parts = {
            name: tuple(joint for joint, part in zip(skeleton.joints, part_of, strict=True) if part == name)
            for name in names
        }
    else:
        order = canonical_joints(skeleton)
        parts = dict(sorted(skeleton.parts.items(), key=lambda part: min(map(order.index, part[1]))))
    return replace(with_root_motion(skeleton), parts={**parts, ROOT_MOTION: (ROOT_MOTION,)})


@lru_cache(maxsize=256)
def canonical_joints(skeleton: Skeleton) -> tuple[str, ...]:
    """Return the joints in an order that does not depend on that of the layout: the order of features.

    Joints of the vocabulary come first, in its order; then the others by their distance from the center of the
    body, side and name; then the path of the body, if the layout has it.

    Args:
        skeleton: The layout.
    """
    known = {joint: place for place, joint in enumerate(VOCABULARY)}
    from_center = skeleton.hop_distance[skeleton.center_index].min(0)
    side = describe_joints(skeleton).side

    def place(joint: str) -> tuple[bool, int, int, int, str]:
        index = skeleton.index[joint]
        return (
            joint == ROOT_MOTION,
            known.get(joint, len(known)),
            int(from_center[index]),
            int(side[index]),
            joint,
        )

    return tuple(sorted(skeleton.joints, key=place))


def _index(skeleton: Skeleton, joints: tuple[str, ...]) -> list[int]:
    return [skeleton.index[joint] for joint in joints]


@lru_cache(maxsize=256)
def group_of_joint(skeleton: Skeleton) -> tuple[int, ...]:
    """Return the index in `GROUPS` of each joint of a layout, and of the path of the body.

    Args:
        skeleton: The layout of the clips.
    """
    layout = pooled_layout(skeleton)
    part_of = {joint: part for part, joints in layout.parts.items() for joint in joints}
    side_of = dict(zip(layout.joints, (SIDES[side] for side in describe_joints(layout).side), strict=True))
    groups = (part if (part := part_of[joint]) in GROUPS else side_of[joint] for joint in layout.joints)
    return tuple(GROUPS.index(group) for group in groups)
