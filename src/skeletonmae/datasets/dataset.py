"""The base classes of datasets: files, the class and tags of each recording, and the splits."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from skeletonmae.datasets.splits import SplitRule
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, Format, InputFile, ReadOptions, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """Base class of all datasets: finds and reads files, and defines classes and splits.

    Args:
        name: Key in `DATASETS`.
        title: Name for messages.
        source: Authors and publication.
        license: What its owners allow.
        skeleton: Layout of its recordings; None if it depends on the files.
        classes: Names of the classes, in the order of their indices; empty if they depend on the files.
        tags: Names of the tags of a recording.
        splits: Name -> split rule.
        default_split: Name of the split that is usually reported.
    """

    reads_any_format: ClassVar[bool] = False
    """Whether it reads files of any known format, rather than those of one published dataset."""
    is_on_disk: ClassVar[bool] = True
    """Whether its files exist; False if the recordings are generated."""

    name: str
    title: str
    source: str
    license: str
    skeleton: Skeleton | None
    classes: tuple[str, ...]
    tags: tuple[str, ...] = ()
    splits: Mapping[str, SplitRule]
    default_split: str

    @abstractmethod
    def files(self, root: Path) -> list[InputFile]:
        """Find the files of the dataset under `root` (a folder, a zip archive or a file), sorted.

        Raises:
            InputError: There is no such folder.
        """

    @abstractmethod
    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """Read the recordings in one of `files(root)`, with labels and tags.

        Raises:
            InputError: The file is damaged, or its name does not follow the pattern of the dataset.
        """

    @abstractmethod
    def matches(self, root: Path) -> bool:
        """Return whether `root` looks like this dataset."""

    def auxiliary_files(self, root: Path) -> list[InputFile]:  # noqa: ARG002
        """Return the files under `root` that hold no recordings, but labels or other facts that `read` uses."""
        return []

    def formats(self, root: Path, max_files: int = 1000) -> tuple[dict[str, int], int]:  # noqa: ARG002
        """Count the files of each format among the first `max_files` files, and all files.

        Returns:
            No counts and 0, unless the dataset reads files of any format.
        """
        return {}, 0

    def unmatched_labels(self, root: Path, recordings: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Return the names in a list of labels that match none of `recordings`, the names of all that were read.

        Raises:
            InputError: The list does not fit the recordings.
        """
        return []

    def file_key(self, file: InputFile) -> object:
        """Return plain values that change if one of `files(root)` changes; None if this cannot be determined."""
        try:
            return file.stat_key
        except InputError:
            return None

    def cache_key(self, root: Path) -> object:  # noqa: ARG002
        """Return what `read` depends on besides the file, as plain values."""
        return None


@dataclass(frozen=True, kw_only=True)
class FilenameDataset(Dataset):
    """A dataset with one recording per file, whose path gives the label and the tags.

    Args:
        format: Format of every file.
        pattern: Regular expression for the end of the path. Its group `action` is a key of `actions`; every other
            named group is a tag. Leading zeros are removed from both.
        pattern_help: The pattern in a readable form, for messages.
        actions: Action in the path -> class.
        tag_aliases: Value of a tag in the path -> value of the tag, where they differ.
    """

    format: Format
    pattern: str
    pattern_help: str
    actions: Mapping[str, str]
    tag_aliases: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path) -> list[InputFile]:
        """Find every file with a suffix of the format; `read` raises if a name does not match the pattern."""
        return find_files(root, [self.format])

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> Iterator[SkeletonSequence]:
        """Read the recording in `file`."""
        groups = self._groups(file)
        if groups is None:
            raise InputError("unexpected file name", where=file.path, expected=self.pattern_help)
        action = groups.pop("action")
        if action not in self.actions:
            raise InputError("unknown action", where=file.path, expected=", ".join(self.actions), got=action)
        tags = {tag: self.tag_aliases.get(value, value) for tag, value in groups.items()}
        for sequence in self.format.read(file, options):
            yield replace(sequence, label=self.actions[action], tags=tags)

    def matches(self, root: Path) -> bool:
        """Return whether the first file whose name matches the pattern has the format."""
        first = next((file for file in self.files(root) if self._groups(file)), None) if root.exists() else None
        return first is not None and self.format.matches(first)

    def _groups(self, file: InputFile) -> dict[str, str] | None:
        match = re.search(rf"(?:^|/){self.pattern}$", file.path.as_posix())
        return match and {key: value.lstrip("0") or "0" for key, value in match.groupdict().items()}
