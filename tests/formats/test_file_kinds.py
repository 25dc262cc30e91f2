from __future__ import annotations

import pytest

from skeletonmae.formats.file_kinds import data_kind, harmless_kind, is_prose, is_table


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("README", "a document"),
        ("readme-first.txt", "a document"),
        ("LICENCE.txt", "a document"),
        ("paper.PDF", "a document"),
        ("a.b.JPEG", "a picture"),
        ("walk.MP4", "a video beside other recordings; to estimate its poses, read it alone"),
        ("load.py", "a program or its settings"),
        ("shape.npz", "the shape of a body, without motion"),
        ("neutral_stagei.npz", "the shape of a body, without motion"),
        ("walk_stageii.npz", ""),
        ("reshape.npz", ""),
        ("news_001.txt", ""),
        ("authority.txt", ""),
        ("clip.csv", ""),
        ("clip", ""),
    ],
)
def test_names_that_hold_no_recordings(name: str, kind: str) -> None:
    assert harmless_kind(name) == kind


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.tar.gz", b"", "archive"),
        ("a", b"\x1f\x8b\x08", "archive"),
        ("a", bytes(257) + b"ustar", "archive"),
        ("a.xlsx", b"PK\x03\x04", "table"),
        ("a.npz", b"PK\x03\x04", "array"),
        ("a", b"\x93NUMPY\x01", "array"),
        ("a", b'  {"a": 1}', "JSON"),
        ("a", b"[[1.0, 2.0], ", "JSON"),
        ("a", b"[section]\nkey=1\n", ""),
        ("a.fbx", b"", "motion"),
        ("a", b"t x y\n0 1.5 2\n1 2.5 3\n2 3.", "table"),
        ("a", b"\x00\x01\x02", ""),
        ("a", b"", ""),
    ],
)
def test_what_could_hold_recordings(name: str, head: bytes, kind: str) -> None:
    assert data_kind(name, head) == kind


def test_a_text_of_words_is_neither_a_table_nor_numbers() -> None:
    text = b"The joints are listed from top to bottom.\nThe hand comes last.\n"
    assert is_prose(text)
    assert is_prose("Länger als gedacht: ü".encode()[:-1])  # cut off inside a letter
    assert not is_table(text)
    assert not is_prose(b"1 2 3\n4 5 6\n")
    assert not is_prose(b"\xff\xfe\x00\x01")
