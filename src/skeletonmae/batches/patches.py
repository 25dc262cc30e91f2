"""Tokens: a few consecutive frames of one joint each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Patches:
    """All tokens of all tracks.

    Args:
        values: Coordinates; 0 where not observed.
        observed: Whether the joint was observed, or bridged, in each frame of a token.
        skeleton: The joint layout.
        bridged: Which observed frames are interpolated in a short gap. By default none.
        has_depth: Which tracks have a third coordinate; in the others it is 0 and no target. None for all.
        duration: Seconds of each track's clip; NaN where it is unknown. None if it is unknown for all.
        is_nameless: Tracks whose joints a model knows by their descriptions alone. None for no track.
        clean: The coordinates that targets are made of, if `values` have noise; None if they have not.
    """

    values: Float[Tensor, "track time_step joint frame axis"]
    observed: Bool[Tensor, "track time_step joint frame"]
    skeleton: Skeleton
    bridged: Bool[Tensor, "track time_step joint frame"] = None  # type: ignore[assignment]  # set in __post_init__
    has_depth: Bool[Tensor, " track"] | None = None
    duration: Float[Tensor, " track"] | None = None
    is_nameless: Bool[Tensor, " track"] | None = None
    clean: Float[Tensor, "track time_step joint frame axis"] | None = None

    def __post_init__(self) -> None:
        if self.bridged is None:
            object.__setattr__(self, "bridged", torch.zeros_like(self.observed))

    @property
    def available(self) -> Bool[Tensor, "track time_step joint"]:
        """Whether a token has at least one observed or bridged frame. Others are neither encoded nor predicted."""
        return self.observed.any(3)

    @property
    def measured(self) -> Bool[Tensor, "track time_step joint frame"]:
        """Whether the joint was observed and not bridged in each frame of a token. Only these are targets."""
        return self.observed & ~self.bridged

    @property
    def without_noise(self) -> Patches:
        """The tokens that targets are made of."""
        return self if self.clean is None else replace(self, values=self.clean, clean=None)

    @property
    def motion_intensity(self) -> Float[Tensor, "track time_step joint"]:
        """Mean absolute difference between a token and the next one of its joint; 0 for the last.

        Source: Mao et al., *Masked Motion Predictors*, ICCV 2023, section 3.3. Only frames that are observed in
        both tokens count.
        """
        observed_in_both = self.observed[:, 1:] & self.observed[:, :-1]
        difference = (self.values[:, 1:] - self.values[:, :-1]).abs().mean(-1) * observed_in_both
        mean = difference.sum(-1) / observed_in_both.sum(-1).clamp(min=1)
        return torch.nn.functional.pad(mean, (0, 0, 0, 1))


def patchify(
    values: Float[Tensor, "track time joint axis"],
    observed: Bool[Tensor, "track time joint"],
    skeleton: Skeleton,
    token_frames: int,
    bridged: Bool[Tensor, "track time joint"] | None = None,
) -> Patches:
    """Cut tracks into tokens of `token_frames` consecutive frames of one joint.

    Args:
        values: Coordinates; 0 where not observed.
        observed: Whether each joint was observed, or bridged.
        skeleton: The joint layout.
        token_frames: Number of frames of a token.
        bridged: Which observed joints are bridged; None for none.

    Raises:
        ValueError: The number of frames is not a multiple of `token_frames`.
    """
    num_tracks, num_frames, num_joints, num_axes = values.shape
    if num_frames % token_frames:
        raise ValueError(f"{num_frames} frames cannot be cut into tokens of {token_frames} frames")
    num_steps = num_frames // token_frames
    shape = (num_tracks, num_steps, token_frames, num_joints)
    bridged = torch.zeros_like(observed) if bridged is None else bridged
    return Patches(
        values.view(*shape, num_axes).transpose(2, 3),
        observed.view(shape).transpose(2, 3),
        skeleton,
        bridged.view(shape).transpose(2, 3),
    )
