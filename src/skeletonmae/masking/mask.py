"""Which tokens are hidden, and how tokens are dropped and put back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Picks:
    """Some tokens of each track, by place. Rows that pick fewer repeat their first place, which does not count.

    Args:
        index: places in (step, joint) order.
        valid: which of them count; None if all do.
    """

    index: Int64[Tensor, "track pick"]
    valid: Bool[Tensor, "track pick"] | None

    @classmethod
    def of(cls, chosen: Bool[Tensor, "track token"]) -> Picks:
        """The places that are True, in order."""
        count = chosen.sum(1)
        most, least = (int(count.max()), int(count.min())) if len(count) else (0, 0)
        index = chosen.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        if most == least:
            return cls(index, None)
        valid = torch.arange(most, device=chosen.device) < count[:, None]
        return cls(torch.where(valid, index, index[:, :1]), valid)

    @property
    def count(self) -> Int64[Tensor, " track"]:
        """How many places count in each row."""
        if self.valid is None:
            return torch.full((len(self.index),), self.index.shape[1], device=self.index.device)
        return self.valid.sum(1)

    def take(self, tokens: Tensor) -> Tensor:
        """The picked ones of `tokens`: `(track, token, ...)` -> `(track, pick, ...)`."""
        rows = torch.arange(len(self.index), device=self.index.device)[:, None]
        return tokens[rows, self.index]


@dataclass(frozen=True, eq=False)
class TokenMask:
    """Every token is one of three: hidden, visible, or not available (never observed).

    Args:
        hidden: to be rebuilt.
        available: of which anything was observed.
    """

    hidden: Bool[Tensor, "track step joint"]
    available: Bool[Tensor, "track step joint"]

    @classmethod
    def hiding(
        cls, hidden: Bool[Tensor, "track step joint"], available: Bool[Tensor, "track step joint"]
    ) -> TokenMask:
        """Hide those of `hidden` that are available; a track that would show nothing shows its first token."""
        hidden = hidden & available
        blind = ~(available & ~hidden).flatten(1).any(1)
        first = torch.nn.functional.one_hot(
            available.flatten(1).int().argmax(1), available.flatten(1).shape[1]
        ).bool()
        return cls(hidden & ~(first & blind[:, None]).view_as(hidden), available)

    @classmethod
    def nothing(cls, available: Bool[Tensor, "track step joint"]) -> TokenMask:
        """Show all that is available."""
        return cls(torch.zeros_like(available), available)

    @cached_property
    def visible(self) -> Picks:
        """The tokens that the encoder sees."""
        return Picks.of((self.available & ~self.hidden).flatten(1))

    @cached_property
    def asked(self) -> Picks:
        """The tokens that are to be rebuilt."""
        return Picks.of(self.hidden.flatten(1))

    def keep(self, tokens: Tensor) -> Tensor:
        """The visible ones of `tokens`: `(track, step * joint, ...)` -> `(track, visible, ...)`."""
        return self.visible.take(tokens)

    def restore(
        self, kept: Float[Tensor, "track visible width"], filler: Float[Tensor, " width"]
    ) -> Float[Tensor, "track token width"]:
        """Visible tokens back in their places, and `filler` in all others."""
        num_tokens = self.hidden[0].numel() if len(self.hidden) else 0
        whole = filler.to(kept.dtype).expand(len(kept), num_tokens, -1).clone()
        rows = torch.arange(len(kept), device=kept.device)[:, None].expand_as(self.visible.index)
        if self.visible.valid is None:
            whole[rows, self.visible.index] = kept
        else:
            valid = self.visible.valid
            whole[rows[valid], self.visible.index[valid]] = kept[valid]
        return whole


def hide_highest(
    score: Float[Tensor, "track step joint"], available: Bool[Tensor, "track step joint"], ratio: float
) -> TokenMask:
    """Hide the share `ratio` of the available tokens of each track, those with the highest scores."""
    flat = score.masked_fill(~available, -torch.inf).flatten(1)
    place = flat.argsort(dim=1, descending=True).argsort(dim=1)
    num_hidden = (available.flatten(1).sum(1) * ratio).round()
    return TokenMask.hiding((place < num_hidden[:, None]).view_as(available), available)
