"""What `fit` classifies: labeled recordings, with the features of an encoder and their coordinates."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skeletonmae.checkpoint import Checkpoint
from skeletonmae.encoders import find_shipped, load_encoder
from skeletonmae.errors import InputError
from skeletonmae.files import weights_file
from skeletonmae.inference.classifier import BLOCK
from skeletonmae.inference.embed import default_pooling
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.inference.featurizers import (
    AnyFeaturizer,
    CombinedFeaturizer,
    CoordinateFeaturizer,
    EncoderFeaturizer,
    Features,
)
from skeletonmae.inference.portable_weights import round_weights
from skeletonmae.predictions.class_names import class_name_problem
from skeletonmae.predictions.coordinates import NUM_PERSONS, CoordinateConfig
from skeletonmae.predictions.prediction import NOTHING_OBSERVED
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.validation.finding import pluralize

JOINTS_TIME_PARTS = 2
"""Number of parts of a clip in the features of each joint."""
NO_ENCODER = "none"
"""The name that stands for no encoder: only the coordinates are classified."""
ENCODER, COORDINATES, TURNED, COMBINED = (
    EncoderFeaturizer.kind,
    CoordinateFeaturizer.kind,
    "coordinates facing forward",
    CombinedFeaturizer.kind,
)
"""Kinds of features."""
MIN_READABLE = 0.5
"""If an encoder can read a smaller share of the recordings, it is not used."""
MIN_CROWDED = 0.1
"""If so many recordings show two persons, the coordinates of two are classified."""


@dataclass(frozen=True, eq=False)
class FitData:
    """Labeled recordings and their features.

    Args:
        recordings: The recordings.
        classes: Names of the classes.
        labels: Class index of each recording.
        features: Kind of features -> their values, `(recording, feature)`.
        featurizers: Kind of features -> what computes them.
        left_out: What could not be used.
        notes: What else the reader should know.
    """

    recordings: list[SkeletonSequence]
    classes: tuple[str, ...]
    labels: np.ndarray
    features: dict[str, np.ndarray]
    featurizers: dict[str, AnyFeaturizer]
    left_out: list[LeftOut]
    notes: tuple[str, ...]


def select_labeled(recordings: Sequence[SkeletonSequence]) -> tuple[list[SkeletonSequence], list[LeftOut]]:
    """Return the recordings with a label and an observed joint, and the others with the reason.

    Raises:
        InputError: There are not two classes, or the name of one cannot be printed.
    """
    labeled, left_out = [], []
    for recording in recordings:
        if not recording.label:
            left_out.append(LeftOut(recording.name, None, "it has no label"))
        elif not recording.observed.any():
            left_out.append(LeftOut(recording.name, None, NOTHING_OBSERVED))
        else:
            labeled.append(recording)
    names = sorted({one.label for one in labeled if one.label})
    if len(names) < 2:
        expected = (
            "two or more: a sub-folder for each class, or at the top of the folder a labels.csv with the columns"
            " recording,label (recording: the name of a file, such as clip1.mp4)"
        )
        found = f"the label {names[0]}" if names else "no label"
        got = f"{pluralize(len(recordings), 'recording')} with {found}"
        raise InputError("there are not two classes", expected=expected, got=got)
    if problem := class_name_problem(names):
        raise InputError(problem, expected="labels in one line of printable characters")
    return labeled, left_out


def load_for_fit(name: str, device: str) -> Checkpoint | None:
    """Load an encoder, with its weights rounded to half precision if they will be saved so; None for `none`."""
    if name == NO_ENCODER:
        return None
    checkpoint = load_encoder(name, device)
    _ = checkpoint.method  # refuses a fine-tuned classifier
    round_weights(checkpoint)
    return checkpoint


def compute_features(
    labeled: list[SkeletonSequence],
    encoder_name: str,
    checkpoint: Checkpoint | None,
    on_progress: Callable[[str, int, int], None],
    *,
    coordinates_are_needed: bool = True,
) -> FitData:
    """Compute all features of recordings, leaving out what cannot be read.

    Args:
        labeled: Recordings with labels.
        encoder_name: Name or path of the encoder.
        checkpoint: The encoder; None for the coordinates alone.
        on_progress: Called with what is done, the number of finished recordings, and that of all.
        coordinates_are_needed: Whether recordings are left out whose coordinates cannot be compared with those of
            the others, because unit or axes differ; if not, the coordinates are, where the encoder reads more.

    Raises:
        InputError: Fewer than two classes can be read.
    """
    coordinates = _coordinate_featurizers(labeled)
    computed: dict[str, Features] = {name: featurizer(labeled) for name, featurizer in coordinates.items()}
    featurizers: dict[str, AnyFeaturizer] = dict(coordinates)
    notes: list[str] = []
    if checkpoint:
        layout = of_most_common_layout(labeled)[0].skeleton
        encoder = replace(encoder_featurizer(checkpoint, encoder_name), layout=layout)
        features = _in_blocks(encoder, labeled, on_progress)
        if features.is_known.mean() >= MIN_READABLE:
            computed, featurizers = {ENCODER: features, **computed}, {ENCODER: encoder, **featurizers}
            notes += features.notes
        else:
            notes.append(_why_not_encoder(checkpoint, encoder_name, labeled, features))
    if ENCODER in computed and not coordinates_are_needed:
        num_lost = max(int((computed[ENCODER].is_known & ~computed[name].is_known).sum()) for name in coordinates)
        if num_lost:
            computed, featurizers = {ENCODER: computed[ENCODER]}, {ENCODER: featurizers[ENCODER]}
            notes.append(
                f"the coordinates alone were not tried: those of {pluralize(num_lost, 'recording')} have another"
                " unit, layout or number of axes than the others"
            )
    left_out: list[LeftOut] = []
    kept: list[int] = []
    for row, recording in enumerate(labeled):
        errors = [features.errors[row] for features in computed.values() if features.errors[row]]
        if errors:
            left_out.append(LeftOut(recording.name, None, errors[0]))
        else:
            kept.append(row)
    chosen = [labeled[row] for row in kept]
    classes = tuple(sorted({one.label or "" for one in chosen}))
    if len(classes) < 2:
        lines = "\n".join(map(str, left_out[:5]))
        raise InputError(f"fewer than two classes have a recording that can be used: {lines}")
    labels = np.array([classes.index(one.label or "") for one in chosen], dtype=np.int64)
    values_of = {name: features.values[kept] for name, features in computed.items()}
    beside = TURNED if TURNED in coordinates else COORDINATES
    if {ENCODER, beside} <= values_of.keys() and len({one.positions.shape[3] for one in chosen}) == 1:
        values_of[COMBINED] = np.concatenate([values_of[ENCODER], values_of[beside]], axis=1)
        featurizers[COMBINED] = CombinedFeaturizer(encoder, coordinates[beside])
    return FitData(chosen, classes, labels, values_of, featurizers, left_out, tuple(notes))


def _why_not_encoder(
    checkpoint: Checkpoint, name: str, labeled: Sequence[SkeletonSequence], features: Features
) -> str:
    """Say that the coordinates are classified, and why."""
    if checkpoint.header.axes == 3 and all(one.positions.shape[3] == 2 for one in labeled):
        return (
            f"2D recordings: their coordinates are classified, because the encoder {name} reads 3D recordings only"
        )
    reasons = Counter(error for error in features.errors if error)
    return (
        f"the coordinates are classified, because the encoder {name} cannot read the recordings:"
        f" {reasons.most_common(1)[0][0]}"
    )


def of_most_common_layout(recordings: Sequence[SkeletonSequence]) -> list[SkeletonSequence]:
    """Return the recordings that have the most common layout and number of axes."""

    def layout(one: SkeletonSequence) -> tuple[Skeleton, int]:
        return one.skeleton, one.positions.shape[3]

    (most_common, _), *_ = Counter(map(layout, recordings)).most_common(1)
    return [one for one in recordings if layout(one) == most_common]


def encoder_featurizer(checkpoint: Checkpoint, name: str) -> EncoderFeaturizer:
    """Return the features of an encoder that are classified: those of each joint, or of parts in any layout.

    Args:
        checkpoint: The encoder.
        name: Its name or path.
    """
    header, checksum = checkpoint.header, _checksum(name)
    pooling = default_pooling(header)
    if pooling != "joints":
        return EncoderFeaturizer(checkpoint, name, pooling, sha256=checksum)
    num_steps = header.clips.frames // getattr(header.method, "token_frames", 1)
    return EncoderFeaturizer(checkpoint, name, pooling, min(JOINTS_TIME_PARTS, num_steps), checksum)


def _in_blocks(
    encoder: EncoderFeaturizer, labeled: list[SkeletonSequence], on_progress: Callable[[str, int, int], None]
) -> Features:
    blocks = []
    for start in range(0, len(labeled), BLOCK):
        blocks.append(encoder(labeled[start : start + BLOCK]))
        on_progress("features", min(start + BLOCK, len(labeled)), len(labeled))
    width = max(block.values.shape[1] for block in blocks)
    values = [block.values if block.values.shape[1] else np.zeros((len(block.values), width)) for block in blocks]
    return Features(
        np.concatenate(values),
        tuple(error for block in blocks for error in block.errors),
        tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
    )


def _coordinate_featurizers(recordings: Sequence[SkeletonSequence]) -> dict[str, CoordinateFeaturizer]:
    """Return how coordinates become features: in the most common layout and unit, as they are and turned."""
    skeleton = Counter(one.skeleton.joints for one in recordings).most_common(1)[0][0]
    unit = Counter(one.unit for one in recordings).most_common(1)[0][0]
    axes = min(one.positions.shape[3] for one in recordings)
    crowded = np.mean([one.observed.any((1, 2)).sum() > 1 for one in recordings])
    persons = NUM_PERSONS if crowded >= MIN_CROWDED else 1
    config = CoordinateConfig(joints=skeleton, axes=axes, persons=persons)
    featurizers = {COORDINATES: CoordinateFeaturizer(config, unit)}
    if axes == 3 and any(one.skeleton.left_right for one in recordings):
        turned = config.model_copy(update={"face_forward": True})
        featurizers[TURNED] = CoordinateFeaturizer(turned, unit)
    return featurizers


def _checksum(encoder: str) -> str:
    """The checksum of the file of an encoder."""
    shipped = find_shipped(encoder)
    if shipped:
        return shipped.sha256
    return hashlib.sha256(weights_file(Path(encoder)).read_bytes()).hexdigest()
