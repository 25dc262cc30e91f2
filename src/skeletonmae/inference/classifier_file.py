"""The file of a classifier: safetensors, with the encoder inside and everything else in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from skeletonmae import __version__
from skeletonmae.checkpoint import MAX_CLASSES, MAX_REASON, Header, checkpoint_from_tensors
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.files import atomic_file, weights_file
from skeletonmae.inference.classifier import RecordingClassifier
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
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.methods import Pooling
from skeletonmae.predictions.class_names import class_name_problem
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.coordinates import CoordinateConfig
from skeletonmae.predictions.doubt import Doubt, check_limits
from skeletonmae.predictions.heads import NeighborHead, build_head
from skeletonmae.predictions.motion_statistics import ReferencePose
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.sequences.sequence import UNITS
from skeletonmae.skeletons import Skeleton

METADATA_KEY = "skeletonmae_classifier"
FORMAT: Final = 1
ENCODER_PREFIX = "encoder/"
"""Beginning of the names of the encoder's weights."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-4, 1e6
"""Beyond these, probabilities are 0, 1 or all the same; `fit` stays far within."""
MAX_WEIGHT = 1e9
"""Largest absolute value in the arrays of a head."""
Count = Annotated[int, Field(ge=1)]


class ClassifierHeader(Config):
    """Everything about a classifier that is not an array."""

    format: Literal[1] = FORMAT
    """Version of the file format."""
    version: str = __version__
    """Version of the package that wrote the file; informational."""
    classes: tuple[str, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    """Names of the classes, in the order of the probabilities."""
    features: Literal["encoder", "fine-tuned", "coordinates", "encoder and coordinates"]
    """What is classified."""
    num_features: Count
    """Number of features."""
    head: Literal["linear", "neighbors"]
    """Kind of the head."""
    unit_length: bool = False
    """Whether standardized features are scaled to length 1, in a linear head."""
    num_neighbors: Count = 1
    """Number of neighbors that vote."""
    temperature: float = Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)
    """Divides the scores before the softmax."""
    num_training_clips: Count = 1
    """Number of clips whose features a head of nearest neighbors holds; 1 for a linear head."""
    training: TrainingRange
    """What they were like."""
    reference_joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)
    """Joints of the mean pose."""
    axes: Literal[2, 3]
    """Number of coordinates of a joint."""
    encoder: str = ""
    """Name of the encoder."""
    encoder_sha256: str = ""
    """Checksum of the encoder's file that was used; the weights are in this file."""
    encoder_header: str = ""
    """Header of the checkpoint of the encoder, or of the fine-tuned classifier, in JSON."""
    pooling: Pooling = "joints"
    """What the encoder's features are the mean of."""
    time_parts: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of parts of the clip whose means are concatenated."""
    coordinates: CoordinateConfig | None = None
    """How recordings become rows of coordinates, where these are classified."""
    unit: str = Field(pattern=f"^({'|'.join(UNITS)})$")
    """Unit of the coordinates."""
    license: str = ""
    """Terms of the encoder, which hold for the classifier too; empty if there are none that are known."""
    summary: dict[str, str | int | float | None] = Field(default_factory=dict)
    """How the classifier was fitted and how good it was, for people to read."""
    timing: ActionTiming | None = None
    """How long the actions of the training clips take."""
    layout: dict[str, Any] | None = None
    """Joint layout of the training clips; see `Skeleton.to_dict`."""

    @property
    def skeleton(self) -> Skeleton | None:
        """The joint layout of the training clips."""
        return Skeleton.from_dict(self.layout, "layout") if self.layout is not None else None

    @property
    def num_coordinates(self) -> int:
        """Number of features that are coordinates."""
        return self.coordinates.num_features if self.coordinates else 0

    @model_validator(mode="after")
    def _check_features(self) -> ClassifierHeader:
        if problem := class_name_problem(self.classes):
            raise ValueError(problem)
        if "coordinates" in self.features and self.coordinates is None:
            raise ValueError(f"features {self.features} needs the settings coordinates")
        if "coordinates" not in self.features and self.coordinates is not None:
            raise ValueError(f"features {self.features} has no settings coordinates")
        if (skeleton := self.skeleton) and skeleton.num_joints > MAX_JOINTS:
            raise ValueError(f"too many joints: {skeleton.num_joints}")
        if self.features == "coordinates" and self.num_features != self.num_coordinates:
            raise ValueError("num_features is not that of the coordinates")
        if self.num_features < self.num_coordinates:
            raise ValueError("num_features is smaller than that of the coordinates")
        return self

    def array_shapes(self) -> dict[str, tuple[int | str, ...]]:
        """Return the shape of every array but those of the encoder; a name stands for any length."""
        features, clips, classes = self.num_features, self.num_training_clips, len(self.classes)
        head: dict[str, tuple[int | str, ...]] = {"mean": (features,), "deviation": (features,)}
        if self.head == "linear":
            head |= {"weight": (features, classes), "bias": (classes,)}
        else:
            head |= {"rows": (clips, features), "labels": (clips,)}
        doubt = Doubt.array_shapes(features, classes)
        return {
            **{f"head.{name}": shape for name, shape in head.items()},
            **{f"doubt.{name}": shape for name, shape in doubt.items()},
            "reference": (len(self.reference_joints), self.axes),
        }


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
            header = _read_header(metadata[METADATA_KEY], path)
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_shapes(shapes, header, path)
            tensors = {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, OSError) as error:
        raise InputError(f"damaged, or not safetensors ({error})", where=path) from error
    arrays = _checked_arrays(tensors, header, path)
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
    _try_out(classifier, header.num_coordinates, path)
    return classifier


def _try_out(classifier: RecordingClassifier, num_coordinates: int, path: Path) -> None:
    """Classify a made clip, to find arrays that do not fit each other or exceed the range of numbers.

    Args:
        classifier: The classifier.
        num_coordinates: Number of its features that are coordinates; those of the made clip are 0.
        path: Its file.

    Raises:
        InputError: The encoder computes another number of features than the head takes, or the probabilities are
            not finite.
    """
    num_features = len(classifier.head.mean)
    features = np.zeros((1, num_features), np.float32)
    encoder, _ = parts_of(classifier.featurizer)
    if isinstance(encoder, EncoderFeaturizer):
        made = encoder([_made_clip(encoder.checkpoint.header)])
        if made.errors[0]:
            raise InputError(f"the head does not fit the encoder: {made.errors[0]}", where=path)
        if (got := made.values.shape[1] + num_coordinates) != num_features:
            expected = f"{num_features} features, as the header says"
            raise InputError("the head does not fit the encoder", where=path, expected=expected, got=got)
        features[:, : made.values.shape[1]] = made.values
    with np.errstate(all="ignore"):
        is_finite = np.isfinite(classifier.probabilities(features)).all()
    if not is_finite:
        raise InputError("the weights of the head give no finite probabilities", where=path)


def _made_clip(encoder: Header) -> SkeletonSequence:
    """A clip of the joints of an encoder."""
    root, *others = encoder.joints
    skeleton = Skeleton("model", encoder.joints, dict.fromkeys(others, root))
    positions = np.random.default_rng(0).normal(size=(1, 8, len(encoder.joints), encoder.axes))
    return SkeletonSequence.from_positions(positions, skeleton, name="made", unit=encoder.unit)


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


def _read_header(text: str, path: Path) -> ClassifierHeader:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("the header is not JSON", where=path) from error
    number = fields.get("format") if isinstance(fields, dict) else None
    if type(number) is int and number > FORMAT:
        problem = "the classifier has a newer format than this version of skeletonmae can read; upgrade it"
        raise InputError(problem, where=path, expected=f"format {FORMAT}", got=number)
    try:
        return ClassifierHeader.model_validate(fields)
    except (ValidationError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(f"the header is invalid ({reason[:MAX_REASON]})", where=path) from error


def _check_shapes(shapes: Mapping[str, tuple[int, ...]], header: ClassifierHeader, path: Path) -> None:
    """Compare the arrays of a file with those that its header asks for."""
    expected = header.array_shapes()
    own = {name: shape for name, shape in shapes.items() if not name.startswith(ENCODER_PREFIX)}
    if header.features == "coordinates" and len(own) < len(shapes):
        raise InputError("the file holds an encoder, but the classifier has none", where=path)
    if missing := sorted(expected.keys() ^ own.keys()):
        where = f"{path}, {missing[0][:MAX_REASON]}"
        raise InputError("an array is missing or unexpected", where=where)
    lengths: dict[str, int] = {}
    for name, shape in expected.items():
        got = own[name]
        same = zip(shape, got, strict=False)
        known = tuple(lengths.setdefault(a, b) if isinstance(a, str) else a for a, b in same)
        if len(got) != len(shape) or known != got:
            raise InputError("an array has the wrong shape", where=f"{path}, {name}", expected=shape, got=got)


def _checked_arrays(tensors: Mapping[str, Tensor], header: ClassifierHeader, path: Path) -> dict[str, np.ndarray]:
    """Return the arrays that are not the encoder's, after a check of their types and values."""
    arrays = {}
    for name, tensor in tensors.items():
        if name.startswith(ENCODER_PREFIX):
            continue
        where = f"{path}, {name}"
        expected = ARRAY_TYPES.get(name, torch.float32)
        if tensor.dtype != expected:
            raise InputError("wrong data type", where=where, expected=expected, got=tensor.dtype)
        if expected.is_floating_point and not tensor.isfinite().all():
            raise InputError("some values are not finite", where=where)
        if name.startswith("head.") and expected.is_floating_point and (tensor.abs() > MAX_WEIGHT).any():
            raise InputError("some weights are too large", where=where, expected=f"at most {MAX_WEIGHT:g}")
        if name in POSITIVE and (tensor <= 0).any():
            raise InputError("some standard deviations are not above 0", where=where)
        if name == "head.labels" and ((tensor < 0) | (tensor >= len(header.classes))).any():
            raise InputError("some labels are not those of a class", where=where)
        arrays[name] = tensor.numpy()
    return arrays


POSITIVE = ("head.deviation", "doubt.deviation", "doubt.scales")
"""Arrays whose values divide others."""
ARRAY_TYPES = {"head.labels": torch.int64, "doubt.projection": torch.float16}
"""Data types of arrays; others are float32."""
