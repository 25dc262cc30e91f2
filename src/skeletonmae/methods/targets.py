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

Target = Literal["position", "motion", "acceleration", "motion_and_acceleration"]
TargetNorm = Literal["token", "clip", "none"]

EPSILON = 1e-6
"""Added to the variance (He et al., CVPR 2022); for positions in meters, a standard deviation of 1 mm."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Normalized targets of all tokens; `values * std + mean` undoes the normalization.

    A target of several components, such as the motion over several intervals, has the frames of one after those of
    the other: `frame` is then the number of components times the number of frames of a token.

    Args:
        values: 0 where not observed.
        observed: Which frames of a token have a target: those that were observed and not bridged.
        mean: What was subtracted; broadcasts against `values`.
        std: Standard deviation that `values` were divided by; likewise.
        weight: Of the squared error of each frame; None for 1.
    """

    values: Float[Tensor, "track time_step joint frame axis"]
    observed: Bool[Tensor, "track time_step joint frame"]
    mean: Tensor
    std: Tensor
    weight: Float[Tensor, "track time_step joint frame"] | None = None


def num_components(target: Target, intervals: tuple[int, ...]) -> int:
    """Return the number of values that are predicted for each coordinate of a frame."""
    if target == "motion":
        return len(intervals)
    return len(intervals) + 1 if target == "motion_and_acceleration" else 1


def make_targets(
    patches: Patches,
    target: Target,
    target_norm: TargetNorm,
    intervals: tuple[int, ...] = (1,),
    target_floor: float = 0.0,
) -> Targets:
    """Compute the normalized targets of all tokens.

    Args:
        patches: The tokens.
        target: Their positions; their motion: a later frame minus this one; their acceleration: the motion of the
            next frame minus that of this one; or motion and acceleration. Each component is normalized on its own.
        target_norm: `token` normalizes with the mean and variance of all coordinates of the token, as MAE and MAMP
            do; `clip` with those of one axis of the joint over the whole clip, so that the targets of slow and of
            fast joints keep their scale over time; `none` does not.
        intervals: Number of frames that each motion spans (Kim et al., *Global-local Motion Transformer*, ECCV
            2022). A motion has a target where its two frames, in whichever tokens, were observed and not bridged;
            over one frame, as in MAMP, that of the last frame of the clip is 0.
        target_floor: Its square is added to the variance that targets are normalized by.
    """
    components = [patches] if target == "position" else []
    if target in ("motion", "motion_and_acceleration"):
        components += [_motion_patches(patches, interval) for interval in intervals]
    if target in ("acceleration", "motion_and_acceleration"):
        components.append(_acceleration_patches(patches))
    return _concat(
        [_normalize(component, target_norm, patches.has_depth, target_floor) for component in components]
    )


def _normalize(
    patches: Patches, target_norm: TargetNorm, has_depth: Bool[Tensor, " track"] | None, target_floor: float
) -> Targets:
    measured = patches.measured
    observed = coordinates(measured, patches.values.shape[4], has_depth)
    if target_norm == "none":
        zero = patches.values.new_zeros((1,) * 5)
        return Targets(patches.values.masked_fill(~observed, 0.0), measured, zero, zero + 1.0)
    axes_of_mean = (3, 4) if target_norm == "token" else (1, 3)
    count = observed.sum(axes_of_mean, keepdim=True).clamp(min=1)
    # A clone has the memory layout of the values, on which the rounding of their sum depends.
    values = patches.values.clone().masked_fill_(patches.bridged[..., None], 0.0)
    mean = values.sum(axes_of_mean, keepdim=True) / count
    centered = (patches.values - mean).masked_fill(~observed, 0.0)
    std = torch.sqrt(centered.square().sum(axes_of_mean, keepdim=True) / count + (EPSILON + target_floor**2))
    return Targets(centered / std, measured, mean, std)


def _concat(components: list[Targets]) -> Targets:
    if len(components) == 1:
        return components[0]
    values, observed, mean, std = zip(
        *((each.values, each.observed, *_expanded(each)) for each in components), strict=True
    )
    return Targets(torch.cat(values, 3), torch.cat(observed, 3), torch.cat(mean, 3), torch.cat(std, 3))


def _expanded(targets: Targets) -> tuple[Tensor, Tensor]:
    return targets.mean.expand_as(targets.values), targets.std.expand_as(targets.values)


def _motion_patches(patches: Patches, interval: int) -> Patches:
    positions, measured = _by_frame(patches)
    if interval == 1:
        return patchify(*motion(positions, measured), patches.skeleton, patches.values.shape[3])
    return _padded_patches(*_displacement(positions, measured, interval), patches)


def _acceleration_patches(patches: Patches) -> Patches:
    return _padded_patches(*_displacement(*_displacement(*_by_frame(patches), 1), 1), patches)


def _by_frame(
    patches: Patches,
) -> tuple[Float[Tensor, "track time joint axis"], Bool[Tensor, "track time joint"]]:
    return patches.values.transpose(2, 3).flatten(1, 2), patches.measured.transpose(2, 3).flatten(1, 2)


def _displacement(
    values: Float[Tensor, "track time joint axis"], measured: Bool[Tensor, "track time joint"], interval: int
) -> tuple[Float[Tensor, "track earlier joint axis"], Bool[Tensor, "track earlier joint"]]:
    """Return a later frame minus each frame that has one, and whether both were measured."""
    return values[:, interval:] - values[:, :-interval], measured[:, interval:] & measured[:, :-interval]


def _padded_patches(
    values: Float[Tensor, "track earlier joint axis"], measured: Bool[Tensor, "track earlier joint"], like: Patches
) -> Patches:
    """Return the tokens of a clip whose last frames have no value."""
    time_steps, token_frames = like.values.shape[1], like.values.shape[3]
    num_missing = time_steps * token_frames - values.shape[1]
    values = values.masked_fill(~measured[..., None], 0.0)
    values = torch.nn.functional.pad(values, (0, 0, 0, 0, 0, num_missing))
    measured = torch.nn.functional.pad(measured, (0, 0, 0, num_missing))
    return patchify(values, measured, like.skeleton, token_frames)


def reconstruction_loss(
    prediction: Float[Tensor, "*token frame axis"],
    target: Float[Tensor, "*token frame axis"],
    observed: Bool[Tensor, "*token frame"],
    weight: Float[Tensor, "*token frame"] | None = None,
    has_depth: Bool[Tensor, " track"] | None = None,
) -> MethodOutput:
    """Mean squared error of the tokens.

    The error of a token is averaged over its observed coordinates. `num_terms` is the number of tokens with at
    least one observed frame; the others do not count.

    Args:
        prediction: Of each token.
        target: Likewise.
        observed: Which frames of each token count.
        weight: Of the squared error of each frame; None for 1.
        has_depth: Which tracks, along the first axis, have a third coordinate; None for all.
    """
    observed = coordinates(observed, prediction.shape[-1], has_depth)
    error = (prediction - target).square().masked_fill(~observed, 0.0)
    if weight is not None:
        error = error * weight[..., None]
    num_observed = observed.sum((-2, -1))
    num_terms = (num_observed > 0).sum()
    error_per_token = error.sum((-2, -1)) / num_observed.clamp(min=1)
    return MethodOutput(error_per_token.sum() / num_terms.clamp(min=1), num_terms.float())


def coordinates(
    observed: Bool[Tensor, "*any"], num_axes: int, has_depth: Bool[Tensor, " track"] | None
) -> Bool[Tensor, "*any axis"]:
    """Return which coordinates of points were observed: all of an observed point, or all but the third in 2D.

    Args:
        observed: Which points were observed.
        num_axes: Number of coordinates of a point.
        has_depth: Which tracks have a third coordinate; None for all.
    """
    of_point = observed[..., None].expand(*observed.shape, num_axes)
    if has_depth is None:
        return of_point
    is_flat = torch.arange(num_axes, device=observed.device) < 2
    return of_point & (is_flat | has_depth.view(-1, *[1] * observed.ndim))
