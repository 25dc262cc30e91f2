"""Divide labeled recordings into folds that keep the recordings of a subject, and copies, together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.validation.block import iter_blocks
from skeletonmae.validation.near_duplicates import ContentIndex, Match, find_copies

GROUP_TAGS = ("subject", "performer", "participant", "person", "actor", "pair", "animal", "individual")
"""Tags that say who was recorded; the first with at least two values is used."""
Fold = tuple[np.ndarray, np.ndarray]
"""Indices to fit on, and indices to test on."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which recordings must be on the same side of a fold.

    Args:
        tag: The tag whose values are kept together; None if there is none.
        values: Its value for each recording; empty where it has none.
        groups: Number of the group of each recording, `(recording,)`: that of its subject, if it is known, and of
            its copies.
        copies: Recordings that are the same as an earlier one, share frames with it, or are nearly the same
            (turned, mirrored, moved, scaled, at another frame rate), each with that one.
    """

    tag: str | None
    values: tuple[str, ...]
    groups: np.ndarray
    copies: tuple[Match, ...]

    @property
    def num_subjects(self) -> int:
        """Number of values of the tag."""
        return len(set(self.values) - {""})


def group_recordings(recordings: Sequence[SkeletonSequence], tag: str | None = None) -> Grouping:
    """Find out which recordings belong together: those of one subject, copies, and near copies.

    Args:
        recordings: The recordings.
        tag: Tag that says who was recorded. By default the first of `GROUP_TAGS` with two values.

    Raises:
        InputError: No recording has the tag.
    """
    if tag is not None and not any(one.tags.get(tag) for one in recordings):
        names = sorted({name for one in recordings for name in one.tags})
        expected = f"one of {', '.join(names)}" if names else "a column of labels.csv; no recording has a tag"
        raise InputError("no recording has this tag", where="--group", expected=expected, got=tag)
    chosen = tag
    for name in GROUP_TAGS if tag is None else ():
        if len({value for one in recordings if (value := one.tags.get(name))}) > 1:
            chosen = name
            break
    values = tuple(one.tags.get(chosen, "") if chosen else "" for one in recordings)
    copies = _find_copies(recordings)
    parent = list(range(len(recordings)))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_of: dict[str, int] = {}
    for index, value in enumerate(values):
        if value:
            parent[find(index)] = find(first_of.setdefault(value, index))
    for match in copies:
        parent[find(match.index)] = find(match.other_index)
    roots = np.array([find(index) for index in range(len(recordings))])
    return Grouping(chosen, values, np.unique(roots, return_inverse=True)[1], copies)


def make_folds(labels: np.ndarray, groups: np.ndarray, num_folds: int, seed: int = 0) -> list[Fold]:
    """Divide recordings into folds with about the same share of each class, whole groups in each.

    Args:
        labels: Class index of each recording.
        groups: Number of the group of each recording.
        num_folds: Number of folds; fewer if there are fewer groups, or fewer recordings of every class.
        seed: Seed of the division.

    Returns:
        (fit, test) indices; none if there are not two groups, or no class has two recordings.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    largest_class = int(np.bincount(labels).max()) if len(labels) else 0
    number = min(num_folds, len(np.unique(groups)), largest_class)
    if number < 2:
        return []
    splitter = StratifiedGroupKFold(n_splits=number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few recordings; `fit` warns of them itself
        folds = [(fit, test) for fit, test in splitter.split(labels, labels, groups) if len(test) and len(fit)]
    return folds if len(folds) > 1 else []


def _find_copies(recordings: Sequence[SkeletonSequence]) -> tuple[Match, ...]:
    """Return the recordings that copy an earlier one, each once, as `validate` finds them."""
    contents, index = ContentIndex(), np.arange(len(recordings))
    for block in iter_blocks(recordings):
        contents.add(block)
    return tuple(find_copies(contents, index, contents, index))
