from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets.synthetic import generate
from skeletonmae.sequences import SkeletonSequence

CLIPS = list(generate(50, seed=3))


@pytest.fixture(scope="session")
def clean() -> list[SkeletonSequence]:
    """Fifty sound recordings in metres, two of each class, some of two persons; as a Kinect errs."""
    return CLIPS


@pytest.fixture(scope="session")
def changed() -> Callable[..., SkeletonSequence]:
    """A recording with other positions, or other flags; what is not observed is at 0 again."""

    def change(
        one: SkeletonSequence, positions: Any = None, observed: Any = None, **more: Any
    ) -> SkeletonSequence:
        values = np.array(one.positions if positions is None else positions, dtype=np.float32)
        seen = np.array(one.observed if observed is None else observed)
        values[~seen] = 0
        return replace(one, positions=values, observed=seen, **more)

    return change
