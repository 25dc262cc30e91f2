"""Which recordings of a training side settings are selected on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.datasets.subsets import Index, train_val_split
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

WHERE = "data.validation_group"


class ValidationGroup(Config):
    """Recordings with certain values of a tag, on which settings are selected."""

    tag: str
    """Name of the tag, such as `camera`."""
    values: tuple[str, ...] = Field(min_length=1)
    """Values whose recordings are held out; settings are selected on them after fitting on all others."""

    def split(self, store: SequenceStore, index: Index) -> tuple[Index, Index]:
        """Divide recordings into those to fit on and those to select settings on, both in the order of `index`.

        Raises:
            InputError: The store has no such tag or value, or no recording of `index` is on one of the sides.
        """
        check_tag(store, self.tag)
        known = store.tags[self.tag]
        if unknown := [value for value in self.values if value not in known]:
            problem = f"the store has no recording with this {self.tag}"
            raise InputError(problem, where=WHERE, expected=_join(known), got=_join(unknown))
        index = index[store.labels[index] >= 0]
        value_of = store.tag(self.tag)[index]
        is_held_out = np.isin(value_of, self.values)
        if is_held_out.all() or not is_held_out.any():
            side = "to fit on" if is_held_out.all() else "to select settings on"
            raise InputError(
                f"no training recording is left {side} if {self.tag} {_join(self.values)} is held out",
                where=WHERE,
                expected=f"some of the values of {self.tag} among the training recordings, but not all",
                got=_join(sorted({value or "(none)" for value in value_of.tolist()})) or "no labeled recording",
            )
        return index[~is_held_out], index[is_held_out]


def split_by_group(
    store: SequenceStore, index: Index, group: str | ValidationGroup | None, seed: int
) -> tuple[Index, Index]:
    """Divide recordings into those to fit on and those to select settings on.

    Args:
        store: The store that `index` refers to.
        index: Recordings of the training side.
        group: The values to hold out; or a tag, of which the seed draws values with about 20 % of the recordings;
            or None for 20 % of each class. A tag that has a single value there is ignored.
        seed: Seed of the random choice.

    Raises:
        InputError: The store has no such tag or value, or one of the two parts would be empty.
    """
    if isinstance(group, ValidationGroup):
        return group.split(store, index)
    if group:
        check_tag(store, group)
        group = group if len(set(store.tag(group)[index])) > 1 else None
    return train_val_split(store, index, group_by=group, seed=seed)


def folds_by_group(
    store: SequenceStore, index: Index, group: str | ValidationGroup | None, num_folds: int
) -> list[tuple[Index, Index]]:
    """Divide recordings several times into those to fit on and those to select settings on.

    Every recording is among the latter once. Named values to hold out are one part, so that nothing is fitted to
    any of them: then there is one division, that of `split_by_group`.

    Args:
        store: The store that `index` refers to.
        index: Recordings of the training side.
        group: As in `split_by_group`.
        num_folds: Number of parts, of which there are at most as many as values of the tag.

    Raises:
        InputError: As `split_by_group`, or there are fewer recordings than parts.
    """
    from sklearn.model_selection import GroupKFold, StratifiedKFold  # slow to import

    if isinstance(group, ValidationGroup):
        return [group.split(store, index)]
    if len(index) < num_folds:
        problem = "too few recordings to select settings in folds"
        raise InputError(problem, where=WHERE, expected=f"{num_folds} or more", got=len(index))
    if group:
        check_tag(store, group)
    values = np.asarray(store.tag(group))[index] if group else np.zeros(len(index))
    num_values = len(np.unique(values))
    if num_values > 1:
        parts = GroupKFold(min(num_folds, num_values)).split(index, groups=values)
    else:
        with warnings.catch_warnings():  # of classes with fewer clips than parts
            warnings.simplefilter("ignore", UserWarning)
            splitter = StratifiedKFold(num_folds, shuffle=True, random_state=0)
            parts = list(splitter.split(index, store.labels[index]))
    return [(index[fit], index[val]) for fit, val in parts]


def describe_folds(group: str | ValidationGroup | None, num_folds: int) -> str:
    """Describe the recordings that settings are selected on in folds."""
    if isinstance(group, ValidationGroup):
        return describe_validation(group)
    return f"{num_folds} folds of the training side, by {group or 'class'}"


def describe_validation(group: str | ValidationGroup | None) -> str:
    """Describe the recordings that settings are selected on."""
    if isinstance(group, ValidationGroup):
        return f"{group.tag} {_join(group.values)} of the training side"
    return f"20 % of the training side, by {group}" if group else "20 % of each class of the training side"


def check_tag(store: SequenceStore, tag: str) -> None:
    """Check that a store has a tag.

    Raises:
        InputError: It does not.
    """
    if tag not in store.tags:
        expected = f"a tag of the store: {', '.join(store.tags) or 'it has none'}"
        raise InputError("the store has no such tag", where=WHERE, expected=expected, got=tag)


def _join(values: Iterable[str], max_values: int = 50) -> str:
    names = list(values)
    more = f" and {len(names) - max_values} more" if len(names) > max_values else ""
    return ", ".join(names[:max_values]) + more
