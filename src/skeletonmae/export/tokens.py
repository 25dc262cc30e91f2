"""From clips to the input of the first block of `joint_patch`, for all tokens of all persons."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from skeletonmae.export.resample import Clip
from skeletonmae.models import JointPatchEncoder
from skeletonmae.models.joint_description import (
    DescribedPositionEmbedding,
    TrackJoints,
    layout_tensors,
    place_features,
)
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.description import with_root_motion


class NamedTokens(nn.Module):
    """The tokens of the joints that an encoder knows by name.

    Args:
        encoder: The encoder.
        skeleton: The layout of the recordings.
    """

    joint_index: Tensor
    position_embedding: Tensor

    def __init__(self, encoder: JointPatchEncoder, skeleton: Skeleton) -> None:
        super().__init__()
        self.encoder = encoder
        self.joints = tuple(joint for joint in skeleton.joints if joint in encoder.pos_embed.joint_to_row)
        index = torch.tensor([skeleton.index[joint] for joint in self.joints])
        self.register_buffer("joint_index", index, persistent=False)
        # Computed here, because layouts have caches that must not see a traced tensor.
        layout = Skeleton("known joints", self.joints, dict.fromkeys(self.joints[1:], self.joints[0]))
        with torch.no_grad():
            table = encoder.pos_embed.positions(TrackJoints(layout, _all_observed(layout))).all()
        self.register_buffer("position_embedding", table, persistent=False)

    def forward(
        self, clip: Clip
    ) -> tuple[Float[Tensor, "track token width"], Bool[Tensor, "track time_step joint"]]:
        """Return the embedded tokens in (time step, joint) order, and which of them were observed."""
        positions = clip.positions.index_select(3, self.joint_index).flatten(0, 1)
        observed = clip.observed.index_select(3, self.joint_index).flatten(0, 1)
        inputs, available = token_inputs(self.encoder, positions, observed)
        return self.encoder.patch_embed(inputs.flatten(1, 2)) + self.position_embedding, available


class DescribedTokens(nn.Module):
    """The tokens of an encoder that reads any layout: all joints, and the path of the body.

    Args:
        encoder: The encoder.
        skeleton: The layout of the recordings.
        has_depth: Whether the recordings are 3D.
    """

    table: Tensor

    def __init__(self, encoder: JointPatchEncoder, skeleton: Skeleton, *, has_depth: bool) -> None:
        super().__init__()
        embedding = encoder.pos_embed
        assert isinstance(embedding, DescribedPositionEmbedding)
        self.encoder, self.place, self.has_depth = encoder, embedding.place, has_depth
        layout = with_root_motion(skeleton)
        self.layout = layout_tensors(layout, torch.device("cpu"))
        with torch.no_grad():
            positions = embedding.positions(TrackJoints(layout, _all_observed(layout)))
        self.register_buffer("table", positions.table, persistent=False)

    def forward(
        self, clip: Clip
    ) -> tuple[Float[Tensor, "track token width"], Bool[Tensor, "track time_step joint"]]:
        """Return the embedded tokens in (time step, joint) order, and which of them were observed."""
        encoder, (batch, persons) = self.encoder, clip.observed.shape[:2]
        root, root_observed = clip.root, clip.root_observed
        if root is None or root_observed is None:
            root = torch.zeros_like(clip.positions[:, :, :, 0])
            root_observed = torch.zeros_like(clip.observed[:, :, :, 0])
        positions = torch.cat([clip.positions, root[:, :, :, None]], 3).flatten(0, 1)
        observed = torch.cat([clip.observed, root_observed[..., None]], 3).flatten(0, 1)
        inputs, available = token_inputs(encoder, positions, observed, has_depth=self.has_depth)
        place: Tensor = self.place(place_features(self.layout, available.any(1)))
        x = encoder.patch_embed(inputs) + place[:, None]
        duration = clip.duration[:, None].expand(batch, persons).flatten()
        assert encoder.duration_embed is not None
        x = x.flatten(1, 2) + self.table + encoder.duration_embed(duration)[:, None]
        return x, available


def token_inputs(
    encoder: JointPatchEncoder,
    positions: Float[Tensor, "track frame joint axis"],
    observed: Bool[Tensor, "track frame joint"],
    *,
    has_depth: bool | None = None,
) -> tuple[Float[Tensor, "track time_step joint input"], Bool[Tensor, "track time_step joint"]]:
    """Return the numbers of each token, and whether it was observed; see `JointPatchEncoder.embed_tokens`.

    Args:
        encoder: The encoder.
        positions: The clips; 0 where not observed.
        observed: Whether each joint was observed, or bridged.
        has_depth: Whether the third coordinate was; None for encoders that are not told.
    """
    shape = (encoder.time_steps, encoder.token_frames)
    values = torch.unflatten(positions, 1, shape).transpose(2, 3)
    flags = torch.unflatten(observed, 1, shape).transpose(2, 3)
    numbers = flags.to(values.dtype)
    parts = [values.flatten(3), numbers]
    if has_depth is not None:
        parts.append(numbers if has_depth else torch.zeros_like(numbers))
    inputs = torch.cat(parts, 3)
    if encoder.motion_scale:
        deviations = encoder.deviations(inputs.flatten(1, 2))
        inputs = torch.cat([inputs, torch.unflatten(deviations, 1, inputs.shape[1:3])], 3)
    return inputs, flags.any(3)


def _all_observed(skeleton: Skeleton) -> Bool[Tensor, "track joint"]:
    return torch.ones(1, skeleton.num_joints, dtype=torch.bool)
