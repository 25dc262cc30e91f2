"""What every reader in `FORMATS` must hold; a new entry is tested as soon as it is listed with a sample."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, InputFile, ReadOptions
from skeletonmae.sequences import SkeletonSequence

MEMORY = 64 * 2**20
FUZZ = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
entries = pytest.mark.parametrize("name", FORMATS)


def survives(name: str, path: Path, content: bytes) -> None:
    """Reading `content` gives recordings or an `InputError` that names the file, in bounded memory."""
    path.write_bytes(content)
    assert FORMATS[name].matches(path) in (True, False)
    said = str(path)
    tracemalloc.start()
    try:
        found = FORMATS[name].parse(InputFile(path), ReadOptions())  # not `read`, which words what a reader missed
        assert all(isinstance(recording, SkeletonSequence) for recording in found)
    except InputError as error:
        said = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY
    assert str(path) in said


@entries
def test_name_and_line(name: str) -> None:
    entry = FORMATS[name]
    assert entry.name == name
    assert entry.description
    assert "\n" not in entry.description
    assert entry.suffixes
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in entry.suffixes)
    assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301  it goes to other processes


@entries
def test_a_sample_is_read_as_it_was_written_and_no_other_format_claims_it(
    name: str, written: dict[str, tuple[Path, list[SkeletonSequence]]]
) -> None:
    assert name in written, f"add a sample of {name!r} to tests/samples"
    path, expected = written[name]
    assert [other for other, entry in FORMATS.items() if entry.matches(path)] == [name]
    if name != "bvh":  # which has no way to say that a joint was lost
        assert any(not recording.observed.all() for recording in expected), "the sample must lose a joint"
    for _ in range(2):
        found = list(FORMATS[name].read(path))
        assert [recording.name for recording in found] == [recording.name for recording in expected]
        for one, other in zip(found, expected, strict=True):
            assert one.skeleton.joints == other.skeleton.joints
            np.testing.assert_array_equal(one.observed, other.observed)
            assert (one.fps, one.unit, one.label, dict(one.tags)) == (
                other.fps,
                other.unit,
                other.label,
                dict(other.tags),
            )
            np.testing.assert_allclose(one.positions, other.positions, rtol=1e-5)


def garbage(content: bytes, data: st.DataObject) -> bytes:
    return data.draw(st.sampled_from([b"", content[:200]])) + data.draw(st.binary(max_size=2000))


def truncated(content: bytes, data: st.DataObject) -> bytes:
    return content[: data.draw(st.integers(0, len(content) - 1))]


def flipped_bits(content: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed)


def huge_numbers(content: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(content)))
    huge = data.draw(st.sampled_from([b"999999999999", b"1e308", b"-9" * 20, b"\xff\xff\xff\x7f", b"9" * 400]))
    return content[:at] + huge + content[at + data.draw(st.sampled_from([0, len(huge)])) :]


DAMAGES = (garbage, truncated, flipped_bits, huge_numbers)
SLOW = ("sleap", "movement_nc")
"""Formats whose files are read by a process of their own, which takes a third of a second to start."""


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in SLOW])
@FUZZ
@given(data=st.data())
def test_damaged_files(
    name: str,
    damage: Callable[[bytes, st.DataObject], bytes],
    samples: dict[str, Path],
    tmp_path: Path,
    data: st.DataObject,
) -> None:
    survives(name, tmp_path / "damaged", damage(samples[name].read_bytes(), data))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", SLOW)
@settings(FUZZ, max_examples=6)
@given(data=st.data())
def test_damaged_files_that_another_process_reads(
    name: str,
    damage: Callable[[bytes, st.DataObject], bytes],
    samples: dict[str, Path],
    tmp_path: Path,
    data: st.DataObject,
) -> None:
    survives(name, tmp_path / "damaged", damage(samples[name].read_bytes(), data))
