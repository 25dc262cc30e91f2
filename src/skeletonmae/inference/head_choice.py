"""Choose a head by cross-validation, and its temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.inference.folds import Fold, make_folds
from skeletonmae.inference.head_fitting import Candidate, fit_heads
from skeletonmae.predictions.heads import softmax
from skeletonmae.threads import with_one_blas_thread

MAX_COMPARED = 2000
"""Heads are compared on about so many clips at most; see `choose_heads`."""
MIN_COMPARED = 5
"""Clips of each class that are among them, if it has so many."""
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


KnownScores = Mapping[tuple[Candidate, int], np.ndarray]
"""Candidate and number of a fold -> scores of its tested clips by that head, which was fitted to the others."""


@with_one_blas_thread
def choose_heads(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    groups: np.ndarray,
    num_classes: int,
    folds: Sequence[Fold],
    candidates: Mapping[str, Sequence[Candidate]],
    on_fold: Callable[[], None],
    *,
    copy_groups: np.ndarray | None = None,
    max_folds: int | None = None,
    known: KnownScores | None = None,
) -> dict[str, Choice]:
    """Return the best candidate of each group in cross-validation.

    Up to `MAX_COMPARED` clips, all candidates are compared on all of them. The time of that grows with the third
    power of the number of clips. Of more, about so many are drawn, with equal shares of every class, and compared
    in as many folds. Only the best of each group are then measured on all clips, which gives their accuracy, their
    temperature and their scores.

    Args:
        features: Name -> features, `(clip, feature)`.
        labels: Class index of each clip.
        groups: Number of the group of each clip, which are kept together.
        num_classes: Number of classes.
        folds: (fit, test) indices; without any, every candidate has an accuracy of 0 and a temperature of 1.
        candidates: Name of a group -> its candidates.
        on_fold: Called `num_choice_steps` times.
        copy_groups: Number of the group of copies of each clip; None if there are no copies.
        max_folds: Number of folds in which the best of a large set are measured; by default all.
        known: Scores on all clips that need not be computed again.
    """
    every = [candidate for group in candidates.values() for candidate in group]
    if not is_large(len(labels)) or not folds:
        return _best_of_groups(cross_validate(features, labels, num_classes, folds, every, on_fold), candidates)
    drawn = draw_clips(labels, MAX_COMPARED)
    part = {name: values[drawn] for name, values in features.items()}
    drawn_copies = None if copy_groups is None else copy_groups[drawn]
    drawn_folds = make_folds(labels[drawn], groups[drawn], len(folds), copy_groups=drawn_copies)
    results = cross_validate(part, labels[drawn], num_classes, drawn_folds, every, on_fold)
    best = {name: choice.candidate for name, choice in _best_of_groups(results, candidates).items()}
    chosen = list(dict.fromkeys(best.values()))
    measured = cross_validate(features, labels, num_classes, folds[:max_folds], chosen, on_fold, known)
    return {name: measured[candidate] for name, candidate in best.items()}


def is_large(num_clips: int) -> bool:
    """Return whether heads are compared on some of the clips only."""
    return num_clips > MAX_COMPARED


def num_choice_steps(num_clips: int, num_folds: int, max_folds: int | None = None) -> int:
    """Return how many folds `choose_heads` computes."""
    return num_folds + len(range(num_folds)[:max_folds]) * is_large(num_clips)


def draw_clips(labels: np.ndarray, number: int, seed: int = 0) -> np.ndarray:
    """Return the ascending indices of about so many clips, with the same share of every class.

    Args:
        labels: Class index of each clip.
        number: How many to draw. Since every class has a clip more rather than less, and `MIN_COMPARED` if it has
            so many, there may be a few more.
        seed: Seed of the draw.
    """
    counts = np.bincount(labels)
    quotas = np.maximum(np.ceil(counts * (number / len(labels))), np.minimum(counts, MIN_COMPARED))
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ranks = np.arange(len(labels)) - (np.cumsum(counts) - counts)[labels[order]]
    return np.sort(order[ranks < quotas[labels[order]]])


def _best_of_groups(
    results: Mapping[Candidate, Choice], candidates: Mapping[str, Sequence[Candidate]]
) -> dict[str, Choice]:
    """Return the best candidate of each group."""
    return {
        name: best_choice({candidate: results[candidate] for candidate in group})
        for name, group in candidates.items()
    }


def cross_validate(
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    num_classes: int,
    folds: Sequence[Fold],
    candidates: Sequence[Candidate],
    on_fold: Callable[[], None] | None = None,
    known: KnownScores | None = None,
) -> dict[Candidate, Choice]:
    """Measure every candidate on the recordings that it was not fitted to.

    Args:
        features: Name -> features, `(clip, feature)`.
        labels: Class index of each clip.
        num_classes: Number of classes.
        folds: (fit, test) indices; without any, every candidate has an accuracy of 0 and a temperature of 1.
        candidates: What to measure.
        on_fold: Called after each fold.
        known: Scores that need not be computed again.

    Returns:
        The result of each candidate, in their order.
    """
    scores = {candidate: np.zeros((len(labels), num_classes)) for candidate in candidates}
    if not folds:
        no_loss = float(np.log(num_classes))
        return {candidate: Choice(candidate, 1.0, 0.0, no_loss, scores[candidate]) for candidate in candidates}
    tested = np.concatenate([test for _, test in folds])
    known = known or {}
    for number, (fit, test) in enumerate(folds):
        unknown = [candidate for candidate in candidates if (candidate, number) not in known]
        for candidate in candidates:
            if candidate not in unknown:
                scores[candidate][test] = known[candidate, number]
        for name in dict.fromkeys(candidate.features for candidate in unknown):
            group = [candidate for candidate in unknown if candidate.features == name]
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


def is_surely_better(hits: np.ndarray, others: np.ndarray) -> bool:
    """Return whether a classifier recognizes more of the same clips than another by over one standard error.

    Only clips that one of the two recognizes count (McNemar, *Note on the sampling error of the difference between
    correlated proportions*, 1947).

    Args:
        hits: Whether each clip was recognized, `(clip,)`.
        others: Likewise by the other.
    """
    hits, others = hits.astype(bool), others.astype(bool)
    more, fewer = int((hits & ~others).sum()), int((others & ~hits).sum())
    return bool(more - fewer > np.sqrt(more + fewer))


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
