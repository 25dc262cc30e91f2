"""Evaluate a model by the protocols of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch

from skeletonmae.checkpoint import Checkpoint, save_checkpoint
from skeletonmae.compatibility import (
    check_recipe_fits_model,
    check_store_fits_model,
    find_pretrained,
)
from skeletonmae.config import Config, Precision
from skeletonmae.datasets import GroupSplit, Split, StratifiedSplit, TagSplit
from skeletonmae.datasets.validation_group import check_tag
from skeletonmae.errors import InputError
from skeletonmae.evaluation import (
    EvaluationProtocol,
    EvaluationTask,
    Finetune,
    Result,
    ResultsFile,
    calibrate_batch_norm,
    leave_out_empty_clips,
)
from skeletonmae.evaluation.copies import describe_copies, handle_copies
from skeletonmae.evaluation.cost import Cost, measure_cost, pretraining_duration
from skeletonmae.methods import Classifier
from skeletonmae.recipe import Recipe
from skeletonmae.runs.model import ProgressCallback, init_method, model_header
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext, lock_folder
from skeletonmae.training.precision import uses_bf16
from skeletonmae.training.weights_digest import weights_digest


def evaluate(
    recipe: Recipe,
    checkpoint: Checkpoint | None,
    folder: Path | None,
    distributed: DistributedContext,
    on_progress: ProgressCallback | None = None,
    on_message: Callable[[str], None] | None = None,
    precision: Precision = "float32",
    *,
    keep_complete: bool = False,
) -> list[Result]:
    """Evaluate a pre-trained model, or the same network from scratch, on the test side of `recipe.data.evaluate`.

    From scratch, fine-tuning has no layer decay, because the early layers have learned nothing that a low learning
    rate would preserve. Results are written after each protocol, and after each seed of fine-tuning; an evaluation
    that was stopped resumes with the first that is missing.

    Args:
        recipe: Data and evaluation.
        checkpoint: The model; None for fresh weights.
        folder: Receives `results.json` and the fine-tuned classifiers; None saves nothing.
        distributed: The device, and the process group in which this process computes.
        on_progress: Called after every step.
        on_message: Called with what a user should know, such as who is on the test side, and how many clips were
            left out.
        precision: In which features and logits are computed. Fine-tuning trains in the precision of its settings.
        keep_complete: If `folder` holds the complete results of this evaluation, return them and evaluate nothing.
            By default, complete results are replaced.

    Raises:
        InputError: The recipe has no protocol; the store is damaged or has no tag `data.validation_group`, a side
            of its split is empty or the training side has a single class, its clips do not fit the model, nothing
            was observed in all clips of a side or of a class, or another process is writing to the folder.
    """
    source = recipe.data.evaluate
    if not recipe.evaluation:
        raise InputError("there is nothing to evaluate", where="evaluation", expected="one protocol or more")
    store = source.open()
    if group := recipe.data.validation_group:
        check_tag(store, group if isinstance(group, str) else group.tag)
    if checkpoint:
        header = checkpoint.header
        check_recipe_fits_model(recipe, header)
        check_store_fits_model(store, header, source.store)
        method = checkpoint.method
        method.use_settings(header.method.for_evaluation(recipe.method))
    else:
        header = model_header(recipe, (store,)).model_copy(update={"store_fingerprints": ()})
        recipe = _without_layer_decay(recipe)
        method = init_method(recipe, header.spec, recipe.training.seed)

    def save(path: Path, model: Classifier, config: Config | None) -> None:
        fields = {"role": "classifier", "classes": store.classes, "classifier": config}
        save_checkpoint(path, model, header.model_copy(update=fields))

    split_rule = source.split_rule(store)
    split = split_rule(store)
    if on_message and distributed.is_main:
        on_message(f"split: {split_rule.describe(store)}")
    task = EvaluationTask(
        method=method,
        pretrained=checkpoint is not None,
        clips=recipe.data.clips,
        store=store,
        split=split,
        validation_group=recipe.data.validation_group,
        distributed=distributed,
        on_progress=on_progress,
        folder=folder,
        save=save if distributed.is_main else None,
        init_method=None if checkpoint else partial(init_method, recipe, header.spec),
        joints=None if header.method.reads_any_layout else header.joints,
        precision=precision,
        pretrain_index=find_pretrained(store, header) if checkpoint else np.zeros(0, dtype=np.int64),
    )
    used_joints = set(header.used_joints(store.skeleton))
    unknown_joints = [joint for joint in store.skeleton.joints if joint not in used_joints]
    if unknown_joints and on_message and distributed.is_main:
        num_joints = store.skeleton.num_joints
        on_message(
            f"the model knows {num_joints - len(unknown_joints)} of the {num_joints} joints of"
            f" {store.skeleton.name}; it was not trained on {', '.join(unknown_joints)}"
        )
    task, empty_clips = leave_out_empty_clips(task)
    if any(empty_clips.values()) and on_message and distributed.is_main:
        on_message(
            f"left out {empty_clips['train']} training and {empty_clips['test']} test clips, in which no joint"
            " that the model knows was observed"
        )
    task, copies = handle_copies(task, recipe.data.test_copies)
    if len(copies) and on_message and distributed.is_main:
        outcome = (
            "left out" if recipe.data.test_copies == "remove" else "results also say the accuracy without them"
        )
        on_message(f"{len(copies)} test clips are exact copies of training clips; {outcome}")
    protocol_runs = [run for protocol in recipe.evaluation for run in _split_seeds(protocol)]
    digest = weights_digest(method)
    fields = {
        "dataset": store.datasets[0],
        "split": split_rule.model_dump(mode="json"),
        "split_description": split_rule.describe(store),
        "groups": _groups(split_rule, store, task.split),
        "store_fingerprint": store.fingerprint,
        "device": str(distributed.device),
        "processes": distributed.world_size,
        "precision": "bf16" if uses_bf16(precision, distributed.device) else "float32",
        "layout": store.skeleton.name,
        "unknown_joints": unknown_joints,
        "empty_clips": empty_clips,
        "test_copies": [store.name(index) for index in copies.tolist()],
        "recipe": recipe.model_dump(mode="json"),
        "weights": header.weights,
        "weights_digest": digest,
        "pretraining_recipe": header.recipe if checkpoint else None,
        "pretraining_store_fingerprints": list(header.store_fingerprints),
    }
    key = [repr(protocol_runs), digest]
    with lock_folder(folder, distributed.rank) if folder else nullcontext():
        results_file = ResultsFile(
            folder,
            fields,
            len(protocol_runs),
            key,
            keep_complete=keep_complete,
            on_message=on_message if distributed.is_main else None,
        )
        distributed.barrier()  # every process has read the file before one of them writes it
        if results_file.is_complete:
            if on_message and distributed.is_main:
                on_message(f"kept the complete results in {folder}")
            return results_file.results
        if results_file.num_finished and on_message and distributed.is_main:
            on_message(f"resuming: {results_file.num_finished} of {len(protocol_runs)} runs were finished earlier")
        if not checkpoint:
            calibrate_batch_norm(task)
        if distributed.is_main:
            results_file.cost = _measure_cost(task, recipe, checkpoint)
        for protocol in protocol_runs[results_file.num_finished :]:
            results = [
                result.model_copy(
                    update={
                        "num_test_left_out": empty_clips["test"],
                        "details": result.details | {"copies": describe_copies(copies, recipe.data.test_copies)},
                    }
                )
                for result in protocol.run(task)
            ]
            results_file.add(results, write=distributed.is_main, scores=task.clip_scores)
            task.clip_scores.clear()
    return results_file.results


def _measure_cost(task: EvaluationTask, recipe: Recipe, checkpoint: Checkpoint | None) -> Cost:
    """The cost of the encoder, or of the network of a supervised method; with the duration of the pre-training."""
    seconds = None
    if checkpoint and checkpoint.path:
        seconds = pretraining_duration(checkpoint.path.parent, checkpoint.header.recipe)
    network = None
    if not recipe.method.has_pretext_task:
        with torch.random.fork_rng(devices=[]):
            network = task.method.classifier(len(task.classes)).to(task.distributed.device).eval()
    return measure_cost(task, network, pretraining_seconds=seconds)


def _split_seeds(protocol: EvaluationProtocol) -> list[EvaluationProtocol]:
    """The protocol, or one protocol for each seed of fine-tuning, which can take hours."""
    if not isinstance(protocol, Finetune):
        return [protocol]
    return [protocol.model_copy(update={"seeds": (seed,)}) for seed in protocol.seeds]


def _groups(
    rule: TagSplit | StratifiedSplit | GroupSplit, store: SequenceStore, split: Split
) -> dict[str, dict[str, list[str]]]:
    """Tag -> side -> its values there, for the tag that the rule splits by, and for the subjects."""
    rule = rule.resolve(store) if isinstance(rule, GroupSplit) else rule
    tags = [rule.tag] if isinstance(rule, TagSplit) else [rule.group_by] if isinstance(rule, GroupSplit) else []
    tags += ["subject"] if "subject" in store.tags and "subject" not in tags else []
    return {
        tag: {side: sorted(set(store.tag(tag)[index].tolist())) for side, index in split._asdict().items()}
        for tag in tags
    }


def _without_layer_decay(recipe: Recipe) -> Recipe:
    protocols = [
        protocol.model_copy(update={"training": protocol.training.model_copy(update={"layer_decay": 1.0})})
        if isinstance(protocol, Finetune)
        else protocol
        for protocol in recipe.evaluation
    ]
    return recipe.model_copy(update={"evaluation": tuple(protocols)})
