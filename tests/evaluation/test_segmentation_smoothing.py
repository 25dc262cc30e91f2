from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from skeletonmae.evaluation.segmentation_smoothing import log_transitions, most_probable_states


def runs(states: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    start = 0
    for step in range(1, len(states) + 1):
        if step == len(states) or states[step] != states[start]:
            yield states[start], step - start
            start = step


def score(
    states: tuple[int, ...], emission: np.ndarray, change: np.ndarray, minimum: np.ndarray, mean: np.ndarray
) -> float:
    """The logarithm of the probability of a sequence, summed run by run."""
    total = float(sum(emission[step, state] for step, state in enumerate(states)))
    parts = list(runs(states))
    for position, (state, length) in enumerate(parts):
        if length < minimum[state]:
            return -np.inf
        extra = max(mean[state] - minimum[state], 1e-3)
        total += (length - minimum[state]) * np.log(extra / (1 + extra))
        if position + 1 < len(parts):
            total += np.log(1 / (1 + extra)) + change[state, parts[position + 1][0]]
    return total


@pytest.mark.parametrize("seed", range(8))
def test_no_other_sequence_is_more_probable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    emission = np.log(rng.dirichlet(np.ones(3), 7))
    minimum, mean = rng.integers(1, 4, 3), rng.uniform(3, 6, 3)
    change = log_transitions(2)
    found = tuple(most_probable_states(emission, change, minimum, mean).tolist())
    everything = {states: score(states, emission, change, minimum, mean) for states in product(range(3), repeat=7)}
    assert everything[found] == pytest.approx(max(everything.values()))


def test_a_flicker_shorter_than_the_minimum_disappears() -> None:
    evidence = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1])
    emission = np.log(np.where(np.eye(3)[evidence] > 0, 0.8, 0.1))
    states = most_probable_states(emission, log_transitions(2), np.array([3, 3, 1]), np.full(3, 4.0))
    assert states.tolist() == [0] * 7 + [1] * 4


def test_a_sequence_shorter_than_every_minimum_has_one_state() -> None:
    emission = np.log(np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]))
    states = most_probable_states(emission, log_transitions(2), np.array([9, 9, 9]), np.full(3, 20.0))
    assert states.tolist() == [1, 1]


def test_transitions_are_probabilities() -> None:
    for num_classes in (1, 2, 5):
        probability = np.exp(log_transitions(num_classes, pause_share=0.7))
        assert probability.sum(1) == pytest.approx(np.ones(num_classes + 1))
        assert np.diag(probability).tolist() == [0.0] * (num_classes + 1)
