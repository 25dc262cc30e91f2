"""Features in memory, so that protocols that use the same features compute them once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor

MAX_BYTES = 2 * 2**30
"""Most bytes of features that are kept; those that were used least recently are dropped."""


@dataclass(frozen=True, eq=False)
class ViewFeatures:
    """Features of one view of some recordings.

    Args:
        features: One row per recording.
        is_kept: Whether the view shows the model a joint; if not, the row means nothing.
    """

    features: Float[Tensor, "recording feature"]
    is_kept: Bool[Tensor, " recording"]

    def select(self, rows: Int64[Tensor, " row"]) -> ViewFeatures:
        """Return the features of some of the recordings."""
        return ViewFeatures(self.features[rows], self.is_kept[rows])

    @property
    def num_bytes(self) -> int:
        """Memory that the tensors take."""
        return self.features.nbytes + self.is_kept.nbytes


class FeatureCache:
    """Features of views, by what they depend on.

    The recordings are part of a key, and not looked up one by one: the rounding of a feature may depend on the
    batch, and the results of an evaluation that was resumed must be the same.

    Args:
        max_bytes: Most bytes that are kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._views: dict[Hashable, ViewFeatures] = {}  # the last one was used most recently

    def get(self, key: Hashable, compute: Callable[[], ViewFeatures]) -> ViewFeatures:
        """Return the features of `key`, and compute them if they are not kept.

        Args:
            key: All that the features depend on.
            compute: Computes the features.
        """
        view = self._views.pop(key, None) or compute()
        self._views[key] = view
        num_bytes = sum(each.num_bytes for each in self._views.values())
        while num_bytes > self.max_bytes:
            num_bytes -= self._views.pop(next(iter(self._views))).num_bytes
        return view
