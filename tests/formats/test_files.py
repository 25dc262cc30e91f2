from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from samples.zips import write_zip

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, find_files
from skeletonmae.formats.files import InputFile


def test_every_format_is_read_from_a_zip(samples: dict[str, Path], tmp_path: Path) -> None:
    members = {
        f"{name}/{part.name}": part.read_bytes()
        for name, path in samples.items()
        for part in path.parent.glob(f"{path.stem}.*")  # with the second file of recordings that have one
    }
    root = write_zip(tmp_path / "all.zip", members)
    for file in find_files(root):
        name = file.path.parent.name
        expected = list(FORMATS[name].read(samples[name]))
        found = list(FORMATS[name].read(file))
        assert len(found) == len(expected) > 0
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.positions, other.positions)


def test_text_that_is_not_utf8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("caf\xe9".encode("latin-1"))
    with pytest.raises(InputError, match=r"UTF-8.*0xe9 at 3"):
        InputFile(path).text()
    path.write_bytes(b"\xef\xbb\xbf \n")
    with pytest.raises(InputError, match="empty"):
        InputFile(path).text()


def test_a_file_that_was_changed_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    stamp = InputFile(path).stat_key
    assert InputFile(path).stat_key == stamp
    os.utime(path, (0, 0))
    assert InputFile(path).stat_key != stamp
