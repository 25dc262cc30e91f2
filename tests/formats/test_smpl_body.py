from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from skeletonmae.formats.smpl_body import OFFSETS, rotation_matrices, smpl_joint_positions
from skeletonmae.skeletons import SMPL24


def test_rotations_are_those_of_scipy_also_for_no_angle() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    vectors[0] = 0
    vectors[1] = [0, 0, 1e-12]
    np.testing.assert_allclose(rotation_matrices(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


def test_every_joint_has_an_offset_and_the_sides_mirror() -> None:
    assert set(OFFSETS) == set(SMPL24.joints)
    for joint, mirror in SMPL24.mirror.items():
        x, y, z = OFFSETS[joint]
        assert OFFSETS[mirror] == pytest.approx((-x, y, z))


def test_a_chain_of_turns_adds_up() -> None:
    """A quarter of a turn about z at the shoulder and another at the elbow: the forearm points backwards along x."""
    pose = np.zeros((1, 22, 3))
    for joint in ("left_shoulder", "left_elbow"):
        pose[0, SMPL24.index[joint]] = [0, 0, np.pi / 2]
    (positions,) = smpl_joint_positions(pose, np.array([[0.0, 1.0, 0.0]]))
    shoulder, elbow, wrist = (positions[SMPL24.index[f"left_{joint}"]] for joint in ("shoulder", "elbow", "wrist"))
    np.testing.assert_allclose(shoulder, [0.168, 1.452, 0], atol=1e-9)
    np.testing.assert_allclose(elbow - shoulder, [0, 0.228, 0], atol=1e-9)
    np.testing.assert_allclose(wrist - elbow, [-0.226, 0, 0], atol=1e-9)
