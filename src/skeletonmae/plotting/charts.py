"""Charts of results: confusion matrices, curves and accuracies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Integer, Real

from skeletonmae.errors import InputError
from skeletonmae.plotting.figure import (
    AMBER,
    BLUE,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PINK,
    SKY,
    YELLOW,
    Axes,
    Figure,
    new_figure,
    shorten,
)

LINE_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, YELLOW)
LINE_STYLES = ("-", "--", ":", "-.")
Values: TypeAlias = Sequence[int] | Sequence[float] | Real[np.ndarray, " x"]
MAX_LABEL_LENGTH = 40


def plot_confusion_matrix(
    confusion: Integer[np.ndarray, "true predicted"], classes: Sequence[str], *, title: str = ""
) -> Figure:
    """Plot a confusion matrix: counts as numbers, fractions of the true class as colors, recalls in the margin.

    Cells and font sizes shrink with the number of classes.

    Args:
        confusion: Number of recordings of each true class (row) that were predicted as each class (column).
        classes: Class names, in the order of rows and columns.
        title: Title of the figure.

    Raises:
        InputError: The matrix is not square with one row per class, or matplotlib is not installed.
    """
    num_classes = len(classes)
    if confusion.shape != (num_classes, num_classes) or not num_classes:
        expected = f"({num_classes}, {num_classes}), one row and one column per class"
        raise InputError("the confusion matrix has the wrong shape", expected=expected, got=confusion.shape)
    totals = confusion.sum(1)
    fractions = confusion / np.maximum(totals, 1)[:, None]
    cell_size = float(np.interp(num_classes, [10, 30, 60], [0.5, 0.34, 0.26]))
    digits = len(str(int(confusion.max())))
    count_size = min(9.5, 72 * cell_size / (0.62 * digits + 0.9))
    name_size = min(10.0, 72 * cell_size * 0.6)
    names = [shorten(name, MAX_LABEL_LENGTH) for name in classes]
    margin = max(len(name) for name in names) * name_size * 0.6 / 72 + 0.5
    figure = new_figure(
        max(num_classes * cell_size + margin + 0.8, 3.5), max(num_classes * cell_size + margin + 0.5, 3.0)
    )
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for true, predicted in np.argwhere(confusion).tolist():
        color = "white" if fractions[true, predicted] > 0.55 else INK
        count = f"{confusion[true, predicted]}"
        axes.text(predicted, true, count, size=count_size, color=color, ha="center", va="center")
    for true in range(num_classes):
        recall = f"{fractions[true, true]:.0%}" if totals[true] else "–"
        axes.text(num_classes - 0.3, true, recall, size=name_size * 0.9, color=GRAY, va="center")
    axes.text(num_classes - 0.3, -0.65, "recall", size=name_size * 0.9, color=GRAY, va="bottom")
    axes.set_xticks(range(num_classes), names, rotation=90, parse_math=False)
    axes.set_yticks(range(num_classes), names, parse_math=False)
    axes.tick_params(length=0, labelsize=name_size, labelcolor=INK)
    axes.set_xticks(np.arange(num_classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(num_classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e5e7eb", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted", color=GRAY, size=10)
    axes.set_ylabel("True", color=GRAY, size=10)
    _add_title(axes, title)
    return figure


def plot_curves(
    series: Mapping[str, tuple[Values, Values]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Figure:
    """Plot curves, such as the loss over epochs; values that are not finite leave a gap.

    Args:
        series: Name -> (x, y), of equal length.
        xlabel: Label of the x axis.
        ylabel: Label of the y axis.
        title: Title of the figure.

    Raises:
        InputError: An x and its y differ in length, or matplotlib is not installed.
    """
    figure = new_figure(7.0, 3.6)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    lines = []
    for index, (name, (x, y)) in enumerate(series.items()):
        if len(x) != len(y):
            raise InputError(f"curve {name!r}: x and y differ in length", expected=len(x), got=len(y))
        style = LINE_STYLES[index // len(LINE_COLORS) % len(LINE_STYLES)]
        marker = "o" if len(x) < 2 else "None"
        color = LINE_COLORS[index % len(LINE_COLORS)]
        lines += axes.plot(x, y, color=color, linestyle=style, linewidth=1.8, marker=marker, markersize=5)
    if len(lines) > 1:
        legend = axes.legend(lines, [str(i) for i in range(len(lines))], frameon=False, fontsize=9)
        for text, name in zip(legend.get_texts(), series, strict=True):
            text.set(text=shorten(name, MAX_LABEL_LENGTH), parse_math=False, color=INK)
    axes.set_xlabel(xlabel, color=GRAY, size=10, parse_math=False)
    axes.set_ylabel(ylabel, color=GRAY, size=10, parse_math=False)
    axes.grid(color="#e5e7eb", linewidth=0.7)
    _remove_frame(axes)
    axes.spines["bottom"].set(visible=True, color=PALE)
    axes.margins(x=0.02)
    _add_title(axes, title)
    return figure


def plot_accuracies(
    rows: Sequence[tuple[str, float, float | None]], *, highlight: Collection[str] = (), title: str = ""
) -> Figure:
    """Plot accuracies as horizontal bars from 0 to 100, the first one on top.

    Args:
        rows: (name, mean in percent, standard deviation in percentage points or None for a single run).
        highlight: Names of the bars to highlight; by default all.
        title: Title of the figure.

    Raises:
        InputError: There are no rows, a mean is not in 0..100, or matplotlib is not installed.
    """
    if not rows:
        raise InputError("there is no accuracy to plot")
    for name, mean, _ in rows:
        if not 0 <= mean <= 100:
            raise InputError(f"accuracy of {name!r}", expected="percent, 0 to 100", got=mean)
    figure = new_figure(7.0, 0.75 + 0.36 * len(rows) + 0.35 * bool(title))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    names, means, deviations = zip(*rows, strict=True)
    colors = [BLUE if not highlight or name in highlight else "#9aa3af" for name in names]
    bars = range(len(rows))
    axes.barh(bars, means, color=colors, height=0.68)
    for bar, mean, deviation in zip(bars, means, deviations, strict=True):
        if deviation is not None:
            axes.errorbar(mean, bar, xerr=deviation, color=INK, linewidth=1.2, capsize=3)
        value = f"{mean:.1f}" + (f" ± {deviation:.1f}" if deviation is not None else "")
        axes.text(mean + (deviation or 0) + 1.2, bar, value, size=9.5, color=INK, va="center")
    axes.set_yticks(bars, [shorten(name, MAX_LABEL_LENGTH) for name in names], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %", color=GRAY, size=10)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    _remove_frame(axes)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=10)
    _add_title(axes, title)
    return figure


def _remove_frame(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=GRAY)


def _add_title(axes: Axes, title: str) -> None:
    if title:
        axes.set_title(shorten(title, 90), loc="left", size=12, weight="bold", color=INK, parse_math=False)
