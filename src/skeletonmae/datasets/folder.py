"""One's own recordings: a folder with files of any known format, or one table.

The action of a recording is, first that is there: its line in `labels.csv` at the top (columns
`recording,label`; every further column is a tag), the label in the file, the name of the sub-folder. A
recording is called after its file, with the sub-folder before it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.splits import GivenSplit, GroupSplit, StratifiedSplit
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, FORMATS, InputFile, ReadOptions, detect, find_files
from skeletonmae.sequences import SkeletonSequence

LABELS = "labels.csv"


@dataclass(frozen=True, kw_only=True)
class FolderDataset(Dataset):
    """Files of any known format, labelled by a table or by the sub-folders they are in."""

    def files(self, root: Path) -> list[InputFile]:
        """Every file with the suffix of a known format, except `labels.csv` at the top."""
        return [file for file in find_files(root) if file.path != top_of(root) / LABELS]

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """The recordings in `file`."""
        inside = _inside(file, root)
        known = labels_table(root)
        form = FORMATS[options.format] if options.format else detect(file)
        for sequence in form.read(file, options):
            name = (inside.parent / sequence.name).as_posix()
            line = known.get(name) or known.get(inside.as_posix()) or {}
            label = line.get("label") or sequence.label or _folder(inside)
            tags = {tag: value for tag, value in line.items() if value and tag not in ("recording", "label")}
            yield replace(sequence, name=name, label=label, tags={**sequence.tags, **tags})

    def missing_names(self, root: Path, names: Container[str]) -> list[str]:
        """The lines of `labels.csv` that are of none of the recordings and files."""
        files = {_inside(file, root).as_posix() for file in self.files(root)}
        return [line for line in labels_table(root) if line not in names and line not in files]

    def formats(self, root: Path, most: int = 1000) -> dict[str, int]:
        """Format -> how many of the first files have it; what has none is left out."""
        found: Counter[str] = Counter()
        for file in self.files(root)[:most]:
            found.update(name for name, entry in FORMATS.items() if entry.matches(file))
        return dict(found.most_common())

    def cache_key(self, root: Path) -> object:
        """The table of labels."""
        return labels_table(root)

    def matches(self, root: Path) -> bool:
        """Whether any file has a known format."""
        return root.exists() and any(
            entry.matches(file) for file in self.files(root) for entry in FORMATS.values()
        )


def top_of(root: Path) -> Path:
    """The folder whose sub-folders are the actions: `root`, or the one folder in which an archive holds all."""
    return _top(root, root.stat().st_mtime_ns) if root.is_file() else root


@lru_cache(maxsize=1)
def _top(root: Path, changed: int) -> Path:  # noqa: ARG001
    inside = [file.path.relative_to(root).parts for file in find_files(root) if file.archive]
    one = len({parts[0] for parts in inside}) == 1 and all(len(parts) > 1 for parts in inside)
    deeper = len({parts[1] for parts in inside if len(parts) > 2}) > 1 or any(p[1:] == (LABELS,) for p in inside)
    return root / inside[0][0] if one and deeper else root


def _inside(file: InputFile, root: Path) -> Path:
    """The path of a file from the top."""
    return Path(file.path.name) if file.path == root else file.path.relative_to(top_of(root))


def _folder(inside: Path) -> str | None:
    """The topmost folder that a file is in; archives among folders count only where there is nothing else."""
    above = inside.parts[:-1]
    folders = [part for part in above if not part.lower().endswith(".zip")]
    return folders[0] if folders else Path(above[0]).stem if above else None


def labels_table(root: Path) -> dict[str, dict[str, str]]:
    """Recording (or file) -> its line in `labels.csv` at the top of `root`; empty where there is none.

    Raises:
        InputError: it is not a sound table.
    """
    path = top_of(root) / LABELS
    if not root.is_file():
        return _labels(InputFile(path), path.stat().st_mtime_ns) if path.exists() or path.is_symlink() else {}
    packed = InputFile(path, archive=root)
    return _labels(packed, root.stat().st_mtime_ns) if packed.exists else {}


@lru_cache(maxsize=1)
def _labels(file: InputFile, changed: int) -> dict[str, dict[str, str]]:  # noqa: ARG001
    """The lines of the table; `changed` is when the file last changed, so that an old answer is not used."""
    path = file.path
    text = file.text()
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True, skipinitialspace=True, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"not CSV ({error})", where=path) from error
    header = [name.strip() for name in lines[0]]
    if not {"recording", "label"} <= set(header) or len(set(header)) < len(header) or len(lines) < 2:
        expected = "columns recording,label (and tags), each once, and a line"
        raise InputError("not a table of labels", where=path, expected=expected, got=header)
    known: dict[str, dict[str, str]] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        line = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise InputError("wrong number of columns", where=where, expected=len(header), got=len(cells))
        if line["recording"] in known:
            raise InputError("the recording is there already", where=where, got=line["recording"])
        known[line["recording"]] = line
    return known


FOLDER = FolderDataset(
    name="folder",
    title="Your own recordings",
    source="yours",
    license="yours",
    skeleton=None,
    classes=(),
    splits={
        "auto": GivenSplit(fallback=GroupSplit(group_by="subject", group_required=False)),
        "stratified": StratifiedSplit(),
        "subject": GroupSplit(group_by="subject"),
        "given": GivenSplit(),
    },
    default_split="auto",
)
