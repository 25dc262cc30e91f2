"""Position embeddings of `joint_patch`: of each time step, and of each joint by its name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.models.joint_description import (
    DescribedPositionEmbedding,
    TrackJoints,
)
from skeletonmae.models.known_joints import joint_rows, known_joints
from skeletonmae.skeletons import Skeleton

POS_EMBED_STD = 0.5
"""Initial standard deviation of position embeddings: as large as an embedded token, for short trainings."""


@dataclass(frozen=True, eq=False)
class NamedPositions:
    """The position embeddings of tokens, which are the same for all tracks.

    Args:
        table: Of all tokens, in (time step, joint) order.
    """

    table: Float[Tensor, "token width"]

    def at(self, index: Int64[Tensor, "track selected"]) -> Float[Tensor, "track selected width"]:
        """Return the embeddings of some tokens of each track."""
        return self.table[index]

    def all(self) -> Float[Tensor, "token width"]:
        """Return the embeddings of all tokens."""
        return self.table


class PositionEmbedding(nn.Module):
    """Learned embeddings of time steps and joint names, which are added.

    Args:
        joints: Names of the joints that have an embedding. A layout may contain others.
        time_steps: Number of time steps.
        width: Of the tokens.
    """

    def __init__(self, joints: tuple[str, ...], time_steps: int, width: int) -> None:
        super().__init__()
        self.joint_to_row = {joint: row for row, joint in enumerate(joints)}
        self.time = nn.Parameter(torch.randn(time_steps, width) * POS_EMBED_STD)
        self.joint = nn.Parameter(torch.randn(len(joints), width) * POS_EMBED_STD)

    def known_joints(self, skeleton: Skeleton) -> Bool[Tensor, " joint"]:
        """Return which joints of a layout have an embedding."""
        return known_joints(self.joint_to_row, skeleton, self.joint.device)

    def forward(self, skeleton: Skeleton) -> Float[Tensor, "token width"]:
        """Return the embedding of all tokens in (time step, joint) order; unknown joints get that of time only."""
        rows = joint_rows(self.joint_to_row, skeleton, self.joint.device)
        joint = self.joint[rows] * self.known_joints(skeleton)[:, None]
        return (self.time[:, None] + joint[None]).flatten(0, 1)

    def positions(self, joints: TrackJoints) -> NamedPositions:
        """Return the embeddings of the tokens of some tracks."""
        return NamedPositions(self(joints.skeleton))


def position_embedding(
    joints: tuple[str, ...], time_steps: int, width: int, *, described: bool
) -> PositionEmbedding | DescribedPositionEmbedding:
    """Return new position embeddings, of names alone or of descriptions."""
    embedding = DescribedPositionEmbedding if described else PositionEmbedding
    return embedding(joints, time_steps, width)
