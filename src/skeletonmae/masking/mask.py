"""Which tokens are hidden, and how tokens are gathered and put back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TokenIndex:
    """Indices of some tokens of each track.

    Rows with fewer tokens than the longest are padded with their first index; `valid` is False there.

    Args:
        index: Token indices in (time step, joint) order.
        valid: True for tokens, False for padding; None if no row is padded.
    """

    index: Int64[Tensor, "track selected"]
    valid: Bool[Tensor, "track selected"] | None

    @classmethod
    def from_mask(cls, selected: Bool[Tensor, "track token"]) -> TokenIndex:
        """Return the indices where `selected` is True, in ascending order."""
        num_valid = selected.sum(1)
        # Both numbers in one read, because each read from a GPU waits for it.
        shortest, longest = torch.stack(num_valid.aminmax()).tolist() if len(num_valid) else (0, 0)
        column = torch.where(selected, selected.cumsum(1) - 1, longest)  # one more column, for the others
        token = torch.arange(selected.shape[1], device=selected.device).expand_as(column)
        index = token.new_zeros(len(selected), longest + 1).scatter_(1, column, token)[:, :longest]
        if longest == shortest:
            return cls(index, None)
        valid = torch.arange(longest, device=selected.device) < num_valid[:, None]
        return cls(torch.where(valid, index, index[:, :1]), valid)

    @property
    def num_valid(self) -> Int64[Tensor, " track"]:
        """Number of tokens of each track, without padding."""
        if self.valid is None:
            return torch.full((len(self.index),), self.index.shape[1], device=self.index.device)
        return self.valid.sum(1)

    def gather(self, tokens: Tensor) -> Tensor:
        """Select tokens: `(track, token, ...)` -> `(track, selected, ...)`."""
        rows = torch.arange(len(self.index), device=self.index.device)[:, None]
        return tokens[rows, self.index]


@dataclass(frozen=True, eq=False)
class TokenMask:
    """The state of every token: hidden, visible, or unavailable (never observed).

    Args:
        hidden: Tokens that the encoder does not see.
        available: Tokens of which at least one frame was observed.
    """

    hidden: Bool[Tensor, "track time_step joint"]
    available: Bool[Tensor, "track time_step joint"]

    @classmethod
    def from_hidden(
        cls, hidden: Bool[Tensor, "track time_step joint"], available: Bool[Tensor, "track time_step joint"]
    ) -> TokenMask:
        """Hide the available tokens of `hidden`.

        Where that would leave a track without any visible token, its first available token stays visible.
        """
        hidden = hidden & available
        nothing_visible = ~(available & ~hidden).flatten(1).any(1)
        first_available = torch.nn.functional.one_hot(
            available.flatten(1).int().argmax(1), available.flatten(1).shape[1]
        ).bool()
        return cls(hidden & ~(first_available & nothing_visible[:, None]).view_as(hidden), available)

    @classmethod
    def all_visible(cls, available: Bool[Tensor, "track time_step joint"]) -> TokenMask:
        """Hide no token."""
        return cls(torch.zeros_like(available), available)

    @cached_property
    def visible_index(self) -> TokenIndex:
        """The tokens that the encoder sees."""
        return TokenIndex.from_mask((self.available & ~self.hidden).flatten(1))

    @cached_property
    def hidden_index(self) -> TokenIndex:
        """The hidden tokens."""
        return TokenIndex.from_mask(self.hidden.flatten(1))

    def restore(
        self, visible_tokens: Float[Tensor, "track visible width"], mask_token: Float[Tensor, " width"]
    ) -> Float[Tensor, "track token width"]:
        """Put the visible tokens back at their indices, and `mask_token` at all others."""
        num_tokens = self.hidden[0].numel() if len(self.hidden) else 0
        all_tokens = mask_token.to(visible_tokens.dtype).expand(len(visible_tokens), num_tokens, -1).clone()
        index, valid = self.visible_index.index, self.visible_index.valid
        rows = torch.arange(len(visible_tokens), device=visible_tokens.device)[:, None].expand_as(index)
        if valid is None:
            all_tokens[rows, index] = visible_tokens
        else:
            all_tokens[rows[valid], index[valid]] = visible_tokens[valid]
        return all_tokens


def lowest_k(values: Float[Tensor, "*any item"], k: Tensor | int) -> Bool[Tensor, "*any item"]:
    """Return which items are among the `k` lowest values along the last axis.

    Args:
        values: To be compared.
        k: Number of items, the same for all rows or broadcast against `values`.
    """
    order = values.argsort(-1)
    is_lowest = torch.arange(values.shape[-1], device=values.device) < k
    return torch.empty_like(order, dtype=torch.bool).scatter_(-1, order, is_lowest.expand_as(order))


def mask_by_score(
    score: Float[Tensor, "track time_step joint"],
    available: Bool[Tensor, "track time_step joint"],
    ratio: float,
) -> TokenMask:
    """Hide a share of the available tokens of each track: those with the highest scores.

    Args:
        score: Of each token.
        available: Tokens that can be hidden.
        ratio: Share of the available tokens, rounded to a whole number of tokens.
    """
    num_hidden = (available.flatten(1).sum(1) * ratio).round()
    lowest_first = (-score).masked_fill(~available, torch.inf).flatten(1)
    return TokenMask.from_hidden(lowest_k(lowest_first, num_hidden[:, None]).view_as(available), available)
