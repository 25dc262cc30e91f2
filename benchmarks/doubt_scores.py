"""How well known clips are told from others: shares at 95 % answered, AUROC, and what a mean of draws is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from scipy.special import stdtrit

from skeletonmae.inference.fit_report import expected_calibration_error
from skeletonmae.predictions.doubt import COVERAGE

NUM_RESAMPLED = 100
"""How often test clips are resampled for a standard error."""
FAR = 1e6
"""Added to the score of a clip that is beyond a limit."""


class Scores(NamedTuple):
    """What a classifier says of clips, each `(clip,)`."""

    probability: np.ndarray
    predicted: np.ndarray
    novelty: np.ndarray
    is_beyond: np.ndarray
    is_unknown: np.ndarray

    def part(self, rows: np.ndarray) -> Self:
        """Return some of the clips."""
        return self._make(values[rows] for values in self)

    @property
    def methods(self) -> dict[str, np.ndarray]:
        """Name -> a score that is larger for what is less known."""
        uncertainty, far = 1 - self.probability, FAR * self.is_beyond
        return {
            "both": self.novelty + far,
            "novelty": self.novelty,
            "softmax": uncertainty,
            "softmax_limits": uncertainty + far,
        }


def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """Return the probability that another clip has a larger score than a known one; ties count half."""
    order = np.sort(known)
    below = np.searchsorted(order, other, side="left")
    up_to = np.searchsorted(order, other, side="right")
    return float((below + up_to).sum() / 2 / (len(known) * len(other)))


def known_measures(known: Scores, is_correct: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Return how good a classifier is on test clips of its classes, with standard errors `..._se` of the clips.

    `ece_floor` is the calibration error that a perfectly calibrated classifier with the same probabilities would
    have, because clips are few: the estimator adds up absolute values.
    """

    def values(rows: np.ndarray) -> dict[str, float]:
        return {
            "accuracy": float(is_correct[rows].mean()),
            "ece": expected_calibration_error(known.probability[rows], is_correct[rows]),
            "answered": float(1 - known.is_unknown[rows].mean()),
        }

    floor = [
        expected_calibration_error(known.probability, rng.random(len(is_correct)) < known.probability)
        for _ in range(NUM_RESAMPLED)
    ]
    return {**_with_errors(values, len(is_correct), rng), "ece_floor": float(np.mean(floor))}


def compare(known: Scores, other: Scores, rng: np.random.Generator) -> dict[str, float]:
    """Return how well known clips are told from others by each method, with standard errors of the others.

    Args:
        known: Test clips of the classes that the classifier has.
        other: What should be refused.
        rng: Draws resamples.
    """
    thresholds = {name: np.quantile(score, COVERAGE) for name, score in known.methods.items()}

    def values(rows: np.ndarray) -> dict[str, float]:
        part = other.part(rows)
        found = {"refused": float(part.is_unknown.mean()), "limits": float(part.is_beyond.mean())}
        for name, score in part.methods.items():
            found[f"{name}_at_95"] = float((score > thresholds[name]).mean())
            found[f"{name}_auroc"] = auroc(known.methods[name], score)
        return found

    return _with_errors(values, len(other.novelty), rng)


def _with_errors(
    values: Callable[[np.ndarray], dict[str, float]], number: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return measures of all clips, and of each the standard deviation over resamples of the clips."""
    resampled = [values(rng.integers(number, size=number)) for _ in range(NUM_RESAMPLED)]
    measured = values(np.arange(number))
    errors = {f"{name}_se": float(np.std([row[name] for row in resampled])) for name in measured}
    return {**measured, **errors}


def summarize(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the mean of each measure over draws, its standard error, and the 95 % interval.

    The error is that of the mean over draws, and that of the test clips, which all draws share.
    """
    summary = {}
    for name in rows[0]:
        if name.endswith("_se"):
            continue
        values = np.array([row[name] for row in rows])
        of_draws = float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        of_clips = float(np.mean([row.get(f"{name}_se", 0.0) for row in rows]))
        error = float(np.hypot(of_draws, of_clips))
        width = error * float(stdtrit(max(1, len(values) - 1), 0.975))
        mean = float(values.mean())
        summary[name] = {"mean": mean, "se": error, "low": mean - width, "high": mean + width}
    return summary
