"""Recognize actions while they happen: frames come one at a time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import DEFAULT_FPS, local_speed
from skeletonmae.evaluation.segmentation_evidence import Positive, SegmentationSettings, background_evidence
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.frame_buffer import RATE, FrameBuffer, check_frame
from skeletonmae.inference.segment import timing_of
from skeletonmae.inference.stream_track import StreamTrack
from skeletonmae.predictions.motion_statistics import measure_motion
from skeletonmae.predictions.prediction import NOTHING_OBSERVED
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton, get_layout

MAX_PERSONS = 32
"""Persons whose frames are kept at once."""
MIN_SEEN = 0.5
"""Share of a window in which somebody must have been observed."""


class StreamSettings(Config):
    """When a stream answers; the defaults were chosen on training subjects of UTD-MHAD."""

    window: Positive = 0.75
    """Length of a window, as a share of the median duration of the training clips."""
    stride: Positive = 0.1
    """Time from one window to the next, as a share of that duration."""
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """Weight of the windows before: the logarithms of the calibrated probabilities are added up, and each window
    multiplies those of the windows before it by this. 0 takes each window alone."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Probability of a class, by the windows together, from which a stream is sure."""
    num_windows: Annotated[int, Field(ge=1)] = 2
    """Number of successive windows after which it must be sure of the same class."""
    familiarity: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of the training clips that must be less familiar than a window; with few clips, one of them must.
    Most windows do not show an action from its beginning to its end, so this is less than is asked of a clip: the
    largest share with which 95 % of the right answers remained: 97 %, and 87 % with 0.03. Of the answers during
    actions of left-out classes, 49 % were withheld (56 % with 0.03)."""


@dataclass(frozen=True)
class Decision:
    """An answer of a stream.

    Args:
        label: The class.
        probability: Probability of the class by the last windows together. They overlap, and are weighted as if
            they did not, so it is higher than the share of such answers that are right.
        person: Who did it, as named to `update_persons`; None after `update`.
        time: Time of the frame with which the answer came, in seconds.
        latency: Time to the answer from when the person last rested or was first seen, in seconds. Of actions
            without a rest between them, all count from there. Where the frame rates of the training clips are not
            known, 30 frames are a second.
    """

    label: str
    probability: float
    person: Hashable | None
    time: float
    latency: float


class Stream:
    """Recognizes actions while they happen.

    Every few frames, the last seconds are classified as a clip, and the probabilities of successive windows are
    multiplied. An answer comes when they are sure of a class for several windows, and these resemble the training
    clips; an action is answered once. Work and memory of a frame do not grow with the length of the stream.

    For example::

        stream = Stream(classifier, "kinect20", fps=30)
        for frame in camera:  # (joint, axis), with NaN where a joint was not observed
            decision = stream.update(frame)
            if decision:
                print(f"{decision.time:.1f} s: {decision.label} ({decision.probability:.0%})")

    Args:
        classifier: A classifier that `fit` made of clips of one action each, or its file.
        layout: Joint layout of the frames.
        fps: Frames per second, for frames without a time.
        unit: Unit of the coordinates.
        unknown: Whether to give no answer for windows that resemble nothing that the classifier was fitted to.
        settings: When to answer.
    """

    def __init__(
        self,
        classifier: RecordingClassifier | str | Path,
        layout: Skeleton | str,
        *,
        fps: float | None = None,
        unit: str = "m",
        unknown: bool = True,
        settings: StreamSettings | None = None,
    ) -> None:
        if isinstance(classifier, str | Path):
            classifier = RecordingClassifier.load(classifier)
        if not isinstance(classifier, RecordingClassifier):
            expected = "one that `skeletonmae fit` made, or its file"
            got = type(classifier).__name__
            raise InputError("a stream needs a classifier", where="Stream", expected=expected, got=got)
        if fps is not None and not 0 < fps < float("inf"):
            raise InputError("fps must be greater than 0", where="Stream", got=fps)
        self.classifier = classifier
        self.skeleton = layout if isinstance(layout, Skeleton) else get_layout(layout)
        self.fps, self.unit, self.unknown = fps, unit, unknown
        self.settings = settings or StreamSettings()
        self.timing = timing_of(classifier)
        self.window_seconds = max(self.settings.window * self.timing.median, 2 / RATE)
        self.step_seconds = self.settings.stride * self.timing.median
        self.reset()

    def reset(self) -> None:
        """Forget all frames and persons; the next frame is the first, and times may start again."""
        self.num_frames = 0
        self.time = -np.inf
        self.tracks: dict[Hashable | None, StreamTrack] = {}

    @property
    def current(self) -> dict[Hashable | None, str]:
        """Each person who is there and has not rested since the last answer -> its class."""
        return {
            person: self.classifier.classes[track.answered]
            for person, track in self.tracks.items()
            if track.answered >= 0
        }

    def update(self, frame: np.ndarray | None, time: float | None = None) -> Decision | None:
        """Add a frame of one person, or of several who act together.

        Args:
            frame: `(joint, axis)` or `(person, joint, axis)`, with NaN where a joint was not observed; None if
                nobody was.
            time: Time in seconds, later than before; by default that of the frame rate.

        Returns:
            An answer if one has just become sure, else None.

        Raises:
            InputError: The frame does not fit the layout or the classifier, or the time does not increase.
        """
        decisions = self.update_persons({} if frame is None else {None: frame}, time)
        return decisions[0] if decisions else None

    def update_persons(self, frames: Mapping[Hashable, np.ndarray], time: float | None = None) -> list[Decision]:
        """Add a frame of persons who act on their own.

        Args:
            frames: The name or number of each person who is there -> `(joint, axis)`, as in `update`. A person who
                leaves and returns within the length of a window is still the same.
            time: As in `update`.

        Returns:
            The answers that have just become sure.

        Raises:
            InputError: As `update`; or there are too many persons.
        """
        time = self._check_time(time)
        checked = {person: check_frame(frame, self.skeleton) for person, frame in frames.items()}
        # Where the frame rates of training were not known, durations are in frames, of which 30 count as a second.
        clock = time if self.timing.in_seconds else self.num_frames / DEFAULT_FPS
        self.time, self.num_frames = time, self.num_frames + 1
        self._forget(clock)
        for person, (positions, observed) in checked.items():
            if person not in self.tracks:
                if len(self.tracks) >= MAX_PERSONS:
                    raise InputError("too many persons", where="Stream", expected=f"at most {MAX_PERSONS}")
                self.tracks[person] = StreamTrack(FrameBuffer(self.window_seconds, positions.shape), clock)
            track = self.tracks[person]
            if track.buffer.positions.shape[1:] != positions.shape:
                shape = track.buffer.positions.shape[1:]
                raise InputError(
                    "the shape of frames changed", where="Stream", expected=shape, got=positions.shape
                )
            if observed.any():
                track.buffer.add(clock, positions, observed)
        return [
            Decision(label, probability, person, time, clock - track.began)
            for person, track in self.tracks.items()
            if clock - track.classified >= self.step_seconds - 1e-6
            for label, probability in self._classify(track, clock)
        ]

    def _check_time(self, time: float | None) -> float:
        if time is None:
            if self.fps is None:
                raise InputError("a frame needs a time, or the stream a frame rate", where="Stream")
            time = self.num_frames / self.fps
        if not np.isfinite(time) or time <= self.time:
            expected = f"a time later than {self.time:g} s, or reset()"
            raise InputError("times must increase", where="Stream", expected=expected, got=time)
        return time

    def _forget(self, clock: float) -> None:
        """Drop persons who have not been seen for the length of a window."""
        gone = [
            person
            for person, track in self.tracks.items()
            if clock - max(track.buffer.last_time, track.created) > self.window_seconds
        ]
        for person in gone:
            del self.tracks[person]

    def _classify(self, track: StreamTrack, clock: float) -> list[tuple[str, float]]:
        """Classify the last window of a person; returns the class and its probability if it has become sure."""
        track.classified = clock
        if clock - track.buffer.first_time < self.window_seconds - 1 / RATE - 1e-6:
            return []
        clip = track.buffer.clip(clock, self.skeleton, self.unit)
        if clip.observed.any((0, 2)).mean() < MIN_SEEN:
            track.rest(clock)
            return []
        if self._is_still(clip):
            track.rest(clock - self.window_seconds / 2)
            return []
        features = self.classifier.features([clip])
        if features.errors[0] == NOTHING_OBSERVED:
            return []
        if features.errors[0]:
            raise InputError(features.errors[0], where="Stream")
        probability = track.remember(self.classifier.probabilities(features.values)[0], self.settings.memory)
        best = int(probability.argmax())
        is_sure = probability[best] >= self.settings.confidence
        if is_sure and self.unknown:
            is_sure = self._is_familiar(clip, features.values)
        track.count = track.count + 1 if is_sure and best == track.candidate else int(is_sure)
        track.candidate = best if is_sure else -1
        if track.count < self.settings.num_windows or track.answered == best:
            return []
        track.answered = best
        return [(self.classifier.classes[best], float(probability[best]))]

    def _is_familiar(self, clip: SkeletonSequence, features: np.ndarray) -> bool:
        """Whether a window resembles the training clips, in the same unit."""
        if self.classifier.training.is_another_unit(measure_motion(clip)):
            return False
        familiarity = float(self.classifier.familiarity([clip], features)[0])
        return not self.classifier.doubt.is_unknown(familiarity, self.settings.familiarity)

    def _is_still(self, clip: SkeletonSequence) -> bool:
        """Whether hardly anything moves in the middle of a window, compared with the training clips."""
        middle = np.array([(clip.num_frames - 1) / 2])
        speed = local_speed(clip.positions, clip.observed, middle, RATE)
        return bool(background_evidence(self.timing, speed, SegmentationSettings())[0] > 0)
