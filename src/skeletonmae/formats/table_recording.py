"""One recording of a table with one line per joint, assembled from blocks of lines."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import NUMERIC_COLUMNS, Column, TableBlock
from skeletonmae.formats.decoders.text_numbers import MISSING_WORDS, is_number
from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.frame_numbers import MAX_NUMBER, FrameNumbering, is_frame_number
from skeletonmae.formats.frame_times import SECONDS, fps_of_times, frames_of_times, parse_times
from skeletonmae.formats.joint_names import JointLookup
from skeletonmae.formats.wide_coordinates import interpret
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import MEDIAPIPE33, Skeleton
from skeletonmae.skeletons.derived import abbreviate, suggest

JOINT_COLUMNS = {"recording", "person", "joint", *NUMERIC_COLUMNS}
MIN_SURE = {"visibility": 0.5, "likelihood": 0.6}
"""Column -> value from which a joint is observed, by the defaults of MediaPipe and DeepLabCut."""
"""Columns that differ from line to line. Every other column holds one value per recording."""
SETTINGS = ("label", "layout", "unit", "fps")


class TableRecording:
    """A recording whose lines come in blocks.

    Args:
        path: The file, for messages.
        name: Name of the recording.
        layout: Layout of its joints.
        lookup: Joint name in the file -> index in the layout.
        options: With the unit that the user states, if any.
    """

    def __init__(self, path: Path, name: str, layout: Skeleton, lookup: JointLookup, options: ReadOptions) -> None:
        self.path, self.name, self.layout, self.options = path, name, layout, options
        self._has_visibility = False
        self._lookup = lookup
        self._has_times, self._units = False, tuple(SECONDS)
        self._persons: dict[str, int] = {}
        self._values: dict[str, set[str]] = defaultdict(set)
        self._cells: list[tuple[np.ndarray, ...]] = []
        self._coordinates: list[np.ndarray] = []

    def add(self, block: TableBlock) -> None:
        """Add lines.

        Raises:
            InputError: A cell is invalid.
        """
        columns, line = block.columns, np.array(block.line_numbers)
        other = columns.keys() - JOINT_COLUMNS - (set() if "frame" in columns else {"time"})
        for key in other:
            values = self._values[key] | {str(cell).strip() for cell in set(columns[key])} - {""}
            self._values[key] = set(sorted(values)[:5])  # more than one is enough to know
        numbers = {key: self._numbers(key, columns[key], line) for key in NUMERIC_COLUMNS if key in columns}
        frame = numbers["frame"] if "frame" in numbers else self._times(columns["time"], line)
        if "frame" in numbers and (invalid := ~is_frame_number(frame)).any():
            got = columns["frame"][int(invalid.argmax())]
            is_huge = np.abs(frame[invalid][0]) >= MAX_NUMBER
            problem = "a frame number is far too large" if is_huge else "a frame number is not a whole number"
            expected = "a whole number below 2**53" if is_huge else None
            raise self._error(f"column 'frame': {problem}", line[invalid], got, expected)
        joint = np.fromiter(map(self._lookup.__getitem__, columns["joint"]), np.int64, len(frame))
        if (invalid := joint < 0).any():
            name = str(columns["joint"][int(invalid.argmax())]).strip()
            problem = f"not a joint of {self.layout.name}{suggest(name, self.layout.joints)}"
            raise self._error(problem, line[invalid], name, abbreviate(self.layout.joints))
        names = columns.get("person", ("",) * len(frame))
        person_index = {
            name: self._persons.setdefault(name.strip(), len(self._persons)) for name in dict.fromkeys(names)
        }
        person = np.fromiter(map(person_index.__getitem__, names), np.int64, len(frame))
        coordinates = np.stack([numbers[axis] for axis in "xyz" if axis in numbers], axis=-1).astype(np.float32)
        if "confidence" in numbers:
            coordinates[~(numbers["confidence"] > 0)] = np.nan
        self._has_visibility |= "visibility" in numbers
        for key in MIN_SURE.keys() & numbers.keys():
            coordinates[numbers[key] < MIN_SURE[key]] = np.nan
        self._cells.append((person, frame, joint, line))
        self._coordinates.append(coordinates)

    def sequence(self) -> SkeletonSequence:
        """Assemble the recording.

        Raises:
            InputError: A joint is duplicated, a frame number is far too large, or a setting has several values.
        """
        person, frame, joint, line = map(np.concatenate, zip(*self._cells, strict=True))
        coordinates = np.concatenate(self._coordinates)
        if (
            coordinates.shape[1] == 3
            and np.isnan(coordinates[:, 2]).all()
            and np.isfinite(coordinates[:, :2]).all(-1).any()
        ):
            coordinates = coordinates[:, :2]
        order = sorted(self._persons, key=lambda name: name.zfill(20) if name.isdigit() else name)
        rank = np.argsort([self._persons[name] for name in order])
        times, gaps = frame, tuple[str, ...]()
        if self._has_times:
            frame, gaps = frames_of_times(times)
        numbering = FrameNumbering.of(frame)
        frame_index = numbering.index(frame)
        shape = (len(order), int(frame_index.max()) + 1, self.layout.num_joints)
        check_density(f"{self.path}, line {line[frame.argmax()]}", shape, len(frame))
        cell = np.ravel_multi_index((rank[person], frame_index, joint), shape)
        observed = np.zeros(shape, dtype=bool)
        positions = np.zeros((*shape, coordinates.shape[1]), dtype=np.float32)
        observed.reshape(-1)[cell] = True
        if np.count_nonzero(observed) < len(cell):
            duplicated = np.ones(len(cell), dtype=bool)
            duplicated[np.unique(cell, return_index=True)[1]] = False
            got = self.layout.joints[joint[duplicated][0]]
            raise self._error("the joint is duplicated in this frame of this person", line[duplicated], got)
        is_observed = np.isfinite(coordinates).all(-1)
        observed.reshape(-1)[cell] = is_observed
        positions.reshape(-1, coordinates.shape[1])[cell[is_observed]] = coordinates[is_observed]
        constant = {
            key: next(iter(values), "") for key, values in self._values.items() if self._is_one(key, values)
        }
        unit, remarks = constant.get("unit") or ("m" if coordinates.shape[1] == 3 else "px"), tuple[str, ...]()
        if self._has_visibility and self.layout == MEDIAPIPE33 and not constant.get("unit"):
            found = interpret(np.where(observed[..., None], positions, np.nan), self.layout, (), "", self.options)
            positions, unit, remarks = found.positions, found.unit, found.notes
        varying = sorted(self._values.keys() - constant.keys())
        return SkeletonSequence.from_positions(
            positions,
            self.layout,
            observed=observed,
            name=self.name,
            unit=unit,
            fps=numbering.fps(self._fps(constant.get("fps")))
            or (fps_of_times(times, frame_index, self._units) if self._has_times else None),
            label=constant.get("label") or None,
            tags={key: value for key, value in constant.items() if value and key not in SETTINGS},
            notes=(
                *numbering.notes,
                *gaps,
                *remarks,
                *(f"column {key!r} differs from line to line and was left out" for key in varying),
            ),
        )

    def _is_one(self, key: str, values: set[str]) -> bool:
        """Whether a column holds one value, as settings must."""
        if len(values) > 1 and key in SETTINGS:
            where = f"{self.path}, recording {self.name!r}"
            raise InputError(f"column {key!r} must hold one value per recording", where=where, got=sorted(values))
        return len(values) <= 1

    def _fps(self, text: str | None) -> float | None:
        if not text:
            return None
        if not is_number(text) or not 0 < float(text) < np.inf:
            where = f"{self.path}, recording {self.name!r}"
            raise InputError("fps is not a number above 0", where=where, got=text)
        return float(text)

    def _times(self, cells: Column, line: np.ndarray) -> np.ndarray:
        """Times that stand in for frame numbers."""
        times, is_clock = parse_times(list(map(str, cells)))
        if (invalid := ~np.isfinite(times)).any():
            raise self._error("column 'time' is not a time", line[invalid], cells[int(invalid.argmax())])
        self._has_times, self._units = True, ("s",) if is_clock else tuple(SECONDS)
        return times

    def _numbers(self, key: str, cells: Column, line: np.ndarray) -> np.ndarray:
        """A column as float64, NaN where it is empty."""
        try:
            values = cells if isinstance(cells, np.ndarray) else np.fromiter(map(float, cells), float, len(cells))
        except ValueError:
            texts = ["nan" if cell.strip().lower() in MISSING_WORDS else cell for cell in cells]
            if (row := next((row for row, text in enumerate(texts) if not is_number(text)), None)) is not None:
                comma = re.fullmatch(r"\s*[-+]?\d*,\d+\s*", texts[row])
                problem = f"column {key!r} has a decimal comma" if comma else f"column {key!r} is not a number"
                expected = "a decimal point, such as 0.5" if comma else None
                raise self._error(problem, line[row:], texts[row], expected) from None
            values = np.array(texts, dtype=np.float64)
        with np.errstate(over="ignore"):
            infinite = np.isinf(values.astype(np.float32))
        if infinite.any():
            got = cells[int(infinite.argmax())]
            raise self._error(f"column {key!r} is not a finite number", line[infinite], got)
        return values

    def _error(self, problem: str, line: np.ndarray, got: object, expected: str | None = None) -> InputError:
        return InputError(problem, where=f"{self.path}, line {line[0]}", expected=expected, got=got)
