"""Persons made of a few numbers, as a pose network would read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skeletonmae.pose.reading import Reading, body_indices
from skeletonmae.pose.regions import Region
from skeletonmae.skeletons import COCO17

BODY = body_indices(COCO17)
# x, y of the joints in heights of the body, from the center of the hips; y down.
SHAPE = {
    "nose": (0.03, -0.45), "eye": (0.02, -0.47), "ear": (0.0, -0.46), "shoulder": (0.0, -0.3), "elbow": (0.03, -0.15),
    "wrist": (0.08, -0.02), "hip": (0.0, 0.0), "knee": (0.04, 0.22), "ankle": (0.0, 0.45),
}  # fmt: skip


def figure(x: float, y: float = 300.0, height: float = 200.0, facing: int = 1, swing: float = 0.0) -> np.ndarray:
    """The 17 joints of somebody seen from the side, `(joint, 2)`.

    Args:
        x: Of the center of the hips.
        y: Of the center of the hips.
        height: Pixels.
        facing: 1 to the right, -1 to the left.
        swing: From -1 to 1: how far the limbs are apart.
    """
    points = np.zeros((17, 2))
    for index, joint in enumerate(COCO17.joints):
        side, _, part = joint.rpartition("_")
        dx, dy = SHAPE[part]
        reach = {"elbow": 0.05, "wrist": 0.1, "knee": 0.06, "ankle": 0.15}.get(part, 0.0)
        apart = reach * swing * (1 if side == "left" else -1) * (-1 if part in ("elbow", "wrist") else 1)
        points[index] = x + height * facing * (dx + apart), y + height * dy
    return points


def reading(points: np.ndarray, score: float = 0.9, **settings: Any) -> Reading:
    """What a network reads: all joints seen, the region around the hips as BlazePose has it."""
    hips = points[[COCO17.index["left_hip"], COCO17.index["right_hip"]]].mean(0)
    radius = np.hypot(*(points - hips).T).max()
    region = Region.from_points(hips, hips - (0, radius))
    assert region is not None
    confidence = settings.get("confidence", np.ones(17))
    return Reading(points.astype(np.float32), confidence.astype(np.float32), None, score, region, BODY)


def walker(x: float, time: float, facing: int, **settings: Any) -> Reading:
    """Somebody who walks with two steps a second."""
    return reading(figure(x, facing=facing, swing=float(np.sin(2 * np.pi * time)), **settings))
