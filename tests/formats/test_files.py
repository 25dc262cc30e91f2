from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, detect, find_files
from skeletonmae.formats.files import InputFile, list_files
from skeletonmae.sequences import SequenceStore

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


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
    zipped = archive(tmp_path / "zips" / "all.ZIP", members | {"__MACOSX/a.txt": b"x"})
    expected = [("a.txt", b"a"), ("b/1.txt", b"one"), ("b/2.txt", b"two")]
    for root, inside in ((tmp_path / "folder",) * 2, (zipped, zipped), (tmp_path / "zips", zipped)):
        found = list_files(root, lambda name: name.endswith(".txt"))
        assert [(file.path.relative_to(inside).as_posix(), file.content()) for file in found] == expected
        assert [file.size for file in found] == [1, 3, 3]
        again = pickle.loads(pickle.dumps(found))  # noqa: S301
        assert again == found


def test_every_format_is_read_from_a_zip(samples: dict[str, Path], tmp_path: Path) -> None:
    members = {f"{name}/{path.name}": path.read_bytes() for name, path in samples.items()}
    skeleton = samples["asf_amc"].with_suffix(".asf")  # lies beside the motion
    members[f"asf_amc/{skeleton.name}"] = skeleton.read_bytes()
    root = archive(tmp_path / "all.zip", members)
    for file in find_files(root):
        name = file.path.parent.name
        expected = list(FORMATS[name].read(samples[name]))
        found = list(FORMATS[name].read(file))
        assert len(found) == len(expected) > 0
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.positions, other.positions)


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


@pytest.mark.parametrize(("raw", "name"), [(b"b\xc3\xbc.txt", "bü.txt"), (b"b\x81_.txt", "bü_.txt")])
def test_names_in_an_archive_that_does_not_state_their_encoding(tmp_path: Path, raw: bytes, name: str) -> None:
    path = archive(tmp_path / "a.zip", {"b__.txt": b"inside"})
    path.write_bytes(path.read_bytes().replace(b"b__.txt", raw))
    (file,) = list_files(path, everything)
    assert (file.path.name, file.content()) == (name, b"inside")


@pytest.mark.parametrize("name", ["../outside.txt", "a/../../outside.txt", "/etc/passwd"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (file,) = list_files(archive(tmp_path / "a.zip", {name: b"inside"}), everything)
    with pytest.raises(InputError, match=r"outside the archive|absolute"):
        file.content()


@pytest.mark.parametrize("lie", [False, True])
def test_a_zip_bomb_is_refused_in_little_memory(tmp_path: Path, lie: bool) -> None:
    path = archive(tmp_path / "a.zip", {"bomb.txt": bytes(2**29)})
    if lie:  # the sizes in the directory say that it is small
        content = bytearray(path.read_bytes())
        at = content.rindex(b"PK\x01\x02")
        content[at + 24 : at + 28] = struct.pack("<I", 1000)
        path.write_bytes(content)
    (file,) = list_files(path, everything)
    tracemalloc.start()
    with pytest.raises(
        InputError, match=r"bomb\.txt: (the file is too large|decompresses to more|cannot be read)"
    ):
        file.content()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


@FUZZ
@given(data=st.data())
def test_a_damaged_archive_gives_files_or_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = archive(tmp_path / "whole.zip", {"a.txt": b"a" * 300, "b/c.txt": bytes(range(256))}).read_bytes()
    content = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / f"damaged{data.draw(st.integers(0, 10**9))}.zip"
    path.write_bytes(content)
    try:
        for file in list_files(path, everything):
            said = str(path)
            try:
                assert len(file.content()) == file.size
            except InputError as error:
                said = str(error)
            assert str(path) in said
    finally:
        path.unlink()


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


def test_a_joined_store_is_not_raw(tmp_path: Path) -> None:
    from skeletonmae.sequences import SkeletonSequence, StoreWriter, join
    from skeletonmae.skeletons import KINECT20

    with StoreWriter(tmp_path / "store" / "shard-000", KINECT20) as store:
        store.add(SkeletonSequence.from_positions(np.ones((2, 20, 3)), KINECT20, name="a"))
    join([tmp_path / "store" / "shard-000"], tmp_path / "store")
    assert list_files(tmp_path, everything) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_cannot_be_unpacked_piece_by_piece_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr("a.txt", b"a" * 1000)
    (file_in,) = list_files(tmp_path / "a.zip", everything)
    with pytest.raises(InputError, match=r"a\.txt: unsupported compression method"):
        file_in.content()


def test_a_member_that_says_it_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = list_files(archive(tmp_path / "a.zip", {"a.txt": bytes(range(200))}), everything)
    monkeypatch.setattr("skeletonmae.formats.files.MAX_MEMBER_BYTES", 100)
    with pytest.raises(InputError, match="decompresses to more"), file.open() as opened:
        opened.read()
    big = tmp_path / "b.txt"
    big.write_bytes(b"1" * 300)
    monkeypatch.setattr("skeletonmae.formats.files.MAX_READ_BYTES", 200)
    with pytest.raises(InputError, match=r"b\.txt: the file is too large"):
        InputFile(big).content()


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
    inner = archive(tmp_path / "inner.zip", {"a.txt": b"a"}).read_bytes()
    outer = archive(tmp_path / "outer.zip", {"inner.zip": inner, "b.txt": b"b"})
    assert [file.path.name for file in list_files(outer, everything)] == ["b.txt", "inner.zip"]
    with pytest.raises(InputError, match=r"inner\.zip: an archive in an archive is not opened; unpack it"):
        detect(list_files(outer, everything)[1])
