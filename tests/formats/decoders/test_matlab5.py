from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders import matlab5
from skeletonmae.formats.decoders.matlab5 import read_matlab, variable_names

MB = 2**20
PENN = ("nframes", "dimensions", "bbox", "action", "pose", "x", "y", "visibility", "train")


def saved(compressed: bool = True, **variables: Any) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=compressed)
    return file.getvalue()


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def small(kind: int, data: bytes, order: str = "<") -> bytes:
    both = kind | len(data) << 16
    return struct.pack(order + "I", both) + data.ljust(4, b"\0")


def variable(
    name: bytes, kind: int, shape: tuple[int, ...], body: bytes, order: str = "<", flags: int = 0
) -> bytes:
    """An array as the document of the format lays it out."""
    inner = element(6, struct.pack(order + "II", kind | flags << 8, 0), order)
    inner += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order) + element(1, name, order) + body
    return struct.pack(order + "II", 14, len(inner)) + inner


def packed(content: bytes) -> bytes:
    stream = zlib.compress(content)
    return struct.pack("<II", 15, len(stream)) + stream


def file_of(*variables: bytes, order: str = "<") -> bytes:
    mark = b"\0\1IM" if order == "<" else b"\1\0MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(variables)


def peak_of(content: bytes, wanted: tuple[str, ...] = ("x",)) -> int:
    """Bytes of memory at most while a file is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read_matlab(content, "a.mat", wanted)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


RNG = np.random.default_rng(0)
ARRAYS = {
    **{
        dtype: (RNG.integers(0, 100, (3, 4, 2))).astype(dtype)
        for dtype in ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")
    },
    "extremes": np.array([[np.iinfo("i8").min, np.iinfo("i8").max]]),
    "nan": np.array([[np.nan, np.inf, -0.0]]),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 20, 3)),
    "by rows": np.arange(600.0).reshape(20, 30),
    "by columns": np.asfortranarray(np.arange(600.0).reshape(20, 30)),
    "another header": np.arange(6, dtype=">f4").reshape(2, 3),
}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_those_that_scipy_reads(name: str, compressed: bool) -> None:
    content = saved(compressed, x=ARRAYS[name], other="text")
    wanted = scipy.io.loadmat(io.BytesIO(content), mat_dtype=True)["x"]
    (got,) = read_matlab(content, "a.mat", ["x"]).values()
    assert isinstance(got, np.ndarray)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got.astype(float)), np.signbit(wanted.astype(float)))
    got[...] = 0  # it is the caller's own


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("text", ["jumping_jacks", "x", "", "Größe", "跳ぶ", "a\nb "])
def test_text(text: str, compressed: bool) -> None:
    assert read_matlab(saved(compressed, action=text), "a.mat", ["action"]) == {"action": text}


def test_rows_of_text() -> None:
    (rows,) = read_matlab(saved(x=np.array(["left", "rght", "both"])), "a.mat", ["x"]).values()
    assert isinstance(rows, np.ndarray)
    assert rows.tolist() == ["left", "rght", "both"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [True, False])
def test_doubles_kept_in_few_bytes_in_both_byte_orders(order: str, compressed: bool) -> None:
    bytes_ = variable(b"x", 6, (2, 3), element(2, bytes([0, 1, 2, 3, 4, 255]), order), order)
    shorts = variable(b"y", 6, (1, 2), small(3, struct.pack(order + "2h", -3, 300), order), order)
    doubles = variable(b"z", 6, (1, 2), element(9, struct.pack(order + "2d", 0.1, -1e300), order), order)
    if compressed and order == "<":
        bytes_, shorts, doubles = map(packed, (bytes_, shorts, doubles))
    got = read_matlab(file_of(bytes_, shorts, doubles, order=order), "a.mat", ["x", "y", "z"])
    assert {value.dtype for value in got.values() if isinstance(value, np.ndarray)} == {np.dtype("f8")}
    assert np.asarray(got["x"]).tolist() == [[0, 2, 4], [1, 3, 255]]
    assert np.asarray(got["y"]).tolist() == [[-3, 300]]
    assert np.asarray(got["z"]).tolist() == [[0.1, -1e300]]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "text", "count", "codec"),
    [(1, "ab", 2, "latin-1"), (2, "sé", 2, "latin-1"), (4, "né", 2, "utf-16"), (16, "né跳", 3, "utf-8"),
     (17, "a🙂", 3, "utf-16"), (18, "a🙂", 2, "utf-32")],
)  # fmt: skip
def test_text_in_every_coding(kind: int, text: str, count: int, codec: str, order: str) -> None:
    if "16" in codec or "32" in codec:
        codec += {"<": "-le", ">": "-be"}[order]
    content = file_of(variable(b"x", 4, (1, count), element(kind, text.encode(codec), order), order), order=order)
    assert read_matlab(content, "a.mat", ["x"]) == {"x": text}


NUMBERS = element(9, struct.pack("<2d", 1, 2))
REFUSED = {
    "a cell array": saved(x=np.array([["a", 1]], dtype=object)),
    "a structure": saved(x={"field": 1}),
    "sparse": saved(x=scipy.sparse.eye(3).tocsc()),
    "complex": saved(x=np.array([1 + 2j])),
    "a function": file_of(variable(b"x", 16, (1, 1), NUMBERS)),
    "an object": file_of(variable(b"x", 3, (1, 1), NUMBERS)),
    "an unknown class": file_of(variable(b"x", 99, (1, 2), NUMBERS)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_variables_are_refused_by_name_and_passed_over_where_not_wanted(kind: str) -> None:
    with pytest.raises(InputError, match=rf"a\.mat, variable 'x'.*{kind}"):
        read_matlab(REFUSED[kind], "a.mat", ["x"])
    content = REFUSED[kind] + saved(y=3)[128:]
    assert read_matlab(content, "a.mat", ["y"]).keys() == {"y"}


SOUND = variable(b"x", 6, (1, 2), NUMBERS)
DAMAGED = {
    "empty": (b"", "another header"),
    "a text": (b"x" * 300, "another header"),
    "hdf5": (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"x" * 99, "7.3.*-v7"),
    "no variable": (file_of(), "variable is missing"),
    "another variable": (saved(other=1), "variable is missing.*expected x; got other"),
    "twice": (file_of(SOUND, SOUND), "twice"),
    "more numbers than shape": (file_of(variable(b"x", 6, (1, 1), NUMBERS)), "2 numbers"),
    "fewer numbers than shape": (file_of(variable(b"x", 6, (1, 3), NUMBERS)), "2 numbers"),
    "far fewer": (file_of(variable(b"x", 6, (1, 300), NUMBERS)), r"shape is \(1, 300\), in \d+ bytes"),
    "negative": (file_of(variable(b"x", 6, (-1, -2), NUMBERS)), "shape"),
    "one axis": (file_of(variable(b"x", 6, (2,), NUMBERS)), "no shape"),
    "200 axes": (file_of(variable(b"x", 6, (1,) * 200, NUMBERS)), "no shape|truncated"),
    "broken numbers": (file_of(variable(b"x", 6, (1, 1), element(9, b"1234567"))), "not numbers"),
    "numbers of no type": (file_of(variable(b"x", 6, (1, 2), element(77, b"12"))), "unknown type"),
    "whole numbers that are not": (file_of(variable(b"x", 8, (1, 2), NUMBERS)), "float64"),
    "text of no type": (file_of(variable(b"x", 4, (1, 2), element(77, b"12"))), "not a text"),
    "text of other length": (file_of(variable(b"x", 4, (1, 3), element(16, b"12"))), "letters"),
    "wrong utf-8": (file_of(variable(b"x", 4, (1, 3), element(16, b"\xff\xff\xff"))), "utf-8"),
    "no variable there": (file_of(element(9, b"12345678")), "element of type 9"),
    "overlong small element": (file_of(variable(b"x", 6, (1, 2), struct.pack("<I", 2 | 9 << 16) + b"123456789")), "truncated"),
    "not packed": (file_of(struct.pack("<II", 15, 8) + b"12345678"), "header"),
    "packed is too long": (file_of(packed(SOUND + b"more")), "decompress"),
    "packed is too short": (file_of(packed(SOUND[:-8])), "decompress"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_told(case: str) -> None:
    content, message = DAMAGED[case]
    with pytest.raises(InputError, match=message) as caught:
        read_matlab(content, "here.mat", ["x"])
    assert str(caught.value).startswith("here.mat")


def test_a_flipped_bit_in_packed_numbers_is_found() -> None:
    content = bytearray(saved(x=RNG.normal(size=(40, 30))))
    for place in range(300, len(content) - 8, 97):
        content[place] ^= 8
        with pytest.raises(InputError):
            read_matlab(bytes(content), "a.mat", ["x"])
        content[place] ^= 8


def test_a_checksum_that_was_forgotten_is_no_error() -> None:
    """MATLAB ends the stream of a variable of 16384 bytes without one."""
    unpacked = variable(b"x", 6, (2041, 1), element(9, np.arange(2041.0).tobytes()))
    stream = zlib.compressobj()
    content = stream.compress(unpacked) + stream.flush(zlib.Z_SYNC_FLUSH)
    (got,) = read_matlab(file_of(struct.pack("<II", 15, len(content)) + content), "a.mat", ["x"]).values()
    assert np.array_equal(np.ravel(got), np.arange(2041.0))


@pytest.mark.parametrize("kind", [6, 9, 4])
@pytest.mark.parametrize("shape", [(2**31 - 1, 2**31 - 1), (10**6, 500), (2**31 - 1,) * 31, (20, 3, 10**6)])
def test_a_huge_shape_makes_no_room(shape: tuple[int, ...], kind: int) -> None:
    content = variable(b"x", kind, shape, element(2, bytes(1000)))
    assert peak_of(file_of(content)) < MB
    assert peak_of(file_of(packed(content))) < MB


def bomb(says: int, holds: int = 32 * MB) -> bytes:
    """A packed array of small whole numbers that says how many bytes it unpacks to, and unpacks to others."""
    inner = variable(b"x", 9, (1000, says // 2000), b"")[8:] + struct.pack("<II", 2, says // 2000 * 1000)
    stream = zlib.compressobj()
    content = stream.compress(struct.pack("<II", 14, says) + inner)
    content += b"".join(stream.compress(bytes(MB)) for _ in range(holds // MB)) + stream.flush()
    return file_of(struct.pack("<II", 15, len(content)) + content)


@pytest.mark.parametrize("says", [4000, MB // 2, 400 * MB, 2**32 - 1])
def test_a_bomb_is_refused(says: int) -> None:
    assert matlab5.MAX_READ_BYTES == 256 * MB
    content = bomb(says)
    assert len(content) < MB // 8
    assert peak_of(content) < 2 * MB
    assert peak_of(content, ("other",)) < MB


BASES = [
    saved(x=RNG.normal(size=(20, 3, 5)), action="squat", y=np.arange(5)),
    saved(False, x=RNG.normal(size=(20, 3, 5)), action="squat", y=np.arange(5)),
    file_of(variable(b"x", 6, (2, 3), element(2, bytes(6))), variable(b"action", 4, (1, 2), small(16, b"ab"))),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(BASES), st.data())
def test_whatever_the_bytes_only_an_input_error_comes(base: bytes, data: st.DataObject) -> None:
    content = bytearray(base)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(1, 4))] = data.draw(st.binary(max_size=8))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    try:
        found = read_matlab(bytes(content), "a.mat", ["x", "action"])
    except InputError:
        return
    finally:
        variable_names(bytes(content))
    assert found.keys() == {"x", "action"}


@given(st.binary(max_size=300))
def test_garbage(content: bytes) -> None:
    for start in (b"", BASES[0][:128]):
        with pytest.raises(InputError):
            read_matlab(start + content, "a.mat", ["x"])


def test_names_from_the_first_bytes() -> None:
    content = saved(False, small=1, large=np.zeros(9999), after=2)
    assert variable_names(content[:4096]) == ["small", "large"]
    assert variable_names(content) == ["small", "large", "after"]
    assert variable_names(saved(x=np.ones(99), action="a")[:4096]) == ["x", "action"]
    assert variable_names(b"nothing of the kind" * 99) == []


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "wanted", "count"), [("penn_action/labels", PENN, 2326), ("utd_mhad/Skeleton", ("d_skel",), 861)]
)
def test_all_real_files_as_scipy_reads_them(
    folder: str, wanted: tuple[str, ...], count: int, real_data: Path
) -> None:
    paths = sorted((real_data / folder).glob("*.mat"))
    assert len(paths) == count
    for path in paths:
        content = path.read_bytes()
        theirs = scipy.io.loadmat(io.BytesIO(content), mat_dtype=True)
        ours = read_matlab(content, str(path), wanted)
        for name in wanted:
            value = ours[name]
            if isinstance(value, str):
                assert theirs[name].tolist() == [value], (path, name)
            else:
                assert value.dtype == theirs[name].dtype, (path, name)
                assert np.array_equal(value, theirs[name]), (path, name)
        assert set(variable_names(content[:4096])) & {"d_skel", "action"}
