"""Tracks cut into tokens: a few consecutive frames of one joint each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Patches:
    """Every token of every track.

    Args:
        values: coordinates; 0 where not observed.
        observed: which frames of a token were seen.
        skeleton: the joint layout.
    """

    values: Float[Tensor, "track step joint frame axis"]
    observed: Bool[Tensor, "track step joint frame"]
    skeleton: Skeleton

    @property
    def available(self) -> Bool[Tensor, "track step joint"]:
        """Tokens of which at least one frame was observed: the others are neither shown nor asked for."""
        return self.observed.any(3)

    @property
    def motion(self) -> Float[Tensor, "track step joint"]:
        """Mean absolute difference between a token and the next one of its joint; 0 for the last.

        Source: Mao et al., *Masked Motion Predictors*, ICCV 2023, section 3.3. Frames not observed do not count.
        """
        both = self.observed[:, 1:] & self.observed[:, :-1]
        change = (self.values[:, 1:] - self.values[:, :-1]).abs().mean(-1) * both
        mean = change.sum(-1) / both.sum(-1).clamp(min=1)
        return torch.nn.functional.pad(mean, (0, 0, 0, 1))


def patchify(
    values: Float[Tensor, "track time joint axis"],
    observed: Bool[Tensor, "track time joint"],
    skeleton: Skeleton,
    token_frames: int,
) -> Patches:
    """Cut tracks into tokens of `token_frames` consecutive frames of one joint.

    Raises:
        ValueError: the number of frames is not a multiple of `token_frames`.
    """
    num_tracks, frames, joints, axes = values.shape
    if frames % token_frames:
        raise ValueError(f"{frames} frames cannot be cut into tokens of {token_frames}")
    steps = frames // token_frames
    return Patches(
        values.view(num_tracks, steps, token_frames, joints, axes).transpose(2, 3),
        observed.view(num_tracks, steps, token_frames, joints).transpose(2, 3),
        skeleton,
    )
