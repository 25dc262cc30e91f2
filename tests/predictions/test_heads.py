from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.predictions.heads import LinearHead, NeighborHead, softmax, standardize


def test_softmax_of_a_temperature() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [1e4, 0.0, 0.0]])
    np.testing.assert_allclose(softmax(scores).sum(1), 1)
    np.testing.assert_allclose(softmax(scores[:1], 0.5), softmax(2 * scores[:1]))
    assert softmax(scores, 1e6)[1].max() == pytest.approx(1 / 3, abs=0.01)


def test_a_linear_head_standardizes() -> None:
    head = LinearHead(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.eye(2), np.array([0.5, 0.0]))
    np.testing.assert_allclose(head.scores(np.array([[3.0, 6.0]])), [[1.5, 1.0]])
    unit = LinearHead(np.zeros(2), np.ones(2), np.eye(2), np.zeros(2), unit_length=True)
    np.testing.assert_allclose(unit.scores(np.array([[3.0, 4.0]])), [[0.6, 0.8]])


def test_neighbors_vote_by_their_similarity() -> None:
    rows = standardize(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), np.zeros(2), np.ones(2), True)
    head = NeighborHead(np.zeros(2), np.ones(2), rows, np.array([0, 0, 1]), num_classes=3, num_neighbors=2)
    shares = np.exp(head.scores(np.array([[2.0, 0.0], [0.0, 5.0]])))
    assert shares.argmax(1).tolist() == [0, 1]
    assert shares[0, 1] == pytest.approx(1e-3)  # class 1 is not among the two nearest
    assert np.isfinite(head.scores(np.zeros((1, 2)))).all()
