"""Fit a classifier to labeled recordings, and measure how good it is on recordings that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from skeletonmae.checkpoint import Checkpoint
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.doubt_fitting import fit_doubt
from skeletonmae.inference.featurizers import AnyFeaturizer, EncoderFeaturizer
from skeletonmae.inference.fine_tuning import FineTuner, FineTuningConfig
from skeletonmae.inference.fine_tuning_choice import FINE_TUNED, FineTuned, try_fine_tuning
from skeletonmae.inference.fit_candidates import allowed_groups, candidates_of, choose_group, notes_of_size
from skeletonmae.inference.fit_data import (
    COMBINED,
    ENCODER,
    NO_ENCODER,
    FitData,
    compute_features,
    load_for_fit,
    of_most_common_layout,
    select_labeled,
)
from skeletonmae.inference.fit_report import FitReport, HeldOutClip
from skeletonmae.inference.folds import Fold, Grouping, check_tag, group_recordings, make_folds
from skeletonmae.inference.head_choice import Choice, choose_heads, num_choice_steps
from skeletonmae.inference.head_fitting import fit_heads
from skeletonmae.inference.nested_validation import (
    CHOSEN,
    MAX_INNER_FOLDS,
    SEED,
    NestedValidation,
    held_out_clips,
    validate_choice,
)
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.heads import AnyHead
from skeletonmae.predictions.motion_statistics import MotionStatistics, ReferencePose, measure_motion
from skeletonmae.sequences import SkeletonSequence

__all__ = ["DEFAULT_ENCODER", "NO_ENCODER", "SEED", "FitConfig", "fit_classifier"]

DEFAULT_ENCODER = "small"
"""The encoder that `fit` uses unless another one is named."""
MIN_MOTION = 0.003
"""Motion, as a share of the size of a body, below which nobody moves."""
NOISE_ROUGHNESS = 0.7
"""Roughness from which motion is as irregular as noise, which has 1."""
ONE_SUBJECT_NOTE = (
    "each classifier that measured the accuracy was left with clips of one {tag}: its head and its temperature"
    " were chosen on clips of that {tag} alone, so that accuracy and probabilities say little about others"
)
OnProgress = Callable[[str, int, int], None]


class FitConfig(Config):
    """How a classifier is fitted."""

    encoder: str = DEFAULT_ENCODER
    """Name of a shipped encoder, a checkpoint or the folder of a run; `none` classifies the coordinates alone."""
    features: Literal["best", "encoder"] = "best"
    """What is classified: the best of the encoder's features, the coordinates and both, or always the former.
    The encoder's are better for `segment` and `Stream`, whose windows seldom show an action whole."""
    finetune: bool = False
    """Whether to fine-tune the encoder too, and to keep the result if it recognizes more clips, by over one
    standard error."""
    fine_tuning: FineTuningConfig = FineTuningConfig()
    """How to fine-tune it."""
    group: str | None = None
    """Tag that says who was recorded. By default `subject` or a similar one, if the recordings have it."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Number of folds that the accuracy is measured on."""
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 4
    """Number of folds of the rest, on which the head is chosen."""

    def check(self) -> None:
        """Check that an encoder is named where one is needed.

        Raises:
            InputError: There is none to fine-tune, or whose features are to be classified.
        """
        if self.encoder == NO_ENCODER and (self.finetune or self.features == "encoder"):
            what = "encoder to fine-tune" if self.finetune else "encoder whose features could be classified"
            raise InputError(f"there is no {what}", expected="the name of an encoder", got="no encoder was named")


def fit_classifier(
    recordings: Sequence[SkeletonSequence],
    config: FitConfig | None = None,
    *,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    on_progress: OnProgress | None = None,
    on_message: Callable[[str], None] | None = None,
    measure: bool = True,
) -> tuple[RecordingClassifier, FitReport]:
    """Fit a classifier to all labeled recordings, and measure it by nested cross-validation.

    Args:
        recordings: Recordings with labels; those without one are left out.
        config: How to fit.
        device: Where the encoder computes.
        checkpoint: The encoder that `config` names, if `load_for_fit` has loaded it already.
        on_progress: Called with what is done, the number of finished parts, and that of all parts.
        on_message: Called with what fine-tuning will do, and how long it will take, before it begins.
        measure: Whether to measure the accuracy, which takes most of the time. The classifier is the same.

    Raises:
        InputError: There are not two classes, no recording can be read or has the tag `config.group`, or there is
            no encoder to fine-tune.
    """
    config = config or FitConfig()
    on_progress = on_progress or (lambda *_: None)
    config.check()
    labeled, left_out = select_labeled(recordings)
    if config.group is not None:
        check_tag(labeled, config.group)
    checkpoint = checkpoint or load_for_fit(config.encoder, device)
    needs_coordinates = config.features != "encoder"
    data = compute_features(
        labeled, config.encoder, checkpoint, on_progress, coordinates_are_needed=needs_coordinates
    )
    candidates = candidates_of(data)
    allowed = allowed_groups(data, config.features, config.finetune)
    grouping = group_recordings(data.recordings, config.group)
    folds = make_folds(data.labels, grouping.groups, config.folds, SEED, grouping.copy_groups)

    num_done, num_steps = 0, _num_steps(len(data.labels), folds, config, measure)

    def on_fold() -> None:
        nonlocal num_done
        num_done += 1
        on_progress("cross-validation", min(num_done, num_steps), num_steps)

    nested = validate_choice(
        data, grouping, folds if measure else (), config.inner_folds, candidates, allowed, on_fold
    )
    best = choose_heads(
        data.features,
        data.labels,
        grouping.groups,
        len(data.classes),
        folds,
        candidates,
        on_fold,
        copy_groups=grouping.copy_groups,
        known=nested.scores,
    )
    chosen = choose_group(best, allowed, data.labels, folds)
    notes, tuned = [*data.notes, *notes_of_size(data)], None
    if nested.is_chosen_on_one_group:
        notes.append(ONE_SUBJECT_NOTE.format(tag=grouping.tag))
    if config.finetune and folds:
        tuner = _make_tuner(data, config.fine_tuning)
        tuned = try_fine_tuning(tuner, data, folds, chosen, on_progress, on_message or (lambda _: None))
    elif config.finetune:
        notes.append("the encoder was not fine-tuned: there are too few recordings to see whether it gets better")
    is_tuned = tuned is not None and tuned.outcome.is_kept
    fitted = _tuned_parts(data, tuned) if tuned and is_tuned else _frozen_parts(data, chosen, folds)
    tested, accuracies = _accuracies(data, grouping, nested, tuned)
    uses_encoder = fitted.choice.candidate.features in (ENCODER, COMBINED)
    license = checkpoint.header.license if checkpoint and uses_encoder else ""
    summary: dict[str, str | int | float | None] = {
        "recordings": len(data.recordings),
        "head": str(fitted.choice.candidate),
        "accuracy": accuracies.get(CHOSEN),
        "kept_together": grouping.tag,
    }
    reference = ReferencePose.of(of_most_common_layout(data.recordings))
    statistics = [measure_motion(one, reference) for one in data.recordings]
    classifier = _make_classifier(data, fitted, reference, statistics, license, summary)
    report = FitReport(
        classes=data.classes,
        counts=tuple(np.bincount(data.labels, minlength=len(data.classes)).tolist()),
        chosen=fitted.choice,
        encoder=config.encoder if uses_encoder else "",
        license=license,
        grouping=grouping,
        tested=tested,
        accuracies=accuracies,
        kinds=(str(FINE_TUNED),) * len(fitted.folds) if is_tuned else nested.kinds,
        left_out=(*left_out, *data.left_out),
        recordings=tuple(data.recordings),
        notes=tuple(notes),
        fine_tuning=tuned.outcome if tuned else None,
        choice_accuracies={name: best[name].accuracy for name in allowed} if folds else {},
        num_motionless=sum(one.motion < MIN_MOTION and not one.roughness > NOISE_ROUGHNESS for one in statistics),
        num_noisy=sum(one.roughness > NOISE_ROUGHNESS for one in statistics),
    )
    return classifier, report


def _accuracies(
    data: FitData, grouping: Grouping, nested: NestedValidation, tuned: FineTuned | None
) -> tuple[tuple[HeldOutClip, ...], dict[str, float]]:
    """Return the predictions that measure the classifier, and accuracies on the same clips."""
    if tuned is None or not tuned.outcome.is_kept:
        return nested.tested, nested.accuracies()
    frozen = {clip.index: clip for clip in nested.tested}
    tested: list[HeldOutClip] = []
    for is_kept, (test, rows) in zip(tuned.keeps, tuned.held_out(data.labels), strict=True):
        if is_kept or not frozen:
            tested += held_out_clips(data, grouping, test, rows)
        else:
            tested += [frozen[index] for index in test.tolist()]
    clips = np.array([clip.index for clip in tested])
    return tuple(tested), {**nested.accuracies(clips), CHOSEN: float(np.mean([one.is_correct for one in tested]))}


class _Fitted(NamedTuple):
    """What is kept: how recordings become features, and the head that classifies them."""

    choice: Choice
    featurizer: AnyFeaturizer
    head: AnyHead
    features: np.ndarray
    """Of all recordings, `(recording, feature)`."""
    folds: Sequence[Fold]
    """(fit, test) indices of the scores in `choice`."""
    fold_features: Sequence[np.ndarray] | None
    """Features of all recordings by the encoder of each fold; None if it is the same in all of them."""


def _num_steps(num_clips: int, folds: Sequence[Fold], config: FitConfig, measure: bool) -> int:
    """Return how many times heads are fitted to a part of the clips."""
    number = num_choice_steps(num_clips, len(folds))
    for fit, _ in folds if measure else ():
        number += num_choice_steps(len(fit), config.inner_folds, MAX_INNER_FOLDS) + 1
    return number


def _make_tuner(data: FitData, config: FineTuningConfig) -> FineTuner:
    featurizer = data.featurizers[ENCODER]
    assert isinstance(featurizer, EncoderFeaturizer)
    return FineTuner.of(featurizer, data.recordings, data.classes, config)


def _frozen_parts(data: FitData, chosen: Choice, folds: Sequence[Fold]) -> _Fitted:
    """Fit the chosen head to all recordings."""
    kind = chosen.candidate.features
    (head,) = fit_heads(data.features[kind], data.labels, len(data.classes), [chosen.candidate])
    return _Fitted(chosen, data.featurizers[kind], head, data.features[kind], folds, None)


def _tuned_parts(data: FitData, tuned: FineTuned) -> _Fitted:
    assert tuned.featurizer is not None
    assert tuned.head is not None
    features = tuned.featurizer(data.recordings).values
    return _Fitted(tuned.choice, tuned.featurizer, tuned.head, features, tuned.folds, tuned.fold_features)


def _make_classifier(
    data: FitData,
    fitted: _Fitted,
    reference: ReferencePose,
    statistics: Sequence[MotionStatistics],
    license: str,
    summary: dict[str, str | int | float | None],
) -> RecordingClassifier:
    num_classes = len(data.classes)
    candidate, features = fitted.choice.candidate, fitted.features
    doubt = fit_doubt(
        features[:, : candidate.num_encoder or None],  # beside an encoder, coordinates do not say what is unknown
        data.labels,
        num_classes,
        fitted.choice.probabilities,
        statistics,
        fitted.folds,
        fitted.fold_features,
    )
    return RecordingClassifier(
        classes=data.classes,
        featurizer=fitted.featurizer,
        head=fitted.head,
        temperature=fitted.choice.temperature,
        doubt=doubt.extended(features.shape[1]),
        reference=reference,
        training=TrainingRange.of(statistics),
        license=license,
        timing=ActionTiming.of(data.recordings, data.labels, num_classes),
        skeleton=of_most_common_layout(data.recordings)[0].skeleton,
        summary=summary,
    )
