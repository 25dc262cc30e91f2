from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.export.coordinates import CoordinateEncoder
from skeletonmae.predictions.coordinates import CoordinateConfig, coordinate_features
from skeletonmae.skeletons import HAND21, KINECT20


@pytest.mark.parametrize("face_forward", [False, True])
@pytest.mark.parametrize("persons", [1, 2])
@pytest.mark.parametrize("joints", ["all", "without the center", "with one that is unknown"])
def test_rows_are_those_of_numpy(
    joints: str, persons: int, face_forward: bool, make_recording: Callable[..., Any], padded: Any
) -> None:
    names = {
        "all": KINECT20.joints,
        "without the center": KINECT20.joints[:3:-1],
        "with one that is unknown": (*KINECT20.joints[:9], "tail"),
    }[joints]
    config = CoordinateConfig(joints=names, axes=3, persons=persons, frames=9, face_forward=face_forward)
    recordings = [
        make_recording(seed, 1 + seed % 3, frames, lost=lost)
        for seed, (frames, lost) in enumerate([(1, 0.0), (30, 0.5), (17, 0.0), (25, 0.9), (9, 0.2), (12, 1.0)])
    ]
    rows = CoordinateEncoder(config, KINECT20)(*padded(recordings))
    expected = [coordinate_features(recording, config) for recording in recordings]
    assert rows.is_seen.tolist() == [row is not None for row in expected]
    assert not rows.is_seen.all()
    for row, other in zip(rows.values, expected, strict=True):
        if other is not None:
            np.testing.assert_allclose(row, other, atol=1e-6)


def test_2d_and_a_layout_without_shoulders(make_recording: Callable[..., Any], padded: Any) -> None:
    config = CoordinateConfig(joints=HAND21.joints, axes=2, frames=5, face_forward=True)
    recordings = [make_recording(seed, 1, 20, HAND21, axes=2, lost=0.1) for seed in range(3)]
    rows = CoordinateEncoder(config, HAND21)(*padded(recordings)).values
    expected = np.array([coordinate_features(recording, config) for recording in recordings])
    torch.testing.assert_close(rows, torch.from_numpy(expected), atol=1e-6, rtol=0)
