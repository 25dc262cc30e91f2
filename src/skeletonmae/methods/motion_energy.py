"""How much a joint moves around each frame, as the weight of its error."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Patches

WINDOW_FRAMES = (4, 8, 12)
"""Lengths of the windows in which the motion energy is measured."""
STRENGTH = 0.01
"""Share of the mean energy at which a joint's error has half of its weight."""
RELATIVE_EPSILON = 1e-6
"""What a still joint has of the mean energy."""
SMALLEST_MEAN = 1e-12
"""Lower limit of the mean energy, for clips in which nothing moves; for meters, a standard deviation of 1 µm."""


def motion_energy_weight(patches: Patches) -> Float[Tensor, "track time_step joint frame"]:
    """Return a weight for each frame of each joint: near 0 where the joint is still, near 1 where it moves.

    The energy e of a joint in a window is the mean squared distance from its mean position there; that of a frame
    is the mean over windows of three lengths, which divide the clip from its start on. The weight is
    1 / (1 + k * mean / e), with the mean energy of the person in the clip. It does not depend on the unit.

    Source: AMR, CVPR 2026, arXiv 2606.11450.

    Args:
        patches: Positions, not normalized. Frames that were not observed, or bridged, have no part in the energy.
    """
    num_tracks, time_steps, joints, frames, _ = patches.values.shape
    positions = patches.values.transpose(2, 3).flatten(1, 2)
    measured = patches.measured.transpose(2, 3).flatten(1, 2)
    energy = torch.stack([window_energy(positions, measured, length) for length in WINDOW_FRAMES]).mean(0)
    energy = energy.masked_fill(~measured, 0.0)
    mean = energy.sum((1, 2), keepdim=True) / measured.sum((1, 2), keepdim=True).clamp(min=1)
    mean = mean.clamp(min=SMALLEST_MEAN)
    energy = energy + RELATIVE_EPSILON * mean
    weight = energy / (energy + STRENGTH * mean)
    return weight.view(num_tracks, time_steps, frames, joints).transpose(2, 3)


def window_energy(
    positions: Float[Tensor, "track frame joint axis"], measured: Bool[Tensor, "track frame joint"], length: int
) -> Float[Tensor, "track frame joint"]:
    """Return the energy of each joint in the window that a frame is in.

    Args:
        positions: Of each joint; those that are not measured do not count.
        measured: Whether each joint was observed and not bridged.
        length: Number of frames of a window. The last one has what is left.
    """
    num_frames = positions.shape[1]
    num_missing = -num_frames % length
    positions = torch.nn.functional.pad(positions, (0, 0, 0, 0, 0, num_missing))
    positions = torch.unflatten(positions, 1, (-1, length))
    measured = torch.unflatten(torch.nn.functional.pad(measured, (0, 0, 0, num_missing)), 1, (-1, length))
    count = measured.sum(2, keepdim=True).clamp(min=1)
    positions = positions.masked_fill(~measured[..., None], 0.0)
    mean = positions.sum(2, keepdim=True) / count[..., None]
    squared_distance = (positions - mean).square().sum(-1).masked_fill(~measured, 0.0)
    energy = squared_distance.sum(2, keepdim=True) / count
    return energy.expand_as(squared_distance).flatten(1, 2)[:, :num_frames]
