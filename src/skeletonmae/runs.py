"""Whole runs: a recipe becomes a pre-trained model, and that becomes results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml

from skeletonmae import __version__
from skeletonmae.checkpoint import Checkpoint, Header, save_checkpoint
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation import Finetune, Protocol, Result, Task, settle_norms
from skeletonmae.files import write_text
from skeletonmae.methods import Classifier, InputSpec, Method
from skeletonmae.methods.method import joint_names
from skeletonmae.recipe import Recipe, Source, read_recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.store import ONE_OF
from skeletonmae.training import STATE, Processes, Progress, locked, train

Report = Callable[[str, Progress], None]
MODEL = "model.safetensors"
RECIPE = "recipe.yaml"
RESULTS = "results.json"


def pretrain(recipe: Recipe, folder: Path, processes: Processes, report: Report | None = None) -> Path:
    """Pre-train as `recipe` says and return the checkpoint, `folder/model.safetensors`.

    A run that was stopped goes on from its last state, and ends as if it had never been stopped.

    Args:
        recipe: what to do.
        folder: for the checkpoint, the resolved recipe, the log and the state.
        processes: who computes.
        report: told of the progress.

    Raises:
        InputError: a store is damaged, stores do not go together, or the folder holds another run.
    """
    sources = _pretrained_on(recipe)
    stores = [source.open() for source in sources]
    store = SequenceStore.pool(stores)
    begins = np.cumsum([0, *(len(part) for part in stores[:-1])])
    index = np.concatenate(
        [source.pretraining(part) + begin for source, part, begin in zip(sources, stores, begins, strict=True)]
    )
    header = _header(recipe, store, [part.fingerprint for part in stores])
    tested = recipe.data.evaluate.store
    if tested.exists():  # better said now than when it is judged
        _alike(tested, SequenceStore.open(tested), header)
    batch_size = recipe.training.batch_size // recipe.training.accumulate
    loader = recipe.data.clips.loader(
        store,
        index,
        batch_size=batch_size,
        training=True,
        seed=recipe.training.seed,
        device=processes.device,
        rank=processes.rank,
        world=processes.world,
    )
    method = _draw(recipe, header.spec, recipe.training.seed)
    with locked(folder, processes.rank):
        if processes.first:
            _same_recipe(recipe, folder)
        train(
            method,
            loader,
            recipe.training,
            processes,
            folder=folder,
            identity=_identity(recipe, header),
            report=(lambda progress: report("pretrain", progress)) if report else None,
        )
        if processes.first:
            save_checkpoint(folder / MODEL, method, header)
        processes.wait()
    return folder / MODEL


def evaluate(
    recipe: Recipe,
    checkpoint: Checkpoint | None,
    folder: Path | None,
    processes: Processes,
    report: Report | None = None,
    protocols: Sequence[Protocol] | None = None,
) -> list[Result]:
    """Judge a pre-trained model, or the same network from scratch, on the test side of `recipe.data.evaluate`.

    From scratch, fine-tuning has no layer decay: early layers know nothing yet that is worth sparing.

    Args:
        recipe: whose data and evaluation count.
        checkpoint: the model; None for fresh weights.
        folder: for `results.json` and the fine-tuned classifiers; None keeps nothing.
        processes: who computes.
        report: told of the progress.
        protocols: instead of the recipe's.

    Raises:
        InputError: the store is damaged, a side of its split is empty, or its clips do not fit the model.
    """
    source = recipe.data.evaluate
    store = source.open()
    if checkpoint:
        header = checkpoint.header
        _fits(recipe, header, store)
        method = checkpoint.method
    else:
        header = _header(recipe, store, [])
        recipe = _unspared(recipe)
        method = _draw(recipe, header.spec, recipe.training.seed)

    def keep(path: Path, model: Classifier, config: Config | None) -> None:
        about = {"role": "classifier", "classes": store.classes, "classifier": config}
        save_checkpoint(path, model, header.model_copy(update=about))

    task = Task(
        method=method,
        pretrained=checkpoint is not None,
        clips=recipe.data.clips,
        store=store,
        split=source.rule(store)(store),
        validate_by=recipe.data.validate_by,
        processes=processes,
        report=report,
        folder=folder,
        save=keep if processes.first else None,
        fresh=None if checkpoint else partial(_draw, recipe, header.spec),
    )
    if not checkpoint:
        settle_norms(task)
    results = [result for protocol in protocols or recipe.evaluation for result in protocol.run(task)]
    if folder and processes.first:
        rule = source.rule(store)
        about = {
            "version": __version__,
            "dataset": store.datasets[0],
            "split": rule.model_dump(mode="json"),
            "data": store.fingerprint,
            "device": str(processes.device),
            "recipe": _plain(recipe),
            "pretrained_by": header.recipe if checkpoint else None,
            "pretrained_on": list(header.data),
            "results": [result.model_dump() for result in results],
        }
        write_text(folder / RESULTS, json.dumps(about, indent=1, ensure_ascii=False))
    return results


def _unspared(recipe: Recipe) -> Recipe:
    """The recipe without layer decay."""
    whole = {"layer_decay": 1.0}
    protocols = [
        p.model_copy(update={"training": p.training.model_copy(update=whole)}) if isinstance(p, Finetune) else p
        for p in recipe.evaluation
    ]
    return recipe.model_copy(update={"evaluation": tuple(protocols)})


def _pretrained_on(recipe: Recipe) -> tuple[Source, ...]:
    return recipe.data.pretrain or (recipe.data.evaluate,)


def _draw(recipe: Recipe, spec: InputSpec, seed: int) -> Method:
    """The method with fresh weights."""
    torch.manual_seed(seed)
    return recipe.build(spec)


def _header(recipe: Recipe, store: SequenceStore, data: list[str]) -> Header:
    return Header(
        role="method",
        clips=recipe.data.clips,
        masking=recipe.masking,
        method=recipe.method,
        recipe=_plain(recipe),
        axes=2 if store.axes == 2 else 3,
        unit=store.unit,
        joints=joint_names([store.skeleton]),
        data=tuple(data),
    )


def _plain(recipe: Recipe) -> dict[str, object]:
    return recipe.model_dump(mode="json")


def _decides(recipe: Recipe) -> dict[str, object]:
    """The settings that decide the result of pre-training: not where the stores lie, nor how it is judged."""
    sources = _pretrained_on(recipe)
    return {
        "data": recipe.data.clips.model_dump(mode="json"),
        "sources": [source.model_dump(mode="json", exclude={"store"}) for source in sources],
        "masking": recipe.masking and recipe.masking.model_dump(mode="json"),
        "method": recipe.method.model_dump(mode="json"),
        "training": recipe.training.model_dump(mode="json", exclude={"checkpoint_seconds"}),
    }


def _identity(recipe: Recipe, header: Header) -> str:
    """A digest of what decides the result of pre-training: settings and data."""
    return hashlib.sha256(json.dumps([_decides(recipe), header.data], sort_keys=True).encode()).hexdigest()


def _same_recipe(recipe: Recipe, folder: Path) -> None:
    """Write the resolved recipe, unless a run of one that would give another result has begun there."""
    file, mine = folder / RECIPE, _flat(_decides(recipe))
    if file.exists() and any((folder / name).exists() for name in (STATE, MODEL)):
        there = _flat(_decides(read_recipe(file)))
        changed = sorted(key for key in mine.keys() | there.keys() if mine.get(key) != there.get(key))
        if changed:
            differs = "; ".join(f"{key}: {there.get(key)} there, {mine.get(key)} now" for key in changed[:5])
            problem = f"holds a run of another recipe ({differs}); name another folder or delete this one"
            raise InputError(problem, where=folder)
    write_text(file, yaml.safe_dump(_plain(recipe), sort_keys=False))


def _flat(tree: object, prefix: str = "") -> dict[str, object]:
    if isinstance(tree, dict):
        return {k: v for key, value in tree.items() for k, v in _flat(value, f"{prefix}{key}.").items()}
    if isinstance(tree, list):
        return {k: v for place, value in enumerate(tree) for k, v in _flat(value, f"{prefix}{place}.").items()}
    return {prefix.removesuffix("."): tree}


def _fits(recipe: Recipe, header: Header, store: SequenceStore) -> None:
    """The clips and the method of `recipe` are those that the model was made for."""
    for key in ("frames", "sampling", "stream", "transforms"):
        mine, its = getattr(recipe.data, key), getattr(header.clips, key)
        if mine != its:
            raise InputError("the model was made for other clips", where=f"data.{key}", expected=its, got=mine)
    if recipe.method != header.method:
        mine, its = (made.method.model_dump(mode="json") for made in (recipe, header))
        differs = {key: (its.get(key), mine.get(key)) for key in its | mine if its.get(key) != mine.get(key)}
        raise InputError(f"the model was made with another method ({differs}: model, recipe)", where="method")
    _alike(recipe.data.evaluate.store, store, header)


def _alike(where: Path, store: SequenceStore, header: Header) -> None:
    """The store in folder `where` has the axes and the unit of the model; its layout may be another."""
    for key in ("axes", "unit"):
        mine, its = getattr(store, key), getattr(header, key)
        if mine != its:
            problem = f"the model is made for other {key}; {ONE_OF[key]}"
            raise InputError(problem, where=where, expected=its, got=mine)
