from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose import PersonPose
from skeletonmae.pose.video_poses import BLOCK_ROWS, PoseCollector
from skeletonmae.skeletons import MEDIAPIPE33, Skeleton


class NoEstimator:
    skeleton: Skeleton = MEDIAPIPE33
    min_confidence = 0.5

    def __init__(self, has_depth: bool = True) -> None:
        self.has_depth = has_depth

    def update(self, image: np.ndarray, time: float) -> list[PersonPose]:
        return []

    def reset(self) -> None:
        pass


@pytest.mark.parametrize("num_frames", [1, BLOCK_ROWS // 2, BLOCK_ROWS + 3])
def test_poses_come_out_as_they_went_in_over_blocks(num_frames: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.random((2 * num_frames, 33, 2), np.float32)
    confidence = rng.random((2 * num_frames, 33), np.float32)
    world = rng.random((2 * num_frames, 33, 3), np.float32)
    collector = PoseCollector(NoEstimator())
    for frame in range(num_frames):
        rows = (2 * frame, 2 * frame + 1)
        poses = [PersonPose(row % 2, points[row], confidence[row], world[row], row / 1e4) for row in rows]
        collector.add(frame / 10, poses, (2.0, 4.0))
    found = collector.poses(640, 480, 10.0, ["odd"])
    assert len(collector.times) == found.num_frames == num_frames
    np.testing.assert_array_equal(found.frame_index, np.repeat(np.arange(num_frames), 2))
    np.testing.assert_array_equal(found.identity, np.tile([0, 1], num_frames))
    np.testing.assert_array_equal(found.points, points * np.array([2, 4], np.float32))
    np.testing.assert_array_equal(found.confidence, confidence)
    np.testing.assert_array_equal(found.world, world)
    np.testing.assert_allclose(found.score, np.arange(2 * num_frames) / 1e4, rtol=1e-6)
    np.testing.assert_allclose(found.times, np.arange(num_frames) / 10)


def test_frames_without_anybody_have_no_poses() -> None:
    collector = PoseCollector(NoEstimator(has_depth=False))
    for time in (0.0, 0.1):
        collector.add(time, [], (1.0, 1.0))
    found = collector.poses(640, 480, None, [])
    assert (found.num_frames, found.points.shape, found.world) == (2, (0, 33, 2), None)
    assert found.at(1) == []
