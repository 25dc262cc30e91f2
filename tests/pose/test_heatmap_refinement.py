from __future__ import annotations

import numpy as np

from skeletonmae.pose.heatmap_refinement import refine_landmarks

LOW = -30.0  # a probability of 1e-13


def empty(rows: int = 16, columns: int = 12, landmarks: int = 1) -> np.ndarray:
    return np.full((rows, columns, landmarks), LOW, dtype=np.float32)


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_two_cells_weighted_by_hand() -> None:
    heatmap = empty()
    heatmap[8, 5], heatmap[8, 6] = logit(0.9), logit(0.6)
    points = np.array([[4.5 / 12, 9.5 / 16]], dtype=np.float32)  # in cell 4, 9
    expected = [[(0.9 * 5 + 0.6 * 6) / 1.5 / 12, 8 / 16]]
    np.testing.assert_allclose(refine_landmarks(points, heatmap), expected, atol=1e-6)


def test_a_landmark_stays_without_a_clear_peak() -> None:
    heatmap = empty()
    heatmap[8, 5] = logit(0.49)
    points = np.array([[4.5 / 12, 9.5 / 16]], dtype=np.float32)
    np.testing.assert_array_equal(refine_landmarks(points, heatmap), points)


def test_a_peak_more_than_three_cells_away_does_not_count() -> None:
    heatmap = empty()
    heatmap[8, 9] = logit(0.9)
    for column, moves in ((6.5, True), (5.5, False)):
        points = np.array([[column / 12, 8.5 / 16]], dtype=np.float32)
        assert (refine_landmarks(points, heatmap) != points).any() == moves


def test_outside_stays_and_at_the_border_fewer_cells_count() -> None:
    heatmap = empty(landmarks=3)
    heatmap[0, 0] = logit(0.8)
    points = np.array([[-0.01, 0.1], [0.01, 0.01], [0.5, 1.0]], dtype=np.float32)
    refined = refine_landmarks(points, heatmap)
    np.testing.assert_array_equal(refined[[0, 2]], points[[0, 2]])
    np.testing.assert_allclose(refined[1], [0, 0], atol=1e-6)


def test_it_is_the_loop_over_cells() -> None:
    rng = np.random.default_rng(0)
    heatmap = rng.normal(-1, 3, (64, 64, 39)).astype(np.float32)
    points = rng.uniform(-0.05, 1.05, (39, 2)).astype(np.float32)
    expected = points.copy()
    for landmark, (x, y) in enumerate(points.astype(np.float64)):
        column, row = int(np.floor(x * 64)), int(np.floor(y * 64))
        if not (0 <= column < 64 and 0 <= row < 64):
            continue
        total = np.zeros(3)
        peak = 0.0
        for r in range(max(0, row - 3), min(64, row + 4)):
            for c in range(max(0, column - 3), min(64, column + 4)):
                weight = 1 / (1 + np.exp(-float(heatmap[r, c, landmark])))
                total += weight * np.array([c, r, 1])
                peak = max(peak, weight)
        if peak >= 0.5:
            expected[landmark] = total[:2] / total[2] / 64
    np.testing.assert_allclose(refine_landmarks(points, heatmap), expected, atol=1e-6)
