"""`labels.csv`: the labels and tags of a folder of recordings, one line per recording or file.

A line names a recording, or a file with or without its folders and its ending. A line `clip` means the only
recording that is called so in any folder.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, InputFile
from skeletonmae.formats.file_kinds import VIDEOS_AND_IMAGES

MIN_MATCHED = 0.5
"""Share of the lines, or of the recordings, that must match; below, the names are those of something else."""
NUM_EXAMPLES = 3
ENDINGS = VIDEOS_AND_IMAGES | {suffix for entry in FORMATS.values() for suffix in entry.suffixes}
"""Endings of files that a line may name in place of a recording."""
Row = dict[str, str]


@dataclass(frozen=True)
class LabelTable:
    """The lines of `labels.csv`, and the files that they mean.

    Args:
        path: The table.
        rows: Name in the column `recording` -> its line.
        of_file: Path of a file below the top folder -> the name by which a line means it.
    """

    path: Path
    rows: Mapping[str, Row] = field(default_factory=dict)
    of_file: Mapping[str, str] = field(default_factory=dict)
    file_names: frozenset[str] = frozenset()
    """The names in `rows` that mean a file, so that they mean no other recording."""

    def row(self, recording: str, file: str) -> Row:
        """Return the line of a recording; empty if there is none.

        Args:
            recording: Its name, which begins with its folder.
            file: The path of its file below the top folder.
        """
        key = self._name_in_table(recording) or self.of_file.get(normalize_name(file))
        return self.rows[key] if key else {}

    def unmatched(self, recordings: Sequence[str]) -> list[str]:
        """Return the names in the table that mean none of all recordings.

        Raises:
            InputError: A line means several recordings, or few lines and few recordings match.
        """
        if not self.rows:
            return []
        labeled_files = {_without_ending(path) for path in self.of_file}
        matches: dict[str, list[str]] = {}
        unlabeled = []
        for recording in recordings:
            if key := self._name_in_table(recording):
                matches.setdefault(key, []).append(recording)
            elif normalize_name(recording) not in labeled_files:
                unlabeled.append(recording)
        for key, same in matches.items():
            if len(set(same)) > 1:
                raise _ambiguous(self.path, key, same)
        missing = [key for key in self.rows if key not in matches and key not in self.file_names]
        share_of_rows = 1 - len(missing) / len(self.rows)
        share_of_recordings = 1 - len(unlabeled) / max(1, len(recordings))
        if max(share_of_rows, share_of_recordings) < MIN_MATCHED:
            num_matched = len(recordings) - len(unlabeled)
            raise InputError(
                f"only {num_matched} of {len(recordings)} recordings ({share_of_recordings:.0%}) match a line",
                where=self.path,
                expected=f"the names of recordings or files, such as {_examples(unlabeled)}",
                got=_examples(missing),
            )
        return missing

    def _name_in_table(self, recording: str) -> str | None:
        """The name of a recording in the table, with or without its folders."""
        name = normalize_name(recording)
        if name in self.rows:
            return name
        return next((end for end in _ends(name) if end in self.rows and end not in self.file_names), None)


def match_files(path: Path, rows: Mapping[str, Row], files: Sequence[str]) -> LabelTable:
    """Find the files that the lines of a table mean.

    Args:
        path: The table, for messages.
        rows: Name in the column `recording` -> its line.
        files: Paths of all files below the top folder.

    Raises:
        InputError: A line means several files.
    """
    exact: dict[str, list[str]] = {}
    by_end: dict[str, list[str]] = {}
    for file in map(normalize_name, files):
        for name in dict.fromkeys((file, _without_ending(file))):
            exact.setdefault(name, []).append(file)
            for end in _ends(name):
                by_end.setdefault(end, []).append(file)
    of_file: dict[str, str] = {}
    named: dict[str, Row] = {}
    for name, row in rows.items():
        found = _find(name, exact, by_end)
        stem = _without_ending(name)
        is_file_name = PurePosixPath(name).suffix.lower() in ENDINGS
        key = stem if not found and is_file_name and stem not in rows else name  # such as a recording's video
        named[key] = row
        if len({_without_ending(file) for file in found}) > 1:
            raise _ambiguous(path, key, found)
        of_file |= {file: key for file in found if file not in of_file or key == file}
    return LabelTable(path, named, of_file, frozenset(of_file.values()))


def _find(key: str, exact: Mapping[str, list[str]], by_end: Mapping[str, list[str]]) -> list[str]:
    """Return the files that a line means: those whose path equals the name, or ends in it, or is an end of it.

    For example, `clip` means `a/b/clip.csv`, and `my data/a/b/clip.csv` means it as well. Whole paths come first:
    `a/clip.mp4` means `a/clip.csv` and not `b/clip.mp4`.
    """
    names = [key]
    if PurePosixPath(key).suffix.lower() in VIDEOS_AND_IMAGES:
        names.append(_without_ending(key))  # the video that the recording was made from
    for name in names:
        if name in exact:
            return exact[name]
    for name in names:
        for end in (name, *_ends(name)):
            if end in exact:
                return exact[end]
            if end in by_end:
                return by_end[end]
    return []


def parse_labels(file: InputFile) -> dict[str, Row]:
    """Parse a table of labels.

    Returns:
        Name of a recording or file -> its line.

    Raises:
        InputError: It is not a valid table.
    """
    path = file.path
    text = file.text()
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True, skipinitialspace=True, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"not valid CSV ({error})", where=path) from error
    header = [name.strip() for name in lines[0]] if lines else []
    if not {"recording", "label"} <= set(header) or len(set(header)) < len(header) or len(lines) < 2:
        expected = "the columns recording,label (and tags), each once, and at least one line"
        raise InputError("not a table of labels", where=path, expected=expected, got=header)
    rows: dict[str, Row] = {}
    for line_number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        where = f"{path}, line {line_number}"
        if len(cells) != len(header):
            raise InputError("wrong number of columns", where=where, expected=len(header), got=len(cells))
        name = normalize_name(row["recording"])
        if not name:
            raise InputError("a line without the name of a recording", where=where)
        if name in rows:
            raise InputError("the recording is listed twice", where=where, got=row["recording"])
        rows[name] = row
    return rows


def normalize_name(name: str) -> str:
    """A name as it is compared: `/` between folders, and accents written in one way."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def _ends(name: str) -> Iterator[str]:
    """A path without its first folder, without its first two, and so on."""
    while "/" in name:
        name = name.partition("/")[2]
        yield name


def _without_ending(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem}" if dot and stem else path


def _ambiguous(path: Path, key: str, matches: Sequence[str]) -> InputError:
    return InputError(
        "the name is ambiguous; write it with its folder",
        where=f"{path}, recording {key!r}",
        expected="the name of one recording or file",
        got=f"{len(matches)} with this name: {_examples(matches)}",
    )


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:NUM_EXAMPLES])
