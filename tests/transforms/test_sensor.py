from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from skeletonmae.batches import SampleRng
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms.sensor import LoseFrames, LoseParts, LosePerson, SensorNoise, SwapSides, normal_numbers

Make = Callable[..., Any]


def test_normal_numbers() -> None:
    numbers = normal_numbers(SampleRng(torch.arange(20)), 1001, 3)
    assert numbers.shape == (20, 1001, 3)
    assert numbers.mean().abs() < 0.02
    assert numbers.std().item() == pytest.approx(1.0, abs=0.02)
    assert (numbers.abs() < 1.96).float().mean().item() == pytest.approx(0.95, abs=0.01)
    assert torch.corrcoef(numbers.flatten(1)).fill_diagonal_(0).abs().max() < 0.1
    flat = numbers[:, :1000].reshape(20, -1)
    assert torch.corrcoef(torch.stack([flat[:, :1500].flatten(), flat[:, 1500:].flatten()]))[0, 1].abs() < 0.03


def test_each_clip_has_its_own_noise(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 200, lost=0.1)
    noisy = SensorNoise(probability=0.4, sigma=(0.01, 0.1), depth_factor=3.0, depth_steps=(0.0, 0.0))(batch)
    change = noisy.tracks.positions - batch.tracks.positions
    assert not change[~batch.tracks.observed].any()
    deviation = change[:, :, :, :2].flatten(1).std(1) / 0.9**0.5
    is_noisy = deviation > 0
    assert is_noisy.float().mean().item() == pytest.approx(0.4, abs=0.07)
    level = deviation[is_noisy].log10()
    assert level.min() > -2.1
    assert level.max() < -0.9
    assert level.mean().item() == pytest.approx(-1.5, abs=0.08)
    depth = change[is_noisy][..., 2].flatten(1).std(1) / 0.9**0.5
    torch.testing.assert_close(depth / deviation[is_noisy], torch.full_like(depth, 3.0), rtol=0.15, atol=0)


def test_depth_in_steps(make_batch: Make) -> None:
    batch = make_batch((1,) * 4, lost=0.0)
    noise = SensorNoise(probability=1.0, sigma=(1e-7, 1e-7), depth_steps=(0.5, 0.5))
    depth = noise(batch).tracks.positions[..., 2]
    torch.testing.assert_close(depth, (batch.tracks.positions[..., 2] * 2).round() / 2, atol=1e-5, rtol=0)
    flat = batch.of_tracks(replace(batch.tracks, has_depth=torch.zeros(4, dtype=torch.bool)))
    assert not SensorNoise(probability=1.0)(flat).tracks.positions[..., 2].any()


def test_a_part_is_lost_for_a_moment(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 200, lost=0.0)
    lost = ~LoseParts(probability=0.5, length=(0.25, 0.5))(batch).tracks.observed
    has_fault = lost.flatten(1).any(1)
    assert has_fault.float().mean().item() == pytest.approx(0.5, abs=0.07)
    parts = []
    for track in lost[has_fault]:
        frames = track.any(1).nonzero().flatten()
        assert 4 <= len(frames) <= 9
        assert frames[-1] - frames[0] == len(frames) - 1
        joints = track[frames[0]]
        assert (track[frames] == joints).all()
        part = {int(index) for index in KINECT20.part_index[joints.numpy()]}
        assert len(part) == 1
        assert joints.sum() == (KINECT20.part_index == part.copy().pop()).sum()
        parts += part
    assert set(parts) == set(KINECT20.part_index.tolist())


def test_a_person_is_lost_for_a_moment(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 100, lost=0.0)
    lost = ~LoseFrames(probability=0.5, length=(0.25, 0.5))(batch).tracks.observed
    assert torch.equal(lost.any(2), lost.all(2))
    num_frames = lost.all(2).sum(1)
    assert (num_frames > 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert num_frames[num_frames > 0].min() >= 4
    assert num_frames.max() <= 9


def test_sides_are_exchanged_for_a_moment(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 200, lost=0.2)
    tracks = batch.tracks
    swapped = SwapSides(probability=0.5, length=(0.25, 0.25))(batch).tracks
    mirror = torch.from_numpy(KINECT20.mirror_index)
    is_other = (swapped.positions != tracks.positions).flatten(2).any(2)
    assert is_other.any(1).float().mean().item() == pytest.approx(0.5, abs=0.07)
    assert is_other.sum(1)[is_other.any(1)].float().mean().item() == pytest.approx(4.0, abs=0.3)
    assert torch.equal(swapped.positions[is_other], tracks.positions[is_other][:, mirror])
    assert torch.equal(swapped.observed[is_other], tracks.observed[is_other][:, mirror])
    assert torch.equal(swapped.observed[~is_other], tracks.observed[~is_other])


def test_one_of_several_persons_is_lost(make_batch: Make) -> None:
    batch = make_batch((1, 2, 3) * 100, lost=0.0)
    fewer = LosePerson(probability=0.5)(batch)
    num_lost = batch.present.sum(1) - fewer.present.sum(1)
    assert not num_lost[0::3].any()
    for start in (1, 2):
        assert num_lost[start::3].max() == 1
        assert num_lost[start::3].float().mean().item() == pytest.approx(0.5, abs=0.15)
    is_lost = batch.present & ~fewer.present
    assert (is_lost[2::3].sum(0) > 5).all()  # each of the three


def test_settings_in_the_wrong_order_are_refused() -> None:
    for make in (
        lambda: SensorNoise(sigma=(0.1, 0.01)),
        lambda: SensorNoise(depth_steps=(0.1, 0.01)),
        lambda: LoseParts(length=(0.5, 0.1)),
    ):
        with pytest.raises(ValidationError, match="in increasing order"):
            make()
