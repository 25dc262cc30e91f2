"""The transforms and streams of clips, with operations that an ONNX graph has: as `transforms`, but dense."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.errors import InputError
from skeletonmae.export.resample import Clip
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.average_body import measured_lengths
from skeletonmae.transforms import ClipConfig, Stream
from skeletonmae.transforms.root_motion import anchors_of
from skeletonmae.transforms.size import MAX_MEASURED_FRAMES, size_of_limbs, size_of_spread
from skeletonmae.transforms.smoothing import Smooth

Step = Callable[[Clip], Clip]
"""A function from clips to clips."""


def make_steps(clips: ClipConfig, skeleton: Skeleton, axes: int) -> list[Step]:
    """Return what happens to a clip between resampling and the model, outside training.

    Args:
        clips: The settings of the clips.
        skeleton: The layout of the recordings.
        axes: Number of coordinates of a joint.

    Raises:
        InputError: A transform is random or unknown to the graph, or does not fit the layout.
    """
    third_axis = [_with_third_axis] if clips.axes == 3 and axes == 2 else []
    num_axes = 3 if clips.axes == 3 else axes
    transforms = [
        make_transform(transform, skeleton, num_axes, has_depth=axes == 3)
        for transform in (*clips.transforms, *clips.final_transforms)
    ]
    return [*third_axis, *transforms, *make_stream(clips.stream, skeleton)]


def _with_third_axis(clip: Clip) -> Clip:
    """Give 2D clips a third axis, in the directions of 3D clips; see `transforms.depth`."""
    return clip._replace(positions=torch.nn.functional.pad(-clip.positions, (0, 1)))


def make_transform(transform: Any, skeleton: Skeleton, axes: int, *, has_depth: bool = True) -> Step:
    """Return a transform as a function of dense clips.

    Args:
        transform: Its settings.
        skeleton: The layout of the recordings.
        axes: Number of coordinates of a joint.
        has_depth: Whether the third was recorded.

    Raises:
        InputError: The transform is random or unknown to the graph, or does not fit the layout.
    """
    if transform.kind == "face_forward" and not has_depth and axes == 3:
        return _unchanged
    if transform.kind not in TRANSFORMS:
        expected = f"transforms among {', '.join(TRANSFORMS)}"
        raise InputError(
            "the model has a transform that cannot be exported", expected=expected, got=transform.kind
        )
    return TRANSFORMS[transform.kind](transform, skeleton, axes)


def _unchanged(clip: Clip) -> Clip:
    """Return the clip."""
    return clip


def _center(transform: Any, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    joints = torch.from_numpy(skeleton.center_index)

    def center(clip: Clip) -> Clip:
        """Move the origin to the body center of the first person; see `Center`."""
        observed = clip.observed.index_select(3, joints)
        is_observed = observed.any(3)
        frame = is_observed.int().argmax(2)[:, :, None, None, None]
        at_frame = clip.positions.index_select(3, joints)
        at_frame = at_frame.gather(2, frame.expand(-1, -1, 1, *at_frame.shape[3:])).squeeze(2)
        num = observed.gather(2, frame.squeeze(4).expand(-1, -1, 1, observed.shape[3])).squeeze(2).sum(2)
        value = at_frame.sum(2) / num.clamp(min=1)[..., None].to(at_frame.dtype)
        has_center = is_observed.any(2)
        origin = _of_first_person(has_center, value)
        origin = torch.where(has_center.any(1)[:, None], origin, _mean_of_first_person(clip))
        return clip.moved(clip.positions - origin[:, None, None, None])

    return center


def _mean_of_first_person(clip: Clip) -> Tensor:
    """Mean of the joints of the first person in the first frame in which any is observed, `(clip, axis)`."""
    is_seen = clip.observed.any(3)
    frame = is_seen.int().argmax(2)[:, :, None, None, None]
    at_frame = clip.positions.gather(2, frame.expand(-1, -1, 1, *clip.positions.shape[3:])).squeeze(2)
    num = clip.observed.gather(2, frame.squeeze(4).expand(-1, -1, 1, clip.observed.shape[3])).squeeze(2).sum(2)
    mean = at_frame.sum(2) / num.clamp(min=1)[..., None].to(at_frame.dtype)
    return _of_first_person(is_seen.any(2), mean)


def _face_forward(transform: Any, skeleton: Skeleton, axes: int) -> Step:
    if axes != 3:
        raise InputError("needs 3D positions", where=f"transform {transform.kind}", expected="3 axes", got=axes)
    if not skeleton.left_right and transform.optional:
        return _unchanged
    if not skeleton.left_right:
        raise InputError(f"layout {skeleton.name} has neither two shoulders nor two hips", where=transform.kind)
    left, right = (torch.tensor(side) for side in zip(*skeleton.left_right, strict=True))

    def face_forward(clip: Clip) -> Clip:
        """Rotate the clips about the vertical; see `FaceForward`."""
        both = clip.observed.index_select(3, left) & clip.observed.index_select(3, right)
        difference = clip.positions.index_select(3, right) - clip.positions.index_select(3, left)
        total = (difference * both[..., None].to(difference.dtype)).sum((2, 3))
        axis = _of_first_person(both.flatten(2).any(2), total)
        x, z = axis[:, 0], axis[:, 2]
        length = (x * x + z * z).sqrt()
        is_turned = length > 0
        length = torch.where(is_turned, length, 1.0)
        cos = torch.where(is_turned, x / length, 1.0)[:, None, None, None]
        sin = torch.where(is_turned, z / length, 0.0)[:, None, None, None]

        def turned(values: Tensor) -> Tensor:
            old_x, old_y, old_z = values.unbind(-1)
            return torch.stack([cos * old_x + sin * old_z, old_y, cos * old_z - sin * old_x], -1)

        turned_clip = clip.moved(turned(clip.positions))
        return (
            turned_clip
            if clip.root is None
            else turned_clip._replace(root=turned(clip.root[:, :, :, None])[:, :, :, 0])
        )

    return face_forward


def _body_size(transform: Any, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    def body_size(clip: Clip) -> Clip:
        """Divide by the largest distance of a joint from the origin; see `BodySize`."""
        size = clip.positions.square().sum(4).flatten(1).amax(1).sqrt()
        return _divided(clip, size.clamp(min=1e-6))

    return body_size


def _normalize_size(transform: Any, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    lengths = measured_lengths(skeleton)

    def normalize_size(clip: Clip) -> Clip:
        """Divide by the size of the first person; see `NormalizeSize`."""
        num_frames = clip.positions.shape[2]
        step = -(-num_frames // MAX_MEASURED_FRAMES)
        frames = slice((num_frames - 1) % step // 2, None, step)
        positions, observed = clip.positions[:, :, frames].flatten(0, 1), clip.observed[:, :, frames].flatten(0, 1)
        size = size_of_spread(positions, observed, skeleton.joints)
        if lengths:
            size_of_body = size_of_limbs(positions, observed, lengths)
            size = torch.where(size_of_body > 0, size_of_body, size)
        size = torch.unflatten(size, 0, clip.positions.shape[:2])
        first = _of_first_person(size > 0, size[..., None])[:, 0]
        return _divided(clip, torch.where(first > 0, first, 1.0))

    return normalize_size


def _root_motion(transform: Any, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    anchors = [torch.tensor([skeleton.index[joint] for joint in anchor]) for anchor in anchors_of(skeleton)]

    def root_motion(clip: Clip) -> Clip:
        """Take the path of the body out of the positions; see `RootMotion`."""
        observed = clip.observed
        is_observed = observed.any(3)
        num_seen = is_observed.sum(2)
        center = clip.positions.sum(3) / observed.sum(3, keepdim=True).clamp(min=1).to(clip.positions.dtype)
        for joints in reversed(anchors):  # the best comes last
            is_anchored = observed.index_select(3, joints).all(3)
            has_center = (2 * is_anchored.sum(2) >= num_seen)[..., None]
            mean = clip.positions.index_select(3, joints).mean(3)
            center = torch.where(has_center[..., None], mean, center)
            # onnxruntime has no `where` of flags.
            is_observed = (is_anchored & has_center) | (is_observed & ~has_center)
        frame = torch.arange(observed.shape[2])
        # Of each frame, the last one up to it with an observed center, or else the first one after it.
        before = torch.where(is_observed[:, :, None] & (frame <= frame[:, None]), frame, -1).amax(3)
        first = is_observed.int().argmax(2)
        source = torch.where(before < 0, first[..., None], before)
        held = center.gather(2, source[..., None].expand(-1, -1, -1, center.shape[3]))
        start = held.gather(2, first[..., None, None].expand(-1, -1, 1, held.shape[3])).squeeze(2)
        origin = _of_first_person(is_observed.any(2), start)
        root = (held - origin[:, None, None]).masked_fill(~is_observed[..., None], 0.0)
        moved = clip.moved(clip.positions - held[:, :, :, None])
        return moved._replace(root=root, root_observed=is_observed)

    return root_motion


def _axis_range(transform: Any, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    def axis_range(clip: Clip) -> Clip:
        """Map each axis to [-1, 1]; see `AxisRange`."""
        is_missing = ~clip.observed[..., None]
        largest = torch.finfo(clip.positions.dtype).max
        high = clip.positions.masked_fill(is_missing, -largest).flatten(1, 3).amax(1)[:, None, None, None]
        low = clip.positions.masked_fill(is_missing, largest).flatten(1, 3).amin(1)[:, None, None, None]
        return clip.moved((clip.positions - low) / (high - low).clamp(min=1e-6) * 2.0 - 1.0)

    return axis_range


def _smooth(transform: Smooth, skeleton: Skeleton, axes: int) -> Step:  # noqa: ARG001
    def smooth(clip: Clip) -> Clip:
        """Average neighboring frames; see `Smooth`."""
        num_frames = clip.positions.shape[2]
        radius = math.ceil(min(3 * transform.sigma, num_frames))
        frame = torch.arange(num_frames)
        distance = (frame[None] - frame[:, None]).float()
        band = torch.exp(-0.5 * (distance / transform.sigma) ** 2) * (distance.abs() <= radius)
        measured = _weighted_mean(band, clip.positions, clip.observed & ~clip.bridged)
        both = _weighted_mean(band, clip.positions, clip.observed)
        return clip.moved(torch.where(clip.bridged[..., None], both, measured))

    return smooth


TRANSFORMS: dict[str, Callable[[Any, Skeleton, int], Step]] = {
    "center": _center,
    "face_forward": _face_forward,
    "body_size": _body_size,
    "normalize_size": _normalize_size,
    "root_motion": _root_motion,
    "axis_range": _axis_range,
    "smooth": _smooth,
}
"""Kind of a transform -> what makes its function. Those that draw random numbers are not among them."""


def make_stream(stream: Stream, skeleton: Skeleton) -> list[Step]:
    """Return the function that computes a stream, or none for joint positions."""
    parent = torch.from_numpy(skeleton.parent_index)

    def bone(clip: Clip) -> Clip:
        """Return each joint minus its parent."""
        observed = clip.observed & clip.observed.index_select(3, parent)
        bridged = (clip.bridged | clip.bridged.index_select(3, parent)) & observed
        bones = clip.positions - clip.positions.index_select(3, parent)
        return clip._replace(observed=observed, bridged=bridged).moved(bones)

    def motion(clip: Clip) -> Clip:
        """Return the next frame minus this one; 0 for the last."""
        difference = clip.positions[:, :, 1:] - clip.positions[:, :, :-1]
        difference = torch.cat([difference, torch.zeros_like(clip.positions[:, :, :1])], 2)
        in_both = torch.cat([clip.observed[:, :, :-1] & clip.observed[:, :, 1:], clip.observed[:, :, -1:]], 2)
        bridged = torch.cat([clip.bridged[:, :, :-1] | clip.bridged[:, :, 1:], clip.bridged[:, :, -1:]], 2)
        return clip._replace(observed=in_both, bridged=bridged & in_both).moved(difference)

    steps: dict[Stream, list[Step]] = {"joint": [], "bone": [bone], "motion": [motion]}
    return steps[stream]


def _divided(clip: Clip, size: Float[Tensor, " batch"]) -> Clip:
    """Return clips whose positions, and paths of the bodies, are divided by a size."""
    divided = clip.moved(clip.positions / size[:, None, None, None, None])
    return divided if clip.root is None else divided._replace(root=clip.root / size[:, None, None, None])


def _of_first_person(
    has_value: Bool[Tensor, "batch person"], values: Float[Tensor, "batch person feature"]
) -> Float[Tensor, "batch feature"]:
    """Return the values of the first person that has any; 0 if none has."""
    person = has_value.int().argmax(1)[:, None, None].expand(-1, 1, values.shape[2])
    return values.gather(1, person).squeeze(1) * has_value.any(1)[:, None].to(values.dtype)


def _weighted_mean(
    band: Float[Tensor, "frame frame"],
    positions: Float[Tensor, "batch person frame joint axis"],
    counts: Bool[Tensor, "batch person frame joint"],
) -> Float[Tensor, "batch person frame joint axis"]:
    """Weighted mean over the frames that count; 0 where none does."""
    total = torch.einsum("ts,bpsja->bptja", band, positions.masked_fill(~counts[..., None], 0.0))
    weight = torch.einsum("ts,bpsj->bptj", band, counts.to(band.dtype))
    return total / weight.clamp(min=1e-6)[..., None]
