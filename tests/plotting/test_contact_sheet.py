"""Which recordings are drawn, where, and in which colors, read back from the figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.plotting import figure_to_png, plot_contact_sheets
from skeletonmae.plotting.contact_sheet import MAX_CLASSES, NUM_POSES, POSE_WIDTH, ROW_HEIGHT
from skeletonmae.plotting.skeletons import PERSON_COLORS
from skeletonmae.rendering.canvas import rgb
from skeletonmae.rendering.colors import SIDE_COLORS
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20

pytest.importorskip("matplotlib")
Clips = list[SkeletonSequence]


@pytest.fixture
def clips(make_recording: Callable[..., Any]) -> Clips:
    """Five of each of three classes and two without one."""
    labels = [*("wave", "jump", "bow") * 5, None, None]
    return [make_recording(seed, frames=20, lost=0.0, label=label) for seed, label in enumerate(labels)]


def cells(figure: Any) -> list[str]:
    """Names of the recordings in the cells, row by row; nothing in an empty one."""
    return [axes.texts[0].get_text() if axes.texts else "" for axes in figure.axes]


def words(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.texts]


def bones(axes: Any) -> dict[str, np.ndarray]:
    """Colour -> segments."""
    from matplotlib.colors import to_hex

    out: dict[str, list[np.ndarray]] = {}
    for lines in axes.collections:
        if type(lines).__name__ == "LineCollection" and len(lines.get_segments()) != NUM_POSES - 1:
            for segment, color in zip(lines.get_segments(), lines.get_colors(), strict=True):
                out.setdefault(to_hex(color), []).append(segment)
    return {color: np.array(segments) for color, segments in out.items()}


def test_a_row_a_class_and_the_first_of_each(clips: Clips) -> None:
    (figure,) = plot_contact_sheets(clips, ("bow", "fly"), title="mine")
    assert words(figure) == ["mine", "bow", "wave", "jump", "(no label)"]  # nobody flies
    assert cells(figure) == [
        *("clip 2", "clip 5", "clip 8"), *("clip 0", "clip 3", "clip 6"),
        *("clip 1", "clip 4", "clip 7"), *("clip 15", "clip 16", ""),
    ]  # fmt: skip


def test_of_a_store_those_that_are_spread_over_it(clips: Clips, make_store: Any, tmp_path: Path) -> None:
    (figure,) = plot_contact_sheets(make_store(tmp_path / "store", clips, classes=("wave", "jump", "bow")))
    assert cells(figure)[:3] == ["clip 0", "clip 6", "clip 12"]


def test_sheets_are_bounded_and_alike(make_recording: Callable[..., Any]) -> None:
    made = [make_recording(seed, frames=4, lost=0.0, label=f"class {seed}") for seed in range(2 * MAX_CLASSES + 1)]
    figures = plot_contact_sheets(made, recordings_per_class=1)
    assert [len(figure.axes) for figure in figures] == [9, 8, 8]
    assert words(figures[1])[0] == "(2 of 3)"
    assert [one.label for one in made] == [label for figure in figures for label in words(figure)[1:]]


@pytest.mark.parametrize("axes", [2, 3])
def test_a_body_is_drawn_upright_to_scale_and_in_its_cell(axes: int, make_recording: Callable[..., Any]) -> None:
    one = make_recording(1, frames=40, lost=0.0, label="a", axes=axes)
    shape = one.positions.shape
    seen = np.ones(shape[:3], dtype=bool)
    still = np.broadcast_to(one.positions[:, 20:21], shape)
    moving = still + 500 * np.linspace(0, 1, shape[1])[:, None, None] * np.eye(axes)[0]  # far to the right
    (figure,) = plot_contact_sheets([replace(one, positions=(still + moving).astype(np.float32), observed=seen)])
    drawn = np.concatenate(list(bones(figure.axes[0]).values()))
    assert len(drawn) == NUM_POSES * len(KINECT20.bones)
    assert (drawn >= 0).all()
    assert (drawn <= (NUM_POSES * POSE_WIDTH, ROW_HEIGHT)).all()
    body = (still + moving)[0, 0]
    ends = np.array([[body[KINECT20.index[j]], body[KINECT20.index[p]]] for j, p in KINECT20.bones])[..., :2]
    ends[..., 1] *= 1 if axes == 3 else -1
    lengths = np.sort(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1))
    shown = np.sort(np.linalg.norm(drawn[:, 0] - drawn[:, 1], axis=-1))[::NUM_POSES]
    np.testing.assert_allclose(shown / shown[-1], lengths / lengths[-1], rtol=1e-3)
    rising = np.sort(ends[:, 1, 1] - ends[:, 0, 1]) / lengths[-1]
    np.testing.assert_allclose(
        np.sort(drawn[:, 1, 1] - drawn[:, 0, 1])[::NUM_POSES] / shown[-1], rising, atol=1e-3
    )


def test_two_persons_have_two_colors(make_recording: Callable[..., Any]) -> None:
    one = make_recording(0, persons=2, frames=8, lost=0.0, label="a")
    seen = np.ones(one.observed.shape, dtype=bool)
    (figure,) = plot_contact_sheets([replace(one, observed=seen)])
    found = bones(figure.axes[0])
    for person in (0, 1):
        left, right, _ = (found[color.lower()] for color in PERSON_COLORS[person])
        assert len(left) == len(right) == 8 * NUM_POSES  # four bones of an arm and of a leg
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[::3] == ["person 0, left", "person 1, left"]


def test_sides_have_the_colors_of_rendered_videos() -> None:
    assert tuple(map(rgb, PERSON_COLORS[0])) == tuple(SIDE_COLORS.values())


def test_what_cannot_be_drawn_is_left_out(make_recording: Callable[..., Any]) -> None:
    nobody = make_recording(0, frames=5, lost=1.0, label="a")
    short = make_recording(1, frames=1, lost=0.0, label="a")
    point = replace(short, positions=short.positions * 0, observed=short.observed | True, name="point")
    image = make_recording(2, frames=3, lost=0.0, label="a", skeleton=COCO17, axes=2)
    figures = plot_contact_sheets([nobody, replace(short, observed=short.observed | True), point, image])
    assert cells(figures[0]) == ["clip 1", "point", "clip 2"]
    assert figure_to_png(figures[0]).startswith(b"\x89PNG")
    assert plot_contact_sheets([]) == []


def test_names_cannot_be_formulas_and_are_cut(make_recording: Callable[..., Any]) -> None:
    label = "$\\frac{1}{2$ " + "very " * 40
    made = make_recording(1, frames=4, lost=0.0, label=label, name="$x_{$" * 40)
    (figure,) = plot_contact_sheets([replace(made, observed=made.observed | True)])
    figure_to_png(figure)
    assert all(len(line) <= 25 for line in words(figure)[1].split("\n"))


def test_classes_without_recordings_have_no_sheet(clips: Clips) -> None:
    many = [f"class {number}" for number in range(60)]
    assert len(plot_contact_sheets(clips, many)) == 1
    assert plot_contact_sheets([], many) == []
