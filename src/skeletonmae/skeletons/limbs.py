"""Bones that layouts have in common, written once for both sides of the body."""

from __future__ import annotations

from skeletonmae.skeletons.vocabulary import VOCABULARY


def both_sides(parents: dict[str, str]) -> dict[str, str]:
    """Parents of left and right joints from names without a side; a parent in the middle has none anyway."""

    def sided(side: str, joint: str) -> str:
        return name if (name := f"{side}_{joint}") in VOCABULARY else joint

    return {
        sided(side, joint): sided(side, parent) for side in ("left", "right") for joint, parent in parents.items()
    }


LIMBS = both_sides({"elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee"})
FACE = both_sides({"eye": "nose", "ear": "eye"})
