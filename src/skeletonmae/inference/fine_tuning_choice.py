"""Choose between a frozen encoder and the fine-tuned one, on recordings that neither has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from skeletonmae.inference.featurizers import FineTunedFeaturizer
from skeletonmae.inference.fine_tuning import FineTuner
from skeletonmae.inference.fit_data import ENCODER, FitData
from skeletonmae.inference.fit_report import FineTuningOutcome
from skeletonmae.inference.folds import Fold
from skeletonmae.inference.head_choice import Choice, fit_temperature, is_surely_better
from skeletonmae.inference.head_fitting import Candidate
from skeletonmae.predictions.heads import LinearHead, softmax

FINE_TUNED = Candidate(ENCODER, "fine-tuned", 0.0)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """An encoder that was fine-tuned, and how good it is on recordings that it was not fine-tuned on.

    Args:
        outcome: Its accuracy beside that of the frozen choice.
        folds: (fit, test) indices of the recordings that measured it.
        choice: Its scores of the tested recordings, and its temperature.
        fold_features: Features of all recordings by the encoder of each fold, `(recording, feature)`.
        keeps: For each fold, whether the clips of the others alone would keep the fine-tuned encoder: without the
            fold's own, so that its accuracy does not profit from the choice. With one fold, its own.
        featurizer: The encoder that was fine-tuned on all recordings; None if it was not kept.
        head: Its head.
    """

    outcome: FineTuningOutcome
    folds: tuple[Fold, ...]
    choice: Choice
    fold_features: tuple[np.ndarray, ...]
    keeps: tuple[bool, ...]
    featurizer: FineTunedFeaturizer | None = None
    head: LinearHead | None = None

    def held_out(self, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the tested recordings of each fold and their probabilities, with the temperature of the others.

        With one fold, there are no others, and the temperature is its own.

        Args:
            labels: Class index of each recording.
        """
        answers = []
        for number, (_, test) in enumerate(self.folds):
            others = [rows for other, (_, rows) in enumerate(self.folds) if other != number]
            temperature = self.choice.temperature
            if others:
                rest = np.concatenate(others)
                temperature, _ = fit_temperature(self.choice.scores[rest], labels[rest])
            answers.append((test, softmax(self.choice.scores[test], temperature)))
        return answers


def try_fine_tuning(
    tuner: FineTuner,
    data: FitData,
    folds: Sequence[Fold],
    frozen: Choice,
    on_progress: Callable[[str, int, int], None],
    on_message: Callable[[str], None],
) -> FineTuned:
    """Fine-tune the encoder in each fold; if it surely beats the frozen choice, then on all recordings.

    Where that would take too long, one fold is held out instead.

    Args:
        tuner: Fine-tunes the encoder on parts of the recordings.
        data: The recordings.
        folds: (fit, test) indices, at least one pair.
        frozen: The best head on the frozen features. Its accuracy in the same folds is a little too good, because
            they chose it.
        on_progress: Called with what is done, the number of finished steps, and that of all.
        on_message: Called with what will be done and how long it will take, before it begins.
    """
    every = np.arange(len(data.labels))
    folds = _affordable(tuner, folds, len(every), on_message)
    runs = [tuner.num_steps(len(fit)) for fit, _ in folds] + [tuner.num_steps(len(every))]
    done = 0

    def on_step(step: int, _: int) -> None:
        on_progress("fine-tuning", min(done + step, sum(runs)), sum(runs))

    scores = np.zeros((len(every), len(data.classes)))
    fold_features = []
    for number, (fit, test) in enumerate(folds):
        featurizer, head = tuner.fine_tune(fit, on_step)
        fold_features.append(featurizer(data.recordings).values)
        scores[test] = head.scores(fold_features[-1][test])
        done += runs[number]
    tested = np.concatenate([test for _, test in folds])
    truth = data.labels[tested]
    temperature, log_loss = fit_temperature(scores[tested], truth)
    hits, frozen_hits = scores.argmax(1) == data.labels, frozen.scores.argmax(1) == data.labels
    is_kept = is_surely_better(hits[tested], frozen_hits[tested])
    outcome = FineTuningOutcome(
        float(hits[tested].mean()), float(frozen_hits[tested].mean()), len(tested), len(folds), is_kept
    )
    keeps = [is_kept]
    if len(folds) > 1:
        others = [np.setdiff1d(tested, test) for _, test in folds]
        keeps = [is_surely_better(hits[rest], frozen_hits[rest]) for rest in others]
    choice = Choice(FINE_TUNED, temperature, outcome.accuracy, log_loss, scores)
    tuned = FineTuned(outcome, tuple(folds), choice, tuple(fold_features), tuple(keeps))
    if not is_kept:
        return tuned
    featurizer, head = tuner.fine_tune(every, on_step)
    return replace(tuned, featurizer=featurizer, head=head)


def _affordable(
    tuner: FineTuner, folds: Sequence[Fold], num_recordings: int, on_message: Callable[[str], None]
) -> Sequence[Fold]:
    """Return the folds, or the first of them if all would take too long, and say how long it will take."""
    per_step, last = tuner.seconds_per_step(), tuner.num_steps(num_recordings)
    minutes = [per_step * tuner.num_steps(len(fit)) / 60 for fit, _ in folds]
    total, epochs = sum(minutes) + per_step * last / 60, tuner.config.training.epochs
    limit = tuner.config.max_minutes
    if total > limit and len(folds) > 1:
        rest = minutes[0] + per_step * last / 60
        on_message(
            f"fine-tuning with cross-validation would take about {_duration(total)}, more than {_duration(limit)}:"
            f" it is measured on one held-out fold instead, which takes about {_duration(rest)}"
        )
        return folds[:1]
    on_message(
        f"fine-tuning the encoder {len(folds)} times for its accuracy and once on all {num_recordings} clips,"
        f" {epochs} epochs each, takes about {_duration(total)}"
    )
    return folds


def _duration(minutes: float) -> str:
    if minutes >= 90:
        return f"{minutes / 60:.1f} hours"
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
