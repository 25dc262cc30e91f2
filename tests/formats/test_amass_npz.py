from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS

FRAMES = 3


def amass(**changed: Any) -> dict[str, Any]:
    """Somebody in the rest pose, turned upright: z is up in AMASS, and the body of SMPL has y up."""
    pose = np.zeros((FRAMES, 156))
    pose[:, :3] = [np.pi / 2, 0, 0]
    arrays = {"trans": np.zeros((FRAMES, 3)), "gender": "male", "mocap_framerate": 120.00004577, "poses": pose}
    return {name: value for name, value in (arrays | changed).items() if value is not None}


def read(path: Path, **changed: Any) -> Any:
    np.savez(path, **amass(**changed))
    (recording,) = FORMATS["amass_npz"].read(path)
    return recording


def test_the_rest_pose_stands_upright_in_our_axes(tmp_path: Path) -> None:
    recording = read(tmp_path / "walk_01_poses.npz", trans=np.tile([1.0, 2.0, 0.9], (FRAMES, 1)))
    at = recording.skeleton.index
    assert (recording.name, recording.unit, recording.fps) == ("walk_01", "m", 120.0)
    assert dict(recording.tags) == {"joint_positions": "approximate", "gender": "male"}
    pelvis = recording.positions[0, 0, at["pelvis"]]
    np.testing.assert_allclose(pelvis, [1, 0.9, -2], atol=1e-6)  # x, then up, then the other horizontal axis
    # the ankle is 0.024 + 0.421 + 0.382 below the pelvis, 0.11 to the left, and 0.002 behind it
    np.testing.assert_allclose(
        recording.positions[0, 0, at["left_ankle"]] - pelvis, [0.11, -0.827, -0.002], atol=1e-6
    )
    # the right wrist is 0.027 + 0.141 + 0.228 + 0.226 to the right, at the height of the shoulder
    right_wrist = recording.positions[0, 0, at["right_wrist"]] - pelvis
    np.testing.assert_allclose(right_wrist, [-0.622, 0.452, 0], atol=1e-6)


def test_a_bent_knee_moves_ankle_and_foot_alone(tmp_path: Path) -> None:
    pose = amass()["poses"]
    pose[1, 12:15] = [np.pi / 2, 0, 0]  # the left knee: the shin points backwards
    recording = read(tmp_path / "a.npz", poses=pose)
    at, (straight, bent) = recording.skeleton.index, recording.positions[0, :2]
    shin = bent[at["left_ankle"]] - bent[at["left_knee"]]
    np.testing.assert_allclose(shin, [0, 0, -0.382], atol=1e-6)
    foot = bent[at["left_foot"]] - bent[at["left_ankle"]]
    np.testing.assert_allclose(foot, [0, -0.139, -0.056], atol=1e-6)
    others = [index for joint, index in at.items() if joint not in ("left_ankle", "left_foot")]
    np.testing.assert_allclose(bent[others], straight[others], atol=1e-6)


def test_bones_keep_their_length_whatever_the_pose(tmp_path: Path) -> None:
    pose = np.random.default_rng(0).normal(size=(FRAMES, 156))
    recording = read(tmp_path / "a.npz", poses=pose)
    lengths = recording.skeleton.bone_lengths(recording.positions[0])
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-5)


def test_smplx_has_its_pose_in_parts_and_another_name_of_the_rate(tmp_path: Path) -> None:
    pose = amass()["poses"]
    parts = {"poses": None, "root_orient": pose[:, :3], "pose_body": pose[:, 3:66]}
    recording = read(tmp_path / "a.npz", **parts, mocap_framerate=None, mocap_frame_rate=60.0)
    assert recording.fps == 60
    np.testing.assert_allclose(recording.positions, read(tmp_path / "b.npz").positions)


def test_older_files_have_gender_as_bytes_and_some_have_no_rate(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.npz", gender=np.bytes_(b"female"), mocap_framerate=None)
    assert (recording.tags["gender"], recording.fps) == ("female", None)


def test_frames_that_are_not_finite_are_unobserved(tmp_path: Path) -> None:
    trans = np.zeros((FRAMES, 3))
    trans[1, 2] = np.inf
    recording = read(tmp_path / "a.npz", trans=trans)
    assert recording.observed.all(-1).tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    "changed",
    [
        {"poses": np.zeros((FRAMES, 60))},
        {"poses": np.zeros((FRAMES, 157))},
        {"poses": np.zeros((FRAMES, 22, 3))},
        {"trans": np.zeros((FRAMES + 1, 3))},
        {"trans": None},
        {"poses": None},
        {"poses": np.full((FRAMES, 156), "a")},
    ],
)
def test_what_is_no_pose_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"a\.npz: not the poses of AMASS; expected poses"):
        read(tmp_path / "a.npz", **changed)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf, [30.0, 60.0], "fast"])
def test_a_wrong_frame_rate_is_refused(tmp_path: Path, rate: Any) -> None:
    with pytest.raises(InputError, match="'mocap_framerate' is not a frame rate"):
        read(tmp_path / "a.npz", mocap_framerate=rate)
