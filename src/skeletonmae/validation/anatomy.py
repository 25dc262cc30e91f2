"""Where the top, bottom and front of a human body are, in any layout that has the joints."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.validation.block import RecordingBlock

TOP = ("head", "head_top", "nose", "neck", "shoulder_center")
BOTTOM = ("left_ankle", "right_ankle", "left_foot", "right_foot")
TOP_MARKER = re.compile(r"[lr][fb]hd|c7|clav|t10|[lr]?sho|strn", re.IGNORECASE)
BOTTOM_MARKER = re.compile(r"[lr](ank|toe|hee|mt[15]|tib|kne)|[lr](mma|lma)", re.IGNORECASE)
"""Markers of full-body sets such as Plug-in Gait, for layouts without any joint of the vocabulary there."""
SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
KNEES = ("left_knee", "right_knee")
FORWARD = tuple(
    (f"{side}_{behind}", ahead if ahead == "nose" else f"{side}_{ahead}")
    for side in ("left", "right")
    for behind, ahead in (("ankle", "foot"), ("ankle", "toe"), ("ankle", "big_toe"), ("ear", "nose"))
)
"""Pairs of joints of which the second is in front of the first."""


@cache
def is_full_body(skeleton: Skeleton) -> bool:
    """Whether the layout is that of a full human body: it has shoulders, hips and knees."""
    return all(joint in skeleton.index for joint in (*SHOULDERS, *HIPS, *KNEES))


@cache
def body_bones(skeleton: Skeleton) -> Bool[np.ndarray, " bone"]:
    """Mask of the bones of the body: all but those to a root that is not a joint."""
    return np.array([parent != skeleton.root or parent in VOCABULARY for _, parent in skeleton.bones], dtype=bool)


@cache
def origin_joints(skeleton: Skeleton) -> Int[np.ndarray, " joint"]:
    """Indices of the joints that recordings may be centered on, so that they are at 0 throughout."""
    return np.unique([skeleton.index[skeleton.root], *skeleton.center_index])


def joint_mean(
    block: RecordingBlock, names: tuple[str, ...], markers: re.Pattern[str]
) -> tuple[Float[np.ndarray, "row axis"], Bool[np.ndarray, " row"]]:
    """Mean position of the observed ones of the joints `names`, and whether there are any.

    Args:
        block: The recordings.
        names: Joints of the vocabulary.
        markers: Names of markers that count in a layout without any joint of `names`.
    """
    joints = [block.skeleton.index[name] for name in names if name in block.skeleton.index]
    if not joints:
        joints = [index for name, index in block.skeleton.index.items() if markers.fullmatch(name)]
    count = block.observed[:, joints].sum(1)
    total = block.positions[:, joints].sum(1)  # unobserved joints are 0
    return total / np.maximum(count, 1)[:, None].astype(np.float32), count > 0


def mean_per_recording(block: RecordingBlock, values: np.ndarray) -> np.ndarray:
    """Mean over the persons of each recording, NaN excluded: `(track, ...)` to `(recording, ...)`.

    NaN where no person has a value.
    """
    known = np.isfinite(values)
    shape = (len(block.recordings), *values.shape[1:])
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, block.recording_index, np.where(known, values, 0))
    np.add.at(count, block.recording_index, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
