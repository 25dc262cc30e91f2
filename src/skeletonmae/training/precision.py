"""The precision in which a model computes."""

from __future__ import annotations

import torch

from skeletonmae.config import Precision
from skeletonmae.models.cpu_attention import processor


def uses_bf16(precision: Precision, device: torch.device) -> bool:
    """Return whether a model computes in bfloat16 on a device."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and processor() != "other"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return a context in which a model computes in a precision; outputs may be in bfloat16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(precision, device))
