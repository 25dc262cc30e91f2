"""What is drawn is read back from the artists of the figure and compared with what was given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.plotting import (
    figure_to_png,
    new_figure,
    plot_reconstruction,
    plot_recording,
    plot_skeletons,
    project,
)
from skeletonmae.plotting.figure import GREEN
from skeletonmae.plotting.skeletons import PERSON_COLORS
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS, NTU25, Skeleton

pytest.importorskip("matplotlib")
FRAMES = 12


def motion(skeleton: Skeleton = NTU25, axes: int = 3) -> np.ndarray:
    """Joints that are all apart, and walk to the right."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 1, (1, skeleton.num_joints, axes)) + np.zeros((FRAMES, 1, 1))
    positions[:, :, 0] += np.linspace(0, 3, FRAMES)[:, None]
    return positions.astype(np.float32)


def dots(axes: Any, colors: tuple[str, ...] | None = None) -> np.ndarray:
    """Filled joints, frame by frame in joint order; of the given colours only, if given."""
    from matplotlib.colors import to_rgba

    found = []
    for scatter in axes.collections:
        points, faces = np.asarray(scatter.get_offsets()), scatter.get_facecolor()
        if type(scatter).__name__ == "PathCollection" and len(points) and len(faces):
            wanted = [to_rgba(c) for c in colors] if colors else list(faces)
            found.append(points[[any(np.allclose(f, w) for w in wanted) for f in faces]])
    return np.concatenate(found) if found else np.zeros((0, 2))


def bones(axes: Any) -> np.ndarray:
    lines = [c.get_segments() for c in axes.collections if type(c).__name__ == "LineCollection"]
    return np.array([segment for collection in lines for segment in collection]).reshape(-1, 2, 2)


def test_paper_is_x_right_and_y_up() -> None:
    body = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(project(body, azimuth=0.0), [[-1, 2]], err_msg="x is to the camera's left")
    np.testing.assert_allclose(project(body, azimuth=90.0), [[-3, 2]], atol=1e-12)
    np.testing.assert_allclose(project(body[:, :2]), [[1, -2]], err_msg="an image's y points down")


def test_drawn_joints_and_bones_are_the_given_ones() -> None:
    axes = new_figure(3.0, 3.0).add_subplot()
    points = project(motion()[:1])
    plot_skeletons(axes, points, np.ones((1, 25), dtype=bool), NTU25)
    np.testing.assert_allclose(dots(axes), points[0], rtol=1e-6)
    at = {joint: points[0, place] for place, joint in enumerate(NTU25.joints)}
    expected = np.array([(at[joint], at[parent]) for joint, parent in NTU25.parents.items()])
    order = [list(NTU25.parents).index(joint) for joint, _ in NTU25.bones]
    np.testing.assert_allclose(bones(axes), expected[order], rtol=1e-6)


def test_sides_have_their_colours() -> None:
    axes = new_figure(3.0, 3.0).add_subplot()
    points = project(motion()[:1])
    plot_skeletons(axes, points, np.ones((1, 25), dtype=bool), NTU25)
    for side, color in zip(("left_", "right_"), PERSON_COLORS[0], strict=False):
        mine = [place for place, joint in enumerate(NTU25.joints) if joint.startswith(side)]
        np.testing.assert_allclose(dots(axes, (color,)), points[0, mine], rtol=1e-6)


def test_a_hidden_joint_is_a_ring_and_an_unobserved_one_is_nothing() -> None:
    axes = new_figure(3.0, 3.0).add_subplot()
    points = project(motion()[:1])
    drawn, hidden = np.ones((1, 25), dtype=bool), np.zeros((1, 25), dtype=bool)
    drawn[0, NTU25.index["left_knee"]] = False
    hidden[0, [NTU25.index["left_knee"], NTU25.index["right_elbow"]]] = True
    plot_skeletons(axes, points, drawn, NTU25, hidden=hidden)
    rings = axes.collections[-1]
    assert len(rings.get_facecolor()) == 0
    np.testing.assert_allclose(rings.get_offsets(), points[0, [NTU25.index["right_elbow"]]], rtol=1e-6)
    assert len(dots(axes)) == 23
    assert len(bones(axes)) == 24 - 4, "each of the two joints has two bones"


@pytest.fixture
def reconstruction_case() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    original = motion()
    observed = rng.random((FRAMES, 25)) < 0.9
    hidden = rng.random((FRAMES, 25)) < 0.7
    reconstructed = original + rng.normal(0, 0.1, original.shape).astype(np.float32)
    return {"original": original, "observed": observed, "hidden": hidden, "reconstructed": reconstructed}


def in_cells(points: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Drawn points relative to the mean of their frame's, which the shift into a cell leaves alone."""
    ends = np.cumsum(flags.sum(1))[:-1]
    return np.concatenate([part - part.mean(0) for part in np.split(points, ends) if len(part)])


def test_three_rows_hold_original_masked_and_reconstructed(reconstruction_case: dict[str, np.ndarray]) -> None:
    figure = plot_reconstruction(
        **reconstruction_case, skeleton=NTU25, num_frames=FRAMES, azimuth=0.0, title="wave"
    )
    top, middle, bottom = figure.axes
    original, observed, hidden, reconstructed = reconstruction_case.values()
    visible, asked = observed & ~hidden, observed & hidden
    for axes, flags in ((top, observed), (middle, visible)):
        drawn = dots(axes)
        assert len(drawn) == flags.sum()
        expected = original[flags][:, :2] * [-1, 1]
        np.testing.assert_allclose(in_cells(drawn, flags), in_cells(expected, flags), atol=1e-5)
    answers = dots(bottom, (GREEN,))
    true = np.where(hidden[..., None], reconstructed, original)[observed][:, :2] * [-1, 1]
    np.testing.assert_allclose(in_cells(answers, observed), in_cells(true, observed), atol=1e-5)
    assert len(dots(bottom, PERSON_COLORS[0])) == visible.sum(), "what was shown covers the green again"
    assert asked.any()
    assert [text.get_text() for text in figure.texts] == ["wave"]
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["Original", "Masked", "Reconstructed"]
    assert middle.texts[1].get_text() == f"{hidden[observed].mean():.0%} hidden"


def test_no_bone_of_a_hidden_joint_in_the_masked_row(reconstruction_case: dict[str, np.ndarray]) -> None:
    figure = plot_reconstruction(**reconstruction_case, skeleton=NTU25, num_frames=FRAMES)
    visible = reconstruction_case["observed"] & ~reconstruction_case["hidden"]
    expected = sum(
        bool(frame[NTU25.index[joint]] and frame[NTU25.index[parent]])
        for frame in visible
        for joint, parent in NTU25.parents.items()
    )
    assert len(bones(figure.axes[1])) == expected > 0


def test_the_reconstruction_is_read_only_where_hidden(reconstruction_case: dict[str, np.ndarray]) -> None:
    known = figure_to_png(plot_reconstruction(**reconstruction_case, skeleton=NTU25))
    reconstruction_case["reconstructed"][~reconstruction_case["hidden"]] = np.nan
    assert figure_to_png(plot_reconstruction(**reconstruction_case, skeleton=NTU25)) == known


def test_a_reconstruction_that_is_not_finite_is_left_out(reconstruction_case: dict[str, np.ndarray]) -> None:
    reconstruction_case["reconstructed"][:] = np.nan
    figure = plot_reconstruction(**reconstruction_case, skeleton=NTU25, num_frames=FRAMES)
    assert (
        len(dots(figure.axes[2], (GREEN,)))
        == (reconstruction_case["observed"] & ~reconstruction_case["hidden"]).sum()
    )


def test_rows_share_one_scale_equal_in_x_and_y(reconstruction_case: dict[str, np.ndarray]) -> None:
    figure = plot_reconstruction(**reconstruction_case, skeleton=NTU25)
    inches = [
        axes.bbox.size / figure.dpi / [np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())] for axes in figure.axes
    ]
    np.testing.assert_allclose(inches, inches[0][0], rtol=1e-6)


def test_every_body_is_inside_its_own_cell() -> None:
    figure = plot_recording(SkeletonSequence.from_positions(motion(), NTU25), num_frames=5)
    (axes,) = figure.axes
    points = dots(axes).reshape(5, 25, 2)
    edges = np.linspace(*axes.get_xlim(), 6)
    assert (points[..., 0].min(1) > edges[:-1]).all()
    assert (points[..., 0].max(1) < edges[1:]).all()
    low, high = axes.get_ylim()
    assert low < points[..., 1].min() < points[..., 1].max() < high


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("axes", [2, 3])
def test_every_layout_is_drawn(skeleton: Skeleton, axes: int) -> None:
    recording = SkeletonSequence.from_positions(motion(skeleton, axes), skeleton)
    figure = plot_recording(recording, num_frames=3)
    assert len(dots(figure.axes[0])) == 3 * skeleton.num_joints


def test_two_persons_keep_their_distance_and_have_their_own_colours() -> None:
    two = np.stack([motion(), motion() + np.float32([2, 0, 0])])
    figure = plot_recording(SkeletonSequence.from_positions(two, NTU25), num_frames=4, azimuth=0.0)
    first, second = (dots(figure.axes[0], colors) for colors in PERSON_COLORS)
    np.testing.assert_allclose(second - first, np.broadcast_to([-2, 0], (100, 2)), atol=1e-5)


@pytest.mark.parametrize(
    ("fps", "names"), [(10.0, ["0.00 s", "0.60 s", "1.10 s"]), (None, ["frame 0", "frame 6", "frame 11"])]
)
def test_frames_are_evenly_spread_and_named(fps: float | None, names: list[str]) -> None:
    figure = plot_recording(SkeletonSequence.from_positions(motion(), NTU25, fps=fps), num_frames=3)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == names


def test_frames_in_which_nothing_was_observed_are_passed_over() -> None:
    observed = np.zeros((FRAMES, 25), dtype=bool)
    observed[[3, 7]] = True
    recording = SkeletonSequence.from_positions(motion(), NTU25, observed=observed)
    labels = plot_recording(recording).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in labels] == ["frame 3", "frame 7"]


@pytest.mark.parametrize("seen", [1, 25])
def test_one_frame_and_one_joint_are_enough(seen: int) -> None:
    observed = np.arange(25)[None] < seen
    recording = SkeletonSequence.from_positions(motion()[:1], NTU25, observed=observed, name="$a$ \\frac")
    figure = plot_recording(recording)
    assert len(dots(figure.axes[0])) == seen
    assert figure_to_png(figure)


def test_nothing_observed_is_an_error() -> None:
    empty = SkeletonSequence.from_positions(np.full((4, 17, 2), np.nan), COCO17)
    with pytest.raises(InputError, match="no frame to plot"):
        plot_recording(empty)


@pytest.mark.parametrize("name", ["observed", "hidden", "reconstructed", "original"])
def test_shapes_must_agree(reconstruction_case: dict[str, np.ndarray], name: str) -> None:
    reconstruction_case[name] = reconstruction_case[name][:, :20]
    with pytest.raises(InputError, match=f"{name} has the wrong shape"):
        plot_reconstruction(**reconstruction_case, skeleton=NTU25)


@pytest.mark.real
def test_real_recording(real_data: Path) -> None:
    file = sorted((real_data / "nw_ucla" / "all_sqe").glob("a01_*.json"))[0]
    positions = np.array(json.loads(file.read_text())["skeletons"], dtype=np.float32)
    figure = plot_recording(SkeletonSequence.from_positions(positions, KINECT20, name=file.stem))
    assert len(dots(figure.axes[0])) == 20 * min(8, len(positions))
    assert figure_to_png(figure)


@pytest.mark.parametrize("all_hidden", [True, False])
def test_everything_or_nothing_hidden(reconstruction_case: dict[str, np.ndarray], all_hidden: bool) -> None:
    reconstruction_case["hidden"][:] = all_hidden
    figure = plot_reconstruction(**reconstruction_case, skeleton=NTU25, num_frames=FRAMES)
    assert len(dots(figure.axes[1])) == (0 if all_hidden else reconstruction_case["observed"].sum())
    assert figure_to_png(figure)
