"""Run everything once, on synthetic motion or your own recordings: store, pre-training, evaluation, report."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae import datasets, runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.demo.report import make_report
from skeletonmae.errors import InputError
from skeletonmae.evaluation import Result, describe_reliability
from skeletonmae.files import write_text
from skeletonmae.formats import DEFAULT_OPTIONS, ReadOptions
from skeletonmae.processes import can_connect, is_main_process, num_cores, start_processes
from skeletonmae.recipe import Recipe, Source, recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.manifest import MANIFEST
from skeletonmae.training import DistributedContext, choose_device, init_distributed
from skeletonmae.training.precision import uses_bf16
from skeletonmae.validation import check_basics, describe_warnings

LABEL_FRACTION = 0.05
"""Fraction of the training labels that fine-tuning uses."""
SEEDS = (0, 1)
PRETRAINING_STEPS = 600
NUM_SYNTHETIC = 2400
MAX_PROCESSES = 2
"""They pre-train together; then one evaluates the pre-trained network, and one that from scratch."""
MIN_RECORDINGS = 1000
"""With fewer, the batches are too small to be divided over processes."""
RESULT, REPORT = "result.json", "report.html"


def run_demo(
    out: Path,
    data: Path | None,
    device: str,
    on_progress: runs.ProgressCallback,
    on_status: Callable[[str], None],
    options: ReadOptions = DEFAULT_OPTIONS,
    command: Sequence[str] = (),
) -> list[Result]:
    """Pre-train, fine-tune on few labels with and without pre-training, and write result.json and report.html.

    An interrupted demo resumes; a finished one evaluates the same model again.

    Args:
        out: folder for all outputs.
        data: folder of labeled recordings; None for synthetic motion.
        device: cpu, cuda, cuda:1, mps or auto.
        on_progress: called with the progress of training.
        on_status: called with a message at the start of each stage.
        options: what the files of the recordings do not state, such as their unit.
        command: what runs this demo in another process; with it, the cores of a CPU train together.

    Raises:
        InputError: no recording can be read, or there are no labels to evaluate with.
    """
    prepared = _open_or_prepare_store(out, data, on_status, options) if is_main_process() else None
    num_processes = _num_processes(prepared, device) if prepared and command else 1
    with start_processes(num_processes, command), init_distributed(device) as distributed:
        store = prepared or SequenceStore.open(out / "store")
        recipe = demo_recipe(store, out / "store", distributed.device)
        model = runs.pretrain(recipe, out / "pretrained", distributed, on_progress)
        checkpoint = load_checkpoint(model, distributed.device)
        alone = DistributedContext(0, 1, distributed.device)
        from_scratch = partial(runs.evaluate, recipe, None, out / "from_scratch", alone, on_progress)
        if distributed.is_main:
            results = runs.evaluate(
                recipe, checkpoint, out / "pretrained", alone, on_progress, on_message=on_status
            )
        else:  # at the same time
            results = from_scratch()
        distributed.barrier()
        if distributed.is_main:
            results += from_scratch(keep_complete=distributed.world_size > 1)
    if is_main_process():
        write_text(out / RESULT, json.dumps(_to_json(results, recipe, store), indent=1, ensure_ascii=False))
        on_status("writing the report")
        make_report(results, recipe, store, checkpoint.method, out, data).write(out / REPORT)
    return results


def demo_recipe(store: SequenceStore, folder: Path, device: torch.device) -> Recipe:
    """A recipe with a small model and a short schedule, for two CPU cores and any store.

    Args:
        store: The recordings.
        folder: The folder of `store`.
        device: The device that trains; the model computes in bf16 if the device has instructions for it.
    """
    source = Source(store=folder)
    num_clips = len(source.pretrain_index(store))
    batch_size = min(64, max(8, num_clips // 8))
    steps_per_epoch = -(-num_clips // batch_size)
    training = {
        "epochs": max(1, round(PRETRAINING_STEPS / steps_per_epoch)),
        "batch_size": batch_size,
        "lr": 2e-3,
        "final_lr": 0.0,
    }
    precision = "bf16" if uses_bf16("auto", device) else "float32"
    finetune = {
        "epochs": 20,
        "min_steps": 100,
        "batch_size": 32,
        "lr": 2e-3,
        "final_lr": 1e-5,
        "warmup_epochs": 2,
        "layer_decay": 0.8,
        "precision": precision,
    }
    max_degrees = [5, 15, 5] if store.axes == 3 else [0, 0, 10]
    transforms: list[dict[str, Any]] = [{"kind": "center"}]
    if store.axes == 3 and store.skeleton.left_right:
        transforms.append({"kind": "face_forward"})
    tree: dict[str, Any] = {
        "data": {
            "evaluate": {"store": str(folder)},
            "frames": 48,
            "transforms": transforms if store.unit == "m" else [*transforms, {"kind": "body_size"}],
            "augment": [{"kind": "mirror"}, {"kind": "scale"}, {"kind": "rotate", "degrees": max_degrees}],
        },
        "masking": {"kind": "random", "ratio": 0.8},
        "method": {
            "kind": "joint_patch",
            "token_frames": 8,
            "width": 96,
            "depth": 4,
            "heads": 4,
            "decoder": "cross",
            "decoder_width": 96,
            "decoder_depth": 2,
            "predict_ratio": 0.25,
            "target": "position",
            "target_norm": "clip",
        },
        "training": {**training, "warmup_epochs": 0.1 * training["epochs"], "precision": precision},
        "evaluation": [
            {"kind": "linear"},
            {"kind": "linear", "pooling": "joints"},
            {"kind": "knn", "k": [1]},
            {
                "kind": "finetune",
                "label_fraction": LABEL_FRACTION,
                "seeds": list(SEEDS),
                "training": finetune,
                "classifier": {"kind": "joint_patch", "head_width": 256, "dropout": 0.3, "drop_path": 0.1},
            },
        ],
    }
    return recipe_from(tree, "the demo's recipe")


def _num_processes(store: SequenceStore, device: str) -> int:
    """How many processes train together: two on a CPU that has the cores."""
    if choose_device(device).type != "cpu" or len(store) < MIN_RECORDINGS:
        return 1
    return min(MAX_PROCESSES, num_cores()) if can_connect() else 1


def _open_or_prepare_store(
    out: Path, data: Path | None, on_status: Callable[[str], None], options: ReadOptions
) -> SequenceStore:
    """Open the store of the last demo, or prepare it again if the recordings have changed since."""
    folder, state_file = out / "store", out / "data.json"
    dataset: datasets.Dataset = replace(datasets.SYNTHETIC, num_recordings=NUM_SYNTHETIC)
    if data:
        dataset = datasets.detect_dataset(data)
    state = json.dumps({"data": str(data.resolve()) if data else None, "files": _digest(dataset, data, options)})
    existing = [path for path in (folder, out / "pretrained", out / "from_scratch") if path.exists()]
    if existing and not state_file.exists():
        problem = "the folder has sub-folders that no demo made"
        got = [path.name for path in existing]
        raise InputError(problem, where=out, expected="a new or empty folder for the demo", got=got)
    if data and any(data.resolve().is_relative_to(path.resolve()) for path in existing):
        raise InputError("the recordings are inside the demo's own folder; choose another --out", where=data)
    if existing and state_file.read_text(encoding="utf-8") != state:
        for path in existing:
            shutil.rmtree(path)
        for name in (RESULT, REPORT):  # of the recordings before
            (out / name).unlink(missing_ok=True)
    write_text(state_file, state)
    if (folder / MANIFEST).exists():
        on_status("using the store of the last demo")
    else:
        on_status(f"reading {data or 'synthetic motion'} ({dataset.title})")
        report = datasets.prepare(dataset, data or Path(), folder, options=options, workers=os.cpu_count() or 1)
        on_status(f"{report.recordings} recordings of {len(report.classes)} classes")
        for skipped in report.skipped[:5]:
            on_status(f"skipped: {skipped.file}: {skipped.reason}")
        if report.ignored:
            on_status(f"{len(report.ignored)} files without recordings were ignored; see {folder / 'report.json'}")
        if report.skipped:
            on_status(f"{len(report.skipped)} skipped in total; see {folder / 'report.json'}")
    store = SequenceStore.open(folder)
    for line in describe_warnings(*check_basics(store)):
        on_status(f"warning: {line}")
    if len(np.unique(store.labels[store.labels >= 0])) < 2:
        problem = "the demo needs labeled recordings of at least two actions"
        expected = "a sub-folder for each action, a labels.csv (recording,label), or a label column"
        raise InputError(problem, where=data, expected=expected, got=store.classes or "no labels")
    return store


def _digest(dataset: datasets.Dataset, data: Path | None, options: ReadOptions) -> str:
    """A digest that changes when a file of the recordings, or what was stated about them, does."""
    if data is None:
        return f"synthetic {NUM_SYNTHETIC}"
    key = [dataset.name, dataset.cache_key(data), [dataset.file_key(file) for file in dataset.files(data)]]
    if options != DEFAULT_OPTIONS:
        key.append([options.layout and options.layout.to_dict(), options.unit, options.up, options.fps])
    return hashlib.sha256(repr(key).encode()).hexdigest()


def _to_json(results: list[Result], recipe: Recipe, store: SequenceStore) -> dict[str, Any]:
    return {
        "dataset": store.datasets[0],
        "recordings": len(store),
        "split_description": recipe.data.evaluate.split_rule(store).describe(store),
        "warning": describe_reliability(results),
        "accuracies": [
            {
                "protocol": result.name,
                "pretrained": result.pretrained,
                "label_fraction": result.label_fraction,
                "seed": result.seed,
                "top1": result.top1,
                "top1_interval": result.top1_interval,
                "top5": result.top5,
                "training_clips": result.num_train,
                "test_clips": result.num_test,
                "test_clips_left_out": result.num_test_left_out,
                "seconds": result.seconds,
            }
            for result in results
        ],
        "recipe": recipe.model_dump(mode="json"),
        "results": [result.model_dump() for result in results],
    }
