"""The loader that the package is timed against makes the same clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.skeletons import NTU25
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import rotation_matrix

FRAMES = 16
Module = Callable[[str], Any]


def test_clips_are_ours(benchmark_module: Module, make_store: Any, make_recording: Any, tmp_path: Path) -> None:
    reference = benchmark_module("clip_by_clip")
    made = [make_recording(i, i % 2 + 1, 9 + 11 * i, NTU25, lost=0.0, label="c") for i in range(4)]
    made = [type(one).from_positions(one.positions + 1, NTU25, name=one.name, label="c") for one in made]
    config = ClipConfig(frames=FRAMES, test_crop=1.0, transforms=({"kind": "center"},))
    batch = config.loader(make_store(tmp_path / "store", made), np.arange(4), batch_size=4).batch(0, 0)
    array = reference.padded_array([one.positions for one in made])
    dataset = reference.ClipByClip(array, [0] * 4, FRAMES, NTU25.center_index[0], (1.0, 1.0), training=False)
    clips = torch.stack([dataset[index][0] for index in range(4)])
    torch.testing.assert_close(clips.permute(0, 4, 2, 3, 1), batch.positions, rtol=1e-5, atol=1e-5)


def test_the_rotation_is_ours(benchmark_module: Module) -> None:
    reference = benchmark_module("clip_by_clip")
    angles = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    x, y, z = (rotation_matrix(axis, angles[:, index]) for index, axis in enumerate("xyz"))
    torch.testing.assert_close(reference.rotation(angles), z @ y @ x)


def test_in_training_clips_are_cropped_and_rotated_at_random(benchmark_module: Module) -> None:
    reference = benchmark_module("clip_by_clip")
    array = reference.padded_array([np.random.default_rng(0).standard_normal((1, 40, 25, 3)).astype(np.float32)])
    dataset = reference.ClipByClip(array, [3], FRAMES, 1)
    (one, label), (other, _) = dataset[0], dataset[0]
    assert label == 3
    assert one.shape == (3, FRAMES, 25, 2)
    assert not one[..., 1].any()
    assert not torch.allclose(one, other)
    lengths = one[:, 0, :, 0].norm(dim=0)
    assert lengths[1] == pytest.approx(0, abs=1e-6)  # centered, and a rotation keeps it there
