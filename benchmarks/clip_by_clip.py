"""A loader of one process that works clip by clip: what the loader of the package is timed against.

Written from the description of the loaders that research code for NTU RGB+D shares, such as that of MAMP (Mao et
al., ICCV 2023). All clips lie in memory, in one array with room for 300 frames of two persons. For each clip, a
`Dataset` counts the frames that are not empty, crops a random part, resamples it by `interpolate`, subtracts the
center joint, and multiplies every frame by a random rotation matrix, always for two persons. `DataLoader` shuffles
and collates. `tests/benchmarks/test_clip_by_clip.py` shows that the clips equal those of the package.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

ROOM = 300
"""Frames that the array has room for."""
PERSONS = 2
RADIANS = 0.3
"""Largest angle of the random rotation about each axis."""


def padded_array(recordings: Sequence[np.ndarray]) -> np.ndarray:
    """Pad arrays `(person, frame, joint, axis)` by zeros to one `(clip, 300, person * joint * axis)`."""
    num_values = PERSONS * recordings[0][0, 0].size
    array = np.zeros((len(recordings), ROOM, num_values), dtype=np.float32)
    for clip, recording in zip(array, recordings, strict=True):
        num_persons, num_frames = recording.shape[:2]
        clip[:num_frames, : num_values // PERSONS * num_persons] = recording.swapaxes(0, 1).reshape(num_frames, -1)
    return array


class ClipByClip(Dataset[tuple[Tensor, int]]):
    """One clip at a time: `(axis, frame, joint, person)`, cropped, resampled, centered and rotated.

    Args:
        array: from `padded_array`.
        labels: class index of each clip.
        frames: number of frames of a clip.
        center: index of the center joint.
        crop: minimum and maximum length of the crop, as shares of the recording.
        training: random crops and rotations; otherwise the center crop of maximum length, not rotated.
    """

    def __init__(
        self,
        array: np.ndarray,
        labels: Sequence[int],
        frames: int,
        center: int,
        crop: tuple[float, float] = (0.5, 1.0),
        training: bool = True,
    ) -> None:
        num_clips, room, num_values = array.shape
        self.clips = array.reshape(num_clips, room, PERSONS, num_values // (3 * PERSONS), 3).transpose(
            0, 4, 1, 3, 2
        )
        self.labels, self.frames, self.center = labels, frames, center
        self.crop, self.training = crop, training

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        clip = np.array(self.clips[index])
        num_frames = int((clip.sum(0).sum(-1).sum(-1) != 0).sum())
        clip = self.resample(self.crop_frames(clip, num_frames))
        is_present = clip.any(axis=(0, 1, 2))
        clip = clip - clip[:, :1, self.center, :1][:, :, None] * is_present
        positions = torch.from_numpy(clip)
        return self.rotate(positions) if self.training else positions, self.labels[index]

    def crop_frames(self, clip: np.ndarray, num_frames: int) -> np.ndarray:
        share = np.random.uniform(*self.crop) if self.training else self.crop[1]  # noqa: NPY002 - as in research code
        length = max(1, int(num_frames * share))
        last = num_frames - length
        first = np.random.randint(last + 1) if self.training else last // 2  # noqa: NPY002
        return clip[:, first : first + length]

    def resample(self, clip: np.ndarray) -> np.ndarray:
        axes, length, joints, persons = clip.shape
        flat = torch.tensor(clip).permute(0, 2, 3, 1).contiguous().view(1, 1, axes * joints * persons, length)
        size = (axes * joints * persons, self.frames)
        flat = functional.interpolate(flat, size=size, mode="bilinear", align_corners=True)
        return flat.view(axes, joints, persons, self.frames).permute(0, 3, 1, 2).contiguous().numpy()

    def rotate(self, positions: Tensor) -> Tensor:
        axes, frames, joints, persons = positions.shape
        matrix = rotation(torch.zeros(3).uniform_(-RADIANS, RADIANS).expand(frames, 3))
        points = positions.permute(1, 0, 2, 3).contiguous().view(frames, axes, joints * persons)
        rotated = torch.matmul(matrix, points).view(frames, axes, joints, persons)
        return rotated.permute(1, 0, 2, 3).contiguous()


def rotation(angles: Tensor) -> Tensor:
    """Return the rotation about x, then y, then z, by the angles `(frame, 3)` of each frame."""
    cos, sin = angles.cos(), angles.sin()
    one, zero = torch.ones(len(angles)), torch.zeros(len(angles))
    about_x = [[one, zero, zero], [zero, cos[:, 0], -sin[:, 0]], [zero, sin[:, 0], cos[:, 0]]]
    about_y = [[cos[:, 1], zero, sin[:, 1]], [zero, one, zero], [-sin[:, 1], zero, cos[:, 1]]]
    about_z = [[cos[:, 2], -sin[:, 2], zero], [sin[:, 2], cos[:, 2], zero], [zero, zero, one]]
    x, y, z = (torch.stack([torch.stack(row, 1) for row in rows], 1) for rows in (about_x, about_y, about_z))
    return z @ y @ x
