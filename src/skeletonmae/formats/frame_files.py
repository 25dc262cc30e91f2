"""Recordings with one file, or one image, per frame: which names belong together, and which frame each one is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from skeletonmae.errors import InputError
from skeletonmae.formats.files import InputFile

_DIGITS = re.compile(r"(\d{1,20})")
_ENDINGS = re.compile(r"(?:_keypoints)?(?:\.[A-Za-z]{2,5}\d?)?$")
_SEPARATORS = "-_. "
_BEFORE_FRAME = re.compile(r"(?:^|[^A-Za-z])(?:frame|img|image)[-_. ]?$", re.IGNORECASE)
_DATE, _TIME = r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d", r"[0-2]\d[-_.:hH]?[0-5]\d[-_.:mM]?[0-6]\d(?:[.,]\d+)?"
_TIMESTAMP = re.compile(rf"(?<!\d){_DATE}[-_.T ]?{_TIME}(?!\d)")
_UNIX_TIME = re.compile(r"(?<![\d.])(1\d{9})\.(\d{1,9})(?![\d.])")
_FRACTION = re.compile(r"[-_](\d{3}|\d{6}|\d{9})(?!\d)")
_NUMBER = re.compile(r"(?<![A-Za-z\d])\d+")
MIN_EPOCH_TIME = 10**9
"""From here on a number in a name is a time and not the number of a frame: seconds since 1970, or finer."""


def number_frames(names: Sequence[str]) -> list[tuple[str, int]]:
    """The recording and the frame number of each name, in the order of `names`.

    Names that differ only in their digits belong together, and the number that varies is the frame's: the last one
    after `frame`, `img` or `image`, or else after a separator, or else the last one. What remains of the name is
    the recording's. Names that carry a date and a time, or seconds since 1970 with a fraction, are numbered in
    the order of time.

    Args:
        names: Names of files or images, with folders (`/`) and endings or without.
    """
    numbered: list[tuple[str, int]] = [("", 0)] * len(names)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    pieces: list[list[str]] = []
    for index, name in enumerate(names):
        folder, base = _split(name)
        pieces.append(_DIGITS.split(base))
        groups[(folder, *pieces[-1][::2])].append(index)
    for group in groups.values():
        folder = _split(names[group[0]])[0]
        bases = ["".join(pieces[index]) for index in group]
        if by_time := _by_time(bases):
            parts = by_time
        else:
            column = _frame_column([pieces[index] for index in group])
            parts = [_around(pieces[index], column) for index in group]
        ranks = _ranks(parts)
        for index, (recording, number) in zip(group, parts, strict=True):
            path = (PurePosixPath(folder) / recording).as_posix() if folder and recording else folder or recording
            numbered[index] = path, ranks.get((recording, number), number)
    return numbered


def group_frame_files(
    files: Iterable[InputFile], frame_format: Callable[[InputFile], str | None]
) -> list[InputFile]:
    """Combine the files of single frames into one file per recording.

    Args:
        files: All files.
        frame_format: The format of a file whose content is a single frame, or None for any other file. It is asked
            about files with a digit in their names.

    Returns:
        The other files as they are, and a file with `frame_files` for each recording; sorted.
    """
    others: list[InputFile] = []
    folders: dict[tuple[InputFile, str], list[InputFile]] = defaultdict(list)
    for file in files:
        name = frame_format(file) if _DIGITS.search(file.path.name) and not file.frame_files else None
        if name is None:
            others.append(file)
        else:
            folders[replace(file, path=file.path.parent), name].append(file)
    for (folder, _), frame_files in folders.items():
        groups: dict[str, list[tuple[int, InputFile]]] = defaultdict(list)
        numbers = number_frames([file.path.name for file in frame_files])
        for (recording, number), file in zip(numbers, frame_files, strict=True):
            groups[recording].append((number, file))
        for recording, frames in groups.items():
            if not any(file.size for _, file in frames):  # nothing to recognize the format by
                others += [file for _, file in frames]
                continue
            path = folder.path if recording in ("", folder.path.name) else folder.path / recording
            others.append(replace(folder, path=path, frame_files=tuple(file for _, file in sorted(frames))))
    return sorted(others)


def numbered_frame_files(file: InputFile) -> dict[int, InputFile]:
    """Frame number -> file, of a file with `frame_files`; a file without them is its own frame 0.

    Raises:
        InputError: Two files have the same number.
    """
    if not file.frame_files:
        return {0: file}
    frames: dict[int, InputFile] = {}
    names = [frame_file.path.name for frame_file in file.frame_files]
    for (_, number), frame_file in zip(number_frames(names), file.frame_files, strict=True):
        if number in frames:
            got = f"{frames[number].path.name} and {frame_file.path.name}"
            raise InputError(f"frame {number} is duplicated", where=frame_file.path, got=got)
        frames[number] = frame_file
    return frames


def _split(name: str) -> tuple[str, str]:
    """The folders of a name, and its last part without its ending."""
    folder, _, base = name.replace("\\", "/").rpartition("/")
    return folder, _ENDINGS.sub("", base, count=1)


def _by_time(bases: list[str]) -> list[tuple[str, int]] | None:
    """(Recording, time as a number) of names that carry different dates and times; None of others."""
    unix_times = [match for base in bases if (match := _UNIX_TIME.search(base))]
    if len(unix_times) == len(bases):
        return [
            (_join(match.string[: match.start()], match.string[match.end() :]), _nanoseconds(*match.groups()))
            for match in unix_times
        ]
    matches = [_TIMESTAMP.search(base) for base in bases]
    found = [match for match in matches if match]
    if len(found) < len(bases):
        return None
    before = [base[: match.start()] for base, match in zip(bases, found, strict=True)]
    after = [base[match.end() :] for base, match in zip(bases, found, strict=True)]
    times = [_time(match[0]) for match in found]
    fractions = [match[1] for rest in after if (match := _FRACTION.match(rest))]
    if len(fractions) < len(after):
        fractions = [""] * len(after)
    recordings = [_join(a, b[len(f) + 1 :] if f else b) for a, b, f in zip(before, after, fractions, strict=True)]
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    for recording, time, fraction in zip(recordings, times, fractions, strict=True):
        numbers[_NUMBER.sub("#", recording), time].append(int(fraction or 0))
    in_second = [some for some in numbers.values() if len(some) > 1]
    if in_second and all(max(some) - min(some) < len(some) for some in in_second):
        return None  # consecutive numbers are those of frames, of recordings that are named by their dates
    return [
        (recording, time + int(fraction.ljust(9, "0")))
        for recording, time, fraction in zip(recordings, times, fractions, strict=True)
    ]


def _time(text: str) -> int:
    """A number that orders dates and times, with nine digits for the fraction of the second."""
    integer, _, fraction = (
        text.replace(",", ".").rpartition(".") if re.search(r"[.,]\d+$", text) else (text, "", "")
    )
    digits = re.sub(r"\D", "", integer)
    if len(digits) < 14:  # the dot was between two of the fields
        digits, fraction = re.sub(r"\D", "", text), ""
    return int(digits[:14]) * 10**9 + int(fraction[:9].ljust(9, "0") or 0)


def _nanoseconds(seconds: str, fraction: str) -> int:
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def _frame_column(pieces: list[list[str]]) -> int | None:
    """Which of the digit groups of names with the same letters numbers the frames."""
    columns = range(1, len(pieces[0]), 2)
    varying = [column for column in columns if len({piece[column] for piece in pieces}) > 1] or list(columns)
    for fits in (_BEFORE_FRAME.search, _is_separated, lambda _: True):
        if chosen := [column for column in varying if fits("".join(pieces[0][:column]))]:
            return chosen[-1]
    return None


def _is_separated(before: str) -> bool:
    return not before or before[-1] in _SEPARATORS


def _around(piece: list[str], column: int | None) -> tuple[str, int]:
    """The recording and the number of a name whose digit group `column` is the frame's."""
    if column is None:
        return "".join(piece), 0
    return _join("".join(piece[:column]), "".join(piece[column + 1 :])), int(piece[column])


def _join(before: str, after: str) -> str:
    before = before.rstrip(_SEPARATORS)
    return before + after.rstrip(_SEPARATORS) if before else after.strip(_SEPARATORS)


def _ranks(parts: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """(Recording, time) -> number in the order of time, for recordings whose frames are numbered by time."""
    ranks: dict[tuple[str, int], int] = {}
    times: dict[str, set[int]] = defaultdict(set)
    for recording, number in parts:
        times[recording].add(number)
    for recording, numbers in times.items():
        if min(numbers) >= MIN_EPOCH_TIME and len(numbers) > 1:
            ranks |= {(recording, number): rank for rank, number in enumerate(sorted(numbers))}
    return ranks
