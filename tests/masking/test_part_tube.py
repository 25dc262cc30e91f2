from __future__ import annotations

import math

import pytest
import torch

from skeletonmae.batches import Patches, SampleRng, sample_keys
from skeletonmae.masking import PartTubes
from skeletonmae.masking.part_tube import NUM_DRAWS, _draw_joints
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, Skeleton


def rng(num: int) -> SampleRng:
    return SampleRng(sample_keys(0, 0, torch.arange(num)), "mask")


def patches_of(num: int, steps: int, skeleton: Skeleton = KINECT20, lost: float = 0.0) -> Patches:
    dice = torch.Generator().manual_seed(0)
    values = torch.randn(num, steps, skeleton.num_joints, 4, 3, generator=dice)
    observed = (torch.rand(values.shape[:3], generator=dice) >= lost)[..., None].expand(values.shape[:-1])
    return Patches(values * observed[..., None], observed, skeleton)


@pytest.mark.parametrize("ratio", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_exactly_the_share_is_hidden(ratio: float, lost: float) -> None:
    mask = PartTubes(ratio=ratio)(patches_of(50, 8, lost=lost), rng(50))
    expected = (mask.available.sum((1, 2)) * ratio).round()
    assert torch.equal(mask.hidden.sum((1, 2)), expected.long())


@pytest.mark.parametrize("lost", [0.0, 0.6])
@pytest.mark.parametrize("ratio", [0.2, 0.6, 0.9])
def test_it_equals_a_plain_loop(lost: float, ratio: float) -> None:
    """Tube after tube, step after step, until the share is hidden; then tokens at random."""
    num, steps = 6, 8
    patches = patches_of(num, steps, COCO17, lost)
    hidden = PartTubes(ratio=ratio)(patches, rng(num)).hidden
    stream = rng(num)
    is_in_joints = _draw_joints(COCO17, stream)
    durations, starts = stream.uniform(NUM_DRAWS), stream.uniform(NUM_DRAWS)
    noise = stream.uniform(steps, 17)
    for track in range(num):
        available = patches.available[track]
        budget, order = int((available.sum() * ratio).round()), []
        for draw in range(NUM_DRAWS):
            duration = int(durations[track, draw] * steps) + 1
            start = int(starts[track, draw] * (steps - duration + 1))
            for step in range(start, start + duration):
                joints = is_in_joints[track, draw].nonzero().flatten().tolist()
                order += sorted(((step, joint) for joint in joints), key=lambda at: float(noise[track][at]))
        every = [(step, joint) for step in range(steps) for joint in range(17)]
        order += sorted(every, key=lambda at: float(noise[track][at]))
        order = [at for at in dict.fromkeys(order) if available[at]]
        expected = torch.zeros(steps, 17, dtype=torch.bool)
        for at in order[:budget]:
            expected[at] = True
        assert torch.equal(hidden[track], expected)


@pytest.mark.parametrize("skeleton", [KINECT20, NTU25])
def test_the_joints_of_a_tube_are_connected_and_of_one_part(skeleton: Skeleton) -> None:
    parts = [{skeleton.index[joint] for joint in joints} for joints in skeleton.parts.values()]
    for row in _draw_joints(skeleton, rng(20)).flatten(0, 1):
        joints = set(row.nonzero().flatten().tolist())
        assert joints
        part = next(part for part in parts if joints <= part)
        first = next(iter(joints))
        inside = {first}
        for _ in joints:
            inside |= {joint for joint in joints if skeleton.adjacency[joint, sorted(inside)].any()}
        reachable = {first}
        for _ in part:
            reachable |= {joint for joint in part if skeleton.adjacency[joint, sorted(reachable)].any()}
        assert inside == joints or not part <= reachable  # some parts are not connected themselves


def test_parts_and_numbers_of_joints_are_drawn_uniformly() -> None:
    drawn = _draw_joints(KINECT20, rng(200)).flatten(0, 1)
    part_index = torch.as_tensor(KINECT20.part_index)
    part = part_index[drawn.int().argmax(1)]
    for index, joints in enumerate(KINECT20.parts.values()):
        in_part = part == index
        assert float(in_part.double().mean()) == pytest.approx(
            1 / len(KINECT20.parts), abs=5 * math.sqrt(0.14 / 12800)
        )
        counts = torch.bincount(drawn[in_part].sum(1), minlength=len(joints) + 1)[1:].double()
        expected = counts.sum() / len(joints)
        assert ((counts - expected).abs() < 5 * expected.sqrt()).all()
        assert (drawn[in_part].sum(0) > 0).sum() == len(joints)


def test_tubes_hide_joints_for_several_steps() -> None:
    """A hidden token is followed by another one of its joint more often than in a mask without tubes."""
    hidden = PartTubes(ratio=0.5)(patches_of(200, 8), rng(200)).hidden
    assert float(hidden[:, 1:][hidden[:, :-1]].double().mean()) > 0.7
