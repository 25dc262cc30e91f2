"""Find the actions in uncut recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import DEFAULT_FPS, ActionTiming, local_speed
from skeletonmae.evaluation.segmentation_evidence import (
    SegmentationSettings,
    background_evidence,
    decode,
    log_emissions,
    spans_of_steps,
)
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan
from skeletonmae.evaluation.segmentation_windows import step_of_frame, window_centers
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.predictions.motion_statistics import measure_motion
from skeletonmae.predictions.persons import split_persons
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED
from skeletonmae.sequences import SkeletonSequence

UNKNOWN = "unknown"
"""Label of a segment that resembles nothing that the classifier was fitted to."""
WINDOWS_AT_ONCE = 256
MAX_DESCRIBED_FRAMES = 10_000
"""Frames from the middle of a recording that warnings are based on."""
MIN_PROBABILITY = 1e-6
MIN_SHARE = 1e-4
"""Added to probabilities before they are multiplied, so that none excludes a class alone."""
FAMILIARITY = 0.01
"""A segment is unknown if it is less familiar than all but this share of the training clips, or than all of them.
It does not begin and end where a clip does, so this is less than is asked of a clip. It was chosen on training
subjects of UTD-MHAD whom the classifier had not seen: 95 % of the segments of known actions were answered (87 %
with 0.05), and 37 % of those of left-out classes were unknown (51 % with 0.05)."""
WIDENED = 0.2
"""Share of its length that is added to both ends of a segment to classify it as a whole."""
DEFAULT_SETTINGS = SegmentationSettings()


@dataclass(frozen=True)
class Segment:
    """An action in a recording.

    Args:
        recording: Name of the recording.
        person: Index of the person; None if the recording was classified as a whole.
        start: First frame, from 0.
        end: Frame after the last one.
        start_s: Time of `start` in seconds; None if the frame rate is not known.
        end_s: Time of `end`.
        label: Class, or `unknown`.
        score: Calibrated probability of the class for the frames of the segment; if these as a whole resemble
            another class more, and their windows decided, the mean of both probabilities. For `unknown`, the share
            of the training clips that are more familiar.
        nearest: For `unknown`, the class that the segment would have.
        nearest_score: Its calibrated probability.
        reasons: What is unusual about an unknown segment, if more than its features are.
    """

    recording: str
    person: int | None
    start: int
    end: int
    start_s: float | None
    end_s: float | None
    label: str
    score: float
    nearest: str = ""
    nearest_score: float = 0.0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentedRecording:
    """A recording and the actions that were found in it.

    Args:
        name: Name of the recording.
        num_frames: Its number of frames.
        fps: Its frames per second, if they are known.
        persons: The persons who were segmented, in their order; None for all together.
        segments: The actions, of each person in the order of time.
        error: Why there is no answer; empty if there is one.
        warnings: What is unusual about the recording, and for which persons there is no answer.
    """

    name: str
    num_frames: int
    fps: float | None
    persons: tuple[int | None, ...]
    segments: tuple[Segment, ...]
    error: str = ""
    warnings: tuple[str, ...] = ()


def segment_recording(
    classifier: RecordingClassifier,
    recording: SkeletonSequence,
    *,
    per_person: bool = False,
    unknown: bool = True,
    settings: SegmentationSettings = DEFAULT_SETTINGS,
) -> SegmentedRecording:
    """Find the actions in an uncut recording.

    The classifier answers for windows that overlap, each as if it were a clip, so that most frames are encoded
    several times. A hidden Markov model with the durations of the training clips makes segments of the answers;
    frames in which hardly anything moves, or nobody is seen, belong to none.

    Args:
        classifier: A classifier that `fit` made of clips of one action each.
        recording: The recording, which is held in memory; its windows are not.
        per_person: Segment every person alone.
        unknown: Label segments that resemble no training clip `unknown`.
        settings: Windows and weights.
    """
    timing = timing_of(classifier)
    parts = list(split_persons(recording)) if per_person else [(None, recording)]
    segments: list[Segment] = []
    errors: list[str] = []
    for person, part in parts:
        try:
            found = list(_segment_part(classifier, timing, part, settings))
        except InputError as error:
            problem = str(error).removeprefix(f"recording {recording.name!r}: ")
            errors.append(problem if person is None else f"person {person}: {problem}")
        else:
            segments += _merged(_described(classifier, part, person, found, unknown))
    failed = errors[0] if len(errors) == len(parts) else ""
    persons = tuple(person for person, _ in parts)
    warnings = () if failed else (*errors, *_warnings(classifier, timing, recording, settings))
    return SegmentedRecording(
        recording.name, recording.num_frames, recording.fps, persons, tuple(segments), failed, warnings
    )


def _segment_part(
    classifier: RecordingClassifier,
    timing: ActionTiming,
    recording: SkeletonSequence,
    settings: SegmentationSettings,
) -> Iterator[tuple[LabeledSpan, Float64[np.ndarray, " class"]]]:
    """Yield the segments of a recording that is classified as a whole, with the mean probability of each class.

    Raises:
        InputError: The classifier has no answer for any window.
    """
    if not recording.num_frames:
        raise InputError("the recording has no frame")
    if not recording.observed.any():
        raise InputError(NOTHING_OBSERVED)
    fps = timing.fps_of(recording)
    centers = window_centers(recording.num_frames, settings.frames_per_step(timing, fps))
    half = settings.frames_per_window(timing, fps) / 2
    first = np.maximum(np.round(centers - half + 0.5), 0).astype(int)
    end = np.minimum(np.maximum(np.round(centers + half + 0.5), first + 1), recording.num_frames).astype(int)
    bounds = list(zip(first.tolist(), end.tolist(), strict=True))
    probability = window_probabilities(classifier, recording, bounds)
    speeds = local_speed(recording.positions, recording.observed, centers, fps)
    log_probability = np.log(np.maximum(probability, MIN_PROBABILITY))
    emissions = log_emissions(log_probability, background_evidence(timing, speeds, settings), settings)
    labels = decode(emissions, timing, recording.num_frames / len(centers) / fps, settings)
    steps = step_of_frame(recording.num_frames, len(centers))
    for span in spans_of_steps(labels, log_probability, recording.num_frames):
        rows = np.unique(steps[span.start : span.end])
        yield span, np.nan_to_num(np.nanmean(probability[rows], axis=0))


def window_probabilities(
    classifier: RecordingClassifier, recording: SkeletonSequence, bounds: list[tuple[int, int]]
) -> Float64[np.ndarray, "window class"]:
    """Return the calibrated probability of each class in windows; NaN where nothing was observed.

    Args:
        classifier: The classifier.
        recording: The recording.
        bounds: First frame of each window, and the frame after its last one.

    Raises:
        InputError: The classifier has no answer for any window.
    """
    probability = np.full((len(bounds), len(classifier.classes)), np.nan)
    problem = ""
    for begin in range(0, len(bounds), WINDOWS_AT_ONCE):
        windows = [cut(recording, first, end) for first, end in bounds[begin : begin + WINDOWS_AT_ONCE]]
        features = classifier.features(windows)
        is_finite = np.isfinite(features.values).all(1)
        known = features.is_known & is_finite
        problem = problem or next(filter(None, features.errors), "" if is_finite.all() else NOT_FINITE)
        if known.any():
            rows = begin + np.flatnonzero(known)
            probability[rows] = classifier.probabilities(features.values[known])
    if not np.isfinite(probability).any():
        raise InputError(problem or NOTHING_OBSERVED)
    return probability


def cut(recording: SkeletonSequence, first: int, end: int) -> SkeletonSequence:
    """Return some frames of a recording, without copying them."""
    frames = slice(first, end)
    return replace(recording, positions=recording.positions[:, frames], observed=recording.observed[:, frames])


def _described(
    classifier: RecordingClassifier,
    recording: SkeletonSequence,
    person: int | None,
    found: list[tuple[LabeledSpan, Float64[np.ndarray, " class"]]],
    unknown: bool,
) -> Iterator[Segment]:
    """Classify each segment once more as a whole, and name it by this and by its windows together.

    It is widened, because clips of training begin and end with moments in which little happens.
    """
    num_classes, fps = len(classifier.classes), recording.fps
    for begin in range(0, len(found), WINDOWS_AT_ONCE):
        part = found[begin : begin + WINDOWS_AT_ONCE]
        margins = [round(WIDENED * (span.end - span.start)) for span, _ in part]
        clips = [
            cut(recording, max(0, span.start - margin), min(recording.num_frames, span.end + margin))
            for (span, _), margin in zip(part, margins, strict=True)
        ]
        answers = classifier.predict(clips, top=num_classes, unknown=unknown, windows=False)
        for (span, by_windows), answer in zip(part, answers, strict=True):
            whole = dict(answer.classes)
            scores = np.array([whole.get(name, 0.0) for name in classifier.classes])
            together = np.log(scores + MIN_SHARE) + np.log(by_windows + MIN_SHARE)
            best = int(together.argmax()) if whole else span.label
            label, score = classifier.classes[best], float(scores[best]) if whole else span.score
            if whole and best != int(scores.argmax()):  # its windows say so, and not the segment as a whole
                score = float(scores[best] + by_windows[best]) / 2
            start_s, end_s = (span.start / fps, span.end / fps) if fps else (None, None)
            segment = Segment(recording.name, person, span.start, span.end, start_s, end_s, label, score)
            familiarity = answer.familiarity
            if familiarity is not None and classifier.doubt.is_unknown(familiarity, FAMILIARITY):
                reasons = answer.warnings
                segment = replace(segment, label=UNKNOWN, score=1 - familiarity, nearest=label)
                segment = replace(segment, nearest_score=score, reasons=reasons)
            yield segment


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Join segments of the same label of which one begins where the other ends."""
    last: Segment | None = None
    for segment in segments:
        if last and (last.end, last.label, last.person) == (segment.start, segment.label, segment.person):
            nearest = max((last, segment), key=lambda one: one.nearest_score)
            last = replace(
                last,
                end=segment.end,
                end_s=segment.end_s,
                score=max(last.score, segment.score),
                nearest=nearest.nearest,
                nearest_score=nearest.nearest_score,
                reasons=tuple(dict.fromkeys((*last.reasons, *segment.reasons))),
            )
            continue
        if last:
            yield last
        last = segment
    if last:
        yield last


def _warnings(
    classifier: RecordingClassifier,
    timing: ActionTiming,
    recording: SkeletonSequence,
    settings: SegmentationSettings,
) -> Iterator[str]:
    """Say what is unusual about a recording."""
    middle = max(0, (recording.num_frames - MAX_DESCRIBED_FRAMES) // 2)
    described = cut(recording, middle, min(recording.num_frames, middle + MAX_DESCRIBED_FRAMES))
    yield from classifier.training.warnings(measure_motion(described, classifier.reference), is_window=True)
    if timing.in_seconds and not recording.fps:
        yield f"its frame rate is not known: {DEFAULT_FPS:g} frames count as a second (see --fps)"
    window = settings.frames_per_window(timing, timing.fps_of(recording))
    if recording.num_frames < window:
        yield (
            f"it is shorter than a window: {recording.num_frames} frames, and a window has {window:.0f};"
            " `predict` answers for such a recording"
        )


def timing_of(classifier: RecordingClassifier) -> ActionTiming:
    """Return the durations of a classifier; of one whose file holds none for each class, those of all clips."""
    if classifier.timing:
        return classifier.timing
    training, num_classes = classifier.training, len(classifier.classes)
    rate = 1.0 if training.in_seconds else DEFAULT_FPS
    return ActionTiming(
        minimum=(training.shortest / rate / 2,) * num_classes,
        mean=(training.median / rate,) * num_classes,
        median=training.median / rate,
        in_seconds=training.in_seconds,
    )
