from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS
from skeletonmae.skeletons import NTU25

PKU_MMD = FORMATS["pku_mmd"]


def write(path: Path, values: np.ndarray) -> Path:
    path.write_text("".join(" " + " ".join(map(str, row)) + "\n" for row in values.tolist()))
    return path


def test_bodies_joints_and_axes_in_their_places(tmp_path: Path) -> None:
    values = np.arange(1, 601).reshape(4, 150) / 64
    (recording,) = PKU_MMD.read(write(tmp_path / "0002-L.txt", values))
    assert (recording.name, recording.skeleton, recording.unit, recording.fps) == ("0002-L", NTU25, "m", 30.0)
    assert recording.label is None
    for body, frame, joint, axis in np.ndindex(2, 4, 25, 3):
        assert recording.positions[body, frame, joint, axis] == values[frame, body * 75 + joint * 3 + axis]


def test_zeros_are_no_body_and_no_joint(tmp_path: Path) -> None:
    values = np.ones((3, 150))
    values[1, :75] = values[:, 75:] = 0
    values[2, 6:9] = 0
    values[2, 9] = 0
    (alone,) = PKU_MMD.read(write(tmp_path / "a.txt", values))
    assert alone.num_persons == 1
    assert alone.observed.sum(-1).tolist() == [[25, 0, 24]]
    (second,) = PKU_MMD.read(write(tmp_path / "b.txt", np.roll(values, 75, axis=1)))
    assert second.observed.any(-1).tolist() == [[False] * 3, [True, False, True]]
    (nobody,) = PKU_MMD.read(write(tmp_path / "c.txt", values * 0))
    assert nobody.positions.shape == (1, 3, 25, 3)
    assert not nobody.observed.any()


def test_what_is_not_finite_is_noted(tmp_path: Path) -> None:
    values = np.ones((2, 150))
    values[1, 4] = np.nan
    (recording,) = PKU_MMD.read(write(tmp_path / "a.txt", values))
    assert np.argwhere(~recording.observed).tolist() == [[0, 1, 1]]
    assert "1 joint positions" in recording.notes[0]


def test_a_line_cut_short_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", np.ones((3, 150)))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=r"a\.txt, line 3: wrong number of columns; expected 150"):
        list(PKU_MMD.read(path))


def test_long_lines_are_claimed_and_labels_are_not(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).random((1, 150))
    path = tmp_path / "a.txt"
    path.write_text(" ".join(f"{value:.26f}" for value in digits[0]))
    assert path.stat().st_size > 4096
    assert PKU_MMD.matches(path)
    path.write_text("8,25,104,2\n" * 40)
    assert not PKU_MMD.matches(path)
    path.write_text("1 " * 149 + "\n")
    assert not PKU_MMD.matches(path)
