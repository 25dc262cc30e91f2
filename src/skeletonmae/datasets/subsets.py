"""Random subsets of the recordings of a store: stratified by class, or by whole groups such as subjects."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Int

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

Index = Int[np.ndarray, " recording"]
Draw = Literal["per_class", "plain"]
"""How a fraction of the labels is drawn. `per_class`: the same fraction of each class, and at least one recording
of each. `plain`: of all recordings, so that a class may have none (Mao et al., ICCV 2023)."""
VALIDATION_SIZE = 0.2
"""Fraction of the labeled training recordings on which settings are chosen."""


def train_val_split(
    store: SequenceStore, train_index: Index, group_by: str | None = None, seed: int = 0
) -> tuple[Index, Index]:
    """Split the training side into a part to fit on and a part to choose settings on.

    Args:
        store: The store that `train_index` refers to.
        train_index: The training side of a split.
        group_by: Tag whose values are never divided between the two parts. By default the split is stratified by
            class.
        seed: Seed of the random choice.

    Returns:
        The indices of the fit part and of the validation part, both ascending. Together they are the labeled
        recordings of `train_index`.

    Raises:
        InputError: One of the two parts would be empty.
    """
    return split_index(store, train_index[store.labels[train_index] >= 0], VALIDATION_SIZE, group_by, seed)


def label_subset(labels: Index, index: Index, fraction: float, seed: int, draw: Draw = "per_class") -> Index:
    """Choose a fraction of the recordings, by default the same of each class, and at least one recording of each.

    With the same seed, a smaller fraction is a subset of a larger one. Fraction 1 is every labeled recording.

    Args:
        labels: Label of every recording of the store; negative for an unlabeled one.
        index: The recordings to choose from.
        fraction: Fraction of each class, or of all recordings, above 0 and at most 1.
        seed: Seed of the random choice.
        draw: How they are drawn.

    Returns:
        The chosen indices, ascending.

    Raises:
        InputError: The fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise InputError(
            "the fraction of labels is out of range", expected="a number above 0, at most 1", got=fraction
        )
    index = np.sort(index[labels[index] >= 0])
    if draw == "plain":
        num_drawn = max(1, int(fraction * len(index) + 1e-9))  # 0.07 * 100 is a little more than 7
        return np.sort(np.random.default_rng(seed).permutation(index)[:num_drawn])
    rank, class_size = _rank_in_class(labels[index], seed)
    return index[rank < np.maximum(1, np.rint(fraction * class_size))]


def split_index(
    store: SequenceStore, index: Index, size: float, group_by: str | None, seed: int
) -> tuple[Index, Index]:
    """Split labeled recordings into two parts, the second with about the fraction `size` of them.

    Args:
        store: The store that `index` refers to.
        index: Labeled recordings.
        size: Fraction for the second part.
        group_by: Tag whose values are never divided. By default the split is stratified by class.
        seed: Seed of the random choice.

    Returns:
        The indices of the two parts, both ascending.

    Raises:
        InputError: A part would be empty.
    """
    index = np.sort(index)
    if not len(index):
        raise InputError(
            "the recordings cannot be split into a training side and a test side: none has a label",
            expected="labels by sub-folders, `labels.csv` or a column `label`",
        )
    if group_by is None:
        rank, class_size = _rank_in_class(store.labels[index], seed)
        selected = rank < np.clip(np.rint(size * class_size), np.minimum(1, class_size - 1), class_size - 1)
    else:
        group, names = group_codes(store, group_by)
        group_size = np.bincount(group[index], minlength=len(names))
        nonempty = np.flatnonzero(group_size)
        if len(nonempty) < 2:
            raise InputError(
                f"the recordings cannot be split by tag {group_by!r}",
                expected="at least two values of the tag",
                got=", ".join(repr(names[code]) for code in nonempty) or "no labeled recording",
            )
        order = np.random.default_rng(seed).permutation(nonempty)
        distance = np.abs(np.cumsum(group_size[order])[:-1] - size * len(index))
        in_second = np.zeros(len(names), dtype=bool)
        in_second[order[: int(np.argmin(distance)) + 1]] = True
        selected = in_second[group[index]]
    if selected.all() or not selected.any():
        raise InputError(
            f"{len(index)} labeled recordings cannot be split {1 - size:.0%} to {size:.0%}",
            expected="at least one class with two or more recordings",
            got=", ".join(f"{store.classes[code]} ({count})" for code, count in _class_sizes(store.labels[index])),
        )
    return index[~selected], index[selected]


def group_codes(store: SequenceStore, tag: str) -> tuple[Index, list[str]]:
    """Group the recordings by the value of a tag; those without a value form the group "".

    Returns:
        The group index of each recording, `(recording,)` int32, and the sorted names of the groups.
    """
    codes, values = store.tag_codes(tag)
    names, rank = np.unique([*values, ""], return_inverse=True)
    return rank.astype(np.int32)[codes], names.tolist()


def _class_sizes(labels: Index, max_classes: int = 5) -> list[tuple[int, int]]:
    """The first classes that occur, each with its number of recordings."""
    codes, counts = np.unique(labels, return_counts=True)
    return list(zip(codes[:max_classes].tolist(), counts[:max_classes].tolist(), strict=True))


def _rank_in_class(labels: Index, seed: int) -> tuple[Index, Index]:
    """Rank of each recording in a random order of its class, and the size of that class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = order[np.argsort(code[order], kind="stable")]
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank, counts[code]
