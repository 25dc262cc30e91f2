"""What convolutional networks on skeletons share: the graph of the bones, the input norm, temporal branches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.models.known_joints import check_any_joint_known
from skeletonmae.skeletons import Skeleton


def bone_graphs(joints: Sequence[str], bones: Sequence[tuple[str, str]]) -> Float[Tensor, "3 joint joint"]:
    """Return three matrices that average over a joint itself, over its children, and over its parent.

    Entry `[k, u, v]` is the weight of joint v for joint u. Columns of each matrix have the sum 1 (or 0), as in Yan
    et al., *Spatial Temporal Graph Convolutional Networks*, AAAI 2018.

    Args:
        joints: Names of the joints.
        bones: (joint, parent) of every bone; bones of other joints are ignored.
    """
    row = {joint: index for index, joint in enumerate(joints)}
    graphs = torch.zeros(3, len(joints), len(joints))
    graphs[0] = torch.eye(len(joints))
    for joint, parent in bones:
        if joint in row and parent in row:
            graphs[1, row[parent], row[joint]] = graphs[2, row[joint], row[parent]] = 1.0
    return graphs / graphs.sum(1, keepdim=True).clamp(min=1.0)


def arrange_joints(
    positions: Float[Tensor, "track frame known axis"],
    observed: Bool[Tensor, "track frame known"],
    skeleton: Skeleton,
    joints: tuple[str, ...],
) -> tuple[Float[Tensor, "track frame joint axis"], Bool[Tensor, "track frame joint"]]:
    """Return the joints of a model in its order; those that the layout lacks are unobserved, with zeros.

    Args:
        positions: Coordinates in the order of the layout.
        observed: Which of them were observed.
        skeleton: The layout.
        joints: Names of the model's joints.

    Raises:
        InputError: The model knows no joint of the layout.
    """
    if skeleton.joints == joints:
        return positions, observed
    check_any_joint_known(joints, skeleton)
    source = torch.tensor([skeleton.index.get(joint, -1) for joint in joints], device=positions.device)
    observed = observed.index_select(2, source.clamp(min=0)) & (source >= 0)
    positions = positions.index_select(2, source.clamp(min=0)).masked_fill(~observed[..., None], 0.0)
    return positions, observed


class JointBatchNorm(nn.Module):
    """Batch norm of each joint and axis, and of each person of a clip if they do not share it.

    Statistics are those of observed joints, and an unobserved joint is placed at the mean of its joint. Where all
    joints of all persons are observed, this is `nn.BatchNorm1d` over persons x joints x axes.

    Args:
        joints: Number of joints.
        axes: Number of values of a joint.
        persons: Number of persons with statistics of their own; 1 if all share them.
        eps: Added to the variance.
        momentum: Weight of a batch in the running statistics.
    """

    def __init__(self, joints: int, axes: int, persons: int = 1, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        shape = (persons, joints, axes)
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_var", torch.ones(shape))

    def forward(
        self,
        values: Float[Tensor, "track frame joint axis"],
        observed: Bool[Tensor, "track frame joint"],
        person_index: Int64[Tensor, " track"],
    ) -> Float[Tensor, "track frame joint axis"]:
        """Normalize values.

        Args:
            values: The values of each joint.
            observed: Which of them were observed.
            person_index: The person of each track, below `persons`.
        """
        values, is_observed = values.float(), observed[..., None].to(torch.float32)
        if self.training:
            mean, variance = self._batch_statistics(values, is_observed, person_index)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.eps)
        bias, scale = _for_tracks(self.bias, person_index), _for_tracks(scale, person_index)
        centered = (values - _for_tracks(mean, person_index)) * is_observed
        return torch.addcmul(bias, centered, scale)

    def _batch_statistics(
        self,
        values: Float[Tensor, "track frame joint axis"],
        is_observed: Float[Tensor, "track frame joint 1"],
        person_index: Int64[Tensor, " track"],
    ) -> tuple[Float[Tensor, "person joint axis"], Float[Tensor, "person joint axis"]]:
        """Return mean and variance of the batch, and update the running statistics."""
        count = self._sum_per_person(is_observed, person_index)
        mean = self._sum_per_person(values * is_observed, person_index) / count.clamp(min=1.0)
        deviation = (values - _for_tracks(mean, person_index)) * is_observed
        square_sum = self._sum_per_person(deviation.square(), person_index)
        with torch.no_grad():  # what was seen less than twice has no variance and keeps its statistics
            weight = self.momentum * (count > 1)
            self.running_mean.lerp_(mean, weight.expand_as(mean))
            self.running_var.lerp_(square_sum / (count - 1.0).clamp(min=1.0), weight.expand_as(mean))
        return mean, square_sum / count.clamp(min=1.0)

    def _sum_per_person(
        self, values: Float[Tensor, "track frame joint value"], person_index: Int64[Tensor, " track"]
    ) -> Float[Tensor, "person joint value"]:
        """Sum over frames and over the tracks of each person."""
        if len(self.weight) == 1:
            return values.sum((0, 1))[None]
        total = values.new_zeros(len(self.weight), *values.shape[2:])
        return total.index_add(0, person_index, values.sum(1))


def _for_tracks(
    values: Float[Tensor, "person joint axis"], person_index: Int64[Tensor, " track"]
) -> Float[Tensor, "#track 1 joint axis"]:
    """Return the values of the person of each track; of the only one, to be broadcast over tracks."""
    return values[:, None] if len(values) == 1 else values[person_index, None]


class PointwiseConv(nn.Conv2d):
    """A linear map of the channels of every joint and frame, with a stride in time.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Every `stride`-th frame is kept.
        bias: Whether to add a bias.
        parts: Output channels of each of the maps that are computed at once and initialized on their own; by
            default, all belong to one map.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        bias: bool = True,
        parts: Sequence[int] = (),
    ) -> None:
        super().__init__(in_channels, out_channels, 1, (stride, 1), bias=bias)
        self.parts = tuple(parts) or (out_channels,)


def residual_connection(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """Return the identity, or a pointwise convolution with batch norm where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(PointwiseConv(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


class TemporalBranches(nn.Module):
    """Branches with different views of time, concatenated: dilated convolutions, a maximum, a single frame.

    All but the last begin with a pointwise convolution, batch norm and ReLU, which are computed at once. The
    branches of the maximum and of the single frame have as many channels as the last convolution.

    Args:
        in_channels: Channels of the input.
        conv_channels: Channels of each convolution.
        kernel_size: Frames of each convolution.
        stride: Every `stride`-th frame is kept.
    """

    def __init__(self, in_channels: int, conv_channels: Sequence[int], kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = [*conv_channels, conv_channels[-1]]
        width = sum(self.channels)
        self.reduce = nn.Sequential(
            PointwiseConv(in_channels, width, parts=self.channels), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.convs = nn.ModuleList(
            nn.Conv2d(
                channels,
                channels,
                (kernel_size, 1),
                (stride, 1),
                padding=((kernel_size - 1) * dilation // 2, 0),
                dilation=(dilation, 1),
            )
            for dilation, channels in enumerate(conv_channels, start=1)
        )
        self.pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.point = PointwiseConv(in_channels, conv_channels[-1], stride)

    def forward(self, x: Float[Tensor, "track channel frame joint"]) -> Float[Tensor, "track width step joint"]:
        """Compute all branches."""
        *parts, pooled = self.reduce(x).split(self.channels, 1)
        outputs = [conv(part) for conv, part in zip(self.convs, parts, strict=True)]
        return torch.cat([*outputs, self.pool(pooled), self.point(x)], 1)


def init_convolutions(network: nn.Module) -> None:
    """Initialize convolutions as He et al., ICCV 2015, by their outputs, with biases of 0.

    Convolutions that are computed at once, as `parts` or groups, are initialized like separate ones.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            num_groups = 1 if isinstance(module, nn.Linear) else module.groups
            num_out = len(module.weight) // num_groups
            parts = module.parts if isinstance(module, PointwiseConv) else (num_out,) * num_groups
            for weight in torch.split(module.weight.detach(), list(parts)):
                nn.init.kaiming_normal_(weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def block_shapes(width: int) -> list[tuple[int, int, int]]:
    """Return input channels, output channels and stride of ten blocks: 4, 3 and 3 of a width.

    Each width is twice the one before, with half the frames.

    Args:
        width: Channels of the first four blocks.
    """
    widths = [width] * 4 + [2 * width] * 3 + [4 * width] * 3
    return [(before, after, after // before) for before, after in pairwise([width, *widths])]
