"""A plausible tree for joints whose bones are unknown, from their names, sides and order."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from skeletonmae.skeletons.derived import side_of
from skeletonmae.skeletons.vocabulary import FINGERS, VOCABULARY

_TRUNK = ("pelvis", "spine1", "spine", "spine2", "spine3", "shoulder_center", "neck", "head_base", "head", "nose")
"""Joints of the midline, from below."""
_LIMB_CHAINS = (
    ("collar", "shoulder", "elbow", "wrist", "hand"),
    ("hip", "knee", "ankle", "foot"),
)
_BRANCHES = {
    "hand_tip": ("hand", "wrist"),
    "thumb_ip": ("hand", "wrist"),
    "thumb": ("thumb_ip", "hand", "wrist"),
    "index_mcp": ("hand", "wrist"),
    "pinky_mcp": ("hand", "wrist"),
    "heel": ("ankle", "knee"),
    "toe": ("foot", "ankle", "knee"),
    "big_toe": ("foot", "ankle", "knee"),
    "small_toe": ("big_toe", "foot", "ankle", "knee"),
}
_FACE = ("eye", "eye_inner", "eye_outer", "ear", "mouth")
_CENTERS = (
    ("pelvis",),
    ("left_hip", "right_hip"),
    ("left_hip",),
    ("right_hip",),
    ("spine",),
    ("left_shoulder", "right_shoulder"),
    ("shoulder_center",),
    ("neck",),
)
_SIDE_WORDS = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])", re.IGNORECASE)
_ROOT_WORDS = ("pelvis", "hips", "spine", "body", "center", "centre", "torso", "trunk", "withers")


def plausible_parents(joints: Sequence[str]) -> dict[str, str]:
    """Joint -> parent of a tree that a person might draw; not a star, and not the true anatomy.

    Joints of the vocabulary hang together as a body does, along the nearest joints that are present. Any other
    joint continues the one before it with the same side and first word (`tail_base`, `tail_tip`); otherwise it
    hangs on the joint of the midline before it.

    Args:
        joints: Names, in the order of the file; those of the vocabulary spelled as there.
    """
    if not joints:
        return {}
    present, root = set(joints), _root(joints)
    sides = [side_of(joint) for joint in joints]
    words = [_first_word(joint) for joint in joints]
    parents: dict[str, str] = {}
    for position, joint in enumerate(joints):
        if joint == root:
            continue
        if joint in VOCABULARY:
            candidates = [other for other in _ancestors(joint) if other in present]
        else:
            candidates = [joints[other] for other in _before(position, sides, words)]
        parents[joint] = next((other for other in candidates if not _reaches(other, joint, parents)), root)
    return parents


def plausible_center(joints: Sequence[str]) -> tuple[str, ...]:
    """Joints whose mean is the center of a human body, the best that are there; empty if none are.

    Args:
        joints: Names; those of the vocabulary spelled as there.
    """
    return next((center for center in _CENTERS if set(center) <= set(joints)), ())


def suggested_layout(name: str, joints: Sequence[str]) -> str:
    """A layout file (YAML) with a plausible tree and center, for the user to check and correct."""
    lines = {"joints": list(joints), "parents": plausible_parents(joints)}
    if center := plausible_center(joints):
        lines["center"] = list(center)
    return f"name: {name}\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())


def _root(joints: Sequence[str]) -> str:
    trunk = next((joint for joint in _TRUNK if joint in joints), None)
    by_word = (joint for word in _ROOT_WORDS for joint in joints if joint.split("_")[0] == word)
    return trunk if trunk and trunk not in ("head", "nose") else next(by_word, trunk or joints[0])


def _ancestors(joint: str) -> list[str]:
    """Joints of the vocabulary that a joint can hang on, nearest first."""
    if joint in _TRUNK:
        position = _TRUNK.index(joint)
        return [*reversed(_TRUNK[:position]), *_TRUNK[position + 1 :]]
    if joint == "head_top":
        return list(reversed(_TRUNK))
    for finger in FINGERS.values():
        if joint in finger:
            return [*reversed(finger[: finger.index(joint)]), "wrist"]
    side, _, part = joint.partition("_")
    if part in _FACE:
        inner = [f"{side}_eye"] if part in ("eye_inner", "eye_outer", "ear") else []
        return [*inner, "nose", *reversed(_TRUNK)]
    if part in _BRANCHES:
        return [f"{side}_{other}" for other in _BRANCHES[part]]
    for chain in _LIMB_CHAINS:
        if part in chain:
            above = [f"{side}_{other}" for other in reversed(chain[: chain.index(part)])]
            arm = chain is _LIMB_CHAINS[0]
            upper = ("shoulder_center", "spine3", "neck", "spine2", "spine", "spine1", "pelvis", "head", "nose")
            return [*above, *(upper if arm else (*_TRUNK[:6], f"{side}_shoulder", *_TRUNK[6:]))]
    return []


def _before(position: int, sides: Sequence[str], words: Sequence[str]) -> list[int]:
    """Indices of earlier joints that a joint outside the vocabulary can be a child of, nearest first."""
    same_side = [other for other in reversed(range(position)) if sides[other] == sides[position]]
    chain = [other for other in same_side if words[position] and words[other] == words[position]]
    middle = [other for other in reversed(range(position)) if sides[other] == "middle"]
    return [*chain, *(middle or same_side)]


def _first_word(joint: str) -> str:
    words = re.findall(r"[a-z]+", _SIDE_WORDS.sub(" ", joint.lower()))
    return words[0] if words else ""


def _reaches(joint: str, target: str, parents: dict[str, str]) -> bool:
    """Whether the way up from `joint` passes `target`."""
    while joint in parents and joint != target:
        joint = parents[joint]
    return joint == target
