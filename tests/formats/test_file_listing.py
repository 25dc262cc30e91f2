from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from samples.zips import write_zip

from skeletonmae.errors import InputError
from skeletonmae.formats import detect
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.files import InputFile
from skeletonmae.sequences import SequenceStore


def everything(_: str) -> bool:
    return True


def test_a_folder_and_its_zip_hold_the_same_files(tmp_path: Path) -> None:
    members = {
        "b/2.txt": b"two",
        "b/1.txt": b"one",
        "a.txt": b"a",
        ".hidden": b"x",
        "b/.git/x": b"x",
        "c.bin": b"x",
    }
    for name, content in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "zips").mkdir()
    zipped = write_zip(tmp_path / "zips" / "all.ZIP", members | {"__MACOSX/a.txt": b"x"})
    expected = [("a.txt", b"a"), ("b/1.txt", b"one"), ("b/2.txt", b"two")]
    for root, inside in ((tmp_path / "folder",) * 2, (zipped, zipped), (tmp_path / "zips", zipped)):
        found = list_files(root, lambda name: name.endswith(".txt"))
        assert [(file.path.relative_to(inside).as_posix(), file.content()) for file in found] == expected
        assert [file.size for file in found] == [1, 3, 3]
        again = pickle.loads(pickle.dumps(found))  # noqa: S301
        assert again == found


def test_one_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.unusual"
    path.write_bytes(b"1")
    assert list_files(path, lambda _: False) == [InputFile(path)]
    with pytest.raises(InputError, match=r"absent: there is no such"):
        list_files(tmp_path / "absent", everything)


def test_a_store_is_not_raw(tmp_path: Path, make_store: object) -> None:
    from skeletonmae.sequences import SkeletonSequence, StoreWriter
    from skeletonmae.skeletons import KINECT20

    with StoreWriter(tmp_path / "in" / "store", KINECT20) as store:
        store.add(SkeletonSequence.from_positions(np.ones((2, 20, 3)), KINECT20, name="a"))
    assert len(SequenceStore.open(tmp_path / "in" / "store")) == 1
    (tmp_path / "in" / "a.json").write_text("{}")
    assert [file.path.name for file in list_files(tmp_path / "in", everything)] == ["a.json"]


def test_a_joined_store_is_not_raw(tmp_path: Path) -> None:
    from skeletonmae.sequences import SkeletonSequence, StoreWriter, join
    from skeletonmae.skeletons import KINECT20

    with StoreWriter(tmp_path / "store" / "shard-000", KINECT20) as store:
        store.add(SkeletonSequence.from_positions(np.ones((2, 20, 3)), KINECT20, name="a"))
    join([tmp_path / "store" / "shard-000"], tmp_path / "store")
    assert list_files(tmp_path, everything) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_not_a_file_is_said_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    os.mkfifo(tmp_path / "y.zip")
    found = list_files(tmp_path, everything)
    assert [file.path.name for file in found] == ["x.json", "y.zip"]
    for file in found:
        with pytest.raises(InputError, match="not a regular file"):
            file.head()


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.txt").write_text("x")
    try:
        (tmp_path / "root" / "a" / "back").symlink_to(tmp_path / "root")
        (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("no links here")
    assert [file.path.relative_to(tmp_path).as_posix() for file in list_files(tmp_path / "root", everything)] == [
        "root/b/x.txt"
    ]


def test_an_archive_in_an_archive_is_not_passed_over(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", {"a.txt": b"a"}).read_bytes()
    outer = write_zip(tmp_path / "outer.zip", {"inner.zip": inner, "b.txt": b"b"})
    assert [file.path.name for file in list_files(outer, everything)] == ["b.txt", "inner.zip"]
    with pytest.raises(InputError, match=r"inner\.zip: an archive in an archive is not opened; unpack it"):
        detect(list_files(outer, everything)[1])
