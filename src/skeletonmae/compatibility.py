"""Whether a recipe, a store or a recording fits a model, and whether a folder holds a run of the same recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from skeletonmae.checkpoint import Header
from skeletonmae.encoders import load_encoder
from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.methods.joint_patch_config import DescriptionConfig
from skeletonmae.recipe import Recipe, Source, read_recipe
from skeletonmae.renames import ADDED_METHOD_SETTINGS
from skeletonmae.sequences import SequenceStore, SkeletonSequence

CLIP_SETTINGS = ("frames", "sampling", "axes", "stream", "transforms", "final_transforms")
"""Settings of clips that must be those of the pre-training; others, such as the augmentation and the bridging of
gaps, may differ."""


def check_recipe_fits_model(recipe: Recipe, header: Header) -> None:
    """Check that the clips and the method of a recipe are those that a model was pre-trained with.

    Raises:
        InputError: A setting is different; the message names it.
    """
    check_clips_fit_model(recipe, header)
    if recipe.method != (method := header.method.for_evaluation(recipe.method)):
        expected, got = (settings.model_dump(mode="json") for settings in (method, recipe.method))
        changed = [key for key in expected | got if expected.get(key) != got.get(key)]
        raise InputError(
            "the model was pre-trained with another method",
            where="method",
            expected={key: expected.get(key) for key in changed},
            got={key: got.get(key) for key in changed},
        )


def check_clips_fit_model(recipe: Recipe, header: Header) -> None:
    """Check that the clips of a recipe are those that a model was pre-trained with.

    Raises:
        InputError: A setting is different; the message names it.
    """
    for key in CLIP_SETTINGS:
        expected, got = getattr(header.clips, key), getattr(recipe.data, key)
        if expected != got:
            problem = "the model was pre-trained with another value"
            raise InputError(problem, where=f"data.{key}", expected=expected, got=got)


def check_store_fits_model(store: SequenceStore, header: Header, where: Path) -> None:
    """Check that a store has the axes and the unit that a model was trained on; its joint layout may differ.

    A model that reads any layout also reads any axes and any unit.

    Args:
        store: The recordings.
        header: The header of the model.
        where: Folder of the store.

    Raises:
        InputError: Axes or unit are different.
    """
    if header.method.reads_any_layout:
        return
    _check_axes(store.axes, header, where, "store")
    _check_unit(store.unit, header, where, f"prepare the recordings in {header.unit}, or train another model")


def check_recording_fits_model(recording: SkeletonSequence, header: Header) -> None:
    """Check that a model knows joints of a recording, and that axes and unit are those it was trained on.

    A model that reads any layout also reads any axes and any unit.

    Raises:
        InputError: The model knows none of the joints, or axes or unit are different.
    """
    if header.method.reads_any_layout:
        return
    where = f"recording {recording.name!r}"
    joints = recording.skeleton.joints
    if not set(joints) & set(header.joints):
        problem = "the model knows none of the joints"
        got = f"{recording.skeleton.name}: {_first(joints)}"
        raise InputError(problem, where=where, expected=f"some of {_first(header.joints)}", got=got)
    _check_axes(recording.positions.shape[3], header, where, "recording")
    _check_unit(
        recording.unit, header, where, f"if the coordinates are in {header.unit}, add --unit {header.unit}"
    )


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


def check_or_write_recipe(recipe: Recipe, file: Path, outputs: Iterable[Path]) -> None:
    """Write the resolved recipe of a run, unless a run of a recipe with another result has begun in its folder.

    Args:
        recipe: The recipe.
        file: The file to write.
        outputs: Files that exist if a run has begun.

    Raises:
        InputError: The folder holds a run of another recipe; the message names settings that differ.
    """
    if file.exists() and any(output.exists() for output in outputs):
        where, advice = file.parent, "choose another folder or delete this one"
        try:
            kind = recipe.method.kind
            not_stated = {"method": {"kind": kind} | ADDED_METHOD_SETTINGS.get(kind, {})}  # by an older version
            saved = _flatten(_pretraining_settings(read_recipe(file, defaults=not_stated)))
        except InputError as error:
            reason = str(error).splitlines()[0]  # a recipe of an older version has many
            problem = f"the folder holds a run whose recipe this version cannot read ({reason}); {advice}"
            raise InputError(problem, where=where) from error
        current = _flatten(_pretraining_settings(recipe))
        changed = sorted(key for key in current.keys() | saved.keys() if current.get(key) != saved.get(key))
        if changed:
            differences = "; ".join(
                f"{key}: {_value(saved, key)} in the saved recipe, {_value(current, key)} now"
                for key in changed[:5]
            )
            raise InputError(f"the folder holds a run of another recipe ({differences}); {advice}", where=where)
    write_text(file, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))


def find_pretrained(store: SequenceStore, header: Header, max_stages: int = 8) -> np.ndarray | None:
    """Return the indices of a store's recordings that a model was pre-trained on, `(recording,)`, ascending.

    They follow from the recipe in the header of the model, if its fingerprints name the store. A model that
    started from another checkpoint has also seen what that one was pre-trained on.

    Args:
        store: The store.
        header: The header of the model.
        max_stages: Largest number of checkpoints that started from each other; more are a circle.

    Returns:
        None if that is not known: the model was pre-trained on other stores, the header has no recipe, or the
        checkpoint that it started from is not there.
    """
    try:
        recipe = Recipe.model_validate(header.recipe)
        start = load_encoder(recipe.init_from).header if recipe.init_from and max_stages > 1 else None
    except (ValidationError, InputError):  # a recipe of another version, or no such checkpoint
        return None
    if recipe.init_from and not start:
        return None
    seen_before = find_pretrained(store, start, max_stages - 1) if start else np.zeros(0, dtype=np.int64)
    if seen_before is None:
        return None
    sources = recipe.data.pretrain_sources
    if len(sources) != len(header.store_fingerprints) or store.fingerprint not in header.store_fingerprints:
        return None
    used = [
        source.pretrain_index(store)
        for source, fingerprint in zip(sources, header.store_fingerprints, strict=True)
        if fingerprint == store.fingerprint
    ]
    return np.unique(np.concatenate([seen_before, *used]))


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


def _check_axes(axes: int, header: Header, where: str | Path, noun: str) -> None:
    if axes == header.axes:
        return
    problem = f"the model was trained on {header.axes}D coordinates, but the {noun} has {axes}D coordinates"
    advice = "train a 2D model" if axes == 2 else "prepare the recordings with `--axes 2`, or train a 3D model"
    raise InputError(f"{problem}; {advice}", where=where, expected=f"{header.axes} axes", got=axes)


def _check_unit(unit: str, header: Header, where: str | Path, advice: str) -> None:
    if unit != header.unit:
        raise InputError(
            f"the model was trained on another unit; {advice}", where=where, expected=header.unit, got=unit
        )


def _first(names: tuple[str, ...], count: int = 5) -> str:
    return ", ".join([*names[:count], *(["..."] if len(names) > count else [])])
