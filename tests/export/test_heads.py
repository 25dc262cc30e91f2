from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.export.heads import Novelty, scores_of
from skeletonmae.predictions.doubt import Doubt
from skeletonmae.predictions.heads import AnyHead, LinearHead, NeighborHead, softmax

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


@pytest.mark.parametrize("num_clips", [0, 5])
def test_novelty_is_that_of_the_doubt(num_clips: int) -> None:
    projection, means, clips = RNG.normal(size=(7, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(num_clips, 3))
    nothing, scales = np.zeros(4), np.array([0.5, 2.0])
    doubt = Doubt(nothing, nothing, nothing, MEAN, DEVIATION, projection, means, clips, scales)
    features = RNG.normal(size=(20, 7)).astype(np.float32)
    probabilities = softmax(RNG.normal(size=(20, 4)))
    probabilities[0] = [1, 0, 0, 0]
    novelty = Novelty(doubt)(torch.from_numpy(features), torch.from_numpy(probabilities)).numpy()
    np.testing.assert_allclose(novelty, doubt.novelty(features, probabilities), atol=1e-9)
