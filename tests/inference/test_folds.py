from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.inference.folds import group_recordings, make_folds
from skeletonmae.sequences import SequenceStore
from skeletonmae.validation.near_duplicates import Match


def test_a_copy_does_not_join_subjects(make_recording: Any) -> None:
    recordings = [make_recording(seed, tags={"subject": str(seed % 4), "trial": "1"}) for seed in range(12)]
    recordings.append(replace(recordings[0], name="copy", tags={"subject": "9"}))
    grouping = group_recordings(recordings)
    assert grouping.tag == "subject"
    assert grouping.num_subjects == 5
    assert grouping.copies == (Match(12, 0, "same"),)
    assert len(set(grouping.groups)) == 5
    assert np.flatnonzero(grouping.copy_groups == grouping.copy_groups[0]).tolist() == [0, 12]
    untagged = [replace(one, tags={}) for one in recordings]
    alone = group_recordings(untagged)
    np.testing.assert_array_equal(alone.groups, alone.copy_groups)
    assert (len(set(alone.groups)), alone.groups[0]) == (12, alone.groups[12])


@pytest.mark.parametrize(("num_subjects", "num_copies"), [(2, 1), (4, 3)])
def test_copies_of_what_is_tested_are_not_fitted_to(
    make_recording: Any, num_subjects: int, num_copies: int
) -> None:
    recordings = [
        make_recording(seed, label="ab"[seed // num_subjects % 2], tags={"subject": str(seed % num_subjects)})
        for seed in range(4 * num_subjects)
    ]
    recordings += [
        replace(recordings[0], name=f"copy {number}", tags={"subject": str(number)})
        for number in range(1, num_copies + 1)
    ]
    grouping = group_recordings(recordings)
    labels = np.array(["ab".index(one.label or "") for one in recordings])
    folds = make_folds(labels, grouping.groups, 5, copy_groups=grouping.copy_groups)
    assert len(folds) == num_subjects
    copies = {0, *range(4 * num_subjects, len(recordings))}
    for fit, test in folds:
        assert len({grouping.values[index] for index in test}) == 1
        assert not {grouping.values[index] for index in fit} & {grouping.values[index] for index in test}
        assert len(set(test.tolist()) & copies) == 1
        assert not set(fit.tolist()) & copies
        assert len(fit) + len(test) == len(recordings) - num_copies
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(len(recordings)))


def test_near_copies_of_what_is_tested_are_not_fitted_to(tiny_store: Path) -> None:
    """A moved and a cropped recording, of other subjects than the originals."""
    store = SequenceStore.open(tiny_store)
    originals = [replace(store[index], tags={"subject": str(index % 3)}) for index in range(6)]
    first, second = originals[0], originals[1]
    moved = np.where(first.observed[..., None], 1.1 * first.positions + np.float32(0.5), np.float32(0))
    part = slice(0, 3 * second.num_frames // 4)
    copies = [
        replace(first, name="moved", positions=moved, tags={"subject": "8"}),
        replace(
            second,
            name="cropped",
            positions=second.positions[:, part].copy(),
            observed=second.observed[:, part].copy(),
            tags={"subject": "9"},
        ),
    ]
    grouping = group_recordings([*originals, *copies])
    assert grouping.copies == (Match(6, 0, "near"), Match(7, 1, "frames"))
    groups, copy_groups = grouping.groups, grouping.copy_groups
    assert (copy_groups[6], copy_groups[7]) == (copy_groups[0], copy_groups[1])
    assert (len(set(groups)), len(set(copy_groups))) == (5, 6)
    for fit, test in make_folds(np.array([0, 1] * 4), groups, 3, copy_groups=copy_groups):
        assert not set(groups[fit]) & set(groups[test])
        assert not set(copy_groups[fit]) & set(copy_groups[test])


def test_recordings_that_are_all_alike_are_no_copies(tiny_store: Path) -> None:
    original = SequenceStore.open(tiny_store)[0]
    moved = [
        replace(original, name=f"moved {number}", positions=scale * original.positions)
        for number, scale in enumerate(np.linspace(1, 1.2, 4, dtype=np.float32))
    ]
    grouping = group_recordings(moved)
    assert grouping.copies == ()
    assert len(set(grouping.groups)) == 4


def test_a_tag_with_one_value_divides_nothing(make_recording: Any) -> None:
    recordings = [make_recording(seed, tags={"subject": "1", "actor": str(seed % 2)}) for seed in range(4)]
    assert group_recordings(recordings).tag == "actor"
    assert group_recordings(recordings[::2]).tag is None
    assert len(set(group_recordings(recordings[::2]).groups)) == 2


def test_a_person_who_has_a_class_alone_is_not_held_out(make_recording: Any) -> None:
    alone = [make_recording(seed, label="ab"[seed % 2], tags={"subject": str(seed % 2)}) for seed in range(6)]
    grouping = group_recordings(alone)
    assert (grouping.tag, grouping.confounded_tag) == (None, "subject")
    assert len(set(grouping.groups)) == 6
    shared = [*alone, make_recording(6, label="a", tags={"subject": "1"})]
    grouping = group_recordings(shared)
    assert (grouping.tag, grouping.confounded_tag) == ("subject", None)
    assert len(set(grouping.groups)) == 2


def test_the_tag_can_be_named(make_recording: Any) -> None:
    recordings = [make_recording(seed, tags={"subject": str(seed), "room": str(seed % 2)}) for seed in range(6)]
    assert group_recordings(recordings, "room").groups.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(InputError, match=r"no recording has this tag.*expected one of room, subject"):
        group_recordings(recordings, "house")


def test_no_group_is_on_both_sides_and_every_clip_is_tested_once() -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 3, 60), rng.integers(0, 7, 60)
    folds = make_folds(labels, groups, 5)
    assert len(folds) == 5
    for fit, test in folds:
        assert not set(groups[fit]) & set(groups[test])
        assert len(fit) + len(test) == 60
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(60))


@pytest.mark.parametrize(
    ("labels", "groups", "number"),
    [([0, 0, 1, 1], [0, 1, 2, 3], 2), ([0, 1, 2], [0, 1, 2], 0), ([0, 0, 1, 1], [0, 0, 0, 0], 0), ([], [], 0)],
)
def test_small_sets_have_few_folds_or_none(labels: list[int], groups: list[int], number: int) -> None:
    folds = make_folds(np.array(labels, dtype=np.int64), np.array(groups, dtype=np.int64), 5)
    assert len(folds) == number


def test_copies_may_leave_nothing_to_fit_to() -> None:
    labels, groups = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    assert len(make_folds(labels, groups, 5)) == 2
    assert make_folds(labels, groups, 5, copy_groups=np.array([0, 1, 0, 1])) == []
