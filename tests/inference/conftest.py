from __future__ import annotations

from typing import Any

import pytest
from pose_clips import clip


@pytest.fixture(scope="session")
def pose_classifier() -> Any:
    """A classifier of the poses of `pose_clips`, by coordinates."""
    from skeletonmae.inference import FitConfig, fit_classifier

    clips = [clip(number % 3, number) for number in range(36)]
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    return classifier
