"""A model with all that happens to a recording before it, as one module of dense tensors, for ONNX."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.export.resample import Clip, Resample
from skeletonmae.export.steps import make_steps
from skeletonmae.export.tokens import DescribedTokens, NamedTokens
from skeletonmae.methods import Pooling
from skeletonmae.methods.described_pooling import GROUPS, canonical_joints, group_of_joint, pooled_layout
from skeletonmae.methods.pooling import pool_statistics, pool_sums, statistics_blocks, sum_time_parts
from skeletonmae.models import JointPatchEncoder
from skeletonmae.skeletons import Skeleton
from skeletonmae.transforms import ClipConfig

INPUT_NAMES = ("positions", "observed", "num_frames", "fps")
"""Inputs of every graph, as in `Resample.forward`."""


class Features(NamedTuple):
    """The features of recordings.

    Args:
        values: The features.
        is_seen: Whether a joint that the model knows is observed in the clip of each recording.
    """

    values: Float[Tensor, "batch feature"]
    is_seen: Bool[Tensor, " batch"]


class RecordingEncoder(nn.Module):
    """From recordings to features: the clip, its transforms and stream, the encoder of `joint_patch`, the pooling.

    Persons, and tokens that were never observed, are not left out but masked, so that no shape depends on them.

    Args:
        encoder: The encoder; its weights are shared.
        clips: The settings of the clips.
        skeleton: The layout of the recordings.
        pooling: Which tokens are averaged; `groups` is that of a fine-tuned classifier of any layout.
        time_parts: Number of parts of the clip that are averaged separately.
        max_parts: Number of body parts that are kept with pooling `parts`, from the first; None for all.
        axes: Number of coordinates of the recordings; None for those of the encoder.
    """

    def __init__(
        self,
        encoder: JointPatchEncoder,
        clips: ClipConfig,
        skeleton: Skeleton,
        pooling: Pooling | Literal["groups"],
        time_parts: int = 1,
        max_parts: int | None = None,
        axes: int | None = None,
    ) -> None:
        super().__init__()
        axes = axes or encoder.axes
        self.pooling, self.time_parts, self.max_parts = pooling, time_parts, max_parts
        self.resample = Resample(clips)
        self.steps = make_steps(clips, skeleton, axes)
        self.tokens: NamedTokens | DescribedTokens
        if encoder.described:
            self.tokens = DescribedTokens(encoder, skeleton, has_depth=axes == 3)
            self.skeleton = pooled_layout(skeleton)
            self.token_joints, self.model_joints = self.skeleton.joints, canonical_joints(self.skeleton)
        else:
            self.tokens = NamedTokens(encoder, skeleton)
            self.skeleton, self.token_joints = skeleton, self.tokens.joints
            self.model_joints = tuple(encoder.pos_embed.joint_to_row)
        self.encoder = encoder
        groups = group_of_joint(skeleton) if pooling == "groups" else ()
        self.groups = [
            [row for row, group in enumerate(groups) if group == number] for number in range(len(GROUPS))
        ]

    def forward(
        self,
        positions: Float[Tensor, "batch person time joint axis"],
        observed: Bool[Tensor, "batch person time joint"],
        num_frames: Int64[Tensor, " batch"],
        fps: Float[Tensor, " batch"],
    ) -> Features:
        """Compute the features of recordings; see `Resample.forward` for the inputs."""
        clip = self.clip(positions, observed, num_frames, fps)
        is_present = clip.observed.flatten(2).any(2)
        tokens, available = self.encode(clip)
        flags = available.to(tokens.dtype)
        if self.pooling == "statistics":
            tokens = tokens * flags[..., None]
            by_track = pool_statistics(tokens, available, self.token_joints, self.skeleton)
        elif self.pooling == "groups":
            by_track = self._mean_over_groups((tokens * flags[..., None]).sum(1), flags.sum(1))
        else:
            total, count = (
                sum_time_parts(values, self.time_parts) for values in (tokens * flags[..., None], flags)
            )
            by_track = pool_sums(total, count, self.token_joints, self.skeleton, self.pooling, self.model_joints)
        if self.max_parts:
            num_sets = 2 if self.pooling == "statistics" else self.time_parts
            by_part = torch.unflatten(by_track, 1, (num_sets, -1, self.encoder.width))
            by_track = by_part[:, :, : self.max_parts].flatten(1)
        by_person = torch.unflatten(by_track, 0, is_present.shape)
        weight = is_present.to(by_person.dtype)[..., None]
        features = (by_person * weight).sum(1) / weight.sum(1).clamp(min=1)
        return Features(features, available.view(is_present.shape[0], -1).any(1))

    def clip(self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor) -> Clip:
        """Return what the model sees of recordings: resampled, transformed, and as the stream."""
        clip: Clip = self.resample(positions, observed, num_frames, fps)
        for step in self.steps:
            clip = step(clip)
        return clip

    def encode(
        self, clip: Clip
    ) -> tuple[Float[Tensor, "track time_step joint width"], Bool[Tensor, "track time_step joint"]]:
        """Compute the features of all tokens of all persons, and which of them were observed."""
        x, available = self.tokens(clip)
        is_inside = self.pooling == "statistics"
        num_blocks = statistics_blocks(len(self.encoder.blocks)) if is_inside else None
        for block in self.encoder.blocks[:num_blocks]:
            x = block(x, attn_mask=available.flatten(1))
        x = x if is_inside else self.encoder.norm(x)
        return torch.unflatten(x, 1, available.shape[1:]), available

    def _mean_over_groups(
        self, total: Float[Tensor, "track joint width"], count: Float[Tensor, "track joint"]
    ) -> Float[Tensor, "track feature"]:
        """Average the tokens of the joints of each group, as `embed_groups` does."""
        means = []
        for members in self.groups:
            index = torch.tensor(members, dtype=torch.int64)
            num = count.index_select(1, index).sum(1).clamp(min=1)
            means.append(total.index_select(1, index).sum(1) / num[:, None])
        return torch.stack(means, 1).flatten(1)


class EncoderGraph(nn.Module):
    """From recordings to features.

    Args:
        encoder: From recordings to features.
    """

    def __init__(self, encoder: RecordingEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the features of recordings, and of which of them the encoder saw anything."""
        features: Features = self.encoder(positions, observed, num_frames, fps)
        return features.values, features.is_seen


class ClassifierGraph(nn.Module):
    """From recordings to the probabilities of a fine-tuned classifier.

    Args:
        encoder: From recordings to features.
        head: From features to logits.
    """

    def __init__(self, encoder: RecordingEncoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(
        self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the probabilities of the classes, and of which recordings the encoder saw anything."""
        features: Features = self.encoder(positions, observed, num_frames, fps)
        logits = self.head(features.values)
        return probabilities_of(logits), features.is_seen


class FittedGraph(nn.Module):
    """From recordings to the calibrated probabilities of a classifier of `fit`.

    Args:
        encoder: From recordings to features: `RecordingEncoder` or `CoordinateEncoder`.
        scores: The head, from features to scores.
        novelty: From features and probabilities to how far they are from the training clips.
        temperature: Divides the scores before the softmax.
    """

    def __init__(
        self,
        encoder: nn.Module,
        scores: nn.Module,
        novelty: nn.Module,
        temperature: float,
    ) -> None:
        super().__init__()
        self.encoder, self.scores, self.novelty, self.temperature = encoder, scores, novelty, temperature

    def forward(
        self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return probabilities, novelties, and of which recordings the encoder saw anything."""
        features: Features = self.encoder(positions, observed, num_frames, fps)
        probabilities = probabilities_of(self.scores(features.values) / self.temperature)
        novelty = self.novelty(features.values, probabilities)
        return probabilities.float(), novelty.float(), features.is_seen


def probabilities_of(logits: Float[Tensor, "batch class"]) -> Float[Tensor, "batch class"]:
    """Return the softmax of logits; NaN where one is not finite, which onnxruntime's softmax does not show."""
    is_finite = logits.isfinite().all(1, keepdim=True)
    return torch.where(is_finite, logits.softmax(1), torch.nan)
