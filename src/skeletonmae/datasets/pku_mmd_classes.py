"""PKU-MMD: the names of its actions and the sides of its splits.

Videos of part I have names such as `0002-L` (number, camera), those of part II such as `A01N02-L` (sequence,
subject, camera). The owners define the sides by lists of videos; these are the same sides as rules.

Source: Liu, Hu, Li, Song and Liu, PKU-MMD: A Large Scale Benchmark for Continuous Multi-Modal Human Action
Understanding, ACM Multimedia Workshops 2017.
"""

from __future__ import annotations

CLASSES = (
    "bow", "brushing hair", "brushing teeth", "check time (from watch)", "cheer up", "clapping",
    "cross hands in front (say stop)", "drink water", "drop", "eat meal/snack", "falling",
    "giving something to other person", "hand waving", "handshaking", "hopping (one foot jumping)",
    "hugging other person", "jump up", "kicking other person", "kicking something",
    "make a phone call/answer phone", "pat on back of other person", "pickup", "playing with phone/tablet",
    "point finger at the other person", "pointing to something with finger", "punching/slapping other person",
    "pushing other person", "put on a hat/cap", "put something inside pocket", "reading",
    "rub two hands together", "salute", "sitting down", "standing up", "take off a hat/cap", "take off glasses",
    "take off jacket", "take out something from pocket", "taking a selfie", "tear up paper", "throw",
    "touch back (backache)", "touch chest (stomachache/heart pain)", "touch head (headache)",
    "touch neck (neckache)", "typing on a keyboard", "use a fan (with hand or paper)/feeling warm",
    "wear jacket", "wear on glasses", "wipe face", "writing",
)  # fmt: skip
"""Labels 1 to 51 of part I, in this order."""


def _named(*labels: int) -> tuple[str, ...]:
    return tuple(CLASSES[label - 1] for label in labels)


MUTUAL = _named(12, 14, 16, 18, 21, 24, 26, 27)
"""Classes with two persons."""

PART2_CLASSES = tuple(name for name in CLASSES if name not in (*MUTUAL, *_named(29, 38)))
"""The 41 classes of part II: without two persons, and without a pocket. Labels are those of part I."""

XVIEW_TRAIN = ("M", "R")
"""Cameras of the training side, both parts: middle and right."""
XVIEW_TEST = ("L",)
"""Camera of the test side: left."""

PART1_XSUB_TEST = tuple(map(str, range(291, 335)))
"""Numbers of the videos of the nine test subjects of part I; three cameras each make 132 videos."""
PART1_XSUB_TRAIN = tuple(map(str, (*range(1, 291), *range(335, 365))))
"""Numbers of the videos of the other 57 subjects, 944 videos; not every number and camera exists."""

PART2_XSUB_TEST = ("2", "3", "7")
"""Test subjects of part II: 234 videos."""
PART2_XSUB_TRAIN = ("1", "4", "5", "6", "8", "9", "10", "11", "12", "13")
"""The other ten subjects of part II: 775 videos."""
