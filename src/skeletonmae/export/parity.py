"""Compare an exported model with PyTorch on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from skeletonmae.datasets import RecordingConverter
from skeletonmae.datasets.synthetic import generate
from skeletonmae.errors import InputError
from skeletonmae.export.exportable import Exportable
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.runtime.session import GraphSession
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

MAX_DIFFERENCE = 1e-3
"""Largest difference from PyTorch with which a model is exported; that of features is relative to the largest."""
NUM_MADE = 12
LOST_SHARES = (0.0, 0.1, 0.4)


def made_recordings(skeleton: Skeleton, axes: Literal[2, 3], unit: str, seed: int = 0) -> list[SkeletonSequence]:
    """Make recordings for a comparison: with lost joints, one to three persons, many lengths and frame rates.

    They are the synthetic motion of this package where its joints suffice for the layout, else random motion.

    Args:
        skeleton: The layout.
        axes: Number of coordinates of a joint.
        unit: Unit of the coordinates.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    convert = RecordingConverter(layout=skeleton, axes=axes)
    made = []
    for number, source in enumerate(generate(NUM_MADE, seed=seed)):
        num_frames = int(rng.integers(1, source.num_frames + 1)) if number else 1
        try:
            recording = convert(source)
        except InputError:  # such as the layout of an animal
            recording = _random_motion(skeleton, axes, source.num_frames, rng)
        positions = recording.positions[:, :num_frames]
        observed = recording.observed[:, :num_frames]
        if number % 3 == 0:  # more persons, of whom one comes late
            positions, observed = (np.concatenate([values, values[:1]]) for values in (positions, observed))
            positions[-1] += np.float32(0.7)
            observed[-1, : num_frames // 3] = False
        lost = _lose_joints(observed.shape, LOST_SHARES[number % len(LOST_SHARES)], rng)
        observed = observed & ~lost
        made.append(
            replace(
                recording,
                positions=np.where(observed[..., None], positions, np.float32(0)),
                observed=observed,
                name=f"made {number}",
                unit=unit,
                fps=(30.0, 12.5, None)[number % 3],
            )
        )
    return made


def compare(
    exportable: Exportable, session: GraphSession, recordings: Sequence[SkeletonSequence]
) -> tuple[int, float]:
    """Compare the outputs of a graph with those of PyTorch: probabilities and novelty, or features.

    Args:
        exportable: The model.
        session: Its graph.
        recordings: Recordings with the layout of the graph.

    Returns:
        The number of recordings with an answer, and the largest difference; those of features and of novelties are
        divided by the largest.

    Raises:
        InputError: The graph answers for other recordings than PyTorch, or for none.
    """
    expected = exportable.answer(recordings)
    outputs = session(recordings)
    got = outputs[session.output_names[0]]
    has_answer = np.isfinite(expected).all(1)
    if not np.array_equal(has_answer, outputs["is_seen"]):
        different = recordings[int(np.flatnonzero(has_answer != outputs["is_seen"])[0])].name
        raise InputError("the exported model and PyTorch have answers for other recordings", got=different)
    if not has_answer.any():
        raise InputError("the model has an answer for none of the recordings that it is compared on")
    difference = float(np.abs(got - expected)[has_answer].max())
    if exportable.kind == "encoder":
        difference /= _scale(expected[has_answer])
    if exportable.classifier:
        novelty = _novelties(
            exportable.classifier, [recordings[row] for row in np.flatnonzero(has_answer).tolist()]
        )
        of_novelty = np.abs(outputs["novelty"][has_answer] - novelty).max() / _scale(novelty)
        difference = max(difference, float(of_novelty))
    return int(has_answer.sum()), difference


def _scale(values: np.ndarray) -> float:
    """The largest absolute value, or 1 if all are smaller."""
    return max(1.0, float(np.abs(values).max()))


def _novelties(classifier: RecordingClassifier, recordings: Sequence[SkeletonSequence]) -> np.ndarray:
    features = classifier.features(recordings).values
    return classifier.doubt.novelty(features, classifier.probabilities(features))


def _random_motion(skeleton: Skeleton, axes: int, num_frames: int, rng: np.random.Generator) -> SkeletonSequence:
    """Joints that swing about random places, two persons."""
    shape = (2, 1, skeleton.num_joints, axes)
    time = np.arange(num_frames)[None, :, None, None]
    swing = 0.2 * np.sin(time * rng.uniform(0.02, 0.3, shape) + rng.uniform(0, 6.3, shape))
    return SkeletonSequence.from_positions(rng.normal(size=shape) + swing, skeleton)


def _lose_joints(shape: Sequence[int], share: float, rng: np.random.Generator) -> np.ndarray:
    """Which joints are lost in which frames, in gaps of one to 20 frames."""
    lost = np.zeros(shape, bool)
    num_persons, num_frames, num_joints = shape
    for person in range(num_persons):
        for joint in range(num_joints):
            frame = int(rng.integers(0, 20))
            while share and frame < num_frames:
                gap = int(rng.integers(1, 21))
                lost[person, frame : frame + gap, joint] = True
                frame += gap + 1 + int(rng.geometric(share / 10))
    return lost
