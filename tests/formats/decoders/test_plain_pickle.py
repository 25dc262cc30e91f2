from __future__ import annotations

import collections
import contextlib
import copyreg
import datetime
import io
import os
import pickle
import struct
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.plain_pickle import read_pickle

MB = 2**20
PROTOCOLS = range(6)


def read(content: bytes) -> Any:
    return read_pickle(io.BytesIO(content), "a.pkl")


def refused(content: bytes, match: str = "") -> int:
    """Bytes of memory at most while a pickle is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=rf"^a\.pkl: (?s:.*){match}") as caught:
            read(content)
        assert len(str(caught.value)) < 500
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_same(got: Any, wanted: Any) -> None:
    assert type(got) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(got, wanted)
    elif isinstance(wanted, dict):
        assert list(got) == list(wanted)
        for key in wanted:
            assert_same(got[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_same(one, other)
    else:
        assert got == wanted or (got != got and wanted != wanted)


DTYPES = (
    "?", "i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">u8", "f2", "<f4", ">f4", "<f8", ">f8",
    "S3", "<U4", ">U4",
)  # fmt: skip
SHAPES = ((), (0,), (3, 0, 2), (1,), (7,), (2, 3, 4))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays(dtype: str, protocol: int) -> None:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        array = rng.integers(0, 200, shape).astype("u1").astype(dtype)
        for view in (
            array,
            array.T,
            array[..., ::2] if shape else array,
            array.swapaxes(0, -1) if shape else array,
        ):
            assert_same(read(pickle.dumps(view, protocol)), view)


PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65536, 2**31, -(2**31), 2**40, -(2**62), 0.0, -0.5, 1e300, float("inf"), True],
    "texts": ["", "a", "jumping jacks", "Größe", "跳ぶ", "🙂", "a\nb\\'\"", "x" * 300, "y" * 70000],
    "bytes": [b"", b"\x00\xff", b"a" * 300],
    "nothing": None,
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, (2, (3, "x"))), tuple(range(10))],
    "sets": [set(), {1, "a", None}, frozenset({2, b"b"})],
    "dicts": [{}, {1: 2}, {"a": {"b": [1, {}]}, 2.5: None, None: False, b"k": 1}],
    "scalars": [np.float32(0.1), np.int64(-3), np.bool_(True), np.str_("left"), np.bytes_(b"ab"), np.float64(2)],
    "many": [{"frame_dir": f"S{i:03}", "label": i, "img_shape": (1080, 1920)} for i in range(2000)],
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", PLAIN)
def test_plain_values(name: str, protocol: int) -> None:
    assert_same(read(pickle.dumps(PLAIN[name], protocol)), PLAIN[name])
    assert_same(read(pickle._dumps(PLAIN[name], protocol)), PLAIN[name])  # type: ignore[attr-defined] # other opcodes


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shared_stays_shared(protocol: int) -> None:
    array, names = np.arange(6.0), ["a", "b"]
    got = read(pickle.dumps([array, array, {"x": array}, names, names], protocol))
    assert got[0] is got[1] is got[2]["x"]
    assert got[3] is got[4]
    assert_same(got[0], array)


def test_arrays_of_older_numpy_and_of_python_2() -> None:
    """`numpy.core` became `numpy._core`; Python 2 wrote bytes as text, and `__builtin__`."""
    array = np.array([[1, 200], [3, 4]], dtype="<i8")
    content = pickle.dumps(array, 2).replace(b"numpy._core", b"numpy.core")
    assert_same(read(content), array)
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    data = b"U" + bytes([len(array.tobytes())]) + array.tobytes()
    assert_same(read(b"\x80\x02" + reconstruct + b"(K\x01K\x02K\x02\x86" + dtype + b"\x89" + data + b"tb."), array)
    assert read(b"\x80\x02c__builtin__\nset\n]q\x00(K\x01K\x02e\x85R.") == {1, 2}


class Asks:
    """Pickles as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        function, *rest = self.call
        return function, tuple(rest)


ATTACKS: dict[str, tuple[Any, str]] = {
    "system": (Asks(os.system, "touch CANARY"), f"asks for {os.system.__module__}.system"),
    "in an array's place": (
        {"x": [np.ones(2), Asks(os.system, "touch CANARY")]},
        "asks for posix.system|nt.system",
    ),
    "eval": (Asks(eval, "open('CANARY', 'w')"), "asks for builtins.eval|__builtin__.eval"),
    "popen": (Asks(subprocess.Popen, ["touch", "CANARY"]), "asks for (subprocess|commands).Popen"),
    "open": (Asks(open, "CANARY", "w"), r"asks for (_?io|builtins|__builtin__)\.open"),
    "getattr": (Asks(getattr, 1, "real"), r"asks for (builtins|__builtin__)\.getattr"),
    "numpy.load": (Asks(np.load, "CANARY"), "asks for numpy.load"),
    "a nested call": (Asks(list, Asks(os.system, "touch CANARY")), "asks for"),
    "an array's constructor": (Asks(np.ndarray, (10**12,)), "unknown call of numpy.ndarray"),
    "objects in an array": (np.array([None, "a"], dtype=object), "asks for an array of objects"),
    "records": (np.zeros(2, [("a", "f4")]), "asks for an array of dtype V4"),
    "dates": (np.zeros(2, "M8[s]"), "asks for an array of dtype M8"),
    "complex": (np.zeros(2, "c16"), "asks for an array of dtype c16"),
    "a matrix": (np.ma.masked_array([1.0]), "asks for numpy.ma"),
    "a random generator": (np.random.default_rng(0), "asks for numpy.random"),
    "a type": (np.float32, "asks for numpy.float32"),
    "a date": (datetime.date(2020, 1, 1), "asks for datetime.date"),
    "an ordered dict": (collections.OrderedDict(a=1), "asks for collections.OrderedDict"),
    "a path": (Path("a"), "asks for pathlib"),
    "a complex number": (1j, "asks for (builtins|__builtin__).complex"),
    "a huge whole number": (2**70, "a whole number of 71 bits"),
    "a huger one": (2**10000, "a whole number of 10001 bits"),
    "tuples in a set": ({(1, 2)}, "has tuple as a key or in a set"),
    "tuples as keys": ({(1, 2): 3}, "has tuple as a key or in a set"),
    "half a letter": ("\ud800", "surrogates not allowed"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ATTACKS)
def test_anything_else_is_refused_by_name(
    name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value, match = ATTACKS[name]
    assert refused(pickle.dumps(value, protocol), match) < MB
    assert not list(tmp_path.iterdir())


def test_the_canary_would_sing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(ATTACKS["eval"][0])).close()  # noqa: S301 - our own
    assert (tmp_path / "CANARY").exists()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name_of(module: str, attribute: str) -> bytes:
    return b"c" + f"{module}\n{attribute}\n".encode()


F8 = (
    name_of("numpy", "dtype")
    + text("f8")
    + b"\x89\x88\x87R(K\x03"
    + text("<")
    + b"NNN"
    + b"J\xff\xff\xff\xff" * 2
    + b"K\x00tb"
)
NEW = name_of("numpy.core.multiarray", "_reconstruct") + name_of("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
SCALAR = name_of("numpy.core.multiarray", "scalar")
BUFFER = name_of("numpy.core.numeric", "_frombuffer")
HUGE = b"\x8a\x08" + struct.pack("<q", 10**12)
CRAFTED = {
    "os.system": (name_of("os", "system") + text("touch CANARY") + b"\x85R.", "asks for os.system"),
    "by the stack": (text("os") + text("system") + b"\x93.", "asks for os.system"),
    "a name of other things": (b"K\x01K\x02\x93.", "has int where str should be"),
    "behind a dot": (text("numpy") + text("dtype.__class__") + b"\x93.", "asks for numpy.dtype.__class__"),
    "an instance": (b"(" + text("touch CANARY") + b"ios\nsystem\n.", "asks for an object of os system"),
    "an object": (b"(" + name_of("numpy", "dtype") + text("f4") + b"o.", "asks for an object .opcode OBJ"),
    "a new object": (name_of("numpy", "dtype") + b")\x81.", "NEWOBJ"),
    "a new object by keywords": (name_of("numpy", "dtype") + b")}\x92.", "NEWOBJ_EX"),
    "a call of a text": (text("os.system") + text("touch CANARY") + b"\x85R.", "unknown call of os.system"),
    "a call without a tuple": (name_of("numpy", "dtype") + b"]R.", "has list where tuple"),
    "an object from elsewhere": (b"Pos.system\n.", "PERSID"),
    "another from elsewhere": (b"K\x01Q.", "BINPERSID"),
    "an extension": (b"\x82\x01.", "EXT1"),
    "another extension": (b"\x83\x01\x00.", "EXT2"),
    "a third extension": (b"\x84\x01\x00\x00\x00.", "EXT4"),
    "a buffer": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "a buffer that is read": (b"\x80\x05C\x00\x98.", "READONLY_BUFFER"),
    "a state of a dict": (b"}}b.", "asks for a change of dict"),
    "a state of an array": (NEW + b"(K\x01K\x00\x85" + F8 + b"\x89C\x00tbq\x00(K\x01K\x00\x85" + F8 + b"\x89C\x00tb.",
                            "asks for a change of ndarray"),
    "an array without content": (NEW + b".", "without content"),
    "an array of itself": (b"]" + NEW + b"q\x00h\x00", "before it has content"),
    "two of one array": (NEW + b"2", "before it has content"),
    "a huge array": (NEW + b"(K\x01" + HUGE + b"\x85" + F8 + b"\x89C\x00tb.", "shape .1000000000000,. .* on 0 bytes"),
    "a negative array": (NEW + b"(K\x01J\xff\xff\xff\xff\x85" + F8 + b"\x89C\x00tb.", "impossible shape"),
    "a shape of truths": (NEW + b"(K\x01\x88\x85" + F8 + b"\x89C\x0812345678tb.", "impossible shape"),
    "a shape of many axes": (NEW + b"(K\x01(" + HUGE * 9999 + b"t" + F8 + b"\x89C\x00tb.", "impossible shape"),
    "an array of a list": (NEW + b"(K\x01K\x00\x85" + F8 + b"\x89]tb.", "has list where str"),
    "an array of no type": (NEW + b"(K\x01K\x00\x85N\x89C\x00tb.", "unknown type"),
    "another version": (NEW + b"(K\x02K\x00\x85" + F8 + b"\x89C\x00tb.", "version 2"),
    "a scalar of other size": (SCALAR + F8 + b"C\x03abc\x86R.", "on 3 bytes"),
    "a buffer of other size": (BUFFER + b"(C\x03abc" + F8 + HUGE + b"\x85" + text("C") + b"tR.", "on 3 bytes"),
    "a strange order": (BUFFER + b"(C\x0812345678" + F8 + b"K\x01\x85" + text("Q") + b"tR.", "order"),
    "another coding": (name_of("_codecs", "encode") + text("a") + text("zlib") + b"\x86R.", "call of _codecs.encode"),
    "many bytes": (name_of("builtins", "bytes") + HUGE + b"\x85R.", "call of builtins.bytes"),
    "a set of a text": (name_of("builtins", "set") + text("abc") + b"\x85R.", "has str where list"),
    "a list of lists as keys": (b"}]]s.", "has list as a key"),
    "append to a tuple": (b")K\x01a.", "has tuple where list"),
    "a key without a value": (b"}(K\x01u.", "without a value"),
    "nothing": (b"", "exhausted"),
    "only an end": (b".", "IndexError"),
    "too little on the stack": (b"K\x01\x87.", "stack is empty"),
    "no mark": (b"K\x01t.", "IndexError"),
    "no memo": (b"h\x07.", "KeyError"),
    "no opcode": (b"\xff.", "unknown"),
    "a name with line feeds": (text("o\ns") + text("sys\ntem") + b"\x93.", r"asks for o\\ns.sys\\ntem"),
}  # fmt: skip


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickles_are_refused_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, match = CRAFTED[name]
    assert refused(content, match) < 2 * MB
    assert not list(tmp_path.iterdir())


LENGTHS = {
    "bytes": b"B\xff\xff\xff\x7f",
    "long bytes": b"\x8e" + struct.pack("<Q", 2**62),
    "longer bytes": b"\x8e" + struct.pack("<Q", 2**64 - 1),
    "byte array": b"\x96" + struct.pack("<Q", 2**40),
    "text": b"X\xff\xff\xff\xff",
    "long text": b"\x8d" + struct.pack("<Q", 2**40),
    "old text": b"T\xff\xff\xff\x7f",
    "whole number": b"\x8b\xff\xff\xff\x7f",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62),
    "line": b"V" + b"a" * 1000,
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_that_lies_makes_no_room(name: str) -> None:
    assert refused(LENGTHS[name] + b"abc") < 40 * MB  # one piece of 16 MB, and the buffer


@pytest.mark.parametrize("put", [b"r\xff\xff\xff\xff", b"p4294967295\n"])
def test_a_huge_place_in_the_memo_makes_no_room(put: bytes) -> None:
    tracemalloc.start()
    assert read(b"K\x07" + put + b".") == 7
    assert tracemalloc.get_traced_memory()[1] < 2 * MB
    tracemalloc.stop()


def test_tuples_in_tuples_do_not_overflow() -> None:
    """Python's own hash of them ends the process."""
    with pytest.raises(InputError, match="has tuple as a key"):
        read(b"})" + b"\x85" * 200_000 + b"K\x01s.")
    assert isinstance(read(b")" + b"\x85" * 200_000 + b"."), tuple)


@pytest.mark.parametrize(
    "again",
    [
        name_of("_codecs", "encode") + b"q\x01h\x00" + text("latin1") + b"\x86q\x02R0" + b"h\x01h\x02R" * 500 + b".",
        b"".join(NEW + b"(K\x01" + b"\x8a\x04" + struct.pack("<i", MB // 8) + b"\x85" + F8 + b"\x89h\x00tb" for _ in range(200)) + b".",
    ],
)  # fmt: skip
def test_one_long_text_asked_for_as_bytes_again_and_again(again: bytes) -> None:
    content = text("a" * MB) + b"q\x00" + again
    tracemalloc.start()
    try:
        read(content)
        assert tracemalloc.get_traced_memory()[1] < 12 * MB
    finally:
        tracemalloc.stop()


def test_one_long_list_made_into_sets_again_and_again() -> None:
    items = b"](" + b"".join(b"J" + struct.pack("<i", i) for i in range(10_000)) + b"eq\x00"
    content = items + name_of("builtins", "set") + b"q\x01(" + b"h\x01h\x00\x85R" * 300 + b"l."
    tracemalloc.start()
    try:
        made = read(content)
        assert [len(one) for one in made] == [10_000] + [0] * 299
        assert tracemalloc.get_traced_memory()[1] < 5 * MB
    finally:
        tracemalloc.stop()


def test_registered_extensions_are_not_looked_up() -> None:
    copyreg.add_extension("tests_of_pickles", "Mine", 0xF1)
    try:
        refused(b"\x80\x02\x82\xf1)\x81.", "EXT1")
    finally:
        copyreg.remove_extension("tests_of_pickles", "Mine", 0xF1)


ANNOTATIONS = {
    "split": {"xsub_train": ["a", "b"], "xsub_val": ["c"]},
    "annotations": [
        {"frame_dir": name, "label": 3, "img_shape": (1080, 1920), "keypoint": np.ones((1, 4, 17, 2), "f2"),
         "keypoint_score": np.ones((1, 4, 17), "f2"), "set": {1, 2}, "more": [b"x", 1.5, None, True]}
        for name in "abc"
    ],
}  # fmt: skip
BASES = [pickle.dumps(ANNOTATIONS, protocol) for protocol in PROTOCOLS]


@pytest.mark.filterwarnings("default")
@settings(max_examples=600, deadline=None)
@given(st.sampled_from(BASES), st.data())
def test_whatever_the_bytes_only_an_input_error_comes(base: bytes, data: st.DataObject) -> None:
    content = bytearray(base)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(1, 4))] = data.draw(st.binary(max_size=6))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    with contextlib.suppress(InputError):
        read(bytes(content))


@pytest.mark.filterwarnings("default")
@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_garbage(content: bytes) -> None:
    with contextlib.suppress(InputError):
        read(content)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_cut_pickle_is_refused(protocol: int) -> None:
    for length in range(0, len(BASES[protocol]), 7):
        with pytest.raises(InputError):
            read(BASES[protocol][:length])


def test_the_file_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(BASES[4])
    with (tmp_path / "a.pkl").open("rb") as file:
        assert_same(read_pickle(file, "a.pkl"), ANNOTATIONS)
        file.seek(0)
        assert_same(read_pickle(file, "a.pkl"), ANNOTATIONS)


@pytest.mark.real
def test_a_real_file_as_python_reads_it(real_data: Path) -> None:
    path = real_data / "pyskl_sample" / "hrnet_486.pkl"
    with path.open("rb") as file:
        ours = read_pickle(file, str(path))
    with path.open("rb") as file:
        theirs = pickle.load(file)  # noqa: S301 - the oracle, on a file that was looked at
    assert_same(ours, theirs)
    assert len(theirs["annotations"]) == 486
