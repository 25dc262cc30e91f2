"""What a body is: joint layouts by name. numpy only."""

from skeletonmae.skeletons.conversion import Conversion, conversion
from skeletonmae.skeletons.layouts import COCO17, KINECT20, LAYOUTS, NTU25, PENN13, SBU15
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import VOCABULARY

__all__ = [
    "COCO17",
    "KINECT20",
    "LAYOUTS",
    "NTU25",
    "PENN13",
    "SBU15",
    "VOCABULARY",
    "Conversion",
    "Skeleton",
    "conversion",
]
