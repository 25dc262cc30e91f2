from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats.sbu import SBU


def test_the_formula_of_its_makers(tmp_path: Path) -> None:
    path = tmp_path / "clip" / "skeleton_pos.txt"
    path.parent.mkdir()
    shares = [0.5, 0.25, 7.8125] * 15 + [0.0, 0.0, 0.0] * 15
    path.write_text(",".join(map(str, [7, *shares])) + "\n")
    (one,) = SBU.read(path)
    np.testing.assert_allclose(one.positions[0, 0], [[0.0, 0.48, 10.0]] * 15, atol=1e-6)
    assert one.observed[0].all()
    assert not one.observed[1].any()
    assert (one.name, one.unit, one.fps) == ("clip", "m", 15.0)


def test_a_gap_in_the_frame_numbers_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "skeleton_pos.txt"
    path.write_text("".join(f"{number}," + ",".join(["0.5"] * 90) + "\n" for number in (1, 2, 4)))
    (one,) = SBU.read(path)
    assert one.notes == ("the frame numbers are not consecutive",)
    path.write_text("1," + ",".join(["0.5"] * 89) + "\n")
    with pytest.raises(InputError, match=r"line 1: wrong number of columns; expected 91; got 90"):
        list(SBU.read(path))


def test_a_joint_at_infinity_is_unobserved(tmp_path: Path) -> None:
    path = tmp_path / "skeleton_pos.txt"
    path.write_text(",".join(["1", "1e308", *["0.5"] * 89]) + "\n")
    (one,) = SBU.read(path)
    assert np.argwhere(~one.observed).tolist() == [[0, 0, 0]]


@pytest.mark.real
def test_bones_and_sides_of_the_real_set(real_data: Path) -> None:
    lengths, left = [], []
    for path in sorted((real_data / "sbu").glob("s01s0*/05/*/skeleton_pos.txt")):  # shaking hands: face to face
        (one,) = SBU.read(path)
        lengths.append(one.skeleton.bone_lengths(one.positions)[..., 1:].reshape(-1, 14))
        at = one.skeleton.index
        for person in (0, 1):
            ahead = one.positions[1 - person, :, at["spine"]] - one.positions[person, :, at["spine"]]
            across = one.positions[person, :, at["left_shoulder"]] - one.positions[person, :, at["right_shoulder"]]
            left.append((np.cross([0, 1, 0], ahead) * across).sum(-1) > 0)
    assert np.concatenate(left).mean() > 0.95  # the left shoulder is on the left of who faces the other
    thigh = np.concatenate(lengths)[:, 9]
    assert 0.3 < np.median(thigh) < 0.5  # metres
