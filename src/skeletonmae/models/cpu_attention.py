"""Softmax attention on CPUs: the form that is the fastest for a processor, a precision and a number of keys.

`benchmarks/attention.py` measures the forms, and `benchmarks/attention.md` has the measurements behind the choice.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

Processor = Literal["amx", "avx512_bf16", "other"]
"""How a CPU multiplies bfloat16 matrices: with AMX tiles, with AVX-512 BF16, or without instructions for it."""
Form = Literal["products", "blocks", "fused", "fused_float32_backward"]
"""`products`: written out as matrix products. `blocks`: the same, a block of rows at a time, which stays in the
cache. `fused`: torch's kernel. `fused_float32_backward`: torch's kernel with the backward pass in float32."""

FORMS: dict[Processor | Literal["float32"], tuple[tuple[int, Form], ...]] = {
    "float32": ((96, "products"), (2**31, "fused")),
    "amx": ((128, "blocks"), (2**31, "fused_float32_backward")),
    "avx512_bf16": ((2**31, "blocks"),),
    "other": ((2**31, "fused_float32_backward"),),
}
"""For float32, and for bfloat16 on each processor: (number of keys, the form for fewer keys than that). The entry
of `amx` is an estimate: the forms have not been measured side by side on such a processor."""
MAX_SAVED_KEYS = 256
"""Number of keys up to which `blocks` keeps the attention weights for the backward pass; above, it recomputes
them, so that memory grows with the number of keys and not with its square."""
BLOCK_SIZE = 2**20
"""Number of attention weights that a thread computes at a time; 2 MiB in bfloat16."""


@cache
def processor() -> Processor:
    """Return how this CPU multiplies bfloat16 matrices."""
    if getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        return "amx"
    return "avx512_bf16" if getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() else "other"


def choose_form(num_keys: int, dtype: torch.dtype) -> Form:
    """Return the fastest form of attention for a number of keys on this CPU."""
    table = FORMS["float32" if dtype != torch.bfloat16 else processor()]
    return next(form for limit, form in table if num_keys < limit)


def cpu_attention(
    query: Float[Tensor, "row head query width"],
    key: Float[Tensor, "row head key width"],
    value: Float[Tensor, "row head key width"],
    attn_mask: Bool[Tensor, "row 1 1 key"] | None,
    form: Form | None = None,
) -> Float[Tensor, "row head query width"]:
    """Softmax attention over the keys for which `attn_mask` is True; over all keys in rows without any.

    Args:
        query: The queries.
        key: The keys.
        value: The values.
        attn_mask: True for the keys that take part; None if all do.
        form: How to compute it; None for the fastest.
    """
    form = form or choose_form(key.shape[2], query.dtype)
    if form == "products" or not query.numel() or not key.numel():  # torch's kernel divides by the lengths
        return _products(query, key, value, attn_mask)
    bias = None if attn_mask is None else _bias(attn_mask, query.dtype)
    if form == "fused":
        return scaled_dot_product_attention(query, key, value, bias)
    function = BlockAttention if form == "blocks" else FusedAttention
    out: Tensor = function.apply(query, key, value, bias)  # type: ignore[no-untyped-call]
    return out


def _products(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None) -> Tensor:
    logits = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
    if attn_mask is not None:
        logits = logits.masked_fill(~attn_mask, torch.finfo(logits.dtype).min)
    out: Tensor = logits.float().softmax(3).to(value.dtype) @ value
    return out


def _bias(attn_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the logits: finite, so that a row without keys is a mean and not NaN."""
    return torch.zeros(attn_mask.shape, dtype=dtype).masked_fill_(~attn_mask, torch.finfo(dtype).min / 2)


class FusedAttention(torch.autograd.Function):
    """torch's fused kernel, with the backward pass in float32: that in bfloat16 is slow, and less exact."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the attention; `bias` is added to the logits, `(row, 1, 1, key)`."""
        out, log_sum_exp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, False, attn_mask=bias
        )
        ctx.save_for_backward(query, key, value, bias, out, log_sum_exp)
        return out  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of query, key and value."""
        query, key, value, bias, out, log_sum_exp = ctx.saved_tensors
        gradients = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            *(tensor.float() for tensor in (grad, query, key, value, out)),
            log_sum_exp,
            0.0,
            False,
            attn_mask=None if bias is None else bias.float(),
        )
        return *(gradient.to(query.dtype) for gradient in gradients), None


class BlockAttention(torch.autograd.Function):
    """Matrix products and softmax on blocks of (row, head) pairs whose weights stay in the cache."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the attention; `bias` is added to the logits, `(row, 1, 1, key)`."""
        rows, heads, num_queries, width = query.shape
        q, k, v = ((query * width**-0.5).flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1))
        b = None if bias is None else bias.expand(rows, heads, 1, -1).flatten(0, 1)
        out, saved = torch.empty_like(q), []
        is_saved = any(ctx.needs_input_grad) and k.shape[1] <= MAX_SAVED_KEYS
        for block in _blocks(q, k):
            weights = _weights(q, k, b, block)
            torch.bmm(weights, v[block], out=out[block])
            if is_saved:
                saved.append(weights)
        ctx.save_for_backward(q, k, v, b, *saved)
        return out.view(rows, heads, num_queries, width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of query, key and value."""
        q, k, v, b, *saved = ctx.saved_tensors
        shape, grad = grad.shape[:2], grad.flatten(0, 1)
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for number, block in enumerate(_blocks(q, k)):
            weights = saved[number] if saved else _weights(q, k, b, block)
            torch.bmm(weights.transpose(1, 2), grad[block], out=grad_v[block])
            grad_weights = torch.bmm(grad[block], v[block].transpose(1, 2))
            grad_logits = torch._softmax_backward_data(grad_weights, weights, 2, weights.dtype)
            torch.bmm(grad_logits, k[block], out=grad_q[block])
            torch.bmm(grad_logits.transpose(1, 2), q[block], out=grad_k[block])
        gradients = (grad_q.mul_(q.shape[2] ** -0.5), grad_k, grad_v)
        return *(gradient.view(*shape, *gradient.shape[1:]) for gradient in gradients), None


def _blocks(q: Tensor, k: Tensor) -> list[slice]:
    """Divide the (row, head) pairs into blocks of about `BLOCK_SIZE` weights per thread."""
    length = max(1, BLOCK_SIZE * torch.get_num_threads() // max(1, q.shape[1] * k.shape[1]))
    return [slice(first, first + length) for first in range(0, len(q), length)]


def _weights(q: Tensor, k: Tensor, bias: Tensor | None, block: slice) -> Tensor:
    """Return the attention weights of a block, `(pair, query, key)`."""
    keys = k[block].transpose(1, 2)
    logits = torch.bmm(q[block], keys) if bias is None else torch.baddbmm(bias[block], q[block], keys)
    return torch._softmax(logits, 2, False)
