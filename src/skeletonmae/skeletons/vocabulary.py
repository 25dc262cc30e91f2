"""The names of joints: one vocabulary that every layout shares, with the body part each joint belongs to.

A joint that is in several layouts has one name in all of them, so that a model which knows joints by name
reads every layout. `left` and `right` are the person's own.
"""

from __future__ import annotations

PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")

_MIDDLE = {
    "head": "head",
    "nose": "head",
    "neck": "head",
    "shoulder_center": "torso",
    "spine": "torso",
    "pelvis": "torso",
}
_SIDED = {
    "eye": "head",
    "ear": "head",
    "shoulder": "torso",
    "hip": "torso",
    "elbow": "arm",
    "wrist": "arm",
    "hand": "arm",
    "hand_tip": "arm",
    "thumb": "arm",
    "knee": "leg",
    "ankle": "leg",
    "foot": "leg",
}

VOCABULARY: dict[str, str] = _MIDDLE | {
    f"{side}_{joint}": f"{side}_{part}" if part in ("arm", "leg") else part
    for side in ("left", "right")
    for joint, part in _SIDED.items()
}
"""Joint name -> body part."""

SUBSTITUTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "pelvis": (("left_hip", "right_hip"),),
    "shoulder_center": (("left_shoulder", "right_shoulder"),),
    "spine": (("pelvis", "shoulder_center"), ("left_hip", "right_hip", "left_shoulder", "right_shoulder")),
    "neck": (("shoulder_center", "head"), ("left_shoulder", "right_shoulder")),
    "head": (("left_ear", "right_ear"), ("left_eye", "right_eye"), ("nose",)),
    "nose": (("left_eye", "right_eye"), ("head",)),
}
"""Joint name -> the groups of joints whose mean can stand in for it, best first."""


def mirror_name(joint: str) -> str:
    """The name of the joint on the other side of the body; a joint in the middle is its own mirror."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint
