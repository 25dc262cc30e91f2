from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from skeletonmae.transforms.tempo import Tempo

Make = Callable[..., Any]


def test_speeds_are_drawn_in_proportion_and_some_are_unknown(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 500)
    tracks = batch.tracks
    batch = batch.of_tracks(replace(tracks, duration=torch.full((len(tracks),), 3.0)))
    changed = Tempo(low=0.5, high=2.0, unknown=0.3)(batch).tracks
    assert torch.equal(changed.positions, tracks.positions)
    duration = changed.duration
    is_second = tracks.person_index == 1
    torch.testing.assert_close(duration[is_second], duration[is_second.nonzero()[:, 0] - 1], equal_nan=True)
    assert duration.isnan().float().mean().item() == pytest.approx(0.3, abs=0.05)
    speed = (3.0 / duration[~duration.isnan()]).log2()
    assert speed.min() >= -1.0001
    assert speed.max() <= 1.0001
    assert speed.mean().abs() < 0.06
    assert speed.std().item() == pytest.approx(1 / 3**0.5, abs=0.03)


def test_twice_as_fast_is_half_as_long(make_batch: Make) -> None:
    batch = make_batch((1,))
    batch = batch.of_tracks(replace(batch.tracks, duration=torch.tensor([3.0])))
    assert Tempo(low=2.0, high=2.0, unknown=0.0)(batch).tracks.duration.item() == pytest.approx(1.5)


def test_an_unknown_duration_stays_unknown(make_batch: Make) -> None:
    assert Tempo(unknown=0.0)(make_batch()).tracks.duration.isnan().all()
    with pytest.raises(ValidationError, match="low must not be above high"):
        Tempo(low=2.0, high=1.0)
