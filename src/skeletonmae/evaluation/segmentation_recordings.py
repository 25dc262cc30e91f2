"""Long recordings whose actions are known: labeled clips in a row, with pauses and blends between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import DEFAULT_FPS
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan
from skeletonmae.sequences import SequenceStore, SkeletonSequence

SWAY = 0.01
"""Standard deviation of the slow movements in a pause, as a share of the extent of the body."""
SECONDS_PER_SWAY = 0.5
NOISE_GAIN = 0.6745 * 6**0.5
"""Median absolute second difference of white noise of standard deviation 1."""


class JunctionSettings(Config):
    """How clips are put in a row."""

    clips_per_recording: int = Field(8, ge=1)
    """Number of clips in a recording; of what remains of a group, all are used."""
    pause_seconds: tuple[float, float] = (0.5, 2.0)
    """Minimum and maximum duration of a pause, in which the person holds a pose. The pose sways, and its joints
    jitter as much as the sensor's did in the clip."""
    pause_share: float = Field(0.7, ge=0, le=1)
    """Share of the junctions that have a pause. Recordings begin and end with one, too."""
    blend_seconds: tuple[float, float] = (0.2, 0.5)
    """Minimum and maximum duration of the movement from one pose into the next."""


@dataclass(frozen=True, eq=False)
class LabeledRecording:
    """A recording and the actions in it.

    Args:
        recording: The recording.
        spans: The actions, in the order of time; frames between them belong to no class.
        index: Index of the clip of each action in the store.
    """

    recording: SkeletonSequence
    spans: tuple[LabeledSpan, ...]
    index: tuple[int, ...]


def concatenated_recordings(
    store: SequenceStore, index: np.ndarray, settings: JunctionSettings, seed: int, group: str | None = None
) -> Iterator[LabeledRecording]:
    """Put labeled clips of a store in a row, each of them once; the result follows from the arguments.

    Clips with other values of `group` never share a recording, so that a person does not change within one. Where
    it can be avoided, no clip is followed by one of the same class.

    Args:
        store: The clips.
        index: Indices of those to use. Clips in which nothing was observed are left out.
        settings: How the clips follow each other.
        seed: Seed of the order, the pauses and the blends.
        group: Tag, such as `subject`; None for one group.
    """
    values = store.tag(group)[index] if group and group in store.tags else np.zeros(len(index))
    for value in sorted(set(values.tolist())):
        rng = np.random.default_rng([seed, *str(value).encode()])
        members = rng.permutation(index[values == value])
        num_recordings = max(1, round(len(members) / settings.clips_per_recording))
        for number, part in enumerate(np.array_split(members, num_recordings)):
            order = without_repeats(part, store.labels)
            clips = {int(place): store[int(place)] for place in order}
            kept = [place for place, clip in clips.items() if clip.observed.any()]
            if kept:
                name = f"{group} {value} recording {number}" if group else f"recording {number}"
                labels = [int(store.labels[place]) for place in kept]
                made = concatenate([clips[place] for place in kept], labels, settings, rng, name)
                yield replace(made, index=tuple(kept))


def concatenate(
    clips: Sequence[SkeletonSequence],
    labels: Sequence[int],
    settings: JunctionSettings,
    rng: np.random.Generator,
    name: str = "",
) -> LabeledRecording:
    """Put clips in a row. Each is shifted horizontally to where the one before it ended.

    Args:
        clips: Clips of one layout, unit and frame rate, each with an observed joint.
        labels: Class index of each.
        settings: How they follow each other.
        rng: Source of the durations and of the sway.
        name: Name of the recording.

    Raises:
        InputError: Layout, unit or frame rate differ.
    """
    first = clips[0]
    for clip in clips:
        for field in ("skeleton", "unit", "fps"):
            if getattr(clip, field) != getattr(first, field):
                problem = f"clips with different {field} cannot be concatenated"
                raise InputError(problem, where=clip.name, expected=first.name)
    fps = first.fps or DEFAULT_FPS
    num_persons = max(clip.num_persons for clip in clips)
    clips = [_with_persons(_trimmed(clip), num_persons) for clip in clips]
    parts = [_pause(clips[0], 0, fps, settings, rng)]
    spans: list[LabeledSpan] = []
    for position, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        positions, observed = clip.positions, clip.observed
        if position:
            last = next(part for part in reversed(parts) if part[0].shape[1])
            pose = last[0][:, -1], last[1][:, -1]
            positions = _shifted(positions, observed, *pose)
            clip = replace(clip, positions=positions)
            parts.append(_blend(pose, (positions[:, 0], observed[:, 0]), fps, settings, rng))
        start = sum(part[0].shape[1] for part in parts)
        spans.append(LabeledSpan(start, start + clip.num_frames, label))
        parts.append((positions, observed))
        if position == len(clips) - 1 or rng.random() < settings.pause_share:
            parts.append(_pause(clip, -1, fps, settings, rng))
    positions, observed = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    recording = SkeletonSequence(
        positions.astype(np.float32), observed, first.skeleton, name=name, unit=first.unit, fps=first.fps
    )
    return LabeledRecording(recording, tuple(spans), ())


Frames = tuple[Float[np.ndarray, "person frame joint axis"], Bool[np.ndarray, "person frame joint"]]
Pose = tuple[Float[np.ndarray, "person joint axis"], Bool[np.ndarray, "person joint"]]


def _pause(
    clip: SkeletonSequence, frame: int, fps: float, settings: JunctionSettings, rng: np.random.Generator
) -> Frames:
    """Hold the pose of a frame, with a slow sway of the body and of its joints, and with the sensor's noise."""
    pose, observed = clip.positions[:, frame], clip.observed[:, frame]
    num_frames = _draw_frames(settings.pause_seconds, fps, rng)
    times = np.arange(1, num_frames + 1) / (fps * SECONDS_PER_SWAY)
    num_knots = int(times[-1]) + 2 if num_frames else 2
    extent = float(pose[observed].std(0).max()) if observed.any() else 0.0
    knots = rng.normal(size=(num_knots, *pose.shape)) / 2 + rng.normal(
        size=(num_knots, len(pose), 1, pose.shape[-1])
    )
    knots[0] = 0.0
    low = times.astype(int)
    weight = (times - low)[:, None, None, None]
    sway = SWAY * extent * (knots[low] * (1 - weight) + knots[np.minimum(low + 1, num_knots - 1)] * weight)
    noise = rng.normal(size=sway.shape) * _noise_level(clip)
    positions = np.moveaxis(pose + sway + noise, 0, 1)
    flags = np.repeat(observed[:, None], num_frames, axis=1)
    return np.where(flags[..., None], positions, 0.0), flags


def _noise_level(clip: SkeletonSequence) -> Float[np.ndarray, "person joint axis"]:
    """Standard deviation of white noise whose second differences would have the median size of those of a clip."""
    if clip.num_frames < 3:
        return np.zeros((clip.num_persons, *clip.positions.shape[2:]))
    level: Float[np.ndarray, "person joint axis"] = (
        np.median(np.abs(np.diff(clip.positions, 2, axis=1)), axis=1) / NOISE_GAIN
    )
    return level


def _blend(start: Pose, end: Pose, fps: float, settings: JunctionSettings, rng: np.random.Generator) -> Frames:
    """Move from one pose into another, slowly at both ends; joints are observed if they are in both poses."""
    num_frames = _draw_frames(settings.blend_seconds, fps, rng)
    fraction = np.arange(1, num_frames + 1) / (num_frames + 1)
    weight = (3 * fraction**2 - 2 * fraction**3)[None, :, None, None]
    positions = start[0][:, None] * (1 - weight) + end[0][:, None] * weight
    observed = np.repeat((start[1] & end[1])[:, None], num_frames, axis=1)
    return np.where(observed[..., None], positions, 0.0), observed


def _draw_frames(seconds: tuple[float, float], fps: float, rng: np.random.Generator) -> int:
    return round(rng.uniform(*seconds) * fps)


def _shifted(
    positions: Float[np.ndarray, "person frame joint axis"],
    observed: Bool[np.ndarray, "person frame joint"],
    pose: Float[np.ndarray, "person joint axis"],
    pose_observed: Bool[np.ndarray, "person joint"],
) -> Float[np.ndarray, "person frame joint axis"]:
    """Move a clip along the floor, so that it begins where the pose is, as far as joints tell."""
    in_both = observed[:, 0] & pose_observed
    if not in_both.any():
        return positions
    offset = (pose - positions[:, 0])[in_both].mean(0)
    offset[1] = 0.0  # the vertical axis
    return np.where(observed[..., None], positions + offset, 0.0)


def _trimmed(clip: SkeletonSequence) -> SkeletonSequence:
    """Leave out the frames before the first and after the last one in which anybody was observed."""
    frames = np.flatnonzero(clip.observed.any((0, 2)))
    kept = slice(frames[0], frames[-1] + 1)
    return replace(clip, positions=clip.positions[:, kept], observed=clip.observed[:, kept])


def _with_persons(clip: SkeletonSequence, num_persons: int) -> SkeletonSequence:
    """Add persons who were never observed."""
    missing = num_persons - clip.num_persons
    if not missing:
        return clip
    positions, observed = (
        np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
        for array in (clip.positions, clip.observed)
    )
    return replace(clip, positions=positions, observed=observed)


def without_repeats(index: np.ndarray, labels: np.ndarray) -> list[int]:
    """Return clips in an order in which neighbors differ in class, as far as a later clip of another one is left.

    Args:
        index: Indices of the clips.
        labels: Class index of every clip of the store.
    """
    order: list[int] = index.tolist()
    for position in range(1, len(order)):
        before = labels[order[position - 1]]
        others = (later for later in range(position, len(order)) if labels[order[later]] != before)
        other = next(others, position)
        order[position], order[other] = order[other], order[position]
    return order
