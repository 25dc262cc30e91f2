"""The last vectors that a method computed, with the recordings that they belong to."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

UNKNOWN = -1
"""Number of a recording that is not known, and of an entry that was never filled."""


class MemoryQueue(nn.Module):
    """A first-in, first-out queue of vectors (He et al., *Momentum Contrast*, CVPR 2020).

    A queue of as many entries as there are recordings holds the last vector of each of them after one epoch, and
    none is older than an epoch.

    Args:
        size: Maximum number of entries.
        width: Of a vector.
    """

    vectors: Tensor
    recording: Tensor
    next_entry: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(size, width))
        self.register_buffer("recording", torch.full((size,), UNKNOWN))
        self.register_buffer("next_entry", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, vectors: Float[Tensor, "clip width"], recording: Int64[Tensor, " clip"]) -> None:
        """Replace the oldest entries.

        Args:
            vectors: To add; of more than the queue holds, the last are kept.
            recording: Number of the recording of each vector; `UNKNOWN` for those that nobody may use.
        """
        size = len(self.vectors)
        vectors, recording = vectors[-size:], recording[-size:]
        entries = (self.next_entry + torch.arange(len(vectors), device=vectors.device)) % size
        self.vectors.index_copy_(0, entries, vectors.to(self.vectors.dtype))
        self.recording.index_copy_(0, entries, recording)
        self.next_entry.add_(len(vectors)).remainder_(size)

    def usable(self, recording: Int64[Tensor, " clip"]) -> Bool[Tensor, "clip entry"]:
        """Return which entries are of another recording than each clip.

        Args:
            recording: Number of the recording of each clip.
        """
        return (self.recording != UNKNOWN) & (self.recording != recording[:, None])


def queue_size(maximum: int, num_recordings: int | None) -> int:
    """Return the size of a queue: `maximum`, or the number of recordings if that is smaller and known."""
    return maximum if not num_recordings else min(maximum, num_recordings)
