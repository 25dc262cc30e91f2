"""Find joints by name, in whatever spelling a file has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.aliases import normalize_joint_name, strip_shared, vocabulary_joint, vocabulary_joints

__all__ = ["JointLookup", "joint_indices", "normalize_joint_name"]


class JointLookup(dict[str, int]):
    """Name of a joint in any spelling -> its index in a layout, or -1 if the layout does not have it.

    A name is the layout's own, or the vocabulary's, or an alias that means one joint by itself.
    """

    def __init__(self, layout: Skeleton) -> None:
        aliases = {vocabulary_joint(joint) or joint: index for joint, index in layout.index.items()}
        normalized = {normalize_joint_name(joint): index for joint, index in layout.index.items()}
        super().__init__(aliases | normalized | layout.index)

    def __missing__(self, name: str) -> int:
        index = self.get(normalize_joint_name(name), -1)
        return self.setdefault(name, self.get(vocabulary_joint(name) or "", -1) if index < 0 else index)


def joint_indices(layout: Skeleton, names: Sequence[str]) -> np.ndarray:
    """Index in a layout of each of a file's joints, -1 where the layout does not have it.

    All names together can tell what one of them means (`skeletons.aliases`).
    """
    lookup = JointLookup(layout)
    meanings = vocabulary_joints(names)
    exact = [layout.index.get(name, -1) for name in names]
    indices = np.array(
        [index if index >= 0 else lookup[joint or ""] for index, joint in zip(exact, meanings, strict=True)],
        dtype=np.int64,
    )
    stripped = strip_shared(names)
    taken = set(indices.tolist())
    for number in np.flatnonzero(indices < 0).tolist():
        index = max(lookup[names[number]], lookup[stripped[number]])
        if index not in taken:  # its own spelling is a joint of the layout
            indices[number] = index
            taken.add(index)
    return indices
