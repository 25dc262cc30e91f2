"""Skeletons: joint layouts by name. Without torch."""

from skeletonmae.skeletons.conversion import Conversion, conversion
from skeletonmae.skeletons.custom_layout import get_layout, read_layout
from skeletonmae.skeletons.derived import parents_from_bones, side_of
from skeletonmae.skeletons.keypoints import COCO17, HAND21, MEDIAPIPE33, OPENPOSE18, OPENPOSE25, PENN13
from skeletonmae.skeletons.layouts import LAYOUTS
from skeletonmae.skeletons.mocap import H36M17, SMPL24
from skeletonmae.skeletons.sensors import KINECT20, NTU25, SBU15
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import VOCABULARY

__all__ = [
    "COCO17",
    "H36M17",
    "HAND21",
    "KINECT20",
    "LAYOUTS",
    "MEDIAPIPE33",
    "NTU25",
    "OPENPOSE18",
    "OPENPOSE25",
    "PENN13",
    "SBU15",
    "SMPL24",
    "VOCABULARY",
    "Conversion",
    "Skeleton",
    "conversion",
    "get_layout",
    "parents_from_bones",
    "read_layout",
    "side_of",
]
