from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import FOLDER, prepare, read_all
from skeletonmae.datasets.labels_file import LabelTable, match_files
from skeletonmae.errors import InputError

Write = Callable[[str, Path, np.ndarray], Path]
VALUES = np.random.default_rng(0).normal(size=(9, 20, 3))
TABLE = Path("labels.csv")
FILES = ["wave/anna 1.json", "wave/ben.1.json", "bow/deep/anna 2.json", "top.json"]


def match(*names: str, files: list[str] = FILES) -> LabelTable:
    return match_files(TABLE, {name: {"recording": name, "label": name} for name in names}, files)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("wave/anna 1.json", "wave/anna 1.json"),
        ("wave/anna 1", "wave/anna 1.json"),
        ("anna 1.json", "wave/anna 1.json"),
        ("anna 1", "wave/anna 1.json"),
        ("anna 1.mp4", "wave/anna 1.json"),
        ("ben.1", "wave/ben.1.json"),
        ("deep/anna 2", "bow/deep/anna 2.json"),
        ("anna 2", "bow/deep/anna 2.json"),
        ("my data/wave/anna 1.json", "wave/anna 1.json"),
        ("/home/me/my data/top.json", "top.json"),
    ],
)
def test_a_file_may_be_named_without_its_folder_or_its_ending(name: str, file: str) -> None:
    assert match(name).of_file == {file: name}
    assert match(name).row(file.removesuffix(".json"), file)["label"] == name


def test_what_is_called_exactly_so_is_meant() -> None:
    table = match("clip", "wave/clip", files=["clip.json", "wave/clip.json", "bow/clip.json"])
    assert table.of_file == {"clip.json": "clip", "wave/clip.json": "wave/clip"}
    assert table.row("bow/clip", "bow/clip.json") == {}


def test_a_line_with_the_path_of_a_file_wins_over_one_that_also_means_it() -> None:
    """A longer path means the file as well, and stands before the exact one or after it."""
    for names in (("my data/wave/clip", "wave/clip"), ("wave/clip", "my data/wave/clip")):
        table = match(*names, files=["wave/clip"])
        assert table.of_file == {"wave/clip": "wave/clip"}
        assert table.row("wave/clip", "wave/clip") == {"recording": "wave/clip", "label": "wave/clip"}


def test_a_name_of_two_files_is_an_error_that_names_both() -> None:
    with pytest.raises(InputError, match=r"'clip': the name is ambiguous.*'wave/clip.json', 'bow/clip.json'"):
        match("clip", files=["wave/clip.json", "bow/clip.json"])


def test_recordings_in_larger_files_are_meant_by_their_own_names() -> None:
    table = match("r1", "wave/r2", "r9", files=["wave/table.csv", "bow/table.csv"])
    recordings = ["wave/r1", "wave/r2", "bow/r2", "bow/r3"]
    assert [table.row(name, f"{name.split('/')[0]}/table.csv").get("label") for name in recordings] == [
        "r1", "wave/r2", None, None,
    ]  # fmt: skip
    assert table.unmatched(recordings) == ["r9"]
    with pytest.raises(InputError, match=r"'r1': the name is ambiguous.*'wave/r1', 'bow/r1'"):
        table.unmatched(["wave/r1", "bow/r1"])


def test_a_table_that_fits_few_recordings_is_an_error_with_three_names_of_each() -> None:
    files = [f"wave/clip{number}.json" for number in range(10)]
    table = match("clip0", *(f"Clip_{number}" for number in range(1, 10)), files=files)
    with pytest.raises(InputError) as error:
        table.unmatched([file.removesuffix(".json") for file in files])
    assert str(error.value) == (
        "labels.csv: only 1 of 10 recordings (10%) match a line; expected the names of recordings or files, such as "
        "'wave/clip1', 'wave/clip2', 'wave/clip3'; got 'Clip_1', 'Clip_2', 'Clip_3'"
    )


def test_labels_of_a_part_and_of_more_than_there_is_are_no_error() -> None:
    files = [f"clip{number}.json" for number in range(10)]
    names = [file.removesuffix(".json") for file in files]
    assert match("clip3", files=files).unmatched(names) == []
    more = [f"clip{number}" for number in range(40)]
    assert match(*more, files=files).unmatched(names) == more[10:]


def test_accents_and_backslashes_are_written_in_several_ways(tmp_path: Path, write_sample: Write) -> None:
    folder = tmp_path / "mine"
    for label, name in (("a", "Übung"), ("b", "zwei")):
        (folder / label).mkdir(parents=True)
        write_sample("nw_ucla", folder / label / f"{unicodedata.normalize('NFD', name)}.json", VALUES)
    (folder / "labels.csv").write_text("recording,label\nÜbung,übt\nb\\zwei.json,zählt\n", encoding="utf-8")
    assert prepare(FOLDER, folder, tmp_path / "out").classes == {"zählt": 1, "übt": 1}


def test_a_table_that_does_not_fit_leaves_no_store(tmp_path: Path, write_sample: Write) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(3):
        write_sample("nw_ucla", folder / f"clip{number}.json", VALUES)
    (folder / "labels.csv").write_text("recording,label\nx,a\ny,b\n")
    with pytest.raises(InputError, match=r"only 0 of 3 recordings \(0%\)"):
        prepare(FOLDER, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    *recordings, error = read_all(FOLDER, folder)
    assert len(recordings) == 3
    assert "only 0 of 3" in str(error)
