from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.export.resample import Clip, Resample
from skeletonmae.transforms import ClipConfig


def varied(make_recording: Callable[..., Any], **settings: Any) -> list[Any]:
    """Recordings of other lengths and rates; each person is observed."""
    cases = [
        (0, 1, 1, 30.0),
        (1, 2, 23, 10.0),
        (2, 1, 40, None),
        (3, 3, 11, 25.0),
        (4, 2, 64, 12.5),
        (5, 1, 9, 1e-3),
    ]
    found = []
    for seed, persons, frames, fps in cases:
        one = make_recording(seed, persons, frames, fps=fps, lost=0.5, **settings)
        one.positions[:, frames // 2, 0] = 1.0
        one.observed[:, frames // 2, 0] = True
        found.append(one)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"bridge_seconds": 0.0},
        {"bridge_seconds": 0.25},
        {"bridge_seconds": 1.0, "test_crop": 1.0},
        {"sampling": "segments"},
        {"sampling": "random_frames", "bridge_seconds": 0.1},
        {"max_persons": 1, "frames": 7},
    ],
    ids=str,
)
def test_clips_equal_those_of_the_reader(
    settings: dict[str, Any],
    make_recording: Callable[..., Any],
    make_store: Callable[..., Any],
    padded: Any,
    tmp_path: Path,
) -> None:
    recordings = varied(make_recording)
    clips = ClipConfig(**{"frames": 16, "transforms": ()} | settings)
    store = make_store(tmp_path / "store", recordings)
    batch = clips.loader(store, np.arange(len(store)), batch_size=100).batch(0, 0)
    clip = Resample(clips)(*padded(recordings))
    persons = batch.positions.shape[1]
    assert not clip.observed[:, persons:].any()
    for one, other in zip(clip.duration, batch.duration, strict=True):
        assert one == pytest.approx(other, nan_ok=True)
    positions, observed, bridged = (values[:, :persons] for values in clip[:3])
    clip = Clip(positions, observed, bridged, clip.duration)
    assert torch.equal(clip.observed, batch.observed)
    assert torch.equal(clip.bridged, batch.bridged)
    assert batch.bridged.any() == bool(clips.bridge_seconds)
    torch.testing.assert_close(clip.positions, batch.positions, atol=1e-5, rtol=0)


def test_persons_who_are_never_observed_do_not_count(make_recording: Callable[..., Any], padded: Any) -> None:
    positions, observed, num_frames, fps = padded([make_recording(1, 3, 20, lost=0.0)])
    observed[:] = True
    observed[:, 0] = False
    clip = Resample(ClipConfig(frames=4, max_persons=1))(positions, observed, num_frames, fps)
    assert clip.observed.flatten(2).any(2).tolist() == [[False, True, False]]


def test_frames_after_the_end_of_a_recording_do_not_count(make_recording: Callable[..., Any], padded: Any) -> None:
    short, long = make_recording(1, 1, 10, fps=5.0), make_recording(2, 1, 50, fps=5.0)
    resample = Resample(ClipConfig(frames=8, bridge_seconds=1.0))
    together, alone = resample(*padded([short, long])), resample(*padded([short]))
    for one, other in zip(together[:4], alone[:4], strict=True):
        assert torch.equal(one[:1], other)
