"""Charts of results: a confusion matrix, curves over time, accuracies side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Integer, Real

from skeletonmae.errors import InputError
from skeletonmae.report.figure import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
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

LINES = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, YELLOW)
STYLES = ("-", "--", ":", "-.")
Values: TypeAlias = Sequence[int] | Sequence[float] | Real[np.ndarray, " x"]
LABEL = 34  # characters of a name, at most


def picture_confusion(
    confusion: Integer[np.ndarray, "true predicted"], classes: Sequence[str], *, title: str = ""
) -> Figure:
    """Which class was taken for which: counts in the cells, the share of the true class as colour.

    The right margin gives each class's recall. Cells and letters shrink as classes grow in number.

    Args:
        confusion: how many recordings of each true class were given each class.
        classes: their names, in the order of both axes.
        title: over the picture.

    Raises:
        InputError: the matrix is not square with one row a class, or matplotlib is not installed.
    """
    num = len(classes)
    if confusion.shape != (num, num) or not num:
        expected = f"({num}, {num}), one row and column a class"
        raise InputError("the confusion matrix has the wrong shape", expected=expected, got=confusion.shape)
    totals = confusion.sum(1)
    shares = confusion / np.maximum(totals, 1)[:, None]
    cell = float(np.interp(num, [10, 30, 60], [0.5, 0.34, 0.26]))
    digits = len(str(int(confusion.max())))
    size = min(9.5, 72 * cell / (0.62 * digits + 0.9))
    letters = min(10.0, 72 * cell * 0.6)
    names = [shorten(name, LABEL) for name in classes]
    margin = max(len(name) for name in names) * letters * 0.6 / 72 + 0.5
    figure = new_figure(max(num * cell + margin + 0.8, 3.5), max(num * cell + margin + 0.5, 3.0))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, predicted in np.argwhere(confusion).tolist():
        colour = "white" if shares[true, predicted] > 0.55 else INK
        count = f"{confusion[true, predicted]}"
        axes.text(predicted, true, count, size=size, color=colour, ha="center", va="center")
    for true in range(num):
        recall = f"{shares[true, true]:.0%}" if totals[true] else "–"
        axes.text(num - 0.3, true, recall, size=letters * 0.9, color=GREY, va="center")
    axes.text(num - 0.3, -0.65, "recall", size=letters * 0.9, color=GREY, va="bottom")
    axes.set_xticks(range(num), names, rotation=90, parse_math=False)
    axes.set_yticks(range(num), names, parse_math=False)
    axes.tick_params(length=0, labelsize=letters, labelcolor=INK)
    axes.set_xticks(np.arange(num + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(num + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e5e7eb", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted", color=GREY, size=10)
    axes.set_ylabel("True", color=GREY, size=10)
    _title(axes, title)
    return figure


def picture_curves(
    series: Mapping[str, tuple[Values, Values]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log: bool = False,
) -> Figure:
    """Lines over one x, such as the loss over the epochs; a value that is not finite leaves a gap.

    Args:
        series: name -> (x, y), of equal length.
        xlabel: what x is.
        ylabel: what y is.
        title: over the picture.
        log: whether y is logarithmic.

    Raises:
        InputError: an x and its y differ in length, or matplotlib is not installed.
    """
    figure = new_figure(7.0, 3.6)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    lines = []
    for place, (name, (x, y)) in enumerate(series.items()):
        if len(x) != len(y):
            raise InputError(f"curve {name!r}: x and y differ in length", expected=len(x), got=len(y))
        style = STYLES[place // len(LINES) % len(STYLES)]
        marker = "o" if len(x) < 2 else "None"
        colour = LINES[place % len(LINES)]
        lines += axes.plot(x, y, color=colour, linestyle=style, linewidth=1.8, marker=marker, markersize=5)
    if log:
        axes.set_yscale("log")
    if len(lines) > 1:
        legend = axes.legend(lines, [str(i) for i in range(len(lines))], frameon=False, fontsize=9)
        for text, name in zip(legend.get_texts(), series, strict=True):
            text.set(text=shorten(name, LABEL), parse_math=False, color=INK)
    axes.set_xlabel(xlabel, color=GREY, size=10, parse_math=False)
    axes.set_ylabel(ylabel, color=GREY, size=10, parse_math=False)
    axes.grid(color="#e5e7eb", linewidth=0.7)
    _plain(axes)
    axes.spines["bottom"].set(visible=True, color=PALE)
    axes.margins(x=0.02)
    _title(axes, title)
    return figure


def picture_accuracies(
    rows: Sequence[tuple[str, float, float | None]], *, highlight: Collection[str] = (), title: str = ""
) -> Figure:
    """Accuracies as bars from 0 to 100, the first on top, each with its value.

    Args:
        rows: (name, mean in percent, spread in percent points, or None where there was one run).
        highlight: names of the bars to set off from the others; all if none is named.
        title: over the picture.

    Raises:
        InputError: there is no row, a mean is not in 0..100, or matplotlib is not installed.
    """
    if not rows:
        raise InputError("there is no accuracy to draw")
    for name, mean, _ in rows:
        if not 0 <= mean <= 100:
            raise InputError(f"accuracy of {name!r}", expected="percent, 0 to 100", got=mean)
    figure = new_figure(7.0, 0.75 + 0.36 * len(rows) + 0.35 * bool(title))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    names, means, spreads = zip(*rows, strict=True)
    colours = [BLUE if not highlight or name in highlight else "#9aa3af" for name in names]
    places = range(len(rows))
    axes.barh(places, means, color=colours, height=0.68)
    for place, mean, spread in zip(places, means, spreads, strict=True):
        if spread is not None:
            axes.errorbar(mean, place, xerr=spread, color=INK, linewidth=1.2, capsize=3)
        value = f"{mean:.1f}" + (f" ± {spread:.1f}" if spread is not None else "")
        axes.text(mean + (spread or 0) + 1.2, place, value, size=9.5, color=INK, va="center")
    axes.set_yticks(places, [shorten(name, LABEL) for name in names], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %", color=GREY, size=10)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    _plain(axes)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=10)
    _title(axes, title)
    return figure


def _plain(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=GREY)


def _title(axes: Axes, title: str) -> None:
    if title:
        axes.set_title(shorten(title, 90), loc="left", size=12, weight="bold", color=INK, parse_math=False)
