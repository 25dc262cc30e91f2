"""What a dataset is: files, the class and tags of each, and the rules that split them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from skeletonmae.datasets.splits import SplitRule
from skeletonmae.errors import InputError
from skeletonmae.formats import Format
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """Where recordings are, what they are called, and which train and which test.

    Args:
        name: in `DATASETS`.
        title: for people.
        source: who made it and where it was published.
        terms: what its owners allow.
        skeleton: the layout of its recordings; None if it depends on the files.
        classes: names of the actions in the order that numbers them; empty if it depends on the files.
        tags: what is known of a recording besides its action.
        splits: name -> rule.
        default_split: the one that its users report.
    """

    name: str
    title: str
    source: str
    terms: str
    skeleton: Skeleton | None
    classes: tuple[str, ...]
    tags: tuple[str, ...] = ()
    splits: Mapping[str, SplitRule]
    default_split: str

    @abstractmethod
    def files(self, root: Path) -> list[Path]:
        """The files of the dataset under `root`, sorted.

        Raises:
            InputError: there is no such folder.
        """

    @abstractmethod
    def read(self, path: Path, root: Path) -> Iterator[SkeletonSequence]:
        """The recordings in one of `files(root)`, labelled and tagged.

        Raises:
            InputError: the file is damaged, or its name does not say what it should.
        """

    @abstractmethod
    def matches(self, root: Path) -> bool:
        """Whether `root` looks like this dataset."""


@dataclass(frozen=True, kw_only=True)
class NamedFiles(Dataset):
    """A dataset with one recording a file, whose path says the action and the tags.

    Args:
        format: of every file.
        pattern: regular expression for the end of the path; its group `action` is a key of `actions`, every
            other named group a tag, both taken without leading zeros.
        shape: the pattern in words, for messages.
        actions: what the path calls an action -> the class.
        renamed: what the path calls a tag's value -> the value, where they differ.
    """

    format: Format
    pattern: str
    shape: str
    actions: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def files(self, root: Path) -> list[Path]:
        """Every file with the format's suffix; one whose name does not fit is refused by `read`."""
        return files_under(root, {self.format.suffix})

    def read(self, path: Path, root: Path) -> Iterator[SkeletonSequence]:  # noqa: ARG002
        """The recording in `path`."""
        groups = self._groups(path)
        if groups is None:
            raise InputError("the name does not say what it is", where=path, expected=self.shape)
        action = groups.pop("action")
        if action not in self.actions:
            raise InputError("unknown action", where=path, expected=", ".join(self.actions), got=action)
        tags = {tag: self.renamed.get(value, value) for tag, value in groups.items()}
        for sequence in self.format.read(path):
            yield replace(sequence, label=self.actions[action], tags=tags)

    def matches(self, root: Path) -> bool:
        """Whether the first file with a fitting name has the format."""
        if not root.is_dir():
            return False
        first = next((path for path in self.files(root) if self._groups(path)), None)
        return first is not None and self.format.matches(first)

    def _groups(self, path: Path) -> dict[str, str] | None:
        match = re.search(rf"(?:^|/){self.pattern}$", path.as_posix())
        return match and {key: value.lstrip("0") or "0" for key, value in match.groupdict().items()}


def files_under(root: Path, suffixes: set[str]) -> list[Path]:
    """The files under `root` whose names end in one of `suffixes`, sorted; hidden ones are left out.

    Raises:
        InputError: there is no such folder.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise InputError("there is no such folder", where=root)
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts))
