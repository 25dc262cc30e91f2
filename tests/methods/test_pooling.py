from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.methods.pooling import (
    BODY_PARTS,
    check_last_blocks,
    concat_joints,
    num_pooled,
    part_names,
    pool_statistics,
    pool_sums,
    statistics_blocks,
    sum_time_parts,
)
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, NTU25, Skeleton

LAYOUT = Skeleton("layout", ("a", "b", "c"), {"b": "a", "c": "b"})


def test_joints_are_concatenated_in_the_order_of_the_names_with_zeros_for_missing_ones() -> None:
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]])
    found = concat_joints(features, LAYOUT, ("c", "tail", "a"))
    assert found.tolist() == [[5, 6, 0, 0, 1, 2], [11, 12, 0, 0, 7, 8]]
    assert concat_joints(features[:0], LAYOUT, ("c", "tail", "a")).shape == (0, 6)


def test_human_layouts_have_the_same_six_parts_and_others_their_own() -> None:
    for skeleton in (KINECT20, NTU25, COCO17):
        assert part_names(skeleton) == BODY_PARTS
    assert part_names(HAND21) == ("palm", "thumb", "index", "middle", "ring", "pinky")
    person_with_tail = Skeleton("tail", ("pelvis", "tail1", "tail2"), {"tail1": "pelvis", "tail2": "pelvis"})
    assert part_names(person_with_tail) == (*BODY_PARTS, "tail1", "tail2")


@pytest.mark.parametrize("num_steps", [4, 5, 7])
@pytest.mark.parametrize("time_parts", [1, 2, 3, 4])
def test_sums_over_parts_of_time_by_a_plain_loop(num_steps: int, time_parts: int) -> None:
    values = torch.arange(2.0 * num_steps).view(2, num_steps)
    expected = [[0.0] * time_parts for _ in range(2)]
    for track in range(2):
        for step in range(num_steps):
            expected[track][step * time_parts // num_steps] += float(values[track, step])
    assert sum_time_parts(values, time_parts).tolist() == expected


def test_more_parts_than_time_steps_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected at most the 4 time steps.*got 5"):
        sum_time_parts(torch.zeros(1, 4), 5)
    with pytest.raises(InputError, match=r"expected at most 2, .*got 3"):
        check_last_blocks(3, 2)


def pooled_by_loops(
    tokens: torch.Tensor, available: torch.Tensor, groups: list[list[int]], time_parts: int
) -> list[list[float]]:
    """Mean over the available tokens of each (part of time, group of joints), concatenated."""
    num_tracks, num_steps, _, width = tokens.shape
    rows = []
    for track in range(num_tracks):
        row: list[float] = []
        for time_part in range(time_parts):
            for group in groups:
                chosen = [
                    tokens[track, step, joint]
                    for step in range(num_steps)
                    for joint in group
                    if step * time_parts // num_steps == time_part and available[track, step, joint]
                ]
                mean = torch.stack(chosen).mean(0) if chosen else torch.zeros(width)
                row += mean.tolist()
        rows.append(row)
    return rows


@pytest.mark.parametrize("skeleton", [KINECT20, COCO17], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("time_parts", [1, 3])
@pytest.mark.parametrize("pooling", ["mean", "joints", "parts"])
def test_pooling_equals_a_plain_loop(skeleton: Skeleton, time_parts: int, pooling: Any) -> None:
    dice = torch.Generator().manual_seed(0)
    tokens = torch.randn(3, 7, skeleton.num_joints, 2, generator=dice)
    available = torch.rand(3, 7, skeleton.num_joints, generator=dice) < 0.6
    available[1, :, [skeleton.index[joint] for joint in skeleton.parts["head"]]] = False
    known = (*reversed(skeleton.joints), "tail")
    index = skeleton.index
    groups = {
        "mean": [list(range(skeleton.num_joints))],
        "joints": [[index[joint]] if joint in index else [] for joint in known],
        "parts": [[index[joint] for joint in skeleton.parts[part]] for part in BODY_PARTS],
    }[pooling]
    total = sum_time_parts(tokens * available[..., None], time_parts)
    count = sum_time_parts(available.float(), time_parts)
    found = pool_sums(total, count, skeleton.joints, skeleton, pooling, known)
    assert found.shape[1] == time_parts * num_pooled(pooling, skeleton, known) * 2
    torch.testing.assert_close(found, torch.tensor(pooled_by_loops(tokens, available, groups, time_parts)))
    if pooling == "parts":
        head = found.view(3, time_parts, 6, 2)[:, :, 0]
        assert not head[1].any()  # never observed
        assert head[[0, 2]].any(-1).all()


def test_parts_are_found_by_name_in_any_order_of_joints() -> None:
    """A model's joints need not be those of the layout, nor in its order."""
    joints = ("nose", "tail", *reversed(COCO17.joints[1:]))
    total, count = torch.randn(2, 1, 18, 3), torch.ones(2, 1, 18)
    total[:, :, 1], count[:, :, 1] = 0.0, 0.0
    order = [joints.index(joint) for joint in COCO17.joints]
    torch.testing.assert_close(
        pool_sums(total, count, joints, COCO17, "parts", joints),
        pool_sums(total[:, :, order], count[:, :, order], COCO17.joints, COCO17, "parts", joints),
    )


def test_statistics_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    available = torch.from_numpy(rng.random((2, 5, KINECT20.num_joints)) < 0.7)
    available[0, :, KINECT20.index["head"]] = False
    tokens = torch.from_numpy(rng.normal(size=(*available.shape, 3))).float() * available[..., None]
    found = pool_statistics(tokens, available, KINECT20.joints, KINECT20).reshape(2, 2, len(BODY_PARTS), 3)
    for track in range(2):
        for row, part in enumerate(BODY_PARTS):
            seen, deviations = [], []
            for joint in KINECT20.parts[part]:
                index = KINECT20.index[joint]
                own = tokens[track, available[track, :, index], index].numpy()
                if len(own):
                    seen.append(own)
                    deviations.append(own.std(0))
            is_unseen = (track, part) == (0, "head")
            assert (not seen) is is_unseen
            mean = np.concatenate(seen).mean(0) if seen else np.zeros(3)
            np.testing.assert_allclose(found[track, 0, row], mean, atol=1e-6)
            np.testing.assert_allclose(found[track, 1, row], np.mean(deviations or [mean], axis=0), atol=1e-6)


def test_two_thirds_of_the_blocks_are_run_for_statistics() -> None:
    assert [statistics_blocks(depth) for depth in (1, 2, 3, 6, 8)] == [1, 2, 2, 4, 6]
