"""From recordings to the arrays that an exported model takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.runtime.export_config import ExportConfig
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS
from skeletonmae.skeletons.derived import abbreviate

Arrays: TypeAlias = dict[str, np.ndarray]
MAX_BATCH_VALUES = 2**22
"""Coordinates of a padded batch: 32 recordings of one person, 20 joints and 2,000 frames."""


class RecordingAdapter:
    """Gives recordings the layout of an exported model.

    Args:
        config: The description of the model.
    """

    def __init__(self, config: ExportConfig) -> None:
        self.config, self.skeleton = config, config.skeleton

    def __call__(self, recording: SkeletonSequence) -> SkeletonSequence:
        """Return a recording with the joints of the model in its order, without persons who are never observed.

        Raises:
            InputError: A joint of the model is not in the layout of the recording, or axes or unit differ.
        """
        config, where = self.config, f"recording {recording.name!r}"
        if config.axes == 2:
            recording = RecordingConverter(axes=2)(recording)
        axes = recording.positions.shape[3]
        if axes != config.axes:
            raise InputError("the model takes 3D coordinates", where=where, expected="3 axes", got=axes)
        if config.unit is not None and recording.unit != config.unit:
            problem = (
                f"the model takes another unit; if the coordinates are in {config.unit}, state unit {config.unit}"
            )
            raise InputError(problem, where=where, expected=config.unit, got=recording.unit)
        if missing := [joint for joint in self.skeleton.joints if joint not in recording.skeleton.index]:
            raise self._other_layout(recording, missing)
        order = [recording.skeleton.index[joint] for joint in self.skeleton.joints]
        persons = np.flatnonzero(recording.observed[:, :, order].any((1, 2)))[: config.max_persons]
        return SkeletonSequence(
            np.ascontiguousarray(recording.positions[persons][:, :, order]),
            np.ascontiguousarray(recording.observed[persons][:, :, order]),
            self.skeleton,
            recording.name,
            recording.unit,
            recording.fps,
            recording.label,
        )

    def _other_layout(self, recording: SkeletonSequence, missing: Sequence[str]) -> InputError:
        layout = recording.skeleton.name
        advice = f"export the model for that layout: --layout {layout if layout in LAYOUTS else 'FILE.yaml'}"
        return InputError(
            f"the recording has another layout than the exported model; {advice}",
            where=f"recording {recording.name!r}",
            expected=f"all joints of {self.skeleton.name}",
            got=f"{layout}, without {abbreviate(missing, 5)}",
        )


def make_batches(recordings: Sequence[SkeletonSequence], batch_size: int) -> Iterator[tuple[list[int], Arrays]]:
    """Yield the inputs of the graph for recordings that are padded to the same number of persons and frames.

    Recordings of the same number of persons and of similar lengths share a batch.

    Args:
        recordings: Recordings of one layout.
        batch_size: Largest number of recordings of a batch.

    Yields:
        The indices of the recordings of a batch, and its arrays.
    """
    order = sorted(
        range(len(recordings)), key=lambda index: (recordings[index].num_persons, recordings[index].num_frames)
    )
    batch: list[int] = []
    for index in order:
        num_persons = recordings[index].num_persons
        values = (len(batch) + 1) * recordings[index].positions.size  # the largest, since they are sorted
        is_full = len(batch) == batch_size or values > MAX_BATCH_VALUES
        if batch and (is_full or recordings[batch[0]].num_persons != num_persons):
            yield batch, pad_recordings([recordings[one] for one in batch])
            batch = []
        batch.append(index)
    if batch:
        yield batch, pad_recordings([recordings[one] for one in batch])


def pad_recordings(recordings: Sequence[SkeletonSequence]) -> Arrays:
    """Return the inputs of the graph: recordings padded to as many persons and frames as the largest ones have.

    There is at least one person and one frame; nothing is observed in what was added.

    Args:
        recordings: Recordings of one layout.
    """
    persons = max(1, *(one.num_persons for one in recordings))
    frames = max(1, *(one.num_frames for one in recordings))
    num_joints, axes = recordings[0].positions.shape[2:]
    positions = np.zeros((len(recordings), persons, frames, num_joints, axes), np.float32)
    observed = np.zeros(positions.shape[:4], bool)
    for row, one in enumerate(recordings):
        positions[row, : one.num_persons, : one.num_frames] = one.positions
        observed[row, : one.num_persons, : one.num_frames] = one.observed
    return {
        "positions": positions,
        "observed": observed,
        "num_frames": np.array([one.num_frames for one in recordings], np.int64),
        "fps": np.array([one.fps or 0.0 for one in recordings], np.float32),
    }
