"""MSR-Action3D: twenty actions of ten subjects, each performed two or three times."""

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.msr_action3d import MSR_ACTION3D as FORMAT
from skeletonmae.skeletons import KINECT20

CLASSES = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side boxing", "bend", "forward kick",
    "side kick", "jogging", "tennis swing", "tennis serve", "golf swing", "pick up and throw",
)  # fmt: skip

ODD, EVEN = ("1", "3", "5", "7", "9"), ("2", "4", "6", "8", "10")
SUBSETS = {
    "as1": (2, 3, 5, 6, 10, 13, 18, 20),
    "as2": (1, 4, 7, 8, 9, 11, 12, 14),
    "as3": (6, 14, 15, 16, 17, 18, 19, 20),
}
"""The action sets of Li, Zhang and Liu: the first two hold similar actions, the third complex ones."""

MSR_ACTION3D = FilenameDataset(
    name="msr_action3d",
    title="MSR-Action3D",
    source="Li, Zhang and Liu, Action Recognition Based on a Bag of 3D Points, CVPR Workshops 2010",
    license="research only; no license to redistribute",
    skeleton=KINECT20,
    classes=CLASSES,
    tags=("subject", "trial"),
    splits={
        "subject": TagSplit(tag="subject", train=ODD, test=EVEN),
        **{
            name: TagSplit(tag="subject", train=ODD, test=EVEN, classes=tuple(CLASSES[n - 1] for n in numbers))
            for name, numbers in SUBSETS.items()
        },
    },
    default_split="subject",
    format=FORMAT,
    pattern=r"a(?P<action>\d+)_s(?P<subject>\d+)_e(?P<trial>\d+)_skeleton3D\.txt",
    pattern_help="aAA_sSS_eEE_skeleton3D.txt",
    actions={str(number): name for number, name in enumerate(CLASSES, start=1)},
)
