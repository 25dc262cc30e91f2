"""The layouts of pose estimators and of what they are trained on."""

from __future__ import annotations

from skeletonmae.skeletons.limbs import FACE, LIMBS, both_sides
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import FINGERS

_HIPS = ("left_hip", "right_hip")

COCO17 = Skeleton(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents=FACE | LIMBS | both_sides({"shoulder": "nose", "hip": "shoulder"}),
    center=_HIPS,
    source="COCO keypoints; bones as PYSKL uses them",
)  # fmt: skip

PENN13 = Skeleton(
    name="penn13",
    joints=(
        "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents=LIMBS | both_sides({"shoulder": "head", "hip": "shoulder"}),
    center=_HIPS,
    source="Penn Action annotations (Zhang, Zhu and Derpanis, ICCV 2013)",
)  # fmt: skip

# The "neck" and "mid hip" of OpenPose are the midpoints of the shoulders and of the hips.
OPENPOSE18 = Skeleton(
    name="openpose18",
    joints=(
        "nose", "shoulder_center",
        "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    parents=FACE | LIMBS | {"nose": "shoulder_center"}
    | both_sides({"shoulder": "shoulder_center", "hip": "shoulder_center"}),
    center=_HIPS,
    source="OpenPose, pose output format COCO: POSE_COCO_BODY_PARTS and POSE_COCO_PAIRS_RENDER",
)  # fmt: skip

OPENPOSE25 = Skeleton(
    name="openpose25",
    joints=(
        "nose", "shoulder_center",
        "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    ),
    parents=FACE | LIMBS | {"nose": "shoulder_center", "shoulder_center": "pelvis"}
    | both_sides({
        "shoulder": "shoulder_center", "hip": "pelvis",
        "big_toe": "ankle", "small_toe": "big_toe", "heel": "ankle",
    }),
    source="OpenPose, pose output format BODY_25: POSE_BODY_25_BODY_PARTS and POSE_BODY_25_PAIRS_RENDER",
)  # fmt: skip

# A foot's toes and heel, as OpenPose and Halpe annotate them.
_FEET = both_sides({"big_toe": "ankle", "small_toe": "big_toe", "heel": "ankle"})

OPENPOSE25B = Skeleton(
    name="openpose25b",
    joints=(
        *COCO17.joints, "neck", "head_top",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    ),
    parents=FACE | LIMBS | _FEET | {"nose": "neck", "head_top": "neck"}
    | both_sides({"shoulder": "neck", "hip": "neck"}),
    center=_HIPS,
    source="OpenPose, pose output format BODY_25B: POSE_BODY_25B_BODY_PARTS; bones as for BODY_25",
)  # fmt: skip

HALPE26 = Skeleton(
    name="halpe26",
    joints=(
        *COCO17.joints, "head_top", "neck", "pelvis",
        "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
    ),
    parents=FACE | LIMBS | _FEET | {"nose": "neck", "head_top": "neck", "neck": "pelvis"}
    | both_sides({"shoulder": "neck", "hip": "pelvis"}),
    source="Halpe Full-Body (Fang et al., TPAMI 2022), the 26 joints of the body; MMPose's halpe26.py",
)  # fmt: skip

# The graph that MediaPipe draws has cycles and three components. The tree follows it where it is unambiguous, and
# COCO elsewhere. The three landmarks of a hand are knuckles: the first of the little and index finger, the second
# of the thumb.
MEDIAPIPE33 = Skeleton(
    name="mediapipe33",
    joints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "left_mouth", "right_mouth",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky_mcp", "right_pinky_mcp", "left_index_mcp", "right_index_mcp",
        "left_thumb_ip", "right_thumb_ip",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_toe", "right_toe",
    ),
    parents=LIMBS | both_sides({
        "eye_inner": "nose", "eye": "eye_inner", "eye_outer": "eye", "ear": "eye_outer", "mouth": "nose",
        "shoulder": "nose", "hip": "shoulder",
        "pinky_mcp": "wrist", "index_mcp": "wrist", "thumb_ip": "wrist",
        "heel": "ankle", "toe": "ankle",
    }),
    center=_HIPS,
    source="MediaPipe Pose Landmarker, PoseLandmark; what they are: BlazePose (Bazarevsky et al., 2020)",
)  # fmt: skip

# Without sides, since a mirrored hand is the other hand: each joint is its own mirror, and left and right hands
# train one model.
HAND21 = Skeleton(
    name="hand21",
    joints=("wrist", *(joint for finger in FINGERS.values() for joint in finger)),
    parents={
        joint: parent
        for finger in FINGERS.values()
        for joint, parent in zip(finger, ("wrist", *finger), strict=False)
    },
    source="MediaPipe Hand Landmarker, HandLandmark; OpenPose hands have the same order, and these bones",
)  # fmt: skip
