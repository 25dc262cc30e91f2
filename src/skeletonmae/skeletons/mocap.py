"""The layouts of motion capture and of body models fitted to it."""

from __future__ import annotations

from skeletonmae.skeletons.limbs import LIMBS, both_sides
from skeletonmae.skeletons.skeleton import Skeleton

# Also called thorax (or neck), neck/nose and head: the parent joint of the shoulders, the face, and the top of the
# head.
H36M17 = Skeleton(
    name="h36m17",
    joints=(
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "spine", "shoulder_center", "nose", "head_top",
        "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
    parents=LIMBS | both_sides({"hip": "pelvis", "shoulder": "shoulder_center"})
    | {"spine": "pelvis", "shoulder_center": "spine", "nose": "shoulder_center", "head_top": "nose"},
    source="Human3.6M (Ionescu et al., TPAMI 2014), the 17 joints and the tree of VideoPose3D; MotionBERT's too",
)  # fmt: skip

# The joint called head is where the skull turns, at the height of the ears' lobes.
SMPL24 = Skeleton(
    name="smpl24",
    joints=(
        "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
        "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar",
        "head_base",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hand", "right_hand",
    ),
    parents=LIMBS
    | {"spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head_base": "neck"}
    | both_sides({"hip": "pelvis", "foot": "ankle", "collar": "spine3", "shoulder": "collar", "hand": "wrist"}),
    source="SMPL (Loper et al., SIGGRAPH Asia 2015), its kinematic tree; joint names as in the package smplx",
)  # fmt: skip
