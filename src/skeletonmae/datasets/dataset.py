"""What a dataset is: files, the class and tags of each, and the rules that split them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from skeletonmae.datasets.splits import SplitRule
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, Format, InputFile, ReadOptions, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """Where recordings are, what they are called, and which train and which test.

    Args:
        name: in `DATASETS`.
        title: for people.
        source: who made it and where it was published.
        license: what its owners allow.
        skeleton: the layout of its recordings; None if it depends on the files.
        classes: names of the actions in the order that numbers them; empty if it depends on the files.
        tags: what is known of a recording besides its action.
        splits: name -> rule.
        default_split: the one that its users report.
    """

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
        """The files of the dataset under `root` (a folder, a zip archive or a file), sorted.

        Raises:
            InputError: there is no such folder.
        """

    @abstractmethod
    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """The recordings in one of `files(root)`, labelled and tagged.

        Raises:
            InputError: the file is damaged, or its name does not say what it should.
        """

    @abstractmethod
    def matches(self, root: Path) -> bool:
        """Whether `root` looks like this dataset."""

    def missing_names(self, root: Path, names: Container[str]) -> list[str]:  # noqa: ARG002
        """What the dataset's own lists name and is not among the recordings `names`."""
        return []

    def file_key(self, file: InputFile) -> object:
        """What tells whether one of `files(root)` has changed, as plain values; None if it cannot be told."""
        try:
            return file.stat_key
        except InputError:
            return None

    def cache_key(self, root: Path) -> object:  # noqa: ARG002
        """What `read` depends on besides the file, as plain values."""
        return None


@dataclass(frozen=True, kw_only=True)
class FilenameDataset(Dataset):
    """A dataset with one recording a file, whose path says the action and the tags.

    Args:
        format: of every file.
        pattern: regular expression for the end of the path; its group `action` is a key of `actions`, every
            other named group a tag, both taken without leading zeros.
        pattern_help: the pattern in words, for messages.
        actions: what the path calls an action -> the class.
        tag_aliases: what the path calls a tag's value -> the value, where they differ.
    """

    format: Format
    pattern: str
    pattern_help: str
    actions: Mapping[str, str]
    tag_aliases: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path) -> list[InputFile]:
        """Every file with the format's suffix; one whose name does not fit is refused by `read`."""
        return find_files(root, [self.format])

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> Iterator[SkeletonSequence]:
        """The recording in `file`."""
        groups = self._groups(file)
        if groups is None:
            raise InputError("the name does not say what it is", where=file.path, expected=self.pattern_help)
        action = groups.pop("action")
        if action not in self.actions:
            raise InputError("unknown action", where=file.path, expected=", ".join(self.actions), got=action)
        tags = {tag: self.tag_aliases.get(value, value) for tag, value in groups.items()}
        for sequence in self.format.read(file, options):
            yield replace(sequence, label=self.actions[action], tags=tags)

    def matches(self, root: Path) -> bool:
        """Whether the first file with a fitting name has the format."""
        first = next((file for file in self.files(root) if self._groups(file)), None) if root.exists() else None
        return first is not None and self.format.matches(first)

    def _groups(self, file: InputFile) -> dict[str, str] | None:
        match = re.search(rf"(?:^|/){self.pattern}$", file.path.as_posix())
        return match and {key: value.lstrip("0") or "0" for key, value in match.groupdict().items()}
