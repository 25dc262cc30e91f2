from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import KINECT20

MakeStore = Callable[..., SequenceStore]


@pytest.fixture
def make_labeled_store(tmp_path: Path) -> MakeStore:
    """Write a store with the given labels and tags; an empty value of a tag means that it has none."""

    def make(name: str, labels: list[str | None], **tags: list[str]) -> SequenceStore:
        with StoreWriter(tmp_path / name, KINECT20) as writer:
            for i, label in enumerate(labels):
                tags_of_recording = {tag: values[i] for tag, values in tags.items() if values[i]}
                writer.add(
                    SkeletonSequence.from_positions(
                        np.ones((2, 20, 3)), KINECT20, name=str(i), label=label, tags=tags_of_recording
                    )
                )
        return SequenceStore.open(tmp_path / name)

    return make


@pytest.fixture
def labeled_store(make_labeled_store: MakeStore) -> SequenceStore:
    """60 recordings: 3 classes, 6 subjects, 3 cameras; every tenth is unlabeled."""
    return make_labeled_store(
        "labeled",
        [None if i % 10 == 9 else "abc"[i % 3] for i in range(60)],
        subject=[str(1 + i % 7 % 6) for i in range(60)],
        camera=[str(1 + i // 20) for i in range(60)],
    )
