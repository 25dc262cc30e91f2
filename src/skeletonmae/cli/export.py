"""The command that exports a model."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from skeletonmae.cli.console import INCOMPLETE, OK, print_output, print_output_json, print_status
from skeletonmae.cli.help_text import OutPath
from skeletonmae.cli.input_options import print_ignored, read_options
from skeletonmae.cli.output_paths import check_outputs

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile

ModelName = Annotated[Positional[str], arg(metavar="MODEL")]


def export(
    model: ModelName,
    out: OutPath,
    layout: str | None = None,
    axes: Literal[2, 3] | None = None,
    pooling: Literal["parts", "statistics", "joints", "mean"] = "parts",
    compare_on: tuple[Path, ...] = (),
    json: bool = False,
) -> int:
    """Export a classifier or an encoder as an ONNX file, which needs no PyTorch.

    Everything that happens to a recording is inside the graph: resampling, bridging of gaps, the transforms, the
    encoder, and the probabilities or features. The folder also gets the labels, a description of inputs and
    outputs, and a card. `skeletonmae.runtime` answers from it with numpy and onnxruntime alone. The outputs are
    compared with those of PyTorch first; a difference of more than 1e-3 is an error. Needs the extra `export`.

    For example::

        skeletonmae export classifier.safetensors exported/ --compare-on new/
        skeletonmae export kinect20 exported/ --pooling joints

    Args:
        model: Classifier that `fit` or `evaluate` wrote, checkpoint or folder of a run, or name of a shipped
            encoder.
        out: Folder to create.
        layout: Joint layout of the recordings that the exported model will read: a built-in layout or a YAML
            file. By default that of the clips which a classifier was fitted to, otherwise the built-in one with
            the joints of the model. An encoder that reads any layout needs it.
        axes: Number of coordinates of the recordings, for a model that reads 2D and 3D. By default 3.
        pooling: What the features of an encoder are the mean of: each of the six parts of a body, each joint, or
            all joints. `statistics`: means and standard deviations of the parts, from a block inside the encoder.
        compare_on: Files, folders or stores for the comparison with PyTorch, besides made recordings.
        json: Print as JSON what was written.
    """
    from skeletonmae.datasets.load_recordings import load_recordings
    from skeletonmae.export import export_model

    check_outputs((out,), (model, *compare_on))
    ignored: list[UnreadFile] = []
    loaded, problems = (
        load_recordings(compare_on, read_options(layout, None), ignored.append) if compare_on else ([], [])
    )
    report = export_model(
        model, out, layout=layout, axes=axes, pooling=pooling, recordings=loaded, on_message=print_status
    )
    if json:
        print_output_json(json_module.dumps({**asdict(report), "folder": str(report.folder)}))
    else:
        size = f"{report.num_bytes / 1e6:.1f} MB"
        print_output(f"exported to {out} ({size})")
        print_output(
            f"largest difference from PyTorch on {report.num_compared} recordings: {report.max_difference:.1e}"
        )
    print_ignored(ignored)
    for problem in problems:
        print_status(f"skipped: {problem}")
    return INCOMPLETE if problems else OK
