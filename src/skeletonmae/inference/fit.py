"""Fit a classifier to labeled recordings, and measure how good it is on recordings that it has not seen."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from skeletonmae.checkpoint import Checkpoint
from skeletonmae.config import Config
from skeletonmae.encoders import find_shipped, load_encoder
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.inference.classifier import BLOCK, RecordingClassifier
from skeletonmae.inference.classifier_file import is_halvable
from skeletonmae.inference.doubt_fitting import fit_doubt
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.inference.featurizers import AnyFeaturizer, CoordinateFeaturizer, EncoderFeaturizer, Features
from skeletonmae.inference.fit_report import FitReport, HeldOutClip
from skeletonmae.inference.folds import Grouping, group_recordings, make_folds
from skeletonmae.inference.head_choice import best_choice, cross_validate
from skeletonmae.inference.head_fitting import coordinate_candidates, encoder_candidates, fit_heads
from skeletonmae.methods import Pooling
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.coordinates import NUM_PERSONS, CoordinateConfig
from skeletonmae.predictions.heads import softmax
from skeletonmae.predictions.motion_statistics import ReferencePose, measure_motion
from skeletonmae.predictions.prediction import NOTHING_OBSERVED
from skeletonmae.sequences import SkeletonSequence

DEFAULT_ENCODER = "kinect20"
"""The encoder that `fit` uses unless another one is named."""
JOINTS_TIME_PARTS, PARTS_TIME_PARTS = 2, 4
"""Number of parts of a clip in the features of each joint, and of each part of the body."""
NO_ENCODER = "none"
"""The name that stands for no encoder: only the coordinates are classified."""
ENCODER, COORDINATES, TURNED = "encoder", "coordinates", "coordinates facing forward"
MIN_READABLE = 0.5
"""If an encoder can read a smaller share of the recordings, it is not used."""
MIN_CROWDED = 0.1
"""If so many recordings show two persons, the coordinates of two are classified."""
SEED = 0


class FitConfig(Config):
    """How a classifier is fitted."""

    encoder: str = DEFAULT_ENCODER
    """Name of a shipped encoder, a checkpoint or the folder of a run; `none` classifies the coordinates alone."""
    features: Literal["best", "encoder"] = "best"
    """What is classified: the encoder's features or the coordinates, whichever are better, or always the former.
    The encoder's are better for `segment` and `Stream`, whose windows seldom show an action whole."""
    group: str | None = None
    """Tag that says who was recorded. By default `subject` or a similar one, if the recordings have it."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Number of folds that the accuracy is measured on."""
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 4
    """Number of folds of the rest, on which the head is chosen."""


def fit_classifier(
    recordings: Sequence[SkeletonSequence],
    config: FitConfig | None = None,
    *,
    device: str = "cpu",
    on_progress: Callable[[str, int, int], None] | None = None,
    measure: bool = True,
) -> tuple[RecordingClassifier, FitReport]:
    """Fit a classifier to all labeled recordings, and measure it by nested cross-validation.

    Args:
        recordings: Recordings with labels; those without one are left out.
        config: How to fit.
        device: Where the encoder computes.
        on_progress: Called with what is done, the number of finished parts, and that of all parts.
        measure: Whether to measure the accuracy, which takes most of the time. The classifier is the same.

    Raises:
        InputError: There are not two classes, or no recording can be read.
    """
    config = config or FitConfig()
    labeled, left_out = _labeled(recordings)
    checkpoint = _load_encoder(config.encoder, device)
    data = _describe(labeled, config, checkpoint, on_progress or (lambda *_: None))
    left_out += data.left_out
    grouping = group_recordings(data.recordings, config.group)
    candidates = {ENCODER: encoder_candidates(ENCODER)} if ENCODER in data.features else {}
    floor = [candidate for name in data.features if name != ENCODER for candidate in coordinate_candidates(name)]
    candidates |= {COORDINATES: floor}
    allowed = _allowed(config, list(candidates), data.notes)
    every = [candidate for group in candidates.values() for candidate in group]
    num_classes = len(data.classes)

    outer = make_folds(data.labels, grouping.groups, config.folds, SEED)
    steps = len(outer) * (config.inner_folds + 2 if measure else 1)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_progress:
            on_progress("cross-validation", min(done, steps), steps)

    tested: list[HeldOutClip] = []
    correct: dict[str, list[bool]] = {name: [] for name in ("chosen", *candidates)}
    kinds: list[str] = []
    for fit, test in outer if measure else []:
        part = {name: values[fit] for name, values in data.features.items()}
        inner = make_folds(data.labels[fit], grouping.groups[fit], config.inner_folds, SEED)
        results = cross_validate(part, data.labels[fit], num_classes, inner, every, step)
        best = {
            name: best_choice({candidate: results[candidate] for candidate in group})
            for name, group in candidates.items()
        }
        chosen = best_choice({best[name].candidate: best[name] for name in allowed})
        probabilities = {}
        for name, choice in best.items():
            values = data.features[choice.candidate.features]
            (head,) = fit_heads(values[fit], data.labels[fit], num_classes, [choice.candidate])
            probabilities[name] = softmax(head.scores(values[test]), choice.temperature)
            correct[name] += (probabilities[name].argmax(1) == data.labels[test]).tolist()
        name = next(name for name, choice in best.items() if choice is chosen)
        correct["chosen"] += (probabilities[name].argmax(1) == data.labels[test]).tolist()
        kinds.append(str(chosen.candidate))
        tested += _tested(data, grouping, test, probabilities[name])
        step()

    results = cross_validate(data.features, data.labels, num_classes, outer, every, step)
    chosen = best_choice({candidate: results[candidate] for name in allowed for candidate in candidates[name]})
    values = data.features[chosen.candidate.features]
    (head,) = fit_heads(values, data.labels, num_classes, [chosen.candidate])
    featurizer = data.featurizers[chosen.candidate.features]
    uses_encoder = chosen.candidate.features == ENCODER
    license = checkpoint.header.license if checkpoint and uses_encoder else ""
    reference = ReferencePose.of(data.recordings)
    statistics = [measure_motion(one, reference) for one in data.recordings]
    accuracies = {name: float(np.mean(hits)) for name, hits in correct.items() if hits}
    classifier = RecordingClassifier(
        classes=data.classes,
        featurizer=featurizer,
        head=head,
        temperature=chosen.temperature,
        doubt=fit_doubt(values, data.labels, num_classes, chosen.probabilities, statistics, outer),
        reference=reference,
        training=TrainingRange.of(statistics),
        license=license,
        timing=ActionTiming.of(data.recordings, data.labels, num_classes),
        summary={
            "recordings": len(data.recordings),
            "head": str(chosen.candidate),
            "accuracy": accuracies.get("chosen"),
            "kept_together": grouping.tag,
        },
    )
    report = FitReport(
        classes=data.classes,
        counts=tuple(np.bincount(data.labels, minlength=num_classes).tolist()),
        chosen=chosen,
        encoder=config.encoder if uses_encoder else "",
        license=license,
        grouping=grouping,
        tested=tuple(tested),
        accuracies=accuracies,
        kinds=tuple(kinds),
        left_out=tuple(left_out),
        recordings=tuple(data.recordings),
        notes=data.notes,
    )
    return classifier, report


@dataclass(frozen=True, eq=False)
class _Data:
    """Labeled recordings and their features."""

    recordings: list[SkeletonSequence]
    classes: tuple[str, ...]
    labels: np.ndarray
    features: dict[str, np.ndarray]
    featurizers: dict[str, AnyFeaturizer]
    left_out: list[LeftOut]
    notes: tuple[str, ...]


def _allowed(config: FitConfig, candidates: list[str], notes: tuple[str, ...]) -> list[str]:
    """Return which groups of candidates may be chosen.

    Raises:
        InputError: Only the encoder's features may, and there are none.
    """
    if config.features == "best":
        return candidates
    if ENCODER not in candidates:
        reason = notes[0] if notes else "no encoder was named"
        raise InputError("there are no features of an encoder", expected="an encoder that reads them", got=reason)
    return [ENCODER]


def _labeled(recordings: Sequence[SkeletonSequence]) -> tuple[list[SkeletonSequence], list[LeftOut]]:
    """Return the recordings with a label and an observed joint, and the others with the reason."""
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
        expected = "two or more: a sub-folder for each class, or a labels.csv with the columns recording,label"
        got = f"{len(recordings)} recordings with {names[0] if names else 'no label'}"
        raise InputError("there are not two classes", expected=expected, got=got)
    return labeled, left_out


def _load_encoder(name: str, device: str) -> Checkpoint | None:
    """Load an encoder, with its weights rounded to half precision if they will be saved so."""
    if name == NO_ENCODER:
        return None
    checkpoint = load_encoder(name, device)
    _ = checkpoint.method  # refuses a fine-tuned classifier
    if is_halvable(checkpoint):
        for parameter in checkpoint.method.parameters():
            parameter.data.copy_(parameter.data.half())
    return checkpoint


def _describe(
    labeled: list[SkeletonSequence],
    config: FitConfig,
    checkpoint: Checkpoint | None,
    on_progress: Callable[[str, int, int], None],
) -> _Data:
    """Compute all features of the recordings, leaving out what cannot be read."""
    coordinates = _coordinate_featurizers(labeled)
    computed: dict[str, Features] = {name: featurizer(labeled) for name, featurizer in coordinates.items()}
    featurizers: dict[str, AnyFeaturizer] = dict(coordinates)
    notes: list[str] = []
    if checkpoint:
        encoder = _encoder_featurizer(checkpoint, config.encoder)
        blocks = []
        for start in range(0, len(labeled), BLOCK):
            blocks.append(encoder(labeled[start : start + BLOCK]))
            on_progress("features", min(start + BLOCK, len(labeled)), len(labeled))
        width = max(block.values.shape[1] for block in blocks)
        values = np.concatenate(
            [block.values if block.values.shape[1] else np.zeros((len(block.values), width)) for block in blocks]
        )
        features = Features(
            values,
            tuple(error for block in blocks for error in block.errors),
            tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
        )
        if features.is_known.mean() >= MIN_READABLE:
            computed, featurizers = {ENCODER: features, **computed}, {ENCODER: encoder, **featurizers}
            notes += features.notes
        else:
            reasons = Counter(error for error in features.errors if error)
            notes.append(
                f"the encoder {config.encoder} was not used, because it cannot read the recordings:"
                f" {reasons.most_common(1)[0][0]}; the coordinates are classified instead"
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
    return _Data(chosen, classes, labels, values_of, featurizers, left_out, tuple(notes))


def _encoder_featurizer(checkpoint: Checkpoint, name: str) -> EncoderFeaturizer:
    """Return the features of an encoder that are classified: those of each joint, or of parts in any layout."""
    any_layout = checkpoint.header.method.reads_any_layout
    pooling: Pooling = "parts" if any_layout else "joints"
    time_parts = PARTS_TIME_PARTS if any_layout else JOINTS_TIME_PARTS
    return EncoderFeaturizer(checkpoint, name, pooling, time_parts, _checksum(name))


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
    path = Path(encoder)
    path = path / "model.safetensors" if path.is_dir() else path
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tested(data: _Data, grouping: Grouping, test: np.ndarray, probabilities: np.ndarray) -> list[HeldOutClip]:
    return [
        HeldOutClip(
            data.recordings[index].name,
            data.classes[data.labels[index]],
            data.classes[int(row.argmax())],
            float(row.max()),
            grouping.values[index],
            index,
        )
        for index, row in zip(test.tolist(), probabilities, strict=True)
    ]
