"""Models that can be exported: what their graph is, and what they answer without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import nn

from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.errors import InputError
from skeletonmae.export.graph import ClassifierGraph, EncoderGraph, RecordingEncoder
from skeletonmae.inference import RecordingClassifier, predict
from skeletonmae.inference.embed import BY_PART, EmbedSettings, embed_recordings, is_human, with_default_parts
from skeletonmae.methods import Pooling
from skeletonmae.methods.joint_patch_classifier import JointPatchClassifier
from skeletonmae.methods.pooling import BODY_PARTS
from skeletonmae.models import JointPatchEncoder
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.transforms import ClipConfig

SUPPORTED = (
    "an encoder of joint_patch, neighbor_tuning, contrastive or order, a classifier that `evaluate` fine-tuned"
    " from one, or a classifier that `fit` wrote"
)
IS_SEEN = "bool (batch): whether any joint that the model knows is observed; if not, the rest means nothing"


@dataclass(frozen=True, eq=False)
class Exportable:
    """A model that can be exported.

    Args:
        kind: What it returns: probabilities or features.
        name: Its name or file.
        license: Its terms; empty if they are not stated.
        labels: Classes, in the order of the probabilities.
        joints: Names of the joints that it knows.
        axes: Number of coordinates of a joint; None for a model that reads 2D and 3D.
        unit: Unit of the coordinates; None for a model that reads any.
        frames: Number of frames of a clip.
        max_persons: Maximum number of persons of a clip.
        outputs: Output of the graph -> what it is.
        in_graph: What the graph computes, in this order.
        graph: Makes the graph for recordings of a layout and a number of axes.
        answer: Computes the first output for recordings of that layout in PyTorch, as the other commands do; NaN
            where there is none.
        classifier: The classifier of `fit`, if it is one: its doubts and warnings are exported too.
        layout: Layout of the recordings that it was made for; None if that is not known.
    """

    kind: Literal["classifier", "encoder"]
    name: str
    license: str
    labels: tuple[str, ...]
    joints: tuple[str, ...]
    axes: Literal[2, 3] | None
    unit: str | None
    frames: int
    max_persons: int
    outputs: Mapping[str, str]
    in_graph: tuple[str, ...]
    graph: Callable[[Skeleton, Literal[2, 3]], nn.Module]
    answer: Callable[[Sequence[SkeletonSequence]], np.ndarray]
    classifier: RecordingClassifier | None = None
    layout: Skeleton | None = None


def encoder_to_export(checkpoint: Checkpoint, name: str, pooling: Pooling = "parts") -> Exportable:
    """Return an encoder as a model to export.

    Args:
        checkpoint: The encoder.
        name: Its name.
        pooling: What the features are the mean of.

    Raises:
        InputError: It is not an encoder of `joint_patch`.
    """
    header = checkpoint.header
    encoder = encoder_of(checkpoint)

    def graph(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
        return EncoderGraph(pooled_encoder(encoder, header, skeleton, pooling, axes=axes))

    def answer(recordings: Sequence[SkeletonSequence]) -> np.ndarray:
        return embed_in_order(checkpoint, recordings, pooling)

    means = {
        "mean": "the mean over time and joints",
        "joints": f"the means over time of {', '.join(header.joints)}, concatenated",
        "parts": f"the means over time and joints of {', '.join(BODY_PARTS)}, concatenated",
        "statistics": f"the means over time of {', '.join(BODY_PARTS)}, then the standard deviations",
    }
    return Exportable(
        kind="encoder",
        name=name,
        license=header.license,
        labels=(),
        joints=header.joints,
        axes=recorded_axes(header),
        unit=recorded_unit(header),
        frames=header.clips.frames,
        max_persons=header.clips.max_persons,
        outputs={"features": f"float32 (batch, feature): {means[pooling]}", "is_seen": IS_SEEN},
        in_graph=(*clip_steps(header.clips), *encoder_steps(checkpoint, pooling)),
        graph=graph,
        answer=answer,
    )


def classifier_to_export(checkpoint: Checkpoint, name: str) -> Exportable:
    """Return a fine-tuned classifier as a model to export.

    Args:
        checkpoint: The classifier.
        name: Its name.

    Raises:
        InputError: Its encoder is not that of `joint_patch`.
    """
    header, model = checkpoint.header, checkpoint.classifier
    if not isinstance(model, JointPatchClassifier):
        raise unsupported(checkpoint)

    def graph(skeleton: Skeleton, axes: Literal[2, 3]) -> nn.Module:
        pooling: Pooling | Literal["groups"] = "groups" if model.encoder.described else "joints"
        return ClassifierGraph(pooled_encoder(model.encoder, header, skeleton, pooling, axes=axes), model.head)

    def answer(recordings: Sequence[SkeletonSequence]) -> np.ndarray:
        predictions = predict(checkpoint, recordings, top=len(header.classes))
        probabilities = [dict(prediction.classes) for prediction in predictions]
        rows = [[row.get(label, np.nan) for label in header.classes] for row in probabilities]
        return np.array(rows, np.float32).reshape(len(rows), len(header.classes))

    return Exportable(
        kind="classifier",
        name=name,
        license=header.license,
        labels=header.classes,
        joints=header.joints,
        axes=recorded_axes(header),
        unit=recorded_unit(header),
        frames=header.clips.frames,
        max_persons=header.clips.max_persons,
        outputs={
            "probabilities": "float32 (batch, class): softmax, in the order of labels.json",
            "is_seen": IS_SEEN,
        },
        in_graph=(
            *clip_steps(header.clips),
            *encoder_steps(checkpoint, "joints"),
            "head: the fine-tuned layers, and a softmax",
        ),
        graph=graph,
        answer=answer,
    )


def pooled_encoder(
    encoder: JointPatchEncoder,
    header: Header,
    skeleton: Skeleton,
    pooling: Pooling | Literal["groups"],
    time_parts: int = 1,
    axes: Literal[2, 3] | None = None,
) -> RecordingEncoder:
    """Return an encoder with pooling, whose features are those of `SkeletonEncoder.embed`.

    Args:
        encoder: The encoder.
        header: The header of its checkpoint.
        skeleton: The layout of the recordings.
        pooling: What is averaged.
        time_parts: Number of parts of the clip that are averaged separately.
        axes: Number of coordinates of the recordings.
    """
    is_cut = pooling in BY_PART and is_human(header) and not encoder.described
    if is_cut:
        skeleton = with_default_parts(skeleton)
    max_parts = len(BODY_PARTS) if is_cut else None
    return RecordingEncoder(encoder, header.clips, skeleton, pooling, time_parts, max_parts, axes)


def recorded_axes(header: Header) -> Literal[2, 3] | None:
    """Return the number of axes of the recordings of a model; None if it reads 2D and 3D."""
    return None if header.method.reads_any_layout else header.axes


def recorded_unit(header: Header) -> str | None:
    """Return the unit of the recordings of a model; None if it reads any."""
    return None if header.method.reads_any_layout else header.unit


def embed_in_order(checkpoint: Checkpoint, recordings: Sequence[SkeletonSequence], pooling: Pooling) -> np.ndarray:
    """Compute the features of recordings, a row each; NaN for those that have none."""
    numbered = [replace(one, name=str(number), label=None, tags={}) for number, one in enumerate(recordings)]
    embeddings = embed_recordings(checkpoint, numbered, EmbedSettings(pooling=pooling))
    features = np.full((len(recordings), embeddings.features.shape[1]), np.nan, np.float32)
    features[[int(name) for name in embeddings.names]] = embeddings.features
    return features


def clip_steps(clips: ClipConfig) -> tuple[str, ...]:
    """Describe what the graph does to a recording before the encoder."""
    share = f"the middle {clips.test_crop:.0%}, by linear interpolation in time"
    how = {"crop": share, "segments": "one frame of each segment", "random_frames": "evenly spaced frames"}
    bridging = (
        f"bridging of gaps of up to {clips.bridge_seconds:g} s" if clips.bridge_seconds else "no bridging of gaps"
    )
    transforms = [
        f"transform {one.kind}" + "".join(f", {key} {value}" for key, value in one if key != "kind")
        for one in (*clips.transforms, *clips.final_transforms)
    ]
    return (
        f"persons: the first {clips.max_persons} who are observed",
        f"resampling to {clips.frames} frames: {how[clips.sampling]}",
        bridging,
        *transforms,
        f"stream {clips.stream}",
    )


def encoder_steps(
    checkpoint: Checkpoint, pooling: Pooling | Literal["groups"], time_parts: int = 1
) -> tuple[str, ...]:
    """Describe what the graph does from the clip to features."""
    kind = checkpoint.header.method.kind
    parts = f" of each of {time_parts} parts of the clip" if time_parts > 1 else ""
    return (f"encoder of method {kind}", f"pooling {pooling}{parts}, mean over persons")


def encoder_of(checkpoint: Checkpoint) -> JointPatchEncoder:
    """Return the encoder of a pre-trained model.

    Raises:
        InputError: It is not that of `joint_patch`.
    """
    method = checkpoint.method
    encoder = getattr(method, "evaluated_encoder", None) or getattr(method, "encoder", None)
    if not isinstance(encoder, JointPatchEncoder):
        raise unsupported(checkpoint)
    return encoder


def unsupported(checkpoint: Checkpoint) -> InputError:
    """Return the error that a model cannot be exported."""
    got = f"{checkpoint.header.role} of method {checkpoint.header.method.kind}"
    return InputError("this kind of model cannot be exported", where=checkpoint.path, expected=SUPPORTED, got=got)
