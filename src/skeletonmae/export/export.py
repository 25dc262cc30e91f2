"""Export a model to a folder, from which `skeletonmae.runtime` answers without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from skeletonmae.errors import InputError
from skeletonmae.export.card import model_card
from skeletonmae.export.exportable import Exportable
from skeletonmae.export.graph import INPUT_NAMES
from skeletonmae.export.load import load_exportable
from skeletonmae.export.onnx_file import check_onnx_installed, write_onnx
from skeletonmae.export.parity import MAX_DIFFERENCE, compare, made_recordings
from skeletonmae.files import atomic_folder, write_text
from skeletonmae.methods import Pooling
from skeletonmae.runtime.export_config import CARD, LABELS, MODEL, ExportConfig
from skeletonmae.runtime.inputs import RecordingAdapter, pad_recordings
from skeletonmae.runtime.session import GraphSession
from skeletonmae.runtime.training_clips import TrainingClips
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, Skeleton, get_layout
from skeletonmae.skeletons.derived import abbreviate

IN_RUNTIME = (
    "reading files",
    "matching joints by name; 3D coordinates to 2D for a 2D model",
    "leaving out persons who are never observed",
    "padding recordings of a batch to the same number of frames",
)


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how well it agrees with PyTorch.

    Args:
        folder: The folder.
        num_bytes: Size of the ONNX file.
        num_compared: Number of recordings for which the outputs were compared.
        max_difference: Largest difference of a probability, or of a feature relative to the largest feature.
    """

    folder: Path
    num_bytes: int
    num_compared: int
    max_difference: float


def export_model(
    model: str | Path,
    folder: Path | str,
    *,
    layout: Skeleton | str | None = None,
    axes: Literal[2, 3] | None = None,
    pooling: Pooling = "parts",
    recordings: Sequence[SkeletonSequence] = (),
    on_message: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write a model as an ONNX file, with its labels, a description and a card, in a new folder.

    The outputs of the file are compared with those of PyTorch before the folder appears.

    Args:
        model: A classifier that `fit` or `evaluate` wrote, an encoder's checkpoint or the folder of a run, or the
            name of a shipped encoder.
        folder: The folder to create.
        layout: Joint layout of the recordings that the exported model will read. By default that of the clips
            which a classifier was fitted to, otherwise the built-in one with the joints of the model. An encoder
            that reads any layout needs it.
        axes: Number of coordinates of the recordings, for models that read 2D and 3D; 3 by default.
        pooling: What the features of an encoder are the mean of; a classifier has its own.
        recordings: Recordings for the comparison, besides made ones.
        on_message: Called with what is being done.

    Raises:
        InputError: The model cannot be exported, or the outputs differ by more than 1e-3.
        FileExistsError: The folder exists and is not empty.
    """
    check_onnx_installed()
    tell = on_message or (lambda _: None)
    exportable = load_exportable(model, pooling)
    skeleton = choose_layout(exportable, layout)
    num_axes = choose_axes(exportable, axes)
    graph = exportable.graph(skeleton, num_axes).eval()
    made = made_recordings(skeleton, num_axes, exportable.unit or "m")
    with atomic_folder(Path(folder)) as temporary:
        tell("writing the graph")
        output_names = tuple(exportable.outputs)
        write_onnx(graph, _example(made), output_names, temporary / MODEL)
        tell("comparing it with PyTorch")
        config = _describe(exportable, skeleton, num_axes)
        adapt = RecordingAdapter(config)
        given = [adapt(recording) for recording in recordings]
        session = GraphSession(temporary / MODEL)
        num_compared, max_difference = compare(exportable, session, [*made, *given])
        if not max_difference <= MAX_DIFFERENCE:
            problem = "the exported model answers otherwise than PyTorch, and was not kept"
            expected, got = f"a difference of at most {MAX_DIFFERENCE:g}", f"{max_difference:.2g}"
            raise InputError(problem, where=folder, expected=expected, got=got)
        config = config.model_copy(update={"num_compared": num_compared, "max_difference": max_difference})
        config.save(temporary)
        if (fitted := exportable.classifier) is not None:
            TrainingClips(fitted.doubt, fitted.reference, fitted.training).save(temporary)
        if exportable.labels:
            write_text(temporary / LABELS, json.dumps(exportable.labels, indent=1) + "\n")
        write_text(temporary / CARD, model_card(config, exportable.labels))
        num_bytes = (temporary / MODEL).stat().st_size
    return ExportReport(Path(folder), num_bytes, num_compared, max_difference)


def choose_layout(exportable: Exportable, layout: Skeleton | str | None) -> Skeleton:
    """Return the layout of the recordings that the exported model reads.

    Args:
        exportable: The model.
        layout: A layout, or its name or file; None for that which the model was made for, or else the built-in one
            with the joints of the model.

    Raises:
        InputError: There is no such layout, or the model knows none of its joints.
    """
    if layout is None and exportable.layout:
        return exportable.layout
    if layout is None:  # a model that reads any layout has the joints of all of them
        same = [one for one in LAYOUTS.values() if set(one.joints) == set(exportable.joints)]
        if not same:
            problem = "no built-in layout has the joints of the model; name that of the recordings with --layout"
            expected = f"{', '.join(LAYOUTS)}, or a YAML file"
            raise InputError(problem, expected=expected, got=abbreviate(exportable.joints, 5))
        return same[0]
    skeleton = layout if isinstance(layout, Skeleton) else get_layout(layout)
    if not set(skeleton.joints) & set(exportable.joints):
        expected = f"some of {abbreviate(exportable.joints, 5)}"
        raise InputError("the model knows no joint of the layout", where=skeleton.name, expected=expected)
    return skeleton


def _example(recordings: Sequence[SkeletonSequence]) -> list[torch.Tensor]:
    """Inputs of two recordings with at least two persons: a length of 1 would be fixed in the graph."""
    pairs = [recording for recording in recordings if recording.num_persons > 1 and recording.num_frames > 1]
    arrays = pad_recordings(pairs[:2])
    assert np.all([len(pairs) > 1, arrays["positions"].shape[1] > 1])
    return [torch.from_numpy(arrays[name]) for name in INPUT_NAMES]


def choose_axes(exportable: Exportable, axes: Literal[2, 3] | None) -> Literal[2, 3]:
    """Return the number of coordinates of the recordings that the exported model reads.

    Args:
        exportable: The model.
        axes: The number that is asked for; None for that of the model, or 3 if it reads both.

    Raises:
        InputError: The model reads another number.
    """
    if exportable.axes and axes and axes != exportable.axes:
        raise InputError("the model takes another number of axes", expected=exportable.axes, got=axes)
    return exportable.axes or axes or 3


def _describe(exportable: Exportable, skeleton: Skeleton, axes: Literal[2, 3]) -> ExportConfig:
    return ExportConfig(
        kind=exportable.kind,
        is_fitted=exportable.classifier is not None,
        model=exportable.name,
        layout=skeleton.to_dict(),
        axes=axes,
        unit=exportable.unit,
        frames=exportable.frames,
        max_persons=exportable.max_persons,
        outputs=dict(exportable.outputs),
        in_graph=exportable.in_graph,
        in_runtime=IN_RUNTIME,
        license=exportable.license,
        num_compared=0,
        max_difference=0.0,
    )
