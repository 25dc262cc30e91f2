"""The targets of methods that mask tokens, and the loss against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Patches, patchify
from skeletonmae.methods.method import MethodOutput
from skeletonmae.transforms import motion

Target = Literal["position", "motion"]
TargetNorm = Literal["token", "clip"]

EPSILON = 1e-6
"""Added to the variance (He et al., CVPR 2022); for positions in meters, a standard deviation of 1 mm."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Normalized targets of all tokens; `values * std + mean` undoes the normalization.

    Args:
        values: 0 where not observed.
        observed: Which frames of a token have a target: those that were observed and not bridged.
        mean: What was subtracted; broadcasts against `values`.
        std: Standard deviation that `values` were divided by; likewise.
    """

    values: Float[Tensor, "track time_step joint frame axis"]
    observed: Bool[Tensor, "track time_step joint frame"]
    mean: Tensor
    std: Tensor


def make_targets(patches: Patches, target: Target, target_norm: TargetNorm) -> Targets:
    """Compute the normalized targets of all tokens.

    Args:
        patches: The tokens.
        target: Their positions, or their motion: the next frame minus this one.
        target_norm: `token` normalizes with the mean and variance of all coordinates of the token, as MAE and MAMP
            do; `clip` with those of one axis of the joint over the whole clip, so that the targets of slow and of
            fast joints keep their scale over time.
    """
    if target == "motion":
        patches = _motion_patches(patches)
    axes_of_mean = (3, 4) if target_norm == "token" else (1, 3)
    measured = patches.measured
    observed = measured[..., None].expand_as(patches.values)
    count = observed.sum(axes_of_mean, keepdim=True).clamp(min=1)
    # A clone has the memory layout of the values, on which the rounding of their sum depends.
    values = patches.values.clone().masked_fill_(patches.bridged[..., None], 0.0)
    mean = values.sum(axes_of_mean, keepdim=True) / count
    centered = (patches.values - mean).masked_fill(~observed, 0.0)
    std = torch.sqrt(centered.square().sum(axes_of_mean, keepdim=True) / count + EPSILON)
    return Targets(centered / std, measured, mean, std)


def _motion_patches(patches: Patches) -> Patches:
    positions = patches.values.transpose(2, 3).flatten(1, 2)
    observed = patches.measured.transpose(2, 3).flatten(1, 2)
    return patchify(*motion(positions, observed), patches.skeleton, patches.values.shape[3])


def reconstruction_loss(
    prediction: Float[Tensor, "*token frame axis"],
    target: Float[Tensor, "*token frame axis"],
    observed: Bool[Tensor, "*token frame"],
) -> MethodOutput:
    """Mean squared error of the tokens.

    The error of a token is averaged over its observed coordinates. `num_terms` is the number of tokens with at
    least one observed frame; the others do not count.

    Args:
        prediction: Of each token.
        target: Likewise.
        observed: Which frames of each token count.
    """
    observed = observed[..., None].expand_as(prediction)
    error = (prediction - target).square().masked_fill(~observed, 0.0)
    num_observed = observed.sum((-2, -1))
    num_terms = (num_observed > 0).sum()
    error_per_token = error.sum((-2, -1)) / num_observed.clamp(min=1)
    return MethodOutput(error_per_token.sum() / num_terms.clamp(min=1), num_terms.float())
