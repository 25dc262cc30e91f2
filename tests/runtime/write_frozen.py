"""Write the exported model that the tests of the runtime read, and must stay readable: `frozen/classifier`.

Run it only to add a model of a new format: `PYTHONPATH=tests python tests/runtime/write_frozen.py NAME`.
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
from skeletonmae.export import export_model
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig, JointPatchMAEConfig
from skeletonmae.runtime import Runtime
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig


def main(name: str) -> None:
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
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "tiny.safetensors"
        save_checkpoint(checkpoint, method.classifier(len(classes), head), header)
        print(export_model(checkpoint, FROZEN / name))
    predictions = Runtime(FROZEN / name).predict(frozen_recordings(recording))
    expected = [[prediction.recording, dict(prediction.classes)] for prediction in predictions]
    (FROZEN / name / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
