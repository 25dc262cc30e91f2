"""How features of tokens become one vector per track."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton

Pooling = Literal["mean", "joints", "parts", "statistics"]
"""`mean`: mean over time and joints. `joints`: mean over time of each joint, concatenated. `parts`: mean over time
and joints of each body part, concatenated. `statistics`: the same, and after it the standard deviation over time
of each joint, averaged over the joints of each body part (statistics pooling: Snyder et al., *X-Vectors*, ICASSP
2018); not of the last block, but of the block at two thirds of the depth; only encoders of `joint_patch` have it.
All are then averaged over persons."""

BODY_PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
"""The parts of a human body, in the order of a feature."""


def part_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Return the parts in a feature: the six of a human body, if the layout has any, and then its other parts."""
    body = BODY_PARTS if set(BODY_PARTS) & set(skeleton.parts) else ()
    return (*body, *(part for part in skeleton.parts if part not in body))


def num_pooled(pooling: Pooling, skeleton: Skeleton, known_joints: Sequence[str]) -> int:
    """Return how many means a feature consists of, per part of time.

    Args:
        pooling: How tokens are averaged.
        skeleton: The joint layout.
        known_joints: Names of the joints that the model knows.
    """
    return {"mean": 1, "joints": len(known_joints), "parts": len(part_names(skeleton))}[pooling]


def pool_statistics(
    tokens: Float[Tensor, "track time joint width"],
    available: Bool[Tensor, "track time joint"],
    joints: Sequence[str],
    skeleton: Skeleton,
) -> Float[Tensor, "track feature"]:
    """Concatenate the mean over time and joints of each body part, and the mean of the deviations of its joints.

    Args:
        tokens: The tokens; 0 where they are not available.
        available: Which tokens there are.
        joints: Names of the joints along the axis `joint`.
        skeleton: The joint layout, whose body parts count.
    """
    flags = available.to(tokens.dtype)
    total, count = tokens.sum(1), flags.sum(1)
    mean = total / count.clamp(min=1)[..., None]
    squares = ((tokens - mean[:, None]) ** 2 * flags[..., None]).sum(1)
    deviation = (squares / count.clamp(min=1)[..., None]).sqrt()
    is_seen = (count > 0).to(tokens.dtype)
    pooled = [
        pool_sums(values[:, None], number[:, None], joints, skeleton, "parts", joints)
        for values, number in ((total, count), (deviation, is_seen))
    ]
    return torch.cat(pooled, 1)


def statistics_blocks(num_blocks: int) -> int:
    """Return how many blocks are run for `statistics`: two thirds of them."""
    return -(-2 * num_blocks // 3)


def check_pooling(pooling: Pooling) -> None:
    """Check that an encoder without `statistics` is not asked for them.

    Raises:
        InputError: It is.
    """
    if pooling == "statistics":
        expected = "an encoder of joint_patch; or pooling mean, joints or parts"
        raise InputError("this encoder has no pooling statistics", expected=expected)


def sum_time_parts(
    values: Float[Tensor, "track time *rest"], time_parts: int
) -> Float[Tensor, "track part *rest"]:
    """Sum over time within each of several parts of equal length.

    Time step t of T is in part floor(t * time_parts / T).

    Args:
        values: One entry per time step.
        time_parts: Number of parts.

    Raises:
        InputError: There are fewer time steps than parts.
    """
    num_steps = values.shape[1]
    check_time_parts(time_parts, num_steps)
    bounds = [-(-part * num_steps // time_parts) for part in range(time_parts + 1)]
    return torch.stack([values[:, start:end].sum(1) for start, end in pairwise(bounds)], 1)


def pool_sums(
    total: Float[Tensor, "track part joint width"],
    count: Float[Tensor, "track part joint"],
    joints: Sequence[str],
    skeleton: Skeleton,
    pooling: Pooling,
    known_joints: Sequence[str],
) -> Float[Tensor, "track feature"]:
    """Average the tokens of all joints, of each joint, or of each body part; 0 where there are none.

    Args:
        total: Sums of the tokens of each joint within each part of time.
        count: Numbers of these tokens.
        joints: Names of the joints along the axis `joint`.
        skeleton: The joint layout, whose body parts count.
        pooling: What is averaged.
        known_joints: Names of the joints that the model knows, in the order of the result of `joints`.
    """
    if pooling == "joints":
        return _concat(total / count.clamp(min=1)[..., None], joints, known_joints)
    if pooling == "mean":
        total, count = total.sum(2, keepdim=True), count.sum(2, keepdim=True)
    else:
        part_of = {joint: part for part, members in skeleton.parts.items() for joint in members}
        groups = [
            torch.tensor([row for row, joint in enumerate(joints) if part_of.get(joint) == part], dtype=torch.long)
            for part in part_names(skeleton)
        ]
        total, count = (
            torch.stack([each.index_select(2, group.to(each.device)).sum(2) for group in groups], 2)
            for each in (total, count)
        )
    return (total / count.clamp(min=1)[..., None]).flatten(1)


def concat_joints(
    features: Float[Tensor, "track joint width"], skeleton: Skeleton, joints: Sequence[str]
) -> Float[Tensor, "track feature"]:
    """Concatenate the features of joints in the order of `joints`, with zeros for those that the layout lacks.

    Args:
        features: Of the joints of the layout, in its order.
        skeleton: The joint layout.
        joints: Names of the joints in the result.
    """
    return _concat(features, skeleton.joints, joints)


def _concat(
    features: Float[Tensor, "track *part joint width"], joints: Sequence[str], order: Sequence[str]
) -> Float[Tensor, "track feature"]:
    index = {joint: position for position, joint in enumerate(joints)}
    source = torch.tensor([index.get(joint, len(index)) for joint in order], device=features.device)
    return pad(features, (0, 0, 0, 1)).index_select(-2, source).flatten(1)


def check_time_parts(time_parts: int, num_steps: int) -> None:
    """Check that a clip has enough time steps.

    Raises:
        InputError: It has fewer time steps than parts.
    """
    if time_parts > num_steps:
        expected = f"at most the {num_steps} time steps of a clip"
        raise InputError("a clip cannot be divided into so many parts", expected=expected, got=time_parts)


def check_last_blocks(last_blocks: int, num_blocks: int) -> None:
    """Check that an encoder returns the features of so many blocks.

    Raises:
        InputError: It does not.
    """
    if last_blocks > num_blocks:
        expected = f"at most {num_blocks}, of which the method returns features"
        raise InputError("the features of so many blocks cannot be averaged", expected=expected, got=last_blocks)
