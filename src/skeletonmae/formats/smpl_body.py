"""Joints of the SMPL family from its pose parameters, by forward kinematics on an average adult.

The body models themselves (SMPL, SMPL+H, SMPL-X) may not be redistributed, and nothing of them is used here. The
lengths of the bones are those of the default skeleton of MakeHuman 1.2 (`default.mhskel`, version 110) on its base
mesh, an adult of 1.67 m, which are dedicated to the public domain (CC0):
https://github.com/makehumancommunity/makehuman. The bones are laid out in the rest pose of SMPL, upright with
horizontal arms. So the angles of all joints are exact, and positions are off by as much as the person differs from
this adult: a few centimeters at the limbs.
"""

from __future__ import annotations

import numpy as np

from skeletonmae.skeletons import SMPL24

_SIDE = {
    "hip": ("pelvis", (0.110, -0.024, -0.002)),
    "knee": ("hip", (0.0, -0.421, 0.0)),
    "ankle": ("knee", (0.0, -0.382, 0.0)),
    "foot": ("ankle", (0.0, -0.056, 0.139)),
    "collar": ("spine3", (0.027, 0.086, 0.077)),
    "shoulder": ("collar", (0.141, 0.006, -0.055)),
    "elbow": ("shoulder", (0.228, 0.0, 0.0)),
    "wrist": ("elbow", (0.226, 0.0, 0.0)),
    "hand": ("wrist", (0.096, 0.0, 0.0)),
}
_MIDDLE = {
    "spine1": (0.0, 0.114, 0.0),
    "spine2": (0.0, 0.093, 0.011),
    "spine3": (0.0, 0.153, -0.033),
    "neck": (0.0, 0.156, 0.014),
    "head_base": (0.0, 0.109, 0.009),
}
OFFSETS: dict[str, tuple[float, float, float]] = (
    {"pelvis": (0.0, 0.0, 0.0)}
    | _MIDDLE
    | {f"left_{joint}": offset for joint, (_, offset) in _SIDE.items()}
    | {f"right_{joint}": (-x, y, z) for joint, (_, (x, y, z)) in _SIDE.items()}
)
"""Joint -> its position in the frame of its parent in the rest pose, in meters: x to the body's left, y up, z
forward."""
POSED_JOINTS = 22
"""Joints with a rotation of their own in all models of the family; the two hands follow the wrists."""
CHUNK_FRAMES = 4096


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Rotation matrices of axis-angle vectors, by the formula of Rodrigues.

    Args:
        vectors: `(..., 3)`: the axis, with the angle in radians as its length.

    Returns:
        `(..., 3, 3)`.
    """
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)[..., None]
    x, y, z = np.moveaxis(vectors / np.maximum(angle[..., 0], np.finfo(np.float64).tiny), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape[:-1], 3, 3)
    matrices: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return matrices


def smpl_joint_positions(pose: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Positions of the joints of `SMPL24`, in the axes of `translation`.

    The pelvis is put at `translation`. In the models it is a constant of about a quarter of a meter away from it,
    which depends on the body and not on the pose.

    Args:
        pose: `(frame, 22, 3)` rotations of the joints against their parents, as axis-angle vectors.
        translation: `(frame, 3)` in meters.

    Returns:
        `(frame, 24, 3)` in meters.
    """
    positions = np.empty((len(pose), SMPL24.num_joints, 3))
    for start in range(0, len(pose), CHUNK_FRAMES):
        frames = slice(start, start + CHUNK_FRAMES)
        local = rotation_matrices(pose[frames].astype(np.float64))
        world: dict[str, np.ndarray] = {}
        for index, joint in enumerate(SMPL24.joints):
            parent = SMPL24.parents.get(joint)
            if parent is None:
                positions[frames, index] = translation[frames]
                world[joint] = local[:, index]
                continue
            offset = world[parent] @ np.array(OFFSETS[joint])
            positions[frames, index] = positions[frames, SMPL24.index[parent]] + offset
            if index < POSED_JOINTS:
                world[joint] = world[parent] @ local[:, index]
    return positions
