"""Northwestern-UCLA: ten actions of ten subjects, each recorded by three cameras."""

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.nw_ucla import NW_UCLA as FORMAT
from skeletonmae.skeletons import KINECT20

ACTIONS = {
    "1": "pick up with one hand",
    "2": "pick up with two hands",
    "3": "drop trash",
    "4": "walk around",
    "5": "sit down",
    "6": "stand up",
    "8": "donning",
    "9": "doffing",
    "11": "throw",
    "12": "carry",
}

COPIED = ("pick up with two hands", "drop trash")
"""Classes of which, in the files in circulation, camera 3's recordings are exact copies of camera 2's."""

NW_UCLA = FilenameDataset(
    name="nw_ucla",
    title="Northwestern-UCLA",
    source="Wang, Nie, Xia, Wu and Zhu, Cross-view Action Modeling, Learning and Recognition, CVPR 2014",
    license="research only; no license to redistribute",
    skeleton=KINECT20,
    classes=tuple(ACTIONS.values()),
    tags=("subject", "repetition", "camera"),
    splits={
        "view": TagSplit(tag="camera", train=("1", "2"), test=("3",)),
        "view8": TagSplit(
            tag="camera",
            train=("1", "2"),
            test=("3",),
            classes=tuple(name for name in ACTIONS.values() if name not in COPIED),
        ),
    },
    default_split="view",
    format=FORMAT,
    pattern=r"a(?P<action>\d+)_s(?P<subject>\d+)_e(?P<repetition>\d+)_v(?P<camera>\d+)\.json",
    pattern_help="aAA_sSS_eEE_vVV.json",
    actions=ACTIONS,
)
