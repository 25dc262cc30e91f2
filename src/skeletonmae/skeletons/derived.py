"""What follows from joint names and their tree: order, body parts, mirror pairs; checks and texts for messages."""

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
_OPPOSITE = dict(_PAIRS) | {right: left for left, right in _PAIRS}


def breadth_first(root: str, parents: Mapping[str, str]) -> list[str]:
    """Return the root and all its descendants, breadth-first."""
    children = defaultdict(list)
    for joint, parent in parents.items():
        children[parent].append(joint)
    order = [root]
    for joint in order:
        order.extend(children[joint])
    return order


def parts_of(joints: Sequence[str], parents: Mapping[str, str], root: str) -> dict[str, tuple[str, ...]]:
    """Divide the joints into body parts.

    A joint of the vocabulary is in the part given there. Any other joint is in the part of its parent, or starts a
    part with its own name if it is the root or its parent has several children.

    Returns:
        Part -> its joints. Every joint is in exactly one part.
    """
    num_children, part_of = Counter(parents.values()), dict[str, str]()
    for joint in breadth_first(root, parents):
        starts_branch = joint == root or num_children[parents[joint]] > 1
        part_of[joint] = VOCABULARY.get(joint) or (joint if starts_branch else part_of[parents[joint]])
    members = defaultdict(list)
    for joint in joints:
        members[part_of[joint]].append(joint)
    return {name: tuple(members[name]) for name in (*PARTS, *joints) if name in members}


def mirror_name(joint: str) -> str:
    """Exchange left and right in a name; a name without a side is returned unchanged.

    Understands `left_x`, `x_left`, `l_x`, `x_L`, `LeftX`, `xRight` and the like, anywhere in the name.
    """
    return _SIDE.sub(lambda side: _OPPOSITE[side[0]], joint)


def side_of(joint: str) -> Literal["left", "right", "middle"]:
    """Return the side of the body that the name of a joint indicates."""
    match = _SIDE.search(joint)
    return "middle" if match is None else "left" if match[0][0] in "lL" else "right"


def mirror_of(joints: Sequence[str]) -> dict[str, str]:
    """Map each joint to the joint with the name of the other side, or to itself if there is none."""
    mirrored = {joint: mirror_name(joint) for joint in joints}
    return {joint: name if mirrored.get(name) == joint else joint for joint, name in mirrored.items()}


def parents_from_bones(root: str, bones: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Orient the bones of a tree away from its root.

    Args:
        root: The joint without a parent.
        bones: Pairs of joints, in any order.

    Returns:
        Joint -> its parent. Joints that no bone connects to the root are left out.

    Raises:
        InputError: The bones contain a cycle.
    """
    neighbors = defaultdict(list)
    for first, second in bones:
        neighbors[first].append(second)
        neighbors[second].append(first)
    parents: dict[str, str] = {}
    order = [root]
    for joint in order:
        for neighbor in neighbors.pop(joint, ()):
            if neighbor in parents or neighbor == root:
                raise InputError(f"the bones form a cycle at {joint!r} and {neighbor!r}", expected="a tree")
            parents[neighbor] = joint
            neighbors[neighbor].remove(joint)
            order.append(neighbor)
    return parents


def check_joint_names(field: str, names: Iterable[str], joints: Sequence[str], where: str | None = None) -> None:
    """Check that every name is that of a joint.

    Raises:
        InputError: A name is unknown. The message suggests the most similar joint.
    """
    known = set(joints)
    if unknown := [name for name in names if name not in known]:
        problem = f"{field}: {unknown[0]!r} is not one of the joints{suggest(unknown[0], joints)}"
        raise InputError(problem, where=where, expected=f"one of {abbreviate(joints)}")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'?` with the most similar known name, or "" if none is similar."""
    matches = difflib.get_close_matches(name, list(known), 1)
    return f", did you mean {matches[0]!r}?" if matches else ""


def abbreviate(names: Sequence[str], max_names: int = 30) -> str:
    """Join names by commas, and shorten a long list."""
    return ", ".join(map(str, names[:max_names])) + (" ..." if len(names) > max_names else "")
