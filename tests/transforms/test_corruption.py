from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.transforms.corruption import DropJoints, Noise

Make = Callable[..., Any]


def test_noise_is_normal_and_only_where_something_was_observed(make_batch: Make) -> None:
    batch = make_batch((2, 1) * 20, frames=32)
    change = Noise(sigma=0.03)(batch).positions - batch.positions
    assert not change[~batch.observed].any()
    values = change[batch.observed].double()
    assert float(values.mean()) == pytest.approx(0, abs=4 * 0.03 / len(values) ** 0.5)
    assert float(values.std()) == pytest.approx(0.03, rel=0.02)
    assert float((values.abs() < 0.03).double().mean()) == pytest.approx(0.6827, abs=0.01)
    still = change[:, 0, 1:] * change[:, 0, :-1]  # no value is repeated from frame to frame
    assert abs(float(still.mean())) < 0.03**2 * 0.05


def test_joints_are_dropped_for_the_whole_clip_independently_for_each_person(make_batch: Make) -> None:
    batch = make_batch((2,) * 400, frames=3, lost=0.0)
    moved = DropJoints(probability=0.2)(batch)
    assert torch.equal(moved.observed[:, :, 0], moved.observed[:, :, 2])
    gone = ~moved.observed[:, :, 0]
    assert float(gone.double().mean()) == pytest.approx(0.2, abs=0.015)
    both = (gone[:, 0] & gone[:, 1]).double().mean()
    assert float(both) == pytest.approx(0.04, abs=0.015)
    assert not moved.positions[~moved.observed].any()
    assert torch.equal(moved.positions[moved.observed], batch.positions[moved.observed])


def test_a_dropped_joint_is_not_bridged(make_batch: Make) -> None:
    batch = make_batch((2,) * 20, frames=3, lost=0.0)
    moved = DropJoints(probability=0.5)(replace(batch, bridged=batch.observed.clone()))
    assert torch.equal(moved.bridged, moved.observed)
    assert not moved.bridged.all()


def test_a_dropped_part_is_a_whole_limb(make_batch: Make) -> None:
    batch = make_batch((2,) * 400, frames=3, lost=0.0)
    moved = DropJoints(probability=0.2, granularity="part")(batch)
    gone = ~moved.observed[:, :, 0]
    share = []
    for joints in batch.skeleton.parts.values():
        of_part = gone[..., [batch.skeleton.index[joint] for joint in joints]]
        assert torch.equal(of_part.all(2), of_part.any(2))
        share.append(of_part[..., 0].double())
    share = torch.stack(share)
    assert share.mean().item() == pytest.approx(0.2, abs=0.02)
    assert (share[:, :, 0] * share[:, :, 1]).mean().item() == pytest.approx(0.04, abs=0.012)  # of both persons
    assert abs((share[0] * share[1]).mean().item() - 0.04) < 0.03  # of two parts
    assert torch.equal(moved.positions[moved.observed], batch.positions[moved.observed])


def test_each_person_gets_other_noise_the_same_in_any_batch(make_batch: Make) -> None:
    batch = make_batch((1, 2), frames=32, lost=0.0)
    change = Noise(sigma=0.03)(batch).positions - batch.positions
    first, second = change[1].flatten(1)
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.1
    padded = batch.rng("noise").normal(2, 32, 20, 3) * 0.03  # one sequence per clip, for one person after another
    torch.testing.assert_close(change, padded * batch.observed[..., None], atol=1e-6, rtol=0)
