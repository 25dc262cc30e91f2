from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skeletonmae.files import atomic_file, atomic_folder, write_text


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent  # the same disk, so that the move is one step
    assert path.read_text() == "new"
    assert listing(tmp_path) == ["deep", "deep/a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("half of the n")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name", ["{}", "file:{}"])  # the second is what FFmpeg says
def test_a_full_disk_names_the_file_and_not_the_hidden_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mp4"

    def fail() -> None:
        with atomic_file(path) as temporary:
            raise OSError(errno.ENOSPC, "no space left on device", name.format(temporary))

    with pytest.raises(OSError, match="no space") as caught:
        fail()
    assert caught.value.filename == str(path)


def test_text_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\n骨\n")
    assert (tmp_path / "a").read_bytes() == "é\n骨\n".encode()


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with atomic_folder(path) as temporary:
        (temporary / "in").mkdir()
        (temporary / "in" / "a").write_text("a")
        assert not path.exists()
    assert listing(tmp_path) == ["new", "new/in", "new/in/a"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_folder(tmp_path / "new") as temporary:
            (temporary / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert listing(tmp_path) == []


def test_only_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty") as temporary:
        (temporary / "a").write_text("a")
    assert listing(tmp_path / "empty") == ["a"]
    for taken in ("empty", "empty/a"):
        with (
            pytest.raises(FileExistsError, match="already exists; delete it or choose another"),
            atomic_folder(tmp_path / taken),
        ):
            raise AssertionError("the block must not run")
    assert listing(tmp_path / "empty") == ["a"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("what", ["atomic_file", "atomic_folder"])
def test_a_kill_leaves_nothing_of_that_name(tmp_path: Path, what: str) -> None:
    code = f"""
import os, signal
from pathlib import Path
from skeletonmae.files import {what}
with {what}(Path({str(tmp_path / "new")!r})) as temporary:
    (temporary / "a" if temporary.is_dir() else temporary).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "new").exists()
    assert all(name.startswith(".new.") for name in os.listdir(tmp_path))  # noqa: PTH208


def make_old(path: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


def test_what_killed_writers_left_is_removed_after_a_day(tmp_path: Path) -> None:
    names = (".a.txt.0123abcd.tmp", ".a.txt.0123abce.tmp", ".b.txt.0123abcd.tmp", ".a.txt.mine.tmp", "a.txt.tmp")
    for name in names:
        (tmp_path / name).write_text("half")
        make_old(tmp_path / name, 0.9 if name == names[1] else 1.1)
    write_text(tmp_path / "a.txt", "new")
    assert listing(tmp_path) == sorted({*names[1:], "a.txt"})  # another writer's of today, other names


def test_a_folder_that_is_written_is_not_removed(tmp_path: Path) -> None:
    for name, age in ((".new.0123abcd.tmp", 2), (".new.0123abce.tmp", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("half")
        make_old(tmp_path / name / "a", age)
        make_old(tmp_path / name, 2)
    with atomic_folder(tmp_path / "new") as temporary:
        (temporary / "a").write_text("a")
    assert listing(tmp_path) == [".new.0123abce.tmp", ".new.0123abce.tmp/a", "new", "new/a"]
