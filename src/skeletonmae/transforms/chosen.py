"""Transforms that change only some clips, drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from skeletonmae.batches import Batch, Tracks


def change_tracks(batch: Batch, is_chosen: Bool[Tensor, " track"], change: Callable[[Tracks], Tracks]) -> Batch:
    """Return a batch in which the chosen tracks are replaced by what `change` makes of them.

    On a CPU, only these are computed. On a GPU all are, because their number would have to be read from it.

    Args:
        batch: The batch.
        is_chosen: Which tracks to change.
        change: Returns the same tracks with other values.
    """
    tracks = batch.tracks
    values: dict[str, Any] = {}
    if not is_chosen.is_cpu:
        changed = change(tracks)
        for name in tracks.per_track:
            old, new = getattr(tracks, name), getattr(changed, name)
            values[name] = old if new is old else torch.where(is_chosen.view(-1, *[1] * (old.dim() - 1)), new, old)
        return batch.of_tracks(replace(tracks, **values))
    row = is_chosen.nonzero().squeeze(1)
    if not len(row):
        return batch
    if len(row) == len(tracks):
        return batch.of_tracks(change(tracks))
    chosen = tracks.select(row)
    changed = change(chosen)
    values = {
        name: getattr(tracks, name).index_copy(0, row, getattr(changed, name))
        for name in tracks.per_track
        if getattr(changed, name) is not getattr(chosen, name)
    }
    return batch.of_tracks(replace(tracks, **values))
