"""Complete runs: pre-train a model by a recipe, and evaluate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skeletonmae.checkpoint import Checkpoint, Header, save_checkpoint
from skeletonmae.compatibility import (
    check_clips_fit_model,
    check_or_write_recipe,
    check_recipe_fits_model,
    check_store_fits_model,
    find_pretrained,
    run_fingerprint,
)
from skeletonmae.config import Config, Precision
from skeletonmae.datasets import GroupSplit, Split, StratifiedSplit, TagSplit
from skeletonmae.datasets.validation_group import check_tag
from skeletonmae.encoders import load_encoder
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
from skeletonmae.methods import Classifier, InputSpec, Method
from skeletonmae.methods.method import joint_names
from skeletonmae.pretraining_data import PretrainingData
from skeletonmae.recipe import Recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import STATE, DistributedContext, Progress, lock_folder, saved_step, train
from skeletonmae.training.precision import uses_bf16
from skeletonmae.training.weights_digest import weights_digest

ProgressCallback = Callable[[str, Progress], None]
"""Called with a description of what is being trained, and how far it is."""
MODEL = "model.safetensors"
LAST_MODEL = "model-last.safetensors"
"""The weights of the last step, where `model.safetensors` has their moving average."""
RECIPE = "recipe.yaml"


def pretrain(
    recipe: Recipe,
    folder: Path,
    distributed: DistributedContext,
    on_progress: ProgressCallback | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Path:
    """Pre-train by `recipe` and return the path of the checkpoint, `folder/model.safetensors`.

    If there is a moving average of the weights, the checkpoint contains it, and `model-last.safetensors` contains
    the weights of the last step.

    With `recipe.init_from`, it starts from the weights of that checkpoint.

    An interrupted run resumes from its last saved state and ends with the same weights as an uninterrupted one.

    Args:
        recipe: Data, method and training.
        folder: Receives the checkpoint, the resolved recipe, the log and the training state.
        distributed: The device, and the process group in which this process computes.
        on_progress: Called after every step.
        on_message: Called with what a user should know: recordings left out, and how stores are mixed.

    Raises:
        InputError: A store is damaged, stores do not match each other, the folder holds another run, or the method
            has no pretext task.
    """
    if not recipe.method.has_pretext_task:
        problem = f"method {recipe.method.kind} learns from labels alone and cannot be pre-trained"
        expected = "`skeletonmae evaluate RECIPE --from-scratch`, which trains and evaluates it"
        raise InputError(problem, where="recipe: method", expected=expected)
    start = load_encoder(recipe.init_from) if recipe.init_from else None
    if start:
        check_clips_fit_model(recipe, start.header)
        recipe = recipe.model_copy(update={"method": recipe.method.starting_from(start.header.method)})
    recipe = recipe.with_names_to_exclude()
    data = PretrainingData.open(recipe)
    header = _header(recipe, data.stores, data.num_recordings)
    if start:
        for source, store in zip(data.sources, data.stores, strict=True):
            check_store_fits_model(store, start.header, source.store)
        header = header.model_copy(update={"joints": start.header.joints, "license": start.header.license})
    evaluation_store = recipe.data.evaluate.store
    if evaluation_store.exists():  # rather than after hours of pre-training
        check_store_fits_model(SequenceStore.open(evaluation_store), header, evaluation_store)
    loader = data.loader(distributed)
    if on_message and distributed.is_main:
        for message in data.describe(loader):
            on_message(message)
        if header.license:
            on_message(f"the weights have the terms of {recipe.init_from}: {header.license}")
    method = _init_method(recipe, header.spec, recipe.training.seed)
    if start:
        method.start_from(start.method)

    def save_last(model: nn.Module) -> None:
        assert isinstance(model, Method)
        if distributed.is_main:
            save_checkpoint(folder / LAST_MODEL, model, header)

    with lock_folder(folder, distributed.rank):
        if distributed.is_main:
            check_or_write_recipe(recipe, folder / RECIPE, [folder / STATE, folder / MODEL])
            if on_message and not (folder / MODEL).exists() and (step := saved_step(folder)):
                on_message(f"resuming the run in {folder} after step {step}")
        train(
            method,
            loader,
            recipe.training,
            distributed,
            folder=folder,
            layer_id=method.layer_id,
            fingerprint=run_fingerprint(recipe, header, weights_digest(start.method) if start else ""),
            on_progress=(lambda progress: on_progress("pretrain", progress)) if on_progress else None,
            on_last_weights=save_last,
        )
        if distributed.is_main:
            weights = "ema" if recipe.training.ema_decay else "model"
            save_checkpoint(folder / MODEL, method, header.model_copy(update={"weights": weights}))
        distributed.barrier()
    return folder / MODEL


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
        header = _header(recipe, (store,)).model_copy(update={"store_fingerprints": ()})
        recipe = _without_layer_decay(recipe)
        method = _init_method(recipe, header.spec, recipe.training.seed)

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
        init_method=None if checkpoint else partial(_init_method, recipe, header.spec),
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


def _init_method(recipe: Recipe, spec: InputSpec, seed: int) -> Method:
    """The method of a recipe, with weights initialized from a seed."""
    torch.manual_seed(seed)
    return recipe.build(spec)


def _header(recipe: Recipe, stores: Sequence[SequenceStore], num_recordings: int | None = None) -> Header:
    """The header of a model that is trained on some stores."""
    first = stores[0]
    skeletons = list({store.skeleton: None for store in stores})
    return Header(
        role="method",
        clips=recipe.data.clips,
        masking=recipe.masking,
        method=recipe.method,
        recipe=recipe.model_dump(mode="json"),
        axes=2 if first.axes == 2 and recipe.data.axes == "recorded" else 3,
        unit=first.unit if len({store.unit for store in stores}) == 1 else "unknown",
        joints=recipe.method.known_joints(joint_names(skeletons)),
        bones=first.skeleton.bones if len(skeletons) == 1 else (),
        store_fingerprints=tuple(store.fingerprint for store in stores),
        num_recordings=num_recordings,
    )
