"""NTU RGB+D 60 and 120: daily actions of one or two persons, recorded by three Kinect v2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from skeletonmae.datasets import ntu_classes as names
from skeletonmae.datasets.dataset import Dataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions, find_files
from skeletonmae.formats.file_listing import list_files
from skeletonmae.formats.ntu import NTU
from skeletonmae.formats.pyskl import PYSKL
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

TAGS = {"S": "setup", "C": "camera", "P": "subject", "R": "repetition"}
BROKEN_SAMPLE_LISTS = "*missing*skeleton*.txt"
NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


@dataclass(frozen=True, kw_only=True)
class NTUDataset(Dataset):
    """Recordings called SsssCcccPpppRrrrAaaa: `.skeleton` files, or a PYSKL pickle of them.

    `ReadOptions.ntu_cleanup` selects the clean-up of the files; a pickle has had PYSKL's own. The owners' lists of
    samples with broken skeletons (`BROKEN_SAMPLE_LISTS`) may lie next to the data. Samples without a body are
    recognized without them.
    """

    def files(self, root: Path) -> list[InputFile]:
        """Find every `.skeleton` file and every pickle of NTU."""
        return [
            file for file in find_files(root, [NTU, PYSKL]) if _is_text(file) or "ntu" in file.path.name.lower()
        ]

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """Read the recordings in `file`."""
        if _is_text(file):
            self._parse_name(file.path.stem, file.path)  # an invalid name raises before the file is read
            if file.path.stem in broken_samples(root):
                raise InputError("the owners list this sample as missing or broken", where=file.path)
        for sequence in (NTU if _is_text(file) else PYSKL).read(file, options):
            try:
                label, tags = self._parse_name(sequence.name, file.path)
            except InputError as error:
                options.on_error(error)
            else:
                yield replace(sequence, label=label, tags=tags)

    def auxiliary_files(self, root: Path) -> list[InputFile]:
        """Return the owners' lists of broken samples."""
        return list_files(root, lambda name: fnmatch(name, BROKEN_SAMPLE_LISTS))

    def matches(self, root: Path) -> bool:
        """Return whether the file names are those of NTU, and of this set by their setups or the pickle's name."""
        if not root.exists():
            return False
        files = self.files(root)
        names = [match for file in files if (match := NAME.fullmatch(file.path.stem))]
        if not names:
            return any(self.name in file.path.name.lower() for file in files)
        has_ntu120_setups = max(int(name[1]) for name in names) > 17
        return has_ntu120_setups == (len(self.classes) == 120)

    def cache_key(self, root: Path) -> object:
        """Return the samples that are listed as broken."""
        broken_samples.cache_clear()
        return sorted(broken_samples(root))

    def _parse_name(self, name: str, path: Path) -> tuple[str, dict[str, str]]:
        match = NAME.fullmatch(name)
        if match is None:
            raise InputError(
                "unexpected name of a sample",
                where=path,
                expected="SsssCcccPpppRrrrAaaa",
                got=name,
            )
        *tags, action = (int(number) for number in match.groups())
        if not 1 <= action <= len(self.classes):
            raise InputError("unknown action", where=path, expected=f"A001 to A{len(self.classes):03d}", got=name)
        return self.classes[action - 1], dict(zip(TAGS.values(), map(str, tags), strict=True))


def _is_text(file: InputFile) -> bool:
    return file.path.suffix.lower() == ".skeleton"


@lru_cache(maxsize=1)
def broken_samples(root: Path) -> frozenset[str]:
    """Return the samples that the owners' lists next to the data name; cached until `cache_key` is called."""
    folder = root if root.is_dir() else root.parent
    texts = (
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob(BROKEN_SAMPLE_LISTS))
    )
    return frozenset(match[0] for text in texts for match in NAME.finditer(text))


NTU60 = NTUDataset(
    name="ntu60",
    title="NTU RGB+D",
    source="Shahroudy, Liu, Ng and Wang, NTU RGB+D, CVPR 2016",
    license="research only; each user signs the owners' agreement",
    skeleton=NTU25,
    classes=names.CLASSES_60,
    tags=tuple(TAGS.values()),
    splits={
        "xsub": TagSplit(tag="subject", train=names.XSUB60_TRAIN, test=names.XSUB60_TEST),
        "xview": TagSplit(tag="camera", train=names.XVIEW_TRAIN, test=names.XVIEW_TEST),
    },
    default_split="xsub",
)

NTU120 = NTUDataset(
    name="ntu120",
    title="NTU RGB+D 120",
    source="Liu et al., NTU RGB+D 120, TPAMI 2020",
    license="research only; each user signs the owners' agreement",
    skeleton=NTU25,
    classes=names.CLASSES_120,
    tags=tuple(TAGS.values()),
    splits={
        "xsub": TagSplit(tag="subject", train=names.XSUB120_TRAIN, test=names.XSUB120_TEST),
        "xset": TagSplit(tag="setup", train=names.XSET_TRAIN, test=names.XSET_TEST),
    },
    default_split="xsub",
)
