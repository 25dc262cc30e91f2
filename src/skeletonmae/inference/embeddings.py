"""The features of recordings, and files of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.sequences import SkeletonSequence

SUFFIXES = (".npz", ".csv")
FLOAT_FORMAT = "%.9g"
"""Enough digits to tell any two float32 apart."""


class LeftOut(NamedTuple):
    """A recording, or a person of one, that has no features."""

    recording: str
    """Name of the recording, or of a file that could not be read."""
    person: int | None
    """Index of the person; None for the whole recording."""
    reason: str

    @classmethod
    def of(cls, recording: SkeletonSequence, person: int | None, error: InputError) -> LeftOut:
        """Return why a recording, or a person of it, has no features."""
        return cls(recording.name, person, str(error).removeprefix(f"recording {recording.name!r}: "))

    def __str__(self) -> str:
        person = "" if self.person is None else f", person {self.person}"
        return f"{self.recording}{person}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The features of recordings, one row each.

    Args:
        features: The features.
        feature_names: What each feature belongs to, such as `left_arm_17`.
        names: Name of the recording of each row.
        persons: Index of the person of each row; None where the row is of the whole recording.
        labels: Label of the recording of each row; None where it is not known.
        left_out: What has no features, and why.
        notes: What was not used, such as joints that the encoder does not know, in words.
    """

    features: Float32[np.ndarray, "recording feature"]
    feature_names: tuple[str, ...]
    names: tuple[str, ...]
    persons: tuple[int | None, ...]
    labels: tuple[str | None, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.names)

    def save(self, path: Path | str) -> None:
        """Write the features to a file; an existing one is replaced.

        A `.npz` has the arrays `features`, `feature_names`, `names`, `persons` (-1 for the whole recording) and
        `labels` (empty where unknown). A `.csv` has a line for each row, with the columns `recording`, `person`,
        `label` and the names of the features.

        Raises:
            InputError: The file has another suffix.
        """
        path = Path(path)
        check_suffix(path)
        with atomic_file(path) as file:
            file.write_bytes(self._as_npz() if path.suffix.lower() == ".npz" else self._as_csv())

    def _as_npz(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(
            buffer,
            features=self.features,
            feature_names=_texts(self.feature_names),
            names=_texts(self.names),
            persons=np.array([-1 if person is None else person for person in self.persons], dtype=np.int64),
            labels=_texts([label or "" for label in self.labels]),
        )
        return buffer.getvalue()

    def _as_csv(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["recording", "person", "label", *self.feature_names])
        for row, name, person, label in zip(self.features, self.names, self.persons, self.labels, strict=True):
            values = [FLOAT_FORMAT % value for value in row.tolist()]
            writer.writerow([name, "" if person is None else person, label or "", *values])
        return text.getvalue().encode()

    @classmethod
    def concat(cls, parts: Sequence[Embeddings]) -> Embeddings:
        """Concatenate the rows of embeddings with the same features.

        Raises:
            InputError: Their features differ.
        """
        with_rows = [part for part in parts if len(part)] or list(parts[:1])
        for part in with_rows[1:]:
            if part.feature_names != with_rows[0].feature_names:
                problem = "the layouts of the recordings have different body parts, and so other features"
                expected = "recordings of one layout, or another pooling than parts"
                raise InputError(
                    problem, expected=expected, got=f"{part.names[0]} besides {with_rows[0].names[0]}"
                )
        return cls(
            np.concatenate([part.features for part in with_rows]),
            with_rows[0].feature_names,
            tuple(name for part in with_rows for name in part.names),
            tuple(person for part in with_rows for person in part.persons),
            tuple(label for part in with_rows for label in part.labels),
            tuple(one for part in parts for one in part.left_out),
            tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        )


def check_suffix(path: Path) -> None:
    """Check that features can be written to a file of this name.

    Raises:
        InputError: Its suffix is not known.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("features are written as .npz or .csv", where=path, got=path.suffix or "no suffix")


def _texts(values: Sequence[str]) -> np.ndarray:
    return np.array(values, dtype=np.str_)
