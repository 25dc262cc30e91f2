"""The layouts of depth sensors."""

from __future__ import annotations

from skeletonmae.skeletons.limbs import LIMBS, both_sides
from skeletonmae.skeletons.skeleton import Skeleton

_KINECT = {"shoulder_center": "spine", "pelvis": "spine"} | both_sides(
    {"shoulder": "shoulder_center", "hip": "pelvis", "hand": "wrist", "foot": "ankle"}
)

NTU25 = Skeleton(
    name="ntu25",
    joints=(
        "pelvis", "spine", "neck", "head",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
        "shoulder_center", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb",
    ),
    parents=LIMBS | _KINECT | {"neck": "shoulder_center", "head": "neck"}
    | both_sides({"hand_tip": "hand", "thumb": "wrist"}),
    source="Kinect for Windows SDK 2.0, JointType and the bones of its Body Basics sample",
)  # fmt: skip

KINECT20 = Skeleton(
    name="kinect20",
    joints=(
        "pelvis", "spine", "shoulder_center", "head",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
    ),
    parents=LIMBS | _KINECT | {"head": "shoulder_center"},
    source="Kinect for Windows SDK 1.x, NuiSkeleton joint order; rooted at the spine",
)  # fmt: skip

# What the set calls neck is the middle between the shoulders, and its torso that of shoulders and hips.
SBU15 = Skeleton(
    name="sbu15",
    joints=(
        "head", "shoulder_center", "spine",
        "left_shoulder", "left_elbow", "left_hand", "right_shoulder", "right_elbow", "right_hand",
        "left_hip", "left_knee", "left_foot", "right_hip", "right_knee", "right_foot",
    ),
    parents={"shoulder_center": "spine", "head": "shoulder_center"}
    | both_sides({
        "shoulder": "shoulder_center", "elbow": "shoulder", "hand": "elbow",
        "hip": "spine", "knee": "hip", "foot": "knee",
    }),
    source="SBU Kinect Interaction (Yun et al., CVPR Workshops 2012), joint order of its documentation",
)  # fmt: skip
