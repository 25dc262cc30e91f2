"""From recordings to the rows of features that a classifier was fitted to: an encoder's, or coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from skeletonmae.checkpoint import Checkpoint
from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.inference.adapt import adapted_recordings
from skeletonmae.inference.blocks import Block, recording_blocks
from skeletonmae.inference.embed import EmbedSettings, embed_recordings, feature_groups
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.methods import Classifier, Pooling
from skeletonmae.predictions.coordinates import CoordinateConfig, coordinate_features
from skeletonmae.predictions.prediction import NOTHING_OBSERVED
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

BATCH_SIZE = 64
"""Clips per batch of a fine-tuned classifier."""
OTHER_PARTS = (
    "its layout has other body parts than that of the training clips, so that its features cannot be compared"
    " with theirs"
)


@dataclass(frozen=True, eq=False)
class Features:
    """A row of features for each recording.

    Args:
        values: `(recording, feature)` float32; 0 where there is an error.
        errors: Why a recording has no features; empty where it has.
        notes: What was not used, such as joints that an encoder does not know, in words.
    """

    values: np.ndarray
    errors: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_known(self) -> np.ndarray:
        """Whether each recording has features, `(recording,)` bool."""
        return np.array([not error for error in self.errors], dtype=bool)


class Featurizer(Protocol):
    """What turns recordings into features."""

    kind: ClassVar[str]

    def __call__(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute a row of features for each recording, whatever its layout."""


@dataclass(frozen=True, eq=False)
class EncoderFeaturizer:
    """The features of a frozen encoder.

    Args:
        checkpoint: The encoder.
        name: Name of the shipped encoder, or of the file.
        pooling: What the features are the mean of.
        time_parts: Number of parts of the clip that the features are the means of.
        sha256: Checksum of its file; empty if it is not known.
        layout: Layout of the clips that a head was fitted to: recordings with other body parts, which have other
            features, have an error. None if it is not known.
    """

    checkpoint: Checkpoint
    name: str
    pooling: Pooling = "joints"
    time_parts: int = 1
    sha256: str = ""
    layout: Skeleton | None = None
    kind: ClassVar[str] = "encoder"

    def __call__(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute the features of the middle part of each recording.

        Without `layout`, recordings with other body parts than most of them have an error.
        """
        settings = EmbedSettings(pooling=self.pooling, time_parts=self.time_parts)
        numbered: list[SkeletonSequence | LeftOut] = []
        for number, (one, fits) in enumerate(zip(recordings, self._has_same_parts(recordings), strict=True)):
            name = str(number)
            numbered.append(
                replace(one, name=name, label=None, tags={}) if fits else LeftOut(name, None, OTHER_PARTS)
            )
        embeddings = embed_recordings(self.checkpoint, numbered, settings)
        errors = [""] * len(recordings)
        for left_out in embeddings.left_out:
            errors[int(left_out.recording)] = left_out.reason
        values = np.zeros((len(recordings), embeddings.features.shape[1]), np.float32)
        values[[int(name) for name in embeddings.names]] = embeddings.features
        return Features(values, tuple(errors), embeddings.notes)

    def _has_same_parts(self, recordings: Sequence[SkeletonSequence]) -> list[bool]:
        """Return whether the features of each recording belong to the same body parts as those of the layout."""
        if self.layout is None:
            return [True] * len(recordings)
        header = self.checkpoint.header
        groups = {
            skeleton: feature_groups(header, skeleton, self.pooling)
            for skeleton in {self.layout, *(one.skeleton for one in recordings)}
        }
        return [groups[one.skeleton] == groups[self.layout] for one in recordings]


@dataclass(frozen=True, eq=False)
class FineTunedFeaturizer:
    """What the last layer of a fine-tuned classifier is given.

    Args:
        checkpoint: The classifier.
        name: Name of the shipped encoder that was fine-tuned, or of its file.
        sha256: Checksum of the file of that encoder; empty if it is not known.
    """

    checkpoint: Checkpoint
    name: str
    sha256: str = ""
    kind: ClassVar[str] = "fine-tuned"

    def __call__(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute the features of the middle part of each recording."""
        numbered = [replace(one, name=str(number), label=None, tags={}) for number, one in enumerate(recordings)]
        errors = [""] * len(recordings)
        values = np.zeros((len(recordings), last_layer(self.checkpoint.classifier).in_features), np.float32)
        for block in recording_blocks(adapted_recordings(self.checkpoint.header, numbered)):
            for left_out in block.left_out:
                errors[int(left_out.recording)] = left_out.reason
            numbers = [int(row.recording) for row in block.rows]
            for number, row, is_seen in zip(numbers, *self._rows(block), strict=True):
                if is_seen:
                    values[number] = row
                else:
                    errors[number] = NOTHING_OBSERVED
        return Features(values, tuple(errors))

    @torch.inference_mode()
    def _rows(self, block: Block) -> tuple[list[np.ndarray], list[bool]]:
        """Return the features of each recording of a block, and whether the model sees any of its joints."""
        header, model = self.checkpoint.header, self.checkpoint.classifier
        given: list[Tensor] = []
        rows: list[np.ndarray] = []
        is_seen: list[bool] = []
        if block.store is None:
            return rows, is_seen
        device = next(model.parameters()).device
        index = np.arange(len(block.store))
        hook = last_layer(model).register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        try:
            for batch in header.clips.loader(block.store, index, batch_size=BATCH_SIZE, device=device).epoch():
                model(batch)
                rows += list(given.pop().float().cpu().numpy())
                is_seen += batch.has_observed(header.used_joints(batch.skeleton)).tolist()
        finally:
            hook.remove()
        return rows, is_seen


def last_layer(classifier: Classifier) -> nn.Linear:
    """Return the layer of a fine-tuned classifier that computes its logits."""
    return [module for module in classifier.modules() if isinstance(module, nn.Linear)][-1]


@dataclass(frozen=True, eq=False)
class CoordinateFeaturizer:
    """The coordinates themselves, resampled and centered.

    Args:
        config: The joints, and the number of frames and persons.
        unit: Unit of the training recordings.
    """

    config: CoordinateConfig
    unit: str
    kind: ClassVar[str] = "coordinates"

    def __call__(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute the features of each recording."""
        values = np.zeros((len(recordings), self.config.num_features), np.float32)
        errors = []
        for row, recording in enumerate(recordings):
            try:
                features = self._row(recording)
            except InputError as error:
                errors.append(str(error).removeprefix(f"recording {recording.name!r}: "))
                continue
            if features is not None:
                values[row] = features
            errors.append("" if features is not None else NOTHING_OBSERVED)
        return Features(values, tuple(errors))

    def _row(self, recording: SkeletonSequence) -> np.ndarray | None:
        axes, where = recording.positions.shape[3], f"recording {recording.name!r}"
        if self.config.axes == 2 and axes == 3:
            recording = RecordingConverter(axes=2)(recording)
        elif axes != self.config.axes:
            problem = "the classifier was fitted to 3D recordings, but this one is 2D"
            raise InputError(problem, where=where, expected="3 axes", got="2")
        if recording.unit != self.unit:
            problem = "the classifier was fitted to recordings in another unit"
            raise InputError(problem, where=where, expected=self.unit, got=recording.unit)
        if not set(recording.skeleton.joints) & set(self.config.joints):
            expected = ", ".join(self.config.joints[:5])
            raise InputError(
                "the classifier knows none of the joints", where=where, expected=f"some of {expected}"
            )
        return coordinate_features(recording, self.config)


@dataclass(frozen=True, eq=False)
class CombinedFeaturizer:
    """The features of a frozen encoder, and the coordinates after them.

    Args:
        encoder: Computes the former.
        coordinates: Computes the latter.
    """

    encoder: EncoderFeaturizer
    coordinates: CoordinateFeaturizer
    kind: ClassVar[str] = "encoder and coordinates"

    def __call__(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute the features of each recording; those that have no features of one kind have none."""
        return combine_features(self.encoder(recordings), self.coordinates(recordings))

    @property
    def checkpoint(self) -> Checkpoint:
        """The encoder."""
        return self.encoder.checkpoint


def combine_features(first: Features, second: Features) -> Features:
    """Put the features of the same recordings side by side; a recording has none if it lacks those of one kind."""
    errors = tuple(one or other for one, other in zip(first.errors, second.errors, strict=True))
    values = np.concatenate([first.values, second.values], axis=1)
    values[[bool(error) for error in errors]] = 0
    return Features(values, errors, (*first.notes, *second.notes))


AnyFeaturizer = EncoderFeaturizer | FineTunedFeaturizer | CoordinateFeaturizer | CombinedFeaturizer


def for_layout(featurizer: AnyFeaturizer, layout: Skeleton | None) -> AnyFeaturizer:
    """Return a featurizer that gives recordings an error whose body parts are not those of a layout.

    Args:
        featurizer: The featurizer.
        layout: Layout of the clips that a head was fitted to; None if it is not known.
    """
    if isinstance(featurizer, CombinedFeaturizer):
        return replace(featurizer, encoder=replace(featurizer.encoder, layout=layout))
    return replace(featurizer, layout=layout) if isinstance(featurizer, EncoderFeaturizer) else featurizer


def parts_of(
    featurizer: AnyFeaturizer,
) -> tuple[EncoderFeaturizer | FineTunedFeaturizer | None, CoordinateFeaturizer | None]:
    """Return the encoder and the coordinates among featurizers, as far as there are any."""
    if isinstance(featurizer, CombinedFeaturizer):
        return featurizer.encoder, featurizer.coordinates
    if isinstance(featurizer, CoordinateFeaturizer):
        return None, featurizer
    return featurizer, None
