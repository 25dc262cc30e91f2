from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples.zips import write_zip

from skeletonmae.errors import InputError
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.files import InputFile

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(_: str) -> bool:
    return True


@pytest.mark.parametrize(("raw", "name"), [(b"b\xc3\xbc.txt", "bü.txt"), (b"b\x81_.txt", "bü_.txt")])
def test_names_in_an_archive_that_does_not_state_their_encoding(tmp_path: Path, raw: bytes, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", {"b__.txt": b"inside"})
    path.write_bytes(path.read_bytes().replace(b"b__.txt", raw))
    (file,) = list_files(path, everything)
    assert (file.path.name, file.content()) == (name, b"inside")


@pytest.mark.parametrize("name", ["../outside.txt", "a/../../outside.txt", "/etc/passwd"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (file,) = list_files(write_zip(tmp_path / "a.zip", {name: b"inside"}), everything)
    with pytest.raises(InputError, match=r"outside the archive|absolute"):
        file.content()


@pytest.mark.parametrize("lie", [False, True])
def test_a_zip_bomb_is_refused_in_little_memory(tmp_path: Path, lie: bool) -> None:
    path = write_zip(tmp_path / "a.zip", {"bomb.txt": bytes(2**29)})
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
    archive = write_zip(tmp_path / "archive.zip", {"a.txt": b"a" * 300, "b/c.txt": bytes(range(256))}).read_bytes()
    content = bytearray(archive[: data.draw(st.integers(1, len(archive)))])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / f"damaged{data.draw(st.integers(0, 10**9))}.zip"
    path.write_bytes(content)
    try:
        for file in list_files(path, everything):
            message = str(path)
            try:
                assert len(file.content()) == file.size
            except InputError as error:
                message = str(error)
            assert str(path) in message
    finally:
        path.unlink()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_cannot_be_unpacked_piece_by_piece_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr("a.txt", b"a" * 1000)
    (file_in,) = list_files(tmp_path / "a.zip", everything)
    with pytest.raises(InputError, match=r"a\.txt: unsupported compression method"):
        file_in.content()


def test_a_member_that_says_it_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = list_files(write_zip(tmp_path / "a.zip", {"a.txt": bytes(range(200))}), everything)
    monkeypatch.setattr("skeletonmae.formats.archives.MAX_MEMBER_BYTES", 100)
    with pytest.raises(InputError, match="decompresses to more"), file.open() as opened:
        opened.read()
    big = tmp_path / "b.txt"
    big.write_bytes(b"1" * 300)
    monkeypatch.setattr("skeletonmae.formats.files.MAX_READ_BYTES", 200)
    with pytest.raises(InputError, match=r"b\.txt: the file is too large"):
        InputFile(big).content()
