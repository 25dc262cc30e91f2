"""Keep what a camera saw: poses as tables that every command reads, and answers as JSON Lines. No images."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import name_full_disk
from skeletonmae.inference.stream import Decision
from skeletonmae.live.recognizer import LivePerson, LiveResult
from skeletonmae.skeletons import LAYOUTS, Skeleton

POSES_2D, POSES_3D, ANSWERS = "poses_2d.csv", "poses_3d.csv", "answers.jsonl"
FLUSH_SECONDS = 1.0
"""What is lost at most if the machine stops."""


class Recorder:
    """Writes while frames come, so that an end at any moment leaves complete lines.

    Args:
        folder: A new or empty folder.
        skeleton: Layout of the poses.
        has_depth: Whether there are 3D poses too.

    Raises:
        InputError: The folder has files in it.
    """

    def __init__(self, folder: Path, skeleton: Skeleton, has_depth: bool) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            problem = "the folder of a recording must be new or empty"
            raise InputError(problem, where=folder, expected="another --record FOLDER")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.skeleton = folder, skeleton
        self.num_frames = self.num_answers = 0
        self._layout = skeleton.name if LAYOUTS.get(skeleton.name) == skeleton else ""
        self._last_flush = 0.0
        self._files = ExitStack()
        self._flat = self._table(POSES_2D, "xy")
        self._deep = self._table(POSES_3D, "xyz") if has_depth else None
        self._answers = self._open(ANSWERS)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, result: LiveResult) -> None:
        """Write the poses of a frame, and the answers that are over.

        Args:
            result: What is known after the frame.
        """
        time = result.frame.time
        with name_full_disk(self.folder):
            for person in result.persons:
                self._write(self._flat, time, person, person.points, "px")
                if self._deep and person.world is not None:
                    self._write(self._deep, time, person, person.world, "m")
            self.num_frames += 1
            self.add_answers(result.ended, time)
            if time - self._last_flush >= FLUSH_SECONDS:
                self._last_flush = time
                for file in (self._flat, self._deep, self._answers):
                    if file:
                        file.flush()

    def add_answers(self, answers: Iterable[Decision], time: float) -> None:
        """Write answers that are over.

        Args:
            answers: The answers.
            time: When they ended, in seconds.
        """
        for answer in answers:
            self.num_answers += 1
            line = {
                "person": answer.person,
                "label": answer.label,
                "probability": round(answer.probability, 4),
                "start_s": round(answer.time - answer.latency, 3),
                "answered_s": round(answer.time, 3),
                "end_s": round(max(time, answer.time + 0.001), 3),
                "latency_s": round(answer.latency, 3),
            }
            self._answers.write(json.dumps(line) + "\n")

    def _open(self, name: str) -> TextIO:
        return self._files.enter_context((self.folder / name).open("w", encoding="utf-8", newline=""))

    def _table(self, name: str, axes: str) -> TextIO:
        file = self._open(name)
        csv.writer(file, lineterminator="\n").writerow(
            ["time", "person", "joint", *axes, "confidence", *(["layout"] if self._layout else []), "unit"]
        )
        return file

    def _write(self, file: TextIO, time: float, person: LivePerson, positions: np.ndarray, unit: str) -> None:
        """Write a line for each joint that was observed."""
        digits = 2 if unit == "px" else 4
        end = f",{self._layout},{unit}\n" if self._layout else f",{unit}\n"
        file.writelines(
            f"{time:.4f},{person.number},{self.skeleton.joints[joint]},"
            f"{','.join(f'{value:.{digits}f}' for value in positions[joint])},{person.confidence[joint]:.3f}{end}"
            for joint in np.flatnonzero(person.observed).tolist()
        )
