"""Which recordings are for training and which for testing: rules on a store's tags and labels.

Evaluation needs labels, so a recording without one is on neither side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Int
from pydantic import Field, model_validator

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence

Index = Int[np.ndarray, " recording"]


class Split(NamedTuple):
    """Places of recordings in a store, ascending; the two sides share none."""

    train: Index
    test: Index


class TagSplit(Config):
    """The value of a tag says the side; a recording with another value is on neither."""

    kind: Literal["tag"] = "tag"
    tag: str
    """Such as `subject` or `camera`."""
    train: tuple[str, ...] = Field(min_length=1)
    """Values of the training side."""
    test: tuple[str, ...] = Field(min_length=1)
    """Values of the test side."""
    classes: tuple[str, ...] = ()
    """Recordings of other actions are on neither side; every action counts if none is given."""

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := sorted(set(self.train) & set(self.test)):
            raise ValueError(f"on both sides of the split: {', '.join(both)}")
        return self

    def __call__(self, store: SequenceStore) -> Split:
        """The two sides of `store`.

        Raises:
            InputError: a side is empty.
        """
        counts = np.array([not self.classes or name in self.classes for name in store.classes] + [False])
        labelled = counts[store.labels]  # -1, no label, is the last
        sides = Split(*(np.flatnonzero(labelled & self._has(store, side)) for side in (self.train, self.test)))
        for side, wanted, index in zip(Split._fields, (self.train, self.test), sides, strict=True):
            if not len(index):
                raise InputError(
                    f"the {side} side has no labelled recording",
                    where=f"split on tag {self.tag!r}",
                    expected=", ".join(wanted),
                    got=", ".join(store.tags.get(self.tag, ())) or f"tags {sorted(store.tags)}",
                )
        return sides

    def side(self, recording: SkeletonSequence) -> Literal["train", "test", ""]:
        """The side that a single recording is on, if any."""
        value, counts = recording.tags.get(self.tag), not self.classes or recording.label in self.classes
        if value is None or recording.label is None or not counts:
            return ""
        return "train" if value in self.train else "test" if value in self.test else ""

    def pretraining(self, store: SequenceStore) -> Index:
        """Recordings of the training values, with or without a label, ascending."""
        return np.flatnonzero(self._has(store, self.train))

    def _has(self, store: SequenceStore, wanted: tuple[str, ...]) -> Bool[np.ndarray, " recording"]:
        codes, values = store.tag_codes(self.tag)
        has: np.ndarray = np.array([value in wanted for value in (*values, "")])[codes]  # -1, none, is the last
        return has


class StratifiedSplit(Config):
    """A share of each class by chance, or whole values of a tag (such as subjects) that make up the share."""

    kind: Literal["stratified"] = "stratified"
    test_share: float = Field(default=0.2, gt=0, lt=1)
    """Of the labelled recordings."""
    seed: int = Field(default=0, ge=0)
    """Chooses them."""
    by: str | None = None
    """A tag whose values are never divided between the sides."""
    tag_required: bool = True
    """If False, `by` is left aside where the recordings have fewer than two values of it."""

    def __call__(self, store: SequenceStore) -> Split:
        """The two sides of `store`.

        Raises:
            InputError: a side is empty, or no two values of the tag are there.
        """
        labelled = np.flatnonzero(store.labels >= 0)
        return Split(*_divide(store, labelled, self.test_share, self._tag(store), self.seed))

    def pretraining(self, store: SequenceStore) -> Index:
        """Every recording, with or without a label, that is not on the test side, ascending.

        With `by`, one that shares its value of the tag with the test side is left out too.
        """
        test, by = self(store).test, self._tag(store)
        if by is None:
            return np.setdiff1d(np.arange(len(store)), test)
        group, names = _groups(store, by)
        held = np.zeros(len(names), dtype=bool)
        held[group[test]] = True
        return np.flatnonzero(~held[group])

    def _tag(self, store: SequenceStore) -> str | None:
        """The tag to keep whole, if it can be."""
        few = self.by is not None and len(store.tags.get(self.by, ())) < 2
        return None if few and not self.tag_required else self.by


SIDES = ("train", "val", "test")
"""What the values of a tag are called by which the files themselves say the side."""


class GivenSplit(Config):
    """The split that came with the files: a tag with the values `train` and `test` (or `val`).

    `val` is the test side only where there is no `test`; else it is on neither side.
    """

    kind: Literal["given"] = "given"
    tag: str | None = None
    """Which tag, if there are several, such as `xsub` and `xview`."""
    otherwise: StratifiedSplit | None = None
    """The rule for files that brought no split."""

    def rule(self, store: SequenceStore) -> TagSplit | StratifiedSplit:
        """The rule that applies to `store`.

        Raises:
            InputError: no tag says the side, or several do.
        """
        tags = [self.tag] if self.tag else given_tags(store.tags)
        if not tags and self.otherwise:
            return self.otherwise
        if len(tags) != 1 or not is_given(store.tags.get(tags[0], ())):
            expected = "one tag with the values train and test, or train and val"
            got = f"{', '.join(tags)}: say which, by `split: {{kind: given, tag: {tags[0]}}}`" if tags else "none"
            raise InputError("the split that came with the files is not clear", expected=expected, got=got)
        test = "test" if "test" in store.tags[tags[0]] else "val"
        return TagSplit(tag=tags[0], train=("train",), test=(test,))

    def __call__(self, store: SequenceStore) -> Split:
        """The two sides of `store`.

        Raises:
            InputError: the split is not clear, or a side is empty.
        """
        return self.rule(store)(store)

    def pretraining(self, store: SequenceStore) -> Index:
        """Every recording that is for training, with or without a label, ascending."""
        return self.rule(store).pretraining(store)


def is_given(values: Sequence[str]) -> bool:
    """Whether the values of a tag say the side of a split."""
    return "train" in values and len(values) > 1 and set(values) <= set(SIDES)


def given_tags(tags: Mapping[str, Sequence[str]]) -> list[str]:
    """The tags by which the files themselves say the side."""
    return [tag for tag, values in tags.items() if is_given(values)]


SplitRule = Annotated[TagSplit | StratifiedSplit | GivenSplit, Field(discriminator="kind")]
"""Any of the rules, told apart by `kind`."""


def validation_part(
    store: SequenceStore, train_index: Index, share: float = 0.2, by: str | None = None, seed: int = 0
) -> tuple[Index, Index]:
    """Divide a training side: what to fit on, and what every choice is made on.

    Args:
        store: the recordings.
        train_index: the training side of a split.
        share: how much of it is for validation.
        by: a tag whose values are kept whole; without it each class gives its share.
        seed: chooses them.

    Returns:
        (fit, validation), ascending; together the labelled recordings of `train_index`.

    Raises:
        InputError: one of them would be empty.
    """
    return _divide(store, train_index[store.labels[train_index] >= 0], share, by, seed)


def label_subset(labels: Index, index: Index, fraction: float, seed: int) -> Index:
    """The recordings of `index` whose labels are used: the same fraction of each class, at least one.

    With the same seed a smaller fraction is a subset of a larger one; fraction 1 is every labelled recording.

    Args:
        labels: of all recordings of the store; negative is none.
        index: to choose from.
        fraction: above 0, at most 1.
        seed: chooses them.

    Raises:
        InputError: the fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise InputError("fraction of labels out of range", expected="above 0, at most 1", got=fraction)
    index = np.sort(index[labels[index] >= 0])
    rank, count = _rank_in_class(labels[index], seed)
    return index[rank < np.maximum(1, np.rint(fraction * count))]


def _groups(store: SequenceStore, tag: str) -> tuple[Index, list[str]]:
    """The place of each recording's value of a tag in the sorted values; "" is a value, that of none."""
    codes, values = store.tag_codes(tag)
    names, place = np.unique([*values, ""], return_inverse=True)
    return place.astype(np.int32)[codes], names.tolist()


def _rank_in_class(labels: Index, seed: int) -> tuple[Index, Index]:
    """Each recording's place in a random order of its class, and the size of that class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = order[np.argsort(code[order], kind="stable")]
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank, counts[code]


def _divide(store: SequenceStore, index: Index, share: float, by: str | None, seed: int) -> tuple[Index, Index]:
    """(rest, share) of `index`, both ascending."""
    index = np.sort(index)
    if by is None:
        rank, count = _rank_in_class(store.labels[index], seed)
        taken = rank < np.clip(np.rint(share * count), np.minimum(1, count - 1), count - 1)
    else:
        group, names = _groups(store, by)
        counts = np.bincount(group[index], minlength=len(names))
        there = np.flatnonzero(counts)
        if len(there) < 2:
            got = [names[place] for place in there]
            raise InputError(f"tag {by!r} cannot divide them", expected="at least two values", got=got)
        order = np.random.default_rng(seed).permutation(there)
        off = np.abs(np.cumsum(counts[order])[:-1] - share * len(index))
        held = np.zeros(len(names), dtype=bool)
        held[order[: int(np.argmin(off)) + 1]] = True
        taken = held[group[index]]
    if taken.all() or not taken.any():
        problem = f"{len(index)} labelled recordings cannot be divided {1 - share:.0%} to {share:.0%}"
        raise InputError(problem, expected="a class with at least two recordings")
    return index[~taken], index[taken]
