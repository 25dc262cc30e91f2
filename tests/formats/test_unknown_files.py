from __future__ import annotations

import io

import numpy as np
import pytest

from skeletonmae.formats.unknown_files import advice, describe_head


def npy(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(shape, np.float32))
    return file.getvalue()


def npz(**arrays: list[float]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{name: np.array(values) for name, values in arrays.items()})
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        ("x".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (npy((2, 3)), "is a numpy array of float32 with shape (2, 3)"),
        (npz(a=[1.0], b=[2.0]), "is a .npz file that begins with the array 'a', 'b'"),
        (b"a\tb\tc\n", r"begins with 'a\tb\tc'"),
        (b"\n  1,2\n3,4", "begins with '1,2'"),
        (b"\x00\x01", "does not begin with text"),
        (b"\xff\xd8\xff", "does not begin with text"),
        (b'{"a": {"x": 1, "y": ["b:", {"c": 2}]}, "b\\"": 1, "d": ', 'is JSON with the keys "a", "b\\"", "d"'),
        (b'[[{"a": 1, "b": 2}, {"c": 3}]]', 'is JSON with the keys "a", "b"'),
        (
            b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}',
            'is JSON with the keys "a", "b", "c", "d", "e", "f", ...',
        ),
        (b"[[1, 2], [3, 4]]", "begins with '[[1, 2], [3, 4]]'"),
    ],
)
def test_how_a_file_begins(head: bytes, words: str) -> None:
    assert describe_head(head) == words


@pytest.mark.parametrize(
    ("name", "head", "words"),
    [
        ("a.csv", b"Format Version,1.23,Take Name", "C3D or BVH"),
        ("a.tsv", b"NO_OF_FRAMES\t100\n", "C3D"),
        ("a.csv", b"\xef\xbb\xbfTrajectories\n100\n", "C3D"),
        ("a.csv", b"1,2.5\n3,4\n", "a first line with the names of the columns: columns frame"),
        ("a.csv", b"a,b\n", "columns frame, joint, x, y"),
        ("a.npy", npy((2, 3, 4)), "5 axes and not 3"),
        ("a.npy", npy((2, 7, 3, 4, 1)), "2 or 3 channels"),
        ("a.npz", npz(boxes=[1.0], keypoints=[2.0]), "prepare_data_2d_custom.py"),
        ("a.npz", npz(mine=[1.0]), "AMASS"),
        ("a.json", b"{}", "the JSON of a pose estimator"),
        ("a.txt", b"hello", "docs/data.md"),
    ],
)
def test_what_to_do_about_it(name: str, head: bytes, words: str) -> None:
    assert words in advice(name, head)
