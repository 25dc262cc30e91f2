"""Make docs/images/answers.png: `python docs/make_answers_picture.py`.

A classifier is fitted to 24 synthetic clips of each of four actions, with the shipped encoder, and predicts
three new clips of these actions and one of another action. A minute on one core.
"""

from __future__ import annotations

from pathlib import Path

from skeletonmae.datasets.synthetic.generate import CLASSES, record
from skeletonmae.inference import FitConfig, fit_classifier
from skeletonmae.plotting import save_figure
from skeletonmae.plotting.figure import GRAY, GREEN, INK, ORANGE, new_figure
from skeletonmae.plotting.filmstrip_layout import Filmstrip
from skeletonmae.plotting.skeletons import plot_skeletons, project
from skeletonmae.sequences import SkeletonSequence

IMAGE = Path(__file__).parent / "images" / "answers.png"
KNOWN = ("kick", "wave", "squat", "walk")
OTHER = "bow"
NUM_TRAINING, NUM_FRAMES = 24, 9
ROW_HEIGHT, NAME_WIDTH, STRIP_WIDTH = 1.35, 2.6, 8.2
"""Inches."""


def clips(label: str, start: int, number: int) -> list[SkeletonSequence]:
    """Return the recordings number `start` and following of a class."""
    index = CLASSES.index(label)
    return [record(index + len(CLASSES) * repeat, seed=7) for repeat in range(start, start + number)]


def main() -> None:
    """Fit, predict and draw."""
    training = [clip for label in KNOWN for clip in clips(label, 0, NUM_TRAINING)]
    classifier, _ = fit_classifier(training, FitConfig())
    new = [clips(label, NUM_TRAINING, 1)[0] for label in (*KNOWN[:3], OTHER)]
    predictions = classifier.predict(new, top=1)
    figure = new_figure(NAME_WIDTH + STRIP_WIDTH, ROW_HEIGHT * len(new))
    for row, (clip, prediction) in enumerate(zip(new, predictions, strict=True)):
        axes = figure.add_axes(
            (
                NAME_WIDTH / (NAME_WIDTH + STRIP_WIDTH),
                1 - (row + 1) / len(new),
                STRIP_WIDTH / (NAME_WIDTH + STRIP_WIDTH),
                1 / len(new),
            )
        )
        points = project(clip.positions[:1], 25.0)
        strip = Filmstrip.from_points(points, clip.observed[:1], NUM_FRAMES)
        plot_skeletons(
            axes,
            strip.arrange(points[0]),
            clip.observed[0][strip.frames],
            clip.skeleton,
            joint_area=4,
            bone_width=1.8,
        )
        left = strip.center - strip.cell_width / 2
        axes.set_xlim(left, left + strip.cell_width * len(strip.frames))
        axes.set_ylim(strip.bottom, strip.bottom + strip.height)
        axes.set_aspect("equal", anchor="W")
        axes.axis("off")
        name, probability = prediction.classes[0]
        middle = 1 - (row + 0.5) / len(new)
        answer, note = (
            ("unknown", f"nothing like the {len(training)} clips")
            if prediction.unknown
            else (name, f"{probability:.0%}")
        )
        color = ORANGE if prediction.unknown else GREEN
        figure.text(0.02, middle + 0.02, answer, color=color, fontsize=17, fontweight="bold", va="center")
        figure.text(0.02, middle - 0.055, note, color=INK, fontsize=11, va="center")
        figure.text(0.02, middle - 0.095, f"true: {clip.label}", color=GRAY, fontsize=9, va="center")
    save_figure(figure, IMAGE)


if __name__ == "__main__":
    main()
