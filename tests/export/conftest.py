from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor


def pad_recordings(recordings: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Recordings as the inputs of a graph, padded to the longest and to the one with the most persons."""
    shape = (len(recordings), *np.max([one.observed.shape for one in recordings], axis=0))
    positions = np.zeros((*shape, recordings[0].positions.shape[3]), np.float32)
    observed = np.zeros(shape, bool)
    for index, one in enumerate(recordings):
        positions[index, : one.num_persons, : one.num_frames] = one.positions
        observed[index, : one.num_persons, : one.num_frames] = one.observed
    num_frames = np.array([one.num_frames for one in recordings])
    fps = np.array([one.fps or 0.0 for one in recordings], np.float32)
    return tuple(torch.from_numpy(values) for values in (positions, observed, num_frames, fps))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def padded() -> Callable[..., Any]:
    return pad_recordings
