from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.plotting import figure_to_png, plot_accuracies, plot_confusion_matrix, plot_curves

pytest.importorskip("matplotlib")

CONFUSION = np.array([[8, 2, 0], [0, 5, 15], [0, 0, 0]])
HOSTILE = ("a $\\frac", "_hidden", "<script>")


def test_counts_are_in_their_cells_and_shares_are_the_colour() -> None:
    axes = plot_confusion_matrix(CONFUSION, ["a", "b", "c"]).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert {place: n for place, n in written.items() if n.isdigit()} == {
        (0, 0): "8", (1, 0): "2", (1, 1): "5", (2, 1): "15",
    }  # fmt: skip
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, [[0.8, 0.2, 0], [0, 0.25, 0.75], [0, 0, 0]])
    assert [text.get_text() for text in axes.texts if text.get_position()[0] > 2] == [
        "80%",
        "25%",
        "–",
        "recall",
    ]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]


@pytest.mark.parametrize("num", [1, 2, 10, 27, 60])
def test_letters_fit_their_cells_and_nothing_is_cut_off(num: int) -> None:
    confusion = np.diag(np.full(num, 888))
    figure = plot_confusion_matrix(confusion, [f"a long name of an action {i}" for i in range(num)], title="T")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    cell = np.ptp(axes.transData.transform([(0, 0), (1, 1)]), axis=0)
    widest = max(text.get_window_extent().width for text in axes.texts if text.get_text() == "888")
    assert widest < cell[0]
    heights = [label.get_window_extent().height for label in axes.get_yticklabels()]
    assert max(heights) < cell[1] * 1.05
    inside, outside = figure.get_tightbbox(), figure.get_size_inches()
    assert inside.x0 >= -0.02
    assert inside.y0 >= -0.02
    assert inside.x1 <= outside[0] + 0.02
    assert inside.y1 <= outside[1] + 0.02


@pytest.mark.parametrize("shape", [(2, 3), (2, 2), (0, 0)])
def test_confusion_of_another_size_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="wrong shape"):
        plot_confusion_matrix(np.zeros(shape, dtype=int), ["a", "b", "c"] if shape != (0, 0) else [])


def test_curves_are_the_given_points() -> None:
    figure = plot_curves(
        {"loss": ([0, 1, 2], [3.0, np.nan, 1.0]), "_b $": (np.arange(2), np.arange(2.0))}, xlabel="epoch"
    )
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 3], [1, np.nan], [2, 1]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "_b $"]
    assert axes.get_xlabel() == "epoch"


def test_many_curves_differ_in_colour_or_style() -> None:
    figure = plot_curves({str(i): ([0, 1], [i, i]) for i in range(20)})
    lines = figure.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


def test_a_curve_needs_an_x_for_every_y() -> None:
    with pytest.raises(InputError, match="curve 'loss'"):
        plot_curves({"loss": ([0, 1], [1.0])})


def test_bars_have_the_given_lengths_first_on_top() -> None:
    figure = plot_accuracies([("pre-trained", 75.4, 1.2), ("scratch", 63.7, None)], highlight=["pre-trained"])
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [75.4, 63.7]
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()
    assert axes.yaxis_inverted()
    assert axes.get_xlim() == (0, 100)
    assert [text.get_text() for text in axes.texts] == ["75.4 ± 1.2", "63.7"]
    (whisker,) = axes.collections[0].get_segments()
    np.testing.assert_allclose(whisker, [[74.2, 0], [76.6, 0]])


@pytest.mark.parametrize("mean", [-1.0, 101.0, float("nan")])
def test_accuracies_are_percent(mean: float) -> None:
    with pytest.raises(InputError, match="percent"):
        plot_accuracies([("linear", mean, None)])


def test_no_accuracy_is_an_error() -> None:
    with pytest.raises(InputError, match="no accuracy"):
        plot_accuracies([])


def test_hostile_names_are_only_text() -> None:
    assert figure_to_png(plot_confusion_matrix(CONFUSION, HOSTILE, title="$\\x"))
    assert figure_to_png(plot_curves({name: ([0], [1]) for name in HOSTILE}, xlabel="$\\x", title="$\\x"))
    assert figure_to_png(plot_accuracies([(name, 50.0, 1.0) for name in HOSTILE], title="$\\x"))
