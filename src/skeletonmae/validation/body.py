"""What is known of a human body: where its top, bottom and front are, in any layout that names them."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.validation.block import Block

TOP = ("head", "head_top", "nose", "neck", "shoulder_center")
BOTTOM = ("left_ankle", "right_ankle", "left_foot", "right_foot")
SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
KNEES = ("left_knee", "right_knee")
FORWARD = tuple(
    (f"{side}_{behind}", ahead if ahead == "nose" else f"{side}_{ahead}")
    for side in ("left", "right")
    for behind, ahead in (("ankle", "foot"), ("ankle", "toe"), ("ankle", "big_toe"), ("ear", "nose"))
)
"""From the first of each pair to the second is ahead."""


@cache
def is_whole(skeleton: Skeleton) -> bool:
    """Whether the layout is one of a whole human body: it has shoulders, hips and knees."""
    return all(joint in skeleton.index for joint in (*SHOULDERS, *HIPS, *KNEES))


@cache
def bones_of_the_body(skeleton: Skeleton) -> Bool[np.ndarray, " bone"]:
    """All bones but those that hang on a root of an unknown name: in motion capture a place on the floor."""
    return np.array([parent != skeleton.root or parent in VOCABULARY for _, parent in skeleton.bones], dtype=bool)


@cache
def may_rest(skeleton: Skeleton) -> Int[np.ndarray, " joint"]:
    """Places of the joints that may be at 0 throughout, as the origin of a recording that is centred on them."""
    return np.unique([skeleton.index[skeleton.root], *skeleton.center_index])


def middle(block: Block, names: tuple[str, ...]) -> tuple[Float[np.ndarray, "row axis"], Bool[np.ndarray, " row"]]:
    """Mean of those of the joints that are in the layout and observed, and where there is any."""
    places = [block.skeleton.index[name] for name in names if name in block.skeleton.index]
    count = block.observed[:, places].sum(1)
    total = block.positions[:, places].sum(1)  # an unobserved joint is 0
    return total / np.maximum(count, 1)[:, None].astype(np.float32), count > 0


def mean_of_tracks(block: Block, values: np.ndarray) -> np.ndarray:
    """`(track, ...)` to `(recording, ...)`: the mean over persons, leaving out NaN; NaN where there is nobody."""
    known = np.isfinite(values)
    shape = (len(block.recordings), *values.shape[1:])
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, block.owner, np.where(known, values, 0))
    np.add.at(count, block.owner, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
