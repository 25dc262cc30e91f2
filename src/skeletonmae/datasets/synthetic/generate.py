"""Generate recordings, each a pure function of (seed, index)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from skeletonmae.datasets.synthetic.actions import ACTIONS
from skeletonmae.datasets.synthetic.body import Pose, joint_positions
from skeletonmae.datasets.synthetic.pairs import PAIR_ACTIONS
from skeletonmae.datasets.synthetic.people import (
    NUM_SUBJECTS,
    Person,
    occupy_arms,
    occupy_legs,
    personalize,
    stand,
)
from skeletonmae.datasets.synthetic.sensor import CAMERAS, sense, view
from skeletonmae.datasets.synthetic.stage import Stage
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

CLASSES: tuple[str, ...] = (*ACTIONS, *PAIR_ACTIONS)
"""Actions of one person, then of two persons."""
FPS = 30
FRAMES = (40, 150)
"""Minimum and maximum number of frames of a recording."""


def generate(num_recordings: int, seed: int = 0, start: int = 0, noise: bool = True) -> Iterator[SkeletonSequence]:
    """Generate the recordings with index `start` to `start + num_recordings - 1`.

    They have layout `NTU25`, meters, the axes of Kinect, and `FPS` frames per second. Recording i depends only on
    (seed, i), so several processes may each generate a range. Its class index is i modulo the number of classes.
    Its tags are `subject` (s01 to s40) and `camera` (1 to 3).

    Args:
        num_recordings: Number of recordings.
        seed: Seed of the people and the recordings.
        start: Index of the first recording.
        noise: Whether to add the errors and losses of a sensor. Without them, bone lengths are constant.
    """
    for index in range(start, start + num_recordings):
        yield record(index, seed, noise)


def record(index: int, seed: int = 0, noise: bool = True) -> SkeletonSequence:
    """Generate the recording with this index; see `generate`."""
    rng = np.random.default_rng([seed, 1, index])
    label = CLASSES[index % len(CLASSES)]
    subject = (index // len(CLASSES) * 7 + index % len(CLASSES)) % NUM_SUBJECTS
    person = Person.random(np.random.default_rng([seed, 2, subject]))
    bodies = perform(label, person, rng)
    if person.left_handed != (rng.random() < 0.3):
        bodies = mirror(bodies)
    camera = int(rng.integers(len(CAMERAS)))
    positions = view(rng, bodies, camera)
    observed = None
    if noise:
        positions, observed = sense(rng, positions, np.arange(positions.shape[1]) / FPS)
    return SkeletonSequence.from_positions(
        positions,
        NTU25,
        observed=observed,
        name=f"synthetic_{index:06d}",
        fps=FPS,
        label=label,
        tags={"subject": f"s{subject + 1:02d}", "camera": str(camera + 1)},
    )


def perform(label: str, person: Person, rng: np.random.Generator) -> Float[np.ndarray, "person frame 25 3"]:
    """Joints of all persons in a right-handed performance, in meters; x right, -z forward, the floor at y = 0."""
    number = CLASSES.index(label)
    if label in PAIR_ACTIONS:
        return _perform_pair(label, person, rng)
    action = ACTIONS[label]
    low, high = action.repetitions
    repetitions = (
        float(rng.uniform(low, high)) if action.cyclic else float(rng.integers(round(low), round(high) + 1))
    )
    stage = _stage(rng, person, action.seconds, repetitions)
    if rng.random() < 0.85:
        occupy_arms(stage)
    if action.free_legs:
        occupy_legs(stage)
    action.perform(stage)
    personalize(stage, person, number)
    return joint_positions(stage.body, stage.pose)[None]


def _perform_pair(label: str, person: Person, rng: np.random.Generator) -> np.ndarray:
    """Joints of two persons. The second person is new in each recording; their order and the view are random."""
    action, number = PAIR_ACTIONS[label], CLASSES.index(label)
    people = [person, Person.random(rng)]
    actor = _stage(rng, person, action.seconds, 1)
    partner = _stage(rng, people[1], action.seconds, 1, actor)
    distance = action.distance(actor.body, partner.body)
    action.perform(actor, partner, distance)
    tracks = []
    for member, stage in zip(people, (actor, partner), strict=True):
        personalize(stage, member, number)
        tracks.append(joint_positions(stage.body, stage.pose))
    tracks[1] = tracks[1] * (-1, 1, -1) + (0, 0, -distance)
    aside = rng.choice([-1, 1])
    bodies = np.stack(tracks if rng.random() < 0.5 else tracks[::-1])
    return np.stack([-aside * bodies[..., 2], bodies[..., 1], aside * bodies[..., 0]], axis=-1)


def mirror(bodies: Float[np.ndarray, "*any 25 3"]) -> Float[np.ndarray, "*any 25 3"]:
    """Exchange left and right."""
    mirrored: Float[np.ndarray, "*any 25 3"] = bodies[..., NTU25.mirror_index, :] * (-1.0, 1.0, 1.0)
    return mirrored


def _stage(
    rng: np.random.Generator,
    person: Person,
    seconds: tuple[float, float],
    repetitions: float,
    shared: Stage | None = None,
) -> Stage:
    """A standing person, with time for the action and some before and after; or with the times of `shared`."""
    if shared is None:
        duration = float(rng.uniform(*seconds)) / person.tempo
        while repetitions > 1 and repetitions * duration > 3.8:
            repetitions -= 1
        duration = min(duration, 3.8 / repetitions)
        start = float(rng.uniform(-0.12 * duration, 1.4))
        after = float(rng.uniform(-0.1 * duration, 1.4))
        length = start + duration * repetitions + after
        times = np.arange(int(np.clip(length * FPS, *FRAMES))) / FPS
    else:
        duration, start, times = shared.seconds, shared.start, shared.times
    stage = Stage(
        rng=rng,
        body=person.body,
        times=times,
        start=start,
        seconds=duration,
        repetitions=repetitions,
        size=person.size * float(rng.uniform(0.6, 1.2)),
        pose=Pose.standing(len(times)),
        steady=np.zeros(2),
    )
    stand(stage, person)
    return stage
