"""Choose a head by cross-validation, and its temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.inference.folds import Fold
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.predictions.heads import softmax

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 500.0
NUM_HALVINGS = 30
"""How often the interval of the logarithm of the temperature is halved."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The best of several heads in cross-validation.

    Args:
        candidate: The head.
        temperature: Divides its scores so that the probabilities are calibrated.
        accuracy: Its accuracy in the cross-validation that chose it, which is a little too good.
        log_loss: Mean negative logarithm of the probability of the true class, with the temperature.
        scores: Its scores of the clips, each by a head that was not fitted to it, `(clip, class)`.
    """

    candidate: Candidate
    temperature: float
    accuracy: float
    log_loss: float
    scores: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated probabilities of the clips, each by a head that was not fitted to it, `(clip, class)`."""
        return softmax(self.scores, self.temperature)


def cross_validate(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    folds: Sequence[Fold],
    candidates: Sequence[Candidate],
    on_fold: Callable[[], None] | None = None,
) -> dict[Candidate, Choice]:
    """Measure every candidate on the recordings that it was not fitted to.

    Args:
        features: Name -> features, `(clip, feature)`.
        labels: Class index of each clip.
        num_classes: Number of classes.
        folds: (fit, test) indices; without any, every candidate has an accuracy of 0 and a temperature of 1.
        candidates: What to measure.
        on_fold: Called after each fold.

    Returns:
        The result of each candidate, in their order.
    """
    scores = {candidate: np.zeros((len(labels), num_classes)) for candidate in candidates}
    if not folds:
        no_loss = float(np.log(num_classes))
        return {candidate: Choice(candidate, 1.0, 0.0, no_loss, scores[candidate]) for candidate in candidates}
    tested = np.concatenate([test for _, test in folds])
    for fit, test in folds:
        for name in dict.fromkeys(candidate.features for candidate in candidates):
            group = [candidate for candidate in candidates if candidate.features == name]
            heads = fit_heads(features[name][fit], labels[fit], num_classes, group)
            for candidate, head in zip(group, heads, strict=True):
                scores[candidate][test] = head.scores(features[name][test])
        if on_fold:
            on_fold()
    results = {}
    for candidate in candidates:
        rows, truth = scores[candidate][tested], labels[tested]
        temperature, log_loss = fit_temperature(rows, truth)
        accuracy = float((rows.argmax(1) == truth).mean())
        results[candidate] = Choice(candidate, temperature, accuracy, log_loss, scores[candidate])
    return results


def best_choice(results: Mapping[Candidate, Choice]) -> Choice:
    """Return the candidate with the highest accuracy; of equal ones, that with the lowest log loss."""
    return max(results.values(), key=lambda choice: (round(choice.accuracy, 9), -choice.log_loss))


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the temperature at which the mean probability of the predicted classes is their accuracy.

    The temperature with the lowest log loss, the usual choice (Guo et al., *On Calibration of Modern Neural
    Networks*, ICML 2017), is too high for few clips: it follows those that are wrong by far. Here only the mean
    counts (calibration in the large). Few clips may all be right by chance, so one more that is right and one
    that is wrong are counted, the rule of succession.

    Args:
        scores: `(clip, class)`, of clips that the head was not fitted to.
        labels: Class index of each clip.

    Returns:
        The temperature, and the log loss with it. For the loss, each clip counts a little for the other classes:
        by one in the number of clips and two more (as in Platt, *Probabilistic Outputs for Support Vector
        Machines*, 1999).
    """
    accuracy = (int((scores.argmax(1) == labels).sum()) + 1) / (len(labels) + 2)
    low, high = np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)
    for _ in range(NUM_HALVINGS):  # the mean decreases with the temperature
        middle = (low + high) / 2
        is_too_sure = softmax(scores, float(np.exp(middle))).max(1).mean() > accuracy
        low, high = (middle, high) if is_too_sure else (low, middle)
    temperature = float(np.exp(high))
    other = 1 / (len(labels) + 2)
    targets = np.full(scores.shape, other / max(1, scores.shape[1] - 1))
    targets[np.arange(len(labels)), labels] = 1 - other
    logarithms = np.log(np.maximum(softmax(scores, temperature), 1e-12))
    return temperature, float(-(targets * logarithms).sum(1).mean())
