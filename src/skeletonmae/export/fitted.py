"""Classifiers that `fit` made, as models to export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from skeletonmae.export.coordinates import CoordinateEncoder
from skeletonmae.export.exportable import (
    IS_SEEN,
    Exportable,
    clip_steps,
    encoder_of,
    encoder_steps,
    pooled_encoder,
    recorded_axes,
    recorded_unit,
    unsupported,
)
from skeletonmae.export.graph import Features, FittedGraph, RecordingEncoder
from skeletonmae.export.heads import Novelty, scores_of
from skeletonmae.inference import RecordingClassifier
from skeletonmae.inference.featurizers import (
    AnyFeaturizer,
    CombinedFeaturizer,
    CoordinateFeaturizer,
    EncoderFeaturizer,
    FineTunedFeaturizer,
)
from skeletonmae.methods.joint_patch_classifier import JointPatchClassifier
from skeletonmae.skeletons import LAYOUTS, Skeleton


class _Parts(NamedTuple):
    """What recordings must be like, and what the graph does with them up to the features."""

    joints: tuple[str, ...]
    axes: Literal[2, 3] | None
    unit: str | None
    frames: int
    max_persons: int
    steps: tuple[str, ...]
    features: Callable[[Skeleton, Literal[2, 3]], nn.Module]


def fitted_to_export(classifier: RecordingClassifier, name: str) -> Exportable:
    """Return a classifier of `fit` as a model to export.

    Args:
        classifier: The classifier.
        name: Its name.

    Raises:
        InputError: Its encoder is not that of `joint_patch`.
    """
    featurizer = classifier.featurizer
    parts = _parts_of(featurizer, classifier)
    scores, novelty = scores_of(classifier.head), Novelty(classifier.doubt)
    temperature = classifier.temperature

    def graph(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
        return FittedGraph(parts.features(skeleton, axes), scores, novelty, temperature)

    return Exportable(
        kind="classifier",
        name=name,
        license=classifier.license,
        labels=classifier.classes,
        joints=parts.joints,
        axes=parts.axes,
        unit=parts.unit,
        frames=parts.frames,
        max_persons=parts.max_persons,
        outputs={
            "probabilities": "float32 (batch, class): calibrated, in the order of labels.json",
            "novelty": "float32 (batch): how far the features are from those of the training clips",
            "is_seen": IS_SEEN,
        },
        in_graph=(
            *parts.steps,
            f"head: {classifier.head.kind}; temperature {temperature:.3g}, softmax",
            "novelty: distance to the nearest class, and entropy of the probabilities",
        ),
        graph=graph,
        answer=lambda recordings: classifier.predict_proba(recordings).astype(np.float32),
        classifier=classifier,
        layout=classifier.skeleton or _smallest_layout(classifier.reference.joints),
    )


def _parts_of(featurizer: AnyFeaturizer, classifier: RecordingClassifier) -> _Parts:
    if isinstance(featurizer, CombinedFeaturizer):
        return _of_both(_of_model(featurizer.encoder, classifier), _of_coordinates(featurizer.coordinates))
    if isinstance(featurizer, CoordinateFeaturizer):
        return _of_coordinates(featurizer)
    return _of_model(featurizer, classifier)


def _of_both(encoder: _Parts, coordinates: _Parts) -> _Parts:
    """Return the parts of a classifier on the features of an encoder and on coordinates."""

    def features(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
        return CombinedFeatures(encoder.features(skeleton, axes), coordinates.features(skeleton, axes))

    return _Parts(
        tuple(dict.fromkeys((*encoder.joints, *coordinates.joints))),
        coordinates.axes,
        coordinates.unit,
        max(encoder.frames, coordinates.frames),
        max(encoder.max_persons, coordinates.max_persons),
        (*encoder.steps, "beside these features, from the recording again", *coordinates.steps),
        features,
    )


def _smallest_layout(joints: tuple[str, ...]) -> Skeleton | None:
    """The smallest built-in layout that has all joints of the mean pose, which has those of the training clips."""
    having = [one for one in LAYOUTS.values() if joints and set(joints) <= set(one.joints)]
    return min(having, key=lambda one: one.num_joints, default=None)


def _of_coordinates(featurizer: CoordinateFeaturizer) -> _Parts:
    config = featurizer.config
    turned = ["rotation to face forward"] if config.face_forward else []
    steps = (
        f"persons: the first {config.persons} who are observed",
        f"resampling from the first to the last observed frame to {config.frames} frames",
        "transform center",
        *turned,
        "coordinates, and their differences from frame to frame",
    )
    return _Parts(
        config.joints,
        2 if config.axes == 2 else 3,
        featurizer.unit,
        config.frames,
        config.persons,
        steps,
        lambda skeleton, _: CoordinateEncoder(config, skeleton),
    )


def _of_model(featurizer: EncoderFeaturizer | FineTunedFeaturizer, classifier: RecordingClassifier) -> _Parts:
    """Return the parts of a classifier on the features of an encoder, or on those of a fine-tuned one."""
    checkpoint = featurizer.checkpoint
    header = checkpoint.header

    if isinstance(featurizer, FineTunedFeaturizer):
        model = checkpoint.classifier
        if not isinstance(model, JointPatchClassifier):
            raise unsupported(checkpoint)
        pooling: Literal["groups", "joints"] = "groups" if model.encoder.described else "joints"
        steps = (*encoder_steps(checkpoint, pooling), "the fine-tuned layers below the head")

        def features(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
            pooled = pooled_encoder(model.encoder, header, skeleton, pooling, axes=axes)
            return FineTunedFeatures(pooled, model.head[:-1])
    else:
        encoder, frozen = encoder_of(checkpoint), featurizer
        steps = encoder_steps(checkpoint, featurizer.pooling, featurizer.time_parts)

        def features(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
            return pooled_encoder(encoder, header, skeleton, frozen.pooling, frozen.time_parts, axes)

    joints, axes = header.joints, recorded_axes(header)
    if header.method.reads_any_layout:  # the head has seen only what it was fitted to
        joints = classifier.reference.joints
        axes = 2 if classifier.reference.positions.shape[1] == 2 else 3
    frames, max_persons = header.clips.frames, header.clips.max_persons
    steps = (*clip_steps(header.clips), *steps)
    return _Parts(joints, axes, recorded_unit(header), frames, max_persons, steps, features)


class CombinedFeatures(nn.Module):
    """From recordings to the features of an encoder, with the coordinates after them.

    Args:
        encoder: From recordings to the pooled features of the encoder.
        coordinates: From recordings to rows of coordinates.
    """

    def __init__(self, encoder: nn.Module, coordinates: nn.Module) -> None:
        super().__init__()
        self.encoder, self.coordinates = encoder, coordinates

    def forward(self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor) -> Features:
        """Compute the features of recordings; see `Resample.forward` for the inputs."""
        inputs = (positions, observed, num_frames, fps)
        encoder, coordinates = self.encoder(*inputs), self.coordinates(*inputs)
        values = torch.cat([encoder.values.float(), coordinates.values], 1)
        return Features(values, encoder.is_seen & coordinates.is_seen)


class FineTunedFeatures(nn.Module):
    """From recordings to what the last layer of a fine-tuned classifier is given.

    Args:
        encoder: From recordings to the pooled features of the encoder.
        layers: The layers between these and the last one.
    """

    def __init__(self, encoder: RecordingEncoder, layers: nn.Module) -> None:
        super().__init__()
        self.encoder, self.layers = encoder, layers

    def forward(self, positions: Tensor, observed: Tensor, num_frames: Tensor, fps: Tensor) -> Features:
        """Compute the features of recordings; see `Resample.forward` for the inputs."""
        features: Features = self.encoder(positions, observed, num_frames, fps)
        return Features(self.layers(features.values), features.is_seen)
