"""Each strategy hides the right share of the right tokens with the right probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from skeletonmae.batches import Patches, SampleRng, sample_keys
from skeletonmae.masking import MotionAware, RandomTokens, SpatialTemporal
from skeletonmae.skeletons import COCO17, KINECT20, Skeleton


def random(num: int, seed: int = 0) -> SampleRng:
    return SampleRng(sample_keys(seed, 0, torch.arange(num)), "mask")


def patches_of(num: int, steps: int, skeleton: Skeleton = KINECT20, available: Tensor | None = None) -> Patches:
    shape = (num, steps, skeleton.num_joints)
    if available is None:
        available = torch.ones(shape, dtype=torch.bool)
    values = torch.randn(*shape, 4, 3, generator=torch.Generator().manual_seed(0))
    observed = available[..., None].expand(*shape, 4)
    return Patches(values * observed[..., None], observed, skeleton)


def is_uniform(count: Tensor, share: float, num: int) -> bool:
    """Whether each item was drawn in that share of `num` draws (5 sigma)."""
    sigma = math.sqrt(share * (1 - share) / num)
    return bool(((count / num - share).abs() < 5 * sigma + 1e-9).all())


@pytest.mark.parametrize("ratio", [0.25, 0.8])
def test_random_tokens_are_drawn_uniformly(ratio: float) -> None:
    hidden = RandomTokens(ratio=ratio)(patches_of(3000, 4, COCO17), random(3000)).hidden
    assert (hidden.sum((1, 2)) == round(68 * ratio)).all()
    assert is_uniform(hidden.sum(0), round(68 * ratio) / 68, 3000)
    assert len({tuple(row.tolist()) for row in hidden.flatten(1)}) > 2900


def test_the_share_is_that_of_the_available_tokens() -> None:
    available = (
        torch.rand(5, 6, 20, generator=torch.Generator().manual_seed(3)) < torch.linspace(0.1, 1, 5)[:, None, None]
    )
    for strategy in (RandomTokens(ratio=0.6), MotionAware(ratio=0.6)):
        hidden = strategy(patches_of(5, 6, available=available), random(5)).hidden
        expected = [round(0.6 * num) for num in available.sum((1, 2)).tolist()]
        assert hidden.sum((1, 2)).tolist() == expected
        assert not (hidden & ~available).any()


@pytest.mark.parametrize("joint_mask", ["tube", "step"])
@pytest.mark.parametrize("granularity", ["joint", "part"])
@pytest.mark.parametrize(("frame_ratio", "joint_ratio"), [(0.5, 0.5), (0.25, 0.33), (0.0, 0.5), (0.75, 0.0)])
def test_spatial_temporal(joint_mask: str, granularity: str, frame_ratio: float, joint_ratio: float) -> None:
    num, steps = 1500, 8
    strategy = SpatialTemporal.model_validate(
        {
            "frame_ratio": frame_ratio,
            "joint_ratio": joint_ratio,
            "joint_mask": joint_mask,
            "granularity": granularity,
        }
    )
    hidden = strategy(patches_of(num, steps, COCO17), random(num)).hidden
    hidden_steps = hidden.all(2)
    num_hidden_steps = round(steps * frame_ratio)
    assert (hidden_steps.sum(1) == num_hidden_steps).all()
    assert is_uniform(hidden_steps.sum(0), num_hidden_steps / steps, num)
    remaining = hidden[~hidden_steps].view(num, steps - num_hidden_steps, 17)
    if granularity == "joint":
        num_items, items = 17, remaining
        assert (remaining.sum(2) == round(17 * joint_ratio)).all()
    else:
        num_items, members = 6, [np.flatnonzero(COCO17.part_index == part).tolist() for part in range(6)]
        items = torch.stack([remaining[..., of_part].all(-1) for of_part in members], -1)
        touched = torch.stack([remaining[..., of_part].any(-1) for of_part in members], -1)
        assert torch.equal(items, touched)  # a part is hidden entirely or not at all
        assert (items.sum(2) == round(6 * joint_ratio)).all()
    assert is_uniform(items[:, 0].sum(0), round(num_items * joint_ratio) / num_items, num)
    same = (items == items[:, :1]).all(2).all(1)
    if joint_mask == "tube" or joint_ratio == 0:
        assert same.all()
    else:
        assert same.double().mean() < 0.2


def test_every_row_hides_equally_many_single_joints() -> None:
    for joint_mask in ("tube", "step"):
        strategy = SpatialTemporal.model_validate({"joint_mask": joint_mask})
        mask = strategy(patches_of(50, 8), random(50))
        assert (mask.hidden.sum((1, 2)) == 4 * 20 + 4 * 10).all()
        assert mask.visible_index.valid is None


def test_a_share_above_0_hides_at_least_one_and_two_shares_of_0_are_refused() -> None:
    one_joint = SpatialTemporal(frame_ratio=0.0, joint_ratio=0.01)(patches_of(5, 8), random(5)).hidden
    assert one_joint.sum((1, 2)).tolist() == [8] * 5  # a tube over all 8 steps
    one_step = SpatialTemporal(frame_ratio=0.01, joint_ratio=0.0)(patches_of(5, 8), random(5)).hidden
    assert one_step.sum((1, 2)).tolist() == [20] * 5
    with pytest.raises(ValidationError, match="both 0"):
        SpatialTemporal(frame_ratio=0.0, joint_ratio=0.0)


def moving(num: int, motion: Tensor) -> Patches:
    """`num` equal tracks of `(steps, joints)` tokens; a token is away from the next of its joint by `motion`."""
    steps, joints = motion.shape
    skeleton = Skeleton("few", KINECT20.joints[:2], {"pelvis": "spine"})
    assert joints == 2
    position = motion.cumsum(0) - motion
    values = position[:, :, None, None].expand(num, steps, joints, 3, 3).clone()
    return Patches(values, torch.ones(values.shape[:-1], dtype=torch.bool), skeleton)


@pytest.mark.parametrize("temperature", [0.8, 0.2, 5.0])
def test_the_first_hidden_token_is_drawn_from_the_softmax_of_motion(temperature: float) -> None:
    num = 20_000
    motion = torch.tensor([[0.0, 0.3], [0.1, 0.7], [0.5, 1.0], [0.0, 0.0]])  # the last step has no motion
    hidden = MotionAware(ratio=1 / 8, temperature=temperature)(moving(num, motion), random(num)).hidden
    assert (hidden.sum((1, 2)) == 1).all()
    weight = np.exp(motion.numpy().astype(float) / (1.0 * temperature))  # the largest motion is 1
    expected = weight / weight.sum()
    found = hidden.double().mean(0).numpy()
    assert (np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / num)).all()


def test_the_unit_of_motion_does_not_matter() -> None:
    motion = torch.tensor([[0.0, 0.3], [0.1, 0.7], [0.5, 1.0], [0.0, 0.0]])
    masks = [MotionAware(ratio=0.5)(moving(200, motion * unit), random(200)).hidden for unit in (1.0, 1024.0)]
    assert torch.equal(*masks)


def test_tokens_are_drawn_without_replacement() -> None:
    num = 20_000
    motion = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    hidden = MotionAware(ratio=0.5)(moving(num, motion), random(num)).hidden.flatten(1)
    p = np.exp(np.array([0, 1 / 0.8, 0, 0]))
    p /= p.sum()
    expected = p[1] + sum(p[i] * p[1] / (1 - p[i]) for i in (0, 2, 3))  # first, or second after another
    assert float(hidden[:, 1].double().mean()) == pytest.approx(expected, abs=5 * math.sqrt(0.25 / num))


def test_tokens_of_a_still_body_are_drawn_uniformly() -> None:
    hidden = MotionAware(ratio=0.5)(moving(4000, torch.zeros(4, 2)), random(4000)).hidden
    assert is_uniform(hidden.sum(0), 0.5, 4000)
