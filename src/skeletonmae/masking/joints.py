"""Mask joints in all frames of a clip, for methods without tokens."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import SampleRng
from skeletonmae.batches.constants import constant
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.masking.mask import lowest_k
from skeletonmae.skeletons import Skeleton


class JointMasking(Protocol):
    """A masking strategy for joints."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], rng: SampleRng
    ) -> Bool[Tensor, "track joint"]:
        """Draw the hidden joints of every track.

        Args:
            skeleton: The joint layout.
            available: Joints that were observed in at least one frame.
            rng: One random stream per track.

        Raises:
            InputError: The layout lacks a part that is to be hidden, or has no others.
        """


class FixedParts(Config):
    """Hide the same body parts in every clip.

    Source: the experiments of Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023, section 4.
    """

    kind: Literal["parts"] = "parts"
    parts: tuple[str, ...] = Field(("right_arm", "right_leg"), min_length=1)
    """Names of body parts of the layout, such as `head`, `torso`, `left_arm`, `right_leg`."""

    def __call__(
        self,
        skeleton: Skeleton,
        available: Bool[Tensor, "track joint"],
        rng: SampleRng,  # noqa: ARG002
    ) -> Bool[Tensor, "track joint"]:
        """Return the available joints of the parts, for every track."""
        if unknown := [part for part in self.parts if part not in skeleton.parts]:
            problem = f"layout {skeleton.name} has no part {unknown[0]!r}"
            expected = f"some of {', '.join(skeleton.parts)}"
            raise InputError(problem, where="method.joint_masking.parts", expected=expected)
        joints = {joint for part in self.parts for joint in skeleton.parts[part]}
        _check_some_stay_visible(skeleton, len(joints), skeleton.num_joints, "joints")
        hidden = constant(tuple(joint in joints for joint in skeleton.joints), torch.bool, available.device)
        return hidden & available


class RandomParts(Config):
    """Hide random body parts of each person (Yan et al., ICCV 2023, section 3.2)."""

    kind: Literal["random_parts"] = "random_parts"
    num_parts: int = Field(2, ge=1)
    """Number of hidden parts among those with an observed joint. At least one of these stays visible."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], rng: SampleRng
    ) -> Bool[Tensor, "track joint"]:
        """Draw the parts of every track."""
        _check_some_stay_visible(skeleton, self.num_parts, len(skeleton.parts), "parts")
        part_index = constant(tuple(skeleton.part_index.tolist()), torch.int64, available.device)
        is_in_part = part_index == torch.arange(len(skeleton.parts), device=part_index.device)[:, None]
        available_parts = (available[:, None] & is_in_part).any(2)
        num_hidden = torch.full_like(part_index[:1], self.num_parts)
        hidden_parts = _lowest_available(rng.uniform(len(skeleton.parts)), available_parts, num_hidden)
        return hidden_parts[:, part_index] & available


class RandomJoints(Config):
    """Hide a random share of the joints of each person."""

    kind: Literal["random_joints"] = "random_joints"
    ratio: float = Field(0.5, gt=0, lt=1)
    """Share of the observed joints, rounded. If two or more are observed, at least one is hidden and one stays."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], rng: SampleRng
    ) -> Bool[Tensor, "track joint"]:
        """Draw the joints of every track."""
        num_hidden = (available.sum(1) * self.ratio).round().long().clamp(min=1)
        return _lowest_available(rng.uniform(skeleton.num_joints), available, num_hidden)


def _check_some_stay_visible(skeleton: Skeleton, num_hidden: int, num_total: int, noun: str) -> None:
    if num_hidden >= num_total:
        problem = f"all {noun} of layout {skeleton.name} would be hidden"
        expected = f"fewer than its {num_total} {noun}"
        if noun == "parts" and num_total == 1:
            expected = "a layout with several parts, or {kind: random_joints}"
        raise InputError(problem, where="method.joint_masking", expected=expected, got=num_hidden)


def _lowest_available(
    noise: Float[Tensor, "track item"], available: Bool[Tensor, "track item"], num: Int64[Tensor, " some"]
) -> Bool[Tensor, "track item"]:
    """Return the `num` available items of each track with the lowest noise, but never all of them."""
    num = torch.minimum(num, available.sum(1) - 1)
    return lowest_k(noise.masked_fill(~available, torch.inf), num[:, None])


JOINT_MASKINGS: dict[str, type[Config]] = {
    "parts": FixedParts,
    "random_parts": RandomParts,
    "random_joints": RandomJoints,
}
"""Kind -> masking strategy for joints."""
