from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch

from skeletonmae.batches import Patches, patchify
from skeletonmae.methods.targets import EPSILON, Target, TargetNorm, make_targets, reconstruction_loss
from skeletonmae.skeletons import Skeleton

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


@pytest.mark.parametrize("target", get_args(Target))
@pytest.mark.parametrize("target_norm", get_args(TargetNorm))
def test_mean_and_std_undo_the_normalization(target: Target, target_norm: TargetNorm) -> None:
    made = make_targets(patches_of(FRAMES), target, target_norm)
    raw = (made.values * made.std + made.mean)[0, :, 0].reshape(4, 2)
    expected = np.array(FRAMES)
    if target == "motion":
        expected = np.vstack([np.diff(expected, axis=0), [[0, 0]]])
    np.testing.assert_allclose(raw, expected, atol=1e-5)


def test_a_still_joint_has_targets_of_0_and_not_noise() -> None:
    made = make_targets(patches_of([[2.0, 3.0]] * 4), "position", "clip")
    assert made.values.abs().max() < 1e-3
    assert float(made.std[0, 0, 0, 0, 0]) == pytest.approx(math.sqrt(EPSILON))


def test_the_reconstruction_loss_by_hand() -> None:
    prediction = torch.tensor([[[1.0, 2.0], [3.0, 9.0]], [[0.0, 0.0], [0.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, torch.nan]], [[1.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    observed = torch.tensor([[True, False], [True, True], [False, False]])
    output = reconstruction_loss(prediction, target, observed)
    # First token: 0 and 4 over two observed coordinates. Second: 1, 1, 1 and 9 over four. The third has none.
    assert float(output.loss) == pytest.approx((4 / 2 + 12 / 4) / 2)
    assert float(output.num_terms) == 2
    nothing = reconstruction_loss(prediction, target, torch.zeros_like(observed))
    assert (float(nothing.loss), float(nothing.num_terms)) == (0.0, 0.0)
