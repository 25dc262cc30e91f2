from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from fake_poses import FakeEstimator

from skeletonmae.inference import FitConfig, fit_classifier
from skeletonmae.live.sources import LiveFrame
from skeletonmae.sequences import SkeletonSequence

FPS, CLASSES = 20.0, ("high", "low")


def clip(label: str, seed: int, axes: int = 3, frames: int = 40) -> SkeletonSequence:
    """A labeled clip of what the fake estimator sees."""
    estimator, dice = FakeEstimator(script=((0.0, label),)), np.random.default_rng(seed)
    image = np.zeros((128, 192, 3), np.uint8)
    start = dice.uniform(0, 5)
    poses = [estimator.update(image, start + frame / FPS)[0] for frame in range(frames)]
    positions = np.stack([one.world if axes == 3 else one.points for one in poses])
    positions = positions + dice.normal(scale=0.01 if axes == 3 else 0.5, size=positions.shape[1:])
    observed = np.stack([one.confidence > 0.5 for one in poses])
    return SkeletonSequence.from_positions(
        positions,
        estimator.skeleton,
        observed=observed,
        name=f"{label} {seed}",
        label=label,
        fps=FPS,
        unit="m" if axes == 3 else "px",
    )


def fitted(axes: int) -> Any:
    clips = [clip(CLASSES[seed % 2], seed, axes) for seed in range(16)]
    return fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)[0]


@pytest.fixture(scope="session")
def arm_classifier() -> Any:
    """Tells by 3D poses of the fake estimator how high the left hand is."""
    return fitted(3)


@pytest.fixture(scope="session")
def flat_arm_classifier() -> Any:
    """The same by 2D poses."""
    return fitted(2)


@pytest.fixture(scope="session")
def arm_classifier_file(arm_classifier: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "classifier.safetensors"
    arm_classifier.save(path)
    return path


@pytest.fixture
def make_frames() -> Callable[..., Iterator[LiveFrame]]:
    """Frames of a source without a clock."""

    def make(seconds: float, fps: float = FPS) -> Iterator[LiveFrame]:
        import time

        for number in range(round(seconds * fps)):
            image = np.full((128, 192, 3), 120, np.uint8)
            yield LiveFrame(image, number / fps, time.perf_counter(), 0.001)

    return make
