"""Class lists and sides of the sets that are not at hand, against facts known apart from them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from skeletonmae.datasets import diving48_classes, gym99_classes, ntu_classes, pku_mmd_classes

LISTS = {
    "ntu120": (ntu_classes.CLASSES_120, 120),
    "ntu60": (ntu_classes.CLASSES_60, 60),
    "pku_mmd I": (pku_mmd_classes.CLASSES, 51),
    "pku_mmd II": (pku_mmd_classes.PART2_CLASSES, 41),
    "gym99": (gym99_classes.CLASSES, 99),
    "diving48": (diving48_classes.CLASSES, 48),
}


@pytest.mark.parametrize(("names", "count"), LISTS.values(), ids=LISTS)
def test_each_class_has_a_name_of_its_own(names: tuple[str, ...], count: int) -> None:
    assert len(names) == len(set(names)) == count
    assert all(name == " ".join(name.split()) for name in names), "spaces that nobody sees"


def test_ntu_classes_stand_where_papers_say() -> None:
    known = {1: "drink water", 23: "hand waving", 27: "jump up", 43: "falling down", 50: "punch/slap",
             58: "shaking hands", 60: "walking apart", 61: "put on headphone", 80: "squat down", 103: "yawn",
             105: "blow nose", 106: "hit with object", 112: "high-five", 120: "rock-paper-scissors"}  # fmt: skip
    assert {number: ntu_classes.CLASSES_120[number - 1] for number in known} == known
    assert len(ntu_classes.MUTUAL) == 11 + 15
    assert {"punch/slap", "walking apart", "hit with object", "rock-paper-scissors"} <= set(ntu_classes.MUTUAL)
    assert not {"fan self", "put on headphone", "blow nose"} & set(ntu_classes.MUTUAL)


@pytest.mark.parametrize(
    ("train", "test", "sizes"),
    [
        (ntu_classes.XSUB60_TRAIN, ntu_classes.XSUB60_TEST, (20, 20)),
        (ntu_classes.XSUB120_TRAIN, ntu_classes.XSUB120_TEST, (53, 53)),
        (ntu_classes.XVIEW_TRAIN, ntu_classes.XVIEW_TEST, (2, 1)),
        (ntu_classes.XSET_TRAIN, ntu_classes.XSET_TEST, (16, 16)),
        (pku_mmd_classes.PART1_XSUB_TRAIN, pku_mmd_classes.PART1_XSUB_TEST, (364 - 132 // 3, 132 // 3)),
        (pku_mmd_classes.PART2_XSUB_TRAIN, pku_mmd_classes.PART2_XSUB_TEST, (10, 3)),
    ],
    ids=["ntu60 xsub", "ntu120 xsub", "ntu60 xview", "ntu120 xset", "pku_mmd I xsub", "pku_mmd II xsub"],
)
def test_the_two_sides_make_up_the_whole(
    train: tuple[str, ...], test: tuple[str, ...], sizes: tuple[int, int]
) -> None:
    assert (len(train), len(test)) == sizes
    assert sorted(map(int, train + test)) == list(range(1, sum(sizes) + 1))


def test_the_training_subjects_of_ntu_are_those_of_the_papers() -> None:
    assert sum(map(int, ntu_classes.XSUB60_TRAIN)) == 359
    assert sum(map(int, ntu_classes.XSUB120_TRAIN)) == 2795
    assert set(ntu_classes.XSUB60_TRAIN) <= set(ntu_classes.XSUB120_TRAIN)
    assert all(int(setup) % 2 == 0 for setup in ntu_classes.XSET_TRAIN)


def test_the_cameras_of_pku_mmd() -> None:
    assert sorted(pku_mmd_classes.XVIEW_TRAIN + pku_mmd_classes.XVIEW_TEST) == ["L", "M", "R"]
    assert pku_mmd_classes.XVIEW_TEST == ("L",)


def test_pku_mmd_numbers_its_actions_by_the_alphabet() -> None:
    names = pku_mmd_classes.CLASSES
    assert list(names) == sorted(names)
    mutual = {name for name in names if name.endswith("other person")} | {"handshaking"}
    assert set(pku_mmd_classes.MUTUAL) == mutual
    assert set(names) - set(pku_mmd_classes.PART2_CLASSES) - mutual == {
        "put something inside pocket",
        "take out something from pocket",
    }


def test_gym99_goes_from_event_to_event() -> None:
    events = [name[1:3] for name in gym99_classes.CLASSES]
    assert Counter(events) == {"VT": 6, "FX": 35, "BB": 33, "UB": 25}
    assert events == sorted(events, key=["VT", "FX", "BB", "UB"].index)
    circles = [label for label, name in enumerate(gym99_classes.CLASSES) if re.search("circle|stalder", name[:25])]
    assert circles == list(range(74, 89))


def test_diving48_numbers_its_dives_by_the_alphabet() -> None:
    names = diving48_classes.CLASSES
    assert list(names) == sorted(names)
    takeoffs, somersaults, twists, positions = (
        set(words) for words in zip(*(n.split() for n in names), strict=True)
    )
    assert takeoffs == {"Back", "Forward", "Inward", "Reverse"}
    assert somersaults == {"Dive", "1som", "15som", "2som", "25som", "3som", "35som", "45som"}
    assert twists == {"NoTwis", "05Twis", "1Twis", "15Twis", "2Twis", "25Twis", "3Twis", "35Twis"}
    assert positions == {"FREE", "PIKE", "STR", "TUCK"}
    assert not any(name.endswith("NoTwis FREE") for name in names), "only a dive that twists has the free position"
