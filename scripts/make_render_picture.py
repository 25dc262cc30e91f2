"""Make docs/images/render.gif: `python scripts/make_render_picture.py`. A minute on one core.

A classifier is fitted to synthetic clips of six actions. Two other synthetic persons do three of them in a row.
`skeletonmae render` finds the actions of each person in the recording and draws it:

    skeletonmae render two_persons.csv --classifier classifier.safetensors --out render.gif --size 440x300

It is an example in which all answers are right, and was chosen for that.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skeletonmae.cli import main as skeletonmae
from skeletonmae.datasets.synthetic.generate import CLASSES, FPS, perform, record
from skeletonmae.datasets.synthetic.people import Person
from skeletonmae.inference import FitConfig, fit_classifier
from skeletonmae.skeletons import NTU25

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "render.gif"
KNOWN = ("kick", "squat", "stretch", "throw", "walk", "wave")
NUM_TRAINING, TRAINING_SEED = 16, 7
SCRIPTS = (("squat", "kick", "wave"), ("kick", "throw", "walk"))
"""What each person does."""
SEEDS = (1, 3)
"""Of each person."""
APART = 1.7
"""Meters between both."""
BLEND = 12
"""Frames from one action to the next."""
NUM_FRAMES = 300


def act(labels: Sequence[str], person: Person, rng: np.random.Generator) -> np.ndarray:
    """Return actions in a row, `(frame, joint, axis)`: each begins where the one before it ended."""
    parts: list[np.ndarray] = []
    for label in labels:
        clip = perform(label, person, rng)[0]
        if parts:
            last = parts[-1][-1]
            clip = clip + (last[0] - clip[0, 0]) * (1, 0, 1)
            share = np.linspace(0, 1, BLEND + 2)[1:-1, None, None]
            share = share * share * (3 - 2 * share)
            parts.append(last * (1 - share) + clip[0] * share)
        parts.append(clip)
    return np.concatenate(parts)


def two_persons() -> np.ndarray:
    """Return both persons side by side, `(person, frame, joint, axis)`; who is done stands still."""
    tracks = []
    for number, (labels, seed) in enumerate(zip(SCRIPTS, SEEDS, strict=True)):
        rng = np.random.default_rng([seed, number])
        track = act(labels, Person.random(rng), rng)[:NUM_FRAMES]
        print(f"person {number}: {', '.join(labels)}; {len(track)} frames")
        tracks.append(np.concatenate([track, np.repeat(track[-1:], NUM_FRAMES - len(track), 0)]))
    return np.stack(tracks) + [[[[-APART * number, 0, 2.5]]] for number in range(len(tracks))]


def write(path: Path, positions: np.ndarray) -> None:
    """Write a table with a line for each joint."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "person", "joint", "x", "y", "z", "layout", "fps"])
        for person, track in enumerate(positions):
            for frame, pose in enumerate(track):
                for joint, place in zip(NTU25.joints, np.round(pose, 4).tolist(), strict=True):
                    writer.writerow([frame, person, joint, *place, NTU25.name, FPS])


def main() -> None:
    """Fit, write the recording, and render it."""
    indices = [CLASSES.index(label) + len(CLASSES) * repeat for label in KNOWN for repeat in range(NUM_TRAINING)]
    classifier, _ = fit_classifier(
        [record(index, TRAINING_SEED) for index in indices], FitConfig(features="encoder"), measure=False
    )
    with tempfile.TemporaryDirectory() as folder:
        path, recording = Path(folder) / "classifier.safetensors", Path(folder) / "two_persons.csv"
        classifier.save(path)
        write(recording, two_persons())
        status = skeletonmae(
            ["render", str(recording), "--classifier", str(path), "--out", str(IMAGE), "--size", "440x300"]
        )
    if status:
        raise SystemExit(f"render ended with exit status {status}")


if __name__ == "__main__":
    main()
