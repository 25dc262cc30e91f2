"""From the probabilities and features of windows to predictions with doubts and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.doubt import COVERAGE, Familiarity
from skeletonmae.predictions.motion_statistics import MotionStatistics, ReferencePose, measure_motion
from skeletonmae.predictions.prediction import NOT_FINITE, Prediction
from skeletonmae.predictions.windows import Window
from skeletonmae.skeletons.derived import abbreviate

MAX_JOINT_NAMES = 6
"""Names of joints that a message lists."""


def _missing_joints(window: Window, statistics: MotionStatistics, reference: ReferencePose) -> str:
    """Say that no joint of the training clips was observed; nothing if any was."""
    if statistics.joints != 0 or not reference.joints:
        return ""
    joints = window.recording.skeleton.joints
    seen = [joints[index] for index in np.flatnonzero(window.recording.observed.any((0, 1))).tolist()]
    return (
        "none of the joints of the training clips was observed; expected some of"
        f" {abbreviate(reference.joints, MAX_JOINT_NAMES)}; got {abbreviate(seen, MAX_JOINT_NAMES)}"
    )


def window_predictions(
    windows: Sequence[Window],
    probabilities: np.ndarray,
    novelty: np.ndarray,
    errors: Sequence[str],
    *,
    classes: Sequence[str],
    doubt: Familiarity,
    reference: ReferencePose,
    training: TrainingRange,
    top: int,
    unknown: bool,
) -> Iterator[Prediction]:
    """Yield the prediction of each window.

    Args:
        windows: What was classified.
        probabilities: `(window, class)`.
        novelty: How far each window is from the training clips, `(window,)`; one that is not finite has an error.
        errors: Why a window has no features; empty where it has.
        classes: Names of the classes.
        doubt: What says whether a window is unknown.
        reference: The mean pose of the training clips.
        training: What the training clips were like.
        top: Number of classes per prediction.
        unknown: Whether to say which windows are unknown.
    """
    finite = np.isfinite(novelty)
    statistics = [measure_motion(window.recording, reference) for window in windows]
    familiarity = doubt.familiarity_of(np.where(finite, novelty, 0), statistics)
    for row, window in enumerate(windows):
        recording = window.recording
        answer = Prediction(
            recording.name,
            window.person,
            (),
            errors[row]
            or ("" if finite[row] else NOT_FINITE)
            or _missing_joints(window, statistics[row], reference),
            start=window.start,
            end=window.end,
            fps=recording.fps,
        )
        if answer.error:
            yield answer
            continue
        order = np.argsort(-probabilities[row], kind="stable")[:top].tolist()
        yield replace(
            answer,
            classes=tuple((classes[index], float(probabilities[row, index])) for index in order),
            unknown=doubt.is_unknown(float(familiarity[row]), 1 - COVERAGE) if unknown else None,
            familiarity=float(familiarity[row]) if unknown else None,
            warnings=(
                *training.warnings(statistics[row], is_window=window.end is not None),
                *(doubt.reasons(statistics[row]) if unknown else ()),
            ),
        )
