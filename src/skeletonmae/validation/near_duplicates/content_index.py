"""What is kept of each recording to recognize it again."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt64

from skeletonmae.validation.block import RecordingBlock
from skeletonmae.validation.near_duplicates.distance_series import DistanceSeries, distance_series
from skeletonmae.validation.near_duplicates.hashes import SKETCH_SIZE, content_hashes, frame_sketches


class ContentIndex:
    """Hashes and distance series of many recordings: at most 2 kilobytes per person, whatever the length."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self._sketches: list[np.ndarray] = []
        self._series: dict[tuple[object, ...], list[DistanceSeries]] = {}
        self._num_recordings = 0

    def add(self, block: RecordingBlock) -> None:
        """Add the recordings of `block`."""
        self._hashes.append(content_hashes(block))
        self._sketches.append(frame_sketches(block))
        for series in distance_series(block, self._num_recordings):
            self._series.setdefault(series.kind, []).append(series)
        self._num_recordings += len(block.recordings)

    @property
    def hashes(self) -> UInt64[np.ndarray, " recording"]:
        """Hash of the whole content of each recording; 0 if nothing was observed."""
        return np.concatenate([np.zeros(0, np.uint64), *self._hashes])

    @property
    def sketches(self) -> UInt64[np.ndarray, "recording 16"]:
        """Smallest hashes of the frames of each recording, padded with 0."""
        return np.concatenate([np.zeros((0, SKETCH_SIZE), np.uint64), *self._sketches])

    @property
    def series(self) -> list[DistanceSeries]:
        """Distance series of all persons, one object per set of joint pairs and number of axes."""
        for kind, parts in self._series.items():
            self._series[kind] = [DistanceSeries.concat(parts)]
        return [series for (series,) in self._series.values()]
