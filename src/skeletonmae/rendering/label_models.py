"""Label a recording with a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from skeletonmae.errors import InputError
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.encoder import SkeletonEncoder
from skeletonmae.inference.fine_tuned import FineTunedClassifier
from skeletonmae.inference.load import load
from skeletonmae.inference.segment import segment_recording
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.rendering.labels import UNKNOWN, Label
from skeletonmae.sequences import SkeletonSequence

MAX_LENGTH_FACTOR = 1.25
"""A recording that is longer than so many times the longest training clip is searched for segments."""
Segments = Literal["auto", "on", "off"]
Classifier = RecordingClassifier | FineTunedClassifier


def load_any_classifier(path: Path, device: str = "auto") -> Classifier:
    """Load what `fit` or `evaluate` wrote.

    Raises:
        InputError: There is no such file, it is damaged, or it is an encoder, which knows no classes.
    """
    model = load(path, device=device)
    if isinstance(model, SkeletonEncoder):
        expected = "a classifier that `skeletonmae fit` wrote, or a file of answers (.csv, .jsonl)"
        raise InputError("this is an encoder, which knows no classes", where=path, expected=expected)
    return model


def label_recording(
    classifier: Classifier,
    recording: SkeletonSequence,
    *,
    segments: Segments = "auto",
    per_person: bool = True,
    unknown: bool = True,
) -> tuple[list[Label], tuple[str, ...]]:
    """Label a recording: the segments in it, or the recording as a whole.

    Args:
        classifier: The classifier.
        recording: The recording.
        segments: Whether to find segments; `auto` does if the recording is longer than the training clips.
        per_person: Whether to label each person alone; if not, or if there is only one, all together.
        unknown: Whether to label `unknown` what resembles no training clip.

    Returns:
        The labels, and what is unusual or why there is none.
    """
    per_person = per_person and recording.num_persons > 1
    if isinstance(classifier, RecordingClassifier):
        if segments == "on" or (segments == "auto" and _is_long(classifier, recording)):
            found = segment_recording(classifier, recording, per_person=per_person, unknown=unknown)
            labels = [
                Label(one.person, one.start, one.end, one.label, None if one.label == UNKNOWN else one.score)
                for one in found.segments
            ]
            return labels, (found.error,) if found.error else found.warnings
        predictions = classifier.predict([recording], top=1, per_person=per_person, unknown=unknown, windows=False)
    else:
        predictions = classifier.predict([recording], top=1, per_person=per_person)
    notes = [note for one in predictions for note in (one.error, *one.warnings) if note]
    return [_label(one, recording.num_frames) for one in predictions if one.classes], tuple(dict.fromkeys(notes))


def _is_long(classifier: RecordingClassifier, recording: SkeletonSequence) -> bool:
    lengths = classifier.training.lengths
    longest = lengths.length_in_frames(lengths.longest, recording.fps)
    return longest is not None and recording.num_frames > MAX_LENGTH_FACTOR * longest


def _label(prediction: Prediction, num_frames: int) -> Label:
    name, probability = prediction.classes[0]
    if prediction.unknown:
        return Label(prediction.person, 0, num_frames, UNKNOWN, None)
    return Label(prediction.person, 0, num_frames, name, probability)
