"""Write the exported models that the tests of the runtime read, and must stay readable: `frozen/`.

Run it only to add a model of a new format: `PYTHONPATH=tests python tests/runtime/write_frozen.py fitted`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
from conftest import recording
from samples.frozen_exports import FROZEN, frozen_recordings

from skeletonmae.checkpoint import Header, save_checkpoint
from skeletonmae.datasets import RecordingConverter
from skeletonmae.datasets.synthetic import CLASSES, generate
from skeletonmae.export import export_model
from skeletonmae.inference import FitConfig, fit_classifier
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig, JointPatchMAEConfig
from skeletonmae.runtime import Runtime
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig


def write_classifier(path: Path) -> None:
    """A tiny fine-tuned classifier with random weights."""
    torch.manual_seed(0)
    method_config = JointPatchMAEConfig(
        token_frames=4, width=8, depth=1, heads=2, mlp_ratio=2.0, decoder_width=8, decoder_depth=1
    )
    clips = ClipConfig(frames=8, transforms=({"kind": "center"}, {"kind": "face_forward"}, {"kind": "smooth"}))
    masking = RandomTokens()
    method = method_config.build(InputSpec(8, 3, KINECT20.joints), masking)
    classes, head = ("clap", "sit", "wave"), JointPatchClassifierConfig(head_width=8)
    header = Header(
        role="classifier",
        clips=clips,
        masking=masking,
        method=method_config,
        axes=3,
        unit="m",
        joints=KINECT20.joints,
        classes=classes,
        classifier=head,
        license="made for tests",
    )
    save_checkpoint(path, method.classifier(len(classes), head), header)


def write_fitted(path: Path) -> None:
    """A classifier that `fit` makes of the coordinates of a few synthetic recordings."""
    convert = RecordingConverter(layout=KINECT20)
    recordings = [convert(one) for one in generate(150) if one.label in CLASSES[:3]]
    classifier, _ = fit_classifier(recordings, FitConfig(encoder="none", folds=2, inner_folds=2))
    classifier.save(path)


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "tiny.safetensors"
        {"classifier": write_classifier, "fitted": write_fitted}[name](checkpoint)
        print(export_model(checkpoint, FROZEN / name))
    predictions = Runtime(FROZEN / name).predict(frozen_recordings(recording))
    expected = [[one.recording, dict(one.classes), one.familiarity, one.warnings] for one in predictions]
    (FROZEN / name / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
