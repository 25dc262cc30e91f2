from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.predictions.motion_statistics import MotionStatistics, ReferencePose, measure_motion
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20, NTU25


def body(frames: int = 40, seed: int = 0, skeleton: Any = KINECT20, **settings: Any) -> SkeletonSequence:
    """A body, upright and asymmetric, whose joints swing smoothly."""
    rng = np.random.default_rng(seed)
    pose = np.random.default_rng(7).normal(0, 0.1, (skeleton.num_joints, 3))
    pose[:, 1] += np.linspace(1.8, 0, skeleton.num_joints)
    time = np.linspace(0, 2 * np.pi, frames)[:, None, None]
    swing = 0.1 * np.sin(time + rng.uniform(0, 6, (1, skeleton.num_joints, 3)))
    return SkeletonSequence.from_positions(pose + swing, skeleton, **settings)


def changed(recording: SkeletonSequence, positions: np.ndarray) -> SkeletonSequence:
    return replace(recording, positions=positions.astype(np.float32))


def turned(recording: SkeletonSequence, degrees: float, axis: int) -> SkeletonSequence:
    """Rotated about the vertical (1) or the depth (2)."""
    angle = np.radians(degrees)
    first, second = [one for one in range(3) if one != axis]
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[first, second], matrix[second, first] = np.sin(angle), -np.sin(angle)
    return changed(recording, recording.positions @ matrix)


def test_smooth_motion_is_neither_rough_nor_still() -> None:
    statistics = measure_motion(body())
    assert statistics.roughness < 0.02
    assert statistics.motion > 0.1


def test_noise_and_shuffled_frames_are_rough_and_do_not_move() -> None:
    recording, rng = body(200), np.random.default_rng(0)
    noise = changed(recording, rng.normal(size=recording.positions.shape))
    shuffled = changed(recording, recording.positions[:, rng.permutation(200)])
    for statistics in (measure_motion(noise), measure_motion(shuffled)):
        assert statistics.roughness == pytest.approx(1, abs=0.15)
        assert statistics.motion < 0.1
    assert measure_motion(noise).bone_variation > 0.3


def test_a_still_body_does_not_move_even_if_the_sensor_is_noisy() -> None:
    recording = body()
    still = changed(recording, np.repeat(recording.positions[:, :1], 40, axis=1))
    assert measure_motion(still).motion == 0
    assert np.isnan(measure_motion(still).roughness)
    noise = np.random.default_rng(0).normal(0, 0.01, recording.positions.shape)
    assert measure_motion(changed(still, still.positions + noise)).motion < 0.01


def test_a_body_that_sways_as_a_whole_does_not_change_its_pose() -> None:
    recording, rng = body(60), np.random.default_rng(0)
    sway = 0.05 * np.sin(np.arange(60) / 8)[:, None, None] * [1.0, 0.0, 0.0]
    swaying = recording.positions[:, :1] + sway + rng.normal(0, 0.004, recording.positions.shape)
    statistics = measure_motion(changed(recording, swaying))
    assert statistics.motion > 0.04
    assert statistics.pose_motion < 0.005
    assert measure_motion(recording).pose_motion == pytest.approx(measure_motion(recording).motion, rel=0.2)


def test_a_random_walk_has_smooth_positions_and_rough_velocities() -> None:
    recording, rng = body(200), np.random.default_rng(0)
    walk = recording.positions + np.cumsum(rng.normal(0, 0.02, recording.positions.shape), axis=1)
    statistics = measure_motion(changed(recording, walk))
    assert statistics.roughness < 0.1
    assert statistics.velocity_roughness == pytest.approx(1, abs=0.1)
    noise = measure_motion(changed(recording, rng.normal(size=recording.positions.shape)))
    assert noise.velocity_roughness == pytest.approx(1.5, abs=0.1)
    assert measure_motion(recording).velocity_roughness < 0.02


def test_frames_that_repeat_the_one_before_do_not_make_velocities_rough() -> None:
    recording = body()
    frames = np.repeat(np.arange(recording.num_frames), 3)
    repeated = replace(recording, positions=recording.positions[:, frames], observed=recording.observed[:, frames])
    once, thrice = measure_motion(recording), measure_motion(repeated)
    assert thrice.velocity_roughness == pytest.approx(once.velocity_roughness)
    assert thrice.frames == 3 * once.frames
    still = replace(recording, positions=np.repeat(recording.positions[:, :1], recording.num_frames, axis=1))
    assert np.isnan(measure_motion(still).velocity_roughness)


def test_joints_that_come_and_go_do_not_move_the_pose() -> None:
    recording = body(60)
    still = np.repeat(recording.positions[:, :1], 60, axis=1)
    observed = recording.observed.copy()
    observed[:, 20:40, 3:9] = False
    lost = replace(recording, positions=(still * observed[..., None]).astype(np.float32), observed=observed)
    assert measure_motion(lost).pose_motion < 1e-6


def test_the_unit_and_the_place_change_the_size_alone() -> None:
    recording = body()
    other = changed(recording, 1000 * (recording.positions + np.array([3.0, 1.0, 2.0])))
    here, there = (measure_motion(one)._asdict() for one in (recording, other))
    assert there.pop("size") == pytest.approx(1000 * here.pop("size"), rel=1e-4)
    for name in here:
        np.testing.assert_allclose(there[name], here[name], rtol=1e-2, err_msg=name)


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
def test_tilt_is_the_angle_to_the_vertical(degrees: float) -> None:
    reference = ReferencePose.of([body(seed=seed) for seed in range(5)])
    assert measure_motion(turned(body(seed=9), degrees, 2), reference).tilt == pytest.approx(degrees, abs=3)
    assert measure_motion(turned(body(seed=9), degrees, 1), reference).tilt < 3  # another direction is no tilt


def test_a_body_mirrored_at_the_ground_is_upside_down() -> None:
    reference = ReferencePose.of([turned(body(seed=seed), 70.0 * seed, 1) for seed in range(5)])
    mirrored = changed(body(seed=9), body(seed=9).positions * [1, -1, 1])
    assert measure_motion(mirrored, reference).tilt > 150


def test_joints_are_matched_by_name() -> None:
    reference = ReferencePose.of([body(seed=seed) for seed in range(5)])
    names = list(KINECT20.joints)
    other = body(seed=9)
    order = np.random.default_rng(0).permutation(len(names))
    skeleton = replace(KINECT20, name="shuffled", joints=tuple(names[joint] for joint in order))
    shuffled = replace(other, positions=other.positions[:, :, order], skeleton=skeleton)
    np.testing.assert_allclose(measure_motion(shuffled, reference), measure_motion(other, reference), rtol=1e-4)
    common = set(NTU25.joints) & set(KINECT20.joints)
    assert measure_motion(body(skeleton=NTU25), reference).joints == len(common)


def test_unobserved_joints_frames_and_persons_do_not_count() -> None:
    recording = body(fps=20.0)
    observed = np.zeros((2, 60, 20), dtype=bool)
    observed[0, 10:50] = True
    observed[0, 20, 3] = False
    positions = np.zeros((2, 60, 20, 3), np.float32)
    positions[0, 10:50] = recording.positions[0]
    positions[0, 20, 3] = 0
    padded = replace(recording, positions=positions, observed=observed)
    here, there = measure_motion(padded), measure_motion(recording)
    assert (here.frames, here.seconds) == (40, 2.0)
    assert here.observed == pytest.approx(1 - 1 / 800)
    assert here.motion == pytest.approx(there.motion, rel=0.02)


def test_the_gap_is_the_longest_time_without_a_joint() -> None:
    recording = body(60, fps=20.0)
    observed = recording.observed.copy()
    observed[:, :5] = observed[:, 10:14] = observed[:, 20:27] = False
    observed[:, 30:40, 1:] = False  # one joint is observed
    lost = replace(recording, positions=recording.positions * observed[..., None], observed=observed)
    assert measure_motion(lost).gap == pytest.approx(7 / 20)
    assert measure_motion(recording).gap == 0
    assert np.isnan(measure_motion(replace(lost, fps=None)).gap)


def test_nobody_is_nan() -> None:
    nobody = SkeletonSequence.from_positions(np.full((5, 20, 3), np.nan), KINECT20)
    assert all(np.isnan(value) for value in measure_motion(nobody))
    assert len(MotionStatistics._fields) == len(measure_motion(nobody))


def test_two_axes() -> None:
    flat = [replace(body(seed=seed), positions=body(seed=seed).positions[..., :2]) for seed in range(4)]
    reference = ReferencePose.of(flat[:3])
    assert measure_motion(flat[3], reference).tilt < 3
    upside_down = replace(flat[3], positions=-flat[3].positions)
    assert measure_motion(upside_down, reference).tilt > 170
    assert np.isnan(measure_motion(body(), reference).tilt)  # a 3D recording has no angle to a 2D one
