from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders import json_text
from skeletonmae.formats.decoders.json_text import (
    frames_per_second,
    json_list,
    json_object,
    number_array,
    point_array,
    read_json,
)
from skeletonmae.formats.files import InputFile

WHERE = "a.json, person 3"


def read(path: Path, text: str, **options: Any) -> Any:
    path.write_text(text)
    return read_json(InputFile(path), **options)


def test_a_document_and_a_document_per_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read(path, '\ufeff{"a": [1, null]}') == {"a": [1, None]}
    assert read(path, '{"a": 1}\n\n{"a": 2}\n', lines=True) == [{"a": 1}, {"a": 2}]
    for text in ('{"a": 1}\n{"a": 2}\n', '{"a": 1', "[" * 100_000, "9" * 5000):
        with pytest.raises(InputError, match=r"a\.json: not JSON, or truncated"):
            read(path, text)


def test_text_that_would_take_gigabytes_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "MAX_JSON_MEMORY", 2**20)
    monkeypatch.setattr(json_text.json, "loads", lambda _: pytest.fail("it was parsed"))
    for item in ("{}", "[]", "1", '{"x": 1}'):
        with pytest.raises(InputError, match=r"a\.json: the JSON holds too many values; expected at most 1 MiB"):
            read(tmp_path / "a.json", f"[{', '.join([item] * 30_000)}]")


def test_the_limit_is_above_what_files_of_landmarks_take(tmp_path: Path) -> None:
    landmark = '{"x": 0.51234567, "y": 0.31234567, "z": -0.1234567, "visibility": 0.9991234}'
    bytes_of_largest_file = 2**28
    memory = json_text.OBJECT_BYTES + 4 * json_text.VALUE_BYTES
    assert bytes_of_largest_file / len(landmark) * memory < 1.2 * json_text.MAX_JSON_MEMORY


@pytest.mark.parametrize(("value", "got"), [([1, 2], "a list of 2"), ("x", "'x'"), (None, "null"), (1.5, "1.5")])
def test_what_must_be_an_object(value: object, got: str) -> None:
    assert json_object({"a": 1}, WHERE, "an object") == {"a": 1}
    with pytest.raises(InputError, match=rf"a\.json, person 3: not an object; expected a frame; got {got}"):
        json_object(value, WHERE, "a frame")


def test_what_must_be_a_list() -> None:
    assert json_list([1], WHERE, "a list") == [1]
    assert json_list(None, WHERE, "a list") == []
    with pytest.raises(InputError, match=r"person 3: not a list; expected frames; got an object with 1 keys"):
        json_list({"a": 1}, WHERE, "frames")


def test_arrays_of_numbers() -> None:
    np.testing.assert_array_equal(number_array([1, 2, 3, 4], 2, WHERE, "pairs"), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(point_array([[1, 2], [3, None]], (2, 3), WHERE, "points"), [[1, 2], [3, np.nan]])
    assert number_array(None, 3, WHERE, "x").shape == point_array(None, (3,), WHERE, "x").shape == (0, 3)
    assert np.isinf(number_array([1e300], 1, WHERE, "x")).all()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, 2, 3], "wrong number of values"),
        ([[1, 2]], "wrong number of values"),
        (["a", 1], "not a list of numbers"),
        ({"a": 1}, "not a list of numbers"),
        ([10**400, 1], "not a list of numbers"),
    ],
)
def test_what_is_not_a_flat_list_of_numbers(values: object, problem: str) -> None:
    with pytest.raises(InputError, match=rf"a\.json, person 3: {problem}.*expected pairs"):
        number_array(values, 2, WHERE, "pairs")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, 2], "not a list of points; expected x, y; got 1"),
        ([[1, 2, 3, 4]], "wrong number of values"),
        ([[1, 2], [1]], "not a list of numbers"),
        ([[[1, 2]]], "wrong number of values"),
        ("x", "not a list; expected x, y; got 'x'"),
    ],
)
def test_what_is_not_a_list_of_points(values: object, problem: str) -> None:
    with pytest.raises(InputError, match=rf"a\.json, person 3: {problem}"):
        point_array(values, (2, 3), WHERE, "x, y")


@pytest.mark.parametrize(("fps", "rate"), [(25, 25.0), (29.97, 29.97), (0, None), ("30", None), (1e9, None)])
def test_the_frame_rate_of_a_file(fps: object, rate: float | None) -> None:
    assert frames_per_second({"fps": fps}) == rate
    assert frames_per_second({}) is None
