"""Landmarks moved to where their heat map has its weight."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

REACH = 3
"""Cells on each side of the landmark that count."""
MIN_PEAK = 0.5
"""Probability that a cell must have for the landmark to be moved."""


def refine_landmarks(
    points: Float32[np.ndarray, "landmark 2"], heatmap: Float32[np.ndarray, "row column landmark"]
) -> Float32[np.ndarray, "landmark 2"]:
    """Return each landmark as the mean of the cells around it, weighted by their probabilities.

    A landmark stays where it is if it is outside the heat map, or if no cell in the 7 x 7 around it has a
    probability of at least `MIN_PEAK` (MediaPipe's `refine_landmarks_from_heatmap_calculator.cc`).

    Args:
        points: x, y from 0 to 1.
        heatmap: Logits.
    """
    rows, columns, num_landmarks = heatmap.shape
    size = np.array([columns, rows])
    cell = np.floor(np.nan_to_num(points, nan=-1.0) * size).clip(-1, size).astype(np.int64)
    is_inside = ((cell >= 0) & (cell < size)).all(1)
    offsets = np.arange(-REACH, REACH + 1)
    column, row = cell[:, :1] + offsets, cell[:, 1:] + offsets  # (landmark, 7)
    is_cell = ((row >= 0) & (row < rows))[:, :, None] & ((column >= 0) & (column < columns))[:, None]
    landmark = np.arange(num_landmarks)[:, None, None]
    logits = heatmap[row.clip(0, rows - 1)[:, :, None], column.clip(0, columns - 1)[:, None], landmark]
    weight = np.where(is_cell, 1 / (1 + np.exp(-logits.clip(-80, 80))), 0)
    total = weight.sum((1, 2))
    mean_column = (weight.sum(1) * column).sum(1)
    mean_row = (weight.sum(2) * row).sum(1)
    is_moved = is_inside & (weight.max((1, 2)) >= MIN_PEAK)
    mean = np.stack([mean_column, mean_row], 1) / np.where(total > 0, total, 1)[:, None] / size
    return np.where(is_moved[:, None], mean, points).astype(np.float32)
