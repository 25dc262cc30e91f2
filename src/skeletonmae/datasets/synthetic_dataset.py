"""The built-in synthetic motion as a dataset: each virtual file is a range of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.splits import GroupSplit, TagSplit
from skeletonmae.datasets.synthetic import CLASSES, generate
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

RECORDINGS_PER_FILE = 50


@dataclass(frozen=True, kw_only=True)
class SyntheticDataset(Dataset):
    """Synthetic recordings. Use `dataclasses.replace` to change their number and the seed."""

    is_on_disk: ClassVar[bool] = False

    num_recordings: int = 2000
    seed: int = 0

    def files(self, root: Path) -> list[InputFile]:  # noqa: ARG002
        """Return one virtual file for each range of recordings; nothing is on disk."""
        return [InputFile(Path(f"{start:08d}")) for start in range(0, self.num_recordings, RECORDINGS_PER_FILE)]

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,  # noqa: ARG002
    ) -> Iterator[SkeletonSequence]:
        """Generate the recordings of `file`, whose name is the index of the first one."""
        start = int(file.path.name)
        return generate(min(RECORDINGS_PER_FILE, self.num_recordings - start), seed=self.seed, start=start)

    def file_key(self, file: InputFile) -> object:
        """Return the name of the virtual file."""
        return file.path.name

    def cache_key(self, root: Path) -> object:  # noqa: ARG002
        """Return the number of recordings and the seed."""
        return [self.num_recordings, self.seed]

    def matches(self, root: Path) -> bool:  # noqa: ARG002
        """Return False: no folder is this dataset."""
        return False


SYNTHETIC = SyntheticDataset(
    name="synthetic",
    title="Synthetic motion",
    source="this package: forward kinematics of procedural motion",
    license="Apache-2.0, like the package",
    skeleton=NTU25,
    classes=tuple(CLASSES),
    tags=("subject", "camera"),
    splits={
        "subject": GroupSplit(group_by="subject", test_size=0.25),
        "view": TagSplit(tag="camera", train=("1", "2"), test=("3",)),
    },
    default_split="subject",
)
