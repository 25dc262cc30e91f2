"""Method A1 as a research repository would write it: what the package is timed against.

Written from the papers (Wu et al., ICME Workshops 2023; the baseline in Mao et al., ICCV 2023). Clips are made one
by one and collated. Every clip has two persons; an absent one is all zeros and is computed as well. Attention is
written out as softmax(q k^T) v, and the decoder attends over all tokens. Zeros mark what was not observed.
`tests/benchmarks/test_plain.py` shows that loss, logits and clips equal those of the package.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

PERSONS = 2


class PlainDataset(Dataset[tuple[Tensor, int]]):
    """One clip at a time: `(person, frame, joint, axis)`, cropped, resampled, centered, facing forward.

    Args:
        recordings: arrays `(person, frame, joint, axis)` of two persons, 0 where not observed.
        labels: class index of each recording.
        frames: number of frames of a clip.
        center: joints whose mean, in the first frame, becomes the origin.
        left_right: pairs of joints that define the left-right axis of a body.
        crop: minimum and maximum length of the crop, as shares of the recording.
        training: random crops; otherwise the center crop of maximum length.
    """

    def __init__(
        self,
        recordings: Sequence[np.ndarray],
        labels: Sequence[int],
        frames: int,
        center: np.ndarray,
        left_right: Sequence[tuple[int, int]],
        crop: tuple[float, float] = (0.5, 1.0),
        training: bool = True,
    ) -> None:
        self.recordings, self.labels, self.frames = recordings, labels, frames
        self.center, self.left_right = center, left_right
        self.crop, self.training = crop, training

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        clip = self.recordings[index]
        total = clip.shape[1]
        share = np.random.uniform(*self.crop) if self.training else self.crop[1]  # noqa: NPY002 - as in research code
        length = max(1, round(total * share))
        first = np.random.randint(total - length + 1) if self.training else (total - length) // 2  # noqa: NPY002
        clip = self.resample(clip[:, first : first + length])
        is_present = clip.any(axis=(1, 2, 3))
        clip[is_present] -= clip[0, 0, self.center].mean(0)
        return torch.from_numpy(clip @ self.facing(clip).T), self.labels[index]

    def resample(self, clip: np.ndarray) -> np.ndarray:
        persons, length, joints, axes = clip.shape
        flat = torch.from_numpy(np.ascontiguousarray(clip.transpose(0, 2, 3, 1))).view(1, -1, length)
        flat = functional.interpolate(flat, size=self.frames, mode="linear", align_corners=True)
        return flat.view(persons, joints, axes, self.frames).permute(0, 3, 1, 2).numpy().copy()

    def facing(self, clip: np.ndarray) -> np.ndarray:
        axis = sum(clip[0, :, right] - clip[0, :, left] for left, right in self.left_right).sum(0)
        turn = np.arctan2(axis[2], axis[0])
        cos, sin = np.cos(turn), np.sin(turn)
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], dtype=np.float32)


class PlainAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(rows, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(-1)
        mixed: Tensor = self.out((weights @ v).transpose(1, 2).reshape(rows, tokens, width))
        return mixed


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = PlainAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropped(self.attention(self.norm1(x)))
        return x + self.dropped(self.mlp(self.norm2(x)))

    def dropped(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        return branch / keep * torch.bernoulli(branch.new_full((len(branch), 1, 1), keep))


def patchify(clips: Tensor, token_frames: int) -> Tensor:
    """`(batch, person, frame, joint, axis)` -> `(batch * person, step * joint, token_frames * axis)`."""
    batch, persons, frames, joints, axes = clips.shape
    steps = frames // token_frames
    x = clips.view(batch * persons, steps, token_frames, joints, axes).transpose(2, 3)
    return x.reshape(batch * persons, steps * joints, token_frames * axes)


class PlainEncoder(nn.Module):
    def __init__(
        self,
        steps: int,
        joints: int,
        token_frames: int,
        width: int,
        depth: int,
        heads: int,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(token_frames * 3, width)
        self.time = nn.Parameter(torch.randn(1, steps, 1, width) * 0.02)
        self.joint = nn.Parameter(torch.randn(1, 1, joints, width) * 0.02)
        self.blocks = nn.ModuleList(
            PlainBlock(width, heads, drop_path * i / max(1, depth - 1)) for i in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, patches: Tensor, ids_keep: Tensor | None = None) -> Tensor:
        x = self.embed(patches) + (self.time + self.joint).flatten(1, 2)
        if ids_keep is not None:
            x = x.gather(1, ids_keep[..., None].expand(-1, -1, x.shape[2]))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed


class PlainMAE(nn.Module):
    """Pre-training: `clips (batch, person, frame, joint, axis)` -> loss over hidden tokens of present persons."""

    def __init__(
        self,
        frames: int,
        joints: int,
        *,
        token_frames: int,
        width: int,
        depth: int,
        heads: int,
        decoder_width: int,
        decoder_depth: int,
        mask_ratio: float,
    ) -> None:
        super().__init__()
        steps = frames // token_frames
        self.token_frames, self.mask_ratio = token_frames, mask_ratio
        self.encoder = PlainEncoder(steps, joints, token_frames, width, depth, heads)
        self.decoder_embed = nn.Linear(width, decoder_width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, decoder_width) * 0.02)
        self.time = nn.Parameter(torch.randn(1, steps, 1, decoder_width) * 0.02)
        self.joint = nn.Parameter(torch.randn(1, 1, joints, decoder_width) * 0.02)
        self.blocks = nn.ModuleList(PlainBlock(decoder_width, heads) for _ in range(decoder_depth))
        self.norm = nn.LayerNorm(decoder_width)
        self.head = nn.Linear(decoder_width, token_frames * 3)

    def forward(self, clips: Tensor, noise: Tensor | None = None) -> Tensor:
        """`noise (batch * person, token)`: the tokens with the lowest noise stay visible."""
        patches = patchify(clips, self.token_frames)
        rows, tokens, _ = patches.shape
        noise = torch.rand(rows, tokens, device=clips.device) if noise is None else noise
        ids_shuffle = noise.argsort(dim=1, stable=True)
        ids_restore = ids_shuffle.argsort(dim=1)
        num_kept = tokens - round(tokens * self.mask_ratio)
        x = self.decoder_embed(self.encoder(patches, ids_shuffle[:, :num_kept]))
        x = torch.cat([x, self.mask_token.to(x.dtype).expand(rows, tokens - num_kept, -1)], dim=1)
        x = x.gather(1, ids_restore[..., None].expand(-1, -1, x.shape[2])) + (self.time + self.joint).flatten(1, 2)
        for block in self.blocks:
            x = block(x)
        prediction = self.head(self.norm(x)).float()
        target = (patches - patches.mean(-1, keepdim=True)) / (
            patches.var(-1, keepdim=True, correction=0) + 1e-6
        ).sqrt()
        error = (prediction - target).square().mean(-1)
        hidden = (ids_restore >= num_kept) & patches.any(-1).any(-1)[:, None]
        loss: Tensor = (error * hidden).sum() / hidden.sum()
        return loss


class PlainClassifier(nn.Module):
    """Fine-tuning and inference: mean over time, concatenated joints, mean over both persons, head."""

    def __init__(
        self, encoder: PlainEncoder, token_frames: int, joints: int, width: int, head_width: int, num_classes: int
    ) -> None:
        super().__init__()
        self.encoder, self.token_frames, self.joints = encoder, token_frames, joints
        self.head = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(joints * width, head_width),
            nn.BatchNorm1d(head_width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(head_width, num_classes),
        )

    def forward(self, clips: Tensor) -> Tensor:
        x = self.encoder(patchify(clips, self.token_frames))
        x = x.view(len(clips), PERSONS, -1, self.joints, x.shape[2]).mean(2).flatten(2).mean(1)
        logits: Tensor = self.head(x)
        return logits
