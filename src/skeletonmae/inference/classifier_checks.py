"""Checks of the arrays of a saved classifier, which may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skeletonmae.checkpoint import MAX_REASON, Header
from skeletonmae.errors import InputError
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.classifier_header import ENCODER_PREFIX, ClassifierHeader
from skeletonmae.inference.featurizers import EncoderFeaturizer, parts_of
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

MAX_WEIGHT = 1e9
"""Largest absolute value in the arrays of a head."""
POSITIVE = ("head.deviation", "doubt.deviation", "doubt.scales")
"""Arrays whose values divide others."""
ARRAY_TYPES = {"head.labels": torch.int64, "doubt.projection": torch.float16, "doubt.clips": torch.float16}
"""Data types of arrays; others are float32."""


def check_shapes(shapes: Mapping[str, tuple[int, ...]], header: ClassifierHeader, path: Path) -> None:
    """Compare the arrays of a file with those that its header asks for.

    Args:
        shapes: Name of each array -> its shape.
        header: The header.
        path: The file.

    Raises:
        InputError: An array is missing, or has another shape.
    """
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


def checked_arrays(tensors: Mapping[str, Tensor], header: ClassifierHeader, path: Path) -> dict[str, np.ndarray]:
    """Return the arrays that are not the encoder's, after a check of their types and values.

    Args:
        tensors: Name of each array -> the array.
        header: The header.
        path: The file.

    Raises:
        InputError: An array has values that a classifier cannot have.
    """
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


def try_out(classifier: RecordingClassifier, num_coordinates: int, path: Path) -> None:
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
        made = encoder([_made_clip(encoder.checkpoint.header, classifier.skeleton)])
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


def _made_clip(encoder: Header, layout: Skeleton | None) -> SkeletonSequence:
    """A clip of the joints of an encoder, or of a layout on which its number of features depends."""
    root, *others = encoder.joints
    skeleton = Skeleton("model", encoder.joints, dict.fromkeys(others, root))
    if layout and encoder.method.reads_any_layout:
        skeleton = layout
    positions = np.random.default_rng(0).normal(size=(1, 8, skeleton.num_joints, encoder.axes))
    return SkeletonSequence.from_positions(positions, skeleton, name="made", unit=encoder.unit)
