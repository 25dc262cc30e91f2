"""One recording of a long table, put together from blocks of its lines."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.csv_table import NUMBERS, Column, Lines
from skeletonmae.formats.decoders.text_numbers import is_number
from skeletonmae.formats.joint_names import JointLookup
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import abbreviate, suggest

EVERY_LINE = {"recording", "person", "joint", *NUMBERS}
SETTINGS = ("label", "layout", "unit", "fps")
NO_NUMBER = ("", "na", "n/a", "null", "none")


class TableRecording:
    """A recording whose lines come in blocks.

    Args:
        path: the file, for messages.
        name: of the recording.
        layout: of its joints.
    """

    def __init__(self, path: Path, name: str, layout: Skeleton) -> None:
        self.path, self.name, self.layout = path, name, layout
        self._places = JointLookup(layout)
        self._persons: dict[str, int] = {}
        self._wrap_os_errors: dict[str, set[str]] = defaultdict(set)
        self._cells: list[tuple[np.ndarray, ...]] = []
        self._axes: list[np.ndarray] = []

    def add(self, lines: Lines) -> None:
        """Add some lines.

        Raises:
            InputError: a cell is not what it should be.
        """
        columns, number = lines.columns, np.array(lines.number)
        for key in columns.keys() - EVERY_LINE:
            said = self._wrap_os_errors[key] | {str(cell).strip() for cell in set(columns[key])} - {""}
            self._wrap_os_errors[key] = set(sorted(said)[:5])  # more than one is enough to know
        value = {key: self._numbers(key, columns[key], number) for key in NUMBERS if key in columns}
        frame = value["frame"]
        if (bad := frame != np.floor(frame)).any():
            raise self._refuse("a frame is not a whole number", number[bad], columns["frame"][int(bad.argmax())])
        joint = np.fromiter(map(self._places.__getitem__, columns["joint"]), np.int64, len(frame))
        if (bad := joint < 0).any():
            name = str(columns["joint"][int(bad.argmax())]).strip()
            problem = f"not a joint of {self.layout.name}{suggest(name, self.layout.joints)}"
            raise self._refuse(problem, number[bad], name, abbreviate(self.layout.joints))
        names = columns.get("person", ("",) * len(frame))
        persons = {
            name: self._persons.setdefault(name.strip(), len(self._persons)) for name in dict.fromkeys(names)
        }
        person = np.fromiter(map(persons.__getitem__, names), np.int64, len(frame))
        axes = np.stack([value[axis] for axis in "xyz" if axis in value], axis=-1).astype(np.float32)
        if "confidence" in value:
            axes[~(value["confidence"] > 0)] = np.nan
        self._cells.append((person, frame, joint, number))
        self._axes.append(axes)

    def sequence(self) -> SkeletonSequence:
        """The recording.

        Raises:
            InputError: a joint is there twice, a frame number is far too large, or a setting has several values.
        """
        person, frame, joint, number = map(np.concatenate, zip(*self._cells, strict=True))
        axes = np.concatenate(self._axes)
        if axes.shape[1] == 3 and np.isnan(axes[:, 2]).all() and np.isfinite(axes[:, :2]).all(-1).any():
            axes = axes[:, :2]
        order = sorted(self._persons, key=lambda name: name.zfill(20) if name.isdigit() else name)
        rank = np.argsort([self._persons[name] for name in order])
        start = frame.min()
        shape = (len(order), int(frame.max() - start) + 1, self.layout.num_joints)
        check_density(f"{self.path}, line {number[frame.argmax()]}", shape, len(frame))
        place = np.ravel_multi_index((rank[person], (frame - start).astype(np.int64), joint), shape)
        observed, positions = np.zeros(shape, dtype=bool), np.zeros((*shape, axes.shape[1]), dtype=np.float32)
        observed.reshape(-1)[place] = True
        if np.count_nonzero(observed) < len(place):
            again = np.ones(len(place), dtype=bool)
            again[np.unique(place, return_index=True)[1]] = False
            got = self.layout.joints[joint[again][0]]
            raise self._refuse("the joint is there twice in this frame of this person", number[again], got)
        seen = np.isfinite(axes).all(-1)
        observed.reshape(-1)[place] = seen
        positions.reshape(-1, axes.shape[1])[place[seen]] = axes[seen]
        value = {key: next(iter(said), "") for key, said in self._wrap_os_errors.items() if self._one(key, said)}
        left_out = sorted(self._wrap_os_errors.keys() - value.keys())
        return SkeletonSequence.from_positions(
            positions,
            self.layout,
            observed=observed,
            name=self.name,
            unit=value.get("unit") or ("m" if axes.shape[1] == 3 else "px"),
            fps=self._fps(value.get("fps")),
            label=value.get("label") or None,
            tags={key: text for key, text in value.items() if text and key not in SETTINGS},
            notes=tuple(f"column {key!r} differs from line to line and was left out" for key in left_out),
        )

    def _one(self, key: str, said: set[str]) -> bool:
        """Whether a column holds one value, as settings must."""
        if len(said) > 1 and key in SETTINGS:
            where = f"{self.path}, recording {self.name!r}"
            raise InputError(f"column {key!r} must hold one value a recording", where=where, got=sorted(said))
        return len(said) <= 1

    def _fps(self, text: str | None) -> float | None:
        if not text:
            return None
        if not is_number(text) or not 0 < float(text) < np.inf:
            where = f"{self.path}, recording {self.name!r}"
            raise InputError("fps is not a number above 0", where=where, got=text)
        return float(text)

    def _numbers(self, key: str, cells: Column, number: np.ndarray) -> np.ndarray:
        """A column as float64, NaN where it is empty."""
        try:
            values = cells if isinstance(cells, np.ndarray) else np.fromiter(map(float, cells), float, len(cells))
        except ValueError:
            texts = ["nan" if cell.strip().lower() in NO_NUMBER else cell for cell in cells]
            if (row := next((row for row, text in enumerate(texts) if not is_number(text)), None)) is not None:
                comma = re.fullmatch(r"\s*[-+]?\d*,\d+\s*", texts[row])
                problem = f"column {key!r} has a decimal comma" if comma else f"column {key!r} is not a number"
                expected = "a decimal point, such as 0.5" if comma else None
                raise self._refuse(problem, number[row:], texts[row], expected) from None
            values = np.array(texts, dtype=np.float64)
        with np.errstate(over="ignore"):
            bad = np.isinf(values.astype(np.float32))
        if bad.any():
            raise self._refuse(f"column {key!r} is not a finite number", number[bad], cells[int(bad.argmax())])
        return values

    def _refuse(self, problem: str, number: np.ndarray, got: object, expected: str | None = None) -> InputError:
        where = f"{self.path}, line {number[0]}"
        return InputError(problem, where=where, expected=expected, got=got)
