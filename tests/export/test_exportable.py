from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.errors import InputError
from skeletonmae.export.export import choose_axes, choose_layout
from skeletonmae.export.exportable import Exportable, encoder_to_export
from skeletonmae.export.fitted import fitted_to_export
from skeletonmae.inference import RecordingClassifier
from skeletonmae.inference.featurizers import (
    AnyFeaturizer,
    CombinedFeaturizer,
    CoordinateFeaturizer,
    EncoderFeaturizer,
    FineTunedFeaturizer,
)
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig, JointPatchMAEConfig
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.coordinates import CoordinateConfig
from skeletonmae.predictions.doubt import LIMITS, Doubt
from skeletonmae.predictions.heads import LinearHead
from skeletonmae.predictions.motion_statistics import ReferencePose
from skeletonmae.skeletons import COCO17, KINECT20, VOCABULARY, Skeleton
from skeletonmae.transforms import ClipConfig

SIZES = {
    "token_frames": 4,
    "width": 8,
    "depth": 1,
    "heads": 2,
    "mlp_ratio": 2.0,
    "decoder_width": 8,
    "decoder_depth": 1,
}
ANY_LAYOUT = {
    "axes": 3,
    "transforms": ({"kind": "normalize_size"}, {"kind": "center"}, {"kind": "face_forward", "optional": True}),
    "final_transforms": ({"kind": "root_motion"},),
}
RANGE = TrainingRange(
    smallest=0.5, largest=0.7, tilt=9, joints=3, observed=0.9, shortest=1, median=2, longest=4, in_seconds=False
)


def make_encoder(kind: str) -> Checkpoint:
    """An encoder of Kinect's joints, or of any layout."""
    torch.manual_seed(0)
    is_any = kind == "any layout"
    config = JointPatchMAEConfig(**SIZES, joint_embedding="description" if is_any else "name")
    clips = ClipConfig(frames=8, **(ANY_LAYOUT if is_any else {}))
    joints = tuple(VOCABULARY) if is_any else KINECT20.joints
    method = config.build(InputSpec(8, 3, joints), RandomTokens())
    header = Header(
        role="method", clips=clips, masking=RandomTokens(), method=config, axes=3, unit="m", joints=joints
    )
    return Checkpoint(header, method.eval())


def make_classifier(featurizer: AnyFeaturizer, recordings: list[Any], skeleton: Skeleton) -> RecordingClassifier:
    """A classifier with a random head."""
    rng, num_features = np.random.default_rng(0), featurizer(recordings).values.shape[1]
    mean, deviation = rng.normal(size=num_features), rng.uniform(0.5, 2, num_features)
    limit, projection = np.zeros(len(LIMITS)), rng.normal(size=(num_features, 2))
    means, clips = rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    doubt = Doubt(np.arange(3.0), limit, limit, mean, deviation, projection, means, clips, np.ones(2))
    return RecordingClassifier(
        classes=("a", "b", "c"),
        featurizer=featurizer,
        head=LinearHead(mean, deviation, rng.normal(size=(num_features, 3)) / num_features, rng.normal(size=3)),
        temperature=0.7,
        doubt=doubt,
        reference=ReferencePose(
            skeleton.joints, np.zeros((skeleton.num_joints, recordings[0].positions.shape[3]))
        ),
        training=RANGE,
        license="for tests",
    )


def make_fine_tuned(kind: str) -> FineTunedFeaturizer:
    """A fine-tuned classifier with random weights."""
    frozen = make_encoder(kind)
    config = JointPatchClassifierConfig(head_width=8)
    about = {"role": "classifier", "classes": ("a", "b", "c"), "classifier": config}
    header = Header.model_validate(frozen.header.model_dump() | about)
    return FineTunedFeaturizer(Checkpoint(header, frozen.method.classifier(3, config).eval()), kind)


@pytest.mark.parametrize(
    "kind",
    [
        "encoder",
        "any layout",
        "encoder statistics",
        "any layout statistics",
        "coordinates",
        "combined",
        "combined any layout",
        "fine-tuned",
        "fine-tuned any layout",
    ],
)
def test_the_graph_of_a_classifier_of_fit_answers_as_it_does(
    kind: str, make_recording: Callable[..., Any], padded: Any
) -> None:
    skeleton, axes = (COCO17, 2) if "any layout" in kind else (KINECT20, 3)
    recordings = [
        make_recording(seed, 1 + seed % 2, frames, skeleton, axes=axes, fps=20.0, lost=0.2)
        for seed, frames in enumerate((30, 9, 64, 21))
    ]
    config = CoordinateConfig(joints=skeleton.joints, axes=axes, persons=2, frames=6, face_forward=True)
    coordinates = CoordinateFeaturizer(config, recordings[0].unit)
    featurizer: AnyFeaturizer
    if kind == "coordinates":
        featurizer = coordinates
    elif kind.startswith("combined"):
        encoder = make_encoder(kind.removeprefix("combined ") if kind != "combined" else "encoder")
        featurizer = CombinedFeaturizer(EncoderFeaturizer(encoder, kind, "parts", time_parts=2), coordinates)
    elif kind.startswith("fine-tuned"):
        featurizer = make_fine_tuned(kind.removeprefix("fine-tuned "))
    else:
        pooling: Any = "statistics" if kind.endswith("statistics") else "parts" if "any" in kind else "joints"
        encoder = make_encoder(kind.removesuffix(" statistics"))
        featurizer = EncoderFeaturizer(encoder, kind, pooling, 1 if pooling == "statistics" else 2)
    classifier = make_classifier(featurizer, recordings, skeleton)
    exportable = fitted_to_export(classifier, "mine")
    assert (exportable.labels, exportable.license, exportable.kind) == (("a", "b", "c"), "for tests", "classifier")
    assert choose_layout(exportable, None) == skeleton
    assert choose_axes(exportable, None) == axes
    with torch.no_grad():
        probabilities, novelty, is_seen = exportable.graph(skeleton, axes)(*padded(recordings))
    expected = classifier.predict_proba(recordings)
    assert is_seen.tolist() == np.isfinite(expected).all(1).tolist()
    assert is_seen.sum() >= 3
    seen = is_seen.numpy()
    np.testing.assert_allclose(probabilities[seen], expected[seen], atol=1e-5)
    np.testing.assert_allclose(exportable.answer(recordings)[seen], expected[seen], atol=1e-6)
    features = classifier.features(recordings).values[seen]
    np.testing.assert_allclose(novelty[seen], classifier.doubt.novelty(features, expected[seen]), rtol=1e-3)


@pytest.mark.parametrize("is_stated", [True, False])
def test_the_layout_is_that_of_the_training_clips_and_not_of_the_encoder(
    is_stated: bool, make_recording: Callable[..., Any], padded: Any
) -> None:
    recordings = [make_recording(seed, 1, 20 + seed, COCO17, fps=20.0, lost=0.1) for seed in range(4)]
    classifier = make_classifier(EncoderFeaturizer(make_encoder("encoder"), "kinect"), recordings, COCO17)
    classifier = replace(classifier, skeleton=COCO17 if is_stated else None)
    exportable = fitted_to_export(classifier, "mine")
    assert choose_layout(exportable, None) == COCO17
    assert choose_layout(exportable, "ntu25").name == "ntu25"
    with torch.no_grad():
        probabilities, _, is_seen = exportable.graph(COCO17, 3)(*padded(recordings))
    seen, expected = is_seen.numpy(), classifier.predict_proba(recordings)
    assert seen.sum() >= 3
    assert seen.tolist() == np.isfinite(expected).all(1).tolist()
    np.testing.assert_allclose(probabilities[seen], expected[seen], atol=1e-5)


def test_a_layout_and_its_axes_are_chosen() -> None:
    named, any_layout = (encoder_to_export(make_encoder(kind), kind) for kind in ("encoder", "any layout"))
    assert choose_layout(named, None) == KINECT20
    assert choose_layout(named, "ntu25").name == "ntu25"
    with pytest.raises(InputError, match=r"name that of the recordings with --layout; expected .*coco17"):
        choose_layout(any_layout, None)
    assert choose_layout(any_layout, COCO17) == COCO17
    numbers: list[tuple[Exportable, Any, int]] = [
        (named, None, 3),
        (named, 3, 3),
        (any_layout, None, 3),
        (any_layout, 2, 2),
    ]
    for exportable, axes, expected in numbers:
        assert choose_axes(exportable, axes) == expected
    with pytest.raises(InputError, match="another number of axes; expected 3; got 2"):
        choose_axes(named, 2)
