"""The command that says what an encoder, a checkpoint or a store is."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from skeletonmae.cli.console import OK, print_output, print_output_json
from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS, exists

if TYPE_CHECKING:
    from skeletonmae.checkpoint import Checkpoint
    from skeletonmae.sequences import SequenceStore

Subject = Annotated[Positional[str], arg(metavar="WHAT")]


def info(what: Subject = "", json: bool = False) -> int:
    """Say what a shipped encoder, a checkpoint or a store is; without WHAT, list the shipped encoders.

    For an encoder, prints its model card: data, terms, results and limits. For a checkpoint, prints how it was
    trained, its joints and its classes. For a store, prints its dataset, layout and classes.

    For example::

        skeletonmae info
        skeletonmae info kinect20
        skeletonmae info runs/mine

    Args:
        what: Name of a shipped encoder, a checkpoint, the folder of a run, a classifier of `fit`, or a store.
        json: Print JSON.
    """
    from skeletonmae.encoders import find_shipped, load_encoder, shipped_encoders
    from skeletonmae.inference.classifier_file import is_classifier_file
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.sequences.manifest import MANIFEST
    from skeletonmae.skeletons.derived import suggest

    if not what:
        encoders = shipped_encoders()
        if json:
            print_output_json(json_module.dumps([encoder.model_dump() for encoder in encoders]))
        else:
            lines = [f"{encoder.name}: {encoder.summary}\n  terms: {encoder.license}" for encoder in encoders]
            print_output("\n".join(lines) or "no encoders are shipped in this version")
        return OK
    shipped, is_there = find_shipped(what), exists(Path(what))
    if not shipped and is_there and (Path(what) / MANIFEST).is_file():
        fields = _describe_store(SequenceStore.open(what))
    elif not shipped and is_there and is_classifier_file(Path(what)):
        fields = _describe_classifier(Path(what))
    elif shipped or (is_there and _may_be_checkpoint(Path(what))):
        fields = _describe_checkpoint(load_encoder(what))
    else:
        expected = "the name of a shipped encoder, a checkpoint, the folder of a run, a classifier, or a store"
        if is_there:
            problem = "this is neither a model nor a store"
            expected += "; `skeletonmae validate` says what recordings a file or folder has"
        else:
            problem = f"there is no such thing{suggest(what, [encoder.name for encoder in shipped_encoders()])}"
        raise InputError(problem, where=what, expected=expected)
    if shipped:
        fields = shipped.model_dump() | fields
    if json:
        print_output_json(json_module.dumps(fields | ({"card": shipped.card} if shipped else {})))
        return OK
    if shipped:
        print_output(f"{shipped.card.rstrip()}\n")
    print_output("\n".join(f"{key.replace('_', ' ')}: {_format(value)}" for key, value in fields.items()))
    return OK


def _may_be_checkpoint(path: Path) -> bool:
    """Whether it is a checkpoint, perhaps a damaged one, or the folder of one."""
    return (path / WEIGHTS).is_file() or (path.is_file() and path.suffix.lower() == ".safetensors")


def _describe_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    """The header of a checkpoint, for people."""
    from skeletonmae.evaluation.model_size import count_model_parameters

    header, path = checkpoint.header, checkpoint.path
    any_layout = header.method.reads_any_layout
    data = header.recipe.get("data", {})
    sources = data.get("pretrain") or ([data["evaluate"]] if data.get("evaluate") else [])
    fields: dict[str, Any] = {
        "file": str(path),
        "bytes": path.stat().st_size if path else None,
        "role": header.role,
        "method": header.method.kind,
        "parameters": count_model_parameters(checkpoint.model, header.spec),
        "frames": header.clips.frames,
        "stream": header.clips.stream,
        "persons": header.clips.max_persons,
        "layouts": "any" if any_layout else "those with joints of the list",
        "axes": "2 or 3" if any_layout else header.axes,
        "unit": "any" if any_layout else header.unit,
        "joints": list(header.joints),
        "started_from": header.recipe.get("init_from") or ("random weights" if header.recipe else None),
        "pretrained_on": [Path(str(source.get("store", ""))).name for source in sources],
        "recordings": header.num_recordings,
        "epochs": header.recipe.get("training", {}).get("epochs"),
        "seed": header.recipe.get("training", {}).get("seed"),
        "version": header.version,
        "license": header.license or None,
    }
    return fields | ({"classes": list(header.classes)} if header.role == "classifier" else {})


def _describe_classifier(path: Path) -> dict[str, Any]:
    """What a classifier of `fit` was fitted to, and how good it was."""
    from skeletonmae.inference import RecordingClassifier

    classifier = RecordingClassifier.load(path)
    return {
        "file": str(path),
        "role": "classifier",
        "classes": list(classifier.classes),
        "features": classifier.featurizer.kind,
        **classifier.summary,
        "license": classifier.license or None,
    }


def _describe_store(store: SequenceStore) -> dict[str, Any]:
    """What a store contains, for people."""
    return {
        "datasets": [name or "unnamed" for name in store.datasets],
        "recordings": len(store),
        "frames": int(store.num_frames.sum()),
        "layout": store.skeleton.name,
        "joints": list(store.skeleton.joints),
        "axes": store.axes,
        "unit": store.unit,
        "classes": list(store.classes),
        "unlabeled": int((store.labels < 0).sum()),
        "tags": {tag: len(values) for tag, values in store.tags.items()},
        "fingerprint": store.fingerprint,
    }


def _format(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} ({count} values)" for key, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "not known" if value is None else str(value)
