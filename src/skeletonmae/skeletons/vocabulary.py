"""The names of joints: one vocabulary that every layout shares, with the body part each joint belongs to.

A joint has the same name in all layouts, so that a model that knows joints by name can read every layout. `left`
and `right` are those of the person. A name is that of the place on the body, whatever a source calls it: the
"neck" of OpenPose is the midpoint of the shoulders, `shoulder_center`.
"""

from __future__ import annotations

_MIDDLE = {
    "head": "head",  # the middle of it
    "head_top": "head",
    "head_base": "head",  # where the skull joins the neck, between the ears
    "nose": "head",
    "neck": "head",
    "shoulder_center": "torso",
    "spine": "torso",  # halfway from pelvis to shoulder_center
    "spine1": "torso",  # the three of SMPL, from below
    "spine2": "torso",
    "spine3": "torso",
    "pelvis": "torso",
}
_SIDED = {
    "eye": "head",
    "eye_inner": "head",
    "eye_outer": "head",
    "ear": "head",
    "mouth": "head",  # its corner
    "collar": "torso",
    "shoulder": "torso",
    "hip": "torso",
    "elbow": "arm",
    "wrist": "arm",
    "hand": "arm",  # the middle of it
    "hand_tip": "arm",
    "thumb": "arm",  # its tip
    "thumb_ip": "arm",
    "index_mcp": "arm",
    "pinky_mcp": "arm",
    "knee": "leg",
    "ankle": "leg",
    "foot": "leg",  # the ball of it
    "heel": "leg",
    "toe": "leg",  # the tip of the foot
    "big_toe": "leg",
    "small_toe": "leg",
}
FINGERS: dict[str, tuple[str, ...]] = {
    "thumb": ("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
    **{
        finger: tuple(f"{finger}_{joint}" for joint in ("mcp", "pip", "dip", "tip"))
        for finger in ("index", "middle", "ring", "pinky")
    },
}
"""Finger -> its joints from the palm to the tip, for layouts of a single hand, left or right."""

VOCABULARY: dict[str, str] = (
    _MIDDLE
    | {
        f"{side}_{joint}": f"{side}_{part}" if part in ("arm", "leg") else part
        for side in ("left", "right")
        for joint, part in _SIDED.items()
    }
    | {"wrist": "palm"}
    | {joint: finger for finger, joints in FINGERS.items() for joint in joints}
)
"""Joint name -> part of the body, or of the hand."""

PARTS: tuple[str, ...] = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg", "palm", *FINGERS)

_GROUPS = {
    "pelvis": (("left_hip", "right_hip"),),
    "shoulder_center": (("left_shoulder", "right_shoulder"),),
    "spine": (("spine2",), ("spine1", "spine3"), ("pelvis", "shoulder_center")),
    "spine1": (("pelvis", "spine"),),
    "spine2": (("spine",),),
    "spine3": (("spine", "shoulder_center"),),
    "neck": (("shoulder_center", "head"),),
    "head": (
        ("left_ear", "right_ear"),
        ("nose", "head_top"),
        ("head_base",),
        ("left_eye", "right_eye"),
        ("nose",),
    ),
    "head_base": (("left_ear", "right_ear"), ("neck", "head")),
    "nose": (("left_eye", "right_eye"), ("head",)),
}
_SIDED_GROUPS = {
    "eye": (("_eye_inner", "_eye_outer"),),
    "collar": (("shoulder_center", "_shoulder"),),
    "hand": (("_wrist", "_index_mcp", "_pinky_mcp"),),
    "thumb": (("_thumb_ip",),),
    "thumb_ip": (("_thumb",),),
    "foot": (("_toe",),),
    "toe": (("_big_toe", "_small_toe"), ("_foot",)),
    "big_toe": (("_toe",),),
}
SUBSTITUTES: dict[str, tuple[tuple[str, ...], ...]] = _GROUPS | {
    f"{side}_{joint}": tuple(tuple(side + j if j[0] == "_" else j for j in group) for group in groups)
    for side in ("left", "right")
    for joint, groups in _SIDED_GROUPS.items()
}
"""Joint name -> the groups of joints whose mean can stand in for it, best first."""
