"""The size of a body, from its limbs or from the spread of its joints."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch, Tracks
from skeletonmae.batches.constants import constant
from skeletonmae.config import Config
from skeletonmae.skeletons.average_body import AVERAGE_BODY, BODY_SIZE, measured_lengths
from skeletonmae.transforms.geometry import divided_batch

MAX_MEASURED_FRAMES = 16
"""Frames, evenly spaced over the clip, in which a body is measured: more make no difference worth their time."""


class NormalizeSize(Config):
    """Divide each clip by the size of the first person, so that neither the unit nor the person's height matters.

    The size is the median, over frames and over arms, legs and sides of the trunk, of the observed length divided
    by that of an average adult. If none of them is ever observed, it is the median over frames of the spread of
    the observed joints (the root of their mean squared distance from their centroid), divided by that of the same
    joints of an average adult who stands, or by 1 for joints of unknown names. In the result, 1 is half a meter of
    an adult of 1.70 m. Joints that are lost or wrong in less than half of the frames hardly matter. Clips in which
    no size can be measured are unchanged.
    """

    kind: Literal["normalize_size"] = "normalize_size"

    def __call__(self, batch: Batch) -> Batch:
        """Scale every clip."""
        tracks = batch.tracks
        own_size = body_size(tracks)
        size = tracks.of_first_person(own_size > 0, own_size[:, None])[:, 0]
        return divided_batch(batch, torch.where(size > 0, size, 1.0))


def body_size(tracks: Tracks) -> Float[Tensor, " track"]:
    """Return the size of each person, as described at `NormalizeSize`, in units of the positions; 0 if unknown."""
    num_frames = tracks.positions.shape[1]
    step = -(-num_frames // MAX_MEASURED_FRAMES)
    first = (num_frames - 1) % step // 2
    positions, observed = tracks.positions[:, first::step], tracks.observed[:, first::step]
    lengths = measured_lengths(tracks.skeleton)
    size = positions.new_zeros(len(tracks))
    if lengths:
        size = size_of_limbs(positions, observed, lengths)
    joints = tracks.skeleton.joints
    if not size.is_cpu:
        return torch.where(size > 0, size, size_of_spread(positions, observed, joints))
    row = (size == 0).nonzero().squeeze(1)
    if not len(row):
        return size
    return size.index_copy(0, row, size_of_spread(positions[row], observed[row], joints))


def size_of_limbs(
    positions: Float[Tensor, "track frame joint axis"],
    observed: Bool[Tensor, "track frame joint"],
    lengths: tuple[tuple[int, int, float], ...],
) -> Float[Tensor, " track"]:
    """Return the median ratio of observed lengths to expected ones; 0 where no length is ever observed."""
    device = positions.device
    one, other = (constant(tuple(length[end] for length in lengths), torch.int64, device) for end in (0, 1))
    expected = constant(tuple(length[2] for length in lengths), torch.float32, device)
    difference = positions.index_select(2, one) - positions.index_select(2, other)
    ratio = difference.norm(dim=-1) / expected
    return _median(ratio, observed.index_select(2, one) & observed.index_select(2, other))


def size_of_spread(
    positions: Float[Tensor, "track frame joint axis"],
    observed: Bool[Tensor, "track frame joint"],
    joints: tuple[str, ...],
) -> Float[Tensor, " track"]:
    """Return the median spread of the observed joints, relative to that of the same joints of an average adult."""
    known = tuple(joint in AVERAGE_BODY for joint in joints)
    average = tuple(AVERAGE_BODY.get(joint, (0.0, 0.0, 0.0)) for joint in joints)
    device = positions.device
    of_average_body = constant(average, torch.float32, device) / BODY_SIZE
    is_known = observed & constant(known, torch.bool, device)
    use_known = is_known.sum(2, keepdim=True) >= 2
    used = (is_known & use_known) | (observed & ~use_known)  # onnxruntime has no `where` of flags
    expected = _spread(of_average_body.expand(*used.shape, 3), used)
    expected = torch.where(use_known[..., 0] & (expected > 0), expected, 1.0)
    return _median((_spread(positions, used) / expected)[..., None], (used.sum(2, keepdim=True) >= 2))


def _spread(
    positions: Float[Tensor, "track frame joint axis"], used: Bool[Tensor, "track frame joint"]
) -> Float[Tensor, "track frame"]:
    """Return the root mean square of the distances of the joints from their centroid, in each frame."""
    weight = used[..., None] / used.sum(2, keepdim=True).clamp(min=1)[..., None]
    centroid = (positions * weight).sum(2, keepdim=True)
    return (((positions - centroid) ** 2) * weight).sum((2, 3)).sqrt()


def _median(
    values: Float[Tensor, "track frame length"], counts: Bool[Tensor, "track frame length"]
) -> Float[Tensor, " track"]:
    """Return the median of the values that count; 0 if none does."""
    if values.shape[1] * values.shape[2] == 0:
        return values.new_zeros(len(values))
    ordered = values.masked_fill(~counts, torch.inf).flatten(1).sort(1).values
    num = counts.flatten(1).sum(1, keepdim=True)
    middle = ordered.gather(
        1, torch.cat([(num - 1).clamp(min=0) // 2, (num // 2).clamp(max=ordered.shape[1] - 1)], 1)
    )
    return middle.mean(1).where(num[:, 0] > 0, 0.0)
