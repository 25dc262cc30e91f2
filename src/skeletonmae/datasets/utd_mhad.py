"""UTD-MHAD: 27 actions of eight subjects, each performed four times."""

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.utd_mhad import UTD_MHAD as FORMAT
from skeletonmae.skeletons import KINECT20

CLASSES = (
    "swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot", "draw x",
    "draw circle clockwise", "draw circle counter-clockwise", "draw triangle", "bowling", "boxing",
    "baseball swing", "tennis swing", "arm curl", "tennis serve", "push", "knock", "catch",
    "pick up and throw", "jog", "walk", "sit to stand", "stand to sit", "lunge", "squat",
)  # fmt: skip

UTD_MHAD = FilenameDataset(
    name="utd_mhad",
    title="UTD-MHAD",
    source="Chen, Jafari and Kehtarnavaz, UTD-MHAD: A Multimodal Dataset for Human Action Recognition "
    "Utilizing a Depth Camera and a Wearable Inertial Sensor, ICIP 2015",
    license="research only; no license to redistribute",
    skeleton=KINECT20,
    classes=CLASSES,
    tags=("subject", "trial"),
    splits={"subject": TagSplit(tag="subject", train=("1", "3", "5", "7"), test=("2", "4", "6", "8"))},
    default_split="subject",
    format=FORMAT,
    pattern=r"a(?P<action>\d+)_s(?P<subject>\d+)_t(?P<trial>\d+)_skeleton\.mat",
    pattern_help="aA_sS_tT_skeleton.mat",
    actions={str(number): name for number, name in enumerate(CLASSES, start=1)},
)
