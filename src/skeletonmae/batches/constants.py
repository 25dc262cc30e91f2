"""Small tensors of numbers that never change, copied to a device once."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=256)
def constant(values: tuple[object, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor of numbers on a device; it is shared, so do not change it.

    A copy from the host to a GPU waits until the GPU has done all its work. In every step, it would keep the host
    from preparing the next kernels meanwhile.

    Args:
        values: The numbers, which may be nested tuples.
        dtype: Of the result.
        device: Of the result.
    """
    with torch.inference_mode(False):  # the next call may be in training
        return torch.tensor(values, dtype=dtype, device=device)
