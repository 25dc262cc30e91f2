"""From the answers for windows of a recording to its segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from jaxtyping import Float, Float64, Int
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.evaluation.segmentation_metrics import BACKGROUND, LabeledSpan, spans_of
from skeletonmae.evaluation.segmentation_smoothing import log_transitions, most_probable_states
from skeletonmae.evaluation.segmentation_windows import step_of_frame

BACKGROUND_SECONDS = 1.0
"""Mean duration of the background, of which nothing else is assumed."""
MIN_RANK = 1 / 400
"""Smallest rank of a speed, so that one motionless moment is not infinitely strong evidence."""
Positive = Annotated[float, Field(gt=0)]


class SegmentationSettings(Config):
    """How windows become segments; the defaults were chosen on training subjects of UTD-MHAD."""

    window: Positive = 0.75
    """Length of a window, as a share of the median duration of the training clips."""
    stride: Positive = 0.1
    """Time from one window to the next, as a share of that duration."""
    class_weight: Positive = 0.4
    """Weight of the probabilities of the classes. Windows overlap, so each counts for less than 1."""
    background_weight: Positive = 4.0
    """Weight of the evidence that nothing happens."""
    stillness: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """How slow the background is, smaller is slower: among the speeds of the training clips, the density of its
    rank r is proportional to r to the power of this value minus 1."""
    pause_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the actions after which nothing happens for a while."""

    def frames_per_window(self, timing: ActionTiming, fps: float) -> float:
        """Return the length of a window in frames."""
        return max(1.0, self.window * timing.median * fps)

    def frames_per_step(self, timing: ActionTiming, fps: float) -> float:
        """Return the number of frames from one window to the next."""
        return max(1.0, self.stride * timing.median * fps)


def background_evidence(
    timing: ActionTiming, speeds: Float64[np.ndarray, " step"], settings: SegmentationSettings
) -> Float64[np.ndarray, " step"]:
    """Return how much more likely each speed is if nothing happens than during an action, as a logarithm.

    The ranks of speeds during actions are uniform among those of the training clips. A speed that is not known
    counts as the highest.
    """
    ranks = np.nan_to_num(timing.speed_ranks(speeds), nan=1.0)
    log_ranks = np.log(np.maximum(ranks, MIN_RANK))
    evidence: np.ndarray = np.log(settings.stillness) + (settings.stillness - 1) * log_ranks
    return evidence * settings.background_weight


def log_emissions(
    log_probability: Float[np.ndarray, "step class"],
    background: Float64[np.ndarray, " step"],
    settings: SegmentationSettings,
) -> Float64[np.ndarray, "step state"]:
    """Return the evidence for each class and, as the last state, for the background.

    Args:
        log_probability: Of each class in each window, if it shows an action. NaN where nobody was observed, which
            is background.
        background: As `background_evidence` returns it.
        settings: Weights of the two.
    """
    is_seen = np.isfinite(log_probability).all(1)
    background = np.where(is_seen, background, -np.log(MIN_RANK))
    classes = np.where(is_seen[:, None], settings.class_weight * log_probability, 0.0)
    action, pause = -np.logaddexp(0, background), -np.logaddexp(0, -background)
    return np.column_stack([classes + action[:, None], pause]).astype(np.float64)


def decode(
    emissions: Float64[np.ndarray, "step state"],
    timing: ActionTiming,
    seconds_per_step: float,
    settings: SegmentationSettings,
) -> Int[np.ndarray, " step"]:
    """Return the class of each step, or `BACKGROUND`, by a hidden Markov model with the durations of training.

    Args:
        emissions: As `log_emissions` returns them.
        timing: Durations of the classes.
        seconds_per_step: Time from one window to the next.
        settings: The share of pauses.
    """
    num_classes = emissions.shape[1] - 1
    minimum = np.maximum(np.round(np.array([*timing.minimum, 0.0]) / seconds_per_step), 1).astype(np.int64)
    mean = np.maximum(np.array([*timing.mean, BACKGROUND_SECONDS]) / seconds_per_step, minimum)
    transitions = log_transitions(num_classes, settings.pause_share)
    states = most_probable_states(emissions, transitions, minimum, mean)
    return np.where(states == num_classes, BACKGROUND, states)


def spans_of_steps(
    labels: Int[np.ndarray, " step"], log_probability: Float[np.ndarray, "step class"], num_frames: int
) -> Iterator[LabeledSpan]:
    """Yield the segments in frames, each with the mean probability of its class as score.

    Args:
        labels: Class of each step, or `BACKGROUND`.
        log_probability: Of each class in each window.
        num_frames: Number of frames of the recording.
    """
    steps = step_of_frame(num_frames, len(labels))
    for span in spans_of(labels[steps]):
        rows = np.unique(steps[span.start : span.end])
        score = np.nanmean(np.exp(log_probability[rows, span.label]))
        yield span._replace(score=float(score) if np.isfinite(score) else 0.0)
