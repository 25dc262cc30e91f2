"""How far apart joints are over time: the same in a recording that was turned, moved, scaled or converted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8

from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.derived import mirror_name
from skeletonmae.validation.block import Block

SAMPLES = 40
"""Moments of an outline, evenly spaced from the first to the last frame."""
STEP = 1 / 48
"""What 1 means in `Outlines.series`: a share of the body's scale; about 1 cm."""
FEWEST = 5
"""Frames under which a person has no outline."""
MOST = 22
"""Pairs of joints."""
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
CORE = tuple(f"{side}_{limb}" for side in ("left", "right") for limb in LIMBS)
"""Joints that nearly all layouts of a body have."""
INSTEAD = {"wrist": "hand", "ankle": "foot"}
SAME_SIDE = ("shoulder hip", "wrist shoulder", "wrist hip", "elbow hip", "ankle hip", "knee shoulder")
OTHER_SIDE = ("shoulder hip", "wrist shoulder", "ankle hip")
ACROSS = ("elbow", "wrist", "knee", "ankle")

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Outlines:
    """Distances between the same pairs of joints at 40 moments, of many persons.

    Args:
        pairs: the joints.
        axes: 2 or 3.
        layouts: names of the layouts.
        owner: number of the recording of each track.
        frames: of each track.
        series: the distances over the mean one of `scale_of`, in `STEP`; 0 if never observed. The first view is
            that of the first two axes, the last of all.
    """

    pairs: tuple[Pair, ...]
    axes: int
    layouts: frozenset[str]
    owner: Int[np.ndarray, " track"]
    frames: Int[np.ndarray, " track"]
    series: UInt8[np.ndarray, "track view 40 pair"]

    @property
    def kind(self) -> tuple[object, ...]:
        """Those of one kind can be joined."""
        return self.pairs, self.axes

    @classmethod
    def joined(cls, parts: Sequence[Outlines]) -> Outlines:
        """All persons of `parts`."""
        arrays = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("owner", "frames", "series")
        )
        return cls(parts[0].pairs, parts[0].axes, frozenset().union(*(part.layouts for part in parts)), *arrays)

    def of(self, recordings: Int[np.ndarray, " recording"]) -> Outlines:
        """The persons of some recordings."""
        kept = np.isin(self.owner, recordings)
        arrays = self.owner[kept], self.frames[kept], self.series[kept]
        return Outlines(self.pairs, self.axes, self.layouts, *arrays)


def outlines(block: Block, first: int = 0) -> Iterator[Outlines]:
    """The outlines of the tracks of at least 5 frames, if there are any; recordings are numbered from `first`."""
    tracks = np.flatnonzero(block.lengths >= FEWEST)
    pairs = pairs_of(block.skeleton)
    if not len(tracks) or not pairs:
        return
    one, other = np.array([[block.skeleton.index[joint] for joint in pair] for pair in pairs]).T
    seen = block.observed[:, one] & block.observed[:, other]
    apart = np.square(block.positions[:, one] - block.positions[:, other])
    plane = apart[..., 0] + apart[..., 1]
    views = [plane] if block.axes == 2 else [plane, plane + apart[..., 2]]
    values = np.stack([_filled(block, np.sqrt(view), seen) for view in views], 1)
    when = np.linspace(0, 1, SAMPLES) * (block.lengths[tracks, None] - 1)
    before = np.minimum(when.astype(np.int64), block.lengths[tracks, None] - 2)
    row = block.starts[tracks, None] + before
    share = (when - before)[..., None, None].astype(np.float32)
    sampled = np.moveaxis(values[row] * (1 - share) + values[row + 1] * share, 2, 1)
    never = np.repeat((block.sums(seen)[tracks] == 0)[:, None, None], SAMPLES, 2)
    sampled = np.ma.array(sampled, mask=np.broadcast_to(never, sampled.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = sampled / sampled[..., : scale_of(pairs)].mean((2, 3), keepdims=True) / STEP
    series = np.clip(np.rint(relative), 1, 255).filled(0).astype(np.uint8)
    names = frozenset([block.skeleton.name])
    yield Outlines(pairs, block.axes, names, block.owner[tracks] + first, block.lengths[tracks], series)


@cache
def pairs_of(skeleton: Skeleton) -> tuple[Pair, ...]:
    """The pairs of a layout: of a body those of `CORE` that it has, of another at most 22 all over it.

    The first four of a body are its trunk. A hand may stand in for a wrist, and a foot for an ankle; but then
    they are not the same pair as in a layout with wrists and ankles.
    """
    index = skeleton.index
    names = {f"{side}_{limb}": f"{side}_{limb}" for side in ("left", "right") for limb in LIMBS}
    for side in ("left", "right"):
        for limb, instead in INSTEAD.items():
            if f"{side}_{limb}" not in index:
                names[f"{side}_{limb}"] = f"{side}_{instead}"
    turned = {"left": "right", "right": "left"}
    wanted = [
        (names[f"{side}_{one}"], names[f"{turned[side] if crossed else side}_{other}"])
        for pair, crossed in (
            *((SAME_SIDE[0], False), (OTHER_SIDE[0], True)),
            *((pair, False) for pair in SAME_SIDE[1:]),
            *((pair, True) for pair in OTHER_SIDE[1:]),
        )
        for one, other in [pair.split()]
        for side in ("left", "right")
    ] + [(names[f"left_{limb}"], names[f"right_{limb}"]) for limb in ACROSS]
    there = tuple(pair for pair in wanted if pair[0] in index and pair[1] in index)
    if is_body(there):
        return there
    joints, half = skeleton.joints, len(skeleton.joints) // 2
    chosen = np.unique(np.linspace(0, len(joints) - 1, min(len(joints), MOST)).astype(int)).tolist()
    across = [(joints[place], joints[(place + half) % len(joints)]) for place in chosen]
    return tuple({frozenset(pair): pair for pair in across if pair[0] != pair[1]}.values())


def is_body(pairs: Sequence[Pair]) -> bool:
    """Whether these are pairs of a body: with its trunk, elbows and knees."""
    return (
        len(pairs) >= 10 and pairs[0] == ("left_shoulder", "left_hip") and ("left_knee", "left_shoulder") in pairs
    )


def scale_of(pairs: Sequence[Pair]) -> int:
    """How many of the pairs, from the first, say the scale: the trunk, or all where there is none."""
    return 4 if is_body(pairs) else len(pairs)


def mirrored(pairs: Sequence[Pair]) -> Int[np.ndarray, " pair"]:
    """The place of each pair's mirror; its own if not all have one."""
    places = {frozenset(pair): place for place, pair in enumerate(pairs)}
    found = [places.get(frozenset(mirror_name(joint) for joint in pair)) for pair in pairs]
    return np.array(range(len(pairs)) if None in found else found, dtype=np.int64)


def _filled(block: Block, values: np.ndarray, seen: np.ndarray) -> Float[np.ndarray, "row pair"]:
    """What is not seen, from the nearest rows of the same track in which it is."""
    if seen.all():
        return values
    when = np.arange(len(values)) + 1e9 * block.track  # tracks so far apart that none reaches into the next
    for pair in np.flatnonzero(~seen.all(0) & seen.any(0)).tolist():
        known = seen[:, pair]
        values[:, pair] = np.interp(when, when[known], values[known, pair])
    return values
