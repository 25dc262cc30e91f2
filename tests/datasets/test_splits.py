from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from skeletonmae.datasets import GivenSplit, GroupSplit, SplitRule, StratifiedSplit, TagSplit
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

MakeStore = Callable[..., SequenceStore]


def test_a_tag_split_follows_the_values_of_the_tag(labeled_store: SequenceStore) -> None:
    train, test = TagSplit(tag="camera", train=("1", "3"), test=("2",))(labeled_store)
    labeled = [i for i in range(60) if i % 10 != 9]
    assert train.tolist() == [i for i in labeled if not 20 <= i < 40]
    assert test.tolist() == [i for i in labeled if 20 <= i < 40]


def test_an_empty_side_is_an_error_that_lists_the_values(labeled_store: SequenceStore) -> None:
    with pytest.raises(InputError, match=r"'camera'.*test side.*expected 7; got 1, 2, 3"):
        TagSplit(tag="camera", train=("1",), test=("7",))(labeled_store)
    with pytest.raises(InputError, match=r"got tags \['camera', 'subject'\]"):
        TagSplit(tag="setup", train=("1",), test=("2",))(labeled_store)


def test_a_value_on_both_sides_is_an_error() -> None:
    with pytest.raises(ValidationError, match="both sides of the split: 2"):
        TagSplit(tag="camera", train=("1", "2"), test=("2",))


def test_the_kind_tells_the_rule() -> None:
    adapter: TypeAdapter[SplitRule] = TypeAdapter(SplitRule)
    for rule in (
        TagSplit(tag="a", train=("1",), test=("2",)),
        GroupSplit(group_by="a", seed=3),
        StratifiedSplit(),
    ):
        assert adapter.validate_json(adapter.dump_json(rule)) == rule
    with pytest.raises(ValidationError, match="random"):
        adapter.validate_python({"kind": "random"})


def test_a_stratified_split_takes_the_same_fraction_of_each_class(labeled_store: SequenceStore) -> None:
    train, test = StratifiedSplit(test_size=1 / 3)(labeled_store)
    assert sorted([*train, *test]) == np.flatnonzero(labeled_store.labels >= 0).tolist()
    for label in range(3):
        assert (labeled_store.labels[test] == label).sum() == 6
        assert (labeled_store.labels[train] == label).sum() == 12
    assert StratifiedSplit(test_size=1 / 3)(labeled_store).test.tolist() == test.tolist()
    assert StratifiedSplit(test_size=1 / 3, seed=1)(labeled_store).test.tolist() != test.tolist()


def test_a_stratified_split_pretrains_on_all_but_the_test_side(labeled_store: SequenceStore) -> None:
    rule = StratifiedSplit()
    pretrain = rule.pretrain_index(labeled_store)
    assert sorted([*pretrain, *rule(labeled_store).test]) == list(range(60))


def test_a_class_of_one_recording_is_for_training(make_labeled_store: MakeStore) -> None:
    train, test = StratifiedSplit()(make_labeled_store("store", ["a", "b", "b", "c", "c"]))
    assert 0 in train
    assert len(test) == 2


def test_a_group_split_does_not_divide_subjects(labeled_store: SequenceStore) -> None:
    subject = labeled_store.tag("subject")
    for seed in range(5):
        train, test = GroupSplit(group_by="subject", seed=seed)(labeled_store)
        assert not set(subject[train]) & set(subject[test])
        assert abs(len(test) / 54 - 0.2) < 0.15


def test_unlabeled_recordings_of_test_subjects_are_not_for_pretraining(labeled_store: SequenceStore) -> None:
    subject = labeled_store.tag("subject")
    for seed in range(5):
        rule = GroupSplit(group_by="subject", seed=seed)
        test_subjects = set(subject[rule(labeled_store).test])
        expected = [i for i in range(60) if subject[i] not in test_subjects]
        assert rule.pretrain_index(labeled_store).tolist() == expected
        assert (labeled_store.labels[expected] < 0).any()


def test_a_store_without_groups_is_split_by_class_if_groups_are_not_required(labeled_store: SequenceStore) -> None:
    with pytest.raises(InputError, match="cannot be split by tag 'setup'; expected at least two values"):
        GroupSplit(group_by="setup")(labeled_store)
    rule = GroupSplit(group_by="setup", group_required=False, test_size=0.3, seed=2)
    stratified = StratifiedSplit(test_size=0.3, seed=2)
    assert rule(labeled_store).test.tolist() == stratified(labeled_store).test.tolist()
    assert rule.pretrain_index(labeled_store).tolist() == stratified.pretrain_index(labeled_store).tolist()


def test_too_few_recordings_cannot_be_split(make_labeled_store: MakeStore) -> None:
    for name, labels in (("one of each", ["a", "b", None]), ("none", [None, None])):
        with pytest.raises(InputError, match="cannot be split"):
            StratifiedSplit()(make_labeled_store(name, labels))


def test_a_tag_split_may_include_only_some_classes(make_labeled_store: MakeStore) -> None:
    store = make_labeled_store("store", ["a", "b", "c", None, "a", "c"], side=["1", "1", "2", "1", "2", "1"])
    sides = TagSplit(tag="side", train=("1",), test=("2",), classes=("a", "c"))(store)
    assert [side.tolist() for side in sides] == [[0, 5], [2, 4]]
    with pytest.raises(InputError, match="the test side has no labeled recording"):
        TagSplit(tag="side", train=("1",), test=("2",), classes=("b",))(store)


SIDES = ["train", "test", "val", "", "test", "train"]
LABELS = ["a", "a", "b", "a", None, "b"]


def test_the_split_that_came_with_the_files(make_labeled_store: MakeStore) -> None:
    store = make_labeled_store("store", LABELS, xsub=SIDES, subject=["1", "2", "3", "4", "5", "6"])
    assert [side.tolist() for side in GivenSplit()(store)] == [[0, 5], [1]]
    assert GivenSplit().pretrain_index(store).tolist() == [0, 5]
    without_test = make_labeled_store("val", LABELS, xsub=[side.replace("test", "val") for side in SIDES])
    assert [side.tolist() for side in GivenSplit()(without_test)] == [[0, 5], [1, 2]]


def test_of_several_given_splits_the_tag_chooses_one(make_labeled_store: MakeStore) -> None:
    store = make_labeled_store("two", LABELS, xsub=SIDES, xview=["test", "train", "test", "", "", "test"])
    with pytest.raises(InputError, match="xsub, xview; choose one"):
        GivenSplit(fallback=StratifiedSplit())(store)
    assert [side.tolist() for side in GivenSplit(tag="xview").sides(store)] == [[1], [0, 2, 5]]


def test_the_fallback_applies_to_files_without_a_split(make_labeled_store: MakeStore) -> None:
    store = make_labeled_store("plain", ["a", "a", "b", "b"], subject=["1", "2", "1", "2"])
    with pytest.raises(InputError, match="exactly one split"):
        GivenSplit()(store)
    rule = GroupSplit(group_by="subject", test_size=0.5)
    assert [s.tolist() for s in GivenSplit(fallback=rule)(store)] == [s.tolist() for s in rule(store)]


def test_a_single_class_is_refused_because_any_classifier_would_be_right(make_labeled_store: MakeStore) -> None:
    store = make_labeled_store("single", ["a"] * 6 + [None], subject=[*"112233", ""])
    rules = (
        StratifiedSplit(),
        GroupSplit(group_by="subject"),
        GroupSplit(group_by="camera", group_required=False),
        GivenSplit(fallback=StratifiedSplit()),
        TagSplit(tag="subject", train=("1", "2"), test=("3",)),
    )
    for rule in rules:
        with pytest.raises(InputError, match=r"training recordings have the same class; expected .*got 'a'"):
            rule(store)
        assert len(rule.pretrain_index(store)) > 0  # pre-training needs no classes


def test_a_split_names_the_groups_that_it_drew(labeled_store: SequenceStore) -> None:
    rule = GroupSplit(group_by="subject", seed=3)
    train, test = rule(labeled_store)
    subjects = np.array(labeled_store.tag("subject"))
    description = rule.describe(labeled_store)
    assert description == (
        f"{len(test)} test recordings of subject {', '.join(np.unique(subjects[test]))}; "
        f"{len(train)} training recordings of subject {', '.join(np.unique(subjects[train]))}; "
        "drawn at random (seed 3)"
    )
    assert "6 test recordings of camera 2" in TagSplit(
        tag="camera", train=("1",), test=("2",), classes=("a",)
    ).describe(labeled_store)
    assert "drawn at random from each class (seed 0)" in GivenSplit(fallback=StratifiedSplit()).describe(
        labeled_store
    )
