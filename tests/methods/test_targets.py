from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch

from skeletonmae.batches import Patches, patchify
from skeletonmae.methods.targets import (
    EPSILON,
    Target,
    TargetNorm,
    make_targets,
    num_components,
    reconstruction_loss,
)
from skeletonmae.skeletons import KINECT20, Skeleton

ONE = Skeleton("one", ("pelvis",), {})


def patches_of(values: list[list[float]], observed: list[int] | None = None, skeleton: Skeleton = ONE) -> Patches:
    """Tokens of two frames of one person with one joint; `values` is (frame, axis)."""
    positions = torch.tensor(values)[None, :, None]
    is_observed = torch.ones(positions.shape[:3], dtype=torch.bool)
    if observed is not None:
        is_observed[0, :, 0] = torch.tensor(observed).bool()
    return patchify(positions * is_observed[..., None], is_observed, skeleton, token_frames=2)


FRAMES = [[1.0, 0.0], [3.0, 0.0], [5.0, 2.0], [5.0, 6.0]]


def test_position_by_token_by_hand() -> None:
    made = make_targets(patches_of(FRAMES), "position", "token")
    # First token 1 0 3 0: mean 1, squares 0 1 4 1, variance 1.5. Second 5 2 5 6: mean 4.5, variance 9 / 4.
    first = [[0, -1], [2, -1]] / np.sqrt(1.5)
    second = [[0.5, -2.5], [0.5, 1.5]] / np.sqrt(2.25)
    np.testing.assert_allclose(made.values[0, :, 0], [first, second], rtol=1e-5)
    assert made.values.shape == (1, 2, 1, 2, 2)


def test_position_by_clip_by_hand() -> None:
    made = make_targets(patches_of(FRAMES), "position", "clip")
    # x: 1 3 5 5, mean 3.5, variance 11 / 4. y: 0 0 2 6, mean 2, variance 24 / 4.
    x, y = np.array([-2.5, -0.5, 1.5, 1.5]) / np.sqrt(2.75), np.array([-2, -2, 0, 4]) / np.sqrt(6)
    np.testing.assert_allclose(made.values[0, :, 0].reshape(4, 2), np.stack([x, y], 1), rtol=1e-5)


def test_motion_by_token_by_hand() -> None:
    made = make_targets(patches_of(FRAMES), "motion", "token")
    # Motion is 2 0, 2 2, 0 4 and 0 0 in the last frame. First token 2 0 2 2: mean 1.5, variance 0.75.
    first = [[0.5, -1.5], [0.5, 0.5]] / np.sqrt(0.75)
    second = [[-1, 3], [-1, -1]] / np.sqrt(3)
    np.testing.assert_allclose(made.values[0, :, 0], [first, second], rtol=1e-5)
    raw = made.values * made.std + made.mean
    np.testing.assert_allclose(raw[0, :, 0].reshape(4, 2), [[2, 0], [2, 2], [0, 4], [0, 0]], atol=1e-6)


def test_motion_by_clip_by_hand() -> None:
    made = make_targets(patches_of(FRAMES), "motion", "clip")
    x, y = np.array([1, 1, -1, -1]), np.array([-1.5, 0.5, 2.5, -1.5]) / np.sqrt(2.75)
    np.testing.assert_allclose(made.values[0, :, 0].reshape(4, 2), np.stack([x, y], 1), rtol=1e-5)


def test_unobserved_frames_do_not_enter_the_mean() -> None:
    gap = patches_of(FRAMES, [1, 0, 1, 1])
    made = make_targets(gap, "position", "clip")
    x, y = np.array([1, 5, 5.0]), np.array([0, 2, 6.0])
    found = made.values[0, :, 0].reshape(4, 2)
    for axis, values in enumerate((x, y)):
        np.testing.assert_allclose(found[[0, 2, 3], axis], (values - values.mean()) / values.std(), rtol=1e-5)
    assert found[1].tolist() == [0, 0]
    assert made.observed[0, :, 0].flatten().tolist() == [True, False, True, True]
    moved = make_targets(gap, "motion", "token")
    assert moved.observed[0, :, 0].flatten().tolist() == [False, False, True, True]


def test_acceleration_by_hand() -> None:
    made = make_targets(patches_of(FRAMES), "acceleration", "none")
    # Motion is 2 0, 2 2, 0 4. The last two frames have no acceleration.
    assert made.values[0, :, 0].reshape(4, 2).tolist() == [[0, 2], [-2, 2], [0, 0], [0, 0]]
    assert made.observed[0, :, 0].flatten().tolist() == [True, True, False, False]
    gap = make_targets(patches_of(FRAMES, [1, 1, 0, 1]), "acceleration", "none")
    assert not gap.observed.any()


def test_motion_over_an_interval_crosses_tokens_and_ends_with_the_clip() -> None:
    made = make_targets(patches_of(FRAMES), "motion", "none", (3,))
    assert made.values[0, :, 0].reshape(4, 2).tolist() == [[4, 6], [0, 0], [0, 0], [0, 0]]
    assert made.observed[0, :, 0].flatten().tolist() == [True, False, False, False]


def test_motion_over_one_frame_is_0_in_the_last_frame() -> None:
    assert make_targets(patches_of(FRAMES), "motion", "token", (1,)).observed.all()


def components(
    positions: np.ndarray, measured: np.ndarray, target: Target, intervals: tuple[int, ...]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values `(frame, axis)` and flags `(frame,)` of each component for one joint, frame by frame."""
    spans: list[tuple[int, ...]] = [(0,)] if target == "position" else []
    spans += [(0, interval) for interval in intervals] if target.startswith("motion") else []
    spans += [(0, 1, 2)] if target.endswith("acceleration") else []
    factors = {1: (1,), 2: (-1, 1), 3: (1, -2, 1)}
    found = []
    for span in spans:
        values, flags = np.zeros_like(positions), np.zeros(len(positions), bool)
        for frame in range(len(positions)):
            frames = [frame + offset for offset in span]
            if frames[-1] < len(positions):
                flags[frame] = measured[frames].all()
                if flags[frame]:
                    values[frame] = sum(
                        factor * positions[at] for factor, at in zip(factors[len(span)], frames, strict=True)
                    )
            elif span == (0, 1):
                flags[frame] = measured[frame]
        found.append((values, flags))
    return found


@pytest.mark.parametrize("target", get_args(Target))
@pytest.mark.parametrize("target_norm", get_args(TargetNorm))
@pytest.mark.parametrize("intervals", [(1,), (5, 1, 2)])
def test_every_component_equals_a_plain_loop(
    target: Target, target_norm: TargetNorm, intervals: tuple[int, ...]
) -> None:
    dice, joints, token_frames = np.random.default_rng(0), KINECT20.num_joints, 4
    positions = dice.normal(size=(12, joints, 3))
    observed, bridged = dice.random((2, 12, joints)) < [[[0.8]], [[0.1]]]
    positions = (positions * observed[..., None]).astype(np.float32)
    tensors = [torch.as_tensor(array)[None] for array in (positions, observed, bridged & observed)]
    patches = patchify(tensors[0], tensors[1], KINECT20, token_frames, tensors[2])
    made = make_targets(patches, target, target_norm, intervals)
    undone = (made.values * made.std + made.mean).masked_fill(~made.observed[..., None], 0.0)
    for joint in range(joints):
        expected = components(positions[:, joint], (observed & ~bridged)[:, joint], target, intervals)
        assert len(expected) == num_components(target, intervals)
        for number, (values, flags) in enumerate(expected):
            frames = slice(number * token_frames, (number + 1) * token_frames)
            np.testing.assert_array_equal(made.observed[0, :, joint, frames].flatten(), flags)
            np.testing.assert_allclose(
                undone[0, :, joint, frames].flatten(0, 1), values * flags[:, None], atol=1e-5
            )
            normalized = made.values[0, :, joint, frames]
            for step in range(3):
                part = slice(step * token_frames, (step + 1) * token_frames)
                known = values[part][flags[part]] if target_norm == "token" else values[flags]
                axis = None if target_norm == "token" else 0
                if target_norm == "none" or not len(known):
                    mean, std = 0.0, 1.0
                else:
                    mean, std = known.mean(axis), np.sqrt(known.var(axis) + EPSILON)
                wanted = (values[part] - mean) / std * flags[part][:, None]
                np.testing.assert_allclose(normalized[step], wanted, atol=1e-4)


def test_a_still_joint_has_targets_of_0_and_not_noise() -> None:
    made = make_targets(patches_of([[2.0, 3.0]] * 4), "position", "clip")
    assert made.values.abs().max() < 1e-3
    assert float(made.std[0, 0, 0, 0, 0]) == pytest.approx(math.sqrt(EPSILON))


def test_a_floor_adds_to_the_variance() -> None:
    # x: 1 3 5 5, mean 3.5, variance 11 / 4, plus 0.5 squared: 3. y: 0 0 2 6, mean 2, variance 6, plus 0.25.
    made = make_targets(patches_of(FRAMES), "position", "clip", target_floor=0.5)
    x, y = np.array([-2.5, -0.5, 1.5, 1.5]) / np.sqrt(3.0), np.array([-2, -2, 0, 4]) / np.sqrt(6.25)
    np.testing.assert_allclose(made.values[0, :, 0].reshape(4, 2), np.stack([x, y], 1), rtol=1e-5)
    raw = made.values * made.std + made.mean
    np.testing.assert_allclose(raw[0, :, 0].reshape(4, 2), FRAMES, rtol=1e-5)
    without = make_targets(patches_of(FRAMES), "position", "clip", target_floor=0.0)
    assert torch.equal(without.values, make_targets(patches_of(FRAMES), "position", "clip").values)


@pytest.mark.parametrize("target_norm", ["token", "clip"])
@pytest.mark.parametrize("intervals", [(1,), (1, 3)])
def test_the_noise_of_a_still_joint_is_a_small_target(target_norm: TargetNorm, intervals: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).normal(0, 0.004, (4, 2)).astype(np.float32)
    for values, share in ((noise, 0.15), (1e5 * noise, 1.0)):
        patches = patches_of(values.tolist())
        without = make_targets(patches, "motion", target_norm, intervals).values
        floored = make_targets(patches, "motion", target_norm, intervals, target_floor=0.1).values
        assert without.abs().max() > 1
        assert floored.abs().max() < 1.01 * share * without.abs().max()
    torch.testing.assert_close(floored, without, rtol=0.01, atol=0)  # motion far above the floor


def test_the_reconstruction_loss_by_hand() -> None:
    prediction = torch.tensor([[[1.0, 2.0], [3.0, 9.0]], [[0.0, 0.0], [0.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, torch.nan]], [[1.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    observed = torch.tensor([[True, False], [True, True], [False, False]])
    output = reconstruction_loss(prediction, target, observed)
    # First token: 0 and 4 over two observed coordinates. Second: 1, 1, 1 and 9 over four. The third has none.
    assert float(output.loss) == pytest.approx((4 / 2 + 12 / 4) / 2)
    assert float(output.num_terms) == 2
    weight = torch.tensor([[0.5, 7.0], [1.0, 0.25], [1.0, 1.0]])
    weighted = reconstruction_loss(prediction, target, observed, weight)
    assert float(weighted.loss) == pytest.approx((4 / 2 / 2 + (2 + 10 / 4) / 4) / 2)
    assert float(weighted.num_terms) == 2
    nothing = reconstruction_loss(prediction, target, torch.zeros_like(observed))
    assert (float(nothing.loss), float(nothing.num_terms)) == (0.0, 0.0)
