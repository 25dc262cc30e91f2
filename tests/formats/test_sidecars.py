from __future__ import annotations

from pathlib import Path

import pytest
from samples.zips import write_zip

from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.sidecars import attach_sidecars, names_beside


def names(motion: str) -> tuple[str, ...]:
    stem, _, ending = motion.rpartition(".")
    return (f"{stem}.body", "*.body") if ending == "move" else ()


def found(root: Path) -> dict[str, str]:
    """Name of each file -> that of its sidecar."""
    files = attach_sidecars(list_files(root, lambda _: True), names)
    return {file.path.name: file.sidecar.path.name if file.sidecar else "" for file in files}


@pytest.fixture(params=["folder", "zip"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder, or the name of an archive, to write files to."""
    return tmp_path / ("all.zip" if request.param == "zip" else "all")


def write(where: Path, *paths: str) -> Path:
    if where.suffix:
        return write_zip(where, dict.fromkeys(paths, b"x"))
    for path in paths:
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_bytes(b"x")
    return where


def test_the_file_of_that_name_comes_first_and_is_no_input_of_its_own(where: Path) -> None:
    assert found(write(where, "a/1.move", "a/1.body", "a/2.body", "a/3.txt")) == {
        "1.move": "1.body", "2.body": "", "3.txt": "",
    }  # fmt: skip


def test_the_only_file_of_the_folder_that_ends_so(where: Path) -> None:
    root = write(where, "a/1.move", "a/2.move", "a/x.BODY", "b/3.move", "c/4.move", "c/y.body", "c/z.body")
    assert found(root) == {
        "1.move": "x.BODY",
        "2.move": "x.BODY",
        "3.move": "",
        "4.move": "",
        "y.body": "",
        "z.body": "",
    }


def test_names_beside_a_file(where: Path) -> None:
    files = list_files(write(where, "a/1.move", "a/2.body", "a/.hidden", "b/3.move"), lambda _: True)
    assert names_beside(files[0]) == ["1.move", "2.body"]


def test_a_folder_or_archive_that_cannot_be_read_has_no_names(tmp_path: Path) -> None:
    assert names_beside(InputFile(tmp_path / "absent" / "1.move")) == []
    (tmp_path / "bad.zip").write_bytes(b"PK")
    assert names_beside(InputFile(tmp_path / "bad.zip" / "1.move", tmp_path / "bad.zip")) == []
