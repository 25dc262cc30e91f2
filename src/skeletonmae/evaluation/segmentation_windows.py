"""Windows of long recordings, as the clips of a model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float64, Int64

from skeletonmae.batches import Batch, ClipReader, SampledFrames, Windows, sample_keys
from skeletonmae.sequences import MemoryStoreBuilder, SequenceStore, SkeletonSequence
from skeletonmae.transforms import ClipConfig


def window_centers(num_frames: int, frames_per_step: float) -> Float64[np.ndarray, " step"]:
    """Return the centers of the windows, evenly spaced from the first to the last frame."""
    num_steps = max(1, round(num_frames / frames_per_step))
    centers: Float64[np.ndarray, " step"] = (np.arange(num_steps) + 0.5) * num_frames / num_steps - 0.5
    return centers


def step_of_frame(num_frames: int, num_steps: int) -> Int64[np.ndarray, " frame"]:
    """Return the window whose center is the nearest to each frame."""
    return np.minimum(np.arange(num_frames) * num_steps // num_frames, num_steps - 1)


def window_batches(
    clips: ClipConfig,
    recording: SkeletonSequence,
    centers: Float64[np.ndarray, " step"],
    window_frames: float,
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Read windows of a recording as clips. Where a window reaches beyond the recording, it is shorter.

    Args:
        clips: Number of frames, gaps, transforms and stream of the clips.
        recording: The recording, of as many axes as the model has.
        centers: Center of each window, in frames.
        window_frames: Length of a window in frames of the recording.
        batch_size: Windows per batch.
        device: Where the batches are needed.
    """
    store = memory_store(recording)
    reader = ClipReader(store, clips.frames, clips.max_persons, device, clips.bridge_seconds)
    half = (max(window_frames, 1.0) - 1) / 2
    first = np.maximum(centers - half, 0.0)
    last = np.minimum(centers + half, recording.num_frames - 1.0)
    for start in range(0, len(centers), batch_size):
        part = slice(start, start + batch_size)
        index = np.zeros(len(centers[part]), dtype=np.int64)
        windows: Windows | SampledFrames = Windows(index, first[part], last[part])
        if clips.sampling != "crop":
            length = np.round(last[part] - first[part]).astype(np.int64) + 1
            windows = SampledFrames(index, np.round(first[part])[:, None] + clips.test_times(length))
        label = torch.full((len(index),), -1, device=reader.device)
        keys = sample_keys(0, 0, torch.from_numpy(index)).to(reader.device)
        batch = Batch.from_tracks(reader(windows).present(), label, keys)
        yield clips.apply_transforms(batch)


def memory_store(recording: SkeletonSequence) -> SequenceStore:
    """Return a store in memory that holds one recording."""
    axes = recording.positions.shape[3]
    builder = MemoryStoreBuilder(recording.skeleton, axes=axes, unit=recording.unit)
    builder.add(recording)
    return builder.build()
