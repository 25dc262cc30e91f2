"""Pre-train a model by a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml
from torch import nn

from skeletonmae.checkpoint import save_checkpoint
from skeletonmae.compatibility import check_clips_fit_model, check_store_fits_model
from skeletonmae.encoders import load_encoder
from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.methods import Method
from skeletonmae.pretraining_data import PretrainingData
from skeletonmae.recipe import Recipe
from skeletonmae.runs.model import ProgressCallback, init_method, model_header
from skeletonmae.runs.same_run import MODEL, RECIPE, check_same_run, run_fingerprint
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext, lock_folder, saved_step, train
from skeletonmae.training.weights_digest import weights_digest

LAST_MODEL = "model-last.safetensors"
"""The weights of the last step, where `model.safetensors` has their moving average."""


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
    header = model_header(recipe, data.stores, data.num_recordings)
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
    method = init_method(recipe, header.spec, recipe.training.seed)
    if start:
        method.start_from(start.method)

    def save_last(model: nn.Module) -> None:
        assert isinstance(model, Method)
        if distributed.is_main:
            save_checkpoint(folder / LAST_MODEL, model, header)

    initial_weights = weights_digest(start.method) if start else ""
    with lock_folder(folder, distributed.rank):
        check_same_run(recipe, header, initial_weights, folder)
        if distributed.is_main:
            write_text(folder / RECIPE, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
            if on_message and not (folder / MODEL).exists() and (step := saved_step(folder)):
                on_message(f"resuming the run in {folder} after step {step}")
        train(
            method,
            loader,
            recipe.training,
            distributed,
            folder=folder,
            layer_id=method.layer_id,
            fingerprint=run_fingerprint(recipe, header, initial_weights),
            on_progress=(lambda progress: on_progress("pretrain", progress)) if on_progress else None,
            on_last_weights=save_last,
        )
        if distributed.is_main:
            weights = "ema" if recipe.training.ema_decay else "model"
            save_checkpoint(folder / MODEL, method, header.model_copy(update={"weights": weights}))
        distributed.barrier()
    return folder / MODEL
