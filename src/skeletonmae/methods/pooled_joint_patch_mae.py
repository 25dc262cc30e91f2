"""`joint_patch` with the features of windows as targets."""

from __future__ import annotations

import torch

from skeletonmae.batches import Batch
from skeletonmae.masking import Masking, TokenIndex
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import make_patches
from skeletonmae.methods.joint_patch_mae import JointPatchMAE
from skeletonmae.methods.method import MethodOutput, zero_loss
from skeletonmae.methods.method_config import InputSpec
from skeletonmae.methods.pooled_targets import TARGET_STD, PooledTargets


class PooledJointPatchMAE(JointPatchMAE):
    """Mask tokens, encode the visible ones and predict features of windows of several lengths.

    Source: GFP, ICCV 2025, arXiv 2509.03609. The features of the targets must vary over the batch, so the loss of
    a clip depends on the others.
    """

    couples_batch = True

    def __init__(self, config: JointPatchMAEConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__(config, spec, masking)
        rows = self.encoder.pos_embed.joint_to_row
        steps = spec.frames // config.token_frames
        self.pooled = PooledTargets(config.pooled, rows, steps, config.token_frames, spec.axes)

    def forward(self, batch: Batch) -> MethodOutput:
        """Compute the loss of the windows; see `PooledTargets`."""
        if len(batch.tracks) == 0:
            nan = batch.tracks.positions.new_full((), torch.nan)
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), {TARGET_STD: nan})
        patches = make_patches(self.encoder, batch.tracks)
        mask = self.masking(patches, batch.track_rng("mask"))
        tokens = TokenIndex.from_mask(mask.available.flatten(1))
        decoded = self.decode(patches, mask, tokens)
        if tokens.valid is not None:
            decoded = decoded * tokens.valid[..., None]
        index = tokens.index[..., None].expand_as(decoded)
        by_token = decoded.new_zeros(len(decoded), mask.available[0].numel(), decoded.shape[2])
        by_token = by_token.scatter_add(1, index, decoded).view(*mask.available.shape, -1)
        output: MethodOutput = self.pooled(by_token, mask.hidden, patches, self.config.target_norm)
        return output
