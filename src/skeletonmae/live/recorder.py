"""Keep what a camera saw: poses as tables that every command reads, and answers as JSON Lines. No images.

A camera gives frames at irregular times, and some are dropped. The tables have frames at regular times instead,
between which poses are interpolated, from frame 0 at the time of the first frame of the camera. Each frame has a
line, also when nobody is there, so that frame i of the recording that is read is i / fps seconds after the start,
as in the answers.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.files import name_full_disk
from skeletonmae.inference.stream import Decision
from skeletonmae.live.recognizer import LivePerson, LiveResult
from skeletonmae.pose.time_grid import SAME_TIME, interpolate
from skeletonmae.skeletons import LAYOUTS, Skeleton

POSES_2D, POSES_3D, ANSWERS = "poses_2d.csv", "poses_3d.csv", "answers.jsonl"
FPS = 30.0
"""Frames per second of the tables, if the source states none."""
FLUSH_SECONDS = 1.0
"""What is lost at most if the machine stops."""


class Recorder:
    """Writes while frames come, so that an end at any moment leaves complete lines.

    Args:
        folder: A new or empty folder.
        skeleton: Layout of the poses.
        has_depth: Whether there are 3D poses too.
        fps: Frames per second of the tables.

    Raises:
        InputError: The folder has files in it.
    """

    def __init__(self, folder: Path, skeleton: Skeleton, has_depth: bool, fps: float = FPS) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            problem = "the folder of a recording must be new or empty"
            raise InputError(problem, where=folder, expected="another --record FOLDER")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.skeleton = folder, skeleton
        self.fps = float(f"{fps:.6g}")  # as the tables state it
        self.num_frames = self.num_answers = 0
        self._last: dict[int, LivePerson] = {}
        self._last_time: float | None = None
        self._num_persons = 0
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
        """Write the poses until a frame of the camera, and the answers that are over.

        Args:
            result: What is known after the frame.
        """
        time = result.frame.time
        persons = {person.number: person for person in result.persons}
        with name_full_disk(self.folder):
            while self.num_frames / self.fps <= time + SAME_TIME / self.fps:
                self._add_frame(self.num_frames, persons, time)
                self.num_frames += 1
            self.add_answers(result.ended, time)
            if time - self._last_flush >= FLUSH_SECONDS:
                self._last_flush = time
                for file in (self._flat, self._deep, self._answers):
                    if file:
                        file.flush()
        self._last, self._last_time = persons, time

    def add_answers(self, answers: Iterable[Decision], time: float) -> None:
        """Write answers that are over.

        Args:
            answers: The answers.
            time: When they ended, in seconds.
        """
        for answer in answers:
            self.num_answers += 1
            start, end = answer.time - answer.latency, max(time, answer.time + 0.001)
            line = {
                "person": answer.person,
                "label": answer.label,
                "probability": round(answer.probability, 4),
                "start": round(start * self.fps),
                "end": max(round(end * self.fps), round(start * self.fps) + 1),
                "start_s": round(start, 3),
                "answered_s": round(answer.time, 3),
                "end_s": round(end, 3),
                "latency_s": round(answer.latency, 3),
            }
            self._answers.write(json.dumps(line) + "\n")

    def _open(self, name: str) -> TextIO:
        return self._files.enter_context((self.folder / name).open("w", encoding="utf-8", newline=""))

    def _table(self, name: str, axes: str) -> TextIO:
        file = self._open(name)
        csv.writer(file, lineterminator="\n").writerow(
            ["frame", "person", "joint", *axes, "confidence", *(["layout"] if self._layout else []), "unit", "fps"]
        )
        return file

    def _add_frame(self, number: int, persons: Mapping[int, LivePerson], time: float) -> None:
        """Write a frame of the tables, between the last frame of the camera and one at `time`."""
        last_time = time - 1 / self.fps if self._last_time is None else self._last_time
        is_empty = True
        for person in sorted(self._last.keys() | persons.keys()):
            found = self._between(self._last.get(person), persons.get(person), (last_time, time), number)
            # A person who was never observed at a regular time has a line too: readers count the persons.
            if found is not None or person >= self._num_persons:
                self._write(number, person, found)
                is_empty = False
            self._num_persons = max(self._num_persons, person + 1)
        if is_empty:
            self._write(number, 0, None)

    def _between(
        self, before: LivePerson | None, after: LivePerson | None, times: tuple[float, float], number: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Pixels, confidence and meters of a person in a frame, `(joint, 6)`, and which joints were observed.

        Returns:
            None if none was.
        """
        values = np.zeros((2, self.skeleton.num_joints, 6))
        observed = np.zeros(values.shape[:2], dtype=bool)
        for row, person in enumerate((before, after)):
            if person is not None:
                values[row, :, :2], values[row, :, 2] = person.points, person.confidence
                if person.world is not None:
                    values[row, :, 3:] = person.world
                observed[row] = person.observed
        mixed, seen = interpolate(values, observed, np.array(times), np.array([number / self.fps]))
        return (mixed[0], seen[0]) if seen.any() else None

    def _write(self, number: int, person: int, found: tuple[np.ndarray, np.ndarray] | None) -> None:
        """Write a line for each joint that was observed, or one without coordinates if none was."""
        layout = f",{self._layout}" if self._layout else ""
        for file, columns, digits, unit in ((self._flat, slice(0, 2), 2, "px"), (self._deep, slice(3, 6), 4, "m")):
            if file is None:
                continue
            start, end = f"{number},{person}", f"{layout},{unit},{self.fps:.6g}\n"
            if found is None:
                num_axes = columns.stop - columns.start
                file.write(f"{start},{self.skeleton.joints[0]}{',' * (num_axes + 1)}0{end}")
                continue
            values, seen = found
            for joint in np.flatnonzero(seen).tolist():
                place = ",".join(f"{value:.{digits}f}" for value in values[joint, columns])
                file.write(f"{start},{self.skeleton.joints[joint]},{place},{values[joint, 2]:.3f}{end}")
