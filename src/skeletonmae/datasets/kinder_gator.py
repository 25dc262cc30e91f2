"""Kinder-Gator: 58 motions of ten adults and ten children.

Its authors define no split. Here every second subject of each group, by ascending number, is for testing, so that
both sides have five adults and five children. The number of a motion differs between persons; its name does not.
"""

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.kinder_gator import KINDER_GATOR as FORMAT
from skeletonmae.skeletons import KINECT20

CLASSES = (
    "raise your hand", "raise your other hand", "wave your hand", "wave your other hand", "bow",
    "raise your arm to one side", "raise your arm to the other side",
    "bend your knee while raising your leg", "bend your other knee while raising your leg",
    "put your hands on your hips and lean to the side",
    "put your hands on your hips and lean to the other side", "put your hands on your hips and twist",
    "touch your toes", "do a forward lunge", "lift your leg to one side", "lift your leg to the other side",
    "walk in place", "walk in place as fast as you can", "run in place", "run in place as fast as you can",
    "jump", "jump as high as you can", "do two jumping jacks", "point at the camera",
    "signal someone to stop", "signal someone to come here",
    "draw a circle", "draw a square", "draw a triangle", "draw the letter A", "draw the letter C",
    "draw the letter K", "draw the letter M", "draw the letter X",
    "make the letter A", "make the letter C", "make the letter K", "make the letter M", "make the letter P",
    "make the letter T", "make the letter X", "make the letter Y",
    "push an imaginary button in front of you",
    "swipe across an imaginary screen in front of you from right to left",
    "swipe across an imaginary screen in front of you from left to right",
    "fly like a bird", "fly like an airplane", "swim",
    "kick a ball", "kick a ball as far as you can", "kick a ball with the other leg",
    "kick a ball as far as you can with the other leg",
    "throw a ball", "throw a ball as far as you can", "throw a ball with your other arm",
    "throw a ball as far as you can with the other arm",
    "punch", "climb an imaginary ladder",
)  # fmt: skip
ADULTS = ("565", "577", "604", "734", "876", "888", "921", "934", "970", "976")
CHILDREN = ("103", "106", "169", "290", "337", "342", "474", "595", "644", "723")


def _name_in_file(name: str) -> str:
    """Name of a motion in the file names, including a typo in them."""
    text = name.replace("climb an ", "climb and ").replace(" ", "-")
    return text[0].upper() + text[1:]


KINDER_GATOR = FilenameDataset(
    name="kinder_gator",
    title="Kinder-Gator",
    source="Aloba et al., Kinder-Gator: The UF Kinect Database of Child and Adult Motion, Eurographics 2018",
    license="research only; no license to redistribute",
    skeleton=KINECT20,
    classes=CLASSES,
    tags=("group", "subject"),
    splits={
        "subject": TagSplit(tag="subject", train=ADULTS[::2] + CHILDREN[::2], test=ADULTS[1::2] + CHILDREN[1::2])
    },
    default_split="subject",
    format=FORMAT,
    pattern=r"(?P<group>Adults|Children)/POSE-p(?P<subject>\d+)_\d+-(?P<action>.+?)-+\d+\.csv",
    pattern_help="Adults or Children, then POSE-pSUBJECT_NUMBER-Name-of-the-motion-TIME.csv",
    actions={_name_in_file(name): name for name in CLASSES},
    tag_aliases={"Adults": "adult", "Children": "child"},
)
