from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.pose.blazepose_detector import (
    BlazePoseDetector,
    Detections,
    decode_detections,
    fit_into_square,
    make_anchors,
    merge_detections,
)


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_anchors_of_layers_with_the_same_stride_share_their_cells() -> None:
    anchors = make_anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[[0, 1]], 0.5 / 28)
    np.testing.assert_allclose(anchors[2], [1.5 / 28, 0.5 / 28])  # columns first
    np.testing.assert_allclose(anchors[28 * 28 * 2], 0.5 / 14)
    np.testing.assert_allclose(anchors[28 * 28 * 2 + 14 * 14 * 2 + 5], 0.5 / 7)  # six in each cell
    np.testing.assert_allclose(anchors[-1], 6.5 / 7)


def test_decoding_worked_out_by_hand() -> None:
    anchors = np.array([[0.25, 0.5], [0.5, 0.5], [0.75, 0.5]])
    rows = np.zeros((3, 12), dtype=np.float32)
    rows[2] = [22.4, -11.2, 44.8, 22.4, 0, 112, 0, -112, 22.4, 0, 0, 22.4]
    logits = np.array([logit(0.6), logit(0.4), logit(0.8)], dtype=np.float32)
    found = decode_detections(rows, logits, anchors)
    np.testing.assert_allclose(found.scores, [0.8, 0.6], rtol=1e-6)  # the best first, none below 0.5
    np.testing.assert_allclose(found.boxes[0], [0.75, 0.4, 0.95, 0.5], atol=1e-7)
    np.testing.assert_allclose(found.points[0], [[0.75, 1], [0.75, 0], [0.85, 0.5], [0.75, 0.6]], atol=1e-7)


def test_a_score_may_be_as_large_as_it_likes() -> None:
    found = decode_detections(np.zeros((1, 12), np.float32), np.array([1e9], np.float32), np.zeros((1, 2)))
    assert found.scores.tolist() == [1.0]


def detections(boxes: list[list[float]], hips: list[list[float]], scores: list[float]) -> Detections:
    points = np.repeat(np.array(hips)[:, None], 4, axis=1)
    points[:, 1, 1] -= 0.2  # the rim: a side of 0.5
    return Detections(np.array(boxes), points, np.array(scores))


def test_boxes_that_overlap_are_averaged_by_score() -> None:
    boxes = [[0.0, 0.0, 0.1, 0.1], [0.02, 0.0, 0.12, 0.1], [0.5, 0.5, 0.6, 0.6]]
    found = merge_detections(detections(boxes, [[0.1, 0.4], [0.14, 0.4], [0.6, 0.8]], [0.9, 0.6, 0.7]))
    assert found.scores.tolist() == [0.9, 0.7]
    np.testing.assert_allclose(found.boxes[0], [0.6 * 0.02 / 1.5, 0, (0.09 + 0.072) / 1.5, 0.1])
    np.testing.assert_allclose(found.points[0, 0], [(0.9 * 0.1 + 0.6 * 0.14) / 1.5, 0.4])


@pytest.mark.parametrize(("distance", "count"), [(0.04, 1), (0.06, 2)])
def test_hips_next_to_those_of_a_better_one_are_the_same_person(distance: float, count: int) -> None:
    boxes = [[0.0, 0.0, 0.1, 0.1], [0.5, 0.5, 0.6, 0.6]]
    found = merge_detections(detections(boxes, [[0.3, 0.5], [0.3 + distance, 0.5]], [0.9, 0.8]))
    assert len(found.scores) == count  # 0.1 of a side of 0.5


def test_nothing_is_merged_to_nothing() -> None:
    found = merge_detections(Detections(np.zeros((0, 4)), np.zeros((0, 4, 2)), np.zeros(0)))
    assert found.points.shape == (0, 4, 2)


def test_a_portrait_image_stands_in_the_middle_of_the_square() -> None:
    pytest.importorskip("av")
    image = np.full((640, 360, 3), 255, dtype=np.uint8)
    square, scale, shift = fit_into_square(image)
    assert square.shape == (224, 224, 3)
    np.testing.assert_allclose(square[:, 49:175], 1, atol=0.02)
    assert (square[:, :49] == -1).all()
    assert (square[:, 175:] == -1).all()
    np.testing.assert_allclose((np.array([[49, 0], [175, 224]]) - shift) * scale, [[0, 0], [360, 640]])


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (224, 224), (500, 300)])
def test_a_person_is_found_where_a_spot_of_their_color_is(size: tuple[int, int]) -> None:
    """A network of which the hips are the red spot in the square, and the rim 56 pixels above."""
    pytest.importorskip("av")
    pytest.importorskip("onnxruntime")
    width, height = size
    x, y = round(0.3 * width), round(0.7 * height)
    image = np.zeros((height, width, 3), np.uint8)
    image[y - 9 : y + 10, x - 9 : x + 10] = 255, 40, 0

    class Spot:
        def run(self, _names: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            (square,) = inputs["image"]
            assert square.dtype == np.float32
            rows, columns = np.nonzero((square[..., 0] > 0.6) & (square[..., 1] < -0.2) & (square[..., 2] < -0.6))
            hips = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) - 224 * detector.anchors[0]
            found = np.zeros((1, len(detector.anchors), 12), np.float32)
            found[0, 0, 2:8] = 20, 20, *hips, *(hips - (0, 56))
            logits = np.full((1, len(detector.anchors), 1), -20, np.float32)
            logits[0, 0] = 20
            return [found, logits]

    detector = BlazePoseDetector()
    detector.session = Spot()
    (region,) = detector.find(image)
    scale = max(size) / 224
    np.testing.assert_allclose(region.center, [x + 0.5, y + 0.5], atol=0.6 * scale)
    assert region.half_side == pytest.approx(1.25 * 56 * scale, rel=5e-3)
    np.testing.assert_allclose(region.up, [0, -1], atol=1e-6)
