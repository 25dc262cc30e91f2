"""How features of joints become one vector per track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from skeletonmae.skeletons import Skeleton

Pooling = Literal["mean", "joints"]
"""`mean`: mean over persons, time and joints. `joints`: mean over persons and time, joints concatenated."""


def concat_joints(
    features: Float[Tensor, "track joint width"], skeleton: Skeleton, joints: Sequence[str]
) -> Float[Tensor, "track feature"]:
    """Concatenate the features of joints in the order of `joints`, with zeros for those that the layout lacks.

    Args:
        features: Of the joints of the layout, in its order.
        skeleton: The joint layout.
        joints: Names of the joints in the result.
    """
    index = {joint: position for position, joint in enumerate(skeleton.joints)}
    source = torch.tensor([index.get(joint, len(index)) for joint in joints], device=features.device)
    return pad(features, (0, 0, 0, 1)).index_select(1, source).flatten(1)
