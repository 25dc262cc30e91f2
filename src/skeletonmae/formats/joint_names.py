"""Names of joints as files spell them."""

from __future__ import annotations

import re

from skeletonmae.skeletons import Skeleton

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")


def normalize_joint_name(name: str) -> str:
    """A name as the vocabulary writes its own: `LeftEar`, `left ear` and `LEFT-EAR` are `left_ear`."""
    return "_".join(word.lower() for word in _WORDS.split(name) if word) or name


class JointLookup(dict[str, int]):
    """Name of a joint in any spelling -> its index in a layout, or -1 if the layout does not have it."""

    def __init__(self, layout: Skeleton) -> None:
        super().__init__(
            {normalize_joint_name(joint): place for joint, place in layout.index.items()} | layout.index
        )

    def __missing__(self, name: str) -> int:
        return self.setdefault(name, self.get(normalize_joint_name(name), -1))
