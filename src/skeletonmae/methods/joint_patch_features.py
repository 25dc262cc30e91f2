"""From the tracks of a batch to the features of `joint_patch`: tokens, and one vector per clip."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from skeletonmae.batches import Patches, Tracks, patchify
from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.methods.pooling import Pooling, check_last_blocks, concat_joints, pool_sums, sum_time_parts
from skeletonmae.models.joint_patch_transformer import JointPatchEncoder, masked_mean, mean_over_time


def make_patches(encoder: JointPatchEncoder, tracks: Tracks) -> Patches:
    """Cut tracks into the tokens of an encoder; joints that it does not know count as unobserved."""
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, encoder.token_frames, tracks.bridged)
    return encoder.known_patches(patches)


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
    features = encode_tokens(encoder, patches, visible, last_blocks)
    known = tuple(encoder.pos_embed.joint_to_row)
    if time_parts == 1 and pooling == "mean":
        return tracks.mean_over_persons(masked_mean(features, visible))
    if time_parts == 1 and pooling == "joints":
        by_joint = mean_over_time(features, visible, patches.skeleton.num_joints)
        return tracks.mean_over_persons(concat_joints(by_joint, patches.skeleton, known))
    features = features.float()
    if visible.valid is not None:
        features = features * visible.valid[..., None]  # padding repeats a token
    num_tokens = patches.available.flatten(1).shape[1]
    tokens = features.new_zeros(len(features), num_tokens, features.shape[2])
    tokens.scatter_add_(1, visible.index[..., None].expand_as(features), features)
    total = sum_time_parts(tokens.view(*patches.available.shape, features.shape[2]), time_parts)
    count = sum_time_parts(patches.available.float(), time_parts)
    skeleton = patches.skeleton
    return tracks.mean_over_persons(pool_sums(total, count, skeleton.joints, skeleton, pooling, known))


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
