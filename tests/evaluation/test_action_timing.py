from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skeletonmae.evaluation.action_timing import ActionTiming, body_size, local_speed, num_observed_frames
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def gliding(frames: int, speed: float, fps: float | None = 30.0, size: float = 1.0) -> SkeletonSequence:
    """A rigid body, whose joints are `size` from their mean, and which moves `speed` a second (of 30 frames)."""
    body = np.zeros((20, 3))
    body[:, 1] = np.where(np.arange(20) % 2, size, -size)
    path = np.zeros((frames, 1, 3))
    path[:, 0, 0] = np.arange(frames) * speed / (fps or 30)
    return SkeletonSequence.from_positions(body + path, KINECT20, fps=fps)


def test_the_speed_of_a_body_that_glides_is_that_of_its_path() -> None:
    for fps in (10.0, 30.0, 120.0):
        clip = gliding(60, 0.6, fps)
        speed = local_speed(clip.positions, clip.observed, np.arange(0.0, 60.0, 7.0), fps)
        assert speed == pytest.approx(np.full(len(speed), 0.6), rel=1e-4)


def test_the_speed_is_relative_to_the_size_of_the_body() -> None:
    large = gliding(40, 0.6, size=2.0)
    assert body_size(large.positions, large.observed) == pytest.approx(2.0)
    assert local_speed(large.positions, large.observed, np.array([20.0]), 30.0) == pytest.approx([0.3], rel=1e-4)


def test_the_speed_is_local() -> None:
    positions = gliding(120, 0.0).positions.copy()
    positions[:, 60:, :, 0] += np.arange(60)[:, None] * 1.0 / 30  # stands for two seconds, and then glides
    observed = np.ones(positions.shape[:3], dtype=bool)
    speed = local_speed(positions, observed, np.array([30.0, 90.0]), 30.0)
    assert speed == pytest.approx([0.0, 1.0], abs=1e-4)


def test_speeds_of_unobserved_times_are_not_known() -> None:
    clip = gliding(90, 1.0)
    observed = clip.observed.copy()
    observed[:, 30:60] = False
    speed = local_speed(
        np.where(observed[..., None], clip.positions, 0), observed, np.array([10.0, 45.0, 80.0]), 30.0
    )
    assert np.isfinite(speed).tolist() == [True, False, True]
    assert np.isnan(local_speed(clip.positions[:, :1], clip.observed[:, :1], np.array([0.0]), 30.0)).all()


def test_durations_of_a_class_come_from_its_clips_and_from_five_of_all() -> None:
    clips = [gliding(60, 1.0) for _ in range(5)] + [gliding(120, 1.0) for _ in range(5)]
    timing = ActionTiming.of(clips, [0] * 5 + [1] * 5, 3)
    # All clips: 2 s and 4 s. Five of them, evenly spaced: 2, 2, 3 (interpolated), 4, 4.
    assert timing.in_seconds
    assert timing.median == 3.0
    assert timing.mean == pytest.approx(((5 * 2 + 15) / 10, (5 * 4 + 15) / 10, 3.0))
    assert timing.minimum == pytest.approx((1.0, 1.0, 1.0))


def test_frames_count_where_a_rate_is_not_known() -> None:
    timing = ActionTiming.of([gliding(60, 1.0, fps=None), gliding(60, 1.0, fps=60.0)], [0, 0], 1)
    assert not timing.in_seconds
    assert timing.mean == (2.0,)  # 60 frames each
    assert timing.fps_of(gliding(9, 1.0, fps=60.0)) == 30.0
    assert ActionTiming.of([gliding(60, 1.0)], [0], 1).fps_of(gliding(9, 1.0, fps=60.0)) == 60.0


def test_ranks_of_speeds() -> None:
    timing = ActionTiming(minimum=(1,), mean=(1,), median=1, in_seconds=True, speeds=(1.0, 2.0, 4.0))
    ranks = timing.speed_ranks(np.array([0.0, 1.0, 2.0, 9.0, np.nan]))
    # At 1: half of the first, and of the others 1 / (1 + 2**5) and 1 / (1 + 4**5), as the blur is 1/5.
    assert ranks[:4] == pytest.approx([0.0, (1 / 2 + 1 / 33 + 1 / 1025) / 3, 0.5, 1.0], abs=0.01)
    assert ranks[1] == pytest.approx((1 / 2 + 1 / 33 + 1 / 1025) / 3, rel=1e-6)
    assert np.isnan(ranks[4])
    assert np.isnan(timing.model_copy(update={"speeds": ()}).speed_ranks(np.ones(2))).all()


def test_durations_count_from_the_first_to_the_last_observed_frame(make_recording: Any) -> None:
    clip = gliding(30, 1.0)
    observed = clip.observed.copy()
    observed[:, :5] = observed[:, 20:] = False
    clip = SkeletonSequence.from_positions(clip.positions, KINECT20, observed=observed)
    assert num_observed_frames(clip) == 15
