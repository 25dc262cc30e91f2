"""Single pre-trainings and fine-tunings of the graph SkeletonMAE, for benchmarks/graph_proof.py."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae.batches import Loader, MixedLoader
from skeletonmae.datasets.splits import Split
from skeletonmae.datasets.validation_group import split_by_group
from skeletonmae.evaluation import EvaluationTask, Finetune, leave_out_empty_clips
from skeletonmae.files import atomic_file
from skeletonmae.methods import GraphMAE, InputSpec
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_baselines import PoseMoments
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.copies import number_recordings
from skeletonmae.training import DistributedContext, TrainingConfig, train
from skeletonmae.validation import validate_store

Cell = dict[str, Any]
RECIPES = Path(__file__).resolve().parents[1] / "recipes"
ONE_PROCESS = DistributedContext(rank=0, world_size=1, device=torch.device("cpu"))
MAX_POSES = 16_384
"""Poses that the baselines are fitted on, and about as many hidden joints that they predict."""


@dataclass(frozen=True, eq=False)
class Side:
    """What a cell trains and tests on.

    Args:
        recipe: The recipe of the dataset.
        store: Its recordings.
        split: `selection`: the training side, divided into a part to fit on and a part to choose settings on.
            `test`: the training side and the test side.
        pretrain_index: Recordings to pre-train on: those to fit on, and in `test` also those without a label.
        is_clean: Whether each test recording is no copy of a training recording, not even a mirrored one.
    """

    recipe: Recipe
    store: SequenceStore
    split: Split
    pretrain_index: np.ndarray
    is_clean: np.ndarray


@cache
def side(dataset: str, part: str) -> Side:
    """Open a dataset and divide it."""
    recipe = read_recipe(RECIPES / dataset / "graph.yaml")
    source = recipe.data.evaluate
    store = source.open()
    rule = source.split_rule(store)
    split, pretrain_index = rule(store), source.pretrain_index(store)
    if part == "selection":
        split = Split(*split_by_group(store, split.train, recipe.data.validation_group, seed=0))
        pretrain_index = split.train[store.num_persons[split.train] > 0]
        return Side(recipe, store, split, pretrain_index, np.ones(len(split.test), dtype=bool))
    number = number_recordings(store)
    is_copy = np.isin(number[split.test], number[split.train])
    leaked = {each.recording for each in validate_store(store, rule).findings if each.check == "leaks"}
    is_copy |= np.array([store.name(index) in leaked for index in split.test.tolist()])
    return Side(recipe, store, split, pretrain_index, ~is_copy)


def build(of: Side, settings: list[str], dataset: str, seed: int) -> GraphMAE:
    """Return the method of a recipe with some of its settings changed, with new weights."""
    recipe = read_recipe(RECIPES / dataset / "graph.yaml", settings)
    axes = 2 if of.store.axes == 2 else 3
    spec = InputSpec(of.recipe.data.frames, axes, of.store.skeleton.joints, len(of.pretrain_index))
    torch.manual_seed(seed)
    method = recipe.build(spec)
    assert isinstance(method, GraphMAE)
    return method


def pretrain(cell: Cell, folder: Path) -> dict[str, float]:
    """Pre-train and save the weights; in `selection`, also compare with the baselines on the validation part.

    Args:
        cell: `dataset`, `part`, `settings` of the method, `seed`, and overrides of `training`.
        folder: Where the weights are kept, by `weights_file`.
    """
    of = side(cell["dataset"], cell["part"])
    training = of.recipe.training.model_copy(update={**cell["training"], "seed": cell["seed"]})
    method = build(of, cell["settings"], cell["dataset"], cell["seed"])
    loader = pretraining_loader(of, cell["settings"], cell["dataset"], training)
    losses: list[float] = []
    train(
        method,
        loader,
        training,
        ONE_PROCESS,
        on_progress=lambda progress: losses.append(progress.loss),
    )
    with atomic_file(weights_file(cell, folder)) as temporary:  # another run in this folder may read it
        torch.save(method.state_dict(), temporary)
    result = {"steps": len(losses), "loss": float(np.mean(losses[-len(loader) :]))}
    return result | (reconstruction_errors(method, of) if cell["part"] == "selection" else {})


def pretraining_loader(
    of: Side, settings: list[str], dataset: str, training: TrainingConfig
) -> Loader | MixedLoader:
    """Return the batches of a side, mixed with those of the stores in `data.pretrain` by their shares."""

    def loader(store: SequenceStore, index: np.ndarray) -> Loader:
        return of.recipe.data.clips.loader(
            store, index, batch_size=training.batch_size, training=True, seed=training.seed
        )

    own = loader(of.store, of.pretrain_index)
    others = read_recipe(RECIPES / dataset / "graph.yaml", settings).data.pretrain
    if not others:
        return own
    stores = [source.open() for source in others]
    loaders = [loader(store, source.pretrain_index(store)) for source, store in zip(others, stores, strict=True)]
    return MixedLoader((own, *loaders), (1.0, *(source.share or 1.0 for source in others)), seed=training.seed)


def weights_file(cell: Cell, folder: Path) -> Path:
    """Return where the weights of a pre-training are kept."""
    digest = hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:16]
    return folder / f"{digest}.pt"


@torch.no_grad()
def reconstruction_errors(method: GraphMAE, of: Side) -> dict[str, float]:
    """Return the error of the model and of the baselines on the validation part, in the unit of the loss.

    The baselines are fitted on the part that the model was trained on. Clips are not augmented.
    """
    method = method.eval()
    fit, held_out = (
        of.recipe.data.clips.loader(of.store, index, batch_size=256, training=False) for index in of.split
    )
    frames_to_fit = [FrameGraph(batch.tracks) for batch in fit.epoch()]
    positions = torch.cat([frames.tracks.positions.flatten(0, 1) for frames in frames_to_fit])
    measured = torch.cat([frames.measured.T for frames in frames_to_fit])
    poses = slice(None, None, max(1, len(positions) // MAX_POSES))
    moments = PoseMoments.of(of.store.skeleton, positions[poses], measured[poses])
    errors: dict[str, list[torch.Tensor]] = {}
    for batch in held_out.epoch():
        frames = FrameGraph(batch.tracks)
        hidden = method.draw_mask(batch, frames)
        query = hidden & (frames.observed & ~hidden).any(0) & frames.measured
        nodes = frames.graph.to_nodes(query).nonzero().squeeze(1)
        inputs = frames.inputs(method.spec.axes, method.config.window)
        predicted = method.predict(inputs, frames.graph.to_nodes(hidden), frames.graph, nodes)
        joint, pose = query.nonzero(as_tuple=True)
        true = frames.positions(method.spec.axes).index_select(0, nodes)
        space = method.target_space(true, joint, len(hidden))
        own = space.error(method.head(predicted) if method.head else predicted, space.target(true))
        errors.setdefault("model", []).append(own)
        some = slice(None, None, max(1, len(joint) * len(held_out) // MAX_POSES))
        poses_of = batch.tracks.positions.flatten(0, 1)[pose[some]]
        visible = (frames.observed & ~hidden).T[pose[some]]
        for name, value in moments.predict(poses_of, visible, joint[some]).items():
            errors.setdefault(name, []).append(space.error(space.target(value), space.target(true[some])))
    return {name: float(torch.cat(values).mean()) for name, values in errors.items()}


def finetune(cell: Cell, folder: Path) -> dict[str, float]:
    """Fine-tune with some of the labels and test, on the validation part or on the test side.

    Args:
        cell: `dataset`, `part`, `start` (the cell of the pre-training; None from scratch), `settings` of the
            method, `fraction` of the labels, `draw` (seed of the labels, of the clips and of new weights), `depth`
            of STRL, and overrides of `training`, such as `encoder_lr`.
        folder: Where the weights of pre-trainings are kept.
    """
    of = side(cell["dataset"], cell["part"])
    few = [protocol for protocol in of.recipe.evaluation if isinstance(protocol, Finetune)]
    protocol = next(protocol for protocol in few if (protocol.label_fraction < 1) == (cell["fraction"] < 1))
    classifier = protocol.classifier.model_copy(update={"depth": cell["depth"]})
    changes = {
        "label_fraction": cell["fraction"],
        "seeds": (cell["draw"],),
        "classifier": classifier,
        "training": protocol.training.model_copy(update=cell["training"]),
    }
    protocol = protocol.model_copy(update=changes)

    def new_method(seed: int) -> GraphMAE:
        return build(of, cell["settings"], cell["dataset"], seed)

    method = new_method(cell["draw"])
    if cell["start"]:
        method.load_state_dict(torch.load(weights_file(cell["start"], folder), weights_only=True))
    task = EvaluationTask(
        method=method,
        pretrained=bool(cell["start"]),
        clips=of.recipe.data.clips,
        store=of.store,
        split=of.split,
        validation_group=of.recipe.data.validation_group,
        distributed=ONE_PROCESS,
        init_method=None if cell["start"] else new_method,
    )
    task, _ = leave_out_empty_clips(task)
    (result,) = protocol.run(task)
    is_correct = next(iter(task.clip_scores.values())).is_correct
    is_clean = of.is_clean[np.isin(of.split.test, task.split.test)]
    return {
        "top1": result.top1,
        "top1_clean": float(is_correct[is_clean].mean()),
        "num_train": result.num_train,
        "num_test": result.num_test,
        "num_clean": int(is_clean.sum()),
    }


def run_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """Run a cell and return its line of the results."""
    began = time.process_time()
    task = {"pretrain": pretrain, "finetune": finetune}[cell["kind"]]
    result = task(cell, folder)
    return {"cell": cell, "result": result, "cpu_seconds": round(time.process_time() - began, 1)}
