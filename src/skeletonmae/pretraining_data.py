"""The recordings that a run is pre-trained on: one or several stores, as one stream of batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skeletonmae.batches import Loader, MixedLoader
from skeletonmae.recipe import Recipe, Source
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.copies import number_recordings
from skeletonmae.sequences.store import MUST_MATCH
from skeletonmae.training import DistributedContext


@dataclass(frozen=True, eq=False)
class PretrainingData:
    """The stores of a recipe, and which of their recordings it is pre-trained on.

    Args:
        recipe: The recipe.
        stores: The stores of its sources.
        index: Indices of the recordings to use in each store.
    """

    recipe: Recipe
    stores: tuple[SequenceStore, ...]
    index: tuple[np.ndarray, ...]

    @classmethod
    def open(cls, recipe: Recipe) -> PretrainingData:
        """Open the stores of a recipe and verify their checksums.

        Raises:
            InputError: A store is damaged, the stores do not match each other and the method does not read any
                layout, or `exclude` names recordings that are not there.
        """
        sources = recipe.data.pretrain_sources
        stores = tuple(source.open() for source in sources)
        if not recipe.method.reads_any_layout:
            SequenceStore.concat(stores)  # refuses stores that do not match
        index = tuple(source.pretrain_index(store) for source, store in zip(sources, stores, strict=True))
        return cls(recipe, stores, index)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the recipe."""
        return self.recipe.data.pretrain_sources

    @cached_property
    def is_mixed(self) -> bool:
        """Whether every batch comes from one of the stores; otherwise, they are read as one."""
        if self.sources[0].share is not None:
            return len(self.stores) > 1
        first = self.stores[0].shards[0].manifest
        others = [store.shards[0].manifest for store in self.stores]
        return any(getattr(first, field) != getattr(other, field) for other in others for field in MUST_MATCH)

    @property
    def num_recordings(self) -> int:
        """Number of recordings to use."""
        return sum(map(len, self.index))

    def loader(self, distributed: DistributedContext) -> Loader | MixedLoader:
        """Build the loader of the batches: those of the steps, or their micro-batches.

        Args:
            distributed: This process among those that train together.
        """
        if not self.is_mixed:
            offsets = self._offsets()
            index = np.concatenate([part + first for part, first in zip(self.index, offsets, strict=True)])
            return self._loader(SequenceStore.concat(self.stores), index, distributed)
        loaders, shares = [], []
        for source, store, index, first in zip(
            self.sources, self.stores, self.index, self._offsets(), strict=True
        ):
            if not len(index):
                continue
            loader = self._loader(store, index, distributed)
            number = np.arange(len(store)) if loader.recording is None else loader.recording
            loaders.append(replace(loader, first_number=int(first), recording=number + first))
            shares.append(float(len(loader)) if source.share is None else source.share)
        return MixedLoader(tuple(loaders), tuple(shares), seed=self.recipe.training.seed)

    def describe(self, loader: Loader | MixedLoader) -> Iterator[str]:
        """Yield what a user should know: what was left out, and how stores are mixed.

        Args:
            loader: The loader of the run.
        """
        for source, store in zip(self.sources, self.stores, strict=True):
            if num_excluded := len(source.excluded_index(store)):
                yield f"{source.store}: {num_excluded} recordings left out by `exclude`"
        if not isinstance(loader, MixedLoader):
            return
        counts = iter(zip(loader.loaders, loader.batches_per_epoch, strict=True))
        for source, index in zip(self.sources, self.index, strict=True):
            if not len(index):
                yield f"{source.store}: no recording to pre-train on"
                continue
            one, num_batches = next(counts)
            yield (
                f"{source.store}: {len(index)} recordings, {num_batches / len(loader):.1%} of the batches, each"
                f" recording {num_batches / len(one):.2f} times an epoch"
            )

    def _offsets(self) -> np.ndarray:
        """Return the number of recordings of all stores before each."""
        return np.cumsum([0, *(len(store) for store in self.stores[:-1])])

    def _loader(self, store: SequenceStore, index: np.ndarray, distributed: DistributedContext) -> Loader:
        recipe = self.recipe
        return recipe.data.clips.loader(
            store,
            index,
            batch_size=recipe.training.batch_size // recipe.training.gradient_accumulation_steps,
            training=True,
            seed=recipe.training.seed,
            device=distributed.device,
            rank=distributed.rank,
            world_size=distributed.world_size,
            num_views=recipe.method.num_views,
            recording=number_recordings(store) if recipe.method.compares_recordings else None,
        )
