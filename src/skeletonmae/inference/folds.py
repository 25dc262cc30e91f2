"""Divide labeled recordings into folds that keep subjects together, and copies of what is tested out of them."""

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
    """Which recordings belong together.

    Args:
        tag: The tag whose values are kept together; None if there is none.
        values: Its value for each recording; empty where it has none.
        groups: Number of the group of each recording, `(recording,)`, which is on one side of a fold: that of its
            subject; of its copies, if no tag is used.
        copy_groups: Number of the group of copies of each recording, `(recording,)`. Where a recording is tested,
            nothing is fitted to its copies, whoever they are said to show.
        copies: Recordings that are the same as an earlier one, share frames with it, or are nearly the same
            (turned, mirrored, moved, scaled, at another frame rate), each with that one.
        confounded_tag: A tag that says who was recorded, but is not used, because every class shows one of its
            values only: without the recordings of a person, nothing is left of the person's classes. None if there
            is no such tag.
    """

    tag: str | None
    values: tuple[str, ...]
    groups: np.ndarray
    copy_groups: np.ndarray
    copies: tuple[Match, ...]
    confounded_tag: str | None = None

    @property
    def num_subjects(self) -> int:
        """Number of values of the tag."""
        return len(set(self.values) - {""})


def group_recordings(recordings: Sequence[SkeletonSequence], tag: str | None = None) -> Grouping:
    """Find out which recordings belong together: those of one subject, copies, and near copies.

    Subjects are not kept together if every class shows a single one, and near copies do not count if all
    recordings are near copies of each other.

    Args:
        recordings: The recordings.
        tag: Tag that says who was recorded. By default the first of `GROUP_TAGS` with two values.

    Raises:
        InputError: No recording has the tag.
    """
    if tag is not None:
        check_tag(recordings, tag)
    chosen = tag
    for name in GROUP_TAGS if tag is None else ():
        if len({value for one in recordings if (value := one.tags.get(name))}) > 1:
            chosen = name
            break
    copies = _find_copies(recordings)
    if len(set(_copy_groups(len(recordings), copies).tolist())) < 2:  # they are alike, but hardly copies
        copies = tuple(match for match in copies if match.kind != "near")
    copy_groups = _copy_groups(len(recordings), copies)
    if chosen:
        values = tuple(one.tags.get(chosen, "") for one in recordings)
        if not _is_confounded([one.label for one in recordings], values):
            return Grouping(chosen, values, _subject_groups(values), copy_groups, copies)
    unknown = ("",) * len(recordings)
    return Grouping(None, unknown, copy_groups, copy_groups, copies, confounded_tag=chosen)


def check_tag(recordings: Sequence[SkeletonSequence], tag: str) -> None:
    """Check that some recordings have a tag.

    Raises:
        InputError: None has it; the message lists those that there are.
    """
    if not any(one.tags.get(tag) for one in recordings):
        names = sorted({name for one in recordings for name in one.tags})
        expected = f"one of {', '.join(names)}" if names else "a column of labels.csv; no recording has a tag"
        raise InputError("no recording has this tag", where="--group", expected=expected, got=tag)


def _is_confounded(labels: Sequence[str | None], values: Sequence[str]) -> bool:
    """Return whether every class was recorded with one value of a tag only, and there are several of both."""
    values_of: dict[str | None, set[str]] = {}
    for label, value in zip(labels, values, strict=True):
        values_of.setdefault(label, set()).add(value)
    has_one = all(len(found) == 1 and "" not in found for found in values_of.values())
    return has_one and len(values_of) > 1 and len(set(values)) > 1


def _subject_groups(values: Sequence[str]) -> np.ndarray:
    """Return the number of the group of each recording: that of its value; without one, it is alone."""
    names = [f"value {value}" if value else f"none {index}" for index, value in enumerate(values)]
    numbers: np.ndarray = np.unique(np.array(names), return_inverse=True)[1]
    return numbers


def _copy_groups(number: int, copies: Sequence[Match]) -> np.ndarray:
    """Return the number of the group of each recording, in which are its copies, and theirs."""
    first = np.arange(number)
    for match in copies:
        first[first == first[match.index]] = first[match.other_index]
    numbers: np.ndarray = np.unique(first, return_inverse=True)[1]
    return numbers


def make_folds(
    labels: np.ndarray,
    groups: np.ndarray,
    num_folds: int,
    seed: int = 0,
    copy_groups: np.ndarray | None = None,
) -> list[Fold]:
    """Divide recordings into folds with about the same share of each class, whole groups in each.

    Copies of tested recordings, if they are in another group, are left out of what is fitted to.

    Args:
        labels: Class index of each recording.
        groups: Number of the group of each recording.
        num_folds: Number of folds; fewer if there are fewer groups, or fewer recordings of every class.
        seed: Seed of the division.
        copy_groups: Number of the group of copies of each recording; None if there are no copies.

    Returns:
        (fit, test) indices; none if there are not two groups, if no class has two recordings, or if copies leave
        nothing to fit to.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    largest_class = int(np.bincount(labels).max()) if len(labels) else 0
    number = min(num_folds, len(np.unique(groups)), largest_class)
    if number < 2:
        return []
    splitter = StratifiedGroupKFold(n_splits=number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few recordings; `fit` warns of them itself
        folds = list(splitter.split(labels, labels, groups))
    if copy_groups is not None:
        folds = [(fit[~np.isin(copy_groups[fit], copy_groups[test])], test) for fit, test in folds]
    folds = [(fit, test) for fit, test in folds if len(test) and len(fit)]
    return folds if len(folds) > 1 else []


def _find_copies(recordings: Sequence[SkeletonSequence]) -> tuple[Match, ...]:
    """Return the recordings that copy an earlier one, each once, as `validate` finds them."""
    contents, index = ContentIndex(), np.arange(len(recordings))
    for block in iter_blocks(recordings):
        contents.add(block)
    return tuple(find_copies(contents, index, contents, index))
