from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.netcdf import write_netcdf

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, detect

JOINTS, MICE = ["snout", "left_ear", "right_ear"], ["anna", "ben"]


def positions(frames: int = 4) -> np.ndarray:
    """(time, space, keypoint, individual), every value its own."""
    return np.arange(frames * 2 * 3 * 2, dtype=float).reshape(frames, 2, 3, 2) + 1


def read(path: Path) -> Any:
    assert detect(path).name == "movement_nc"
    (recording,) = FORMATS["movement_nc"].read(path)
    return recording


def test_individuals_are_persons_and_keypoints_are_joints(tmp_path: Path) -> None:
    values, confidence = positions(), np.ones((4, 3, 2))
    values[1, 0, 2, 1], confidence[2, 0, 0] = np.nan, 0
    recording = read(write_netcdf(tmp_path / "mice.nc", values, JOINTS, MICE, confidence=confidence))
    assert (recording.name, recording.unit, recording.fps) == ("mice", "px", 30.0)
    assert recording.skeleton.joints == ("snout", "left_ear", "right_ear")
    assert recording.positions.shape == (2, 4, 3, 2)
    assert recording.positions[1, 3, 2].tolist() == values[3, :, 2, 1].tolist()
    assert np.argwhere(~recording.observed).tolist() == [[0, 2, 0], [1, 1, 2]]


def test_older_names_frames_and_another_order_of_dimensions(tmp_path: Path) -> None:
    order = ("individual", "keypoint", "time", "space")
    path = write_netcdf(tmp_path / "a.nc", positions(), JOINTS, MICE, fps=None, plural=True, order=order)
    recording = read(path)
    assert recording.fps is None
    assert recording.positions[0, 2, 1].tolist() == positions()[2, :, 1, 0].tolist()


def test_frames_that_are_left_out_are_unobserved(tmp_path: Path) -> None:
    times = np.array([0, 1, 4, 5]) / 30
    recording = read(write_netcdf(tmp_path / "a.nc", positions(), JOINTS, MICE, times=times))
    assert recording.observed.all((0, 2)).tolist() == [True, True, False, False, True, True]


def test_every_second_frame_halves_the_rate(tmp_path: Path) -> None:
    recording = read(write_netcdf(tmp_path / "a.nc", positions(), JOINTS, MICE, times=np.arange(10, 18, 2) / 30))
    assert (recording.num_frames, recording.fps) == (4, 15.0)
    assert "in steps of 2" in recording.notes[0]


def test_three_dimensions_have_no_known_unit(tmp_path: Path) -> None:
    recording = read(write_netcdf(tmp_path / "a.nc", np.ones((2, 3, 3, 1)), JOINTS, ["a"]))
    assert (recording.unit, recording.positions.shape) == ("unknown", (1, 2, 3, 3))


def test_bounding_boxes_are_refused(tmp_path: Path) -> None:
    import h5py

    path = write_netcdf(tmp_path / "a.nc", positions(), JOINTS, MICE)
    with h5py.File(path, "r+") as file:
        del file["keypoint"]
    with pytest.raises(InputError, match=r"not a dataset of poses; expected position with the dimensions"):
        read(path)


@pytest.mark.parametrize(
    ("about", "match"),
    [
        ({"times": np.array([0, 1, 1, 2])}, "the times do not rise"),
        ({"times": np.array([0, 1, np.nan, 2])}, "the times do not rise"),
        ({"times": np.arange(4) / 60}, "closer than the frame rate"),
        ({"times": np.arange(3) / 30}, "the times do not match the frames; expected 4 numbers, one per frame"),
        ({"times": np.array([0, 1, 2, 1e8])}, "far too large"),
    ],
)
def test_times_that_do_not_fit_are_refused(tmp_path: Path, about: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(write_netcdf(tmp_path / "a.nc", positions(), JOINTS, MICE, **about))


def test_other_axes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the coordinate 'space' names other axes; expected x, y or x, y, z"):
        read(write_netcdf(tmp_path / "a.nc", positions()[:, :1], JOINTS, MICE))


def test_netcdf_3_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"CDF\x01" + bytes(100))
    with pytest.raises(
        InputError, match=r"netCDF 3 files cannot be read; expected netCDF 4: save it with ds\.to_netcdf"
    ):
        read(tmp_path / "a.nc")
