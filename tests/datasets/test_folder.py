from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, detect_dataset, prepare
from skeletonmae.datasets.unread import unread_files
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence

Write = Callable[[str, Path, np.ndarray], Path]
FOLDER = DATASETS["folder"]
VALUES = np.ones((3, 20, 3))


def recordings(root: Path) -> dict[str, SkeletonSequence]:
    return {recording.name: recording for path in FOLDER.files(root) for recording in FOLDER.read(path, root)}


@pytest.fixture
def labeled_folder(tmp_path: Path, write_sample: Write) -> Path:
    for label in ("jump", "wave"):
        (tmp_path / "mine" / label / "by ann").mkdir(parents=True)
        for number in range(3):
            write_sample("nw_ucla", tmp_path / "mine" / label / f"clip {number}.json", VALUES)
        write_sample("msr_action3d", tmp_path / "mine" / label / "by ann" / "clip 0.txt", VALUES)
    (tmp_path / "mine" / ".trash").mkdir()
    (tmp_path / "mine" / ".trash" / "old.json").write_text("")
    (tmp_path / "mine" / "thumbs.db").write_text("")
    return tmp_path / "mine"


def test_the_sub_folder_is_the_class_and_comes_before_the_name(labeled_folder: Path, tmp_path: Path) -> None:
    found = recordings(labeled_folder)
    assert {name: recording.label for name, recording in found.items()} == {
        f"{label}/{name}": label
        for label in ("jump", "wave")
        for name in ("clip 0", "clip 1", "clip 2", "by ann/clip 0")
    }
    assert detect_dataset(labeled_folder) is FOLDER
    report = prepare(FOLDER, labeled_folder, tmp_path / "out", workers=2)
    assert report.classes == {"jump": 4, "wave": 4}
    split = FOLDER.splits[FOLDER.default_split](SequenceStore.open(tmp_path / "out"))
    assert (len(split.train), len(split.test)) == (6, 2)


def test_labels_csv_names_classes_and_tags(labeled_folder: Path, write_sample: Write, tmp_path: Path) -> None:
    write_sample("nw_ucla", labeled_folder / "top.json", VALUES)
    labels = labeled_folder / "labels.csv"
    labels.write_text("recording,label,subject\njump/clip 0,hop,ann\nwave/clip 1.json,,bob\ntop,bow,\n")
    found = recordings(labeled_folder)
    assert len(found) == 9
    message = {name: (recording.label, dict(recording.tags)) for name, recording in found.items()}
    assert message["jump/clip 0"] == ("hop", {"subject": "ann"})
    assert message["wave/clip 1"] == ("wave", {"subject": "bob"})  # named with its suffix; no label: the folder's
    assert message["top"] == ("bow", {})
    assert message["jump/clip 1"] == ("jump", {})
    prepare(FOLDER, labeled_folder, tmp_path / "out")
    store = SequenceStore.open(tmp_path / "out")
    split = FOLDER.splits["auto"](store)
    assert {len(set(store.tag("subject")[side])) for side in split} <= {1, 2}
    assert not set(store.tag("subject")[split.train]) & set(store.tag("subject")[split.test])


def test_labels_csv_is_read_again_when_it_changed(labeled_folder: Path) -> None:
    import os

    for time, label in enumerate(("hop", "leap"), start=1):
        (labeled_folder / "labels.csv").write_text(f"recording,label\njump/clip 0,{label}\n")
        os.utime(labeled_folder / "labels.csv", (time, time))
        assert recordings(labeled_folder)["jump/clip 0"].label == label


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("recording,label\n", "columns recording,label"),
        ("name,action\na,b\n", "columns recording,label"),
        ("recording,label\na,b\na,c\n", "line 3: the recording is listed twice; got a"),
        ("recording,label\na,b,c\n", "line 2: wrong number of columns; expected 2; got 3"),
        ("recording;label\na\n", "line 2: wrong number of columns; expected 2; got 1"),
        ('recording,label\n"a,b\n', "not valid CSV"),
    ],
)
def test_labels_csv_that_is_not_sound(labeled_folder: Path, text: str, message: str) -> None:
    (labeled_folder / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=rf"labels\.csv.*{message}"):
        recordings(labeled_folder)


def test_one_table_is_a_dataset(samples: dict[str, Path], tmp_path: Path) -> None:
    assert detect_dataset(samples["table"]) is FOLDER
    report = prepare(FOLDER, samples["table"], tmp_path / "out")
    assert report.classes == {"wave": 1}
    (recording,) = SequenceStore.open(tmp_path / "out")
    assert (recording.name, dict(recording.tags)) == ("table", {"subject": "anna"})


def test_recordings_without_labels_are_for_pre_training(tmp_path: Path, write_sample: Write) -> None:
    (tmp_path / "raw").mkdir()
    for number in range(2):
        write_sample("nw_ucla", tmp_path / "raw" / f"{number}.json", VALUES)
    assert prepare(FOLDER, tmp_path / "raw", tmp_path / "out").unlabeled == 2
    store = SequenceStore.open(tmp_path / "out")
    assert store.labels.tolist() == [-1, -1]
    with pytest.raises(InputError, match="cannot be split"):
        FOLDER.splits["auto"](store)


@pytest.mark.parametrize("above", ["", "my recordings/"])
def test_an_archive_is_as_its_folder(
    labeled_folder: Path, write_sample: Write, tmp_path: Path, above: str
) -> None:
    (labeled_folder / "labels.csv").write_text(
        "recording, label, subject\nwave/clip 0, greet, anna\nnobody, bow, ben\n"
    )
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as file:
        for path in sorted(labeled_folder.rglob("*.*")):
            file.write(path, above + path.relative_to(labeled_folder).as_posix())
    plain, packed = (
        prepare(FOLDER, source, tmp_path / name)
        for source, name in ((labeled_folder, "a"), (tmp_path / "mine.zip", "b"))
    )
    assert packed.model_copy(update={"ignored": ()}) == plain.model_copy(update={"ignored": ()})
    assert {entry.file.removeprefix(above) for entry in packed.ignored} == {entry.file for entry in plain.ignored}
    assert {entry.file for entry in plain.ignored} == {".trash", "thumbs.db"}
    assert [note.recording for note in plain.notes if "labels.csv" in note.message] == ["nobody"]
    a, b = (SequenceStore.open(tmp_path / name) for name in "ab")
    assert [(recording.name, recording.label, recording.tags) for recording in a] == [
        (recording.name, recording.label, recording.tags) for recording in b
    ]
    assert "greet" in a.classes


def test_a_recording_with_nothing_observed_is_skipped_with_its_reason(
    labeled_folder: Path, write_sample: Write, tmp_path: Path
) -> None:
    (labeled_folder / "jump" / "empty.csv").write_text(
        "scorer,S,S,S\nbodyparts,ear,ear,ear\ncoords,x,y,likelihood\n0,1,2,0.1\n"
    )
    report = prepare(FOLDER, labeled_folder, tmp_path / "out", workers=1, strict=False)
    assert report.recordings == 8
    (skipped,) = report.skipped
    assert skipped.file == "jump/empty.csv"
    assert skipped.reason.startswith("nothing is observed in 'empty'; 100% of the joints have a likelihood below")


def test_body_shapes_beside_motion_are_ignored(labeled_folder: Path) -> None:
    np.savez(labeled_folder / "jump" / "shape.npz", gender="neutral", betas=np.zeros(16))
    np.savez(
        labeled_folder / "jump" / "walk.npz", gender="neutral", trans=np.zeros((2, 3)), poses=np.zeros((2, 66))
    )
    names = [file.path.name for file in FOLDER.files(labeled_folder)]
    assert "walk.npz" in names
    assert "shape.npz" not in names
    (unread,) = (file for file in unread_files(FOLDER, labeled_folder) if file.path.name == "shape.npz")
    assert (unread.reason, unread.may_hold_recordings) == ("the shape of a body, without motion", False)
