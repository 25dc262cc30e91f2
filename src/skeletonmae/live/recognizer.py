"""From one frame of a camera to what each person in it does."""

from __future__ import annotations

import time as clock
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Bool, Float32

from skeletonmae.errors import InputError
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.featurizers import Features
from skeletonmae.inference.stream import MAX_PERSONS, Decision, Stream, StreamSettings
from skeletonmae.live.budget import Budget
from skeletonmae.live.smoothing import PoseFilter
from skeletonmae.live.sources import LiveFrame
from skeletonmae.pose import PersonPose, PoseEstimator
from skeletonmae.pose.person_pose import observed_joints, world_of
from skeletonmae.sequences import SkeletonSequence


@dataclass(frozen=True, eq=False)
class LivePerson:
    """A person in a frame.

    Args:
        number: From 0, in the order in which persons came.
        points: Joints in pixels of the source, of which the image may be a reduced one.
        observed: Which joints were observed.
        world: Smoothed joints in meters from the center of the hips; None for an estimator without depth.
        confidence: What the estimator says of each joint.
        answer: What the person does, from when it became sure until the body rests; None if nothing is known.
    """

    number: int
    points: Float32[np.ndarray, "joint 2"]
    observed: Bool[np.ndarray, " joint"]
    world: Float32[np.ndarray, "joint 3"] | None
    confidence: Float32[np.ndarray, " joint"]
    answer: Decision | None


@dataclass(frozen=True, eq=False)
class LiveResult:
    """What is known after a frame.

    Args:
        frame: The frame.
        persons: The persons in it.
        decisions: The answers that have just become sure.
        ended: Answers that are over, since the person rests, does something else or left.
    """

    frame: LiveFrame
    persons: tuple[LivePerson, ...]
    decisions: tuple[Decision, ...]
    ended: tuple[Decision, ...]


class LiveRecognizer:
    """Estimates poses and recognizes actions, one frame after the other.

    Args:
        classifier: A classifier that `fit` made of clips of one action each.
        estimator: The pose estimator.
        unknown: Whether to give no answer for what resembles no training clip.
        settings: When to answer.

    Raises:
        InputError: The classifier needs depth, which the estimator does not have.
    """

    def __init__(
        self,
        classifier: RecordingClassifier,
        estimator: PoseEstimator,
        *,
        unknown: bool = True,
        settings: StreamSettings | None = None,
    ) -> None:
        self.axes, self.unknown = classifier.axes, unknown
        if self.axes == 3 and not estimator.has_depth:
            problem = "the classifier was fitted to 3D recordings, but the pose estimator has no depth"
            raise InputError(
                problem, where="live", expected="--estimator blazepose, or a classifier of 2D recordings"
            )
        self.estimator, self.budget = estimator, Budget()
        self._classifier = _TimedClassifier.of(classifier)
        unit = "m" if self.axes == 3 else "px"
        self._stream = Stream(self._classifier, estimator.skeleton, unit=unit, unknown=unknown, settings=settings)
        self._numbers: dict[int, int] = {}
        self._filters: dict[int, PoseFilter] = {}
        self._answers: dict[int, Decision] = {}

    @property
    def window_seconds(self) -> float:
        """Seconds that are classified at once."""
        return self._stream.window_seconds

    @property
    def num_persons(self) -> int:
        """Persons who were seen so far."""
        return len(self._numbers)

    def update(self, frame: LiveFrame) -> LiveResult:
        """Take the next frame.

        Args:
            frame: The frame, later than the one before.
        """
        began = clock.perf_counter()
        poses = self.estimator.update(frame.image, frame.time)
        found = clock.perf_counter()
        persons = [person for pose in poses if (person := self._person(pose, frame))]
        self._classifier.seconds.clear()
        decisions = self._stream.update_persons(self._with_room(persons), frame.time)
        encoding = sum(self._classifier.seconds)
        ended = self._note(decisions)
        done = clock.perf_counter()
        self.budget.add("decode", frame.decoding_seconds, done)
        self.budget.add("pose", found - began, done)
        if encoding:
            self.budget.add("encoder", encoding, done)
        self.budget.add("answer", done - found - encoding, done)
        self.budget.add("delay", done - frame.arrived, done)
        self.budget.add_frame(done)
        return LiveResult(
            frame,
            tuple(
                LivePerson(
                    one.number,
                    one.points,
                    one.observed,
                    one.world,
                    one.confidence,
                    self._answers.get(one.number),
                )
                for one in persons
            ),
            tuple(decisions),
            ended,
        )

    def finish(self) -> tuple[Decision, ...]:
        """Return the answers that were not over yet."""
        left = tuple(self._answers.values())
        self._answers.clear()
        return left

    def _person(self, pose: PersonPose, frame: LiveFrame) -> LivePerson | None:
        """A person of whom a joint was observed; others are not there."""
        size = frame.image.shape[1], frame.image.shape[0]
        observed = observed_joints(pose.points, pose.confidence, self.estimator.min_confidence, size)
        if not observed.any():
            return None
        number = self._numbers.setdefault(pose.identity, len(self._numbers))
        world = world_of(pose, self.estimator.has_depth)
        if world is not None:
            world = self._filters.setdefault(number, PoseFilter()).update(world, observed, frame.time)
        points = pose.points * np.array(frame.scale, np.float32)
        return LivePerson(number, points, observed, world, pose.confidence, None)

    def _with_room(self, persons: Sequence[LivePerson]) -> dict[Hashable, np.ndarray]:
        """The coordinates of persons whom the stream knows, and of new ones as far as it has room for them."""
        known = self._stream.tracks
        room = MAX_PERSONS - len(known)
        frames: dict[Hashable, np.ndarray] = {}
        for person in persons:
            is_new = person.number not in known
            if not is_new or room > 0:
                frames[person.number] = self._coordinates(person)
                room -= is_new
        if len(self._filters) > MAX_PERSONS:  # of persons who left long ago
            self._filters = {
                person.number: self._filters[person.number] for person in persons if person.world is not None
            }
        return frames

    def _coordinates(self, person: LivePerson) -> np.ndarray:
        """What the stream gets, with NaN where a joint was not observed."""
        values = person.points if self.axes == 2 else person.world
        assert values is not None  # `world_of` sees to it
        coordinates: np.ndarray = np.where(person.observed[:, None], values, np.float32(np.nan))
        return coordinates

    def _note(self, decisions: list[Decision]) -> tuple[Decision, ...]:
        """Remember answers, and return those that are over."""
        current = self._stream.current
        ended = [number for number, answer in self._answers.items() if current.get(number) != answer.label]
        over = tuple(self._answers.pop(number) for number in ended)
        for decision in decisions:
            if isinstance(decision.person, int):
                self._answers[decision.person] = decision
        return over


@dataclass(frozen=True, eq=False)
class _TimedClassifier(RecordingClassifier):
    """A classifier that notes how long its features take."""

    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, classifier: RecordingClassifier) -> _TimedClassifier:
        return cls(**{one.name: getattr(classifier, one.name) for one in fields(RecordingClassifier)})

    def features(self, recordings: Sequence[SkeletonSequence]) -> Features:
        began = clock.perf_counter()
        found = super().features(recordings)
        self.seconds.append(clock.perf_counter() - began)
        return found
