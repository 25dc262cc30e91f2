"""Match the joints of a layout, by name, to those that a model has weights for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from skeletonmae.errors import InputError
from skeletonmae.skeletons import Skeleton


def known_joints(
    joint_to_row: Mapping[str, int], skeleton: Skeleton, device: torch.device
) -> Bool[Tensor, " joint"]:
    """Return which joints of a layout the model knows.

    Args:
        joint_to_row: the model's joints, by name.
        skeleton: the joint layout.
        device: of the result.
    """
    return torch.tensor([joint in joint_to_row for joint in skeleton.joints], device=device)


def joint_rows(
    joint_to_row: Mapping[str, int], skeleton: Skeleton, device: torch.device
) -> Int64[Tensor, " joint"]:
    """Return the model's row of each joint of a layout; 0 for unknown joints.

    Args:
        joint_to_row: the model's joints, by name.
        skeleton: the joint layout.
        device: of the result.
    """
    return torch.tensor([joint_to_row.get(joint, 0) for joint in skeleton.joints], device=device)


def check_any_joint_known(joints: Mapping[str, int] | tuple[str, ...], skeleton: Skeleton) -> None:
    """Check that the model can use a layout at all.

    Args:
        joints: names of the model's joints.
        skeleton: the joint layout.

    Raises:
        InputError: the model knows none of its joints.
    """
    if not set(joints) & set(skeleton.joints):
        expected = f"some of {', '.join(sorted(joints))}"
        raise InputError(f"the model knows no joint of layout {skeleton.name}", expected=expected)
