"""NTU RGB+D 120: the names of its actions and the sides of its splits; NTU RGB+D 60 is the first half.

Sources: Shahroudy, Liu, Ng and Wang, CVPR 2016; Liu, Shahroudy, Perez, Wang, Duan and Kot, TPAMI 2019.
"""

from __future__ import annotations

CLASSES_120 = (
    "drink water", "eat meal", "brush teeth", "brush hair", "drop", "pick up", "throw", "sit down", "stand up",
    "clapping", "reading", "writing", "tear up paper", "put on jacket", "take off jacket", "put on a shoe",
    "take off a shoe", "put on glasses", "take off glasses", "put on a hat/cap", "take off a hat/cap", "cheer up",
    "hand waving", "kicking something", "reach into pocket", "hopping", "jump up", "phone call",
    "play with phone/tablet", "type on a keyboard", "point to something", "taking a selfie",
    "check time (from watch)", "rub two hands", "nod head/bow", "shake head", "wipe face", "salute",
    "put palms together", "cross hands in front", "sneeze/cough", "staggering", "falling down", "headache",
    "chest pain", "back pain", "neck pain", "nausea/vomiting", "fan self", "punch/slap", "kicking", "pushing",
    "pat on back", "point finger", "hugging", "giving object", "touch pocket", "shaking hands",
    "walking towards", "walking apart",
    "put on headphone", "take off headphone", "shoot at basket", "bounce ball", "tennis bat swing",
    "juggle table tennis ball", "hush", "flick hair", "thumb up", "thumb down", "make OK sign",
    "make victory sign", "staple book", "counting money", "cutting nails", "cutting paper", "snap fingers",
    "open bottle", "sniff/smell", "squat down", "toss a coin", "fold paper", "ball up paper", "play magic cube",
    "apply cream on face", "apply cream on hand", "put on bag", "take off bag", "put object into bag",
    "take object out of bag", "open a box", "move heavy objects", "shake fist", "throw up cap/hat", "capitulate",
    "cross arms", "arm circles", "arm swings", "run on the spot", "butt kicks", "cross toe touch", "side kick",
    "yawn", "stretch oneself", "blow nose", "hit with object", "wield knife", "knock over", "grab stuff",
    "shoot with gun", "step on foot", "high-five", "cheers and drink", "carry object", "take a photo", "follow",
    "whisper", "exchange things", "support somebody", "rock-paper-scissors",
)  # fmt: skip
"""A001 to A120, in this order."""

CLASSES_60 = CLASSES_120[:60]
"""A001 to A060."""

MUTUAL = CLASSES_120[49:60] + CLASSES_120[105:]
"""Classes with two persons: A050 to A060 and A106 to A120."""


def _others(count: int, train: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(number for number in map(str, range(1, count + 1)) if number not in train)


XSUB60_TRAIN = (
    "1", "2", "4", "5", "8", "9", "13", "14", "15", "16", "17", "18", "19", "25", "27", "28", "31", "34", "35",
    "38",
)  # fmt: skip
"""Subjects of the training side of NTU RGB+D 60."""
XSUB60_TEST = _others(40, XSUB60_TRAIN)
"""The other 20 subjects."""

XSUB120_TRAIN = (
    *XSUB60_TRAIN,
    "45", "46", "47", "49", "50", "52", "53", "54", "55", "56", "57", "58", "59", "70", "74", "78", "80", "81",
    "82", "83", "84", "85", "86", "89", "91", "92", "93", "94", "95", "97", "98", "100", "103",
)  # fmt: skip
"""Subjects of the training side of NTU RGB+D 120."""
XSUB120_TEST = _others(106, XSUB120_TRAIN)
"""The other 53 subjects."""

XVIEW_TRAIN = ("2", "3")
"""Cameras of the training side (NTU RGB+D 60)."""
XVIEW_TEST = ("1",)
"""Camera of the test side."""

XSET_TRAIN = tuple(map(str, range(2, 33, 2)))
"""Setups of the training side (NTU RGB+D 120): the even ones."""
XSET_TEST = _others(32, XSET_TRAIN)
"""Setups of the test side: the odd ones."""
