"""The transformer of `joint_patch`: a token is a few frames of one joint."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skeletonmae.batches import Patches
from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.models.joint_description import (
    DurationEmbedding,
    TrackJoints,
)
from skeletonmae.models.known_joints import check_clip_size, keep_known_joints
from skeletonmae.models.position_embedding import position_embedding
from skeletonmae.models.transformer import Block, init_weights


class JointPatchEncoder(nn.Module):
    """Compute features of the visible tokens; the others are not processed.

    Args:
        joints: Names of the joints that the model knows.
        time_steps: Number of time steps of a clip.
        token_frames: Number of frames of a token.
        axes: Number of coordinates of a joint.
        width: Of the tokens.
        depth: Number of blocks.
        heads: Number of attention heads of a block.
        mlp_ratio: Hidden width of a block's MLP divided by `width`.
        dropout: Dropout rate of the blocks.
        drop_path: Stochastic depth rate of the last block; it grows linearly from 0 at the first.
        described: Whether position embeddings are those of `DescribedPositionEmbedding`, so that all joints are
            used. Tokens then also state whether the third coordinate was observed, and how long the clip is.
        motion_scale: If given, the input of a token also has its deviations from its mean position; those far
            below this scale enter in proportion, those far above by their logarithm.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        *,
        time_steps: int,
        token_frames: int,
        axes: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        described: bool = False,
        motion_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.time_steps, self.token_frames, self.axes, self.width = time_steps, token_frames, axes, width
        self.described, self.motion_scale = described, motion_scale
        # The input of a token: its coordinates and, for each frame, whether joint (and depth) were observed.
        num_inputs = axes + (2 if described else 1) + (axes if motion_scale else 0)
        self.patch_embed = nn.Linear(token_frames * num_inputs, width)
        self.pos_embed = position_embedding(joints, time_steps, width, described=described)
        self.duration_embed = DurationEmbedding(width) if described else None
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio, dropout=dropout, drop_path=drop_path * layer / max(1, depth - 1))
            for layer in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.apply(init_weights)
        if self.duration_embed is not None:
            # As if unknown: a random vector would be a large part of the features that nothing removes.
            nn.init.zeros_(self.duration_embed.linear.weight)

    def known_patches(self, patches: Patches) -> Patches:
        """Return the patches with the joints that the model does not know marked as unobserved.

        With descriptions, there are no such joints.

        Raises:
            InputError: The clip has another number of time steps, frames per token or axes, or the model knows
                none of its joints.
        """
        _, time_steps, _, frames, axes = patches.values.shape
        expected = {"time steps": self.time_steps, "frames per token": self.token_frames, "axes": self.axes}
        check_clip_size(expected, (time_steps, frames, axes))
        return patches if self.described else keep_known_joints(patches, self.pos_embed.joint_to_row)

    def forward(self, patches: Patches, visible: TokenIndex) -> Float[Tensor, "track visible width"]:
        """Compute features of the visible tokens.

        Args:
            patches: All tokens.
            visible: Indices of the visible ones.
        """
        x = self.embed_tokens(patches, visible)
        for block in self.blocks:
            x = block(x, attn_mask=visible.valid)
        out: Tensor = self.norm(x)
        return out

    def block_outputs(
        self, patches: Patches, visible: TokenIndex, num_blocks: int | None = None
    ) -> list[Float[Tensor, "track visible width"]]:
        """Compute the output of every block, from the first to the last, before the final norm.

        Args:
            patches: All tokens.
            visible: Indices of the visible ones.
            num_blocks: Number of blocks to run; by default all.
        """
        outputs = [self.embed_tokens(patches, visible)]
        for block in self.blocks[:num_blocks]:
            outputs.append(block(outputs[-1], attn_mask=visible.valid))
        return outputs[1:]

    def embed_tokens(self, patches: Patches, visible: TokenIndex) -> Float[Tensor, "track visible width"]:
        """Compute the input of the first block: linear embeddings of the visible tokens, plus their positions."""
        observed = patches.observed.to(patches.values.dtype)
        inputs = [patches.values.flatten(3), observed]
        if self.described:
            has_depth = patches.has_depth
            inputs.append(observed if has_depth is None else observed * has_depth[:, None, None, None])
        selected = visible.gather(torch.cat(inputs, dim=3).flatten(1, 2))
        if self.motion_scale:
            selected = torch.cat([selected, self.deviations(selected)], dim=2)
        tokens: Tensor = self.patch_embed(selected)
        tokens = tokens + self.pos_embed.positions(track_joints(patches)).at(visible.index)
        if self.duration_embed is not None:
            unknown = patches.values.new_full((len(tokens),), torch.nan)
            seconds = unknown if patches.duration is None else patches.duration
            tokens = tokens + self.duration_embed(seconds)[:, None]
        return tokens

    def deviations(
        self, inputs: Float[Tensor, "track visible input"]
    ) -> Float[Tensor, "track visible frame_and_axis"]:
        """Return the compressed deviations of tokens from their mean positions; 0 where not observed."""
        assert self.motion_scale is not None
        frames, num_values = self.token_frames, self.token_frames * self.axes
        values = torch.unflatten(inputs[..., :num_values], 2, (frames, self.axes))
        observed = inputs[..., num_values : num_values + frames, None]
        mean = values.sum(2, keepdim=True) / observed.sum(2, keepdim=True).clamp(min=1)
        return (torch.asinh((values - mean) / self.motion_scale) * observed).flatten(2)


class JointPatchDecoder(nn.Module):
    """Predict hidden tokens from the features of the visible ones.

    Without `cross`, the available tokens, with a mask token in place of the hidden ones, attend to each other
    (He et al., CVPR 2022). With `cross`, only the queried tokens are processed; they attend to the encoder's
    output and not to each other (Fu et al., *Rethinking Patch Dependence for Masked Autoencoders*, 2024).

    Args:
        joints: Names of the joints that the model knows.
        time_steps: Number of time steps of a clip.
        out_features: Number of predicted values per token.
        encoder_width: Of the encoder's features.
        width: Of the decoder's tokens.
        depth: Number of blocks.
        heads: Number of attention heads of a block.
        mlp_ratio: Hidden width of a block's MLP divided by `width`.
        cross: Cross-attention to the encoder's output instead of self-attention.
        described: Whether position embeddings are those of `DescribedPositionEmbedding`.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        *,
        time_steps: int,
        out_features: int,
        encoder_width: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        cross: bool,
        described: bool = False,
    ) -> None:
        super().__init__()
        self.cross = cross
        self.input_proj = nn.Linear(encoder_width, width)
        self.mask_token = nn.Parameter(torch.randn(width) * 0.02)
        self.pos_embed = position_embedding(joints, time_steps, width, described=described)
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio, cross=cross) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, out_features)
        self.apply(init_weights)

    def forward(
        self,
        latent: Float[Tensor, "track visible width"],
        mask: TokenMask,
        queries: TokenIndex,
        joints: TrackJoints,
    ) -> Float[Tensor, "track query out_feature"]:
        """Predict the queried tokens.

        Args:
            latent: The encoder's features of the visible tokens.
            mask: Of all tokens; only its available tokens are processed.
            queries: Indices of the hidden tokens to predict.
            joints: The joints of the tracks.
        """
        visible_tokens, positions = self.input_proj(latent), self.pos_embed.positions(joints)
        if self.cross:
            visible = mask.visible_index
            x = self.mask_token + positions.at(queries.index)
            for block in self.blocks:
                # Added per block and not once: the gradient would be summed in another order, with other rounding.
                context = visible_tokens + positions.at(visible.index)
                x = block(x, context=context, attn_mask=visible.valid)
        else:
            x = mask.restore(visible_tokens, self.mask_token) + positions.all()
            available = mask.available.flatten(1)
            tokens = TokenIndex.from_mask(available)
            is_sparse = tokens.index.shape[1] < x.shape[1]
            x = tokens.gather(x) if is_sparse else x
            attn_mask = tokens.valid if is_sparse or tokens.valid is None else available
            for block in self.blocks:
                x = block(x, attn_mask=attn_mask)
            if is_sparse:  # where the queried tokens are among the available ones
                position = (available.cumsum(1) - 1).clamp(min=0)
                queries = TokenIndex(position.gather(1, queries.index), queries.valid)
            x = queries.gather(x)
        prediction: Tensor = self.head(self.norm(x))
        return prediction


def track_joints(patches: Patches) -> TrackJoints:
    """Return the joints of some tracks; one that was observed at any time counts as observed."""
    return TrackJoints(patches.skeleton, patches.available.any(1), patches.is_nameless)


def masked_mean(
    features: Float[Tensor, "track visible width"], visible: TokenIndex
) -> Float[Tensor, "track width"]:
    """Mean over the visible tokens of each track; 0 if there are none."""
    if visible.valid is None:
        return features.sum(1) / max(1, features.shape[1])
    is_token = visible.valid.to(features.dtype)
    return torch.einsum("tvw,tv->tw", features, is_token) / is_token.sum(1, keepdim=True).clamp(min=1)


def mean_over_time(
    features: Float[Tensor, "track visible width"], visible: TokenIndex, num_joints: int
) -> Float[Tensor, "track joint width"]:
    """Mean over time of each joint of the layout; 0 for joints without visible tokens.

    Args:
        features: Of the visible tokens.
        visible: Their indices.
        num_joints: Number of joints of the layout.
    """
    tracks, _, width = features.shape
    joint = visible.index % num_joints
    is_token = features.new_ones(joint.shape) if visible.valid is None else visible.valid.to(features.dtype)
    total = features.new_zeros(tracks, num_joints, width)
    total.scatter_add_(1, joint[..., None].expand_as(features), features * is_token[..., None])
    count = features.new_zeros(tracks, num_joints).scatter_add_(1, joint, is_token)
    return total / count.clamp(min=1)[..., None]


def deviation_over_time(
    features: Float[Tensor, "track visible width"], visible: TokenIndex, mean: Float[Tensor, "track joint width"]
) -> Float[Tensor, "track joint width"]:
    """Standard deviation over time of each joint of the layout; 0 for joints with fewer than two visible tokens.

    Args:
        features: Of the visible tokens.
        visible: Their indices.
        mean: Mean of each joint, from `mean_over_time`.
    """
    joint = (visible.index % mean.shape[1])[..., None].expand_as(features)
    variance = mean_over_time((features - mean.gather(1, joint)) ** 2, visible, mean.shape[1])
    is_positive = variance > 0
    return torch.where(is_positive, variance.where(is_positive, 1.0).sqrt(), 0.0)  # its gradient at 0 is infinite
