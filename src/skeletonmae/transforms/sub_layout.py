"""Clips with the joints of other layouts."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from skeletonmae.batches import Batch
from skeletonmae.batches.constants import constant
from skeletonmae.config import Config
from skeletonmae.skeletons import LAYOUTS, Skeleton


def _sided(*joints: str) -> tuple[str, ...]:
    return tuple(f"{side}_{joint}" for side in ("left", "right") for joint in joints)


_LIMBS = _sided("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_UPPER = ("head", "nose", "neck", "shoulder_center", *_sided("eye", "ear", "shoulder", "elbow", "wrist", "hand"))
PRESETS: dict[str, tuple[str, ...]] = {
    "kinect20": LAYOUTS["kinect20"].joints,
    "coco17": LAYOUTS["coco17"].joints,
    "penn13": LAYOUTS["penn13"].joints,
    "sbu15": LAYOUTS["sbu15"].joints,
    "h36m17": LAYOUTS["h36m17"].joints,
    "limbs": _LIMBS,
    "upper_body": _UPPER,
    "lower_body": ("pelvis", *_sided("hip", "knee", "ankle", "foot")),
    "five_joints": ("head", *_sided("wrist", "ankle")),
    "five_tips": ("head", *_sided("hand", "foot")),
    "hands_and_head": ("head", *_sided("wrist", "hand")),
}
"""Name -> joints to keep, of those that a layout has."""
Preset = Literal[
    "kinect20",
    "coco17",
    "penn13",
    "sbu15",
    "h36m17",
    "limbs",
    "upper_body",
    "lower_body",
    "five_joints",
    "five_tips",
    "hands_and_head",
]
MIN_JOINTS = 3
"""A preset of which a layout has fewer joints is not used."""


class SubLayout(Config):
    """Keep only the joints of another layout in random clips; the others become unobserved.

    Each clip draws one of the presets, of which its own layout must have some joints but not all. A layout without
    such presets is unchanged.
    """

    kind: Literal["sub_layout"] = "sub_layout"
    probability: float = Field(0.5, ge=0, le=1)
    """Probability that a clip loses joints."""
    presets: tuple[Preset, ...] = Field(tuple(PRESETS), min_length=1)  # type: ignore[arg-type]
    """Which layouts and subsets of joints to draw from, each as likely."""

    def __call__(self, batch: Batch) -> Batch:
        """Drop joints in some of the clips."""
        tracks = batch.tracks
        kept = kept_joints(batch.skeleton, self.presets)
        if not kept:
            return batch
        draw = batch.rng("sub_layout").uniform(2)
        every_joint = (True,) * batch.skeleton.num_joints
        table = constant((*kept, every_joint), torch.bool, draw.device)
        preset = (draw[:, 1] * len(kept)).long()
        preset = preset.masked_fill(draw[:, 0] >= self.probability, len(kept))
        is_kept = table[preset].index_select(0, tracks.clip_index)[:, None]
        return batch.with_tracks(tracks.positions, tracks.observed & is_kept)


def kept_joints(skeleton: Skeleton, presets: tuple[str, ...]) -> tuple[tuple[bool, ...], ...]:
    """Return which joints of a layout each preset keeps, without presets that keep too few or all."""
    masks = [tuple(joint in PRESETS[preset] for joint in skeleton.joints) for preset in presets]
    return tuple(dict.fromkeys(mask for mask in masks if MIN_JOINTS <= sum(mask) < skeleton.num_joints))
