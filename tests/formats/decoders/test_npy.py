from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.npy import first_member, iter_rows, open_npz, read_header, sniff_header
from skeletonmae.formats.files import InputFile

MB = 2**20


def npy_bytes(array: Any, *, allow_pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def header_bytes(shape: str, descr: str = "<f4", fortran: bool = False) -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write_npz(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> InputFile:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return InputFile(path)


def test_arrays_rows_and_names_are_those_that_numpy_wrote(tmp_path: Path) -> None:
    a, text = np.arange(24, dtype=">i2").reshape(2, 3, 4), np.array(["male", "x"])
    np.savez_compressed(tmp_path / "a.npz", a=a, fortran=np.asfortranarray(a), text=text, scalar=np.float64(120))
    with open_npz(InputFile(tmp_path / "a.npz")) as arrays:
        assert arrays.names == ("a", "fortran", "text", "scalar")
        assert "a" in arrays
        assert "b" not in arrays
        assert arrays.header("a").shape == (2, 3, 4)
        np.testing.assert_array_equal(arrays.array("a"), a)
        np.testing.assert_array_equal(list(arrays.rows("a")), a)
        np.testing.assert_array_equal(list(arrays.rows("fortran")), a)
        assert arrays.array("text").tolist() == ["male", "x"]
        assert arrays.array("scalar")[()] == 120


def test_an_npz_in_a_zip_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(3))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.npz", "inside/a.npz")
    file = InputFile(tmp_path / "all.zip" / "inside" / "a.npz", archive=tmp_path / "all.zip")
    with open_npz(file) as arrays:
        assert arrays.array("a").tolist() == [0, 1, 2]


def test_objects_are_decoded_and_never_unpickled(tmp_path: Path) -> None:
    poses = {"S1": {"walk 1": [np.ones((2, 3)), np.zeros((1, 3))]}}
    two = np.empty((2, 2), dtype=object)
    two[:] = [["a", 1], [None, "d"]]
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=True, poses=np.array(poses, dtype=object), two=two)
    with open_npz(InputFile(tmp_path / "a.npz")) as arrays:
        found: Any = arrays.objects("poses")
        assert found["S1"]["walk 1"][0].shape == (2, 3)
        assert arrays.objects("two") == [["a", 1], [None, "d"]]
        with pytest.raises(InputError, match="an array of objects"):
            arrays.array("poses")


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_an_object_that_would_run_code_is_refused_by_name(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    file = write_npz(tmp_path / "a.npz", a=npy_bytes(np.array(Attack(target), dtype=object), allow_pickle=True))
    with open_npz(file) as arrays, pytest.raises(InputError, match=r"a\.npz, array 'a': the pickle asks for"):
        arrays.objects("a")
    assert not target.exists()


def test_an_object_array_with_too_few_items_is_refused(tmp_path: Path) -> None:
    content = pickle.dumps(np.array(["a", "b"], dtype=object), protocol=2).replace(b"K\x02\x85", b"K\x03\x85")
    file = write_npz(tmp_path / "a.npz", a=header_bytes("(3,)", "|O") + content)
    with open_npz(file) as arrays, pytest.raises(InputError, match=r"shape \(3,\) with 2 objects"):
        arrays.objects("a")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (header_bytes("(1000000000, 25, 3)"), "the array does not fit into its file"),
        (header_bytes("(4,)") + b"12345678", "truncated"),
        (header_bytes("(-1,)") + b"1234", "not a plain array"),
        (header_bytes(f"(0, {2**62}, 2)"), "not a plain array"),
        (header_bytes(f"(0, {2**40})", "<U1000"), "not a plain array"),
        (header_bytes(f"({'1, ' * 40})") + b"1234", "not a plain array"),
        (header_bytes("(2,)", "<c8") + b"1" * 16, "not a plain array"),
        (header_bytes("(2,)", "<M8[s]") + b"1" * 16, "not a plain array"),
        (header_bytes("__import__('os')") + b"1234", "not a numpy array"),
        (header_bytes("(" * 4000), "not a numpy array"),
        (b"\x93NUMPY\x07\x00" + b"1" * 100, "version"),
        (b"something else", "not a numpy array"),
    ],
)
def test_what_is_not_a_plain_array_is_refused_in_little_memory(tmp_path: Path, content: bytes, match: str) -> None:
    file = write_npz(tmp_path / "a.npz", a=content)
    tracemalloc.start()
    with open_npz(file) as arrays, pytest.raises(InputError, match=match):
        arrays.array("a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * MB


def test_a_member_that_shrinks_too_much_is_refused(tmp_path: Path) -> None:
    content = header_bytes(f"({20 * MB},)", "|u1") + bytes(20 * MB)
    file = write_npz(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, a=content)
    with open_npz(file) as arrays, pytest.raises(InputError, match="unpacks to more than a recording can be"):
        arrays.array("a")


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", zipfile.ZIP_LZMA, a=npy_bytes(np.zeros(3)))
    with open_npz(file) as arrays, pytest.raises(InputError, match="unusual method"):
        arrays.array("a")


def test_a_missing_array_is_named_with_those_that_exist(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", a=npy_bytes(np.zeros(3)))
    with open_npz(file) as arrays, pytest.raises(InputError, match=r"no array 'b'; got a"):
        arrays.array("b")


def test_rows_are_read_one_at_a_time() -> None:
    content = io.BytesIO(npy_bytes(np.zeros((40, 256, 256))))
    header = read_header(content, "a.npy", None)
    tracemalloc.start()
    assert sum(1 for _ in iter_rows(content, header, "a.npy")) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * MB  # the array takes 20


def test_the_first_bytes_tell_shape_and_first_array(tmp_path: Path) -> None:
    header = sniff_header(npy_bytes(np.zeros((2, 3), np.float32))[:4096])
    assert header is not None
    assert (header.shape, header.dtype) == ((2, 3), np.dtype("f4"))
    assert sniff_header(b"PK\x03\x04") is None
    assert sniff_header(b"\x93NUMPY\x01\x00garbage") is None
    write_npz(tmp_path / "a.npz", x_train=npy_bytes(np.zeros(3)))
    assert first_member((tmp_path / "a.npz").read_bytes()) == "x_train"
    assert first_member(b"PK\x03\x04short") is None
    assert first_member(npy_bytes(np.zeros(3))) is None
