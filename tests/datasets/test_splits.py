from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from skeletonmae.datasets import (
    GivenSplit,
    GroupSplit,
    SplitRule,
    StratifiedSplit,
    TagSplit,
    label_subset,
    train_val_split,
)
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import KINECT20


def make_store(path: Path, labels: list[str | None], **tags: list[str]) -> SequenceStore:
    with StoreWriter(path, KINECT20) as writer:
        for i, label in enumerate(labels):
            its = {tag: values[i] for tag, values in tags.items() if values[i]}
            writer.add(
                SkeletonSequence.from_positions(np.ones((2, 20, 3)), KINECT20, name=str(i), label=label, tags=its)
            )
    return SequenceStore.open(path)


@pytest.fixture
def store(tmp_path: Path) -> SequenceStore:
    """60 recordings: 3 classes, 6 subjects, 3 cameras; each tenth without a label."""
    return make_store(
        tmp_path / "store",
        [None if i % 10 == 9 else "abc"[i % 3] for i in range(60)],
        subject=[str(1 + i % 7 % 6) for i in range(60)],
        camera=[str(1 + i // 20) for i in range(60)],
    )


def test_a_tag_split_is_the_rule_it_says(store: SequenceStore) -> None:
    train, test = TagSplit(tag="camera", train=("1", "3"), test=("2",))(store)
    labelled = [i for i in range(60) if i % 10 != 9]
    assert train.tolist() == [i for i in labelled if not 20 <= i < 40]
    assert test.tolist() == [i for i in labelled if 20 <= i < 40]


def test_a_side_without_a_recording_says_which_values_there_are(store: SequenceStore) -> None:
    with pytest.raises(InputError, match=r"'camera'.*test side.*expected 7; got 1, 2, 3"):
        TagSplit(tag="camera", train=("1",), test=("7",))(store)
    with pytest.raises(InputError, match=r"got tags \['camera', 'subject'\]"):
        TagSplit(tag="setup", train=("1",), test=("2",))(store)


def test_a_value_on_both_sides_is_refused() -> None:
    with pytest.raises(ValidationError, match="both sides of the split: 2"):
        TagSplit(tag="camera", train=("1", "2"), test=("2",))


def test_rules_are_told_apart_by_kind() -> None:
    adapter: TypeAdapter[SplitRule] = TypeAdapter(SplitRule)
    for rule in (TagSplit(tag="a", train=("1",), test=("2",)), GroupSplit(group_by="a", seed=3)):
        assert adapter.validate_json(adapter.dump_json(rule)) == rule
    with pytest.raises(ValidationError, match="random"):
        adapter.validate_python({"kind": "random"})


def test_a_stratified_split_takes_the_share_of_each_class(store: SequenceStore) -> None:
    train, test = StratifiedSplit(test_size=1 / 3)(store)
    assert sorted([*train, *test]) == np.flatnonzero(store.labels >= 0).tolist()
    for label in range(3):
        assert (store.labels[test] == label).sum() == 6
        assert (store.labels[train] == label).sum() == 12
    assert StratifiedSplit(test_size=1 / 3)(store).test.tolist() == test.tolist()
    assert StratifiedSplit(test_size=1 / 3, seed=1)(store).test.tolist() != test.tolist()


def test_a_class_of_one_recording_is_for_training(tmp_path: Path) -> None:
    train, test = StratifiedSplit()(make_store(tmp_path / "s", ["a", "b", "b", "c", "c"]))
    assert 0 in train
    assert len(test) == 2


def test_subjects_are_kept_whole(store: SequenceStore) -> None:
    subject = store.tag("subject")
    for seed in range(5):
        train, test = GroupSplit(group_by="subject", seed=seed)(store)
        assert not set(subject[train]) & set(subject[test])
        assert abs(len(test) / 54 - 0.2) < 0.15


def test_what_cannot_be_divided(tmp_path: Path, store: SequenceStore) -> None:
    with pytest.raises(InputError, match="cannot be split"):
        StratifiedSplit()(make_store(tmp_path / "a", ["a", "b", None]))
    with pytest.raises(InputError, match="cannot be split"):
        StratifiedSplit()(make_store(tmp_path / "b", [None, None]))
    with pytest.raises(InputError, match="cannot be split by tag 'setup'"):
        GroupSplit(group_by="setup")(store)
    unneeded = GroupSplit(group_by="setup", group_required=False)(store)
    assert unneeded.test.tolist() == StratifiedSplit()(store).test.tolist()


def test_the_validation_part_is_of_the_training_side(store: SequenceStore) -> None:
    train, test = TagSplit(tag="camera", train=("1", "2"), test=("3",))(store)
    for by in (None, "subject"):
        fit, validation = train_val_split(store, train, group_by=by)
        assert sorted([*fit, *validation]) == train.tolist()
        assert not set(validation) & set(test)
    assert not set(store.tag("subject")[fit]) & set(store.tag("subject")[validation])


@given(
    labels=st.lists(st.integers(-1, 4), min_size=1, max_size=60),
    fractions=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    seed=st.integers(0, 5),
)
def test_label_subsets_are_nested_stratified_and_never_lose_a_class(
    labels: list[int], fractions: tuple[float, float], seed: int
) -> None:
    of_all = np.array(labels)
    index = np.arange(len(labels))[::2]
    less, more = (label_subset(of_all, index, fraction, seed) for fraction in sorted(fractions))
    usable = [int(i) for i in index if labels[i] >= 0]
    assert set(less) <= set(more) <= set(usable)
    for label in {labels[i] for i in usable}:
        there = sum(labels[i] == label for i in usable)
        taken = int((of_all[more] == label).sum())
        assert taken >= 1
        assert abs(taken - max(fractions) * there) <= 1
    assert label_subset(of_all, index, 1.0, seed).tolist() == usable


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="fraction"):
        label_subset(np.zeros(4, dtype=int), np.arange(4), fraction, 0)


def test_only_some_actions(tmp_path: Path) -> None:
    store = make_store(tmp_path / "s", ["a", "b", "c", None, "a"], side=["1", "1", "2", "1", "2"])
    sides = TagSplit(tag="side", train=("1",), test=("2",), classes=("a", "c"))(store)
    assert [side.tolist() for side in sides] == [[0], [2, 4]]
    with pytest.raises(InputError, match="the test side has no labeled recording"):
        TagSplit(tag="side", train=("1",), test=("2",), classes=("b",))(store)


def test_the_split_that_came_with_the_files(tmp_path: Path) -> None:
    sides = ["train", "test", "val", "", "test", "train"]
    labels = ["a", "a", "b", "a", None, "b"]
    store = make_store(tmp_path / "s", labels, xsub=sides, subject=["1", "2", "3", "4", "5", "6"])
    assert [side.tolist() for side in GivenSplit()(store)] == [[0, 5], [1]]
    assert GivenSplit().pretrain_index(store).tolist() == [0, 5]
    no_test = make_store(tmp_path / "v", labels, xsub=[side.replace("test", "val") for side in sides])
    assert [side.tolist() for side in GivenSplit()(no_test)] == [[0, 5], [1, 2]]
    two = make_store(tmp_path / "t", labels, xsub=sides, xview=["test", "train", "test", "", "", "test"])
    with pytest.raises(InputError, match="xsub, xview; choose one"):
        GivenSplit(fallback=StratifiedSplit())(two)
    assert [side.tolist() for side in GivenSplit(tag="xview")(two)] == [[1], [0, 2, 5]]
    plain = make_store(tmp_path / "p", ["a", "a", "b", "b"], subject=["1", "2", "1", "2"])
    with pytest.raises(InputError, match="exactly one split"):
        GivenSplit()(plain)
    rule = GroupSplit(group_by="subject", test_size=0.5)
    assert [s.tolist() for s in GivenSplit(fallback=rule)(plain)] == [s.tolist() for s in rule(plain)]
