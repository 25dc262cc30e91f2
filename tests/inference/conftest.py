from __future__ import annotations

from typing import Any

import pytest
from pose_clips import clip


@pytest.fixture(scope="session")
def pose_classifier() -> Any:
    """A classifier of the poses of `pose_clips`, by coordinates."""
    return fit_poses(36, folds=2)


@pytest.fixture(scope="session", params=[20, 150], ids=lambda number: f"{number} clips")
def classifier_of_size(request: pytest.FixtureRequest) -> Any:
    """The same of few training clips, and of more than a hundred."""
    return fit_poses(request.param, folds=5)


def fit_poses(num_clips: int, folds: int) -> Any:
    from skeletonmae.inference import FitConfig, fit_classifier

    clips = [clip(number % 3, number) for number in range(num_clips)]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=folds, inner_folds=2), measure=False)
    return classifier
