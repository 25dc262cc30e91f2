"""SBU Kinect Interaction: eight interactions of two persons, by seven persons in 21 pairs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats import DEFAULT_OPTIONS, InputFile, ReadOptions
from skeletonmae.formats.sbu import SBU as FORMAT
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import SBU15

CLASSES = (
    "approaching", "departing", "kicking", "pushing", "shaking hands", "hugging", "exchanging", "punching",
)  # fmt: skip
FOLDS = (
    ("s01s02", "s03s04", "s05s02", "s06s04"),
    ("s02s03", "s02s07", "s03s05", "s05s03"),
    ("s01s03", "s01s07", "s07s01", "s07s03"),
    ("s02s01", "s02s06", "s03s02", "s03s06"),
    ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
)


@dataclass(frozen=True, kw_only=True)
class SBUDataset(FilenameDataset):
    """All files have the same name; their folders give the label and the tags."""

    def read(
        self, file: InputFile, root: Path, options: ReadOptions = DEFAULT_OPTIONS
    ) -> Iterator[SkeletonSequence]:
        """Read the recording in `file`, named after its folders."""
        for sequence in super().read(file, root, options):
            yield replace(sequence, name="_".join(file.path.parts[-4:-1]))


SBU = SBUDataset(
    name="sbu",
    title="SBU Kinect Interaction",
    source="Yun et al., Two-person Interaction Detection Using Body-Pose Features, CVPR Workshops 2012",
    license="research only; no license to redistribute",
    skeleton=SBU15,
    classes=CLASSES,
    tags=("pair", "trial"),
    splits={
        f"fold{number}": TagSplit(
            tag="pair",
            train=tuple(pair for other in FOLDS if other is not fold for pair in other),
            test=fold,
        )
        for number, fold in enumerate(FOLDS, start=1)
    },
    default_split="fold1",
    format=FORMAT,
    pattern=r"(?P<pair>s\d\ds\d\d)/(?P<action>\d+)/(?P<trial>\d+)/skeleton_pos\.txt",
    pattern_help="sAAsBB/CC/NNN/skeleton_pos.txt",
    actions={str(number): name for number, name in enumerate(CLASSES, start=1)},
)
