"""From recordings of any length to clips, with operations that an ONNX graph has: as `ClipReader`, but dense."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn

from skeletonmae.sequences.clip_sampling import UNKNOWN_RATE_GAP, ClipSampling

DECIMALS = 1e6
"""Times are rounded to a millionth of a frame, as by `clip_sampling.surrounding_frames`."""


class Clip(NamedTuple):
    """Clips with the same number of frames.

    Args:
        positions: Coordinates; 0 where not observed.
        observed: Whether each joint was observed, or bridged.
        bridged: Which observed joints are interpolated in a short gap.
        duration: Seconds from the first to the last frame; NaN where the frame rate is unknown.
        root: Path of each body, as in `Tracks`; None while it is part of the positions.
        root_observed: In which frames it was observed.
    """

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    bridged: Bool[Tensor, "batch person frame joint"]
    duration: Float[Tensor, " batch"]
    root: Float[Tensor, "batch person frame axis"] | None = None
    root_observed: Bool[Tensor, "batch person frame"] | None = None

    def moved(self, positions: Float[Tensor, "batch person frame joint axis"]) -> Clip:
        """Return the clips with other positions, which become 0 where not observed."""
        return self._replace(positions=positions.masked_fill(~self.observed[..., None], 0.0))


class Resample(nn.Module):
    """Take the clip of each recording that a model sees outside training.

    Args:
        sampling: Length and sampling of the clips, and the gaps that are bridged.
    """

    fraction: Tensor

    def __init__(self, sampling: ClipSampling) -> None:
        super().__init__()
        self.sampling = sampling
        fraction = torch.from_numpy(np.linspace(0.0, 1.0, sampling.frames))
        self.register_buffer("fraction", fraction, persistent=False)

    def forward(
        self,
        positions: Float[Tensor, "batch person time joint axis"],
        observed: Bool[Tensor, "batch person time joint"],
        num_frames: Int64[Tensor, " batch"],
        fps: Float[Tensor, " batch"],
    ) -> Clip:
        """Resample recordings by linear interpolation in time.

        Args:
            positions: Coordinates.
            observed: Whether each joint was observed; False after the last frame of a shorter recording.
            num_frames: Number of frames of each recording.
            fps: Frames per second of each recording; 0 or NaN where it is unknown.
        """
        observed = observed & self._first_persons(observed)[:, :, None, None]
        times = self._times(num_frames.double())
        duration = torch.where(fps > 0, (times[:, -1] - times[:, 0]) / fps.double(), torch.nan).float()
        times = (times * DECIMALS).round() / DECIMALS
        last = (num_frames - 1).clamp(min=0)[:, None]
        before = times.floor()
        weight = (times - before).to(positions.dtype)
        low = torch.minimum(before.long(), last)
        high = torch.minimum(low + (weight > 0).long(), last)
        if self.sampling.bridge_seconds:
            max_gap = self._max_gap(fps.double())
            ends = [_bridged_frames(positions, observed, frame, max_gap) for frame in (low, high)]
        else:
            ends = [
                _Frames(_at(positions, frame), _at(observed, frame), torch.zeros_like(_at(observed, frame)))
                for frame in (low, high)
            ]
        first, second = ends
        share = weight[:, None, :, None, None]
        seen = first.observed & second.observed
        frames = first.positions * (1 - share) + second.positions * share
        clip = Clip(frames, seen, (first.bridged | second.bridged) & seen, duration)
        return clip.moved(frames)

    def _first_persons(self, observed: Bool[Tensor, "batch person time joint"]) -> Bool[Tensor, "batch person"]:
        """Which persons take part: the first `max_persons` of those who are observed at all."""
        is_there = observed.flatten(2).any(2)
        return is_there & (is_there.long().cumsum(1) <= self.sampling.max_persons)

    def _times(self, num_frames: Float[Tensor, " batch"]) -> Float[Tensor, "batch frame"]:
        """The times of the frames of each clip, in frames of its recording; see `ClipSampling.test_times`."""
        sampling = self.sampling
        if sampling.sampling == "segments":
            segment = torch.arange(sampling.frames, dtype=torch.float64, device=num_frames.device) + 0.5
            return (segment * num_frames[:, None] / sampling.frames).floor()
        if sampling.sampling == "random_frames":
            last = (num_frames - 1).clamp(min=0)[:, None]
            return ((last * self.fraction * DECIMALS).round() / DECIMALS).floor()
        length = torch.maximum(num_frames * sampling.test_crop, num_frames.clamp(max=1))
        start = ((num_frames - length) * 0.5)[:, None]
        end = start + (length - 1).clamp(min=0)[:, None]
        return start * (1 - self.fraction) + end * self.fraction

    def _max_gap(self, fps: Float[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
        """The largest number of missing frames that is bridged; see `longest_bridged_gap`."""
        is_known = (fps > 0) & (fps < 2.0**31)
        frames = (torch.where(is_known, fps, 0.0) * self.sampling.bridge_seconds + 1e-6).floor()
        return torch.where(is_known, frames, float(UNKNOWN_RATE_GAP)).long()


class _Frames(NamedTuple):
    """Frames of recordings, with short gaps bridged."""

    positions: Float[Tensor, "batch person frame joint axis"]
    observed: Bool[Tensor, "batch person frame joint"]
    bridged: Bool[Tensor, "batch person frame joint"]


def _at(values: Shaped[Tensor, "batch person time joint *rest"], frame: Int64[Tensor, "batch frame"]) -> Tensor:
    """Return the values of the given frames of each recording."""
    index = frame.view(frame.shape[0], 1, frame.shape[1], *(1 for _ in values.shape[3:]))
    return values.gather(2, index.expand(-1, values.shape[1], -1, *values.shape[3:]))


def _bridged_frames(
    positions: Float[Tensor, "batch person time joint axis"],
    observed: Bool[Tensor, "batch person time joint"],
    frame: Int64[Tensor, "batch frame"],
    max_gap: Int64[Tensor, " batch"],
) -> _Frames:
    """Return recorded frames, with the joints in short gaps interpolated between the observed frames around them.

    The frames in which a joint is observed are numbered in order; the numbers at a frame name the observed frames
    before and after it. The work does not depend on the length of the gaps.
    """
    number = observed.long().cumsum(2)  # of the last observed frame, from 1; 0 before the first one
    num_times = observed.shape[2]
    time = torch.arange(num_times, device=frame.device)[None, None, :, None].expand(number.shape)
    time_of_number = torch.zeros_like(number[:, :, :1]).expand(-1, -1, num_times + 2, -1)
    time_of_number = time_of_number.scatter(2, torch.where(observed, number, 0), time)
    before_number = _at(number, frame)
    before, after = (time_of_number.gather(2, before_number + step) for step in (0, 1))
    seen, own = _at(observed, frame), _at(positions, frame)
    has_both = (before_number > 0) & (before_number < number[:, :, -1:])
    is_bridged = ~seen & has_both & (after - before <= max_gap[:, None, None, None] + 1)
    before, after = (torch.where(is_bridged, end, 0) for end in (before, after))
    start, end = (
        positions.gather(2, index[..., None].expand(-1, -1, -1, -1, positions.shape[4]))
        for index in (before, after)
    )
    passed = (frame[:, None, :, None] - before).to(positions.dtype)
    share = passed / (after - before).clamp(min=1).to(positions.dtype)
    bridge = start + (end - start) * share[..., None]
    return _Frames(torch.where(is_bridged[..., None], bridge, own), seen | is_bridged, is_bridged)
