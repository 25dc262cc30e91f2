"""The `sttformer` encoder and decoder: the joints of a tuple of frames attend to each other across the frames.

Source: Qiu et al., *Spatio-Temporal Tuples Transformer for Skeleton-Based Action Recognition*, 2022. A time step
is one tuple, and its tokens are the joints of its frames. The time steps of all tracks are packed along one axis,
`(packed_step, channel, token)`: steps that are entirely hidden take no room, and no layer sees padding.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from skeletonmae.batches import Patches
from skeletonmae.models.known_joints import check_clip_size, joint_rows, keep_known_joints, known_joints
from skeletonmae.models.node_layers import NodeBatchNorm
from skeletonmae.models.packed_steps import PackedSteps
from skeletonmae.skeletons import Skeleton

NEGATIVE_SLOPE = 0.1
"""Of every LeakyReLU."""


class TupleAttention(nn.Module):
    """Attention between the tokens of a tuple, with one map per track and head.

    The map is `static_attn + alpha * tanh(m)`, where m is key times query, averaged over channels and time steps.

    Args:
        channels: Of the tokens.
        tokens: Number of tokens of a tuple.
        heads: Number of maps of each track.
        query_width: Channels of a query.
    """

    def __init__(self, channels: int, tokens: int, heads: int, query_width: int) -> None:
        super().__init__()
        self.heads, self.query_width = heads, query_width
        self.key_query = init_conv(nn.Conv1d(channels, 2 * heads * query_width, 1))
        self.alpha = nn.Parameter(torch.ones(heads))
        self.static_attn = nn.Parameter(torch.full((heads, tokens, tokens), 1.0 / tokens))
        self.register_buffer("pos_embed", sinusoidal_embedding(tokens, channels), persistent=False)
        self.pos_embed: Tensor

    def attention_maps(
        self, x: Float[Tensor, "packed_step channel token"], steps: PackedSteps
    ) -> Float[Tensor, "track head key query"]:
        """Compute the weight of each key (row) for each query (column)."""
        key_query = self.key_query(x + self.pos_embed).unflatten(1, (2, self.heads, self.query_width))
        key, query = steps.pad(key_query).permute(2, 0, 3, 1, 4, 5).flatten(3, 4)
        products = key.transpose(2, 3) @ query
        num_steps = steps.num_visible.clamp(min=1)[:, None, None, None].to(products.dtype)
        dynamic_attn = torch.tanh(products / (self.query_width * num_steps))
        return torch.addcmul(self.static_attn, self.alpha[:, None, None], dynamic_attn)

    def forward(
        self, x: Float[Tensor, "packed_step channel token"], steps: PackedSteps
    ) -> Float[Tensor, "packed_step channel_head token"]:
        """Attend within each tuple; the outputs of the heads are concatenated along the channels."""
        padded = steps.pad(x)
        # One product for all heads and steps, in the layout that the next convolution reads: nothing is repeated.
        maps = self.attention_maps(x, steps).to(x.dtype).transpose(1, 2).flatten(2)
        attended = padded.flatten(1, 2) @ maps
        channels = padded.shape[2] * self.heads
        return steps.pack(attended.view(*padded.shape[:2], channels, padded.shape[3]))


class TupleBlock(nn.Module):
    """Attention in tuples with a convolution over their tokens, a feed-forward network, a temporal convolution.

    The temporal convolution reads zeros for time steps that are not visible.

    Args:
        in_channels: Of the input.
        out_channels: Of the output. A query has a quarter of the larger of the two.
        tokens: Number of tokens of a tuple.
        heads: Of the attention.
    """

    def __init__(self, in_channels: int, out_channels: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.attention = TupleAttention(in_channels, tokens, heads, max(in_channels, out_channels) // 4)
        self.out_proj = conv_bn(heads * in_channels, out_channels, 5)
        self.ffn = conv_bn(out_channels, out_channels)
        self.temporal_conv = conv_bn(3 * out_channels, out_channels)
        changes_width = in_channels != out_channels
        self.residual = conv_bn(in_channels, out_channels) if changes_width else nn.Identity()
        self.temporal_residual = conv_bn(out_channels, out_channels) if changes_width else nn.Identity()
        with torch.no_grad():  # its initial scale is that of the convolution with kernel size 3 that it replaces
            next(self.temporal_conv.parameters()).mul_(3**-0.5)

    def forward(
        self, x: Float[Tensor, "packed_step in_channel token"], steps: PackedSteps
    ) -> Float[Tensor, "packed_step out_channel token"]:
        """Update the tokens."""
        residual = self.residual(x)
        x = leaky_relu_(self.out_proj(self.attention(x, steps)) + residual)
        x = leaky_relu_(self.ffn(x) + residual)
        return leaky_relu_(self.temporal_conv(steps.stack_neighbors(x)) + self.temporal_residual(x))


class STTFormerEncoder(nn.Module):
    """Compute features of the tuples in which anything is visible.

    A mask token replaces the tokens that are not visible; a tuple without visible tokens is left out. The static
    attention maps fix the joints and their order: joints of other layouts are reordered by name.

    Args:
        joints: Names of the joints of a frame, in order.
        tuple_frames: Number of frames of a tuple.
        axes: Number of coordinates of a joint.
        widths: Output channels of each block; the first is also the width of the input embedding.
        heads: Number of attention maps of a block.
    """

    def __init__(
        self, joints: tuple[str, ...], *, tuple_frames: int, axes: int, widths: tuple[int, ...], heads: int
    ) -> None:
        super().__init__()
        self.joint_to_row = {joint: row for row, joint in enumerate(joints)}
        self.tuple_frames, self.axes, self.width = tuple_frames, axes, widths[-1]
        self.embed = nn.Sequential(
            nn.Linear(axes, widths[0], bias=False), NodeBatchNorm(widths[0]), nn.LeakyReLU(NEGATIVE_SLOPE)
        )
        self.mask_token = nn.Parameter(torch.randn(widths[0]) * 0.02)
        self.blocks = nn.ModuleList(
            TupleBlock(in_channels, out_channels, tuple_frames * len(joints), heads)
            for in_channels, out_channels in pairwise((widths[0], *widths))
        )

    def known_patches(self, patches: Patches) -> Patches:
        """Return the patches with the joints that the model does not know marked as unobserved.

        Raises:
            InputError: The clip has another number of axes or frames per tuple, or the model knows none of its
                joints.
        """
        check_clip_size({"frames per tuple": self.tuple_frames, "axes": self.axes}, patches.values.shape[3:])
        return keep_known_joints(patches, self.joint_to_row)

    def joint_rows(self, skeleton: Skeleton) -> Int64[Tensor, " joint"]:
        """Return the model's row of each joint of a layout; 0 for unknown joints."""
        return joint_rows(self.joint_to_row, skeleton, self.mask_token.device)

    def forward(
        self, patches: Patches, visible: Bool[Tensor, "track time_step joint"]
    ) -> tuple[Float[Tensor, "packed_step channel token"], Bool[Tensor, "packed_step token"], PackedSteps]:
        """Compute features of the tuples in which anything is visible.

        Args:
            patches: Joints by `tuple_frames` frames, from `known_patches`.
            visible: The joints of each tuple that the encoder may see.

        Returns:
            The features, which of their tokens are visible, and the time steps that they belong to.
        """
        tracks, time_steps, _, frames, axes = patches.values.shape
        known = known_joints(self.joint_to_row, patches.skeleton, self.mask_token.device)
        rows = self.joint_rows(patches.skeleton)[known]
        values = patches.values.new_zeros(tracks, time_steps, frames, len(self.joint_to_row), axes)
        values[:, :, :, rows] = patches.values.transpose(2, 3)[:, :, :, known]
        is_visible = patches.observed.new_zeros(values.shape[:4])
        is_visible[:, :, :, rows] = (patches.observed & visible[..., None]).transpose(2, 3)[:, :, :, known]
        steps = PackedSteps(is_visible.flatten(2).any(2))
        visible_tokens = is_visible[steps.visible].flatten(1)
        embedded = self.embed(values[is_visible])
        x = self.mask_token.to(embedded.dtype).repeat(*visible_tokens.shape, 1)
        x[visible_tokens] = embedded
        x = x.transpose(1, 2).contiguous()
        for block in self.blocks:
            x = block(x, steps)
        return x, visible_tokens, steps


class STTFormerDecoder(nn.Module):
    """Predict the coordinates of all tuples from the features of the encoded ones.

    Tuples that the encoder left out start from a mask token.

    Args:
        tokens: Number of tokens of a tuple.
        axes: Number of coordinates of a token.
        widths: Channels of the encoder's output, then of each block's output.
        heads: Number of attention maps of a block.
    """

    def __init__(self, tokens: int, axes: int, widths: tuple[int, ...], heads: int) -> None:
        super().__init__()
        self.mask_token = nn.Parameter(torch.randn(widths[0]) * 0.02)
        self.register_buffer("pos_embed", sinusoidal_embedding(tokens, widths[0]), persistent=False)
        self.pos_embed: Tensor
        self.blocks = nn.ModuleList(
            TupleBlock(in_channels, out_channels, tokens, heads) for in_channels, out_channels in pairwise(widths)
        )
        self.head = nn.Conv1d(widths[-1], axes, 1)

    def forward(
        self, latent: Float[Tensor, "packed_step channel token"], steps: PackedSteps
    ) -> Float[Tensor, "track time_step token axis"]:
        """Predict every token of every time step.

        Args:
            latent: The encoder's features.
            steps: The time steps that these belong to.
        """
        encoded = steps.visible.flatten()
        x = (self.mask_token[:, None] + self.pos_embed).to(latent.dtype).repeat(len(encoded), 1, 1)
        x[encoded] = latent
        all_steps = PackedSteps(torch.ones_like(steps.visible))
        for block in self.blocks:
            x = block(x, all_steps)
        prediction: Tensor = self.head(x)
        return prediction.transpose(1, 2).reshape(*steps.visible.shape, *prediction.shape[:0:-1])


def conv_bn(in_channels: int, out_channels: int, kernel_size: int = 1) -> nn.Sequential:
    """Return a convolution over the tokens of a tuple, followed by batch norm."""
    conv = init_conv(nn.Conv1d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False))
    return nn.Sequential(conv, nn.BatchNorm1d(out_channels))


def init_conv(conv: nn.Conv1d) -> nn.Conv1d:
    """Initialize a convolution as the code of STTFormer does, and return it."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return conv


def leaky_relu_(x: Tensor) -> Tensor:
    """LeakyReLU, in place."""
    return leaky_relu(x, NEGATIVE_SLOPE, inplace=True)


def sinusoidal_embedding(tokens: int, channels: int) -> Float[Tensor, "channel token"]:
    """Sines and cosines with wavelengths from 2 pi to 20,000 pi (Vaswani et al., NeurIPS 2017)."""
    rate = 10_000.0 ** (-torch.arange(0, channels, 2) / channels)
    angle = rate[:, None] * torch.arange(tokens)
    return torch.stack([angle.sin(), angle.cos()], 1).flatten(0, 1)[:channels]


def sum_over_time(
    features: Float[Tensor, "packed_step channel token"],
    visible_tokens: Bool[Tensor, "packed_step token"],
    steps: PackedSteps,
    num_joints: int,
    time_parts: int = 1,
) -> tuple[Float[Tensor, "track part joint channel"], Float[Tensor, "track part joint"]]:
    """Sum the visible tokens of each joint within each of several equal parts of the clip, and count them.

    Args:
        features: Of the encoded tuples.
        visible_tokens: Which tokens are visible.
        steps: The time steps that the tuples belong to.
        num_joints: Number of joints of a frame.
        time_parts: Number of parts; time step t of T is in part floor(t * time_parts / T).
    """
    visible = visible_tokens.view(len(visible_tokens), visible_tokens.shape[1] // num_joints, num_joints)
    by_joint = features.reshape(*features.shape[:2], *visible.shape[1:])
    sum_per_step = by_joint.masked_fill(~visible[:, None], 0.0).sum(2).transpose(1, 2)
    count_per_step = visible.sum(1).to(features.dtype)
    num_tracks, num_steps = steps.visible.shape
    track, step = steps.visible.nonzero(as_tuple=True)
    row = track * time_parts + step * time_parts // num_steps
    total = features.new_zeros(num_tracks * time_parts, *sum_per_step.shape[1:]).index_add(0, row, sum_per_step)
    count = features.new_zeros(num_tracks * time_parts, num_joints).index_add(0, row, count_per_step)
    return total.view(num_tracks, time_parts, *total.shape[1:]), count.view(num_tracks, time_parts, num_joints)
