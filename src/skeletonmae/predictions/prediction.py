"""The answer for one recording."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_OBSERVED = "no joint that the model knows was observed"
NOT_FINITE = "the output of the model is not finite: the coordinates are too large, or its weights are damaged"


@dataclass(frozen=True)
class Prediction:
    """The predicted classes of a recording.

    Args:
        recording: Name of the recording.
        person: Index of the person; None if the whole recording was classified.
        classes: (class, probability), the most probable first; empty if there is an error. Those of a fine-tuned
            checkpoint are its softmax; those of a classifier of `fit` are calibrated.
        error: Why there is no prediction; empty if there is one.
        unknown: Whether the recording resembles nothing that the classifier was fitted to. None if that was not
            asked, or if the classifier is a fine-tuned checkpoint, which does not know.
        familiarity: Share of training clips that resemble the others no more than this recording does; 0 if it
            does not move, or moves or is turned as no training clip is. None where `unknown` is.
        warnings: What is unusual about the recording, such as a body that is upside down.
        start: First frame of the part of the recording that was classified; None for the whole of it.
        end: Frame after the last one of the part.
        fps: Frames per second of the recording, if they are known.
    """

    recording: str
    person: int | None
    classes: tuple[tuple[str, float], ...]
    error: str = ""
    unknown: bool | None = None
    familiarity: float | None = None
    warnings: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    fps: float | None = None
