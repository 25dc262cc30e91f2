from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples import WRITERS

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.formats.axes import convert_axes, convert_unit
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20

TURNS = {"y": (0, 1, 2), "z": (0, 2, 1), "-y": (0, 1, 2)}
SIGNS = {"y": (1, 1, 1), "z": (1, 1, -1), "-y": (-1, -1, 1)}


def recording(num_axes: int = 3) -> SkeletonSequence:
    positions = np.random.default_rng(0).normal(size=(1, 4, 20 if num_axes == 3 else 17, num_axes))
    positions[0, 1, 2] = np.nan
    return SkeletonSequence.from_positions(
        positions, KINECT20 if num_axes == 3 else COCO17, name="walk", unit="px"
    )


@pytest.mark.parametrize("up", ["y", "z", "-y"])
def test_three_axes_are_rotated_so_that_left_stays_left(up: str) -> None:
    before = recording()
    after = convert_axes(before, up)  # type: ignore[arg-type]
    np.testing.assert_array_equal(after.observed, before.observed)
    expected = before.positions[..., TURNS[up]] * np.array(SIGNS[up], dtype=np.float32)
    np.testing.assert_array_equal(after.positions, expected)
    a, b = (sequence.positions[0, 0, :3].astype(np.float64) for sequence in (before, after))
    assert np.linalg.det(a) == pytest.approx(np.linalg.det(b))  # a rotation, not a mirror image


def test_in_the_image_y_points_down() -> None:
    flat = recording(2)
    assert convert_axes(flat, "-y") is flat
    np.testing.assert_array_equal(convert_axes(flat, "y").positions[..., 1], -flat.positions[..., 1])
    with pytest.raises(InputError, match=r"'walk': a 2D recording has no z axis; expected .*--up y"):
        convert_axes(flat, "z")


@pytest.mark.parametrize(("unit", "factor", "stored"), [("mm", 0.001, "m"), ("cm", 0.01, "m"), ("m", 1, "m")])
def test_lengths_become_meters(unit: str, factor: float, stored: str) -> None:
    before = recording()
    after = convert_unit(before, unit)
    assert after.unit == stored
    np.testing.assert_allclose(after.positions, before.positions * factor, rtol=1e-6)


@pytest.mark.parametrize("name", ["bvh", "trc", "c3d"])
def test_a_reader_does_not_turn_what_the_user_turns(samples: dict[str, Path], name: str) -> None:
    """Their readers turn the axes of the files, and convert the units that the files state."""
    (as_read,) = FORMATS[name].read(samples[name])
    (raw,) = FORMATS[name].read(samples[name], ReadOptions(up="y", unit="unknown"))
    for up in ("z", "-y"):
        (turned,) = FORMATS[name].read(samples[name], ReadOptions(up=up, unit="mm"))  # type: ignore[arg-type]
        expected = convert_unit(convert_axes(raw, up), "mm")  # type: ignore[arg-type]
        np.testing.assert_array_equal(turned.positions, expected.positions)
        assert (turned.unit, as_read.unit) == ("m", "m")


def test_axes_that_a_format_fixes_stay_what_they_are(samples: dict[str, Path]) -> None:
    for name in ("amass_npz", "mediapipe"):
        before, after = (next(FORMATS[name].read(samples[name], ReadOptions(up=up))) for up in (None, "z"))
        np.testing.assert_array_equal(after.positions, before.positions)


@pytest.mark.parametrize("name", list(WRITERS))
def test_every_format_takes_units_of_length(samples: dict[str, Path], name: str) -> None:
    for unit in ("m", "mm"):
        recordings = list(FORMATS[name].read(samples[name], ReadOptions(unit=unit)))
        assert {sequence.unit for sequence in recordings} == {"m"}
        if unit == "m":
            in_meters = recordings
    for meters, millimeters in zip(in_meters, recordings, strict=True):
        np.testing.assert_allclose(millimeters.positions * 1000, meters.positions, rtol=1e-5, atol=1e-5)
