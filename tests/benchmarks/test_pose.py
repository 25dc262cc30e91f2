from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stick_figures import figure

from skeletonmae.pose import PersonPose
from skeletonmae.skeletons import COCO17


@pytest.fixture
def measures(benchmark_module: Any) -> Any:
    return benchmark_module("pose_measures")


def pose(points: np.ndarray, identity: int = 0, score: float = 0.9) -> PersonPose:
    return PersonPose(identity, points.astype(np.float32), np.ones(17, np.float32), None, score)


def test_jitter_worked_out_by_hand(measures: Any) -> None:
    x = np.array([0, 1, 2, 5, 6, 7, 100.0])  # second differences 0, 2, -2, 0, and one across a gap
    points = np.stack([x, np.zeros(7)], 1)[:, None]
    assert measures.jitter(points, np.array([0, 1, 2, 3, 4, 5, 9]), 200) == pytest.approx(100 * 1 / 200)
    assert np.isnan(measures.jitter(points[:2], np.array([0, 1]), 200))


def test_a_swap_is_both_joints_nearer_to_the_other(measures: Any) -> None:
    left, right = [0.0, 0.0], [10.0, 0.0]
    pairs = np.array([[[left, right]], [[right, left]], [[right, [9.0, 0.0]]], [[right, left]]])
    assert measures.num_swaps(pairs, np.arange(4)) == 1
    assert measures.num_swaps(pairs[:2], np.array([0, 2])) == 0


def test_the_most_certain_pose_in_the_place_counts(measures: Any) -> None:
    left_half = [measures.Place(x=(0, 0.5))]
    frames = [
        [pose(figure(100 + frame % 2), score=0.9), pose(figure(120), 1, 0.5), pose(figure(500), 2)]
        for frame in range(10)
    ]
    frames[4] = [pose(figure(500))]
    found = measures.measure(frames, COCO17, (640, 480), left_half)
    height = measures.body_height(figure(100)[None])
    assert (found.frames, found.swaps, found.numbers) == (9, 0, 1)
    assert found.ankle == found.wrist == pytest.approx(100 * 2 / height)
    assert measures.measure(frames, COCO17, (640, 480), []).frames == 0


def test_the_page_is_that_of_the_measurements(benchmark_module: Any) -> None:
    import json

    pose_benchmark = benchmark_module("pose")
    content = json.loads(pose_benchmark.FILE.read_text(encoding="utf-8"))
    assert pose_benchmark.FILE.with_suffix(".md").read_text(encoding="utf-8") == pose_benchmark.page(content)
