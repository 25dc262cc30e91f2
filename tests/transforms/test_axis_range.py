from __future__ import annotations

from typing import Any

import torch

from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.axis_range import AxisRange


def test_each_axis_of_a_clip_spans_its_range(make_batch: Any) -> None:
    batch = make_batch((2, 1))
    batch = batch.with_positions(batch.positions * torch.tensor([1.0, 5.0, 0.1]) + 3.0)
    moved = AxisRange()(batch)
    for clip in range(2):
        seen, before = moved.positions[clip][moved.observed[clip]], batch.positions[clip][batch.observed[clip]]
        torch.testing.assert_close(seen.amin(0), torch.full((3,), -1.0))
        torch.testing.assert_close(seen.amax(0), torch.full((3,), 1.0))
        size = before.amax(0) - before.amin(0)
        expected = (before - before.amin(0)) / size * 2 - 1
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-5)
    assert not moved.positions[~moved.observed].any()


def test_a_scale_and_a_shift_before_it_have_no_effect(make_batch: Any) -> None:
    batch = make_batch((1, 2))
    scaled = AxisRange()(batch.with_positions(batch.positions * 1.5 - 2.0))
    torch.testing.assert_close(scaled.positions, AxisRange()(batch).positions, atol=1e-5, rtol=1e-5)


def test_an_axis_with_a_single_value_is_finite(make_batch: Any) -> None:
    batch = make_batch((1,))
    moved = AxisRange()(batch.with_positions(batch.positions * torch.tensor([1.0, 1.0, 0.0])))
    assert (moved.positions[..., 2][moved.observed] == -1).all()


def test_final_transforms_follow_the_augmentation(make_batch: Any) -> None:
    clips = ClipConfig.model_validate(
        {
            "transforms": [{"kind": "center"}],
            "augment": [{"kind": "rotate", "degrees": [60, 60, 0]}],
            "final_transforms": [{"kind": "axis_range"}],
        }
    )
    batch = make_batch((1, 1))
    center, rotate = (clips.transforms[0], clips.augment[0])
    training = clips.apply_transforms(batch, training=True)
    assert torch.equal(training.positions, AxisRange()(rotate(center(batch))).positions)
    assert torch.equal(clips.apply_transforms(batch).positions, AxisRange()(center(batch)).positions)
