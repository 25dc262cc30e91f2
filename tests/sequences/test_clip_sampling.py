from __future__ import annotations

import numpy as np

from skeletonmae.sequences.clip_sampling import ClipSampling, drawn_frame_times, evenly_spaced_frames


def test_drawn_frames_are_recorded_ones_in_order_of_time() -> None:
    position = np.array([[0.99, 0.0, 0.5, 0.25], [0.1, 0.1, 0.9, 0.4]])
    assert drawn_frame_times(np.array([8, 2]), position).tolist() == [[0, 2, 4, 7], [0, 0, 0, 1]]


def test_every_frame_is_drawn_equally_often() -> None:
    position = np.random.default_rng(0).random((4000, 10))
    counts = np.bincount(drawn_frame_times(np.full(4000, 5), position).astype(int).ravel(), minlength=5)
    assert len(counts) == 5
    assert np.abs(counts / 8000 - 1).max() < 0.05


def test_evenly_spaced_frames_go_from_the_first_to_the_last() -> None:
    assert evenly_spaced_frames(np.array([5, 3, 1, 0]), 5).tolist() == [
        [0, 1, 2, 3, 4],
        [0, 0, 1, 1, 2],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert evenly_spaced_frames(np.array([100]), 52)[0, [0, 1, -1]].tolist() == [0, 1, 99]


def test_outside_training_random_frames_are_evenly_spaced() -> None:
    sampling = ClipSampling(frames=4, sampling="random_frames")
    assert sampling.test_times(np.array([7])).tolist() == [[0, 2, 4, 6]]
