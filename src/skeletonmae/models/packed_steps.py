"""Time steps of all tracks packed along one axis, as torch's `PackedSequence` does for sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class PackedSteps:
    """Pack the visible time steps of all tracks along one axis, and pad them to rows again.

    Args:
        visible: Which time steps of each track are packed.
    """

    visible: Bool[Tensor, "track time_step"]

    @cached_property
    def num_visible(self) -> Int64[Tensor, " track"]:
        """Number of packed steps of each track."""
        return self.visible.sum(1)

    @cached_property
    def valid(self) -> Bool[Tensor, "track padded_step"] | None:
        """False for the padding of shorter tracks; None if all tracks have equally many steps."""
        num = self.num_visible
        longest, shortest = (int(num.max()), int(num.min())) if len(num) else (0, 0)
        return None if longest == shortest else torch.arange(longest, device=num.device) < num[:, None]

    @cached_property
    def neighbor_index(self) -> Int64[Tensor, " three_packed_steps"]:
        """For each packed step: the previous one, itself and the next. Counted from 1; 0 if not visible."""
        visible = self.visible.long()
        position = nn.functional.pad(visible.flatten().cumsum(0).view_as(visible) * visible, (1, 1))
        return position.unfold(1, 3, 1)[self.visible].flatten()

    def pad(self, packed: Float[Tensor, "packed_step ..."]) -> Float[Tensor, "track padded_step ..."]:
        """Return one row per track, with zeros after its last step."""
        if self.valid is None:
            return packed.view(len(self.visible), len(packed) // max(1, len(self.visible)), *packed.shape[1:])
        padded = packed.new_zeros(*self.valid.shape, *packed.shape[1:])
        padded[self.valid] = packed
        return padded

    def pack(self, padded: Float[Tensor, "track padded_step ..."]) -> Float[Tensor, "packed_step ..."]:
        """Undo `pad`."""
        return padded.flatten(0, 1) if self.valid is None else padded[self.valid]

    def stack_neighbors(
        self, packed: Float[Tensor, "packed_step channel token"]
    ) -> Float[Tensor, "packed_step three_channels token"]:
        """Concatenate the channels of the previous step, of the step itself and of the next one."""
        _, channels, tokens = packed.shape
        zero_first = torch.cat([packed.new_zeros(1, channels, tokens), packed])
        return zero_first.index_select(0, self.neighbor_index).view(-1, 3 * channels, tokens)
