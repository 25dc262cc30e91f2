from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.markers import c3d_bytes

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.skeletons import Skeleton


def read(path: Path, positions: Any, labels: list[str], options: ReadOptions = ReadOptions(), **about: Any) -> Any:  # noqa: B008
    path.write_bytes(c3d_bytes(np.asarray(positions, float), labels, **about))
    (recording,) = FORMATS["c3d"].read(path, options)
    return recording


def test_labels_unit_rate_and_lost_markers(tmp_path: Path) -> None:
    positions = np.full((3, 2, 3), [1000.0, 2000.0, 1500.0])
    positions[0, 1] = 0  # also written by systems that lost a marker
    lost = np.array([[0, 0], [1, 0], [0, 0]], bool)
    recording = read(tmp_path / "walk.c3d", positions, ["LASI", "RASI"], lost=lost)
    assert (recording.name, recording.unit, recording.fps) == ("walk", "m", 100.0)
    assert recording.observed[0].tolist() == [[True, False], [False, True], [True, True]]
    np.testing.assert_allclose(recording.positions[0, 2], [[-1, 1.5, 2]] * 2)


@pytest.mark.parametrize(
    ("screen", "expected"),
    [
        (("+X", "+Z"), [-1, 3, 2]),  # x to the right of the screen, z up: y is into it
        (("+Y", "+Z"), [-2, 3, -1]),
        (("+X", "+Y"), [-1, 2, -3]),  # y is up already
        (("-X", "-Z"), [1, 3, -2]),  # Qualisys draws the floor on top; z is up all the same
        (None, [-1, 3, 2]),
    ],
)
def test_axes_are_turned_and_never_mirrored(tmp_path: Path, screen: Any, expected: list[float]) -> None:
    positions = np.full((2, 1, 3), [1.0, 2.0, 3.0])
    recording = read(tmp_path / "a.c3d", positions, ["C7"], screen=screen, unit="m")
    assert recording.positions[0, 0, 0].tolist() == expected
    assert any("axes" in note for note in recording.notes) == (screen is None)


def test_integers_are_scaled(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.c3d", np.full((2, 1, 3), 123.4), ["C7"], scale=0.1)
    np.testing.assert_allclose(recording.positions[0, 1, 0], [-0.1234, 0.1234, 0.1234], atol=1e-6)


def test_units_that_are_not_known_are_kept_and_said(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.c3d", np.ones((2, 1, 3)), ["C7"], unit=None)
    assert recording.unit == "unknown"
    assert "the unit is not known: the file does not state one; use --unit m, cm or mm" in recording.notes
    recording = read(tmp_path / "b.c3d", np.full((2, 1, 3), 20.0), ["C7"], ReadOptions(unit="px"), unit="mm")
    assert (recording.unit, recording.positions[0, 0, 0].tolist()) == ("px", [-20, 20, 20])


def test_subjects_with_the_same_markers_are_persons(tmp_path: Path) -> None:
    positions = np.arange(2 * 4 * 3).reshape(2, 4, 3) + 1
    labels = ["Anna:LASI", "Anna:RASI", "Ben:RASI", "Ben:LASI"]
    recording = read(tmp_path / "a.c3d", positions, labels, unit="m")
    assert (recording.num_persons, len(recording.skeleton.joints)) == (2, 2)
    assert recording.positions[:, 0, :, 0].tolist() == [[-1, -4], [-10, -7]]


def test_other_prefixes_are_left_off_where_names_stay_unique(tmp_path: Path) -> None:
    positions = np.ones((2, 3, 3))
    first = read(tmp_path / "a.c3d", positions, ["Anna:LASI", "Anna:C7", "box:top"])
    assert (first.num_persons, first.skeleton.num_joints) == (1, 3)
    assert not any(":" in joint for joint in first.skeleton.joints)
    second = read(tmp_path / "b.c3d", positions, ["Anna:LASI", "Anna:C7", "box:C7"])
    assert len(set(second.skeleton.joints)) == 3


def test_angles_and_points_without_a_label_are_left_out(tmp_path: Path) -> None:
    labels = ["C7", "LKneeAngles", "*12", "", "T10"]
    recording = read(tmp_path / "a.c3d", np.ones((2, 5, 3)), labels, extra={"ANGLES": ["LKneeAngles"]})
    assert recording.skeleton.num_joints == 2
    assert any("1 points are no positions and were left out: LKneeAngles" in note for note in recording.notes)


def test_joint_centers_with_known_names_are_the_vocabularys(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.c3d", np.ones((2, 2, 3)), ["LeftKnee", "left ankle"])
    assert recording.skeleton.joints == ("left_knee", "left_ankle")


def test_a_layout_finds_its_joints_by_name(tmp_path: Path) -> None:
    layout = Skeleton("two", ("top", "C7"), {"C7": "top"})
    recording = read(tmp_path / "a.c3d", np.ones((2, 2, 3)), ["C7", "T10"], ReadOptions(layout=layout))
    assert recording.observed[0, 0].tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda content: content[:-512], "truncated"),
        (lambda content: content[:600], r"a\.c3d"),
        (lambda content: b"\x02\x50garbage" + bytes(600), r"a\.c3d"),
        (lambda content: content.replace(b"USED\x07\x00\x02\x00\x02", b"USED\x07\x00\x02\x00\x7f"), r"a\.c3d"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: Any, match: str) -> None:
    content = c3d_bytes(np.ones((40, 2, 3)), ["C7", "T10"])
    (tmp_path / "a.c3d").write_bytes(change(content))
    with pytest.raises(InputError, match=match):
        list(FORMATS["c3d"].read(tmp_path / "a.c3d"))


def test_points_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no labeled positions in it; got \*1, \*2"):
        read(tmp_path / "a.c3d", np.ones((2, 2, 3)), ["*1", "*2"])


def test_axes_that_are_not_clear_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="axes are not clear"):
        read(tmp_path / "a.c3d", np.ones((2, 1, 3)), ["C7"], screen=("+X", "-X"))


def test_without_the_package_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install skeletonmae\[mocap\]"):
        read(tmp_path / "a.c3d", np.ones((2, 1, 3)), ["C7"])
