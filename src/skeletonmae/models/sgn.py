"""SGN, a small network that knows which joint and which frame each position belongs to."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.models.skeleton_conv import JointBatchNorm, init_convolutions


class _Norm(nn.BatchNorm1d):
    """Batch norm of the last axis, over all others."""

    def forward(self, x: Float[Tensor, "*any channel"]) -> Float[Tensor, "*any channel"]:
        """Normalize each channel."""
        return super().forward(x.flatten(0, -2)).view_as(x)


def _two_layers(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, out_channels),
        nn.ReLU(inplace=True),
    )


class AttentionGraphConv(nn.Module):
    """Graph convolution on a given graph of each frame: A x W1 + x W2, batch norm, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.neighbor = nn.Linear(in_channels, out_channels, bias=False)
        self.own = nn.Linear(in_channels, out_channels)
        self.norm = _Norm(out_channels)

    def forward(
        self,
        x: Float[Tensor, "track frame joint channel"],
        graph: Float[Tensor, "track frame joint joint"],
    ) -> Float[Tensor, "track frame joint width"]:
        """Mix the joints of every frame."""
        return torch.relu(self.norm(self.neighbor(graph @ x) + self.own(x)))


class SGN(nn.Module):
    """Semantics-guided network, up to the maximum over time.

    Unobserved joints get no attention and enter no maximum.

    Source: Zhang et al., *Semantics-Guided Neural Networks for Efficient Skeleton-Based Human Action Recognition*,
    CVPR 2020.

    Args:
        joints: Number of joints.
        frames: Number of frames of a clip.
        axes: Number of coordinates of a joint.
        width: Width of the embeddings; a joint has twice as much, its features and a track eight times as much.
        dropout: Dropout rate between the two temporal convolutions.
    """

    def __init__(self, joints: int, frames: int, axes: int, width: int = 64, dropout: float = 0.2) -> None:
        super().__init__()
        self.joints, self.frames, self.width = joints, frames, 8 * width
        self.position_norm, self.motion_norm = JointBatchNorm(joints, axes), JointBatchNorm(joints, axes)
        self.position_embed, self.motion_embed = (_two_layers(axes, width, width) for _ in range(2))
        self.joint_embed = _two_layers(joints, width, width)
        self.frame_embed = _two_layers(frames, width, 4 * width)
        self.query, self.key = (nn.Linear(2 * width, 4 * width) for _ in range(2))
        self.layers = nn.ModuleList(
            AttentionGraphConv(channels * width, out * width) for channels, out in ((2, 2), (2, 4), (4, 4))
        )
        self.temporal = nn.Sequential(
            nn.Conv1d(4 * width, 4 * width, 3, padding=1),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv1d(4 * width, 8 * width, 1),
            nn.BatchNorm1d(8 * width),
            nn.ReLU(inplace=True),
        )
        init_convolutions(self)

    def forward(
        self,
        positions: Float[Tensor, "track frame joint axis"],
        observed: Bool[Tensor, "track frame joint"],
        person_index: Int64[Tensor, " track"],
    ) -> Float[Tensor, "track width"]:
        """Compute the features of tracks.

        Args:
            positions: Coordinates.
            observed: Which joints were observed.
            person_index: The person of each track; not used, since persons share all weights.
        """
        shared = torch.zeros_like(person_index)
        motion, has_motion = _motion_from_previous(positions, observed)
        x = self.position_embed(self.position_norm(positions, observed, shared))
        x = x + self.motion_embed(self.motion_norm(motion, has_motion, shared))
        joint = self.joint_embed(torch.eye(self.joints, device=x.device)).to(x.dtype)
        x = torch.cat([x, joint.expand(*x.shape[:3], -1)], 3)
        scores = self.query(x) @ self.key(x).transpose(2, 3)
        # The lowest number instead of infinity: a frame without any joint has a mean, and no NaN.
        scores = scores.masked_fill(~observed[:, :, None], torch.finfo(scores.dtype).min)
        graph = scores.softmax(3).to(x.dtype)
        for layer in self.layers:
            x = layer(x, graph)
        x = x + self.frame_embed(torch.eye(self.frames, device=x.device)).to(x.dtype)[:, None]
        # All values are at least 0, so 0 is what an unobserved joint, or frame, contributes to a maximum.
        by_frame = x.masked_fill(~observed[..., None], 0.0).amax(2)
        by_frame = self.temporal(by_frame.transpose(1, 2))
        features: Tensor = by_frame.masked_fill(~observed.any(2)[:, None], 0.0).amax(2).float()
        return features


def _motion_from_previous(
    positions: Float[Tensor, "track frame joint axis"], observed: Bool[Tensor, "track frame joint"]
) -> tuple[Float[Tensor, "track frame joint axis"], Bool[Tensor, "track frame joint"]]:
    """Return this frame minus the one before, and whether both were observed; the first frame has motion 0."""
    in_both = torch.cat([torch.ones_like(observed[:, :1]), observed[:, 1:] & observed[:, :-1]], 1)
    difference = torch.cat([torch.zeros_like(positions[:, :1]), positions[:, 1:] - positions[:, :-1]], 1)
    return difference.masked_fill(~in_both[..., None], 0.0), in_both
