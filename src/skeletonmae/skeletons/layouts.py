"""The layouts that datasets and sensors use, each by joint name and with its source."""

from __future__ import annotations

from skeletonmae.skeletons.skeleton import Skeleton

_KINECT_LIMBS = {
    "left_elbow": "left_shoulder",
    "left_wrist": "left_elbow",
    "left_hand": "left_wrist",
    "right_elbow": "right_shoulder",
    "right_wrist": "right_elbow",
    "right_hand": "right_wrist",
    "left_knee": "left_hip",
    "left_ankle": "left_knee",
    "left_foot": "left_ankle",
    "right_knee": "right_hip",
    "right_ankle": "right_knee",
    "right_foot": "right_ankle",
}
_KINECT_TRUNK = {
    "shoulder_center": "spine",
    "pelvis": "spine",
    "left_shoulder": "shoulder_center",
    "right_shoulder": "shoulder_center",
    "left_hip": "pelvis",
    "right_hip": "pelvis",
}

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
    parents=_KINECT_TRUNK | _KINECT_LIMBS | {
        "neck": "shoulder_center",
        "head": "neck",
        "left_hand_tip": "left_hand",
        "left_thumb": "left_wrist",
        "right_hand_tip": "right_hand",
        "right_thumb": "right_wrist",
    },
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
    parents=_KINECT_TRUNK | _KINECT_LIMBS | {"head": "shoulder_center"},
    source="Kinect for Windows SDK 1.x, NuiSkeleton joint order; rooted at the spine",
)  # fmt: skip

COCO17 = Skeleton(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents={
        "left_eye": "nose",
        "right_eye": "nose",
        "left_ear": "left_eye",
        "right_ear": "right_eye",
        "left_shoulder": "nose",
        "right_shoulder": "nose",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_hip": "left_shoulder",
        "right_hip": "right_shoulder",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
    },
    center=("left_hip", "right_hip"),
    source="COCO keypoints; bones as PYSKL uses them",
)  # fmt: skip

PENN13 = Skeleton(
    name="penn13",
    joints=(
        "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents={
        "left_shoulder": "head",
        "right_shoulder": "head",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_hip": "left_shoulder",
        "right_hip": "right_shoulder",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
    },
    center=("left_hip", "right_hip"),
    source="Penn Action annotations (Zhang, Zhu and Derpanis, ICCV 2013)",
)  # fmt: skip

SBU15 = Skeleton(
    name="sbu15",
    joints=(
        "head", "neck", "spine",
        "left_shoulder", "left_elbow", "left_hand", "right_shoulder", "right_elbow", "right_hand",
        "left_hip", "left_knee", "left_foot", "right_hip", "right_knee", "right_foot",
    ),
    parents={
        "neck": "spine",
        "head": "neck",
        "left_shoulder": "neck",
        "left_elbow": "left_shoulder",
        "left_hand": "left_elbow",
        "right_shoulder": "neck",
        "right_elbow": "right_shoulder",
        "right_hand": "right_elbow",
        "left_hip": "spine",
        "left_knee": "left_hip",
        "left_foot": "left_knee",
        "right_hip": "spine",
        "right_knee": "right_hip",
        "right_foot": "right_knee",
    },
    source="SBU Kinect Interaction (Yun et al., CVPR Workshops 2012), joint order of its documentation",
)  # fmt: skip

LAYOUTS: dict[str, Skeleton] = {skeleton.name: skeleton for skeleton in (NTU25, KINECT20, COCO17, PENN13, SBU15)}
"""Layout name -> skeleton. To add one: define it above by joint name and list it here."""
