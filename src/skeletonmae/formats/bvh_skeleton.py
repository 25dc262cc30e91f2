"""The layout of a BVH file, with the joints that everyone has under the names of the vocabulary."""

from __future__ import annotations

import re

from skeletonmae.formats.decoders.bvh_text import Bvh
from skeletonmae.formats.joint_names import normalize_joint_name
from skeletonmae.skeletons import Skeleton

_MIDDLE = {
    "pelvis": ("hips", "hip", "pelvis"),
    "spine1": ("spine", "spine0", "abdomen"),
    "spine2": ("spine1",),
    "spine3": ("spine2", "chest"),
    "neck": ("neck",),
    "head_base": ("head",),
    "head_top": ("headtop", "headtopend"),
}
# A joint is where its bone begins: the upper arm at the shoulder, the hand at the wrist, the toes at the ball.
_SIDED = {
    "collar": ("collar", "collarbone", "clavicle"),
    "shoulder": ("arm", "upperarm", "uparm", "shoulder", "shldr"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow"),
    "wrist": ("hand", "wrist"),
    "hip": ("upleg", "upperleg", "thigh", "hip"),
    "knee": ("leg", "lowerleg", "lowleg", "shin", "calf", "knee"),
    "ankle": ("foot", "ankle"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball"),
    "toe": ("toeend", "toetip"),
}
BVH_NAMES: dict[str, str] = {name: joint for joint, names in _MIDDLE.items() for name in names} | {
    spelled: f"{side}_{joint}"
    for side in ("left", "right")
    for joint, names in _SIDED.items()
    for name in names
    for spelled in (side + name, name + side, side[0] + name, name + side[0])
}
"""Name of a joint in BVH files, in small letters without spaces and signs -> the vocabulary's joint.

As Mixamo and MotionBuilder (`LeftForeArm`), Bandai Namco (`LowerArm_L`), Biped (`Bip01 L Forearm`), Poser
(`lForeArm`) and older files (`LeftElbow`) have them.
"""
_PREFIX = re.compile(r"(.*:)?(mixamorig\d*+[_ ]?+|(bip|character)\d++[_ ]?+)?(?=.)", re.IGNORECASE)


def bvh_skeleton(bvh: Bvh) -> Skeleton:
    """The layout that a file's joints form; the same for all files with the same joints and tree.

    Joints that `BVH_NAMES` knows have the vocabulary's names, others their own, in small letters with underscores;
    of two that would have one name, the second keeps its own.

    Raises:
        InputError: there are more joints than a skeleton can have.
    """
    own = [normalize_joint_name(_PREFIX.sub("", name, count=1)) for name in bvh.joints]
    known = [BVH_NAMES.get(name.replace("_", "")) for name in own]
    for joint, parent in zip(known, bvh.parents, strict=True):
        if joint in ("left_shoulder", "right_shoulder") and parent >= 0 and known[parent] == joint:
            known[parent] = joint.replace("shoulder", "collar")  # a shoulder above an upper arm
    if "spine2" not in known:  # of one joint or two, the first is in the middle
        lowest = next((joint for joint in ("spine1", "spine3") if joint in known), None)
        known = ["spine" if joint and joint == lowest else joint for joint in known]
    names: list[str] = []
    for wanted, name in zip(known, own, strict=True):
        free = (one for one in (wanted, name, *(f"{name}_{number}" for number in range(2, len(own) + 2))) if one)
        names.append(next(one for one in free if one not in names))
    return Skeleton(
        name=f"bvh{len(names)}",
        joints=tuple(names),
        parents={name: names[up] for name, up in zip(names, bvh.parents, strict=True) if up >= 0},
        center=("pelvis",) if "pelvis" in names else (),
        source="the hierarchy of a BVH file",
    )
