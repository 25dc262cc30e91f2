from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.pose_files import OPENPOSE18, Component, pose_bytes

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions
from skeletonmae.skeletons import HAND21, LAYOUTS, MEDIAPIPE33

BODY = tuple(f"P{i}" for i in range(33))
HAND = tuple(f"H{i}" for i in range(21))
HOLISTIC: list[Component] = [
    ("POSE_LANDMARKS", "XYZC", BODY, []),
    ("LEFT_HAND_LANDMARKS", "XYZC", HAND, []),
    ("RIGHT_HAND_LANDMARKS", "XYZC", HAND, []),
    ("POSE_WORLD_LANDMARKS", "XYZC", BODY, []),
]


def read(path: Path, content: bytes, options: ReadOptions = ReadOptions()) -> Any:  # noqa: B008
    path.write_bytes(content)
    (recording,) = FORMATS["pose_format"].read(path, options)
    return recording


def holistic() -> tuple[np.ndarray, np.ndarray]:
    """Two frames of one person: 33 landmarks in the image, 2 x 21 of the hands, 33 of the world."""
    positions, confidence = np.zeros((2, 1, 108, 3)), np.ones((2, 1, 108))
    positions[:, :, :33] = [320, 240, -1]
    positions[:, :, 33:54], positions[:, :, 54:75] = [100, 200, 0], [300, 400, 0]
    positions[:, :, 75:] = [0.1 * 640, -0.5 * 480, 0.2]  # meters times the size of the image
    confidence[0, 0, 5], confidence[0, 0, 75 + 5] = 0.4, 0.4
    confidence[1, 0, 33:54] = 0
    return positions, confidence


def test_landmarks_of_the_world_come_first_in_meters_and_our_axes(tmp_path: Path) -> None:
    recording = read(tmp_path / "sign.pose", pose_bytes(0.2, HOLISTIC, *holistic(), fps=29.97))
    assert (recording.name, recording.unit, recording.skeleton) == ("sign", "m", MEDIAPIPE33)
    assert recording.fps == pytest.approx(29.97)
    np.testing.assert_allclose(recording.positions[0, 0, 0], [-0.1, 0.5, 0.2], atol=1e-6)
    assert np.argwhere(~recording.observed).tolist() == [[0, 0, 5]]
    assert recording.notes == (
        "of its components, POSE_WORLD_LANDMARKS was read; POSE_LANDMARKS, LEFT_HAND_LANDMARKS, RIGHT_HAND_LANDMARKS "
        "were left out",
    )


def test_without_them_the_body_is_in_pixels(tmp_path: Path) -> None:
    positions, confidence = holistic()
    recording = read(
        tmp_path / "a.pose", pose_bytes(0.2, HOLISTIC[:3], positions[:, :, :75], confidence[:, :, :75])
    )
    assert (recording.unit, recording.positions.shape) == ("px", (1, 2, 33, 2))
    assert recording.positions[0, 0, 0].tolist() == [320, 240]


def test_two_hands_are_two_persons(tmp_path: Path) -> None:
    content = pose_bytes(0.1, HOLISTIC, *holistic())
    recording = read(tmp_path / "a.pose", content, ReadOptions(layout=HAND21))
    assert recording.positions.shape == (2, 2, 21, 2)
    assert recording.positions[:, 0, 0].tolist() == [[100, 200], [300, 400]]
    assert recording.observed.all(-1).tolist() == [[True, False], [True, True]]


def test_version_0_has_its_own_number_of_persons_in_each_frame(tmp_path: Path) -> None:
    positions = np.arange(2 * 2 * 18 * 2).reshape(2, 2, 18, 2) + 1.0
    confidence = np.ones((2, 2, 18))
    confidence[0, 1] = 0
    confidence[1, 1, 3] = 0
    components: list[Component] = [("pose_keypoints_2d", "XYC", OPENPOSE18, [])]
    recording = read(tmp_path / "a.pose", pose_bytes(0.0, components, positions, confidence))
    assert (recording.skeleton.name, recording.fps, recording.num_persons) == ("openpose18", 25.0, 2)
    assert not recording.observed[1, 0].any()
    assert np.argwhere(~recording.observed[1, 1]).tolist() == [[3]]
    np.testing.assert_array_equal(recording.positions[0], positions[:, 0])


def test_version_0_1_counts_frames_beyond_65535_by_the_length_of_the_file(tmp_path: Path) -> None:
    components: list[Component] = [("MOUSE", "XYC", ["nose"], [])]
    content = bytearray(pose_bytes(0.1, components, np.ones((5, 1, 1, 2)), np.ones((5, 1, 1))))
    assert read(tmp_path / "short.pose", bytes(content)).num_frames == 5
    long = bytes(content[: -5 * 12]) + np.ones(70_000 * 3, "<f4").tobytes()  # the header still says 5
    assert read(tmp_path / "long.pose", long).num_frames == 70_000


def test_points_of_another_component_are_a_layout_of_their_own(tmp_path: Path) -> None:
    components: list[Component] = [("MOUSE", "XYC", ["nose", "left_ear", "right_ear"], [(0, 1), (0, 2)])]
    recording = read(tmp_path / "a.pose", pose_bytes(0.2, components, np.ones((3, 1, 3, 2)), np.ones((3, 1, 3))))
    assert recording.skeleton.joints == ("nose", "left_ear", "right_ear")
    assert recording.skeleton.parents == {"left_ear": "nose", "right_ear": "nose"}


def test_a_layout_chooses_the_component_that_has_its_joints(tmp_path: Path) -> None:
    components: list[Component] = [
        ("FACE", "XYC", ["1", "2"], []),
        ("BODY", "XYC", ["left shoulder", "left_elbow", "LeftWrist"], []),
    ]
    content = pose_bytes(0.2, components, np.ones((3, 1, 5, 2)), np.ones((3, 1, 5)))
    recording = read(tmp_path / "a.pose", content, ReadOptions(layout=LAYOUTS["coco17"]))
    assert int(recording.observed[0, 0].sum()) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-4],
        lambda content: content[:40],
        lambda content: b"\x00\x00\x40\x3f" + content[4:],
        lambda content: content[:10] + b"\xff\xff" + content[12:],
        lambda content: content.replace(b"XYC", b"XY1"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: Any) -> None:
    components: list[Component] = [("pose_keypoints_2d", "XYC", OPENPOSE18, [])]
    content = change(pose_bytes(0.2, components, np.ones((5, 1, 18, 2)), np.ones((5, 1, 18))))
    with pytest.raises(InputError, match=r"a\.pose: not a \.pose file, or damaged"):
        read(tmp_path / "a.pose", content)
