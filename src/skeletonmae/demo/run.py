"""The whole way once, on synthetic motion or on a folder of one's own: store, pre-training, evaluation, report."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae import datasets, runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.demo.page import demo_page
from skeletonmae.errors import InputError
from skeletonmae.evaluation import Result
from skeletonmae.files import write_text
from skeletonmae.recipe import Recipe, Source, recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.manifest import MANIFEST
from skeletonmae.training import Processes

FEW = 0.05
"""Share of the labels that fine-tuning gets."""
SEEDS = (0, 1, 2)
PRETRAINING_STEPS = 760
NUM_SYNTHETIC = 2400


def run_demo(
    out: Path, data: Path | None, processes: Processes, report: runs.Report, say: Callable[[str], None]
) -> list[Result]:
    """Pre-train, fine-tune on few labels with and without it, evaluate; write result.json and report.html.

    A demo that was stopped goes on from where it was; one that finished judges the same model again.

    Args:
        out: folder for everything.
        data: a folder of recordings with labels; None for synthetic motion.
        processes: who computes.
        report: told of the progress.
        say: told what is being done.

    Raises:
        InputError: no recording can be read, or there are no labels to evaluate with.
    """
    store = _store(out, data, say)
    recipe = demo_recipe(store, out / "store")
    checkpoint = load_checkpoint(runs.pretrain(recipe, out / "pretrained", processes, report), processes.device)
    results = runs.evaluate(recipe, checkpoint, out / "pretrained", processes, report)
    results += runs.evaluate(recipe, None, out / "from_scratch", processes, report)
    write_text(out / "result.json", json.dumps(_as_json(results, recipe, store), indent=1, ensure_ascii=False))
    say("writing the report")
    demo_page(results, recipe, store, checkpoint.method, out).write(out / "report.html")
    return results


def demo_recipe(store: SequenceStore, folder: Path) -> Recipe:
    """A small model and a short schedule that suit two cores and any store."""
    source = Source(store=folder)
    num = len(source.pretraining(store))
    batch_size = min(64, max(8, num // 8))
    per_epoch = -(-num // batch_size)
    training = {
        "epochs": max(1, round(PRETRAINING_STEPS / per_epoch)),
        "batch_size": batch_size,
        "lr": 2e-3,
        "final_lr": 0.0,
    }
    # On a CPU without bfloat16 products of its own they are slower than float32.
    precision = (
        "bf16"
        if torch.cuda.is_available() or getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
        else "float32"
    )
    finetune = {
        "epochs": 20,
        "min_steps": 150,
        "batch_size": 32,
        "lr": 2e-3,
        "final_lr": 1e-5,
        "warmup_epochs": 2,
        "layer_decay": 0.8,
        "precision": precision,
    }
    turn = [5, 15, 5] if store.axes == 3 else [0, 0, 10]
    upright: list[dict[str, Any]] = [{"kind": "center"}]
    if store.axes == 3 and store.skeleton.left_right:
        upright.append({"kind": "face_forward"})
    tree: dict[str, Any] = {
        "data": {
            "evaluate": {"store": str(folder)},
            "frames": 48,
            "transforms": upright if store.unit == "m" else [*upright, {"kind": "body_size"}],
            "augment": [{"kind": "mirror"}, {"kind": "scale"}, {"kind": "rotate", "degrees": turn}],
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
            "normalise": "clip",
        },
        "training": {**training, "warmup_epochs": 0.1 * training["epochs"], "precision": precision},
        "evaluation": [
            {"kind": "linear"},
            {"kind": "linear", "pooling": "joints"},
            {"kind": "knn", "k": [1]},
            {
                "kind": "finetune",
                "label_fraction": FEW,
                "seeds": list(SEEDS),
                "training": finetune,
                "classifier": {"kind": "joint_patch", "head_width": 256, "dropout": 0.3, "drop_path": 0.1},
            },
        ],
    }
    return recipe_from(tree, "the demo's recipe")


def _store(out: Path, data: Path | None, say: Callable[[str], None]) -> SequenceStore:
    """The store of the demo; made anew if the recordings are others than those of the last time."""
    folder, note = out / "store", out / "data.json"
    chosen: datasets.Dataset = replace(datasets.SYNTHETIC, num_recordings=NUM_SYNTHETIC)
    if data:
        chosen = datasets.detect_dataset(data)
    about = json.dumps({"data": str(data.resolve()) if data else None, "files": _digest(chosen, data)})
    made = [path for path in (folder, out / "pretrained", out / "from_scratch") if path.exists()]
    if made and not note.exists():
        problem = "holds folders that no demo made"
        got = [path.name for path in made]
        raise InputError(problem, where=out, expected="a new or empty folder for the demo", got=got)
    if data and any(data.resolve().is_relative_to(path.resolve()) for path in made):
        raise InputError("the recordings lie in the demo's own folder; name another --out", where=data)
    if made and note.read_text(encoding="utf-8") != about:
        for path in made:
            shutil.rmtree(path)
    write_text(note, about)
    if (folder / MANIFEST).exists():
        say("using the store of the last demo")
    else:
        say(f"reading {data or 'synthetic motion'} ({chosen.title})")
        report = datasets.prepare(chosen, data or Path(), folder, workers=os.cpu_count() or 1)
        say(f"{report.recordings} recordings of {len(report.classes)} actions")
        for dropped in report.dropped[:5]:
            say(f"dropped: {dropped.file}: {dropped.reason}")
        if report.dropped:
            say(f"{len(report.dropped)} dropped in all; see {folder / 'report.json'}")
    store = SequenceStore.open(folder)
    if len(np.unique(store.labels[store.labels >= 0])) < 2:
        problem = "the demo needs recordings of at least two actions, to see what was learned"
        expected = "a sub-folder for each action, a labels.csv (recording,label), or a label column"
        raise InputError(problem, where=data, expected=expected, got=store.classes or "no labels")
    return store


def _digest(chosen: datasets.Dataset, data: Path | None) -> str:
    """Changes when a file of the recordings does."""
    if data is None:
        return f"synthetic {NUM_SYNTHETIC}"
    known = [chosen.name, chosen.settings(data), [chosen.stamp(file) for file in chosen.files(data)]]
    return hashlib.sha256(repr(known).encode()).hexdigest()


def _as_json(results: list[Result], recipe: Recipe, store: SequenceStore) -> dict[str, Any]:
    return {
        "dataset": store.datasets[0],
        "recordings": len(store),
        "accuracies": [
            {
                "protocol": result.name,
                "pretrained": result.pretrained,
                "label_fraction": result.label_fraction,
                "seed": result.seed,
                "top1": result.top1,
                "top5": result.top5,
                "training_clips": result.num_train,
                "test_clips": result.num_test,
                "seconds": result.seconds,
            }
            for result in results
        ],
        "recipe": recipe.model_dump(mode="json"),
        "results": [result.model_dump() for result in results],
    }
