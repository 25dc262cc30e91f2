"""Transformer blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from skeletonmae.models.cpu_attention import cpu_attention

CUDA_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""The kernels of torch on a GPU, without that of cuDNN: it makes a plan for each new number of rows, and nearly
every batch has another number of tracks. On an H100, a step of 80 ms took 225 ms with a new number of tracks."""


class DropPath(nn.Module):
    """Add a branch to its input, and skip it for some rows in training.

    Source: Huang et al., *Deep Networks with Stochastic Depth*, ECCV 2016. The branch of a skipped row is not
    computed.

    Args:
        rate: Probability that a row is skipped.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(
        self,
        x: Float[Tensor, "row token width"],
        branch: Callable[..., Float[Tensor, "kept token width"]],
        *inputs: Tensor | None,
    ) -> Float[Tensor, "row token width"]:
        """Return `x` plus the branch, which is scaled up in training so that the expected value is unchanged.

        Args:
            x: The input.
            branch: Computes the branch from rows of `x` and the same rows of `inputs`.
            inputs: Further inputs of the branch, with as many rows as `x`.
        """
        if not self.training or self.rate == 0.0:
            return x + branch(x, *inputs)
        is_kept = torch.rand(len(x), 1, 1, device=x.device, dtype=x.dtype) >= self.rate
        kept = is_kept.flatten().nonzero().squeeze(1)
        out = branch(x[kept], *(None if tensor is None else tensor[kept] for tensor in inputs))
        return x.index_add(0, kept, out.to(x.dtype) / (1.0 - self.rate))


class Attention(nn.Module):
    """Multi-head attention from tokens to a context.

    Args:
        width: Of the tokens, the context and the output.
        heads: Number of heads; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} is not divisible by {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "row query width"],
        context: Float[Tensor, "row key width"],
        *,
        attn_mask: Bool[Tensor, "row key"] | None = None,
    ) -> Float[Tensor, "row query width"]:
        """Attend from `x` to `context`.

        Args:
            x: One query per token.
            context: One key and value per token.
            attn_mask: True for the keys that take part; None if all do.
        """
        rows, length, width = x.shape
        head_width = width // self.heads
        query = self.query(x).view(rows, length, self.heads, head_width).transpose(1, 2)
        # `unbind` before `transpose`: autograd then stacks both gradients in the layout of the layer's output.
        both = self.key_value(context).view(rows, context.shape[1], 2, self.heads, head_width)
        key, value = (part.transpose(1, 2) for part in both.unbind(2))
        attended = attend(query, key, value, None if attn_mask is None else attn_mask[:, None, None, :])
        out: Tensor = self.out(attended.transpose(1, 2).reshape(rows, length, width))
        return out


def attend(
    query: Float[Tensor, "row head query width"],
    key: Float[Tensor, "row head key width"],
    value: Float[Tensor, "row head key width"],
    attn_mask: Bool[Tensor, "row 1 1 key"] | None,
) -> Float[Tensor, "row head query width"]:
    """Softmax attention over the keys for which `attn_mask` is True."""
    if query.device.type == "cpu":
        return cpu_attention(query, key, value, attn_mask)
    if query.device.type != "cuda":
        return scaled_dot_product_attention(query, key, value, attn_mask)
    with sdpa_kernel(CUDA_KERNELS):
        return scaled_dot_product_attention(query, key, value, attn_mask)


class Block(nn.Module):
    """Pre-norm transformer block: attention, then an MLP of two layers, each with a residual connection.

    Args:
        width: Of the tokens.
        heads: Number of attention heads.
        mlp_ratio: Hidden width of the MLP divided by `width`.
        cross: Cross-attention to a context instead of self-attention.
        dropout: Dropout rate at the end of both branches.
        drop_path: Probability that a branch of a row is skipped in training.
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
        mlp_width = int(width * mlp_ratio)
        self.norm = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width) if cross else None
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width)
        )
        self.dropout = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    def forward(
        self,
        x: Float[Tensor, "row token width"],
        *,
        context: Float[Tensor, "row key width"] | None = None,
        attn_mask: Bool[Tensor, "row key"] | None = None,
    ) -> Float[Tensor, "row token width"]:
        """Update the tokens.

        Args:
            x: The tokens.
            context: What a block with `cross=True` attends to; None for self-attention.
            attn_mask: True for the tokens of `context` (of `x` in self-attention) that are attended to; None for
                all.

        Raises:
            ValueError: A context is given to a block without cross-attention, or missing in one with it.
        """
        if (context is None) != (self.norm_context is None):
            raise ValueError("a block takes a context if and only if it was made with cross=True")
        x = self.drop_path(x, self._attend, context, attn_mask)
        out: Tensor = self.drop_path(x, self._feed_forward)
        return out

    def _attend(self, x: Tensor, context: Tensor | None, attn_mask: Tensor | None) -> Tensor:
        """Return the branch of the attention."""
        queries = self.norm(x)
        keys = queries if context is None or self.norm_context is None else self.norm_context(context)
        out: Tensor = self.dropout(self.attention(queries, keys, attn_mask=attn_mask))
        return out

    def _feed_forward(self, x: Tensor) -> Tensor:
        """Return the branch of the MLP."""
        out: Tensor = self.dropout(self.mlp(x))
        return out


def init_weights(module: nn.Module) -> None:
    """Initialize linear layers as MAE does: Xavier-uniform weights, zero biases. For `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
