"""The features of recordings, and files of them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.validation.finding import pluralize

SUFFIXES = (".npz", ".csv", ".parquet")
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


def group_reasons(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line for each reason: the first of those that were left out for it, and how many more there are."""
    first = {one.reason: one for one in reversed(left_out)}
    lines = []
    for reason, number in Counter(one.reason for one in left_out).items():
        more = f" and {number - 1} more" if number > 1 else ""
        lines.append(str(first[reason]._replace(recording=f"{first[reason].recording}{more}")))
    return lines


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
        tags: Tags of the recording of each row, such as the subject; empty if no recording has any.
    """

    features: Float32[np.ndarray, "recording feature"]
    feature_names: tuple[str, ...]
    names: tuple[str, ...]
    persons: tuple[int | None, ...]
    labels: tuple[str | None, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    tags: tuple[Mapping[str, str], ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.names)

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of all tags."""
        return tuple(dict.fromkeys(name for tags in self.tags for name in tags))

    def tag(self, name: str) -> tuple[str | None, ...]:
        """Return the value of a tag of each row; None where it is not known.

        Args:
            name: Name of the tag, such as `subject`.
        """
        return tuple(tags.get(name) for tags in self.tags) if self.tags else (None,) * len(self)

    def save(self, path: Path | str) -> None:
        """Write the features to a file; an existing one is replaced.

        A `.npz` has the arrays `features`, `feature_names`, `names`, `persons` (-1 for the whole recording),
        `labels` and, for each tag, `tag_NAME` (both empty where unknown). A `.csv` and a `.parquet` have a line
        for each row, with the columns `recording`, `person`, `label`, `tag_NAME` and the names of the features.
        Parquet needs `skeletonmae[table]`.

        Raises:
            InputError: The file has another suffix, or pyarrow is not installed.
        """
        path = Path(path)
        check_suffix(path)
        content = {".npz": self._as_npz, ".csv": self._as_csv, ".parquet": self._as_parquet}[path.suffix.lower()]()
        with atomic_file(path) as file:
            file.write_bytes(content)

    def _as_npz(self) -> bytes:
        buffer = io.BytesIO()
        arrays = {
            "features": self.features,
            "feature_names": _texts(self.feature_names),
            "names": _texts(self.names),
            "persons": np.array([-1 if person is None else person for person in self.persons], dtype=np.int64),
            "labels": _texts([label or "" for label in self.labels]),
        }
        tags = {f"tag_{name}": _texts([value or "" for value in self.tag(name)]) for name in self.tag_names}
        np.savez(buffer, **arrays, **tags)  # type: ignore[arg-type]  # numpy's own arguments come first
        return buffer.getvalue()

    def _as_csv(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        tags = [self.tag(name) for name in self.tag_names]
        tag_columns = [f"tag_{name}" for name in self.tag_names]
        writer.writerow(["recording", "person", "label", *tag_columns, *self.feature_names])
        for index, row in enumerate(self.features):
            person, label = self.persons[index], self.labels[index]
            own_tags = [values[index] or "" for values in tags]
            values = [FLOAT_FORMAT % value for value in row.tolist()]
            writer.writerow([self.names[index], "" if person is None else person, label or "", *own_tags, *values])
        return text.getvalue().encode()

    def _as_parquet(self) -> bytes:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise InputError("Parquet files need pyarrow: pip install 'skeletonmae[table]'") from error
        columns = {
            "recording": pa.array(self.names, pa.string()),
            "person": pa.array(self.persons, pa.int64()),
            "label": pa.array(self.labels, pa.string()),
            **{f"tag_{name}": pa.array(self.tag(name), pa.string()) for name in self.tag_names},
            **dict(zip(self.feature_names, self.features.T, strict=True)),
        }
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue()

    @classmethod
    def empty(cls, left_out: Sequence[LeftOut] = ()) -> Embeddings:
        """Return embeddings without rows."""
        return cls(np.zeros((0, 0), np.float32), (), (), (), (), tuple(left_out))

    @classmethod
    def concat(cls, parts: Sequence[Embeddings]) -> Embeddings:
        """Concatenate the rows of embeddings with the same features.

        A table has one meaning for each column: rows with other features than those that most rows have, such as
        a hand among bodies, are left out, with a reason.
        """
        num_rows = Counter[tuple[str, ...]]()
        for part in parts:
            num_rows[part.feature_names] += len(part)
        if not num_rows.total():
            return replace(cls.empty([one for part in parts for one in part.left_out]), notes=_all_notes(parts))
        [(names, number)] = num_rows.most_common(1)  # of equally many, the first
        with_rows = [part for part in parts if len(part) and part.feature_names == names]
        left_out = [one for part in parts for one in part._left_out_beside(names, number)]
        return cls(
            np.concatenate([part.features for part in with_rows]),
            names,
            tuple(name for part in with_rows for name in part.names),
            tuple(person for part in with_rows for person in part.persons),
            tuple(label for part in with_rows for label in part.labels),
            tuple(left_out),
            _all_notes(parts),
            _all_tags(with_rows),
        )

    def with_notes(self, notes: Iterable[str]) -> Embeddings:
        """Return the same embeddings with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def _left_out_beside(self, feature_names: tuple[str, ...], number: int) -> tuple[LeftOut, ...]:
        """What is left out of a table of features, of which `number` other rows are."""
        if not len(self) or self.feature_names == feature_names:
            return self.left_out
        own, others = (", ".join(_groups(names)) for names in (self.feature_names, feature_names))
        rest = pluralize(number, "other row")
        reason = f"its features are of {own}, and not of {others} as in {rest}; embed it separately"
        rows = zip(self.names, self.persons, strict=True)
        return (*self.left_out, *(LeftOut(name, person, reason) for name, person in rows))


def check_suffix(path: Path) -> None:
    """Check that features can be written to a file of this name.

    Raises:
        InputError: Its suffix is not known.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            "features are written as .npz, .csv or .parquet", where=path, got=path.suffix or "no suffix"
        )


def _all_tags(parts: Sequence[Embeddings]) -> tuple[Mapping[str, str], ...]:
    """The tags of all rows; nothing if none has any."""
    tags = tuple(tags for part in parts for tags in part.tags or ({},) * len(part))
    return tags if any(tags) else ()


def _all_notes(parts: Sequence[Embeddings]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for part in parts for note in part.notes))


def _groups(feature_names: tuple[str, ...]) -> dict[str, None]:
    """What features are the mean of, without their number and statistic, in their order."""
    names = (name.rpartition("_")[0].removesuffix("_mean").removesuffix("_std") for name in feature_names)
    return dict.fromkeys(names)


def _texts(values: Sequence[str]) -> np.ndarray:
    return np.array(values, dtype=np.str_)
