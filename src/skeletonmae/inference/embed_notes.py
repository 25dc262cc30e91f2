"""What is said of recordings beside their features: unused joints, unknown frame rates, persons too many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skeletonmae.checkpoint import Header
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import Skeleton
from skeletonmae.validation.finding import pluralize


@dataclass
class RecordingCounts:
    """Numbers of recordings of which not everything is used, over all stores and blocks.

    Args:
        total: Number of recordings.
        without_rate: Number of recordings without a frame rate.
        crowded: Number of recordings with more persons than the encoder reads.
    """

    total: int = 0
    without_rate: int = 0
    crowded: int = 0

    def add(self, header: Header, store: SequenceStore) -> None:
        """Count the recordings of a store."""
        self.total += len(store)
        self.without_rate += sum(int(np.isnan(shard.fps).sum()) for shard in store.shards)
        self.crowded += int((store.num_persons > header.clips.max_persons).sum())

    def notes(self, header: Header) -> Iterator[str]:
        """Say how many recordings an encoder does not use whole."""
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
