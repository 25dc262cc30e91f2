"""Which joints of a table with one line per frame are read: no rotations, no objects, and each joint once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from skeletonmae.skeletons.aliases import normalize_joint_name, vocabulary_joint, vocabulary_joints

FIRST_CHOICE = ("world", "global", "3d")
LAST_CHOICE = ("image", "img", "pixel", "pixels", "px", "screen", "2d", "norm", "normalized", "local", "raw")
"""Words of a set's names that say whether it is preferred to a set without such a word, or the other way round."""
NO_SET_WORDS = {
    "left", "right", "l", "r", "upper", "lower", "front", "hind", "fore", "back", "rear", "inner", "outer", "top",
    "base", "mid", "middle", "center", "end", "tip", "site", "hand", "foot",
}  # fmt: skip
"""Words that tell one joint of a body from another."""
OBJECTS = {
    "ball", "object", "obj", "racket", "racquet", "bat", "club", "stick", "puck", "barbell", "dumbbell", "target",
    "goal", "basket", "hoop", "rim", "camera", "cam", "chair", "table",
}  # fmt: skip
MIN_DOUBLED = 3
"""Joints that must occur in both of two sets."""
MIN_KNOWN_BODY = 5
"""Joints that must be known before a name such as `ball` counts as an object."""
_FOURTH = re.compile(r"(?P<joint>.*?[^\s_.:\-/|(\[])[\s_.:\-/|(\[]+w[)\]]?|(?P<camel>.*[a-z0-9])W", re.IGNORECASE)
_DIMENSIONS = re.compile(r"([23])_d(?=_|$)")


def quaternion(column: str) -> str | None:
    """The joint whose rotation has its fourth number in this column; None if the column is another one."""
    match = _FOURTH.fullmatch(column.strip())
    if match is None or (match["camel"] and not column.rstrip().endswith("W")):
        return None
    return (match["joint"] or match["camel"]).strip()


def objects_beside_a_body(joints: Sequence[str]) -> list[str]:
    """Names such as `ball` beside at least five joints of a body that are known."""
    known = vocabulary_joints(joints)
    if sum(joint is not None for joint in known) < MIN_KNOWN_BODY:
        return []
    return [name for name, joint in zip(joints, known, strict=True) if not joint and _plain(name) in OBJECTS]


def one_of_each(joints: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Of several sets of the same joints, such as `nose` and `nose_world`, keep one.

    A set has one word before or after the names of its joints, or none. World coordinates are preferred, then the
    set without a word.

    Args:
        joints: Names of the joints in the file.

    Returns:
        Joint in the file -> its name without the word of the set, for all joints that are kept; and remarks.
    """
    normalized = {joint: _DIMENSIONS.sub(r"\1d", normalize_joint_name(joint)) for joint in joints}
    sets: dict[str, dict[str, str]] = defaultdict(dict)
    for joint, name in normalized.items():
        words = name.split("_")
        if len(words) > 1:
            sets[words[0]]["_".join(words[1:])] = joint
            sets[words[-1]].setdefault("_".join(words[:-1]), joint)
    sets = {
        word: members
        for word, members in sets.items()
        if word not in NO_SET_WORDS and not word[-1].isdigit() and len(members) >= MIN_DOUBLED
    }
    alternatives = {
        word: members
        for word, members in sets.items()
        if _are_doubled(members, _others(normalized, members))
        or any(word != other and _are_doubled(members, others) for other, others in sets.items())
    }
    if not alternatives:
        return {joint: joint for joint in joints}, ()
    in_a_set = {joint: "" for members in alternatives.values() for joint in members.values()}
    candidates = alternatives | {"": {name: joint for joint, name in normalized.items() if joint not in in_a_set}}
    chosen = min((word for word, members in candidates.items() if members), key=_preference)
    name_of = {joint: name for name, joint in candidates[chosen].items()} if chosen else {}
    doubles = {
        members[name] for members in candidates.values() for name in members.keys() & candidates[chosen].keys()
    }
    left_out = [joint for joint in joints if joint in doubles - set(candidates[chosen].values())]
    which = f"those with {chosen!r} in their names" if chosen else "those without a further word in their names"
    note = f"the same joints are there several times; {which} are read, and left out: {', '.join(left_out)}"
    return {joint: name_of.get(joint, joint) for joint in joints if joint not in set(left_out)}, (note,)


def _others(normalized: Mapping[str, str], members: Mapping[str, str]) -> dict[str, str]:
    member_joints = set(members.values())
    return {name: joint for joint, name in normalized.items() if joint not in member_joints}


def _are_doubled(members: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether two sets have mostly the same joints, of which some are known."""
    both = members.keys() & others.keys()
    if len(both) < MIN_DOUBLED or 2 * len(both) < max(len(members), len(others)):
        return False
    return sum(vocabulary_joint(name) is not None for name in both) >= MIN_DOUBLED


def _preference(word: str) -> tuple[int, str]:
    return (0 if word in FIRST_CHOICE else 2 if word in LAST_CHOICE else 3 if word else 1), word


def _plain(name: str) -> str:
    return re.sub(r"[\W_\d]+", "", name).lower()
