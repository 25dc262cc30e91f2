from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.skeletons import LAYOUTS
from skeletonmae.transforms import TRANSFORMS
from skeletonmae.transforms.depth import with_third_axis
from skeletonmae.transforms.geometry import FaceForward, Rotate

Make = Callable[..., Any]


def test_a_third_axis_that_is_0(make_batch: Make) -> None:
    batch = make_batch((2, 0, 1), axes=2)
    flat = with_third_axis(batch)
    assert torch.equal(flat.positions[..., :2], -batch.positions)
    assert not flat.positions[..., 2].any()
    assert not flat.tracks.has_depth.any()
    assert torch.equal(flat.observed, batch.observed)
    with_depth = make_batch((2, 1))
    assert with_third_axis(with_depth) is with_depth


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("layout", ["kinect20", "coco17"])
def test_2d_clips_with_three_axes_stay_flat(make_batch: Make, kind: str, layout: str) -> None:
    batch = make_batch((2, 1, 2), skeleton=LAYOUTS[layout])
    flat = with_third_axis(make_batch((2, 1, 2), skeleton=LAYOUTS[layout], axes=2))
    has_depth = torch.tensor([True, True, False, False, False])
    tracks = replace(batch.tracks, has_depth=has_depth)
    positions = batch.tracks.positions.where(has_depth[:, None, None, None], flat.tracks.positions)
    observed = batch.tracks.observed & flat.tracks.observed
    mixed = batch.of_tracks(replace(tracks, positions=positions * observed[..., None], observed=observed))
    moved = TRANSFORMS[kind]()(mixed).tracks  # type: ignore[operator]
    if kind == "lose_person":
        return
    assert not moved.positions[2:, ..., 2].any()
    assert moved.positions[0, ..., 2].any() or not moved.has_depth[0]


def test_2d_clips_turn_in_the_image_alone(make_batch: Make) -> None:
    batch = make_batch((1, 1), lost=0.0)
    tracks = batch.tracks
    positions = tracks.positions.clone()
    positions[1, ..., 2] = 0.0
    mixed = batch.of_tracks(replace(tracks, positions=positions, has_depth=torch.tensor([True, False])))
    assert torch.equal(FaceForward()(mixed).tracks.positions[1], positions[1])
    assert not torch.equal(FaceForward()(mixed).tracks.positions[0], positions[0])
    turned = Rotate(degrees=(30, 30, 30))(mixed).tracks.positions
    torch.testing.assert_close(turned[1].norm(dim=-1), positions[1].norm(dim=-1))
    assert not torch.allclose(turned[1], positions[1])
    assert torch.equal(Rotate(degrees=(30, 30, 0))(mixed).tracks.positions[1], positions[1])


def test_layouts_without_sides_may_be_left_as_they_are(make_batch: Make) -> None:
    batch = make_batch(skeleton=LAYOUTS["hand21"])
    assert FaceForward(optional=True)(batch) is batch
