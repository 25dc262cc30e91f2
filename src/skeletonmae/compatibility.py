"""Whether a recipe, a store or a recording fits a model, and what a model was pre-trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from skeletonmae.checkpoint import Header
from skeletonmae.encoders import load_encoder
from skeletonmae.errors import InputError
from skeletonmae.recipe import Recipe
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
