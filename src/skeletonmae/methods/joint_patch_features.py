"""From the tracks of a batch to the features of `joint_patch`: tokens, and one vector per clip."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from skeletonmae.batches import Batch, Patches, Tracks, patchify
from skeletonmae.batches.constants import constant
from skeletonmae.errors import InputError
from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.methods.described_pooling import GROUPS, canonical_joints, group_of_joint, pooled_layout
from skeletonmae.methods.joint_patch_config import DescriptionConfig, InputNoiseConfig
from skeletonmae.methods.pooling import (
    Pooling,
    check_last_blocks,
    concat_joints,
    pool_statistics,
    pool_sums,
    statistics_blocks,
    sum_time_parts,
)
from skeletonmae.methods.targets import coordinates
from skeletonmae.models.joint_patch_transformer import (
    JointPatchEncoder,
    deviation_over_time,
    masked_mean,
    mean_over_time,
)
from skeletonmae.skeletons.description import with_root_motion
from skeletonmae.transforms.sensor import normal_numbers


def make_patches(encoder: JointPatchEncoder, tracks: Tracks) -> Patches:
    """Cut tracks into the tokens of an encoder.

    Joints that it does not know count as unobserved. With descriptions there are none, and the last joint of the
    patches is the path of the body.
    """
    if encoder.described:
        return _described_patches(encoder, tracks)
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, encoder.token_frames, tracks.bridged)
    return encoder.known_patches(patches)


def _described_patches(encoder: JointPatchEncoder, tracks: Tracks) -> Patches:
    positions, observed, bridged = tracks.positions, tracks.observed, tracks.bridged
    root = torch.zeros_like(positions[:, :, 0]) if tracks.root is None else tracks.root
    no_flags = torch.zeros_like(observed[:, :, :1])
    root_observed = no_flags if tracks.root_observed is None else tracks.root_observed[:, :, None]
    patches = patchify(
        torch.cat([positions, root[:, :, None]], dim=2),
        torch.cat([observed, root_observed], dim=2),
        with_root_motion(tracks.skeleton),
        encoder.token_frames,
        torch.cat([bridged, no_flags], dim=2),
    )
    return encoder.known_patches(replace(patches, has_depth=tracks.has_depth, duration=tracks.duration))


def with_dropout(patches: Patches, batch: Batch, config: DescriptionConfig) -> Patches:
    """Return the patches of a training batch without the names and the durations of a share of the clips.

    Args:
        patches: The tokens of the batch.
        batch: The clips.
        config: The shares.
    """
    clip = batch.tracks.clip_index
    is_nameless = (batch.rng("joint names").uniform() < config.name_dropout)[clip]
    is_timeless = (batch.rng("duration").uniform() < config.duration_dropout)[clip]
    duration = batch.tracks.duration.masked_fill(is_timeless, torch.nan)
    return replace(patches, is_nameless=is_nameless, duration=duration)


def with_noise(patches: Patches, batch: Batch, config: InputNoiseConfig) -> Patches:
    """Return the patches of a training batch with noise on a share of the clips, and without it as `clean`.

    Args:
        patches: The tokens of the batch.
        batch: The clips.
        config: The share, and how much.
    """
    clip = batch.tracks.clip_index
    draw = batch.rng("input noise").uniform(2)[clip]
    low, high = config.sigma
    sigma = low * (high / low) ** draw[:, 1]
    sigma = sigma.masked_fill(draw[:, 0] >= config.probability, 0.0)
    noise = normal_numbers(batch.track_rng("input noise of persons"), *patches.values.shape[1:])
    noise = noise * sigma.view(-1, 1, 1, 1, 1)
    is_known = coordinates(patches.observed, patches.values.shape[4], patches.has_depth)
    return replace(patches, values=patches.values + noise.masked_fill(~is_known, 0.0), clean=patches.values)


def embed_tracks(
    encoder: JointPatchEncoder, tracks: Tracks, pooling: Pooling, *, time_parts: int = 1, last_blocks: int = 1
) -> Float[Tensor, "batch feature"]:
    """Compute one vector per clip from the features of all available tokens.

    Args:
        encoder: The encoder.
        tracks: The persons of the clips.
        pooling: Which tokens are averaged.
        time_parts: Number of parts of the clip that are averaged separately.
        last_blocks: Number of blocks whose features are averaged; see `encode_tokens`.
    """
    patches = make_patches(encoder, tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    if pooling == "statistics":
        if (time_parts, last_blocks) != (1, 1):
            problem, got = "pooling statistics is of all of a clip and one block", (time_parts, last_blocks)
            raise InputError(problem, expected="time_parts 1 and last_blocks 1", got=got)
        skeleton = pooled_layout(tracks.skeleton) if encoder.described else tracks.skeleton
        outputs = encoder.block_outputs(patches, visible, statistics_blocks(len(encoder.blocks)))
        tokens = _spread(outputs[-1], visible, patches)
        return tracks.mean_over_persons(pool_statistics(tokens, patches.available, skeleton.joints, skeleton))
    features = encode_tokens(encoder, patches, visible, last_blocks)
    skeleton = pooled_layout(tracks.skeleton) if encoder.described else tracks.skeleton
    known = canonical_joints(skeleton) if encoder.described else tuple(encoder.pos_embed.joint_to_row)
    if time_parts == 1 and pooling == "mean":
        return tracks.mean_over_persons(masked_mean(features, visible))
    if time_parts == 1 and pooling == "joints":
        by_joint = mean_over_time(features, visible, skeleton.num_joints)
        return tracks.mean_over_persons(concat_joints(by_joint, skeleton, known))
    total = sum_time_parts(_spread(features, visible, patches), time_parts)
    count = sum_time_parts(patches.available.float(), time_parts)
    return tracks.mean_over_persons(pool_sums(total, count, skeleton.joints, skeleton, pooling, known))


def _spread(
    features: Float[Tensor, "track visible width"], visible: TokenIndex, patches: Patches
) -> Float[Tensor, "track time joint width"]:
    """Put the features of visible tokens where these are; 0 elsewhere."""
    features = features.float()
    if visible.valid is not None:
        features = features * visible.valid[..., None]  # padding repeats a token
    num_tokens = patches.available.flatten(1).shape[1]
    tokens = features.new_zeros(len(features), num_tokens, features.shape[2])
    tokens.scatter_add_(1, visible.index[..., None].expand_as(features), features)
    return tokens.view(*patches.available.shape, features.shape[2])


def embed_groups(
    encoder: JointPatchEncoder, tracks: Tracks, pooling: Literal["mean", "statistics"] = "mean"
) -> Float[Tensor, "batch feature"]:
    """Compute one vector per clip, of the same size for all layouts that the encoder reads.

    It has the mean over time of each joint that the encoder knows; with descriptions, of each of
    `described_pooling.GROUPS`, over its joints and time.

    Args:
        encoder: The encoder.
        tracks: The persons of the clips.
        pooling: `statistics` appends the standard deviations of what the means are of.
    """
    patches = make_patches(encoder, tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    features = encode_tokens(encoder, patches, visible)
    if encoder.described:
        # As if each group were a joint: the tokens of its joints are averaged.
        group = constant(group_of_joint(tracks.skeleton), torch.int64, visible.index.device)
        visible = TokenIndex(group[visible.index % len(group)], visible.valid)
        num_groups = len(GROUPS)
    else:
        num_groups = tracks.skeleton.num_joints
    pooled = [mean_over_time(features, visible, num_groups)]
    if pooling == "statistics":
        pooled.append(deviation_over_time(features.float(), visible, pooled[0].float()))
    if not encoder.described:
        known = tuple(encoder.pos_embed.joint_to_row)
        pooled = [concat_joints(each, tracks.skeleton, known) for each in pooled]
    return tracks.mean_over_persons(torch.cat([each.flatten(1) for each in pooled], 1))


def encode_tokens(
    encoder: JointPatchEncoder, patches: Patches, visible: TokenIndex, last_blocks: int = 1
) -> Float[Tensor, "track visible width"]:
    """Compute the features of the visible tokens: the mean over the last blocks, each with the final norm.

    The final norm of the encoder is applied to the output of every block, as in the evaluation of DINO (Caron et
    al., *Emerging Properties in Self-Supervised Vision Transformers*, ICCV 2021).

    Args:
        encoder: The encoder.
        patches: All tokens.
        visible: Indices of the visible ones.
        last_blocks: Number of blocks; 1 is the output of the encoder.

    Raises:
        InputError: The encoder has fewer blocks.
    """
    if last_blocks == 1:
        features: Tensor = encoder(patches, visible)
        return features
    check_last_blocks(last_blocks, len(encoder.blocks))
    outputs = encoder.block_outputs(patches, visible)[-last_blocks:]
    return torch.stack([encoder.norm(output) for output in outputs]).mean(0)
