"""The base class of datasets whose files hold the label of each recording."""

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
        format: Format of every file.
        file_pattern: Regular expression for the names of the files, by which the dataset is recognized.
        pattern_help: The pattern in a readable form, for messages.
        actions: Action in the files -> class. By default the files contain the names of the classes.
    """

    format: Format
    file_pattern: str
    pattern_help: str
    actions: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path) -> list[InputFile]:
        """Find every file whose name matches the pattern."""
        return [file for file in find_files(root, [self.format]) if file.path == root or self._name_matches(file)]

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> Iterator[SkeletonSequence]:
        """Read the recordings in `file`."""
        actions = self.actions or dict(zip(self.classes, self.classes, strict=True))
        for sequence in self.format.read(file, options):
            if (action := sequence.label or "") in actions:
                yield replace(sequence, label=actions[action])
            else:
                where = f"{file.path}, recording {sequence.name!r}"
                expected = f"one of {', '.join(list(actions)[:60])}"
                options.on_error(InputError("unknown action", where=where, expected=expected, got=sequence.label))

    def matches(self, root: Path) -> bool:
        """Return whether the first file whose name matches the pattern has the format."""
        first = (
            next((file for file in self.files(root) if self._name_matches(file)), None) if root.exists() else None
        )
        return first is not None and self.format.matches(first)

    def _name_matches(self, file: InputFile) -> bool:
        return re.fullmatch(self.file_pattern, file.path.name) is not None
