from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders import ntu_text
from skeletonmae.formats.decoders.ntu_text import Bodies, parse_bodies

ID = 72057594037931101
ODD = ("+1.5", ".5", "1.", "-0", "007", "1e400", "NaN", "-1.#IND", "1.#INF00", "-inf", "3.5e38", "1e-400")
ODD += ("123456789012345678901234567890", "-1E5", "0.0000001", "1" + "0" * 100)

Frames = list[list[tuple[int, list[list[str]]]]]
"""[frame][body] -> its id, and 25 x 12 values as they are written."""


def some_frames(ids: list[list[int]], seed: int = 0, odd: bool = False) -> Frames:
    """A frame for each list of ids, with random values."""
    rng = np.random.default_rng(seed)
    frames: Frames = []
    for frame in ids:
        frames.append([])
        for body in frame:
            spelled = [[f"{v:.7g}" for v in row] for row in rng.normal(size=(25, 11))]
            for row in spelled if odd else []:
                row[rng.integers(3)] = str(rng.choice(ODD))
            frames[-1].append((body, [[*row, str(rng.integers(3))] for row in spelled]))
    return frames


def written(frames: Frames, newline: str = "\n", end: str = "\n", space: str = " ") -> bytes:
    lines = [str(len(frames))]
    for frame in frames:
        lines.append(str(len(frame)))
        for body, joints in frame:
            lines += [space.join([str(body), *"0110100", "-0.25", "2"]), "25"]
            lines += [space.join(row) for row in joints]
    return (newline.join(lines) + end).encode()


def plain(content: bytes) -> tuple[int, dict[int, tuple[list[int], list[Any], list[Any]]]]:
    """A plain reader, line by line: frames, and for each id its frames, positions and states."""

    def number(text: str) -> np.float32:
        if "#" in text:
            return np.float32("nan")
        with np.errstate(over="ignore"):
            value = np.float32(float(text))
        return value if np.isfinite(value) else np.float32("nan")

    lines = iter(line for line in content.decode().splitlines() if line.strip())
    found: dict[int, tuple[list[int], list[Any], list[Any]]] = {}
    num_frames = int(next(lines))
    for frame in range(num_frames):
        for _ in range(int(next(lines))):
            frames, positions, states = found.setdefault(int(next(lines).split()[0]), ([], [], []))
            rows = [next(lines).split() for _ in range(int(next(lines)))]
            frames.append(frame)
            positions.append([[number(text) for text in row[:3]] for row in rows])
            states.append([int(row[11]) for row in rows])
    assert next(lines, None) is None
    return num_frames, found


def bits(values: Any) -> list[int]:
    """The bits of float32 values; every NaN alike."""
    array = np.array(values, dtype=np.float32).reshape(-1)
    return np.where(np.isnan(array), 0x7FC00000, array.view(np.uint32)).tolist()


def assert_as_plain(got: Bodies, content: bytes) -> None:
    num_frames, found = plain(content)
    assert got.num_frames == num_frames
    assert [body.id for body in got.bodies] == list(found)
    for body, (frames, positions, states) in zip(got.bodies, found.values(), strict=True):
        assert body.frames.tolist() == frames
        assert body.joints.dtype == np.float32
        assert body.joints.shape == (len(frames), 25, 3)
        assert bits(body.joints) == bits(positions)
        assert body.tracking.tolist() == states


presence = st.lists(st.lists(st.integers(ID, ID + 3), max_size=3, unique=True), max_size=5)


@given(
    presence, st.integers(0, 99), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\r\n", " \n\n "])
)
@settings(max_examples=40, deadline=None)
def test_values_are_those_of_a_plain_reader(ids: list[list[int]], seed: int, newline: str, end: str) -> None:
    content = written(some_frames(ids, seed), newline, end)
    assert_as_plain(parse_bodies(content, "a"), content)


@given(presence, st.integers(0, 99), st.sampled_from([" ", "  ", "\t", " \t "]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_odd_spelling_and_spacing_change_nothing(ids: list[list[int]], seed: int, space: str, odd: bool) -> None:
    content = b"\xef\xbb\xbf" + written(some_frames(ids, seed, odd), " \r\n\r\n", space=space)
    assert_as_plain(parse_bodies(content, "a"), content.removeprefix(b"\xef\xbb\xbf"))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=75, max_size=75), st.integers(1, 17))
@settings(max_examples=40, deadline=None)
def test_every_number_is_exact(values: list[float], digits: int) -> None:
    frames = some_frames([[ID]])
    for joint, row in enumerate(frames[0][0][1]):
        row[:3] = [f"{value:.{digits}g}" for value in values[3 * joint : 3 * joint + 3]]
    content = written(frames)
    assert_as_plain(parse_bodies(content, "a"), content)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_as_the_sensor_writes_it_is_parsed_by_array_operations(
    newline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = some_frames([[ID], [], [ID, ID + 1]])
    frames[0][0][1][3][:3] = ["0", "-8.5E-05", "4"]
    frames[0][0][1][4][3:5] = ["NaN", "-1.#IND"]  # values that are not needed are not parsed
    content = written(frames, newline, newline)
    monkeypatch.delattr(ntu_text, "_parse_lines")
    assert_as_plain(parse_bodies(content, "a"), content)


def test_a_file_worked_out_by_hand() -> None:
    frames = some_frames([[], [ID], [ID + 1, ID], [ID + 1]])
    frames[2][1][1][7] = ["0.5", "-1", "2.25", "1", "2", "3", "4", "0", "0", "0", "1", "2"]
    frames[3][0][1][24] = ["7", "8", "nan", "1", "2", "3", "4", "0", "0", "0", "1", "0"]
    got = parse_bodies(written(frames), "a")
    first, second = got.bodies
    assert (got.num_frames, first.id, second.id) == (4, ID, ID + 1)  # 17 digits that float64 cannot tell apart
    assert (first.frames.tolist(), second.frames.tolist()) == ([1, 2], [2, 3])
    assert first.joints[1, 7].tolist() == [0.5, -1, 2.25]
    assert first.tracking[1, 7] == 2
    assert second.joints[1, 24, :2].tolist() == [7, 8]
    assert np.isnan(second.joints[1, 24, 2])
    assert second.tracking[1, 24] == 0
    assert got.num_not_finite == 1


@pytest.mark.parametrize("spelled", ["nan", "NaN", "-1.#IND", "1.#QNAN0", "inf", "-Infinity", "1e39", "-1e999"])
def test_what_is_not_finite_is_counted_by_joint(spelled: str) -> None:
    frames = some_frames([[ID], [ID + 1]])
    frames[0][0][1][3][:3] = ["1", spelled, spelled]
    frames[1][0][1][0][0] = spelled
    got = parse_bodies(written(frames), "a")
    assert got.num_not_finite == 2
    assert np.isnan(got.bodies[0].joints[0, 3]).tolist() == [False, True, True]
    assert not np.isinf(got.bodies[1].joints).any()


@pytest.mark.parametrize("content", [b"0\n", b"0", b"3\r\n0\r\n0\r\n0\r\n"])
def test_a_file_without_a_body_is_valid(content: bytes) -> None:
    assert parse_bodies(content, "a").bodies == ()
    assert parse_bodies(content, "a").num_frames == int(content[:1])


def changed(line: int, text: str, newline: str = "\n") -> bytes:
    """Two frames of one body each, with another line there; lines count from 1."""
    lines = written(some_frames([[ID], [ID, ID + 1]])).decode().splitlines()
    lines[line - 1 : line] = [text] if text else []
    return (newline.join(lines) + newline).encode()


JOINT = "1 2 3 4 5 6 7 8 9 10 11 2"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (1, "3", r"line 85: the file is truncated; expected the number of bodies in frame 2; got the end"),
        (1, "1", r"line 30: lines after the last frame"),
        (1, "-2", r"line 1: not an integer.*the number of frames; got '-2'"),
        (1, "2.0", r"line 1: not an integer"),
        (1, "999999999", r"line 85: the file is truncated"),
        (1, "9" * 30, r"line 1: not an integer of 20 digits or fewer"),
        (2, "2", r"line 30: wrong number of values; expected 10: a body, its id first; got 1"),
        (2, "0", r"line 3: wrong number of values; expected 1: the number of bodies in frame 1; got 10"),
        (2, "999999999", r"line 30: wrong number of values"),
        (2, "one", r"line 2: not an integer.*got 'one'"),
        (3, "x 0 1 1 0 0 0 0 0 2", r"line 3: not an integer.*a body, its id first; got 'x'"),
        (3, "5 0 1 1 0 0 0 0 0", r"line 3: wrong number of values; expected 10.*got 9"),
        (4, "24", r"line 4: wrong number of joints; expected 25; got 24"),
        (4, "999999999999", r"line 4: wrong number of joints"),
        (5, JOINT + " 1", r"line 5: wrong number of values; expected 12: a joint; got 13"),
        (5, JOINT[:-2], r"line 5: wrong number of values; expected 12: a joint; got 11"),
        (5, JOINT.replace(" ", "\x00", 1), r"line 5: wrong number of values; expected 12: a joint; got 11"),
        (5, JOINT.replace("7", "", 1), r"line 5: wrong number of values; expected 12: a joint; got 11"),
        (6, JOINT.replace("2", "two", 1), r"line 6: not a number; expected a coordinate; got 'two'"),
        (6, JOINT.replace("2", "1_0", 1), r"line 6: not a number.*got '1_0'"),
        (6, JOINT.replace("2", "1,0", 1), r"line 6: not a number.*got '1,0'"),
        (6, JOINT.replace("2", "null", 1), r"line 6: not a number.*got 'null'"),
        (6, JOINT[:-1] + "3", r"line 6: not a tracking state; expected 0, 1 or 2; got '3'"),
        (6, JOINT[:-1] + "2.0", r"line 6: not a tracking state"),
        (7, "", r"line 29: wrong number of values; expected 12: a joint; got 1"),
        (
            58,
            f"{ID} 0 1 1 0 0 0 0 0 2",
            r"line 58: a body is duplicated in frame 1; expected another id; got 7205",
        ),
        (84, "", r"line 84: the file is truncated; expected a joint; got the end of the file"),
        (84, JOINT + "\n5", r"line 85: lines after the last frame"),
    ],
)
def test_an_error_names_its_line(line: int, text: str, message: str, newline: str) -> None:
    with pytest.raises(InputError, match=r"^b\.skeleton, " + message):
        parse_bodies(changed(line, text.replace("\n", newline), newline), "b.skeleton")


@pytest.mark.parametrize(
    "content", [b"", b"\n \r\n", b"\x00\xff\x00", b"PK\x03\x04" * 30, "2\n0\n0\n".encode("utf-16")]
)
def test_what_is_no_text_of_this_kind_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"b\.skeleton, line [13]"):
        parse_bodies(content, "b.skeleton")


def test_a_body_without_a_frame_is_refused() -> None:
    content = written(some_frames([[ID]]))
    with pytest.raises(
        InputError, match="line 1: wrong number of values; expected 1: the number of frames; got 10"
    ):
        parse_bodies(content[4:], "a")
    with pytest.raises(InputError, match="line 2: lines after the last frame"):
        parse_bodies(b"0\n" + content[4:], "a")


def test_a_return_does_not_hide_a_value() -> None:
    content = written(some_frames([[ID]]), "\r\n", "\r\n")
    assert content.count(b"25\r\n") == 1
    with pytest.raises(InputError, match="line 5"):
        parse_bodies(content.replace(b"25\r\n", b"25\r1\n"), "a")


def test_a_file_cut_anywhere_is_refused() -> None:
    content = written(some_frames([[], [ID], [ID]]))
    for end in range(len(content) - 1):
        with pytest.raises(InputError, match=r"a, line \d+: "):
            parse_bodies(content[:end], "a")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_refused_or_read_alike_in_both_ways(data: st.DataObject) -> None:
    content = bytearray(written(some_frames([[ID], [ID + 1, ID]], data.draw(st.integers(0, 3)))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        damage = data.draw(st.sampled_from(["flip", "set", "drop", "insert"]))
        if damage == "flip":
            content[place] ^= 1 << data.draw(st.integers(0, 7))
        elif damage == "set":
            content[place] = data.draw(st.sampled_from(b" \n\r\t\x0b\x0009-.eE,[_"))
        elif damage == "drop":
            del content[place : place + data.draw(st.integers(1, 200))]
        else:
            content.insert(place, data.draw(st.sampled_from(b" \n\r09-.e")))
    quick, careful = (outcome(bytes(content), quick) for quick in (True, False))
    assert quick == careful


def outcome(content: bytes, quick: bool) -> Any:
    """What is read, or the message of the error, with and without array operations."""
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            patch.setattr(ntu_text, "_parse_vectorized", lambda content: None)
        try:
            got = parse_bodies(content, "a")
        except InputError as error:
            return str(error)
    parts = [(b.id, b.frames.tolist(), bits(b.joints), b.tracking.tolist()) for b in got.bodies]
    return got.num_frames, parts


@pytest.mark.parametrize(
    "content",
    [
        b"999999999\n" + b"0\n" * 1000,
        b"1\n999999999\n",
        b"1\n1\n5 0 1 1 0 0 0 0 0 2\n999999999\n",
        b"9" * 10_000,
        b" " * 10_000,
    ],
)
def test_no_number_in_a_file_asks_for_memory(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            parse_bodies(content, "a")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_one_long_number_does_not_widen_every_line() -> None:
    frames = some_frames([[ID]] * 4)
    frames[0][0][1][0][0] = "0." + "1" * 50_000
    frames[3][0][1][24][5] = "0" * 50_000
    content = written(frames)
    tracemalloc.start()
    try:
        got = parse_bodies(content, "a")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # 100 lines as wide as the widest are 5 MB
    finally:
        tracemalloc.stop()
    assert_as_plain(got, content)


def test_bodies_that_would_leave_an_array_of_them_empty_are_refused() -> None:
    content = written(some_frames([[ID]]))
    assert parse_bodies(b"10100\n" + content[2:] + b"0\n" * 10_099, "a").num_frames == 10_100
    with pytest.raises(
        InputError,
        match=r"a: bodies are absent from almost all frames; expected at most 10100 bodies x frames; got 1 bodies x 10101 frames",
    ):
        parse_bodies(b"10101\n" + content[2:] + b"0\n" * 10_100, "a")
