"""Bandai-Namco Research motion datasets 1 and 2: motion capture of 25 contents in several styles.

The class is the content in the name of the file, and its style is a tag. Neither the names nor the files state the
actor. The makers gave no split.
"""

from skeletonmae.datasets.dataset import FilenameDataset
from skeletonmae.datasets.splits import StratifiedSplit
from skeletonmae.formats.bvh import BVH

CONTENTS = (
    "bow", "bye", "byebye", "call", "dance-long", "dance-short", "dash", "guide", "kick", "punch", "respond",
    "run", "slash", "walk", "walk-back", "walk-left", "walk-right",
    "raise-up-both-hands", "raise-up-left-hand", "raise-up-right-hand", "walk-turn-left", "walk-turn-right",
    "wave-both-hands", "wave-left-hand", "wave-right-hand",
)  # fmt: skip
"""The 17 contents of dataset 1, then those of dataset 2 that are new (it has `run` and `walk` too)."""

BANDAI_NAMCO = FilenameDataset(
    name="bandai_namco",
    title="Bandai-Namco Research Motiondataset 1 and 2",
    source="Kobayashi et al., Motion Capture Dataset for Practical Use of AI-based Motion Editing, arXiv, 2023",
    license="CC BY-NC 4.0",
    skeleton=None,
    classes=CONTENTS,
    tags=("dataset", "style", "take"),
    splits={"stratified": StratifiedSplit()},
    default_split="stratified",
    format=BVH,
    pattern=r"dataset-(?P<dataset>[12])_(?P<action>[a-z-]+)_(?P<style>[a-z-]+)_(?P<take>\d+)\.bvh",
    pattern_help="dataset-N_CONTENT_STYLE_NNN.bvh",
    actions={content: content for content in CONTENTS},
)
