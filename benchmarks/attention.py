"""Ways to compute attention on a CPU: milliseconds forward and backward, by length and precision.

    OMP_NUM_THREADS=1 python benchmarks/attention.py

`fused` is torch's kernel, `fused float32` the same kernel on inputs converted to float32, and `products` is
softmax(q k^T) v written out. The choice of `skeletonmae.models.transformer.attend` is based on this table.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

REPEATS = 9
SHAPES = (
    (16, 4, 40, 40),
    (16, 4, 90, 40),
    (16, 4, 130, 130),
    (16, 4, 200, 200),
    (16, 4, 400, 400),
    (4, 8, 750, 750),
)


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return scaled_dot_product_attention(query, key, value)


def fused_float32(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return scaled_dot_product_attention(query.float(), key.float(), value.float()).to(value.dtype)


def products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weight = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
    output: Tensor = weight.float().softmax(3).to(value.dtype) @ value
    return output


FORMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "fused": fused,
    "fused float32": fused_float32,
    "products": products,
}


def seconds(rows: int, heads: int, num_queries: int, num_keys: int, dtype: torch.dtype) -> dict[str, float]:
    """Return the median CPU seconds of each form, called in alternation."""
    query, key, value = (
        torch.randn(rows, length, heads, 32, dtype=dtype, requires_grad=True)
        for length in (num_queries, num_keys, num_keys)
    )
    times: dict[str, list[float]] = {name: [] for name in FORMS}
    for _ in range(REPEATS + 1):
        for name, form in FORMS.items():
            started = time.process_time()
            output = form(*(x.transpose(1, 2) for x in (query, key, value)))
            torch.autograd.backward(output.sum())
            times[name].append(time.process_time() - started)
    return {name: statistics.median(spent[1:]) for name, spent in times.items()}


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    print("| rows x heads, queries x keys, of width 32 | precision | " + " | ".join(FORMS) + " |")
    print("|---|---|" + "---:|" * len(FORMS))
    for rows, heads, num_queries, num_keys in SHAPES:
        for dtype in (torch.bfloat16, torch.float32):
            medians = seconds(rows, heads, num_queries, num_keys, dtype)
            cells = " | ".join(f"{1e3 * value:.1f}" for value in medians.values())
            precision = str(dtype).removeprefix("torch.")
            print(f"| {rows} x {heads}, {num_queries} x {num_keys} | {precision} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
