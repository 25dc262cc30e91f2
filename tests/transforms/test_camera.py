from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms.camera import VirtualCamera
from skeletonmae.transforms.depth import with_third_axis

Make = Callable[..., Any]


def clips(positions: torch.Tensor, num: int) -> Batch:
    """Many clips with the same frame of joints, `(joint, axis)`; the other joints are not observed."""
    values = torch.zeros(num, 1, 1, 20, 3)
    values[..., : len(positions), :] = positions
    observed = (torch.arange(20) < len(positions)).expand(num, 1, 1, 20).contiguous()
    index = torch.arange(num)
    return Batch(values, observed, index, sample_keys(0, 0, index), KINECT20)


def test_the_share_of_2d_clips_and_what_they_look_like(make_batch: Make) -> None:
    batch = make_batch((2, 1) * 200)
    seen = VirtualCamera(probability=0.3)(batch)
    is_flat = ~seen.tracks.has_depth
    assert 0.22 < is_flat.float().mean() < 0.38
    assert torch.equal(
        ~seen.has_depth,
        is_flat[torch.cat([torch.tensor([0]), (seen.tracks.clip_index.diff() > 0).nonzero()[:, 0] + 1])],
    )
    assert not seen.tracks.positions[is_flat][..., 2].any()
    assert torch.equal(seen.tracks.positions[~is_flat], batch.tracks.positions[~is_flat])
    assert torch.equal(seen.observed, batch.observed)


def test_from_the_front_and_far_away_only_the_depth_is_lost() -> None:
    joints = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    camera = VirtualCamera(probability=1.0, yaw=0, pitch=(0, 0), roll=0, distance=(1e5, 1e5))
    seen = camera(clips(joints, 1)).positions[0, 0, 0]
    torch.testing.assert_close(seen[:, :2], (joints - joints.mean(0))[:, :2], atol=1e-3, rtol=1e-3)


def test_a_camera_films_all_persons_of_a_clip_at_once(make_batch: Make) -> None:
    batch = make_batch((2, 1), lost=0.3)
    apart = batch.positions.clone()
    apart[:, 1] += torch.tensor([5.0, 1.0, -2.0])
    batch = batch.with_positions(apart)
    camera = VirtualCamera(probability=1.0, yaw=0, pitch=(0, 0), roll=0, distance=(1e5, 1e5))
    seen = camera(batch)
    for clip in range(2):
        observed = batch.observed[clip]
        expected = batch.positions[clip][observed] - batch.positions[clip][observed].mean(0)
        torch.testing.assert_close(seen.positions[clip][observed][:, :2], expected[:, :2], atol=2e-3, rtol=1e-3)


def test_perspective_enlarges_what_is_near() -> None:
    joints = torch.tensor([[1.0, 0.0, -2.0], [-1.0, 0.0, -2.0], [1.0, 0.0, 2.0], [-1.0, 0.0, 2.0]])
    camera = VirtualCamera(probability=1.0, yaw=0, pitch=(0, 0), roll=0, distance=(4, 4))
    seen = camera(clips(joints, 1)).positions[0, 0, 0, :4]
    expected = torch.tensor([[2.0, 0, 0], [-2, 0, 0], [2 / 3, 0, 0], [-2 / 3, 0, 0]])  # 4 / 2 and 4 / 6
    torch.testing.assert_close(seen, expected)
    behind = torch.tensor([[1.0, 0.0, -9.0], [-1.0, 0.0, 9.0]])
    near = camera(clips(behind, 1)).positions[0, 0, 0, :2]
    assert near[0, 0] == pytest.approx(4.0)  # as if at a quarter of the distance


def test_from_above_the_floor_in_front_is_lower() -> None:
    joints = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])
    camera = VirtualCamera(probability=1.0, yaw=0, pitch=(30, 30), roll=0, distance=(1e5, 1e5))
    seen = camera(clips(joints, 1)).positions[0, 0, 0, :2]
    torch.testing.assert_close(seen[:, 1], torch.tensor([-0.5, 0.5]), atol=1e-3, rtol=0)


def test_all_sides_heights_and_rolls_are_drawn() -> None:
    joints = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    camera = VirtualCamera(probability=1.0, pitch=(0, 60), roll=10, distance=(1e4, 1e4))
    seen = camera(clips(joints, 4000)).positions[:, 0, 0, :4]
    # The cosine of a uniform angle: mean 0, mean square 1/2.
    right = seen[:, 0, 0]
    assert right.mean().abs() < 0.04
    assert (right**2).mean().item() == pytest.approx(0.5, abs=0.03)
    up = seen[:, 2]
    height = torch.linalg.vector_norm(up, dim=-1)  # cosine of the pitch
    assert height.min() > 0.49
    assert height.mean().item() == pytest.approx(0.827, abs=0.01)  # sin(60 degrees) / (pi / 3)
    roll = torch.atan2(up[:, 0], up[:, 1]).rad2deg()
    assert roll.abs().max() <= 10.01
    assert roll.mean().abs() < 0.5
    assert roll.std().item() == pytest.approx(10 / 3**0.5, abs=0.3)


def test_2d_clips_stay_as_they_are(make_batch: Make) -> None:
    batch = make_batch((1, 2), axes=2)
    assert VirtualCamera(probability=1.0)(batch) is batch
    flat = with_third_axis(batch)
    assert torch.equal(VirtualCamera(probability=1.0)(flat).tracks.positions, flat.tracks.positions)
    assert torch.equal(flat.positions[..., :2], -batch.positions)


@pytest.mark.parametrize(
    "settings", [{"pitch": (10, 0)}, {"pitch": (-100, 0)}, {"distance": (0, 3)}, {"distance": (5, 3)}]
)
def test_impossible_cameras_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        VirtualCamera(**settings)
