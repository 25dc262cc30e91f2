"""One recording of a table with one line per frame, assembled from blocks of lines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.text_numbers import MISSING_WORDS, is_number
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.frame_numbers import FrameNumbering, is_frame_number
from skeletonmae.formats.frame_times import SECONDS, fps_of_times, frames_of_times, parse_times
from skeletonmae.formats.named_skeletons import named_recording
from skeletonmae.formats.wide_coordinates import MIN_CONFIDENCE, interpret
from skeletonmae.formats.wide_header import WideHeader
from skeletonmae.formats.wide_layout import find_layout
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence

TIME_NAMES = {"seconds": "s", "sec": "s", "timesec": "s", "timeseconds": "s", "ms": "ms", "timems": "ms",
              "timestampms": "ms", "timeus": "us", "timestampus": "us"}  # fmt: skip
"""Name of a column of times -> the unit that it states."""
MAX_EXAMPLES = 5
WORDS = {"tracked": "2", "inferred": "1", "nottracked": "0", "high": "3", "medium": "2", "low": "1", "none": "0",
         "true": "1", "false": "0"}  # fmt: skip
"""Words for how sure a joint is, of Kinect for Windows (TrackingState) and Azure Kinect (confidence level)."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+\s*")


class WideRecording:
    """A recording whose lines come in blocks.

    Args:
        file: The file, for messages.
        name: Name of the recording.
        header: What the columns hold.
    """

    def __init__(self, file: InputFile, name: str, header: WideHeader) -> None:
        self.file, self.name, self.header = file, name, header
        joints = header.joints
        self._axes = header.axes
        self._axis_columns = [[header.columns.get((joint, axis)) for axis in self._axes] for joint in joints]
        self._confidences = [
            (index, MIN_CONFIDENCE[kind], column)
            for index, joint in enumerate(joints)
            for kind, column in header.confidences(joint)
        ]
        self._lines: list[np.ndarray] = []
        self._positions: list[np.ndarray] = []
        self._roles: dict[str, list[np.ndarray]] = defaultdict(list)
        self._is_clock = False
        self._persons: list[str] = []
        self._texts: dict[str, set[str]] = defaultdict(set)

    def add(self, line_numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Add lines.

        Raises:
            InputError: A cell is not a number.
        """
        lines = np.array(line_numbers)
        columns = list(zip(*rows, strict=True))
        shape = (len(rows), len(self._axis_columns), len(self._axes))
        positions = np.full(shape, np.nan)
        for joint, axis_columns in enumerate(self._axis_columns):
            for axis, column in enumerate(axis_columns):
                if column is not None:
                    positions[:, joint, axis] = self._numbers(columns[column], lines)
        for joint, minimum, column in self._confidences:
            confidence = self._numbers(columns[column], lines, WORDS)
            is_low = confidence < minimum if minimum else confidence <= 0
            positions[is_low, joint] = np.nan
        with np.errstate(over="ignore"):
            self._positions.append(positions.astype(np.float32))
        self._lines.append(lines)
        for role in ("frame", "fps"):
            if role in self.header.roles:
                self._roles[role].append(self._numbers(columns[self.header.roles[role]], lines))
        if "time" in self.header.roles:
            times, is_clock = parse_times(columns[self.header.roles["time"]])
            self._is_clock |= is_clock
            self._roles["time"].append(times)
        if "person" in self.header.roles:
            self._persons += [cell.strip() for cell in columns[self.header.roles["person"]]]
        if "label" in self.header.roles:
            self._keep("label", columns[self.header.roles["label"]])
        for name, column in self.header.tags.items():
            self._keep(f"tag {name}", columns[column])

    def _keep(self, key: str, cells: Sequence[str]) -> None:
        values = self._texts[key] | {cell.strip() for cell in set(cells)} - {""}
        self._texts[key] = set(sorted(values)[:MAX_EXAMPLES])  # more than one is enough to know

    def sequence(self, options: ReadOptions) -> SkeletonSequence:
        """Assemble the recording.

        Raises:
            InputError: A frame is duplicated, a frame number is invalid or far too large, or labels differ.
        """
        label = self._label()
        lines, positions = np.concatenate(self._lines), np.concatenate(self._positions)
        person, num_persons = self._person_index()
        numbers, gaps = self._frame_numbers(lines, num_persons)
        numbering = FrameNumbering.of(numbers)
        frame = numbering.index(numbers)
        person, num_persons = self._distinct(lines, person, num_persons, frame)
        skeleton, raw_names, joint_order, notes = find_layout(self.file, self.header, positions, options.layout)
        shape = (num_persons, int(frame.max()) + 1, len(raw_names))
        check_density(f"{self.file.path}, line {lines[frame.argmax()]}", shape, positions[..., 0].size)
        placed = np.full((*shape, positions.shape[-1]), np.nan, dtype=np.float32)
        placed[person[:, None], frame[:, None], joint_order] = positions
        placed[~np.isfinite(placed).all(-1)] = np.nan
        coordinates = interpret(placed, skeleton, raw_names, self.header.unit, options)
        tags, left_out = self._tags()
        if left_out:
            notes = (*notes, f"columns that were left out: {', '.join(left_out)}")
        sequence = named_recording(
            self.file,
            skeleton,
            raw_names,
            coordinates.positions,
            options,
            name=self.name,
            unit=coordinates.unit,
            fps=self._fps(frame, numbering),
            notes=(
                self.header.describe(),
                *self.header.notes,
                *notes,
                *coordinates.notes,
                *numbering.notes,
                *gaps,
            ),
        )
        return replace(sequence, label=label, tags=tags)

    def _numbers(
        self, cells: Sequence[str], lines: np.ndarray, words: Mapping[str, str] | None = None
    ) -> np.ndarray:
        """A column as float64, NaN where a cell is empty; some words may stand for numbers."""
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            texts = ["nan" if cell.strip().lower() in MISSING_WORDS else cell for cell in cells]
            texts = [text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text for text in texts]
            if words:
                texts = [words.get(re.sub(r"[\W_]", "", text).lower(), text) for text in texts]
            if (row := next((row for row, text in enumerate(texts) if not is_number(text)), None)) is not None:
                where = f"{self.file.path}, line {lines[row]}"
                raise InputError("not a number", where=where, got=texts[row]) from None
            values = np.array(texts, dtype=np.float64)
        return values

    def _label(self) -> str | None:
        labels = sorted(self._texts["label"])
        if len(labels) <= 1:
            return labels[0] if labels else None
        where = f"{self.file.path}, recording {self.name!r}"
        is_still = "frame" not in self.header.roles and "time" not in self.header.roles
        problem = "the lines have different labels" + (
            ": these are labeled images, not frames of a recording" if is_still else ""
        )
        expected = "one label per recording; a column `recording` (or one file each) tells recordings apart"
        raise InputError(problem, where=where, expected=expected, got=", ".join(labels))

    def _person_index(self) -> tuple[np.ndarray, int]:
        count = sum(map(len, self._lines))
        if not self._persons:
            return np.zeros(count, dtype=np.int64), 1
        names = sorted(set(self._persons), key=lambda name: name.zfill(20) if name.isdigit() else name)
        index = {name: number for number, name in enumerate(names)}
        return np.array([index[name] for name in self._persons]), len(names)

    def _frame_numbers(self, lines: np.ndarray, num_persons: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Frame number of each line, and remarks: its column, or else the times or the order of the lines."""
        if "frame" in self._roles:
            numbers = np.concatenate(self._roles["frame"])
            invalid = ~is_frame_number(numbers)
            if invalid.any():
                where = f"{self.file.path}, line {lines[invalid.argmax()]}"
                raise InputError(
                    "a frame number is not a whole number", where=where, got=numbers[invalid.argmax()]
                )
            return numbers.astype(np.int64), ()
        times = np.concatenate(self._roles["time"]) if "time" in self._roles else np.array([np.nan])
        is_known = bool(np.isfinite(times).all())
        if num_persons > 1 and not is_known:
            expected = "a column `frame` or `time` that tells which lines are of the same frame"
            raise InputError("several persons, but no frame numbers", where=self.file.path, expected=expected)
        if num_persons == 1 and not (is_known and (np.diff(times) > 0).all()):
            return np.arange(len(lines)), ()
        return frames_of_times(times)

    def _distinct(
        self, lines: np.ndarray, person: np.ndarray, num_persons: int, frame: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """Persons, of whom those without a name are one for each place in their frame."""
        keys = person * (int(frame.max()) + 1) + frame
        _, first, count = np.unique(keys, return_index=True, return_counts=True)
        if (count == 1).all():
            return person, num_persons
        is_repeated = np.ones(len(keys), dtype=bool)
        is_repeated[first] = False
        unnamed = [not name for name in self._persons] or [False] * len(keys)
        if not np.array(unnamed)[is_repeated].all():
            where = f"{self.file.path}, line {lines[is_repeated][0]}"
            expected = "one line per frame; a column `person` tells persons apart"
            raise InputError("the frame is duplicated", where=where, expected=expected)
        order = np.lexsort((np.arange(len(keys)), keys))
        rank = np.empty(len(keys), dtype=np.int64)
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        rank[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
        distinct: np.ndarray
        names, distinct = np.unique(person * len(keys) + rank, return_inverse=True)
        return distinct, len(names)

    def _tags(self) -> tuple[dict[str, str], list[str]]:
        """Columns of text with one value, and the names of the other columns that hold no joints."""
        tags, left_out = {}, list(self.header.ignored)
        for name in self.header.tags:
            values = self._texts[f"tag {name}"]
            value = next(iter(values), "")
            if len(values) == 1 and not is_number(value):
                tags["_".join(name.lower().split())] = value
            else:
                left_out.append(name)
        return tags, left_out

    def _fps(self, frame: np.ndarray, numbering: FrameNumbering) -> float | None:
        if "fps" in self._roles:
            rates = np.unique(np.concatenate(self._roles["fps"]))
            rates = rates[np.isfinite(rates)]
            return numbering.fps(float(rates[0])) if len(rates) == 1 and rates[0] > 0 else None
        if "time" not in self._roles:
            return None
        units = [TIME_NAMES[self.header.time_name]] if self.header.time_name in TIME_NAMES else list(SECONDS)
        times = np.concatenate(self._roles["time"])
        return fps_of_times(times, frame, ["s"] if self._is_clock else units)
