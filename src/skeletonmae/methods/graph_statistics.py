"""Mean and spread of the positions of target joints, from which the targets of `graph` are computed."""

from __future__ import annotations

import torch
import torch.distributed
from jaxtyping import Float, Int64
from torch import Tensor, nn

MOMENTUM = 0.01
"""Weight of a new batch in the running statistics; the first batches have equal weights."""
MIN_VARIANCE = 1e-12
"""Smaller variances, relative to the mean square of coordinates above 1, are those of rounding."""


class JointStatistics(nn.Module):
    """Running mean of the target positions, and their variance within joints, for each axis.

    They are buffers, so a checkpoint has them and a stopped run resumes with them. `add` collects the sums of a
    batch and `update` applies them after the step, over all micro-batches and processes. Before the first update,
    a batch is described by its own statistics. In evaluation, the running ones apply.

    Args:
        axes: Number of coordinates.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, axes: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(axes))
        self.register_buffer("running_var", torch.ones(axes))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self._sums: Tensor | None = None  # count, sum and sum of squares of each joint, (joint, 1 + 2 axes)

    @torch.no_grad()
    def add(
        self, positions: Float[Tensor, "node axis"], joint: Int64[Tensor, " node"], num_joints: int
    ) -> tuple[Float[Tensor, " axis"], Float[Tensor, " axis"]]:
        """Return mean and variance that apply to a batch, and in training collect its sums.

        Args:
            positions: Of the joints that are targets.
            joint: Which joint each of them is.
            num_joints: Number of joints of the layout.
        """
        if not self.training:
            return self.running_mean, self.running_var
        exact = positions.double()  # before the square, or its rounding looks like a spread
        values = torch.cat([torch.ones_like(exact[:, :1]), exact, exact.square()], 1)
        sums = values.new_zeros(num_joints, values.shape[1]).index_add_(0, joint, values)
        is_same_layout = self._sums is not None and self._sums.shape == sums.shape  # as all batches of a run
        self._sums = self._sums + sums if self._sums is not None and is_same_layout else sums
        mean, var = _mean_and_var(sums, self.running_mean, self.running_var)
        is_first = self.num_batches_tracked == 0
        return torch.where(is_first, mean, self.running_mean), torch.where(is_first, var, self.running_var)

    @torch.no_grad()
    def update(self) -> None:
        """Apply the sums that were collected since the last call; a step without any target does not count.

        All processes call this together, each after `add`, even if it had no target.
        """
        if self._sums is None:
            return
        sums, self._sums = self._sums, None
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        self.num_batches_tracked += sums[:, 0].sum() > 0
        weight = (1.0 / self.num_batches_tracked.clamp(min=1)).clamp(min=MOMENTUM)
        mean, var = _mean_and_var(sums, self.running_mean, self.running_var)
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(var, weight)


def _mean_and_var(
    sums: Float[Tensor, "joint value"], mean: Float[Tensor, " axis"], var: Float[Tensor, " axis"]
) -> tuple[Float[Tensor, " axis"], Float[Tensor, " axis"]]:
    """Return the mean over all nodes and the variance within joints; `mean` and `var` where there is too little.

    The variance is that around the mean of each joint, in double precision because it is a difference of sums.
    """
    axes = len(mean)
    count, total, square = sums[:, :1], sums[:, 1 : 1 + axes], sums[:, 1 + axes :]
    num = count.sum().clamp(min=1)
    within = (square - total.square() / count.clamp(min=1)).sum(0) / num
    batch_mean = (total.sum(0) / num).to(mean.dtype)
    has_any = count.sum() > 0
    has_spread = within > MIN_VARIANCE * (square.sum(0) / num).clamp(min=1)
    return torch.where(has_any, batch_mean, mean), torch.where(has_spread, within.to(var.dtype), var)
