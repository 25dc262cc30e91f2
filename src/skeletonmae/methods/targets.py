"""What a masked method is asked for: positions or motion, normalised by the token or by the clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Patches, Tracks, patchify
from skeletonmae.transforms import motion

Target = Literal["position", "motion"]
Normalise = Literal["token", "clip"]

EPSILON = 1e-6
"""Added to the variance (He et al., CVPR 2022); a standard deviation of 1 mm for positions in metres."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Normalised values of every token, and what undoes it: `values * spread + mean`.

    Args:
        values: 0 where not observed.
        observed: which values may be asked for.
        mean: that was taken off; broadcasts against `values`.
        spread: standard deviation that it was divided by; likewise.
    """

    values: Float[Tensor, "track step joint frame axis"]
    observed: Bool[Tensor, "track step joint frame"]
    mean: Tensor
    spread: Tensor


def targets_of(tracks: Tracks, target: Target, normalise: Normalise, token_frames: int) -> Targets:
    """The targets of all tokens of some tracks.

    `token`: mean and variance are those of all coordinates of the token, as in MAE and MAMP. `clip`: those of one
    axis of the joint over the whole clip, so that slow joints do not all look alike.
    """
    values, observed = tracks.positions, tracks.observed
    if target == "motion":
        values, observed = motion(values, observed)
    patches: Patches = patchify(values, observed, tracks.skeleton, token_frames)
    over = (3, 4) if normalise == "token" else (1, 3)
    seen = patches.observed[..., None].expand_as(patches.values)
    count = seen.sum(over, keepdim=True).clamp(min=1)
    mean = patches.values.sum(over, keepdim=True) / count
    away = (patches.values - mean).masked_fill(~seen, 0.0)
    spread = torch.sqrt(away.square().sum(over, keepdim=True) / count + EPSILON)
    return Targets(away / spread, patches.observed, mean, spread)
