"""From the tracks of a batch to the features of `joint_patch`: tokens, and one vector per clip."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from skeletonmae.batches import Patches, Tracks, patchify
from skeletonmae.masking import TokenMask
from skeletonmae.methods.pooling import Pooling, concat_joints
from skeletonmae.models.joint_patch_transformer import JointPatchEncoder, masked_mean, mean_over_time


def make_patches(encoder: JointPatchEncoder, tracks: Tracks) -> Patches:
    """Cut tracks into the tokens of an encoder; joints that it does not know count as unobserved."""
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, encoder.token_frames, tracks.bridged)
    return encoder.known_patches(patches)


def embed_tracks(encoder: JointPatchEncoder, tracks: Tracks, pooling: Pooling) -> Float[Tensor, "batch feature"]:
    """Compute one vector per clip from the features of all available tokens."""
    patches = make_patches(encoder, tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    features = encoder(patches, visible)
    if pooling == "mean":
        return tracks.mean_over_persons(masked_mean(features, visible))
    by_joint = mean_over_time(features, visible, patches.skeleton.num_joints)
    return tracks.mean_over_persons(
        concat_joints(by_joint, patches.skeleton, tuple(encoder.pos_embed.joint_to_row))
    )
