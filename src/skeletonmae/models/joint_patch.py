"""The `joint_patch` encoder and decoder: a token is a few frames of one joint."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.batches import Patches
from skeletonmae.errors import InputError
from skeletonmae.masking import Picks, TokenMask
from skeletonmae.models.transformer import Block, init_weights
from skeletonmae.skeletons import Skeleton

PLACE_SCALE = 0.5
"""Standard deviation of fresh places: as large as an embedded token, so that short trainings tell tokens apart."""


class Places(nn.Module):
    """Learned places of time and of joint; joints are known by name.

    Args:
        joints: the names that have a place. A layout may have others: those have none.
        steps: how many time steps there are.
        width: of the tokens.
    """

    def __init__(self, joints: tuple[str, ...], steps: int, width: int) -> None:
        super().__init__()
        self.row = {joint: place for place, joint in enumerate(joints)}
        self.time = nn.Parameter(torch.randn(steps, width) * PLACE_SCALE)
        self.joint = nn.Parameter(torch.randn(len(joints), width) * PLACE_SCALE)

    def known(self, skeleton: Skeleton) -> Bool[Tensor, " joint"]:
        """Which joints of a layout have a place."""
        return torch.tensor([joint in self.row for joint in skeleton.joints], device=self.joint.device)

    def forward(self, skeleton: Skeleton) -> Float[Tensor, "token width"]:
        """The place of every token in (step, joint) order; joints without one get that of time alone."""
        rows = torch.tensor([self.row.get(joint, 0) for joint in skeleton.joints], device=self.joint.device)
        joint = self.joint[rows] * self.known(skeleton)[:, None]
        return (self.time[:, None] + joint[None]).flatten(0, 1)


class JointPatchEncoder(nn.Module):
    """Tokens to features; only the tokens it is shown are computed.

    Args:
        joints: names of the joints it knows.
        steps: time steps of a clip.
        token_frames: frames of a token.
        axes: coordinates of a joint.
        width: of the tokens.
        depth: number of blocks.
        heads: of each block.
        mlp_ratio: of each block.
        dropout: of each block.
        drop_path: of the last block; it grows linearly from 0 at the first.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        *,
        steps: int,
        token_frames: int,
        axes: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.steps, self.token_frames, self.axes, self.width = steps, token_frames, axes, width
        # A token is its coordinates and, for each frame, whether it was observed.
        self.embed = nn.Linear(token_frames * (axes + 1), width)
        self.places = Places(joints, steps, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio, dropout=dropout, drop_path=drop_path * layer / max(1, depth - 1))
            for layer in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.apply(init_weights)

    def available(self, patches: Patches) -> Bool[Tensor, "track step joint"]:
        """Tokens that can be shown: observed, and of a joint that has a place.

        Raises:
            InputError: the clip has another number of steps, frames a token or axes, or no joint is known.
        """
        _, steps, _, frames, axes = patches.values.shape
        mine, its = (self.steps, self.token_frames, self.axes), (steps, frames, axes)
        if mine != its:
            named = "time steps, frames a token, axes"
            raise InputError(f"the clip does not fit the model ({named})", expected=mine, got=its)
        known = self.places.known(patches.skeleton)
        if not known.any():
            raise InputError(
                f"the model knows no joint of layout {patches.skeleton.name}",
                expected=sorted(self.places.row),
            )
        return patches.available & known

    def forward(self, patches: Patches, shown: Picks) -> Float[Tensor, "track pick width"]:
        """Features of the shown tokens."""
        values = torch.cat([patches.values.flatten(3), patches.observed.to(patches.values.dtype)], dim=3)
        x = self.embed(shown.take(values.flatten(1, 2))) + self.places(patches.skeleton)[shown.index]
        for block in self.blocks:
            x = block(x, shown.valid)
        out: Tensor = self.norm(x)
        return out


class JointPatchDecoder(nn.Module):
    """Features of the visible tokens to the coordinates of the hidden ones.

    `self`: all tokens, with a mask token for the hidden ones, attend to each other (He et al., CVPR 2022).
    `cross`: only the asked tokens, which attend to the encoder's output and not to each other (Fu et al.,
    *Rethinking Patch Dependence for Masked Autoencoders*, 2024).

    Args:
        joints: names of the joints it knows.
        steps: time steps of a clip.
        values: how many numbers it says for each token.
        encoder_width: of what it is given.
        width: of its own tokens.
        depth: number of blocks.
        heads: of each block.
        mlp_ratio: of each block.
        cross: which of the two.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        *,
        steps: int,
        values: int,
        encoder_width: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        cross: bool,
    ) -> None:
        super().__init__()
        self.cross = cross
        self.embed = nn.Linear(encoder_width, width)
        self.mask_token = nn.Parameter(torch.randn(width) * 0.02)
        self.places = Places(joints, steps, width)
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio, cross=cross) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.say = nn.Linear(width, values)
        self.apply(init_weights)

    def forward(
        self, latent: Float[Tensor, "track visible width"], mask: TokenMask, asked: Picks, skeleton: Skeleton
    ) -> Float[Tensor, "track asked value"]:
        """What it says of the tokens `asked`."""
        kept, places = self.embed(latent), self.places(skeleton)
        if self.cross:
            x = self.mask_token + places[asked.index]
            for block in self.blocks:
                x = block(x, mask.visible.valid, kept + places[mask.visible.index])
        else:
            x = mask.restore(kept, self.mask_token) + places
            available = mask.available.flatten(1)
            valid = None if bool(available.all()) else available
            for block in self.blocks:
                x = block(x, valid)
            x = asked.take(x)
        said: Tensor = self.say(self.norm(x))
        return said


def mean_tokens(features: Float[Tensor, "track pick width"], shown: Picks) -> Float[Tensor, "track width"]:
    """Mean over the tokens that count."""
    if shown.valid is None:
        return features.sum(1) / max(1, features.shape[1])
    weight = shown.valid.to(features.dtype)
    return torch.einsum("tpw,tp->tw", features, weight) / weight.sum(1, keepdim=True).clamp(min=1)


def mean_over_time(
    features: Float[Tensor, "track pick width"],
    shown: Picks,
    joint_row: Int64[Tensor, " joint"],
    num_rows: int,
) -> Float[Tensor, "track row width"]:
    """Mean over time for each joint the model knows; 0 for joints that were never shown.

    Args:
        features: of the shown tokens.
        shown: which they are.
        joint_row: the model's row of each joint of the layout.
        num_rows: how many joints the model knows.
    """
    tracks, _, width = features.shape
    row = joint_row[shown.index % len(joint_row)]
    weight = features.new_ones(row.shape) if shown.valid is None else shown.valid.to(features.dtype)
    total = features.new_zeros(tracks, num_rows, width)
    total.scatter_add_(1, row[..., None].expand_as(features), features * weight[..., None])
    count = features.new_zeros(tracks, num_rows).scatter_add_(1, row, weight)
    return total / count.clamp(min=1)[..., None]
