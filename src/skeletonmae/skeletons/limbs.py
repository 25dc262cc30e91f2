"""Bones that several layouts share, written once for both sides of the body."""

from __future__ import annotations

from skeletonmae.skeletons.vocabulary import VOCABULARY


def both_sides(parents: dict[str, str]) -> dict[str, str]:
    """Expand parents without a side to `left_` and `right_`; a joint in the middle keeps its name."""

    def sided(side: str, joint: str) -> str:
        return name if (name := f"{side}_{joint}") in VOCABULARY else joint

    return {
        sided(side, joint): sided(side, parent) for side in ("left", "right") for joint, parent in parents.items()
    }


LIMBS = both_sides({"elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee"})
FACE = both_sides({"eye": "nose", "ear": "eye"})
