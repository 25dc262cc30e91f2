"""What is said of recordings beside their features: what is not used of them, and what makes features doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from skeletonmae.checkpoint import Header
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.validation.anatomy import BOTTOM, TOP
from skeletonmae.validation.finding import pluralize

MAX_DISTANCE = 1e4
"""Distance from the origin, in standard deviations of the coordinates, from which float32 rounds movements."""
MIN_UPRIGHT = 0.3
"""Cosine of the mean way from feet to head with the y axis, below which a body is not upright."""
MAX_UNSEEN = 0.1
"""Share of frames at the beginning and the end in which nobody is seen, of which nothing is said."""
MIN_SEEN = 0.05
"""Share of what is seen of the best seen person, below which another one is hardly seen."""
REMARKS = {
    "one joint": "in {}, only one joint was observed: without a body size, features depend on the unit",
    "fractions": "in {}, positions are fractions of the picture: if it is not square, give pixels",
    "far": "in {}, bodies are so far from the origin that movements are rounded; move the origin nearer to them",
    "lying": "in {}, the head is not above the feet along y; if nobody lies, state what points up (up, --up z)",
    "unseen": "in {}, nobody is seen in many of the first or last frames, which count as time; cut them off",
    "hardly seen": "in {}, a person who is hardly seen counts as much as the others; leave such persons out",
}
"""What makes the features of a recording doubtful, with the recordings in place of the braces."""


@dataclass
class RecordingCounts:
    """Numbers of recordings of which not everything is used, over all stores and blocks.

    Args:
        total: Number of recordings.
        without_rate: Number of recordings without a frame rate.
        crowded: Number of recordings with more persons than the encoder reads.
        axes: Numbers of recordings by their number of axes, as the encoder reads them.
        remarks: Numbers of recordings by the keys of `REMARKS`.
    """

    total: int = 0
    without_rate: int = 0
    crowded: int = 0
    axes: Counter[int] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)

    def add(self, header: Header, store: SequenceStore) -> None:
        """Count the recordings of a store."""
        self.total += len(store)
        self.axes[store.axes] += len(store)
        self.without_rate += sum(int(np.isnan(shard.fps).sum()) for shard in store.shards)
        self.crowded += int((store.num_persons > header.clips.max_persons).sum())
        for index in range(len(store)):
            self.remarks.update(remarks(store[index], header.clips.max_persons))

    def notes(self, header: Header) -> Iterator[str]:
        """Say how many recordings an encoder does not use whole, and whether their features can be compared."""
        if self.axes[2] and self.axes[3]:
            is_or_are = "is" if self.axes[2] == 1 else "are"
            yield (
                f"{pluralize(self.axes[2], 'recording')} {is_or_are} 2D and {self.axes[3]} 3D; the features of one"
                " motion in 2D and in 3D differ, so compare and classify each kind by itself"
            )
        if self.without_rate and header.method.reads_any_layout:
            yield (
                f"{self.without_rate} of {pluralize(self.total, 'recording')} have no frame rate, so the encoder"
                " does not know how fast they move; if you know it, give it (fps, --fps)"
            )
        if self.crowded:
            max_persons = header.clips.max_persons
            persons = "person was" if max_persons == 1 else f"{max_persons} persons were"
            recordings = pluralize(self.crowded, "recording")
            yield f"in {recordings}, only the first {persons} used; per person, all of them are"
        for remark, text in REMARKS.items():
            if count := self.remarks[remark]:
                yield text.format(pluralize(count, "recording"))


def remarks(recording: SkeletonSequence, max_persons: int) -> Iterator[str]:
    """Yield what makes the features of a recording doubtful, as keys of `REMARKS`.

    Args:
        recording: The recording.
        max_persons: Number of persons that the encoder reads.
    """
    observed = recording.observed[:max_persons]
    if not observed.any():
        return
    if recording.skeleton.num_joints == 1 or observed.any((0, 1)).sum() == 1:
        yield "one joint"
    if recording.unit == "image":
        yield "fractions"
    joints = recording.positions[:max_persons][observed].astype(np.float64)
    if np.abs(joints.mean(0)).max() > MAX_DISTANCE * joints.std(0).max() > 0:
        yield "far"
    if recording.positions.shape[3] == 3 and upright(recording) < MIN_UPRIGHT:
        yield "lying"
    frames = np.flatnonzero(observed.any((0, 2)))
    if frames[-1] + 1 - frames[0] < (1 - MAX_UNSEEN) * observed.shape[1]:
        yield "unseen"
    by_person = observed.sum((1, 2))
    if by_person[by_person > 0].min() < MIN_SEEN * by_person.max():
        yield "hardly seen"


def upright(recording: SkeletonSequence) -> float:
    """Return the cosine of the first person's mean way from feet to head with the y axis; 1 if it is not known."""
    index, observed = recording.skeleton.index, recording.observed[0]
    ends = []
    for names in (TOP, BOTTOM):
        joints = [index[joint] for joint in names if joint in index]
        joints = [joint for joint in joints if observed[:, joint].any()]
        places = [recording.positions[0, observed[:, joint], joint].mean(0, dtype=np.float64) for joint in joints]
        if not places:
            return 1.0
        ends.append(np.mean(places, 0))
    way = ends[0] - ends[1]
    length = float(np.linalg.norm(way))
    return float(way[1]) / length if length > 0 else 1.0


def layout_notes(header: Header, skeleton: Skeleton) -> Iterator[str]:
    """Say which joints an encoder does not use, and which it misses."""
    used = set(header.used_joints(skeleton))
    if unknown := [joint for joint in skeleton.joints if joint not in used]:
        known = skeleton.num_joints - len(unknown)
        yield (
            f"the encoder knows {known} of the {skeleton.num_joints} joints of {skeleton.name};"
            f" it does not use {', '.join(unknown)}"
        )
    if not header.method.reads_any_layout and (absent := [joint for joint in header.joints if joint not in used]):
        yield (
            f"{skeleton.name} lacks {len(absent)} of the {len(header.joints)} joints that the encoder was trained"
            f" on: {', '.join(absent)}"
        )
