"""What follows from the names of joints and the tree they form: order, parts, mirror pairs, nearest names."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from skeletonmae.errors import InputError
from skeletonmae.skeletons.vocabulary import PARTS, VOCABULARY

_SIDE = re.compile(r"left|right|Left|Right|LEFT|RIGHT|(?<![A-Za-z])[lrLR](?![a-z])|(?<=[a-z])[LR](?![a-z])")
_PAIRS = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("l", "r"), ("L", "R"))
_OTHER = dict(_PAIRS) | {right: left for left, right in _PAIRS}


def breadth_first(root: str, parents: Mapping[str, str]) -> list[str]:
    """The root and all joints that hang on it, each after its parent."""
    below = defaultdict(list)
    for joint, parent in parents.items():
        below[parent].append(joint)
    order = [root]
    for joint in order:
        order.extend(below[joint])
    return order


def parts_of(joints: Sequence[str], parents: Mapping[str, str], root: str) -> dict[str, tuple[str, ...]]:
    """Part -> its joints, each joint in one.

    A joint of the vocabulary is in the vocabulary's part. Any other is in the part of its parent, or begins a
    part with its own name if it is the root or its parent has more children.
    """
    children, part = Counter(parents.values()), dict[str, str]()
    for joint in breadth_first(root, parents):
        branch = joint == root or children[parents[joint]] > 1
        part[joint] = VOCABULARY.get(joint) or (joint if branch else part[parents[joint]])
    members = defaultdict(list)
    for joint in joints:
        members[part[joint]].append(joint)
    return {name: tuple(members[name]) for name in (*PARTS, *joints) if name in members}


def mirror_name(joint: str) -> str:
    """The name with left and right exchanged; a joint in the middle is its own mirror.

    `left_x`, `x_left`, `l_x`, `x_L`, `LeftX`, `xRight` and the like, wherever in the name.
    """
    return _SIDE.sub(lambda side: _OTHER[side[0]], joint)


def side_of(joint: str) -> Literal["left", "right", "middle"]:
    """The side of the body that a joint's name says."""
    found = _SIDE.search(joint)
    return "middle" if found is None else "left" if found[0][0] in "lL" else "right"


def mirror_of(joints: Sequence[str]) -> dict[str, str]:
    """Joint -> its mirror: the joint with the other side's name if there is one, or itself."""
    pairs = {joint: mirror_name(joint) for joint in joints}
    return {joint: other if pairs.get(other) == joint else joint for joint, other in pairs.items()}


def parents_from_bones(root: str, bones: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parents of the tree that some bones form, hung up by its root.

    Args:
        root: the joint that hangs on nothing.
        bones: pairs of joints, each either way round.

    Raises:
        InputError: the bones close a ring, so that they are no tree.
    """
    near = defaultdict(list)
    for one, other in bones:
        near[one].append(other)
        near[other].append(one)
    parents: dict[str, str] = {}
    order = [root]
    for joint in order:
        for other in near.pop(joint, ()):
            if other in parents or other == root:
                raise InputError(f"the bones close a ring at {joint!r} and {other!r}", expected="a tree")
            parents[other] = joint
            near[other].remove(joint)
            order.append(other)
    return parents


def check_joint_names(what: str, names: Iterable[str], joints: Sequence[str], where: str | None = None) -> None:
    """Refuse names that no joint has.

    Raises:
        InputError: with the first such name, and the joint that was probably meant.
    """
    known = set(joints)
    if unknown := [name for name in names if name not in known]:
        problem = f"{what}: {unknown[0]!r} is not one of the joints{suggest(unknown[0], joints)}"
        raise InputError(problem, where=where, expected=f"one of {abbreviate(joints)}")


def suggest(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` with the nearest of the known names; empty if none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""


def abbreviate(names: Sequence[str], most: int = 30) -> str:
    """The names with commas, not too many of them."""
    return ", ".join(map(str, names[:most])) + (" ..." if len(names) > most else "")
