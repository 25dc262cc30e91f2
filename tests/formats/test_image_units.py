from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.formats import ReadOptions, detect
from skeletonmae.formats.image_units import image_unit, is_world_landmarks, world_unit
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import HAND21, MEDIAPIPE33

HIPS = [MEDIAPIPE33.index["left_hip"], MEDIAPIPE33.index["right_hip"]]


def landmarks(num_joints: int = 33, largest: float = 0.9) -> np.ndarray:
    """Landmarks `(frame, joint, 3)` of a body that hardly moves, with coordinates from 0.1 to `largest`."""
    body = np.linspace(0.1, largest, num_joints * 3).reshape(num_joints, 3)
    return np.stack([body, body - 0.001, body - 0.002]).round(6)


def centered(values: np.ndarray) -> np.ndarray:
    center = values[:, HIPS] if values.shape[1] == 33 else values
    return (values - center.mean(1, keepdims=True)).round(6)


def read(path: Path, text: str) -> SkeletonSequence:
    path.write_text(text)
    (recording,) = detect(path).read(path, ReadOptions())
    return recording


def read_both(tmp_path: Path, values: np.ndarray) -> tuple[SkeletonSequence, SkeletonSequence]:
    """The same landmarks from JSON and from a table."""
    frames = [[dict(zip("xyz", point, strict=True)) for point in frame] for frame in values.tolist()]
    rows = [",".join(map(str, frame)) for frame in values.reshape(len(values), -1).tolist()]
    header = ",".join(f"{field}{joint}" for joint in range(values.shape[1]) for field in "xyz")
    as_json = read(tmp_path / "a.json", json.dumps({"landmarks": frames}))
    return as_json, read(tmp_path / "b.csv", "\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize(("largest", "unit"), [(0.9, "image"), (1.8, "image"), (2.5, "px")])
def test_landmarks_of_the_image_have_one_unit_in_json_and_in_tables(
    largest: float, unit: str, tmp_path: Path
) -> None:
    as_json, as_table = read_both(tmp_path, landmarks(largest=largest))
    assert (as_json.unit, as_table.unit) == (unit, unit)
    np.testing.assert_allclose(as_json.positions, as_table.positions, rtol=1e-6)


@pytest.mark.parametrize(
    ("num_joints", "scale", "unit"), [(33, 1.0, "m"), (21, 0.1, "m"), (33, 1000.0, "unknown")]
)
def test_world_landmarks_are_the_same_in_json_and_in_tables(
    num_joints: int, scale: float, unit: str, tmp_path: Path
) -> None:
    values = centered(landmarks(num_joints)) * scale
    as_json, as_table = read_both(tmp_path, values)
    assert (as_json.unit, as_table.unit) == (unit, unit)
    np.testing.assert_allclose(as_json.positions, as_table.positions, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(as_json.positions[0], values * [-1, -1, 1], rtol=1e-5, atol=1e-6)


def test_unobserved_joints_do_not_count() -> None:
    assert image_unit(np.array([[np.nan, 1.5], [-2.0, 2.0]])) == "image"
    assert image_unit(np.array([[np.nan, 2.1]])) == "px"
    assert world_unit(np.array([[np.nan, -4.9]])) == "m"
    assert world_unit(np.array([[np.nan, -5.0]])) == "unknown"


def test_the_center_of_world_landmarks_is_between_the_hips_or_in_the_hand() -> None:
    body = centered(landmarks())[..., :2]
    assert is_world_landmarks(body, MEDIAPIPE33)
    assert not is_world_landmarks(body + 0.1, MEDIAPIPE33)
    body[1, HIPS[0]] = np.nan  # a frame without a hip has no center
    assert is_world_landmarks(body, MEDIAPIPE33)
    assert not is_world_landmarks(body[1:2], MEDIAPIPE33)
    hand = centered(landmarks(21))[..., :2]
    assert is_world_landmarks(hand, HAND21)
    assert not is_world_landmarks(hand + 0.1, HAND21)
