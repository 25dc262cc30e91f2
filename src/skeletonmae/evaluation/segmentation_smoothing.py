"""A hidden Markov model with durations: from probabilities over time to segments."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int


def log_transitions(num_classes: int, pause_share: float = 0.5) -> Float64[np.ndarray, "state state"]:
    """Return the logarithm of the probability of each state after another one has ended.

    Args:
        num_classes: Number of classes; the background is the last state. All classes are equally likely.
        pause_share: Share of the actions that the background follows.
    """
    after_action = (1 - pause_share) / max(num_classes - 1, 1)
    probability = np.full((num_classes + 1, num_classes + 1), after_action)
    probability[:-1, -1] = pause_share if num_classes > 1 else 1.0
    probability[-1] = 1 / num_classes
    np.fill_diagonal(probability, 0.0)
    with np.errstate(divide="ignore"):
        logarithm: np.ndarray = np.log(probability)
    return logarithm


def most_probable_states(
    log_emission: Float64[np.ndarray, "step state"],
    log_transition: Float64[np.ndarray, "state state"],
    minimum: Int[np.ndarray, " state"],
    mean: Float64[np.ndarray, " state"],
) -> Int[np.ndarray, " step"]:
    """Return the most probable sequence of states, by the algorithm of Viterbi.

    A state lasts `minimum` steps, and then further ones with a probability that makes its mean duration `mean`.

    Args:
        log_emission: Logarithm of the evidence for each state at each step.
        log_transition: From each state (row) to each other one; the diagonal is not used.
        minimum: Minimum duration of each state in steps; longer than the sequence counts as the whole sequence.
        mean: Mean duration of each state in steps.
    """
    num_steps, num_states = log_emission.shape
    minimum = np.minimum(minimum, num_steps)
    extra = np.maximum(mean - minimum, 1e-3)
    log_stay, log_leave = np.log(extra / (1 + extra)), -np.log1p(extra)
    total = np.concatenate([np.zeros((1, num_states)), np.cumsum(log_emission, axis=0)])
    state = np.arange(num_states)
    score = np.full((num_steps + 1, num_states), -np.inf)  # of the first steps, if they end with this state
    entered = np.zeros((num_steps + 1, num_states), dtype=np.int64)  # the step at which that state began
    previous = np.full((num_steps + 1, num_states), -1)
    arrival = np.full((num_steps + 1, num_states), -np.inf)  # the best score with which a state begins at a step
    origin = np.full((num_steps + 1, num_states), -1)
    arrival[0] = -np.log(num_states)
    for step in range(1, num_steps + 1):
        start = step - minimum
        is_possible = start >= 0
        begin = np.maximum(start, 0)
        new = np.where(is_possible, arrival[begin, state] + total[step] - total[begin, state], -np.inf)
        stay = score[step - 1] + log_stay + log_emission[step - 1]
        score[step] = np.maximum(new, stay)
        is_new = new >= stay
        entered[step] = np.where(is_new, begin, entered[step - 1])
        previous[step] = np.where(is_new, origin[begin, state], previous[step - 1])
        change = score[step][:, None] + log_leave[:, None] + log_transition
        np.fill_diagonal(change, -np.inf)
        arrival[step], origin[step] = change.max(0), change.argmax(0)
    states = np.zeros(num_steps, dtype=np.int64)
    end, current = num_steps, int(score[-1].argmax())
    while end:
        begin_step = int(entered[end, current])
        states[begin_step:end] = current
        end, current = begin_step, int(previous[end, current])
    return states
