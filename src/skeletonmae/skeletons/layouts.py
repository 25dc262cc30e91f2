"""The layouts that datasets and sensors use, each by joint name and with its source."""

from __future__ import annotations

from skeletonmae.skeletons.keypoints import (
    COCO17,
    HALPE26,
    HAND21,
    MEDIAPIPE33,
    OPENPOSE18,
    OPENPOSE25,
    OPENPOSE25B,
    PENN13,
)
from skeletonmae.skeletons.mocap import H36M17, SMPL24
from skeletonmae.skeletons.sensors import AZURE32, KINECT20, NTU25, SBU15, ZED34, ZED38
from skeletonmae.skeletons.skeleton import Skeleton

LAYOUTS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        NTU25, KINECT20, SBU15, AZURE32, ZED34, ZED38,
        COCO17, PENN13, OPENPOSE18, OPENPOSE25, OPENPOSE25B, HALPE26, MEDIAPIPE33, HAND21,
        H36M17, SMPL24,
    )
}  # fmt: skip
"""Layout name -> skeleton. To add one: define it by joint name in its family's file and list it here."""
