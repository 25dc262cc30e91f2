"""Transformer blocks on `scaled_dot_product_attention`."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

SHORT = 256
"""Up to so many keys attention is computed by plain products on a CPU."""


class DropPath(nn.Module):
    """Skip the branch for some rows in training (Huang et al., *Stochastic Depth*, ECCV 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "row token width"]) -> Float[Tensor, "row token width"]:
        """Zero whole rows and scale up the others, so that the mean stays."""
        if not self.training or self.rate == 0.0:
            return x
        kept = torch.rand(len(x), 1, 1, device=x.device, dtype=x.dtype) >= self.rate
        return x * kept / (1.0 - self.rate)


class Attention(nn.Module):
    """Multi-head attention of queries on a context, or on themselves.

    Args:
        width: of queries, context and output.
        heads: how many; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "row query width"],
        context: Float[Tensor, "row key width"],
        valid: Bool[Tensor, "row key"] | None = None,
    ) -> Float[Tensor, "row query width"]:
        """Attend to the valid ones of `context` (all if None)."""
        rows, length, width = x.shape
        head = width // self.heads
        query = self.query(x).view(rows, length, self.heads, head).transpose(1, 2)
        key, value = (
            self.key_value(context).view(rows, context.shape[1], 2, self.heads, head).permute(2, 0, 3, 1, 4)
        )
        mixed = attend(query, key, value, None if valid is None else valid[:, None, None, :])
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return out


def attend(
    query: Float[Tensor, "row head query width"],
    key: Float[Tensor, "row head key width"],
    value: Float[Tensor, "row head key width"],
    mask: Bool[Tensor, "row 1 1 key"] | None,
) -> Float[Tensor, "row head query width"]:
    """Softmax attention over the keys that the mask admits.

    torch's fused kernel for CPUs takes 3 to 7 times as long as the plain products, forward and backward in
    bfloat16, for as few keys as these models have (benchmarks/attention.py).
    """
    if query.device.type != "cpu" or key.shape[2] > SHORT:
        return scaled_dot_product_attention(query, key, value, mask)
    weight = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
    if mask is not None:
        weight = weight.masked_fill(~mask, torch.finfo(weight.dtype).min)
    mixed: Tensor = weight.float().softmax(3).to(value.dtype) @ value
    return mixed


class Block(nn.Module):
    """Pre-norm transformer block: attention, then a two-layer perceptron, each with a residual.

    Args:
        width: of the tokens.
        heads: of the attention.
        mlp_ratio: hidden width of the perceptron over `width`.
        cross: attend to a context and not to the tokens themselves.
        dropout: of what each branch adds.
        drop_path: share of rows that skip a branch in training.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float = 4.0,
        *,
        cross: bool = False,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width) if cross else None
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
        self.dropout = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    def forward(
        self,
        x: Float[Tensor, "row token width"],
        valid: Bool[Tensor, "row key"] | None = None,
        context: Float[Tensor, "row key width"] | None = None,
    ) -> Float[Tensor, "row token width"]:
        """One block; `valid` says which keys count."""
        queries = self.norm(x)
        keys = queries if context is None or self.norm_context is None else self.norm_context(context)
        x = x + self.drop_path(self.dropout(self.attention(queries, keys, valid)))
        out: Tensor = x + self.drop_path(self.dropout(self.mlp(x)))
        return out


def init_weights(module: nn.Module) -> None:
    """Xavier-uniform linear layers with zero bias (as MAE), for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
