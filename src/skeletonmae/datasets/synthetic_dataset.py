"""The built-in synthetic motion as a dataset: a virtual file is a run of recordings from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.splits import GroupSplit, TagSplit
from skeletonmae.datasets.synthetic import CLASSES, generate
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

RUN = 50


@dataclass(frozen=True, kw_only=True)
class SyntheticDataset(Dataset):
    """Synthetic recordings; `dataclasses.replace` changes how many and from which seed."""

    num_recordings: int = 2000
    seed: int = 0

    def files(self, root: Path) -> list[InputFile]:  # noqa: ARG002
        """One virtual file for each run of recordings; there is nothing on disk."""
        return [InputFile(Path(f"{start:08d}")) for start in range(0, self.num_recordings, RUN)]

    def read(
        self,
        file: InputFile,
        root: Path,  # noqa: ARG002
        options: ReadOptions = DEFAULT_OPTIONS,  # noqa: ARG002
    ) -> Iterator[SkeletonSequence]:
        """The run of recordings that starts at the number in the name of `file`."""
        start = int(file.path.name)
        return generate(min(RUN, self.num_recordings - start), seed=self.seed, start=start)

    def file_key(self, file: InputFile) -> object:
        """Its number; there is nothing on disk."""
        return file.path.name

    def cache_key(self, root: Path) -> object:  # noqa: ARG002
        """How many, and from which seed."""
        return [self.num_recordings, self.seed]

    def matches(self, root: Path) -> bool:  # noqa: ARG002
        """No folder is this dataset."""
        return False


SYNTHETIC = SyntheticDataset(
    name="synthetic",
    title="Synthetic motion",
    source="this package: forward kinematics from a seed",
    license="Apache-2.0, as the package",
    skeleton=NTU25,
    classes=tuple(CLASSES),
    tags=("subject", "camera"),
    splits={
        "subject": GroupSplit(group_by="subject", test_size=0.25),
        "view": TagSplit(tag="camera", train=("1", "2"), test=("3",)),
    },
    default_split="subject",
)
