"""The coordinates that `fit` can classify instead of an encoder's features; see `predictions.coordinates`."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skeletonmae.export.graph import Features
from skeletonmae.predictions.coordinates import CoordinateConfig
from skeletonmae.skeletons import Skeleton


class CoordinateEncoder(nn.Module):
    """From recordings to rows of coordinates, in double precision like `coordinate_features`.

    Args:
        config: The joints, and the number of frames and persons.
        skeleton: The layout of the recordings.
    """

    joint_index: Tensor
    joint_exists: Tensor

    def __init__(self, config: CoordinateConfig, skeleton: Skeleton) -> None:
        super().__init__()
        self.config = config
        index = torch.tensor([skeleton.index.get(joint, 0) for joint in config.joints])
        exists = torch.tensor([joint in skeleton.index for joint in config.joints])
        self.register_buffer("joint_index", index, persistent=False)
        self.register_buffer("joint_exists", exists, persistent=False)
        self.center = [row for row, joint in enumerate(config.joints) if joint in skeleton.center]
        row = {joint: number for number, joint in enumerate(config.joints)}
        pairs = [(skeleton.joints[left], skeleton.joints[right]) for left, right in skeleton.left_right]
        self.left_right = [(row[left], row[right]) for left, right in pairs if left in row and right in row]

    def forward(
        self,
        positions: Float[Tensor, "batch person time joint axis"],
        observed: Bool[Tensor, "batch person time joint"],
        num_frames: Int64[Tensor, " batch"],  # noqa: ARG002 - the observed frames count
        fps: Float[Tensor, " batch"],  # noqa: ARG002
    ) -> Features:
        """Compute the rows of recordings; see `Resample.forward` for the inputs."""
        positions = positions.index_select(3, self.joint_index).double()
        observed = observed.index_select(3, self.joint_index) & self.joint_exists
        positions, observed = self._first_persons(positions, observed)
        positions, observed = self._resample(positions, observed)
        positions = positions - self._origin(positions, observed)[:, None, None, None]
        if self.config.face_forward and self.config.axes == 3 and self.left_right:
            positions = self._face_forward(positions, observed)
        positions = positions * observed[..., None].double()
        in_both = observed[:, :, 1:] & observed[:, :, :-1]
        changes = (positions[:, :, 1:] - positions[:, :, :-1]) * in_both[..., None].double()
        rows = torch.cat([positions, changes], 2).flatten(1)
        return Features(rows.float(), observed.flatten(1).any(1))

    def _first_persons(self, positions: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Select the first persons who are observed; nothing is observed of those who are missing."""
        is_there = observed.flatten(2).any(2)
        number = is_there.long().cumsum(1)
        selected, flags = [], []
        for place in range(1, self.config.persons + 1):
            is_person = is_there & (number == place)
            person = is_person.int().argmax(1)[:, None, None, None, None]
            selected.append(positions.gather(1, person.expand(-1, 1, *positions.shape[2:])))
            own = observed.gather(1, person.squeeze(4).expand(-1, 1, *observed.shape[2:]))
            flags.append(own & is_person.any(1)[:, None, None, None])
        return torch.cat(selected, 1), torch.cat(flags, 1)

    def _resample(self, positions: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Interpolate between frames, from the first to the last that shows a joint."""
        is_seen = observed.any(3).any(1)
        time = torch.arange(is_seen.shape[1])
        first = is_seen.int().argmax(1)
        last = torch.maximum(torch.where(is_seen, time, 0).amax(1), first)
        length = (last - first).double()[:, None]
        num_steps = self.config.frames - 1
        step = torch.arange(self.config.frames, dtype=torch.float64)
        times = torch.where(step == num_steps, length, step * (length / num_steps))  # as `numpy.linspace`
        before, after = times.floor(), times.ceil()
        share = (times - before)[:, None, :, None, None]
        ends = []
        for frame in (before, after):
            index = (frame.long() + first[:, None])[:, None, :, None]
            flags = observed.gather(2, index.expand(-1, observed.shape[1], -1, observed.shape[3]))
            index = index[..., None].expand(-1, positions.shape[1], -1, *positions.shape[3:])
            ends.append((positions.gather(2, index), flags))
        (start, start_observed), (end, end_observed) = ends
        in_both = start_observed & end_observed
        values = start * (1 - share) + end * share
        return values * in_both[..., None].double(), in_both

    def _origin(self, positions: Tensor, observed: Tensor) -> Tensor:
        """Center of the first person in the first frame in which it is observed; else of all joints."""
        origin = torch.zeros_like(positions[:, 0, 0, 0])
        for joints in (list(range(len(self.config.joints))), self.center):  # the later one comes first
            if not joints:
                continue
            index = torch.tensor(joints)
            flags = observed[:, 0].index_select(2, index)
            is_seen = flags.any(2)
            frame = is_seen.int().argmax(1)[:, None, None]
            seen = flags.gather(1, frame.expand(-1, 1, flags.shape[2])).squeeze(1).double()
            points = positions[:, 0].index_select(2, index)
            points = points.gather(1, frame[..., None].expand(-1, 1, *points.shape[2:])).squeeze(1)
            mean = (points * seen[..., None]).sum(1) / seen.sum(1).clamp(min=1)[:, None]
            origin = torch.where(is_seen.any(1)[:, None], mean, origin)
        return origin

    def _face_forward(self, positions: Tensor, observed: Tensor) -> Tensor:
        """Rotate about the vertical so that the first person's mean left-right axis lies along x."""
        left, right = (torch.tensor(side) for side in zip(*self.left_right, strict=True))
        both = observed[:, 0].index_select(2, left) & observed[:, 0].index_select(2, right)
        difference = positions[:, 0].index_select(2, right) - positions[:, 0].index_select(2, left)
        axis = (difference * both[..., None].double()).sum((1, 2))
        x, z = axis[:, 0], axis[:, 2]
        length = (x * x + z * z).sqrt()
        has_axis = length > 0
        length = torch.where(has_axis, length, 1.0)
        cos = torch.where(has_axis, x / length, 1.0)[:, None, None, None]
        sin = torch.where(has_axis, z / length, 0.0)[:, None, None, None]
        old_x, old_y, old_z = positions.unbind(4)
        return torch.stack([cos * old_x + sin * old_z, old_y, cos * old_z - sin * old_x], 4)
