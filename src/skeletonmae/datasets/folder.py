"""One's own recordings: a folder with files of any known format, or one table.

The action of a recording is, first that is there: its line in `labels.csv` at the top (columns
`recording,label`; every further column is a tag), the label in the file, the name of the sub-folder. A
recording is called after its file, with the sub-folder before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset, files_under
from skeletonmae.datasets.splits import StratifiedSplit
from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, detect
from skeletonmae.formats.format import read_text
from skeletonmae.sequences import SkeletonSequence

LABELS = "labels.csv"


@dataclass(frozen=True, kw_only=True)
class Folder(Dataset):
    """Files of any known format, labelled by a table or by the sub-folders they are in."""

    def files(self, root: Path) -> list[Path]:
        """Every file with the suffix of a known format, except `labels.csv` at the top."""
        suffixes = {entry.suffix for entry in FORMATS.values()}
        return [path for path in files_under(root, suffixes) if path != root / LABELS]

    def read(self, path: Path, root: Path) -> Iterator[SkeletonSequence]:
        """The recordings in `path`."""
        file = Path(path.name) if path == root else path.relative_to(root)
        table = root / LABELS
        known = _labels(table, table.stat().st_mtime_ns) if table.is_file() else {}
        for sequence in detect(path).read(path):
            name = (file.parent / sequence.name).as_posix()
            tags = known.get(name) or known.get(file.as_posix()) or {}
            label = tags.get("label") or sequence.label or (file.parts[0] if len(file.parts) > 1 else None)
            tags = {tag: value for tag, value in tags.items() if value and tag not in ("recording", "label")}
            yield replace(sequence, name=name, label=label, tags={**sequence.tags, **tags})

    def matches(self, root: Path) -> bool:
        """Whether any file has a known format."""
        return root.exists() and any(
            entry.matches(path) for path in self.files(root) for entry in FORMATS.values()
        )


@lru_cache(maxsize=1)
def _labels(path: Path, changed: int) -> dict[str, dict[str, str]]:  # noqa: ARG001
    """Recording -> its line; `changed` is when the file last changed, so that an old answer is not used."""
    try:
        lines = list(csv.DictReader(io.StringIO(read_text(path)), strict=True, restkey="", restval=None))
    except csv.Error as error:
        raise InputError(f"not CSV ({error})", where=path) from error
    if not lines or not {"recording", "label"} <= lines[0].keys():
        raise InputError("not a table of labels", where=path, expected="columns recording,label and a line")
    known: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines, start=2):
        name, cells = line["recording"], [*line.values()]
        if name in known or "" in line or None in cells:
            expected = "each recording once, with as many columns as the header"
            raise InputError("not sound", where=f"{path}, line {number}", expected=expected, got=cells)
        known[name] = {key.strip(): value.strip() for key, value in line.items()}
    return known


FOLDER = Folder(
    name="folder",
    title="Your own recordings",
    source="yours",
    terms="yours",
    skeleton=None,
    classes=(),
    splits={
        "auto": StratifiedSplit(by="subject", tag_required=False),
        "stratified": StratifiedSplit(),
        "subject": StratifiedSplit(by="subject"),
    },
    default_split="auto",
)
