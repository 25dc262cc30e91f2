from __future__ import annotations

import math

import pytest
import torch

from skeletonmae.batches import Patches, SampleRng, sample_keys
from skeletonmae.masking import Tubes
from skeletonmae.skeletons import COCO17, NTU25, Skeleton


def rng(num: int) -> SampleRng:
    return SampleRng(sample_keys(0, 0, torch.arange(num)), "mask")


def patches_of(num: int, steps: int, skeleton: Skeleton = NTU25, lost: float = 0.0) -> Patches:
    dice = torch.Generator().manual_seed(0)
    values = torch.randn(num, steps, skeleton.num_joints, 4, 3, generator=dice)
    observed = (torch.rand(values.shape[:3], generator=dice) >= lost)[..., None].expand(values.shape[:-1])
    return Patches(values * observed[..., None], observed, skeleton)


def test_two_joints_of_25_stay_visible_for_each_tube_of_five_steps() -> None:
    mask = Tubes()(patches_of(20, 30), rng(20))
    tubes = mask.hidden.view(20, 6, 5, 25)
    assert torch.equal(tubes, tubes[:, :, :1].expand_as(tubes))
    assert (tubes.sum(3) == 23).all()
    assert mask.visible_index.valid is None
    assert len({tuple(row) for row in tubes[:, :, 0].flatten(0, 1).tolist()}) > 80


@pytest.mark.parametrize(("steps", "lengths"), [(30, [5] * 6), (8, [2] * 4), (15, [2] * 7 + [1]), (1, [1])])
def test_a_tube_is_a_sixth_of_the_clip_and_the_last_has_what_is_left(steps: int, lengths: list[int]) -> None:
    hidden = Tubes()(patches_of(200, steps), rng(200)).hidden
    same = (hidden[:, 1:] == hidden[:, :-1]).all(2).all(0).tolist()
    expected = [index % lengths[0] != lengths[0] - 1 for index in range(steps - 1)]
    assert same == expected


@pytest.mark.parametrize(("length", "visible_ratio", "lost"), [(2, 0.3, 0.5), (3, 0.1, 0.9), (None, 0.5, 0.3)])
def test_it_equals_a_plain_loop(length: int | None, visible_ratio: float, lost: float) -> None:
    num, steps = 12, 8
    patches = patches_of(num, steps, COCO17, lost)
    strategy = Tubes(length=length, visible_ratio=visible_ratio, motion_weight=0.4)
    hidden, length = strategy(patches, rng(num)).hidden, length or 2
    draw, available, motion = (
        rng(num).uniform(-(-steps // length), 17),
        patches.available,
        patches.motion_intensity,
    )
    for track in range(num):
        for tube, start in enumerate(range(0, steps, length)):
            within = available[track, start : start + length]
            candidates = [joint for joint in range(17) if within[:, joint].any()]
            moved = motion[track, start : start + length].sum(0)
            score = draw[track, tube] + 0.4 * moved / max(float(moved.max()), 1e-8)
            visible = sorted(candidates, key=lambda joint: float(score[joint]))
            visible = visible[: max(1, round(len(candidates) * visible_ratio))]
            for joint in range(17):
                expected = within[:, joint] & (joint not in visible)
                assert torch.equal(hidden[track, start : start + length, joint], expected)


def test_joints_are_drawn_alike_without_motion_weight() -> None:
    hidden = Tubes(length=2, visible_ratio=0.3, motion_weight=0.0)(patches_of(1000, 4), rng(1000)).hidden
    share, draws = 1 - round(25 * 0.3) / 25, 2000
    found = hidden[:, ::2].double().mean((0, 1))
    assert ((found - share).abs() < 5 * math.sqrt(share * (1 - share) / draws)).all()


def test_joints_that_move_are_hidden_more_often() -> None:
    patches = patches_of(500, 4)
    patches.values[:, :, :12] *= 0.01
    shares = []
    for weight in (0.0, 0.1, 1.0):
        hidden = Tubes(length=2, visible_ratio=0.5, motion_weight=weight)(patches, rng(500)).hidden
        shares.append(float(hidden[:, :, 12:].double().mean()))
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.85
