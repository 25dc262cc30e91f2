from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets import UnreadFile
from skeletonmae.datasets.load_recordings import load_recordings
from skeletonmae.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, write_sample: Any) -> Path:
    values = np.ones((3, 20, 3))
    for kind, name in (("nw_ucla", "a.json"), ("table", "sub/b c.csv"), ("utd_mhad", "sub/d.mat")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_sample(kind, tmp_path / name, values)
    (tmp_path / "notes.md").write_text("nothing")
    return tmp_path


def test_files_and_folders(folder: Path) -> None:
    sequences, problems = load_recordings([folder])
    assert problems == []
    assert sorted(sequence.name for sequence in sequences) == ["a", "sub/b c", "sub/d"]
    only, _ = load_recordings([folder / "a.json"])
    assert [sequence.name for sequence in only] == ["a"]


def test_stores(tiny_store: Path) -> None:
    sequences, problems = load_recordings([tiny_store])
    assert (len(sequences), problems) == (96, [])
    assert sequences[0].name == "synthetic_000000"


def test_what_cannot_be_read_is_said_and_the_rest_is_read(folder: Path) -> None:
    (folder / "a.json").write_text('{"skeletons": [')
    (folder / "odd.json").write_text("[]")
    sequences, problems = load_recordings([folder, folder / "absent.json"])
    assert sorted(sequence.name for sequence in sequences) == ["sub/b c", "sub/d"]
    assert len(problems) == 3
    for name in ("a.json", "odd.json", "absent.json"):
        assert sum(problem.recording.endswith(name) for problem in problems) == 1
    assert all(problem.reason and problem.recording not in problem.reason for problem in problems)


def test_nothing_could_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recording could be read"):
        load_recordings([tmp_path])
    with pytest.raises(InputError, match="absent"):
        load_recordings([tmp_path / "absent"])
    with pytest.raises(InputError, match="no recording could be read"):
        load_recordings([])


def test_a_damaged_store_is_said(folder: Path, tiny_store: Path) -> None:
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match=r"manifest\.json"):
        load_recordings([folder])
    sequences, problems = load_recordings([folder, tiny_store])
    assert (len(sequences), len(problems)) == (96, 1)


def test_files_that_are_not_read_are_problems_or_ignored(folder: Path) -> None:
    (folder / "walk.fbx").write_bytes(b"x")
    (folder / "README").write_text("hello")
    ignored: list[UnreadFile] = []
    _, problems = load_recordings([folder], on_ignored=ignored.append)
    assert [
        problem for problem in problems if str(problem).startswith(f"{folder / 'walk.fbx'}: no reader for .fbx")
    ]
    assert [file.path.name for file in ignored] == ["README", "notes.md"]


def test_an_empty_folder_and_a_video_are_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "walk.mp4").write_bytes(b"\x00\x00\x00\x18ftyp")
    sequences, problems = load_recordings([folder / "empty", folder / "walk.mp4", folder / "a.json"])
    assert [sequence.name for sequence in sequences] == ["a"]
    assert problems[0].recording == str(folder / "empty")
    assert problems[0].reason == "no recording was found; got an empty folder"
    assert problems[1].recording == str(folder / "walk.mp4")
    assert problems[1].reason.startswith("the video cannot be opened")
    (folder / "walk.gif").write_bytes(b"GIF89a")
    _, (picture,) = load_recordings([folder / "walk.gif", folder / "a.json"])
    assert picture.reason == "a picture; expected a video, or a file of poses"
    with pytest.raises(InputError, match=r"no recording could be read: .*empty: no recording was found"):
        load_recordings([folder / "empty"])
