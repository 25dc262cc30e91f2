"""Position embeddings of joints that are described by more than their names, so that any layout can be read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot

from skeletonmae.models.known_joints import joint_rows, known_joints
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.description import DESCRIBED_PARTS, LIMBS, ROOT_MOTION, SIDES, describe_joints

NUM_PLACE_FEATURES = 7 + 2 * len(LIMBS)
PLACE_STD = 0.25
"""Initial standard deviation of what time, side, part and place each contribute to a position embedding."""
NUM_OCTAVES = 5
"""The duration of a clip is a phase of waves with periods of 2, 4, 8, ... octaves of its seconds."""


@dataclass(frozen=True, eq=False)
class LayoutTensors:
    """What a layout says of its joints, as tensors on a device; see `JointDescription`.

    Args:
        side: Index in `SIDES`.
        part: Index in `DESCRIBED_PARTS`.
        limb: One-hot kind of the part.
        path: Which joints lie on the way from the body center.
        path_in_part: Those of them that belong to the same part.
        beyond: For each joint, which joints of each kind of part are beyond it: those on whose way it lies.
        same_part: Whether two joints belong to the same part.
        is_further: Whether the second joint lies on the way to the first, or is the first.
        is_joint: False for the path of the body, which is no joint.
    """

    side: Int64[Tensor, " joint"]
    part: Int64[Tensor, " joint"]
    limb: Float[Tensor, "joint limb"]
    path: Float[Tensor, "joint joint"]
    path_in_part: Float[Tensor, "joint joint"]
    beyond: Float[Tensor, "joint joint_and_limb"]
    same_part: Bool[Tensor, "joint joint"]
    is_further: Bool[Tensor, "joint joint"]
    is_joint: Bool[Tensor, " joint"]


@lru_cache(maxsize=256)
def layout_tensors(skeleton: Skeleton, device: torch.device) -> LayoutTensors:
    """Return the description of a layout on a device, copied there once; do not change it."""
    description = describe_joints(skeleton)
    with torch.inference_mode(False):  # the next call may be in training
        side, part, limb = (
            torch.as_tensor(values, dtype=torch.int64, device=device)
            for values in (description.side, description.part, description.limb)
        )
        path = torch.as_tensor(description.path, device=device)
        same_part = torch.as_tensor(description.same_part, device=device)
        identity = torch.eye(len(path), dtype=torch.bool, device=device)
        is_joint = [joint != ROOT_MOTION for joint in skeleton.joints]
        limb_flags = one_hot(limb, len(LIMBS)).float()
        return LayoutTensors(
            side=side,
            part=part,
            limb=limb_flags,
            path=path,
            path_in_part=path * same_part,
            beyond=(path[:, :, None] * limb_flags[:, None]).flatten(1),
            same_part=same_part,
            is_further=(path > 0) | identity,
            is_joint=torch.tensor(is_joint, device=device),
        )


def place_features(
    layout: LayoutTensors, observed: Bool[Tensor, "track joint"]
) -> Float[Tensor, "track joint place_feature"]:
    """Return where in the tree each joint is: numbers of about -1 to 1, from the tree and no name.

    They say how far a joint is from the body center and from the tip beyond it, how far along its limb, how many
    joints that has, and how many joints of each kind of part are beyond it: legs beyond a hip, arms beyond a
    shoulder. Only joints that were observed in the clip count, so that others change nothing. All are 0 for joints
    that were not observed, and for the path of the body.

    Args:
        layout: The description of the layout.
        observed: Which joints of each track were observed.
    """
    observed = observed & layout.is_joint
    count = observed.to(layout.path.dtype)
    depth, along = count @ layout.path.T, count @ layout.path_in_part.T

    def largest(values: Tensor, among: Tensor) -> Tensor:
        """Of each joint: the largest value of the observed joints that `among` has for it."""
        return (values[:, None] * (among & observed[:, None])).amax(2)

    depth_of_body = (depth * count).amax(1, keepdim=True).clamp(min=1)
    tip_depth = largest(depth, layout.is_further.T)
    limb_length = largest(along, layout.same_part)
    share = along / limb_length.clamp(min=1)
    centered = (2 * share - 1) * (limb_length > 0)
    features = torch.stack(
        [
            2 * depth / depth_of_body - 1,
            torch.log2(1 + depth) / 2,
            torch.log2(1 + (tip_depth - depth).clamp(min=0)) / 2,
            centered,
            torch.log2(1 + along) / 2,
            torch.log2(1 + limb_length) / 2,
            torch.log2(1 + count @ layout.same_part.to(count.dtype)) / 3,
        ],
        dim=2,
    )
    beyond = torch.log2(1 + torch.unflatten(count @ layout.beyond, 1, (-1, len(LIMBS)))) / 3
    features = torch.cat([features, centered[..., None] * layout.limb, beyond], dim=2)
    return features * count[..., None]


@dataclass(frozen=True, eq=False)
class TrackJoints:
    """The joints of tracks, as far as their position embeddings depend on them.

    Args:
        skeleton: The joint layout.
        observed: Which joints were observed in each track.
        is_nameless: Tracks whose joints are known by their descriptions alone; None for no track.
    """

    skeleton: Skeleton
    observed: Bool[Tensor, "track joint"]
    is_nameless: Bool[Tensor, " track"] | None = None


@dataclass(frozen=True, eq=False)
class DescribedPositions:
    """The position embeddings of the tokens of some tracks.

    Args:
        table: What does not depend on the track, of each token; with nameless tracks, a second time for these.
        first_row: Row of each track's first token in the table; None if there are no nameless tracks.
        place: What depends on which joints were observed.
        place_embed: The linear map of `place`.
    """

    table: Float[Tensor, "row width"]
    first_row: Int64[Tensor, "track 1"] | None
    place: Float[Tensor, "track joint place_feature"]
    place_embed: nn.Linear

    def at(self, index: Int64[Tensor, "track selected"]) -> Float[Tensor, "track selected width"]:
        """Return the embeddings of some tokens of each track."""
        num_joints = self.place.shape[1]
        track = torch.arange(len(index), device=index.device)[:, None]
        place: Tensor = self.place_embed(self.place[track, index % num_joints])
        row = index if self.first_row is None else index + self.first_row
        return self.table[row] + place

    def all(self) -> Float[Tensor, "track token width"]:
        """Return the embeddings of all tokens of each track."""
        num_tokens = len(self.table) // (1 if self.first_row is None else 2)
        token = torch.arange(num_tokens, device=self.table.device)
        return self.at(token.expand(len(self.place), -1))


class DescribedPositionEmbedding(nn.Module):
    """Learned embeddings of time steps, joint names, sides, body parts and places in the tree, which are added.

    The embedding of a name starts at 0, so that a name that no training clip has is that of an unknown joint.

    Args:
        joints: Names of the joints that have an embedding. A layout may contain others.
        time_steps: Number of time steps.
        width: Of the tokens.
    """

    def __init__(self, joints: tuple[str, ...], time_steps: int, width: int) -> None:
        super().__init__()
        self.joint_to_row = {joint: row for row, joint in enumerate(joints)}
        self.time = nn.Parameter(torch.randn(time_steps, width) * PLACE_STD)
        self.joint = nn.Parameter(torch.zeros(len(joints), width))
        self.side = nn.Parameter(torch.randn(len(SIDES), width) * PLACE_STD)
        self.part = nn.Parameter(torch.randn(len(DESCRIBED_PARTS), width) * PLACE_STD)
        self.place = nn.Linear(NUM_PLACE_FEATURES, width, bias=False)

    def known_joints(self, skeleton: Skeleton) -> Bool[Tensor, " joint"]:
        """Return which joints of a layout have an embedding of their name."""
        return known_joints(self.joint_to_row, skeleton, self.joint.device)

    def positions(self, joints: TrackJoints) -> DescribedPositions:
        """Return the embeddings of the tokens of some tracks, in (time step, joint) order."""
        skeleton, device = joints.skeleton, self.joint.device
        layout = layout_tensors(skeleton, device)
        described = self.side[layout.side] + self.part[layout.part]
        names = self.joint[joint_rows(self.joint_to_row, skeleton, device)] * self.known_joints(skeleton)[:, None]
        named = (self.time[:, None] + (described + names)[None]).flatten(0, 1)
        place = place_features(layout, joints.observed)
        if joints.is_nameless is None:
            return DescribedPositions(named, None, place, self.place)
        nameless = (self.time[:, None] + described[None]).flatten(0, 1)
        first_row = joints.is_nameless[:, None] * len(named)
        return DescribedPositions(torch.cat([named, nameless]), first_row, place, self.place)


class DurationEmbedding(nn.Module):
    """A linear embedding of the logarithm of a clip's seconds, as sines and cosines; a learned one if unknown.

    Args:
        width: Of the embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * NUM_OCTAVES, width)
        self.unknown = nn.Parameter(torch.zeros(width))

    def forward(self, seconds: Float[Tensor, " track"]) -> Float[Tensor, "track width"]:
        """Return the embedding of each duration.

        Args:
            seconds: Durations; those that are NaN, infinite or not above 0 are unknown.
        """
        is_known = seconds.isfinite() & (seconds > 0)
        octave = torch.log2(seconds.where(is_known, 1.0))
        phase = octave[:, None] * (math.pi / 2.0 ** torch.arange(NUM_OCTAVES, device=octave.device))
        known: Tensor = self.linear(torch.cat([phase.sin(), phase.cos()], dim=1))
        return known.where(is_known[:, None], self.unknown.to(known.dtype))
