"""PKU-MMD: long recordings of many actions, each seen by three cameras; part I and part II.

Beside the skeletons (`0002-L.txt`, or `A01N02-L.txt` in part II) lie files of the same names with the labels,
lines `class,start,end,confidence`: frames from 0, the end not included. A recording is cut into those actions,
called `0002-L_003` after line 3 (from 0), or, if it is not to be cut, kept whole and without a label.
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
from skeletonmae.formats.files import list_files
from skeletonmae.formats.pku_mmd import PKU_MMD as FORMAT
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

LABEL = re.compile(r"\s*(\d{1,9})\s*,\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*(?:,.*)?", re.DOTALL)
EXPECTED = "lines 'class,start,end,confidence' in a text file of the same name, in another folder under the root"


@dataclass(frozen=True, kw_only=True)
class PKUMMDDataset(Dataset):
    """One part of PKU-MMD.

    Args:
        pattern: regular expression for a file's name; its named groups are tags.
    """

    pattern: str

    def files(self, root: Path) -> list[InputFile]:
        """The skeletons: files with a fitting name and content."""
        return [file for file in self._named(root) if FORMAT.matches(file)]

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """The actions in `file`, or the whole of it."""
        match = re.fullmatch(self.pattern, file.path.name)
        if match is None:
            raise InputError("the name does not say what it is", where=file.path, expected=self.pattern)
        tags = {tag: value.lstrip("0") or "0" for tag, value in match.groupdict().items()}
        (whole,) = FORMAT.read(file, options)
        whole = replace(whole, tags=tags)
        yield from self._actions(whole, _labels(file, root)) if options.split_actions else (whole,)

    def matches(self, root: Path) -> bool:
        """Whether there is a skeleton file of this part."""
        return root.exists() and any(FORMAT.matches(file) for file in self._named(root))

    def cache_key(self, root: Path) -> object:
        """Every file with a fitting name, for the labels are among them."""
        _texts.cache_clear()
        return [self.file_key(file) for file in self._named(root)]

    def _named(self, root: Path) -> list[InputFile]:
        return list_files(root, lambda name: re.fullmatch(self.pattern, name) is not None)

    def _actions(self, whole: SkeletonSequence, labels: InputFile) -> Iterator[SkeletonSequence]:
        notes, found = list(whole.notes), []
        for number, line in enumerate(labels.text().splitlines()):
            label, start, end, problem = self._action(line, whole.num_frames)
            if problem:
                notes.append(f"line {number} of its labels ({line.strip()[:60]}) {problem}")
            if label:
                found.append((f"{whole.name}_{number:03d}", label, slice(start, end)))
        if not found:
            got = notes[-1] if notes else "no line"
            raise InputError("no label in it can be used", where=labels.path, expected=EXPECTED, got=got)
        for number, (name, label, frames) in enumerate(found):
            there = np.array(whole.observed[:, frames].any((1, 2)))
            there[0] |= not there.any()
            yield replace(
                whole,
                positions=whole.positions[there, frames],
                observed=whole.observed[there, frames],
                name=name,
                label=label,
                notes=() if number else tuple(notes),
            )

    def _action(self, line: str, num_frames: int) -> tuple[str | None, int, int, str]:
        """The class, the frames, and what is to be noted, of a line with a label."""
        match = LABEL.fullmatch(line)
        if match is None:
            return None, 0, 0, "is no label, and was left out" if line.strip() else ""
        number, start, end = map(int, match.groups())
        label = CLASSES[number - 1] if 0 < number <= len(CLASSES) else None
        if label not in self.classes:
            return None, 0, 0, "names no class of this part, and was left out"
        inside = max(start, 0), min(end, num_frames)
        if inside[0] >= inside[1]:
            return None, 0, 0, f"has none of the {num_frames} frames, and was left out"
        cut = "" if inside == (start, end) else f"goes beyond the {num_frames} frames, and was cut short"
        return label, *inside, cut


@lru_cache(maxsize=1)
def _texts(root: Path) -> dict[str, list[InputFile]]:
    """The text files by name; looked up once, until `cache_key` is asked for."""
    found: dict[str, list[InputFile]] = {}
    for file in list_files(root, lambda name: name.lower().endswith(".txt")):
        found.setdefault(file.path.name, []).append(file)
    return found


def _labels(file: InputFile, root: Path) -> InputFile:
    """The file with the labels of the skeletons in `file`.

    Raises:
        InputError: there is none.
    """
    for other in _texts(root).get(file.path.name, ()):
        if other != file and LABEL.fullmatch(other.head().decode("utf-8-sig", "replace").partition("\n")[0]):
            return other
    raise InputError(
        "its actions are not known: no labels", where=file.path, expected=f"{EXPECTED}; or not to cut"
    )


def _part(
    name: str, title: str, source: str, classes: tuple[str, ...], pattern: str, xsub: TagSplit
) -> PKUMMDDataset:
    return PKUMMDDataset(
        name=name,
        title=title,
        source=source,
        license="research only; no licence to redistribute",
        skeleton=NTU25,
        classes=classes,
        tags=tuple(re.compile(pattern).groupindex),
        splits={"xsub": xsub, "xview": TagSplit(tag="camera", train=XVIEW_TRAIN, test=XVIEW_TEST)},
        default_split="xsub",
        pattern=pattern,
    )


PKU_MMD_1 = _part(
    "pku_mmd_1",
    "PKU-MMD part I",
    "Liu, Hu, Li, Song and Liu, PKU-MMD, ACM Multimedia Workshops 2017",
    CLASSES,
    r"(?P<video>\d{4})-(?P<camera>[LMR])\.txt",
    TagSplit(tag="video", train=PART1_XSUB_TRAIN, test=PART1_XSUB_TEST),
)
PKU_MMD_2 = _part(
    "pku_mmd_2",
    "PKU-MMD part II",
    "Liu, Song, Liu, Li and Hu, A Benchmark Dataset and Comparison Study for Multi-modal Human Action Analytics, "
    "ACM TOMM 2020",
    PART2_CLASSES,
    r"A(?P<sequence>\d+)N(?P<subject>\d+)-(?P<camera>[LMR])\.txt",
    TagSplit(tag="subject", train=PART2_XSUB_TRAIN, test=PART2_XSUB_TEST),
)
