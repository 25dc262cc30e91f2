"""The layout of a BVH file, with the vocabulary's names for the joints that it knows."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.formats.decoders.bvh_text import Bvh
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.aliases import normalize_joint_name, rig_joints, strip_prefix, strip_shared
from skeletonmae.skeletons.naming_schemes import RIG


def bvh_skeleton(bvh: Bvh) -> Skeleton:
    """The layout that a file's joints form; the same for all files with the same joints and tree.

    Joints of a known rig have the vocabulary's names, others their own, in lower case with underscores. Of two
    joints that would have the same name, the second keeps its own.

    Raises:
        InputError: There are more joints than a skeleton can have.
    """
    fallback = [normalize_joint_name(strip_prefix(name)) for name in strip_shared(bvh.joints, RIG)]
    names = unique_names(rig_names(bvh.joints), fallback)
    return Skeleton(
        name=f"bvh{len(names)}",
        joints=names,
        parents={name: names[parent] for name, parent in zip(names, bvh.parents, strict=True) if parent >= 0},
        center=("pelvis",) if "pelvis" in names else (),
        source="the hierarchy of a BVH file",
    )


def rig_names(joints: Sequence[str]) -> list[str | None]:
    """The joint of the vocabulary at which each bone begins; the lowest of one or two spine joints is `spine`."""
    known = list(rig_joints(joints))
    if "spine2" not in known:
        lowest = next((joint for joint in ("spine1", "spine3") if joint in known), None)
        known = ["spine" if joint and joint == lowest else joint for joint in known]
    return known


def unique_names(known: Sequence[str | None], fallback: Sequence[str]) -> tuple[str, ...]:
    """For each joint its known name if that is free, otherwise its own, with a number if that is taken too."""
    names: dict[str, None] = {}
    for preferred, name in zip(known, fallback, strict=True):
        candidates = (preferred, name, *(f"{name}_{number}" for number in range(2, len(fallback) + 2)))
        names[next(candidate for candidate in candidates if candidate and candidate not in names)] = None
    return tuple(names)
