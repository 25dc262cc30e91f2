from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skeletonmae.datasets import TagSplit, label_subset, train_val_split
from skeletonmae.datasets.subsets import split_index
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

MakeStore = Callable[..., SequenceStore]


def test_the_validation_part_comes_from_the_training_side(labeled_store: SequenceStore) -> None:
    train, test = TagSplit(tag="camera", train=("1", "2"), test=("3",))(labeled_store)
    for group_by in (None, "subject"):
        fit, validation = train_val_split(labeled_store, train, group_by=group_by)
        assert sorted([*fit, *validation]) == train.tolist()
        assert not set(validation) & set(test)
    subject = labeled_store.tag("subject")
    assert not set(subject[fit]) & set(subject[validation])


@pytest.mark.parametrize(
    ("num_in_class", "size", "expected"),
    [(1, 0.5, 0), (2, 0.05, 1), (2, 0.9, 1), (5, 0.3, 2), (6, 0.25, 2), (7, 0.2, 1)],
)
def test_each_class_gives_its_rounded_share_but_not_all_of_it(
    make_labeled_store: MakeStore, num_in_class: int, size: float, expected: int
) -> None:
    store = make_labeled_store("store", ["a"] * num_in_class + ["b"] * 10)
    _, selected = split_index(store, np.arange(len(store)), size, None, seed=0)
    assert (store.labels[selected] == 0).sum() == expected


@given(
    labels=st.lists(st.integers(-1, 4), min_size=1, max_size=60),
    fractions=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    seed=st.integers(0, 5),
)
def test_label_subsets_are_nested_and_keep_every_class(
    labels: list[int], fractions: tuple[float, float], seed: int
) -> None:
    all_labels = np.array(labels)
    index = np.arange(len(labels))[::2]
    smaller, larger = (label_subset(all_labels, index, fraction, seed) for fraction in sorted(fractions))
    labeled = [int(i) for i in index if labels[i] >= 0]
    assert set(smaller) <= set(larger) <= set(labeled)
    for label in {labels[i] for i in labeled}:
        class_size = sum(labels[i] == label for i in labeled)
        num_selected = int((all_labels[larger] == label).sum())
        assert num_selected == max(1, round(max(fractions) * class_size))
    assert label_subset(all_labels, index, 1.0, seed).tolist() == labeled


@pytest.mark.parametrize(
    ("class_size", "fraction", "expected"), [(7, 0.5, 4), (10, 0.25, 2), (10, 0.26, 3), (10, 0.01, 1)]
)
def test_the_size_of_a_label_subset_is_rounded(class_size: int, fraction: float, expected: int) -> None:
    labels = np.zeros(class_size, dtype=int)
    assert len(label_subset(labels, np.arange(class_size), fraction, seed=0)) == expected


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_an_error(fraction: float) -> None:
    with pytest.raises(InputError, match="fraction"):
        label_subset(np.zeros(4, dtype=int), np.arange(4), fraction, 0)


def test_a_plain_draw_takes_a_share_of_all_recordings() -> None:
    seed = 3
    labels = np.array([0] * 150 + [1] * 50 + [2, -1])
    index = np.arange(202)
    drawn = label_subset(labels, index, 0.1, seed, "plain")
    assert len(drawn) == 20  # the share of 201 labeled recordings, rounded down
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert not (drawn == 201).any()
    assert set(label_subset(labels, index, 0.05, seed, "plain")) < set(drawn)
    assert drawn.tolist() != label_subset(labels, index, 0.1, seed + 1, "plain").tolist()
    num_of_class_0 = [int((labels[label_subset(labels, index, 0.1, s, "plain")] == 0).sum()) for s in range(200)]
    assert min(num_of_class_0) < 15 < max(num_of_class_0)
    assert np.mean(num_of_class_0) == pytest.approx(20 * 150 / 201, abs=0.4)
    assert len(label_subset(labels, index, 0.001, seed, "plain")) == 1
    assert len(label_subset(np.zeros(100, dtype=int), np.arange(100), 0.29, seed, "plain")) == 29
    assert label_subset(labels, index, 1.0, seed, "plain").tolist() == list(range(201))
