"""A store of a recipe, and which of its recordings are used."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from skeletonmae.config import Config
from skeletonmae.datasets import DATASETS, GivenSplit, GroupSplit, SplitRule, StratifiedSplit, TagSplit
from skeletonmae.datasets.validation_group import ValidationGroup
from skeletonmae.errors import InputError
from skeletonmae.evaluation.copies import TestCopies
from skeletonmae.sequences import SequenceStore
from skeletonmae.transforms import ClipConfig

MAX_NAMES = 5
"""Names of recordings that a message quotes."""


class Source(Config):
    """A store, and which of its recordings."""

    store: Path
    """Folder that `skeletonmae prepare` wrote."""
    split: str | SplitRule | None = None
    """The name of one of the dataset's splits, or a custom rule; by default the dataset's default split."""
    use: Literal["train", "all"] = "train"
    """Recordings to pre-train on: the training side of the split (labels are not needed), or all."""
    exclude_classes: tuple[str, ...] = ()
    """Classes that pre-training leaves out, such as those of `few_shot`. Recordings without a label stay."""
    share: float | None = Field(None, gt=0)
    """Relative share of the batches of pre-training, such as 2 for twice as many as a source with 1. All sources
    have one, or none: then each recording is used once in an epoch."""
    exclude: tuple[str, ...] | Path = ()
    """Names of recordings that pre-training leaves out, or a text file with one name per line, such as copies of
    test recordings."""

    def open(self) -> SequenceStore:
        """Open the store and verify its checksums."""
        store = SequenceStore.open(self.store)
        store.verify()
        return store

    def split_rule(self, store: SequenceStore) -> TagSplit | StratifiedSplit | GroupSplit:
        """Return the rule that divides the store.

        Raises:
            InputError: The split is not one of the dataset's.
        """
        split = self.split
        rule = self._named_rule(store, split) if split is None or isinstance(split, str) else split
        return rule.rule(store) if isinstance(rule, GivenSplit) else rule

    def _named_rule(self, store: SequenceStore, name: str | None) -> SplitRule:
        dataset = DATASETS.get(store.datasets[0])
        if dataset is None:
            problem = f"dataset {store.datasets[0]!r} has no named splits; give a rule in `split`"
            raise InputError(problem, where=self.store, expected=", ".join(DATASETS))
        name = name or dataset.default_split
        if name not in dataset.splits:
            expected = ", ".join(dataset.splits)
            raise InputError(f"{dataset.name} has no such split", where=self.store, expected=expected, got=name)
        return dataset.splits[name]

    def pretrain_index(self, store: SequenceStore) -> np.ndarray:
        """Return the indices of the recordings to pre-train on, `(recording,)`; empty recordings are left out.

        Raises:
            InputError: The store has no class of `exclude_classes` or no recording of `exclude`, or the split does
                not apply to it.
        """
        use_all = self.use == "all" or not (store.labels >= 0).any()  # without labels there is no test side
        index = np.arange(len(store)) if use_all else self._train_index(store)
        if unknown := [name for name in self.exclude_classes if name not in store.classes]:
            where, expected = f"{self.store}: exclude_classes", ", ".join(store.classes)
            raise InputError("the store has no such class", where=where, expected=expected, got=", ".join(unknown))
        excluded = [store.classes.index(name) for name in self.exclude_classes]
        is_kept = (store.num_persons[index] > 0) & ~np.isin(store.labels[index], excluded)
        return index[is_kept & ~np.isin(index, self.excluded_index(store))]

    def _train_index(self, store: SequenceStore) -> np.ndarray:
        """Return the indices of the training side, `(recording,)`."""
        rule = self.split_rule(store)
        try:
            return rule.pretrain_index(store)
        except InputError as error:
            advice = "to pre-train on all of them, set `use: all` for this store, such as data.evaluate.use=all"
            raise InputError(
                f"the recordings have no training side ({error}); {advice}", where=self.store
            ) from error

    def excluded_index(self, store: SequenceStore) -> np.ndarray:
        """Return the indices of the recordings that `exclude` names, `(recording,)`, ascending.

        Raises:
            InputError: The store has no recording of a name, or the file cannot be read.
        """
        excluded = self.excluded_names()
        if not excluded:
            return np.zeros(0, dtype=np.int64)
        names = [store.name(index) for index in range(len(store))]
        if unknown := sorted(excluded - set(names)):
            got = ", ".join(unknown[:MAX_NAMES]) + (" ..." if len(unknown) > MAX_NAMES else "")
            raise InputError(
                f"the store has no such recording ({len(unknown)} names)", where=f"{self.store}: exclude", got=got
            )
        return np.flatnonzero([name in excluded for name in names])

    def with_names_to_exclude(self) -> Source:
        """Return a copy with the names to exclude, which may be in a file."""
        return self.model_copy(update={"exclude": tuple(sorted(self.excluded_names()))})

    def excluded_names(self) -> frozenset[str]:
        """Return the names in `exclude`, or in its file.

        Raises:
            InputError: The file cannot be read.
        """
        if not isinstance(self.exclude, Path):
            return frozenset(self.exclude)
        try:
            lines = self.exclude.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            problem = f"the list of recordings to leave out cannot be read ({error})"
            raise InputError(problem, where=f"{self.store}: exclude", got=self.exclude) from error
        return frozenset(line.strip() for line in lines if line.strip())


class DataConfig(ClipConfig):
    """The recordings, and how they become clips."""

    pretrain: tuple[Source, ...] = ()
    """Stores to pre-train on; by default the store under `evaluate`. They have the same layout, axes and unit,
    unless the method reads any layout (`joint_embedding: description`)."""
    evaluate: Source
    """The store to evaluate on."""
    validation_group: str | ValidationGroup | None = None
    """Tag, such as `subject`, whose groups stay together when the training split is divided for validation; or a
    tag and the values of the groups to validate on, such as `{tag: camera, values: ['1']}`."""
    test_copies: TestCopies = "keep"
    """Test recordings that are exact copies of training recordings: `keep` them, and also state the accuracy
    without them; or `remove` them from the test side."""

    @field_validator("pretrain")
    @classmethod
    def _check_shares(cls, pretrain: tuple[Source, ...]) -> tuple[Source, ...]:
        if len({source.share is None for source in pretrain}) > 1:
            without = next(source.store for source in pretrain if source.share is None)
            raise ValueError(f"all stores have a share, or none; {without} has none")
        return pretrain

    @property
    def pretrain_sources(self) -> tuple[Source, ...]:
        """The stores to pre-train on."""
        return self.pretrain or (self.evaluate,)

    @property
    def clips(self) -> ClipConfig:
        """How recordings become clips, without the stores."""
        return ClipConfig(**{name: getattr(self, name) for name in ClipConfig.model_fields})
