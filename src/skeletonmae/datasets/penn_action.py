"""Penn Action: fifteen sports and exercises in videos from the web, with thirteen hand-annotated joints."""

from skeletonmae.datasets.labeled_files import LabeledFilesDataset
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.formats.penn_action import PENN_ACTION as FORMAT
from skeletonmae.skeletons import PENN13

PENN_ACTION = LabeledFilesDataset(
    name="penn_action",
    title="Penn Action",
    source="Zhang, Zhu and Derpanis, From Actemes to Action, ICCV 2013",
    license="research only; no license to redistribute",
    skeleton=PENN13,
    classes=(
        "baseball pitch", "baseball swing", "bench press", "bowl", "clean and jerk", "golf swing", "jump rope",
        "jumping jacks", "pullup", "pushup", "situp", "squat", "strum guitar", "tennis forehand", "tennis serve",
    ),
    tags=("split",),
    splits={"given": TagSplit(tag="split", train=("train",), test=("test",))},
    default_split="given",
    format=FORMAT,
    file_pattern=r"\d+\.mat",
    pattern_help="NNNN.mat",
)  # fmt: skip
