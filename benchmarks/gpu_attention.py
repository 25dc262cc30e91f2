"""The kernels that torch has for attention on a GPU, and how long each takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from skeletonmae.models import transformer

KERNELS = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
HEADS, HEAD_WIDTH = 8, 32
NEW_ROWS = 5
"""How many other numbers of rows are tried, for the seconds that a kernel takes when it first sees one."""


@contextmanager
def allowed_kernels(name: str) -> Iterator[None]:
    """Let the transformer use the kernel `name` in the block; `default` leaves the choice to it."""
    before = transformer.CUDA_KERNELS
    if name != "default":
        transformer.CUDA_KERNELS = [KERNELS[name], SDPBackend.MATH]
    try:
        yield
    finally:
        transformer.CUDA_KERNELS = before


def measure_attention(
    device: torch.device, rows: int, num_queries: int, num_keys: int, repeats: int
) -> dict[str, Any]:
    """Time each kernel forward and backward, with inputs in the layout in which the transformer has them.

    Args:
        device: Where to compute.
        rows: Number of rows, of 8 heads of width 32.
        num_queries: Number of queries of a row.
        num_keys: Number of keys of a row.
        repeats: Number of calls, of which the fastest counts.

    Returns:
        For each kernel without and with a mask for padding the seconds, or why it does not run.
    """
    row: dict[str, Any] = {"rows": rows, "queries": num_queries, "keys": num_keys, "kernels": {}}
    for name in KERNELS if device.type == "cuda" else ("default",):
        row["kernels"][name] = {
            what: _measure_kernel(name, _inputs(device, rows, num_queries, num_keys, has_mask=has_mask), repeats)
            for what, has_mask in (("no mask", False), ("mask", True))
        }
    return row


def _inputs(
    device: torch.device, rows: int, num_queries: int, num_keys: int, *, has_mask: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return queries, keys with values, and the mask."""
    numbers = {"device": device, "dtype": torch.bfloat16, "requires_grad": True}
    query = torch.randn(rows, num_queries, HEADS, HEAD_WIDTH, **numbers)  # type: ignore[arg-type]
    both = torch.randn(rows, num_keys, 2, HEADS, HEAD_WIDTH, **numbers)  # type: ignore[arg-type]
    if not has_mask:
        return query, both, None
    mask = torch.ones(rows, 1, 1, num_keys, dtype=torch.bool, device=device)
    mask[::2, :, :, num_keys // 2 :] = False
    return query, both, mask


def _measure_kernel(name: str, inputs: tuple[Tensor, Tensor, Tensor | None], repeats: int) -> dict[str, Any]:
    query, both, mask = inputs
    on_gpu = query.device.type == "cuda"

    def call(rows: int) -> None:
        key, value = (part.transpose(1, 2) for part in both[:rows].unbind(2))
        masked = None if mask is None else mask[:rows]
        with sdpa_kernel(KERNELS[name]) if name in KERNELS else nullcontext():
            out = scaled_dot_product_attention(query[:rows].transpose(1, 2), key, value, masked)
        torch.autograd.backward(out, torch.ones_like(out))

    def seconds(rows: int) -> float:
        if on_gpu:
            torch.cuda.synchronize()
        started = time.perf_counter()
        call(rows)
        if on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    rows = len(query)
    try:
        seconds(rows)
    except RuntimeError as error:  # this kernel does not take such inputs
        return {"error": str(error).splitlines()[0][:200]}
    first = [seconds(rows - less) for less in range(1, min(rows, NEW_ROWS + 1))]
    return {"seconds": min(seconds(rows) for _ in range(repeats)), "new_rows_seconds": sum(first) / len(first)}
