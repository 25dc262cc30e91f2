"""PKU-MMD: long recordings of many actions, each recorded by three cameras; part I and part II.

The labels are in files with the names of the skeleton files (`0002-L.txt`, or `A01N02-L.txt` in part II), in
another folder. Their lines are `class,start,end,confidence`, with frames from 0 and the end excluded. With
`ReadOptions.split_actions`, a recording is split into its actions, named `0002-L_003` after line 3 (from 0).
Otherwise it is one recording without a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.pku_mmd_classes import (
    CLASSES,
    PART1_XSUB_TEST,
    PART1_XSUB_TRAIN,
    PART2_CLASSES,
    PART2_XSUB_TEST,
    PART2_XSUB_TRAIN,
    XVIEW_TEST,
    XVIEW_TRAIN,
)
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.pku_mmd import PKU_MMD as FORMAT
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

LABEL_LINE = re.compile(r"\s*(\d{1,9})\s*,\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*(?:,.*)?", re.DOTALL)
EXPECTED = "lines 'class,start,end,confidence' in a text file of the same name, in another folder under the root"


@dataclass(frozen=True, kw_only=True)
class PKUMMDDataset(Dataset):
    """One part of PKU-MMD.

    Args:
        pattern: Regular expression for the name of a file; its named groups are tags.
    """

    pattern: str

    def files(self, root: Path) -> list[InputFile]:
        """Find the skeleton files, by their name and content."""
        return [file for file in self._named(root) if FORMAT.matches(file)]

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """Read the actions in `file`, or the entire recording."""
        match = re.fullmatch(self.pattern, file.path.name)
        if match is None:
            raise InputError("unexpected file name", where=file.path, expected=self.pattern)
        tags = {tag: value.lstrip("0") or "0" for tag, value in match.groupdict().items()}
        (recording,) = FORMAT.read(file, options)
        recording = replace(recording, tags=tags)
        if options.split_actions:
            yield from self._split_actions(recording, _find_labels(file, root))
        else:
            yield recording

    def auxiliary_files(self, root: Path) -> list[InputFile]:
        """Return the files of labels, which have the names of the skeleton files."""
        return [file for file in self._named(root) if LABEL_LINE.fullmatch(_first_line(file))]

    def matches(self, root: Path) -> bool:
        """Return whether there is a skeleton file of this part."""
        return root.exists() and any(FORMAT.matches(file) for file in self._named(root))

    def cache_key(self, root: Path) -> object:
        """Return the keys of all files with a matching name, which include the labels."""
        _text_files.cache_clear()
        return [self.file_key(file) for file in self._named(root)]

    def _named(self, root: Path) -> list[InputFile]:
        return list_files(root, lambda name: re.fullmatch(self.pattern, name) is not None)

    def _split_actions(self, recording: SkeletonSequence, labels: InputFile) -> Iterator[SkeletonSequence]:
        """Yield one recording per valid line of the labels; the first one carries the notes on all lines."""
        notes = list(recording.notes)
        actions: list[tuple[str, str, slice]] = []
        for line_number, line in enumerate(labels.text().splitlines()):
            label, start, end, problem = self._parse_line(line, recording.num_frames)
            if problem:
                notes.append(f"line {line_number} of its labels ({line.strip()[:60]}) {problem}")
            if label:
                actions.append((f"{recording.name}_{line_number:03d}", label, slice(start, end)))
        if not actions:
            got = notes[-1] if notes else "no line"
            raise InputError("no line of the labels is valid", where=labels.path, expected=EXPECTED, got=got)
        for index, (name, label, frames) in enumerate(actions):
            is_present = np.array(recording.observed[:, frames].any((1, 2)))
            is_present[0] |= not is_present.any()
            yield replace(
                recording,
                positions=recording.positions[is_present, frames],
                observed=recording.observed[is_present, frames],
                name=name,
                label=label,
                notes=() if index else tuple(notes),
            )

    def _parse_line(self, line: str, num_frames: int) -> tuple[str | None, int, int, str]:
        """Parse a line of labels.

        Returns:
            The class (None if the line is not used), the first frame, the end frame, and a note ("" if none).
        """
        match = LABEL_LINE.fullmatch(line)
        if match is None:
            return None, 0, 0, "is not a label and was skipped" if line.strip() else ""
        number, start, end = map(int, match.groups())
        label = CLASSES[number - 1] if 0 < number <= len(CLASSES) else None
        if label not in self.classes:
            return None, 0, 0, "names no class of this part and was skipped"
        clipped = max(start, 0), min(end, num_frames)
        if clipped[0] >= clipped[1]:
            return None, 0, 0, f"covers none of the {num_frames} frames and was skipped"
        note = "" if clipped == (start, end) else f"extends beyond the {num_frames} frames and was clipped"
        return label, *clipped, note


@lru_cache(maxsize=1)
def _text_files(root: Path) -> dict[str, list[InputFile]]:
    """The text files by name; cached until `cache_key` is called."""
    files: dict[str, list[InputFile]] = {}
    for file in list_files(root, lambda name: name.lower().endswith(".txt")):
        files.setdefault(file.path.name, []).append(file)
    return files


def _find_labels(file: InputFile, root: Path) -> InputFile:
    """The file with the labels of the skeletons in `file`.

    Raises:
        InputError: There is none.
    """
    for candidate in _text_files(root).get(file.path.name, ()):
        if candidate != file and LABEL_LINE.fullmatch(_first_line(candidate)):
            return candidate
    raise InputError(
        "the file with its labels is missing", where=file.path, expected=f"{EXPECTED}; or `--no-split-actions`"
    )


def _first_line(file: InputFile) -> str:
    """The first line of a file; empty if the file cannot be read."""
    try:
        return file.head().decode("utf-8-sig", "replace").partition("\n")[0]
    except InputError:
        return ""


def _make_part(
    name: str, title: str, source: str, classes: tuple[str, ...], pattern: str, xsub: TagSplit
) -> PKUMMDDataset:
    return PKUMMDDataset(
        name=name,
        title=title,
        source=source,
        license="research only; no license to redistribute",
        skeleton=NTU25,
        classes=classes,
        tags=tuple(re.compile(pattern).groupindex),
        splits={"xsub": xsub, "xview": TagSplit(tag="camera", train=XVIEW_TRAIN, test=XVIEW_TEST)},
        default_split="xsub",
        pattern=pattern,
    )


PKU_MMD_1 = _make_part(
    "pku_mmd_1",
    "PKU-MMD part I",
    "Liu, Hu, Li, Song and Liu, PKU-MMD, ACM Multimedia Workshops 2017",
    CLASSES,
    r"(?P<video>\d{4})-(?P<camera>[LMR])\.txt",
    TagSplit(tag="video", train=PART1_XSUB_TRAIN, test=PART1_XSUB_TEST),
)
PKU_MMD_2 = _make_part(
    "pku_mmd_2",
    "PKU-MMD part II",
    "Liu, Song, Liu, Li and Hu, A Benchmark Dataset and Comparison Study for Multi-modal Human Action Analytics, "
    "ACM TOMM 2020",
    PART2_CLASSES,
    r"A(?P<sequence>\d+)N(?P<subject>\d+)-(?P<camera>[LMR])\.txt",
    TagSplit(tag="subject", train=PART2_XSUB_TRAIN, test=PART2_XSUB_TEST),
)
