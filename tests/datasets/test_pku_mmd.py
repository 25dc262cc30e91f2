from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, detect_dataset, prepare
from skeletonmae.errors import InputError
from skeletonmae.formats import ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence

SOUND = "8,2,6,2\n22,6,10,1\n"
CLOSED = "1,0,10,2\n"
UNCUT = ReadOptions(split_actions=False)


def place(root: Path, name: str, labels: str | None = SOUND, frames: int = 10) -> None:
    """A long recording whose joints are at (its frame + 1), and its labels."""
    bodies = np.zeros((frames, 150))
    bodies[:, :75] = np.arange(1, frames + 1)[:, None]
    for folder, text in (
        ("Data/PKU_Skeleton_Renew", "".join(" ".join(map(str, row)) + "\n" for row in bodies.tolist())),
        ("Label/Train_Label_PKU_final", labels),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        if text is not None:
            (root / folder / f"{name}.txt").write_text(text)


def read(root: Path, part: str = "pku_mmd_1", options: ReadOptions | None = None) -> list[SkeletonSequence]:
    dataset = DATASETS[part]
    return [
        recording
        for file in dataset.files(root)
        for recording in dataset.read(file, root, options or ReadOptions())
    ]


def frames(sequences: Sequence[SkeletonSequence]) -> list[tuple[str | None, list[float]]]:
    return [(recording.label, (recording.positions[0, :, 7, 1] - 1).tolist()) for recording in sequences]


def test_a_recording_is_cut_into_its_actions(tmp_path: Path) -> None:
    place(tmp_path, "0002-L")
    first, second = read(tmp_path)
    assert frames([first, second]) == [("drink water", [2, 3, 4, 5]), ("pickup", [6, 7, 8, 9])]
    assert [sequence.name for sequence in (first, second)] == ["0002-L_000", "0002-L_001"]
    assert second.tags == {"video": "2", "camera": "L"}
    assert (second.num_persons, second.fps, second.unit, second.notes) == (1, 30.0, "m", ())


def test_without_splitting_a_recording_is_unlabeled(tmp_path: Path) -> None:
    place(tmp_path, "0002-L", labels=None)
    (recording,) = read(tmp_path, options=UNCUT)
    assert (recording.name, recording.label, recording.num_frames) == ("0002-L", None, 10)
    assert recording.tags == {"video": "2", "camera": "L"}
    with pytest.raises(InputError, match=r"0002-L\.txt: the file with its labels is missing.*class,start,end"):
        read(tmp_path)


def test_labels_that_cannot_be_are_skipped_and_the_others_kept(tmp_path: Path) -> None:
    bad = ["8,5,5,2", "8,7,3,2", "8,10,12,2", "8,-4,0,2", "52,0,4,2", "0,0,4,2", "8;0;4;2", "99999999999,0,4,2"]
    place(tmp_path, "0002-L", "8,0,3,2\n" + "\n".join(bad) + "\n\n22,8,14\n1,-2,1,2\n")
    found = read(tmp_path)
    assert frames(found) == [("drink water", [0, 1, 2]), ("pickup", [8, 9]), ("bow", [0])]
    assert [sequence.name for sequence in found] == ["0002-L_000", "0002-L_010", "0002-L_011"]
    notes = found[0].notes
    assert [line for line in bad if not any(f"({line})" in note and "skipped" in note for note in notes)] == []
    assert sum("was clipped" in note for note in notes) == 2
    assert len(notes) == len(bad) + 2
    assert not any(sequence.notes for sequence in found[1:])


def test_a_file_without_a_usable_label_is_refused(tmp_path: Path) -> None:
    place(tmp_path, "0002-L", "8,20,30,2\n")
    with pytest.raises(
        InputError,
        match=r"Train_Label_PKU_final/0002-L\.txt: no line of the labels is valid.*none of the 10 frames",
    ):
        read(tmp_path)


def test_the_parts_are_told_apart_and_have_their_own_classes(tmp_path: Path) -> None:
    place(tmp_path / "one", "0291-M")
    place(tmp_path / "two", "A01N02-R", SOUND + "12,0,3,1\n")  # two persons: not in part II
    for folder, name in (("one", "pku_mmd_1"), ("two", "pku_mmd_2")):
        assert detect_dataset(tmp_path / folder) is DATASETS[name]
    found = read(tmp_path / "two", "pku_mmd_2")
    assert [recording.label for recording in found] == ["drink water", "pickup"]
    assert "names no class of this part" in found[0].notes[0]
    assert found[0].tags == {"sequence": "1", "subject": "2", "camera": "R"}
    assert (len(DATASETS["pku_mmd_1"].classes), len(DATASETS["pku_mmd_2"].classes)) == (51, 41)


def test_zip_archives_of_skeletons_and_of_labels(tmp_path: Path) -> None:
    place(tmp_path / "plain", "0002-L")
    (tmp_path / "zips").mkdir()
    for name, folder in (("skeletons", "Data/PKU_Skeleton_Renew"), ("labels", "Label/Train_Label_PKU_final")):
        with zipfile.ZipFile(tmp_path / "zips" / f"{name}.zip", "w") as archive:
            archive.write(tmp_path / "plain" / folder / "0002-L.txt", "0002-L.txt")
    assert detect_dataset(tmp_path / "zips") is DATASETS["pku_mmd_1"]
    assert frames(read(tmp_path / "zips")) == frames(read(tmp_path / "plain"))


@pytest.mark.parametrize(
    ("part", "names", "rule", "test"),
    [
        ("pku_mmd_1", ["0002-L", "0290-M", "0291-R", "0334-M", "0335-M"], "xsub", ["0291-R", "0334-M"]),
        ("pku_mmd_1", ["0002-L", "0002-M", "0300-R", "0300-L"], "xview", ["0002-L", "0300-L"]),
        ("pku_mmd_2", ["A01N01-L", "A05N07-M", "A26N13-R", "A09N03-L"], "xsub", ["A05N07-M", "A09N03-L"]),
        ("pku_mmd_2", ["A01N01-L", "A05N07-M", "A26N13-R"], "xview", ["A01N01-L"]),
    ],
)
def test_splits(part: str, names: list[str], rule: str, test: list[str], tmp_path: Path) -> None:
    for name in names:
        place(tmp_path / "raw", name, CLOSED)
    report = prepare(DATASETS[part], tmp_path / "raw", tmp_path / "store")
    assert (report.recordings, report.skipped) == (len(names), ())
    store = SequenceStore.open(tmp_path / "store")
    sides = DATASETS[part].splits[rule].sides(store)
    assert [store.name(int(i)) for i in sides.test] == sorted(f"{name}_000" for name in test)
    assert len(sides.train) + len(sides.test) == len(names)


def test_prepare_lists_what_it_met_and_one_bad_file_stops_nothing(tmp_path: Path) -> None:
    place(tmp_path / "raw", "0002-L", SOUND + "8,90,95,1\n")
    place(tmp_path / "raw", "0003-L", labels=None)
    report = prepare(DATASETS["pku_mmd_1"], tmp_path / "raw", tmp_path / "store")
    assert report.recordings == 2
    assert [skipped.file for skipped in report.skipped] == ["Data/PKU_Skeleton_Renew/0003-L.txt"]
    assert any("8,90,95,1" in note.message for note in report.notes)


def test_settings_change_with_the_labels(tmp_path: Path) -> None:
    place(tmp_path, "0002-L")
    before = DATASETS["pku_mmd_1"].cache_key(tmp_path)
    assert before == DATASETS["pku_mmd_1"].cache_key(tmp_path)
    place(tmp_path, "0002-L", SOUND + CLOSED)
    assert before != DATASETS["pku_mmd_1"].cache_key(tmp_path)
