"""The model that a recipe describes: its header, and a method with fresh weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from skeletonmae.checkpoint import Header
from skeletonmae.methods import InputSpec, Method
from skeletonmae.methods.method import joint_names
from skeletonmae.recipe import Recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import Progress

ProgressCallback = Callable[[str, Progress], None]
"""Called with a description of what is being trained, and how far it is."""


def init_method(recipe: Recipe, spec: InputSpec, seed: int) -> Method:
    """Return the method of a recipe, with weights initialized from a seed."""
    torch.manual_seed(seed)
    return recipe.build(spec)


def model_header(recipe: Recipe, stores: Sequence[SequenceStore], num_recordings: int | None = None) -> Header:
    """Return the header of a model that is trained on some stores.

    Args:
        recipe: The recipe.
        stores: The stores.
        num_recordings: Number of recordings that it is trained on; None if it is not known.
    """
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
