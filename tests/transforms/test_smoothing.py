from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, patchify
from skeletonmae.methods.targets import Target, make_targets
from skeletonmae.transforms.smoothing import Smooth

Make = Callable[..., Any]


def with_bridged(batch: Batch) -> Batch:
    bridged = torch.rand(batch.observed.shape, generator=torch.Generator().manual_seed(1)) < 0.4
    return replace(batch, bridged=bridged & batch.observed)


def with_moved_bridges(batch: Batch) -> Batch:
    """The same batch with other values wherever a joint is bridged."""
    noise = torch.randn(batch.positions.shape, generator=torch.Generator().manual_seed(2))
    return batch.with_positions(batch.positions + 50.0 * noise * batch.bridged[..., None])


@pytest.mark.parametrize("target", ["position", "motion"])
def test_bridged_values_do_not_change_smoothed_targets(make_batch: Make, target: Target) -> None:
    batch = with_bridged(make_batch())
    values = []
    for clips in (batch, with_moved_bridges(batch)):
        tracks = Smooth(sigma=1.0)(clips).tracks
        patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, 4, tracks.bridged)
        values.append(make_targets(patches, target, "token"))
    assert values[0].observed.any()
    for name in ("values", "observed", "mean", "std"):
        assert torch.equal(getattr(values[0], name), getattr(values[1], name))


def test_measured_values_are_smoothed_as_if_bridged_ones_were_unobserved(make_batch: Make) -> None:
    batch = with_bridged(make_batch())
    measured = batch.observed & ~batch.bridged
    expected = Smooth(sigma=1.5)(batch.with_positions(batch.positions, measured))
    smoothed = Smooth(sigma=1.5)(batch)
    assert torch.equal(smoothed.positions[measured], expected.positions[measured])
    assert not torch.equal(smoothed.positions[measured], batch.positions[measured])


def test_bridged_values_are_smoothed_from_all_observed_ones(make_batch: Make) -> None:
    batch = with_bridged(make_batch())
    without_flags = Smooth(sigma=1.5)(replace(batch, bridged=torch.zeros_like(batch.bridged)))
    smoothed = Smooth(sigma=1.5)(batch)
    assert torch.equal(smoothed.positions[batch.bridged], without_flags.positions[batch.bridged])
    assert torch.equal(smoothed.observed, batch.observed)
    assert torch.equal(smoothed.bridged, batch.bridged)
