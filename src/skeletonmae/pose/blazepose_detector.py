"""BlazePose's detector: where in an image persons are.

The network and all constants are those of MediaPipe (google-ai-edge/mediapipe): `pose_detection_cpu.pbtxt`,
`ssd_anchors_calculator.cc`, `pose_detector_graph.cc` and `alignment_points_to_rects_calculator.cc`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from skeletonmae.pose.image_scaling import fitted_size, resize
from skeletonmae.pose.model_files import BLAZEPOSE_DETECTOR
from skeletonmae.pose.regions import MARGIN, Region

SIZE = 224
"""Side of the square image that the network takes."""
STRIDES = (8, 16, 32, 32, 32)
"""Pixels per cell of each layer; each layer has two anchors per cell."""
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3
"""Intersection over union of two boxes from which on they are the same person."""
SAME_HIPS = 0.1
"""Distance of the hips, in sides of the region, up to which two detections are the same person."""


class Detections(NamedTuple):
    """What the network found, the best first; coordinates are shares of the square image."""

    boxes: Float64[np.ndarray, "person 4"]
    """Left, top, right and bottom of the head."""
    points: Float64[np.ndarray, "person 4 2"]
    """x, y of the center of the hips, the rim of the body, the center of the shoulders, and the rim of the upper
    body."""
    scores: Float64[np.ndarray, " person"]


def make_anchors() -> Float64[np.ndarray, "anchor 2"]:
    """Return the x, y of all anchors, from 0 to 1; layers of the same stride share their cells."""
    anchors = []
    for stride in dict.fromkeys(STRIDES):
        cells = SIZE // stride
        per_cell = 2 * STRIDES.count(stride)
        middles = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        anchors.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(anchors)


def decode_detections(
    rows: Float32[np.ndarray, "anchor 12"],
    logits: Float32[np.ndarray, " anchor"],
    anchors: Float64[np.ndarray, "anchor 2"],
) -> Detections:
    """Return the detections with a score of at least `MIN_SCORE`, the best first.

    Args:
        rows: Center, width and height of the box, then x, y of four points: pixels from the anchor.
        logits: Logits of the scores.
        anchors: See `make_anchors`.
    """
    scores = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-100, 100)))
    order = np.argsort(-scores, kind="stable")
    order = order[: int((scores >= MIN_SCORE).sum())]
    values = rows[order].astype(np.float64).reshape(-1, 6, 2) / SIZE
    center, half = values[:, 0] + anchors[order], values[:, 1] / 2
    points = values[:, 2:] + anchors[order, None]
    return Detections(np.concatenate([center - half, center + half], 1), points, scores[order])


def merge_detections(detections: Detections) -> Detections:
    """Return one detection per person.

    Boxes that overlap are averaged with their scores as weights. A detection whose hips are next to those of a
    better one is the same person.
    """
    boxes, points, scores = detections
    merged: list[tuple[np.ndarray, np.ndarray, float]] = []
    rest = np.arange(len(scores))
    while len(rest):
        is_same = _overlap(boxes[rest[0]], boxes[rest]) > MAX_OVERLAP
        is_same[0] = True
        group, rest = rest[is_same], rest[~is_same]
        box = np.average(boxes[group], axis=0, weights=scores[group])
        point = np.average(points[group], axis=0, weights=scores[group])
        if not any(_has_same_hips(point, better) for _, better, _ in merged):
            merged.append((box, point, float(scores[group[0]])))
    return Detections(
        np.array([box for box, _, _ in merged]).reshape(-1, 4),
        np.array([point for _, point, _ in merged]).reshape(-1, 4, 2),
        np.array([score for _, _, score in merged]),
    )


def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box and others."""
    inner = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = inner.clip(0).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - intersection
    share: np.ndarray = intersection / np.maximum(union, 1e-12)
    return share


def _has_same_hips(points: np.ndarray, better: np.ndarray) -> bool:
    side = 2 * MARGIN * np.hypot(*(better[1] - better[0]))
    return bool(np.hypot(*(points[0] - better[0])) < SAME_HIPS * side)


class BlazePoseDetector:
    """Finds persons who are near: those who fill about a fifth of the longer side of the image or more.

    Args:
        threads: Number of threads that run the network.
    """

    def __init__(self, threads: int = 1) -> None:
        self.session = BLAZEPOSE_DETECTOR.load(threads)
        self.anchors = make_anchors()

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Region]:
        """Return where persons are, the most certain first."""
        square, scale, shift = fit_into_square(image)
        rows, logits = self.session.run(["boxes", "scores"], {"image": square[None]})
        detections = merge_detections(decode_detections(rows[0], logits[0, :, 0], self.anchors))
        pixels = (detections.points * SIZE - shift) * scale
        regions = (Region.from_points(points[0], points[1]) for points in pixels)
        return [region for region in regions if region is not None]


def fit_into_square(
    image: UInt8[np.ndarray, "height width 3"],
) -> tuple[Float32[np.ndarray, "size size 3"], Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"]]:
    """Return an image from -1 to 1 in the middle of a black square.

    Returns:
        The square, the pixels of the image in one of its own (x, y), and x, y of the image in the square.
    """
    height, width = fitted_size(image.shape[0], image.shape[1], SIZE)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    square = np.full((SIZE, SIZE, 3), -1, dtype=np.float32)
    inner = square[top : top + height, left : left + width]
    np.multiply(resize(image, height, width), np.float32(1 / 127.5), out=inner)
    inner -= 1
    scale = np.array([image.shape[1] / width, image.shape[0] / height])
    return square, scale, np.array([left, top], dtype=np.float64)
