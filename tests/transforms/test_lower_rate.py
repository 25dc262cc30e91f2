from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch

from skeletonmae.transforms.lower_rate import LowerRate

Make = Callable[..., Any]


def test_by_hand(make_batch: Make) -> None:
    batch = make_batch((1,), frames=6, lost=0.0)
    values = torch.tensor([0.0, 9.0, 4.0, 9.0, 10.0, 9.0]).view(1, 1, 6, 1, 1).expand(1, 1, 6, 20, 3).clone()
    observed = batch.observed.clone()
    observed[0, 0, 4, 7] = False
    slow = LowerRate(probability=1.0, max_step=2)(batch.with_positions(values, observed))
    assert slow.positions[0, 0, :, 0, 0].tolist() == [0, 2, 4, 7, 10, 10]
    assert slow.observed[0, 0, :, 7].tolist() == [True, True, True, False, False, False]
    assert slow.observed[0, 0, :, 0].all()


def test_a_frame_is_bridged_if_one_that_it_is_made_of_is(make_batch: Make) -> None:
    batch = make_batch((1,), frames=7, lost=0.0)
    observed, bridged = batch.observed.clone(), torch.zeros_like(batch.observed)
    bridged[0, 0, 2, :2] = True  # kept: between 0 and 2, in 2, and between 2 and 4
    bridged[0, 0, 3, 2] = True  # not kept
    observed[0, 0, 4, 1] = False
    slow = LowerRate(probability=1.0, max_step=2)(batch.with_positions(batch.positions, observed, bridged))
    assert slow.bridged[0, 0, :, 0].tolist() == [False, True, True, True, False, False, False]
    assert slow.bridged[0, 0, :, 1].tolist() == [False, True, True, False, False, False, False]
    assert slow.observed[0, 0, :, 1].tolist() == [True, True, True, False, False, False, True]
    assert not slow.bridged[0, 0, :, 2:].any()


def test_how_many_frames_are_kept(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 300, frames=25, lost=0.0)
    slow = LowerRate(probability=0.5, max_step=4)(batch)
    kept = (slow.tracks.positions == batch.tracks.positions).flatten(2).all(2)
    num_kept = Counter(kept.sum(1).tolist())
    # Every frame, or each second, third, or fourth of frames 0 to 24.
    assert num_kept.keys() == {25, 13, 9, 7}
    shares = {number: count / len(kept) for number, count in num_kept.items()}
    assert shares == pytest.approx({25: 0.5, 13: 1 / 6, 9: 1 / 6, 7: 1 / 6}, abs=0.06)
    both = slow.tracks.person_index == 1
    assert torch.equal(kept[both], kept[both.nonzero()[:, 0] - 1])  # the same for both persons


def test_straight_motion_stays_as_it_is(make_batch: Make) -> None:
    batch = make_batch((1,) * 20, frames=13, lost=0.0)
    straight = batch.positions[:, :, :1] + torch.arange(13.0).view(13, 1, 1)
    slow = LowerRate(probability=1.0, max_step=4)(batch.with_positions(straight))
    torch.testing.assert_close(slow.positions, straight, atol=1e-5, rtol=0)
