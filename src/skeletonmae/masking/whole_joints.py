"""Joints that are hidden in all frames of a clip, for methods that know no tokens."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import SampleRandom
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton


class JointMasking(Protocol):
    """A strategy of hiding joints."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], random: SampleRandom
    ) -> Bool[Tensor, "track joint"]:
        """Draw the hidden joints of every track; `random` has one stream a track.

        Args:
            skeleton: the joint layout.
            available: joints that were observed in any frame.
            random: one stream a track.

        Raises:
            InputError: the layout has not the parts that are to be hidden, or no others.
        """


class Parts(Config):
    """Hide the same body parts in every clip.

    Source: the experiments of Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023, section 4.
    """

    kind: Literal["parts"] = "parts"
    parts: tuple[str, ...] = Field(("right_arm", "right_leg"), min_length=1)
    """Names of the layout's parts, such as `head`, `torso`, `left_arm`, `right_leg`."""

    def __call__(
        self,
        skeleton: Skeleton,
        available: Bool[Tensor, "track joint"],
        random: SampleRandom,  # noqa: ARG002
    ) -> Bool[Tensor, "track joint"]:
        """The available joints of the parts, of every track."""
        if unknown := [part for part in self.parts if part not in skeleton.parts]:
            problem = f"layout {skeleton.name} has no part {unknown[0]!r}"
            raise InputError(problem, where="parts", expected=f"some of {', '.join(skeleton.parts)}")
        joints = {joint for part in self.parts for joint in skeleton.parts[part]}
        _must_leave_some(skeleton, len(joints), skeleton.num_joints, "joints")
        hidden = torch.tensor([joint in joints for joint in skeleton.joints], device=available.device)
        return hidden & available


class RandomParts(Config):
    """Hide some body parts of each person, drawn evenly (Yan et al., ICCV 2023, section 3.2)."""

    kind: Literal["random_parts"] = "random_parts"
    count: int = Field(2, ge=1)
    """How many of the parts of which anything was observed; at least one is left."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], random: SampleRandom
    ) -> Bool[Tensor, "track joint"]:
        """Draw the parts of every track."""
        _must_leave_some(skeleton, self.count, len(skeleton.parts), "parts")
        part = torch.as_tensor(skeleton.part_index, device=available.device)
        seen = torch.stack([available[:, part == number].any(1) for number in range(len(skeleton.parts))], 1)
        num = torch.full_like(part[:1], self.count)
        return _lowest(random.uniform(len(skeleton.parts)), seen, num)[:, part] & available


class RandomJoints(Config):
    """Hide a share of the joints of each person, drawn evenly."""

    kind: Literal["random_joints"] = "random_joints"
    ratio: float = Field(0.5, gt=0, lt=1)
    """Share (rounded) of the joints that were observed; at least one is hidden, if at least one is left."""

    def __call__(
        self, skeleton: Skeleton, available: Bool[Tensor, "track joint"], random: SampleRandom
    ) -> Bool[Tensor, "track joint"]:
        """Draw the joints of every track."""
        num = (available.sum(1) * self.ratio).round().long().clamp(min=1)
        return _lowest(random.uniform(skeleton.num_joints), available, num)


def _must_leave_some(skeleton: Skeleton, hidden: int, there: int, what: str) -> None:
    if hidden >= there:
        problem = f"nothing would be left of layout {skeleton.name}"
        raise InputError(problem, where="hide", expected=f"less than its {there} {what}", got=hidden)


def _lowest(
    noise: Float[Tensor, "track item"], available: Bool[Tensor, "track item"], num: Int64[Tensor, " some"]
) -> Bool[Tensor, "track item"]:
    """The `num` available items of each track with the lowest noise, but never all of them."""
    place = noise.masked_fill(~available, torch.inf).argsort(1).argsort(1)
    return place < torch.minimum(num, available.sum(1) - 1)[:, None]


JOINT_MASKINGS: dict[str, type[Config]] = {
    "parts": Parts,
    "random_parts": RandomParts,
    "random_joints": RandomJoints,
}
"""Kind -> strategy of hiding joints in all frames."""
