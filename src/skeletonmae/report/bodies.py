"""Filmstrips of bodies: one recording, or a motion that was masked and rebuilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from skeletonmae.errors import InputError
from skeletonmae.report.figure import (
    AMBER,
    BLUE,
    DPI,
    GREEN,
    INK,
    ORANGE,
    PALE,
    SKY,
    Axes,
    Figure,
)
from skeletonmae.report.strip import Strip
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton, side_of

SIDES = ("left", "right", "middle")
PERSONS = ((BLUE, ORANGE, "#4b5563"), (SKY, AMBER, "#9ca3af"))
"""Colours of the left, the right and the middle of the first and the second person, then again."""


def project(
    positions: Float[np.ndarray, "*any joint axis"], turn: float = 25.0
) -> Float[np.ndarray, "*any joint 2"]:
    """Where joints are on paper: x to the right, y up.

    Three axes are seen as the camera sees them (who faces it has the left on the right), after turning the body
    by `turn` degrees about the vertical, so that depth shows; two axes are an image's, whose y points down.
    """
    if positions.shape[-1] == 2:
        x, y = positions[..., 0], -positions[..., 1]
    else:
        angle = np.deg2rad(turn)
        x = -np.cos(angle) * positions[..., 0] - np.sin(angle) * positions[..., 2]
        y = positions[..., 1]
    return np.stack([x, y], -1).astype(positions.dtype)


def draw_bodies(
    axes: Axes,
    points: Float[np.ndarray, "*body joint 2"],
    drawn: Bool[np.ndarray, "*body joint"],
    skeleton: Skeleton,
    *,
    hidden: Bool[np.ndarray, "*body joint"] | None = None,
    colours: Sequence[str] = PERSONS[0],
    width: float = 2.0,
    dots: float = 9.0,
) -> None:
    """Draw any number of bodies at once.

    Args:
        axes: what to draw on; its limits stay as they are.
        points: joints on paper, as `project` gives them.
        drawn: which joints there are; a bone needs both its ends.
        skeleton: the layout.
        hidden: joints to draw as hollow grey rings, without bones.
        colours: of the left, the right and the middle of the body.
        width: of a bone, in points.
        dots: area of a joint, in square points; 0 draws none.
    """
    from matplotlib.collections import LineCollection

    num_joints = skeleton.num_joints
    points, drawn = points.reshape(-1, num_joints, 2), drawn.reshape(-1, num_joints)
    concealed = np.zeros_like(drawn) if hidden is None else hidden.reshape(-1, num_joints) & drawn
    shown = drawn & ~concealed
    colour = np.array(colours)[[SIDES.index(side_of(joint)) for joint in skeleton.joints]]
    joint = np.array([skeleton.index[joint] for joint, _ in skeleton.bones], dtype=int)
    parent = skeleton.parent_index[joint]
    body, bone = np.nonzero(shown[:, joint] & shown[:, parent])
    ends = np.stack([points[body, joint[bone]], points[body, parent[bone]]], 1)
    bones = LineCollection(list(ends), colors=list(colour[joint[bone]]), linewidths=width, capstyle="round")
    axes.add_collection(bones, autolim=False)
    if dots:
        x, y = points[shown].T
        axes.scatter(x, y, s=dots, c=list(np.broadcast_to(colour, shown.shape)[shown]), zorder=3)
        if hidden is not None:
            x, y = points[concealed].T
            axes.scatter(x, y, s=dots, facecolors="none", edgecolors=PALE, linewidths=0.8, zorder=2)


def picture_rebuilt(
    original: Float[np.ndarray, "frame joint axis"],
    observed: Bool[np.ndarray, "frame joint"],
    hidden: Bool[np.ndarray, "frame joint"],
    rebuilt: Float[np.ndarray, "frame joint axis"],
    skeleton: Skeleton,
    *,
    num_frames: int = 8,
    fps: float | None = None,
    turn: float = 25.0,
    title: str = "",
) -> Figure:
    """Three filmstrips of one person: the motion, what the model was shown of it, and what it made of that.

    All rows have one scale and follow the original body sideways. In the rebuilt row, joints that were not
    hidden stand where they were; the original lies underneath, thin and grey.

    Args:
        original: the motion.
        observed: which joints were seen; the others are not drawn anywhere.
        hidden: which joints the model was not shown.
        rebuilt: its answer, read only where `hidden`; a joint with a value that is not finite is left out.
        skeleton: the layout.
        num_frames: how many frames to show, evenly spread.
        fps: frames per second, to name the frames by their time.
        turn: degrees to turn a body with three axes about the vertical.
        title: over the picture.

    Raises:
        InputError: shapes do not agree, nothing was observed, or matplotlib is not installed.
    """
    flags = (len(original), skeleton.num_joints)
    for name, array, expected in (
        ("original", original, (*flags, original.shape[-1])),
        ("observed", observed, flags),
        ("hidden", hidden, flags),
        ("rebuilt", rebuilt, original.shape),
    ):
        if array.shape != expected:
            raise InputError(f"{name} has the wrong shape", expected=expected, got=array.shape)
    strip = Strip.of(project(original, turn)[None], observed[None], num_frames)
    answer = np.where(hidden[..., None], rebuilt, original)
    answered = observed & np.isfinite(answer).all(-1)
    before = strip.place(project(original, turn))
    after = strip.place(project(np.where(answered[..., None], answer, 0).astype(original.dtype), turn))
    seen, unseen, answered = observed[strip.frames], hidden[strip.frames], answered[strip.frames]

    names = ("Original", f"Masked\n{hidden[observed].mean():.0%} hidden", "Rebuilt")
    figure, (top, middle, bottom) = strip.figure(names, title)
    draw_bodies(top, before, seen, skeleton)
    draw_bodies(middle, before, seen, skeleton, hidden=unseen)
    draw_bodies(bottom, before, seen, skeleton, colours=(PALE,) * 3, width=1.0, dots=0.0)
    draw_bodies(bottom, after, answered, skeleton, colours=(GREEN,) * 3)
    draw_bodies(bottom, after, answered & ~unseen, skeleton)
    strip.name_frames(bottom, fps)
    ring = {"color": PALE, "linewidth": 0, "markerfacecolor": "none"}
    thin = {"color": PALE, "linewidth": 1, "marker": "None"}
    _legend(bottom, skeleton, hidden=ring, rebuilt={"color": GREEN}, original=thin)
    return figure


def picture_sequence(
    sequence: SkeletonSequence, *, num_frames: int = 8, turn: float = 25.0, title: str | None = None
) -> Figure:
    """A filmstrip of one recording, all persons together; the second person is drawn lighter.

    Args:
        sequence: the recording.
        num_frames: how many frames to show, evenly spread over those in which anyone was observed.
        turn: degrees to turn bodies with three axes about the vertical.
        title: over the picture; the recording's name and label if not given.

    Raises:
        InputError: nothing was observed, or matplotlib is not installed.
    """
    points = project(sequence.positions, turn)
    strip = Strip.of(points, sequence.observed, num_frames)
    named = ": ".join(part for part in (sequence.name, sequence.label) if part)
    figure, (axes,) = strip.figure(("",), named if title is None else title)
    for person, (track, seen) in enumerate(zip(points, sequence.observed, strict=True)):
        colours = PERSONS[person % len(PERSONS)]
        draw_bodies(axes, strip.place(track), seen[strip.frames], sequence.skeleton, colours=colours)
    strip.name_frames(axes, sequence.fps)
    second = {"second_person": {"color": SKY}} if sequence.num_persons > 1 else {}
    _legend(axes, sequence.skeleton, **second)
    return figure


def _legend(axes: Axes, skeleton: Skeleton, **extra: dict[str, Any]) -> None:
    """What the colours say, in a line under the last row; `extra` gives the style of what is not a side."""
    from matplotlib.lines import Line2D

    there = {side_of(joint) for joint in skeleton.joints}
    sides = {side: {"color": colour} for side, colour in zip(SIDES, PERSONS[0], strict=True) if side in there}
    plain = {"linewidth": 2, "marker": "o", "markersize": 4}
    handles = [
        Line2D([], [], **plain | style, label=name.replace("_", " ")) for name, style in (sides | extra).items()
    ]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.25 * DPI / axes.bbox.height),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
