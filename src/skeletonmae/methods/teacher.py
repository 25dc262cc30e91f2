"""A teacher: a moving average of the encoder, whose features of the whole clip are the targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Patches
from skeletonmae.errors import InputError
from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.methods.method import MethodOutput
from skeletonmae.methods.moving_average import MovingAverage, MovingAverageConfig
from skeletonmae.methods.targets import reconstruction_loss
from skeletonmae.models.joint_patch_transformer import JointPatchEncoder
from skeletonmae.models.known_joints import joint_rows

EPSILON = 1e-5
"""Added to the variance of a layer's features."""
CENTER_MOMENTUM = 0.9
"""Of the moving average of `center` (Caron et al., *DINO*, ICCV 2021)."""
OVER_TOKENS, OVER_CLIPS = "target_variance_over_tokens", "target_variance_over_clips"
RAW_OVER_TOKENS = "feature_variance_over_tokens"


class TeacherConfig(MovingAverageConfig):
    """The teacher of `target: teacher`.

    Source: Xu et al., *Skeleton2vec*, 2024 (arXiv 2401.00921), and its public code. The target of `layers: 1` is
    the squared-error form of Abdelfattah and Alahi, *S-JEPA*, ECCV 2024.
    """

    layers: Literal["all"] | int = "all"
    """Number of blocks, from the last, whose normalized outputs are averaged."""
    center: bool = False
    """Subtract from the features of each token their mean over clips, a moving average over batches. What all
    clips share at a time step and joint, such as its position embedding, is then no part of the target."""
    min_variance: float = Field(1e-3, ge=0)
    """A run is stopped when the variance of the targets over tokens, or over clips, is below this, or that of the
    features over tokens as a share of their mean square: they have collapsed. 0 never stops it."""
    evaluate: Literal["teacher", "student"] = "teacher"
    """Which encoder is evaluated and fine-tuned. It can be changed for an evaluation."""


class Teacher(MovingAverage):
    """A moving average of an encoder, which sees the whole clip, and the loss against its features.

    Args:
        encoder: The encoder to follow.
        config: The settings.

    Raises:
        ValueError: `config.layers` is not a number of blocks of the encoder.
    """

    module: JointPatchEncoder
    config: TeacherConfig
    mean: Tensor | None

    def __init__(self, encoder: JointPatchEncoder, config: TeacherConfig) -> None:
        super().__init__(encoder, config)
        depth = len(encoder.blocks)
        self.register_buffer("mean", torch.zeros(*_embedding_shape(encoder)) if config.center else None)
        self.pending: tuple[Tensor, Tensor] | None = None  # joints, and what is added to their means
        self.num_layers = depth if config.layers == "all" else config.layers
        if not 1 <= self.num_layers <= depth:
            raise ValueError(f"teacher.layers must be all or from 1 to depth ({depth}); got {config.layers}")

    @property
    def encoder(self) -> JointPatchEncoder:
        """The averaged encoder."""
        return self.module

    def loss(
        self, prediction: Float[Tensor, "track query width"], patches: Patches, queries: TokenIndex
    ) -> MethodOutput:
        """Mean squared error of predicted features.

        Args:
            prediction: Of the queried tokens.
            patches: All tokens.
            queries: Indices of the queried ones.
        """
        outputs, visible = self.layer_outputs(patches)
        features = normalized_mean(outputs, visible, patches)
        if self.mean is not None:
            features = self.centered(features, patches)
        target = queries.gather(nn.functional.layer_norm(features, features.shape[-1:]))
        observed = torch.ones_like(queries.index, dtype=torch.bool) if queries.valid is None else queries.valid
        output = reconstruction_loss(prediction[:, :, None], target[:, :, None], observed[..., None])
        logs = variances(features, patches.available.flatten(1))
        logs[RAW_OVER_TOKENS] = varying_share(outputs, visible.valid)
        return MethodOutput(output.loss, output.num_terms, logs)

    @torch.no_grad()
    def layer_outputs(self, patches: Patches) -> tuple[list[Float[Tensor, "track visible width"]], TokenIndex]:
        """Compute the outputs of the last blocks, before any norm, and the tokens that they are of.

        Args:
            patches: All tokens; the teacher sees all that are available.
        """
        visible = TokenMask.all_visible(patches.available).visible_index
        outputs = self.encoder.block_outputs(patches, visible)[-self.num_layers :]
        return [output.float() for output in outputs], visible

    @torch.no_grad()
    def layer_mean(self, patches: Patches) -> Float[Tensor, "track token width"]:
        """Compute the mean over layers of their outputs, normalized over the tokens of a track; 0 if unavailable.

        Args:
            patches: All tokens; the teacher sees all that are available.
        """
        return normalized_mean(*self.layer_outputs(patches), patches)

    @torch.no_grad()
    def centered(
        self, features: Float[Tensor, "track token width"], patches: Patches
    ) -> Float[Tensor, "track token width"]:
        """Subtract the mean over clips, and keep what `update` has to add to it.

        Args:
            features: Of all tokens.
            patches: The tokens.
        """
        assert self.mean is not None
        rows = joint_rows(self.encoder.pos_embed.joint_to_row, patches.skeleton, features.device)
        mean = self.mean.index_select(1, rows).flatten(0, 1)
        is_token = patches.available.flatten(1)[..., None].to(features.dtype)
        out = (features - mean) * is_token
        # The mean of what is left; 0 where no track has the token.
        shift = out.sum(0) / is_token.sum(0).clamp(min=1)
        self.pending = rows, shift.view(self.mean.shape[0], len(rows), -1)
        return out

    @torch.no_grad()
    def update(self, module: nn.Module, step: int, num_steps: int) -> None:
        """Move the weights, and the mean over clips if there is one; see `MovingAverage.update`."""
        super().update(module, step, num_steps)
        if self.mean is not None and self.pending is not None:
            rows, shift = self.pending
            self.mean.index_add_(1, rows, shift, alpha=1.0 - CENTER_MOMENTUM)
        self.pending = None

    def check_logs(self, logs: Mapping[str, float]) -> None:
        """Stop a run whose teacher gives all tokens, or all clips, the same features.

        Raises:
            InputError: A variance is below `config.min_variance`.
        """
        same_tokens = "all tokens of a clip"
        checked = {OVER_TOKENS: same_tokens, RAW_OVER_TOKENS: same_tokens, OVER_CLIPS: "a token in all clips"}
        for name, meaning in checked.items():
            if logs[name] < self.config.min_variance:
                raise InputError(
                    f"the teacher has collapsed: it gives {meaning} the same features, so there is nothing left to"
                    " learn; a lower learning rate, a longer warm-up or a shorter method.teacher.span helps",
                    expected=f"{name} of at least {self.config.min_variance:g}",
                    got=f"{logs[name]:.2g}",
                )


def _embedding_shape(encoder: JointPatchEncoder) -> tuple[int, int, int]:
    """Numbers of time steps and of known joints, and the width."""
    return len(encoder.pos_embed.time), len(encoder.pos_embed.joint), encoder.width


@torch.no_grad()
def normalized_mean(
    outputs: list[Float[Tensor, "track visible width"]], visible: TokenIndex, patches: Patches
) -> Float[Tensor, "track token width"]:
    """Return the mean over layers of their outputs, normalized over the tokens of a track; 0 if unavailable.

    Args:
        outputs: Of each layer.
        visible: The tokens that they are of.
        patches: All tokens.
    """
    total = torch.stack([instance_norm(output, visible.valid) for output in outputs]).mean(0)
    num_tokens = patches.available[0].numel()
    features = total.new_zeros(len(total), num_tokens, total.shape[2])
    return features.scatter_add_(1, visible.index[..., None].expand_as(total), total)


@torch.no_grad()
def varying_share(
    outputs: list[Float[Tensor, "track token width"]], valid: Bool[Tensor, "track token"] | None
) -> Tensor:
    """Return the variance of outputs over the tokens of a track, as a share of their mean square.

    It is a mean over layers, before `instance_norm`, after which a single layer always has the variance 1; NaN
    where no track has two tokens.

    Args:
        outputs: Of each layer.
        valid: Tokens that count. None if all do.
    """
    x = torch.stack(outputs)
    is_token = x.new_ones(x.shape[1:3]) if valid is None else valid.to(x.dtype)
    weight = is_token[..., None] / is_token.sum(1).clamp(min=1)[:, None, None]
    mean = (x * weight).sum(2, keepdim=True)
    variance = ((x - mean).square() * weight).sum(2).mean(2)
    square = (x.square() * weight).sum(2).mean(2)
    has_two = (is_token.sum(1) > 1).to(x.dtype)
    share = variance / square.clamp(min=torch.finfo(x.dtype).tiny)
    return (share.mean(0) * has_two).sum() / has_two.sum()  # 0 / 0 is NaN


def instance_norm(
    x: Float[Tensor, "track token width"], valid: Bool[Tensor, "track token"] | None
) -> Float[Tensor, "track token width"]:
    """Normalize each channel of a track to mean 0 and variance 1 over its tokens.

    Args:
        x: The features.
        valid: Tokens that count; the others become 0. None if all do.
    """
    is_token = x.new_ones(x.shape[:2]) if valid is None else valid.to(x.dtype)
    weight = (is_token / is_token.sum(1, keepdim=True).clamp(min=1))[..., None]
    centered = x - (x * weight).sum(1, keepdim=True)
    variance = (centered.square() * weight).sum(1, keepdim=True)
    return centered * torch.rsqrt(variance + EPSILON) * is_token[..., None]


@torch.no_grad()
def variances(
    features: Float[Tensor, "track token width"], available: Bool[Tensor, "track token"]
) -> dict[str, Tensor]:
    """Return how much features vary over the tokens of a track, and over tracks at the same token.

    Both are means over channels; NaN where no track has two tokens, or no token two tracks.

    Args:
        features: Of all tokens.
        available: Tokens that count.
    """
    is_token = available.to(features.dtype)[..., None]
    return {name: _mean_variance(features, is_token, dim) for name, dim in ((OVER_TOKENS, 1), (OVER_CLIPS, 0))}


def _mean_variance(features: Tensor, is_token: Tensor, dim: int) -> Tensor:
    """Mean of the variances along one dimension, where it has at least two entries."""
    count = is_token.sum(dim, keepdim=True)
    centered = (features - (features * is_token).sum(dim, keepdim=True) / count.clamp(min=1)) * is_token
    variance = (centered.square().sum(dim, keepdim=True) / count.clamp(min=1)).mean(-1, keepdim=True)
    has_two = (count > 1).to(features.dtype)
    return (variance * has_two).sum() / has_two.sum()  # 0 / 0 is NaN


def no_variances(like: Tensor) -> dict[str, Tensor]:
    """Return the logs of a batch without observed persons."""
    nan = like.new_full((), torch.nan)
    return {OVER_TOKENS: nan, OVER_CLIPS: nan, RAW_OVER_TOKENS: nan}
