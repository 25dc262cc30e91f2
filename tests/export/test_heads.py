from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.export.heads import scores_of
from skeletonmae.predictions.heads import AnyHead, LinearHead, NeighborHead

RNG = np.random.default_rng(0)
MEAN, DEVIATION = RNG.normal(size=7), RNG.uniform(0.1, 2, 7)
ROWS = RNG.normal(size=(30, 7))
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
HEADS: dict[str, AnyHead] = {
    "linear": LinearHead(MEAN, DEVIATION, RNG.normal(size=(7, 4)), RNG.normal(size=4)),
    "prototypes": LinearHead(MEAN, DEVIATION, RNG.normal(size=(7, 4)), RNG.normal(size=4), unit_length=True),
    "nearest": NeighborHead(MEAN, DEVIATION, ROWS, RNG.integers(0, 4, 30), 4, 1),
    "five neighbors": NeighborHead(MEAN, DEVIATION, ROWS, RNG.integers(0, 4, 30), 5, 5),
    "more neighbors than clips": NeighborHead(MEAN, DEVIATION, ROWS[:3], np.array([0, 1, 1]), 2, 5),
}


@pytest.mark.parametrize("name", HEADS)
def test_scores_are_those_of_the_head(name: str) -> None:
    features = np.concatenate([RNG.normal(size=(20, 7)), MEAN[None]]).astype(np.float32)
    scores = scores_of(HEADS[name])(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(scores, HEADS[name].scores(features), atol=1e-9)
