"""Match the joints of a clip, by name, to those that a model has weights for, and check the size of the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from skeletonmae.batches import Patches
from skeletonmae.batches.constants import constant
from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton


def known_joints(
    joint_to_row: Mapping[str, int], skeleton: Skeleton, device: torch.device
) -> Bool[Tensor, " joint"]:
    """Return which joints of a layout the model knows.

    Args:
        joint_to_row: The model's joints, by name.
        skeleton: The joint layout.
        device: Of the result.
    """
    return constant(tuple(joint in joint_to_row for joint in skeleton.joints), torch.bool, device)


def joint_rows(
    joint_to_row: Mapping[str, int], skeleton: Skeleton, device: torch.device
) -> Int64[Tensor, " joint"]:
    """Return the model's row of each joint of a layout; 0 for unknown joints.

    Args:
        joint_to_row: The model's joints, by name.
        skeleton: The joint layout.
        device: Of the result.
    """
    return constant(tuple(joint_to_row.get(joint, 0) for joint in skeleton.joints), torch.int64, device)


def check_any_joint_known(joints: Mapping[str, int] | tuple[str, ...], skeleton: Skeleton) -> None:
    """Check that the model can use a layout at all.

    Args:
        joints: Names of the model's joints.
        skeleton: The joint layout.

    Raises:
        InputError: The model knows none of its joints.
    """
    if not set(joints) & set(skeleton.joints):
        expected = f"some of {', '.join(sorted(joints))}"
        raise InputError(f"the model knows no joint of layout {skeleton.name}", expected=expected)


def keep_known_joints(patches: Patches, joint_to_row: Mapping[str, int]) -> Patches:
    """Return patches in which the joints that the model does not know are marked as unobserved.

    Args:
        patches: All tokens.
        joint_to_row: The model's joints, by name.

    Raises:
        InputError: The model knows none of the joints.
    """
    check_any_joint_known(joint_to_row, patches.skeleton)
    known = known_joints(joint_to_row, patches.skeleton, patches.values.device)
    observed, bridged = (flags & known[:, None] for flags in (patches.observed, patches.bridged))
    return Patches(patches.values, observed, patches.skeleton, bridged)


def check_clip_size(expected: Mapping[str, int], got: Sequence[int]) -> None:
    """Check that a clip has the size of the clips that a model was built for.

    Args:
        expected: What is counted, such as "axes" -> the number that the model expects.
        got: The numbers of the clip, in the same order.

    Raises:
        InputError: A number is different.
    """
    if list(expected.values()) != list(got):
        expected_text, got_text = (
            ", ".join(f"{number} {name}" for name, number in zip(expected, numbers, strict=True))
            for numbers in (expected.values(), got)
        )
        raise InputError("the clip does not fit the model", expected=expected_text, got=got_text)
