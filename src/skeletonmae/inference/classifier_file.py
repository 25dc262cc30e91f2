"""The file of a classifier: safetensors, with the encoder inside and everything else in the header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from skeletonmae.checkpoint import checkpoint_from_tensors
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file, weights_file
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.classifier_checks import check_shapes, checked_arrays, try_out
from skeletonmae.inference.classifier_header import ENCODER_PREFIX, METADATA_KEY, ClassifierHeader, read_header
from skeletonmae.inference.featurizers import (
    AnyFeaturizer,
    CombinedFeaturizer,
    CoordinateFeaturizer,
    EncoderFeaturizer,
    FineTunedFeaturizer,
    last_layer,
    parts_of,
)
from skeletonmae.inference.portable_weights import portable_weights
from skeletonmae.predictions.doubt import Doubt, check_limits
from skeletonmae.predictions.heads import NeighborHead, build_head
from skeletonmae.predictions.motion_statistics import ReferencePose


def save_classifier(classifier: RecordingClassifier, path: Path) -> None:
    """Write a classifier to a file atomically."""
    featurizer, head = classifier.featurizer, classifier.head
    tensors: dict[str, Tensor] = {"reference": torch.from_numpy(classifier.reference.positions)}
    for prefix, arrays in (("head", head.arrays()), ("doubt", classifier.doubt.arrays())):
        tensors |= {f"{prefix}.{name}": torch.from_numpy(array) for name, array in arrays.items()}
    fields: dict[str, Any] = {}
    encoder, coordinates = parts_of(featurizer)
    if encoder:
        header, weights = portable_weights(encoder.checkpoint, classifier.license)
        tensors |= {f"{ENCODER_PREFIX}{name}": tensor for name, tensor in weights.items()}
        fields = {
            "encoder": encoder.name,
            "encoder_sha256": encoder.sha256,
            "encoder_header": header,
            "unit": encoder.checkpoint.header.unit,
        }
        if isinstance(encoder, EncoderFeaturizer):
            fields |= {"pooling": encoder.pooling, "time_parts": encoder.time_parts}
    if coordinates:
        fields |= {"coordinates": coordinates.config.model_dump(), "unit": coordinates.unit}
    head_fields: dict[str, Any] = {}
    if isinstance(head, NeighborHead):
        head_fields = {"num_neighbors": head.num_neighbors, "num_training_clips": len(head.rows)}
    else:
        head_fields = {"unit_length": head.unit_length}
    file_header = ClassifierHeader.model_validate(
        {
            "classes": classifier.classes,
            "features": featurizer.kind,
            "num_features": len(head.mean),
            "head": head.kind,
            "temperature": classifier.temperature,
            "training": classifier.training.model_dump(),
            "reference_joints": classifier.reference.joints,
            "axes": classifier.reference.positions.shape[1],
            "license": classifier.license,
            "summary": classifier.summary,
            "num_doubt_clips": len(classifier.doubt.clips),
            "timing": classifier.timing and classifier.timing.model_dump(),
            "layout": classifier.skeleton and classifier.skeleton.to_dict(),
            **fields,
            **head_fields,
        }
    )
    with atomic_file(path) as file:
        file.write_bytes(save(tensors, {METADATA_KEY: file_header.model_dump_json()}))


def is_classifier_file(path: Path) -> bool:
    """Return whether a file or folder is a classifier of `fit`; False if it cannot be read."""
    weights = weights_file(path)
    if not weights.is_file():  # a named pipe would be waited for
        return False
    try:
        with safe_open(weights, framework="pt") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_classifier(path: Path, device: str = "cpu") -> RecordingClassifier:
    """Read a classifier; no code in the file is run.

    Every array has the shape that the header says, and the encoder is checked as by `load_checkpoint`.

    Raises:
        InputError: The file does not exist, is damaged, is no classifier of `fit`, or holds arrays that do not fit
            its header or cannot be those of a classifier.
    """
    path = weights_file(path)
    if not path.is_file():
        problem = "this is not a regular file" if path.exists() else "there is no such classifier"
        raise InputError(problem, where=path, expected="a file that `fit` wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                expected = "a file that `skeletonmae fit` wrote"
                raise InputError("this is no classifier of `fit`", where=path, expected=expected)
            header = read_header(metadata[METADATA_KEY], path)
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            check_shapes(shapes, header, path)
            tensors = {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, OSError) as error:
        raise InputError(f"damaged, or not safetensors ({error})", where=path) from error
    arrays = checked_arrays(tensors, header, path)
    head = {name.removeprefix("head."): array for name, array in arrays.items() if name.startswith("head.")}
    doubt = {name.removeprefix("doubt."): array for name, array in arrays.items() if name.startswith("doubt.")}
    check_limits(doubt["low"], doubt["high"], path)
    classifier = RecordingClassifier(
        classes=header.classes,
        featurizer=_build_featurizer(header, tensors, path, device),
        head=build_head(
            header.head,
            head,
            unit_length=header.unit_length,
            num_classes=len(header.classes),
            num_neighbors=header.num_neighbors,
        ),
        temperature=header.temperature,
        doubt=Doubt.from_arrays(doubt),
        reference=ReferencePose(header.reference_joints, arrays["reference"]),
        training=header.training,
        license=header.license,
        summary=header.summary,
        timing=header.timing,
        skeleton=header.skeleton,
    )
    try_out(classifier, header.num_coordinates, path)
    return classifier


def _build_featurizer(
    header: ClassifierHeader, tensors: Mapping[str, Tensor], path: Path, device: str
) -> AnyFeaturizer:
    coordinates = CoordinateFeaturizer(header.coordinates, header.unit) if header.coordinates else None
    if header.features == CoordinateFeaturizer.kind and coordinates:
        return coordinates
    weights = {
        name.removeprefix(ENCODER_PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(ENCODER_PREFIX)
    }
    checkpoint = checkpoint_from_tensors(header.encoder_header, weights, path, device)
    if header.features == FineTunedFeaturizer.kind:
        if last_layer(checkpoint.classifier).in_features != header.num_features:
            raise InputError("the head does not fit the classifier", where=path)
        return FineTunedFeaturizer(checkpoint, header.encoder, header.encoder_sha256)
    _ = checkpoint.method  # refuses a fine-tuned classifier
    encoder = EncoderFeaturizer(
        checkpoint, header.encoder, header.pooling, header.time_parts, header.encoder_sha256
    )
    return CombinedFeaturizer(encoder, coordinates) if coordinates else encoder
