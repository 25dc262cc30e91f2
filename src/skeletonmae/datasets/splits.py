"""Rules that split a store into a training side and a test side, by its tags and labels.

Evaluation needs labels, so an unlabeled recording is on neither side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from jaxtyping import Bool
from pydantic import Field, model_validator

from skeletonmae.config import Config
from skeletonmae.datasets.subsets import Index, group_codes, split_index
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence


class Split(NamedTuple):
    """Indices of recordings of a store, ascending; no recording is on both sides."""

    train: Index
    test: Index


class _SplitRule(Config):
    """The base class of split rules, which define `sides`."""

    @abstractmethod
    def sides(self, store: SequenceStore) -> Split:
        """Split `store`, whatever the number of classes on each side."""

    def __call__(self, store: SequenceStore) -> Split:
        """Split `store`.

        Raises:
            InputError: The rule does not apply to the store, a side is empty, or the training side has a single
                class.
        """
        return check_classes(store, self.sides(store))


class TagSplit(_SplitRule):
    """Split by the value of a tag. A recording with any other value is on neither side."""

    kind: Literal["tag"] = "tag"
    tag: str
    """Name of the tag, such as `subject` or `camera`."""
    train: tuple[str, ...] = Field(min_length=1)
    """Values of the training side."""
    test: tuple[str, ...] = Field(min_length=1)
    """Values of the test side."""
    classes: tuple[str, ...] = ()
    """Classes to include; recordings of other classes are on neither side. Empty includes every class."""

    @model_validator(mode="after")
    def _sides_are_disjoint(self) -> Self:
        if overlap := sorted(set(self.train) & set(self.test)):
            raise ValueError(f"these values are on both sides of the split: {', '.join(overlap)}")
        return self

    def describe(self, store: SequenceStore) -> str:
        """Describe the two sides in a sentence, with the values of the tag."""
        return _describe(store, self.sides(store), self.tag)

    def sides(self, store: SequenceStore) -> Split:
        """Split `store`, whatever the number of classes on each side.

        Raises:
            InputError: A side is empty.
        """
        is_included = np.array([not self.classes or name in self.classes for name in store.classes] + [False])
        included = is_included[store.labels]  # label -1 (unlabeled) reads the last element
        sides = Split(
            *(np.flatnonzero(included & self._has_value(store, side)) for side in (self.train, self.test))
        )
        for side, values, index in zip(Split._fields, (self.train, self.test), sides, strict=True):
            if not len(index):
                raise InputError(
                    f"the {side} side has no labeled recording",
                    where=f"split on tag {self.tag!r}",
                    expected=", ".join(values),
                    got=", ".join(store.tags.get(self.tag, ())) or f"tags {sorted(store.tags)}",
                )
        return sides

    def side(self, recording: SkeletonSequence) -> Literal["train", "test", ""]:
        """Return the side of a single recording, or "" if it is on neither."""
        value, included = recording.tags.get(self.tag), not self.classes or recording.label in self.classes
        if value is None or recording.label is None or not included:
            return ""
        return "train" if value in self.train else "test" if value in self.test else ""

    def pretrain_index(self, store: SequenceStore) -> Index:
        """Return the recordings with a training value, labeled or not, ascending."""
        return np.flatnonzero(self._has_value(store, self.train))

    def _has_value(self, store: SequenceStore, values: tuple[str, ...]) -> Bool[np.ndarray, " recording"]:
        codes, names = store.tag_codes(self.tag)
        is_selected = np.array([name in values for name in (*names, "")])
        selected: np.ndarray = is_selected[codes]  # code -1 (no value) reads the last element
        return selected


class StratifiedSplit(_SplitRule):
    """Split each class at random in the same proportion, as scikit-learn's `StratifiedShuffleSplit` does."""

    kind: Literal["stratified"] = "stratified"
    test_size: float = Field(default=0.2, gt=0, lt=1)
    """Fraction of the labeled recordings on the test side."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random choice."""

    def pretrain_index(self, store: SequenceStore) -> Index:
        """Return every recording, labeled or not, that is not on the test side, ascending."""
        return np.setdiff1d(np.arange(len(store)), self.sides(store).test)

    def describe(self, store: SequenceStore) -> str:
        """Describe the two sides in a sentence."""
        train, test = self.sides(store)
        return (
            f"{_count(test, 'test recording')} and {_count(train, 'training recording')}, "
            f"drawn at random from each class (seed {self.seed})"
        )

    def sides(self, store: SequenceStore) -> Split:
        """Split `store`, whatever the number of classes on each side.

        Raises:
            InputError: A side is empty.
        """
        return Split(*split_index(store, _labeled(store), self.test_size, None, self.seed))


class GroupSplit(_SplitRule):
    """Split whole groups, such as subjects, at random, as scikit-learn's `GroupShuffleSplit` does.

    The test side takes the groups whose recordings come closest to the fraction `test_size`.
    """

    kind: Literal["grouped"] = "grouped"
    group_by: str
    """Tag that names the group of a recording. All recordings of a group are on one side."""
    test_size: float = Field(default=0.2, gt=0, lt=1)
    """Fraction of the labeled recordings on the test side, as far as whole groups allow."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random choice."""
    group_required: bool = True
    """If False, a store with fewer than two groups is split by class instead (`stratified`)."""

    def describe(self, store: SequenceStore) -> str:
        """Describe the two sides in a sentence, with the names of the groups that were drawn."""
        rule = self.resolve(store)
        if isinstance(rule, StratifiedSplit):
            return rule.describe(store)
        return f"{_describe(store, self.sides(store), self.group_by)}; drawn at random (seed {self.seed})"

    def sides(self, store: SequenceStore) -> Split:
        """Split `store`, whatever the number of classes on each side.

        Raises:
            InputError: A side is empty.
        """
        rule = self.resolve(store)
        if isinstance(rule, StratifiedSplit):
            return rule.sides(store)
        return Split(*split_index(store, _labeled(store), self.test_size, self.group_by, self.seed))

    def pretrain_index(self, store: SequenceStore) -> Index:
        """Return every recording, labeled or not, whose group has no recording on the test side, ascending."""
        rule = self.resolve(store)
        if isinstance(rule, StratifiedSplit):
            return rule.pretrain_index(store)
        group, names = group_codes(store, self.group_by)
        in_test = np.zeros(len(names), dtype=bool)
        in_test[group[self.sides(store).test]] = True
        return np.flatnonzero(~in_test[group])

    def resolve(self, store: SequenceStore) -> GroupSplit | StratifiedSplit:
        """Return the rule that applies to `store`: this one, or the stratified one where groups are missing."""
        if self.group_required or len(store.tags.get(self.group_by, ())) > 1:
            return self
        return StratifiedSplit(test_size=self.test_size, seed=self.seed)


SIDES = ("train", "val", "test")
"""The values of a tag by which the files themselves name the side of a recording."""


class GivenSplit(_SplitRule):
    """The split that came with the files: a tag with the values `train` and `test` (or `val`).

    `val` is the test side only if there is no `test`; otherwise it is on neither side.
    """

    kind: Literal["given"] = "given"
    tag: str | None = None
    """Name of the tag. Needed only if the files came with several splits, such as `xsub` and `xview`."""
    fallback: Annotated[StratifiedSplit | GroupSplit, Field(discriminator="kind")] | None = None
    """The rule for files that came without a split."""

    def rule(self, store: SequenceStore) -> TagSplit | StratifiedSplit | GroupSplit:
        """Return the rule that applies to `store`.

        Raises:
            InputError: No tag gives a split, or several do and `tag` does not choose one.
        """
        tags = [self.tag] if self.tag else given_tags(store.tags)
        if not tags and self.fallback:
            return self.fallback
        if len(tags) != 1 or not is_given(store.tags.get(tags[0], ())):
            got = f"{', '.join(tags)}; choose one by `split: {{kind: given, tag: {tags[0]}}}`" if tags else "none"
            raise InputError(
                "the files do not come with exactly one split",
                expected="one tag with the values train and test, or train and val",
                got=got,
            )
        test = "test" if "test" in store.tags[tags[0]] else "val"
        return TagSplit(tag=tags[0], train=("train",), test=(test,))

    def sides(self, store: SequenceStore) -> Split:
        """Split `store`, whatever the number of classes on each side.

        Raises:
            InputError: The split is ambiguous, or a side is empty.
        """
        return self.rule(store).sides(store)

    def describe(self, store: SequenceStore) -> str:
        """Describe the two sides in a sentence."""
        return self.rule(store).describe(store)

    def pretrain_index(self, store: SequenceStore) -> Index:
        """Return every recording of the training side, labeled or not, ascending."""
        return self.rule(store).pretrain_index(store)


def is_given(values: Sequence[str]) -> bool:
    """Return whether the values of a tag are the sides of a split."""
    return "train" in values and len(values) > 1 and set(values) <= set(SIDES)


def given_tags(tags: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tags by which the files themselves name the side of a recording."""
    return [tag for tag, values in tags.items() if is_given(values)]


def check_classes(store: SequenceStore, split: Split) -> Split:
    """Return `split` if its training side has at least two classes.

    With a single class, every classifier reaches an accuracy of 100 %, whatever it was trained on.

    Raises:
        InputError: All training recordings have the same class.
    """
    classes = np.unique(store.labels[split.train])
    if len(classes) < 2:
        raise InputError(
            f"accuracy would mean nothing: all {len(split.train)} training recordings have the same class",
            expected="labeled recordings of at least two classes",
            got=", ".join(repr(store.classes[label]) for label in classes.tolist()),
        )
    return split


def _describe(store: SequenceStore, split: Split, tag: str, max_names: int = 50) -> str:
    """Both sides of a split by a tag, with its values on each side."""
    group, names = group_codes(store, tag)
    sides = []
    for side, index in (("test", split.test), ("training", split.train)):
        values = [names[code] or "(none)" for code in np.unique(group[index]).tolist()]
        more = f" and {len(values) - max_names} more" if len(values) > max_names else ""
        sides.append(f"{_count(index, f'{side} recording')} of {tag} {', '.join(values[:max_names])}{more}")
    return "; ".join(sides)


def _count(index: Index, noun: str) -> str:
    return f"{len(index)} {noun}{'s' * (len(index) != 1)}"


def _labeled(store: SequenceStore) -> Index:
    return np.flatnonzero(store.labels >= 0)


SplitRule = Annotated[TagSplit | StratifiedSplit | GroupSplit | GivenSplit, Field(discriminator="kind")]
"""Any split rule; `kind` tells which."""
