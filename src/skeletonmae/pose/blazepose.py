"""BlazePose full: 33 landmarks of one person, in the image and in meters.

The network and the constants are those of MediaPipe (google-ai-edge/mediapipe):
`tensors_to_pose_landmarks_and_segmentation.pbtxt`, `pose_landmarks_to_roi.pbtxt` and
`world_landmark_projection_calculator.cc`.
"""

from __future__ import annotations

import numpy as np

from skeletonmae.formats.axes import turn_y_down
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.heatmap_refinement import refine_landmarks
from skeletonmae.pose.model_files import BLAZEPOSE_FULL
from skeletonmae.pose.reading import Reading, body_indices
from skeletonmae.pose.regions import Region
from skeletonmae.skeletons import MEDIAPIPE33, Skeleton

SIZE = 256
"""Side of the square image that the network takes."""
MIN_SCORE = 0.5
"""Probability that there is a person, below which there is none."""
HIPS, RIM = 33, 34
"""Landmarks beyond those of the layout, which say where the person is: the center of the hips and a point above it
on the circle around the body."""
OUTPUTS = ("landmarks", "flag", "heatmap", "world")


class BlazePoseReader:
    """Reads the pose of one person.

    Args:
        threads: Number of threads that run the network.
    """

    skeleton: Skeleton = MEDIAPIPE33
    has_depth = True
    min_confidence = 0.5
    """What MediaPipe's own drawing requires."""

    def __init__(self, threads: int = 1) -> None:
        self.session = BLAZEPOSE_FULL.load(threads)

    def read(self, cropper: Cropper, region: Region) -> Reading | None:
        """Return the pose in a region of the image that `cropper` holds; None if nobody is there."""
        crop = region.crop(cropper, SIZE)
        landmarks, flag, heatmap, world = self.session.run(OUTPUTS, {"image": crop[None]})
        if not flag[0, 0] > MIN_SCORE:
            return None
        return decode_landmarks(landmarks[0], float(flag[0, 0]), heatmap[0], world[0], region)


def decode_landmarks(
    landmarks: np.ndarray, score: float, heatmap: np.ndarray, world: np.ndarray, region: Region
) -> Reading | None:
    """Return the pose that the network sees in a region.

    The confidence of a joint is the smaller one of its visibility and its presence.

    Args:
        landmarks: `(39 * 5)`: x, y, z in pixels of the crop, and the logits of visibility and presence.
        score: Probability that there is a person.
        heatmap: `(64, 64, 39)`.
        world: `(39 * 3)`: meters, x to the right, y down, z away from the camera, in the directions of the region.
        region: The region.

    Returns:
        None if the landmarks say nothing about where the person is.
    """
    values = landmarks.reshape(-1, 5)
    points = region.to_image(refine_landmarks(values[:, :2] / SIZE, heatmap))
    next_region = Region.from_points(points[HIPS], points[RIM])
    if next_region is None:
        return None
    num_joints = MEDIAPIPE33.num_joints
    confidence = 1 / (1 + np.exp(-values[:num_joints, 3:].min(1).clip(-80, 80)))
    turned = world.reshape(-1, 3)[:num_joints].astype(np.float64)
    turned[:, :2] = turned[:, :2] @ region.axes
    return Reading(
        points=points[:num_joints],
        confidence=confidence.astype(np.float32),
        world=turn_y_down(turned).astype(np.float32),
        score=score,
        region=next_region,
        body=BODY_INDICES,
    )


BODY_INDICES = body_indices(MEDIAPIPE33)
