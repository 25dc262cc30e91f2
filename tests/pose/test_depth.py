from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.pose.depth import SMOOTHING_SECONDS, root_motion, smooth
from skeletonmae.skeletons import HAND21, MEDIAPIPE33

RNG = np.random.default_rng(0)


def second_difference(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, 2, axis=0)).mean())


def test_noise_becomes_less_and_a_slow_motion_stays() -> None:
    time = np.arange(120) / 60
    motion = np.sin(2 * np.pi * 0.5 * time)[:, None, None] * np.ones((1, 3, 3))
    noisy = (motion + RNG.normal(0, 0.03, motion.shape)).astype(np.float32)
    smoothed = smooth(noisy, np.ones((120, 3), bool), 60)
    assert second_difference(smoothed) < 0.2 * second_difference(noisy)
    assert np.abs(smoothed - motion)[6:-6].mean() < 0.6 * np.abs(noisy - motion)[6:-6].mean()


def test_the_width_is_a_time_and_not_a_number_of_frames() -> None:
    for fps in (30, 60, 120):
        impulse = np.zeros((121, 1, 1), np.float32)
        impulse[60] = 1
        found = smooth(impulse, np.ones((121, 1), bool), fps)[:, 0, 0]
        at = (np.arange(121) - 60) / fps
        assert np.sqrt((found * at**2).sum() / found.sum()) == pytest.approx(SMOOTHING_SECONDS, rel=0.05)
    slow = RNG.normal(size=(20, 1, 3)).astype(np.float32)
    assert smooth(slow, np.ones((20, 1), bool), 5) is slow


def test_unobserved_frames_say_nothing() -> None:
    values = np.ones((20, 1, 3), np.float32)
    observed = np.ones((20, 1), bool)
    observed[8:10] = False
    values[~observed] = 1e6
    found = smooth(values, observed, 30)
    np.testing.assert_allclose(found[observed], 1, rtol=1e-5)
    assert not found[~observed].any()


def test_the_hips_move_in_meters_as_in_the_image() -> None:
    """Somebody of 200 pixels a meter who walks 1.2 m/s to the right, which is -x, and rises by a quarter meter."""
    world = RNG.normal(0, 0.4, (1, 33, 3)).repeat(60, 0).astype(np.float32)
    hips = [MEDIAPIPE33.index[name] for name in ("left_hip", "right_hip")]
    world -= world[:, hips].mean(1, keepdims=True)
    time = np.arange(60) / 30
    center = np.stack([300 + 240 * time, 400 - 50 * np.minimum(time, 1)], 1)
    points = (-200 * world[..., :2] + center[:, None]).astype(np.float32)
    root = root_motion(world, points, MEDIAPIPE33, (600, 800), 30)
    np.testing.assert_allclose(root[:, 0], -1.2 * time, atol=1e-3)
    np.testing.assert_allclose(root[:, 1], 0.25 * np.minimum(time, 1), atol=1e-3)
    assert not root[:, 2].any()


def test_no_hips_no_root_motion() -> None:
    with pytest.raises(InputError, match="no root motion without hips"):
        root_motion(np.zeros((2, 21, 3), np.float32), np.zeros((2, 21, 2), np.float32), HAND21, (9, 9), 30)
