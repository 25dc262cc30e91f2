"""Stores: their files, their splits, and what two of them share."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import datasets
from skeletonmae.cli import main
from skeletonmae.datasets import GroupSplit, StratifiedSplit, TagSplit
from skeletonmae.datasets.synthetic import generate
from skeletonmae.sequences import SequenceStore, SkeletonSequence, join
from skeletonmae.validation import Finding, Validation, validate, validate_store

Clips = list[SkeletonSequence]
CAMERA = TagSplit(tag="camera", train=("1", "2"), test=("3",))


def found(result: Validation, check: str, severity: str | None = None) -> list[Finding]:
    return [one for one in result.findings if one.check == check and severity in (None, one.severity)]


def with_sides(clean: Clips, tag: str = "subject") -> Clips:
    """Half of each is of `s01`, the other half of `s02`."""
    return [replace(one, tags={tag: f"s0{1 + number % 2}"}) for number, one in enumerate(clean)]


BY_SUBJECT = TagSplit(tag="subject", train=("s01",), test=("s02",))


def test_a_clean_store_is_ok(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    result = validate_store(make_store(tmp_path / "a", with_sides(clean)), BY_SUBJECT)
    assert [count.severity for count in result.counts if count.severity != "note"] == []
    by_class = {one.name: (one.recordings, one.train, one.test) for one in result.classes}
    assert sum(train for _, train, _ in by_class.values()) == 25
    assert all(total == train + test for total, train, test in by_class.values())


def test_content_on_both_sides(tmp_path: Path, clean: Clips, changed: Any, make_store: Any) -> None:
    sided = with_sides(clean)
    same = replace(sided[0], name="same", tags={"subject": "s02"})
    alike = changed(sided[2], sided[2].positions.astype(np.float16), name="alike", tags={"subject": "s02"})
    within = replace(sided[4], name="within")  # a copy on its own side is a duplicate and no leak
    result = validate_store(make_store(tmp_path / "a", [*sided, same, alike, within]), BY_SUBJECT)
    assert {one.recording: one.severity for one in found(result, "leaks")} == {"same": "error", "alike": "warning"}
    assert {one.recording for one in found(result, "duplicates")} == {"same", "alike", "within"}


@pytest.mark.parametrize(("tag", "severity"), [("subject", "error"), ("camera", "note")])
def test_subjects_on_both_sides(tmp_path: Path, clean: Clips, make_store: Any, tag: str, severity: str) -> None:
    """Written in two ways they are one all the same; where the split is by camera they may be."""
    made = [
        replace(one, tags={"subject": ("S1", "s01", "s02")[number % 3], "camera": str(1 + number % 2)})
        for number, one in enumerate(clean)
    ]
    split = {
        "subject": TagSplit(tag="subject", train=("S1",), test=("s01", "s02")),
        "camera": TagSplit(tag="camera", train=("1",), test=("2",)),
    }[tag]
    (finding,) = found(validate_store(make_store(tmp_path / "a", made), split), "leaks")
    assert (finding.severity, finding.message.endswith(": s1") or "s1, s2" in finding.message) == (severity, True)


def test_a_split_by_whole_subjects_keeps_them_apart(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    store = make_store(tmp_path / "a", clean)
    assert not found(validate_store(store, GroupSplit(group_by="subject")), "leaks")
    (finding,) = found(validate_store(store, StratifiedSplit()), "leaks")
    assert finding.severity == "note"


def test_classes_on_one_side_only(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    labels = {"s01": ("both", "trained"), "s02": ("both", "tested")}
    made = [
        replace(one, label=labels[one.tags["subject"]][number // 2 % 2])
        for number, one in enumerate(with_sides(clean))
    ]
    result = validate_store(make_store(tmp_path / "a", made), BY_SUBJECT)
    assert [("tested" in one.message, one.severity) for one in found(result, "classes")] == [
        (True, "warning"),
        (False, "note"),
    ]


def test_what_a_store_to_pretrain_on_shares(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    """Of one dataset, names and subjects count; the training side may be there."""
    sided = with_sides(clean)
    store = make_store(tmp_path / "a", sided, dataset="set")
    train = make_store(tmp_path / "b", [one for one in sided if one.tags["subject"] == "s01"], dataset="set")
    assert not found(validate_store(store, BY_SUBJECT, train), "leaks")
    same = make_store(tmp_path / "c", sided, dataset="set")
    result = validate_store(store, BY_SUBJECT, same)
    assert {one.recording for one in found(result, "leaks", "error")} == {
        one.name for one in sided if one.tags["subject"] == "s02"
    }
    names, subjects = found(result, "leaks", "warning")
    assert (names.recordings, subjects.recordings) == (25, 25)
    other = make_store(
        tmp_path / "d", [replace(one, positions=one.positions * 0) for one in sided], dataset="other"
    )
    assert not found(validate_store(store, BY_SUBJECT, other), "leaks")


def test_copies_without_a_label_that_are_pretrained_on(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    """Recordings of training subjects count without a label too; those of test subjects do not."""
    sided = with_sides(clean)
    tested = [one for one in sided if one.tags["subject"] == "s02"]
    extra = [replace(one, name=f"more of {one.name}", label=None, tags={"subject": "s01"}) for one in tested[:5]]
    beside = [replace(one, name=f"beside {one.name}", label=None) for one in tested[5:9]]
    result = validate_store(make_store(tmp_path / "a", [*sided, *extra, *beside]), BY_SUBJECT)
    assert [one.recording for one in found(result, "leaks", "error")] == [one.name for one in tested[:5]]
    assert sum(one.train for one in result.classes) == 25
    streamed = validate([*sided, *extra, *beside], split=BY_SUBJECT)
    assert found(streamed, "leaks") == found(result, "leaks")


@pytest.mark.parametrize(
    ("mine", "theirs", "one_family"),
    [("ntu60", "ntu120", True), ("ntu120", "ntu60", True), ("pku_mmd_1", "pku_mmd_2", False)],
)
def test_names_within_a_family(
    tmp_path: Path, clean: Clips, make_store: Any, mine: str, theirs: str, one_family: bool
) -> None:
    """Their content differs here, so names and subjects alone tell."""
    other = [replace(one, name=same.name) for one, same in zip(generate(10, seed=1), clean, strict=False)]
    here = make_store(tmp_path / "a", clean[:10], dataset=mine)
    result = validate_store(here, against=make_store(tmp_path / "b", other, dataset=theirs))
    names = [one.recordings for one in found(result, "leaks", "warning")]
    assert names == ([10] if one_family else [])
    assert bool(found(result, "leaks", "note")) == one_family


def test_only_the_training_side_of_the_other_store_counts(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    """A recipe pre-trains on that alone, with or without labels; without any label on all."""
    sided = with_sides(clean)
    store = make_store(tmp_path / "a", sided, dataset="set")
    both = make_store(tmp_path / "b", sided, dataset="other")
    assert len(found(validate_store(store, BY_SUBJECT, both), "leaks", "error")) == 25
    assert not found(validate_store(store, BY_SUBJECT, both, BY_SUBJECT), "leaks")
    exchanged = TagSplit(tag="subject", train=("s02",), test=("s01",))
    assert len(found(validate_store(store, BY_SUBJECT, both, exchanged), "leaks", "error")) == 25
    bare = make_store(tmp_path / "c", [replace(one, label=None) for one in sided], dataset="other")
    assert len(found(validate_store(store, BY_SUBJECT, bare, BY_SUBJECT), "leaks", "error")) == 25


def test_the_training_side_by_its_name(
    tmp_path: Path, clean: Clips, make_store: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--against-split`, with the names that `--split` takes."""
    made = [replace(one, tags={"subject": str(1 + number % 2)}) for number, one in enumerate(clean)]
    make_store(tmp_path / "a", made, dataset="utd_mhad", classes=datasets.DATASETS["utd_mhad"].classes)
    here, there = str(tmp_path / "a"), ["--against", str(tmp_path / "a")]

    def leaks(*words: str) -> int:
        main(["validate", here, *words, "--json"])
        return sum(one["check"] == "leaks" for one in json.loads(capsys.readouterr().out)["findings"])

    assert leaks(*there) == 27  # each of the test side; their names; their subject
    assert leaks(*there, "--against-split", "subject") == 0
    for words, said in (([*there, "--against-split", "nothing"], "no such split"), (
        ["--against-split", "subject"], "--against STORE",
    )):  # fmt: skip
        assert main(["validate", here, *words]) == 1
        assert said in capsys.readouterr().err


def damage(store: SequenceStore, file: str, at: int, value: bytes) -> SequenceStore:
    path = store.shards[0].path / file
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return SequenceStore.open(store.shards[0].path)


def test_a_number_that_is_none_in_the_memory_map(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    """The file is named, and so is the recording; all others are checked as ever."""
    store = make_store(tmp_path / "a", clean)
    store = damage(store, "positions.npy", 128, np.float32(np.nan).tobytes())
    result = validate_store(store, CAMERA)
    file, recording = found(result, "damaged", "error")
    assert "positions.npy: the content has changed" in file.message
    assert re.search(f"{clean[0].name}.*not finite", recording.message)
    assert result.recordings == len(clean) - 1
    assert sum(one.test for one in result.classes) == sum(one.tags["camera"] == "3" for one in clean[1:])


def test_nothing_is_read_by_a_damaged_index(tmp_path: Path, clean: Clips, make_store: Any) -> None:
    """A recording of two thousand million frames would ask for all memory there is."""
    make_store(tmp_path / "a", clean[:25])
    make_store(tmp_path / "b", clean[25:])
    damage(SequenceStore.open(tmp_path / "a"), "frames.npy", 128, np.int32(2**31 - 1).tobytes())
    join([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    result = validate_store(SequenceStore.open(tmp_path / "both"), CAMERA)
    first, *others = found(result, "damaged", "error")
    assert "frames.npy" in first.message
    assert ["not checked" in one.message for one in others] == [True] * 25
    assert result.recordings == 25
