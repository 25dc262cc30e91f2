from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, Skeleton
from skeletonmae.transforms.limbs import ScaleLimbs, bone_displacement

Make = Callable[..., Any]


def bones(batch: Batch) -> Tensor:
    parent = torch.as_tensor(batch.skeleton.parent_index)
    return batch.positions - batch.positions[..., parent, :]


def factors(moved: Batch, batch: Batch) -> Tensor:
    """Factor of every bone, `(batch, person, joint)`, which has to be the same in all frames."""
    before, after = bones(batch), bones(moved)
    factor = after.norm(dim=-1) / before.norm(dim=-1)
    is_bone = [joint in batch.skeleton.parents for joint in batch.skeleton.joints]
    torch.testing.assert_close(after, before * factor[:, :, :1, :, None].nan_to_num(), atol=1e-4, rtol=0)
    return factor[:, :, 0, is_bone]


@pytest.mark.parametrize("skeleton", [KINECT20, NTU25, COCO17], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("axes", [2, 3])
def test_bones_keep_their_directions_and_those_of_a_part_get_the_same_factor(
    make_batch: Make, skeleton: Skeleton, axes: int
) -> None:
    batch = make_batch((2, 2, 2), skeleton=skeleton, axes=axes, lost=0.0)
    moved = ScaleLimbs(low=0.5, high=1.5, sides="separate")(batch)
    factor = factors(moved, batch)
    joints = [joint for joint in skeleton.joints if joint in skeleton.parents]
    first_of_part = []
    for part in skeleton.parts.values():
        of_part = factor[..., [joints.index(joint) for joint in part if joint in joints]]
        torch.testing.assert_close(of_part, of_part[..., :1].expand_as(of_part), atol=1e-4, rtol=0)
        if of_part.shape[2]:
            first_of_part.append(of_part[..., 0])
    assert len(torch.stack(first_of_part).flatten().unique()) == len(first_of_part) * 6  # of parts and persons
    root = skeleton.index[skeleton.root]
    assert torch.equal(moved.positions[..., root, :], batch.positions[..., root, :])


def test_both_sides_get_the_same_factor_unless_they_are_separate(make_batch: Make) -> None:
    batch = make_batch((1,) * 50, lost=0.0)
    joints = [joint for joint in KINECT20.joints if joint in KINECT20.parents]
    left, right = joints.index("left_elbow"), joints.index("right_elbow")
    together = factors(ScaleLimbs()(batch), batch)
    torch.testing.assert_close(together[..., left], together[..., right], atol=1e-4, rtol=0)
    separate = factors(ScaleLimbs(sides="separate")(batch), batch)
    assert ((separate[..., left] - separate[..., right]).abs() > 1e-3).sum() > 45


def test_factors_are_uniform(make_batch: Make) -> None:
    batch = make_batch((2,) * 500, frames=1, lost=0.0)
    factor = factors(ScaleLimbs(low=0.8, high=1.4)(batch), batch)[..., -1].flatten()
    assert 0.8 - 1e-4 <= factor.min() < 0.81
    assert 1.39 < factor.max() <= 1.4 + 1e-4
    assert factor.mean().item() == pytest.approx(1.1, abs=4 * 0.6 / (12 * 1000) ** 0.5)
    with pytest.raises(ValidationError, match="low must not be above high"):
        ScaleLimbs(low=1.1, high=0.9)


CHAIN = Skeleton(
    "chain", ("a", "b", "c", "d"), {"b": "a", "c": "b", "d": "c"}, parts={"all": ("a", "b", "c", "d")}
)


def displaced(observed: list[bool], bridged: list[bool] | None = None) -> list[float]:
    """How far joints at 0, 1, 3 and 6 move if each bone becomes half as long again."""
    positions = torch.tensor([0.0, 1.0, 3.0, 6.0])[None, None, None, :, None]
    flags = [torch.tensor(values)[None, None, None] for values in (observed, bridged or [False] * 4)]
    positions = positions * flags[0][..., None]
    zero = torch.zeros(1, dtype=torch.int64)
    batch = Batch(positions, flags[0], zero, zero, CHAIN, flags[1])
    found: list[float] = bone_displacement(batch.tracks, torch.full((1, 4), 0.5)).flatten().tolist()
    return found


def test_a_missing_joint_is_skipped_on_the_way_to_the_root() -> None:
    assert displaced([True] * 4) == [0.0, 0.5, 1.5, 3.0]
    assert displaced([True, False, True, True])[2:] == [1.5, 3.0]
    assert displaced([True, False, False, True])[3] == 3.0
    assert displaced([False, True, True, True])[1:] == [0.0, 1.0, 2.5]  # the first that is there stays


def test_a_bridged_joint_moves_along_and_carries_nothing(make_batch: Make) -> None:
    assert displaced([True] * 4, [False, True, False, False]) == [0.0, 0.5, 1.5, 3.0]
    batch = make_batch((2, 1), lost=0.2)
    bridged = batch.observed & (torch.rand(batch.observed.shape, generator=torch.Generator().manual_seed(1)) < 0.3)
    batch = replace(batch, bridged=bridged)
    other = batch.with_positions(batch.positions + 9.0 * bridged[..., None])
    moved, moved_other = (ScaleLimbs()(one) for one in (batch, other))
    measured = batch.observed & ~bridged
    assert torch.equal(moved.positions[measured], moved_other.positions[measured])
    assert not torch.equal(moved.positions[measured], batch.positions[measured])
    assert torch.equal(moved.bridged, bridged)
