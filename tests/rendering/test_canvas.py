"""What is drawn covers exactly the pixels that it should."""

from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.rendering.canvas import blank, draw_disc, draw_line, draw_mask, fill_rectangle, rgb

BLACK = (0, 0, 0)


def covered(image: np.ndarray) -> np.ndarray:
    """Share of each pixel that is black."""
    return (255 - image[..., 0].astype(float)) / 255


def at(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_a_disc_has_the_area_of_a_disc_and_smooth_edges() -> None:
    image = blank(40, 40)
    draw_disc(image, at(20.3, 19.6), 9, BLACK)
    share = covered(image)
    assert share.sum() == pytest.approx(np.pi * 81, rel=0.01)
    assert share[20, 20] == 1
    assert share[20, 35] == 0
    assert ((share > 0.1) & (share < 0.9)).sum() > 20


def test_a_line_is_as_wide_in_any_direction() -> None:
    for end in (at(30, 10), at(10, 30), at(26, 26)):
        image = blank(40, 40)
        draw_line(image, at(10, 10), end, 4, BLACK)
        length = np.linalg.norm(end - at(10, 10))
        assert covered(image).sum() == pytest.approx(4 * length + np.pi * 4, rel=0.04)


@pytest.mark.parametrize("end", [at(-50, 5), at(500, 500), at(5, -1e9), at(np.nan, 2), at(np.inf, 2)])
def test_what_is_outside_is_left_out(end: np.ndarray) -> None:
    image = blank(10, 10)
    draw_line(image, at(5, 5), end, 2, BLACK)
    draw_disc(image, end, 3, BLACK)
    fill_rectangle(image, -5, 12, 20, 14, BLACK)
    draw_mask(image, np.full((3, 3), 255, np.uint8), -3, 4, BLACK)
    draw_mask(image, np.full((3, 3), 255, np.uint8), 10, 10, BLACK)
    assert image.shape == (10, 10, 3)
    assert (image[0, :4] == 255).all() or np.isfinite(end).all()


def test_edges_of_rectangles_are_exact() -> None:
    image = blank(6, 4)
    fill_rectangle(image, 1.5, 1, 4, 3.25, BLACK)
    np.testing.assert_allclose(covered(image)[2], [0, 0.5, 1, 1, 0, 0], atol=0.01)
    np.testing.assert_allclose(covered(image)[:, 2], [0, 1, 1, 0.25], atol=0.01)


def test_opacity_mixes_with_what_is_there() -> None:
    image = blank(3, 3, rgb("#ff0000"))
    fill_rectangle(image, 0, 0, 3, 3, rgb("#0000ff"), 0.25)
    assert image[1, 1].tolist() == [191, 0, 64]
    draw_mask(image, np.full((2, 2), 255, np.uint8), 2, 2, (255, 255, 255))
    assert image[2, 2].tolist() == [255, 255, 255]
    assert image[1, 1].tolist() == [191, 0, 64]
