"""Positions of joints that were not observed are 0."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def set_unobserved_to_zero_(
    positions: Float[Tensor, "*any axis"], observed: Bool[Tensor, "*any"]
) -> Float[Tensor, "*any axis"]:
    """Set positions to 0 where not observed, in place, and return them."""
    if not positions.is_cpu:  # to find the unobserved joints would cost a synchronization
        return positions.masked_fill_(~observed[..., None], 0.0)
    index = _unobserved_index(observed)
    if len(index):
        positions.view(-1, positions.shape[-1]).index_fill_(0, index, 0.0)
    return positions


def with_unobserved_as_zero(
    positions: Float[Tensor, "*any axis"], observed: Bool[Tensor, "*any"]
) -> Float[Tensor, "*any axis"]:
    """Return positions that are 0 where not observed: the given ones if they are, otherwise a copy."""
    if not positions.is_cpu:
        return positions.masked_fill(~observed[..., None], 0.0)
    index = _unobserved_index(observed)
    points = positions.reshape(-1, positions.shape[-1])
    if not len(index) or not points.index_select(0, index).any():
        return positions
    return points.index_fill(0, index, 0.0).view_as(positions)


def any_observed(observed: Bool[Tensor, "*any joint"]) -> Bool[Tensor, "*any"]:
    """Return whether any joint is observed, over the last axis."""
    if not observed.is_cpu:
        return observed.any(-1)
    return torch.from_numpy(observed.numpy().any(-1))  # numpy stops at the first


def true_index(flags: Bool[Tensor, "*any"]) -> Int64[Tensor, " true"]:
    """Return the indices of true flags in the flattened array on the CPU, in less time than `Tensor.nonzero`."""
    return torch.from_numpy(np.flatnonzero(flags.numpy()))


def _unobserved_index(observed: Bool[Tensor, "*any"]) -> Int64[Tensor, " joint"]:
    """Return the indices of unobserved joints in the flattened array on the CPU; mostly, there are none."""
    flags = observed.numpy()
    return torch.from_numpy(np.zeros(0, np.int64) if flags.all() else np.flatnonzero(~flags))
