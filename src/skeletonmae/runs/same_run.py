"""Whether the folder of a run holds the same run, which then resumes, and how another run differs from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.encoders import load_encoder
from skeletonmae.errors import InputError
from skeletonmae.methods.joint_patch_config import DescriptionConfig
from skeletonmae.recipe import Recipe, Source, read_recipe, recipe_from
from skeletonmae.renames import ADDED_METHOD_SETTINGS
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import STATE
from skeletonmae.training.run_folder import load_state
from skeletonmae.training.weights_digest import weights_digest

MODEL = "model.safetensors"
RECIPE = "recipe.yaml"
MAX_DIFFERENCES = 5
"""Differences that a message names."""


def run_fingerprint(recipe: Recipe, header: Header, initial_weights: str = "") -> str:
    """Return a digest of the settings and the data that determine the result of pre-training.

    Args:
        recipe: The recipe.
        header: The header of the model.
        initial_weights: Digest of the weights that the run starts from; empty if they are random.
    """
    settings = [_pretraining_settings(recipe), header.store_fingerprints]
    settings += [initial_weights] if initial_weights else []
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def check_same_run(recipe: Recipe, header: Header, initial_weights: str, folder: Path) -> None:
    """Check that no other run than this one has begun in a folder. Nothing is written.

    Settings are those of the folder's recipe. Stores and the weights that the run starts from are known by their
    content, so that both may have moved: from the fingerprint in the training state, or if the state was deleted,
    from the header of the model.

    Args:
        recipe: The recipe of this run.
        header: The header of its model.
        initial_weights: Digest of the weights that it starts from; empty if they are random.
        folder: The folder.

    Raises:
        InputError: The folder holds another run; the message names what differs. Or its recipe, or its training
            state, cannot be read.
    """
    if not (folder / STATE).exists() and not (folder / MODEL).exists():
        return
    model = _model_header(folder)
    saved = _saved_recipe(recipe, folder, model)
    changed = _changed_settings(recipe, saved) if saved else []
    state = None if changed else load_state(folder)
    if state and state["fingerprint"] == run_fingerprint(recipe, header, initial_weights):
        return
    # The recipe in the header was written together with the weights; its stores may have moved since.
    recorded = (_recipe_of(model) if model else None) or saved
    differences = [
        *(_changed_start_and_stores(recipe, header, initial_weights, recorded, model) if recorded else []),
        *changed,
    ]
    if not differences and not state:
        return
    if not differences:
        differences = [_changed_content(recipe, header, model) if saved else f"its {RECIPE} is missing"]
    listed = differences[:MAX_DIFFERENCES]
    listed += [f"and {number} more"] if (number := len(differences) - len(listed)) else []
    raise InputError(
        f"the folder holds another run ({'; '.join(listed)}); choose another folder or delete this one",
        where=folder,
    )


def _saved_recipe(recipe: Recipe, folder: Path, model: Header | None) -> Recipe | None:
    """Return the recipe in the folder of a run, or that of its model; None if there is neither."""
    if not (folder / RECIPE).exists():
        return _recipe_of(model) if model else None
    kind = recipe.method.kind
    not_stated = {"method": {"kind": kind} | ADDED_METHOD_SETTINGS.get(kind, {})}  # by an older version
    try:
        return read_recipe(folder / RECIPE, defaults=not_stated)
    except InputError as error:
        reason = str(error).splitlines()[0]  # a recipe of an older version has many
        problem = (
            f"the folder holds a run whose recipe this version cannot read ({reason}); choose another folder or"
            " delete this one"
        )
        raise InputError(problem, where=folder) from error


def _model_header(folder: Path) -> Header | None:
    """Return the header of the model in the folder of a run; None if there is none that can be read."""
    try:
        return load_checkpoint(folder / MODEL).header
    except InputError:
        return None


def _recipe_of(header: Header) -> Recipe | None:
    """Return the recipe of a model; None if it is not known, or this version cannot read it."""
    try:
        return recipe_from(header.recipe, "")
    except InputError:
        return None


def _changed_settings(recipe: Recipe, saved: Recipe) -> list[str]:
    """Name the settings, but for stores and initial weights, that determine the result and differ."""
    old, new = (_flatten(_pretraining_settings(one)) for one in (saved, recipe))
    return [
        f"{key}: {_value(old, key)} in the saved recipe, {_value(new, key)} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _changed_start_and_stores(
    recipe: Recipe, header: Header, initial_weights: str, saved: Recipe, model: Header | None
) -> Iterator[str]:
    """Name the initial weights and the stores that differ, as far as what was saved tells."""
    if saved.init_from != recipe.init_from and _digest_of_start(saved) != initial_weights:
        old, new = (one.init_from or "random weights" for one in (saved, recipe))
        yield f"init_from: {old} in the saved recipe, {new} now"
    group = "data.pretrain.{}.store" if recipe.data.pretrain else "data.evaluate.store"
    old_sources, new_sources = saved.data.pretrain_sources, recipe.data.pretrain_sources
    fingerprints = model.store_fingerprints if model else ()
    for index, (old_source, new_source) in enumerate(zip(old_sources, new_sources, strict=False)):
        is_known = len(fingerprints) == len(old_sources)
        fingerprint = fingerprints[index] if is_known else _fingerprint_at(old_source, new_source)
        if fingerprint == header.store_fingerprints[index]:
            continue
        if old_source.store != new_source.store:
            yield f"{group.format(index)}: {old_source.store} in the saved recipe, {new_source.store} now"
        elif is_known:
            yield f"the recordings in {new_source.store} have changed since"


def _changed_content(recipe: Recipe, header: Header, model: Header | None) -> str:
    """Say what may have changed where the recipes name the same stores and the same initial weights."""
    stores = ", ".join(str(source.store) for source in recipe.data.pretrain_sources)
    has_same_stores = bool(model and model.store_fingerprints == header.store_fingerprints)
    changed = [] if has_same_stores else [f"the recordings in {stores}"]
    changed += [f"the weights of {recipe.init_from}"] if recipe.init_from else []
    if changed:
        return f"{' or '.join(changed)} have changed since"
    return "another version of skeletonmae may have begun it"


def _digest_of_start(recipe: Recipe) -> str | None:
    """Return a digest of the weights that a run started from, empty if random; None if they are not there."""
    try:
        return weights_digest(load_encoder(recipe.init_from).method) if recipe.init_from else ""
    except InputError:
        return None


def _fingerprint_at(old: Source, new: Source) -> str | None:
    """Return the fingerprint of a store under its old path; None if it is not there, or the path is the same."""
    if old.store == new.store:
        return None
    try:
        return SequenceStore.open(old.store).fingerprint
    except InputError:
        return None


def _pretraining_settings(recipe: Recipe) -> dict[str, object]:
    """The settings that determine the result of pre-training, without paths of stores and the evaluation."""
    return {
        "data": _without_new_defaults(recipe.data.clips.model_dump(mode="json")),
        "sources": [_source_settings(source) for source in recipe.data.pretrain_sources],
        "masking": recipe.masking and recipe.masking.model_dump(mode="json"),
        "method": _without_new_defaults(recipe.method.model_dump(mode="json")),
        "training": recipe.training.model_dump(mode="json", exclude={"checkpoint_seconds", "parallel", "compile"}),
    }


NEW_DEFAULTS: dict[str, object] = {
    "axes": "recorded",
    "optional": False,
    "joint_embedding": "name",
    "motion_scale": None,
    "description": DescriptionConfig().model_dump(mode="json"),
    "target": "embedding",
    "window": 1,
    "joint_identity": "none",
    "frame_context": False,
    "pretrain_strl": False,
}
"""Settings of clips and methods that older runs did not have, with the values that change nothing."""


def _without_new_defaults(tree: Any) -> Any:
    """Leave out settings that older runs did not have where they change nothing, so that those can be resumed."""
    if isinstance(tree, dict):
        kept = {key: value for key, value in tree.items() if key not in NEW_DEFAULTS or value != NEW_DEFAULTS[key]}
        return {key: _without_new_defaults(value) for key, value in kept.items()}
    return [_without_new_defaults(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _value(settings: dict[str, object], key: str) -> object:
    """Return a setting for a message; None if it does not exist."""
    return settings.get(key, NEW_DEFAULTS.get(key.rpartition(".")[2]))


def _source_settings(source: Source) -> dict[str, object]:
    """The settings of a store; one that older runs did not have only counts where it is used."""
    exclude = {"store", *(name for name in ("exclude_classes", "share", "exclude") if not getattr(source, name))}
    return source.model_dump(mode="json", exclude=exclude)


def _flatten(tree: object, prefix: str = "") -> dict[str, object]:
    """Dotted key -> value, for every value of nested mappings and lists."""
    if isinstance(tree, dict):
        return {k: v for key, value in tree.items() for k, v in _flatten(value, f"{prefix}{key}.").items()}
    if isinstance(tree, list):
        return {k: v for index, value in enumerate(tree) for k, v in _flatten(value, f"{prefix}{index}.").items()}
    return {prefix.removesuffix("."): tree}
