"""Datasets whose files say the action of each recording themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, Format, InputFile, ReadOptions, find_files
from skeletonmae.sequences import SkeletonSequence


@dataclass(frozen=True, kw_only=True)
class LabeledFilesDataset(Dataset):
    """Files of one format with any number of recordings, each with its label and tags.

    Args:
        format: of every file.
        file_pattern: regular expression for the names of its files, by which a folder is known as this dataset.
        pattern_help: the pattern in words, for messages.
        actions: what the files call an action -> the class; the classes themselves if not given.
    """

    format: Format
    file_pattern: str
    pattern_help: str
    actions: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path) -> list[InputFile]:
        """Every file with a fitting name."""
        return [file for file in find_files(root, [self.format]) if file.path == root or self._fits(file)]

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> Iterator[SkeletonSequence]:
        """The recordings in `file`."""
        actions = self.actions or dict(zip(self.classes, self.classes, strict=True))
        for sequence in self.format.read(file, options):
            if (said := sequence.label or "") in actions:
                yield replace(sequence, label=actions[said])
            else:
                where = f"{file.path}, recording {sequence.name!r}"
                expected = f"one of {', '.join(list(actions)[:60])}"
                options.on_error(InputError("unknown action", where=where, expected=expected, got=sequence.label))

    def matches(self, root: Path) -> bool:
        """Whether a file has a fitting name and the format."""
        first = next((file for file in self.files(root) if self._fits(file)), None) if root.exists() else None
        return first is not None and self.format.matches(first)

    def _fits(self, file: InputFile) -> bool:
        return re.fullmatch(self.file_pattern, file.path.name) is not None
