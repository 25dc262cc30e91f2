"""Features whose channels vary and are not correlated: two terms of the loss of VICReg."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import relu

EPSILON = 1e-4
"""Added to the variance of a channel before its root (Bardes et al., *VICReg*, ICLR 2022)."""


class Decorrelation(NamedTuple):
    """How far features are from channels that vary and are not correlated.

    Args:
        variance: How far the standard deviations are below 1; the mean over channels.
        covariance: The sum of the squared covariances between channels, divided by their number.
        deviation: Standard deviation of each channel.
    """

    variance: Float[Tensor, ""]
    covariance: Float[Tensor, ""]
    deviation: Float[Tensor, " channel"]


def decorrelation(x: Float[Tensor, "row channel"], valid: Bool[Tensor, " row"]) -> Decorrelation:
    """Compute the variance and covariance terms of VICReg.

    Args:
        x: The features.
        valid: Rows that count.
    """
    count = valid.sum()
    centered = (x - (x * valid[:, None]).sum(0) / count.clamp(min=1)) * valid[:, None]
    covariance = centered.T @ centered / (count - 1).clamp(min=1)
    variance = covariance.diagonal()
    deviation = (variance + EPSILON).sqrt()
    off_diagonal = covariance.square().sum() - variance.square().sum()
    return Decorrelation(relu(1.0 - deviation).mean(), off_diagonal / len(variance), deviation)
