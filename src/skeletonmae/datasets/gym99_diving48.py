"""FineGym (Gym99) and Diving48 as distributed by PYSKL: 2D poses estimated by HRNet, with the original splits."""

from skeletonmae.datasets import diving48_classes, gym99_classes
from skeletonmae.datasets.labeled_files import LabeledFilesDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.pyskl import PYSKL
from skeletonmae.skeletons import COCO17

GYM99 = LabeledFilesDataset(
    name="gym99",
    title="FineGym, Gym99",
    source="Shao et al., FineGym, CVPR 2020; poses: Duan et al., PYSKL, ACM Multimedia 2022",
    license="research only; see the terms of its owners",
    skeleton=COCO17,
    classes=gym99_classes.CLASSES,
    tags=("split",),
    splits={"given": TagSplit(tag="split", train=("train",), test=("val",))},
    default_split="given",
    format=PYSKL,
    file_pattern=r"(?i).*gym.*\.pkl",
    pattern_help="gym_hrnet.pkl",
    actions={str(number): name for number, name in enumerate(gym99_classes.CLASSES)},
)

DIVING48 = LabeledFilesDataset(
    name="diving48",
    title="Diving48",
    source="Li, Li and Vasconcelos, RESOUND, ECCV 2018; poses: Duan et al., PYSKL, ACM Multimedia 2022",
    license="research only; see the terms of its owners",
    skeleton=COCO17,
    classes=diving48_classes.CLASSES,
    tags=("split",),
    splits={"given": TagSplit(tag="split", train=("train",), test=("test",))},
    default_split="given",
    format=PYSKL,
    file_pattern=r"(?i).*diving.*\.pkl",
    pattern_help="diving48_hrnet.pkl",
    actions={str(number): name for number, name in enumerate(diving48_classes.CLASSES)},
)
