"""The layouts of depth sensors."""

from __future__ import annotations

from skeletonmae.skeletons.limbs import FACE, LIMBS, both_sides
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

# The "neck" of the dataset is the midpoint of the shoulders, and its "torso" that of the shoulders and hips.
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

# The navel lies a third of the way up from the pelvis to the neck and the chest two thirds, so spine1 and spine3.
_AZURE = (
    LIMBS
    | {"spine1": "pelvis", "spine3": "spine1", "neck": "spine3", "head": "neck", "nose": "head"}
    | both_sides({
        "collar": "spine3", "shoulder": "collar", "hand": "wrist", "hand_tip": "hand", "thumb": "wrist",
        "hip": "pelvis", "foot": "ankle", "eye": "head", "ear": "head",
    })
)  # fmt: skip

AZURE32 = Skeleton(
    name="azure32",
    joints=(
        "pelvis", "spine1", "spine3", "neck",
        "left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand", "left_hand_tip", "left_thumb",
        "right_collar", "right_shoulder", "right_elbow",
        "right_wrist", "right_hand", "right_hand_tip", "right_thumb",
        "left_hip", "left_knee", "left_ankle", "left_foot",
        "right_hip", "right_knee", "right_ankle", "right_foot",
        "head", "nose", "left_eye", "left_ear", "right_eye", "right_ear",
    ),
    parents=_AZURE,
    source="Azure Kinect Body Tracking SDK, k4abt_joint_id_t and its joint hierarchy",
)  # fmt: skip

ZED34 = Skeleton(
    name="zed34",
    joints=(*AZURE32.joints, "left_heel", "right_heel"),
    parents=_AZURE | both_sides({"heel": "ankle"}),
    source="ZED SDK, BODY_34_PARTS and BODY_34_BONES",
)

# The tips of thumb and middle finger, and the knuckles of index finger and little finger.
ZED38 = Skeleton(
    name="zed38",
    joints=(
        "pelvis", "spine1", "spine2", "spine3", "neck", "nose",
        "left_eye", "right_eye", "left_ear", "right_ear", "left_collar", "right_collar",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
        "left_thumb", "right_thumb", "left_index_mcp", "right_index_mcp",
        "left_hand_tip", "right_hand_tip", "left_pinky_mcp", "right_pinky_mcp",
    ),
    parents=FACE | LIMBS
    | {"spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "nose": "neck"}
    | both_sides({
        "collar": "spine3", "shoulder": "collar", "hip": "pelvis",
        "big_toe": "ankle", "small_toe": "ankle", "heel": "ankle",
        "thumb": "wrist", "index_mcp": "wrist", "hand_tip": "wrist", "pinky_mcp": "wrist",
    }),
    source="ZED SDK, BODY_38_PARTS and BODY_38_BONES",
)  # fmt: skip
