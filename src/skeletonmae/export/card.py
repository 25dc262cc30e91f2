"""The card of an exported model, its README."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.runtime.export_config import CONFIG, LABELS, MODEL, ExportConfig

UNITS = {"m": "meters", "px": "pixels", "image": "fractions of the image", "unknown": "an unknown unit"}
AXES = {
    2: "2D, x to the right and y down, as in an image",
    3: "3D, y up, z away from the camera, x to the camera's left",
}


def model_card(config: ExportConfig, labels: Sequence[str]) -> str:
    """Return the card of an exported model, in Markdown.

    Args:
        config: The description of the model.
        labels: Classes of a classifier.
    """
    skeleton = config.skeleton
    unit = UNITS[config.unit] if config.unit else "any unit"
    call = "predict" if config.kind == "classifier" else "embed"
    listed = [f"| `{MODEL}` | the graph, with its weights |", f"| `{CONFIG}` | what it takes and returns |"]
    listed += [f"| `{LABELS}` | the {len(labels)} classes, in the order of the probabilities |"] if labels else []
    unit_note = " (differences of features, relative to the largest)" if config.kind == "encoder" else ""
    return "\n".join(
        [
            f"# {config.model}, exported",
            "",
            f"An action {config.kind} of skeletons" if config.kind == "classifier" else "An encoder of skeletons",
            f"as an ONNX graph, written by skeletonmae {config.version}.",
            "",
            f"Terms: {config.license or 'not stated by the model that was exported.'}",
            "",
            "| file | content |",
            "|---|---|",
            *listed,
            "",
            "## Use",
            "",
            "```python",
            "from skeletonmae.runtime import Runtime",
            "",
            f'for answer in Runtime("this folder").{call}("recordings/"):'
            if call == "predict"
            else f'features = Runtime("this folder").{call}("recordings/")',
            *(["    print(answer)"] if call == "predict" else ["print(features.values.shape)"]),
            "```",
            "",
            "numpy and onnxruntime suffice for it; PyTorch is not needed.",
            "",
            "## Input",
            "",
            "| input | type | content |",
            "|---|---|---|",
            f"| `positions` | float32 (batch, person, frame, {skeleton.num_joints}, {config.axes}) | coordinates"
            f" in {unit}, {AXES[config.axes]}; 0 where not observed |",
            f"| `observed` | bool (batch, person, frame, {skeleton.num_joints}) | whether a joint was observed;"
            " False in frames after the last |",
            "| `num_frames` | int64 (batch) | frames of each recording |",
            "| `fps` | float32 (batch) | frames per second; 0 if unknown |",
            "",
            "The numbers of recordings, persons and frames are free. The joints of "
            f"{skeleton.name}, in this order: {', '.join(skeleton.joints)}.",
            "",
            "Inputs that have no effect, such as `fps` without bridging, may be missing in the graph.",
            "",
            "## Output",
            "",
            "| output | content |",
            "|---|---|",
            *(f"| `{name}` | {what} |" for name, what in config.outputs.items()),
            "",
            "## Inside the graph",
            "",
            *(f"{number}. {step}" for number, step in enumerate(config.in_graph, start=1)),
            "",
            f"Around it, in `skeletonmae.runtime`: {'; '.join(config.in_runtime)}.",
            "",
            "## Agreement with PyTorch",
            "",
            f"Largest difference on {config.num_compared} recordings with lost joints, one to three persons and"
            f" many lengths: {config.max_difference:.1e}{unit_note}.",
            "",
        ]
    )
