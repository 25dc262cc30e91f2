"""Plots of skeletons: filmstrips of a recording, or of a masked and reconstructed motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from skeletonmae.errors import InputError
from skeletonmae.plotting.figure import (
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
from skeletonmae.plotting.filmstrip_layout import Filmstrip
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton, side_of

SIDES = ("left", "right", "middle")
PERSON_COLORS = ((BLUE, ORANGE, "#4b5563"), (SKY, AMBER, "#9ca3af"))
"""Colors of the left, the right and the middle of the first and the second person; further persons repeat them."""


def project(
    positions: Float[np.ndarray, "*any joint axis"], azimuth: float = 25.0
) -> Float[np.ndarray, "*any joint 2"]:
    """Project joints to the plane of the plot: x to the right, y up.

    3D positions are seen from the camera (the left of a person who faces it is on the right), after a rotation of
    the body by `azimuth` degrees about the vertical, so that depth shows. The y axis of 2D positions is flipped,
    since that of an image points down.
    """
    if positions.shape[-1] == 2:
        x, y = positions[..., 0], -positions[..., 1]
    else:
        angle = np.deg2rad(azimuth)
        x = -np.cos(angle) * positions[..., 0] - np.sin(angle) * positions[..., 2]
        y = positions[..., 1]
    return np.stack([x, y], -1).astype(positions.dtype)


def plot_skeletons(
    axes: Axes,
    points: Float[np.ndarray, "*body joint 2"],
    shown: Bool[np.ndarray, "*body joint"],
    skeleton: Skeleton,
    *,
    hidden: Bool[np.ndarray, "*body joint"] | None = None,
    colors: Sequence[str] = PERSON_COLORS[0],
    bone_width: float = 2.0,
    joint_area: float = 9.0,
) -> None:
    """Plot any number of skeletons at once.

    Args:
        axes: Axes to plot on; their limits do not change.
        points: Joints in the plane, as `project` returns them.
        shown: Which joints to plot; a bone is plotted if both its ends are.
        skeleton: The layout.
        hidden: Joints to plot as hollow gray circles, without bones.
        colors: Colors of the left, the right and the middle of the body.
        bone_width: Width of a bone, in points.
        joint_area: Area of a joint, in square points; 0 plots none.
    """
    from matplotlib.collections import LineCollection

    num_joints = skeleton.num_joints
    points, shown = points.reshape(-1, num_joints, 2), shown.reshape(-1, num_joints)
    is_hidden = np.zeros_like(shown) if hidden is None else hidden.reshape(-1, num_joints) & shown
    is_visible = shown & ~is_hidden
    color = np.array(colors)[[SIDES.index(side_of(joint)) for joint in skeleton.joints]]
    joint = np.array([skeleton.index[joint] for joint, _ in skeleton.bones], dtype=int)
    parent = skeleton.parent_index[joint]
    body, bone = np.nonzero(is_visible[:, joint] & is_visible[:, parent])
    ends = np.stack([points[body, joint[bone]], points[body, parent[bone]]], 1)
    bones = LineCollection(list(ends), colors=list(color[joint[bone]]), linewidths=bone_width, capstyle="round")
    axes.add_collection(bones, autolim=False)
    if joint_area:
        x, y = points[is_visible].T
        joint_colors = list(np.broadcast_to(color, is_visible.shape)[is_visible])
        axes.scatter(x, y, s=joint_area, c=joint_colors, zorder=3)
        if hidden is not None:
            x, y = points[is_hidden].T
            axes.scatter(x, y, s=joint_area, facecolors="none", edgecolors=PALE, linewidths=0.8, zorder=2)


def plot_reconstruction(
    original: Float[np.ndarray, "frame joint axis"],
    observed: Bool[np.ndarray, "frame joint"],
    hidden: Bool[np.ndarray, "frame joint"],
    reconstructed: Float[np.ndarray, "frame joint axis"],
    skeleton: Skeleton,
    *,
    num_frames: int = 8,
    fps: float | None = None,
    azimuth: float = 25.0,
    title: str = "",
) -> Figure:
    """Plot three filmstrips of one person: the motion, its visible joints, and the reconstruction.

    All rows have the same scale and follow the original body sideways. In the last row, joints that were not
    hidden keep their positions; the original is drawn underneath, thin and gray.

    Args:
        original: The motion.
        observed: Which joints were observed; others are not plotted in any row.
        hidden: Which joints were hidden from the model.
        reconstructed: The reconstruction, read only where `hidden`; values that are not finite are left out.
        skeleton: The layout.
        num_frames: Number of frames to show, evenly spaced.
        fps: Frames per second, to label the frames with their time.
        azimuth: Rotation of 3D bodies about the vertical, in degrees.
        title: Title of the figure.

    Raises:
        InputError: Shapes do not agree, nothing was observed, or matplotlib is not installed.
    """
    shape = (len(original), skeleton.num_joints)
    for name, array, expected in (
        ("original", original, (*shape, original.shape[-1])),
        ("observed", observed, shape),
        ("hidden", hidden, shape),
        ("reconstructed", reconstructed, original.shape),
    ):
        if array.shape != expected:
            raise InputError(f"{name} has the wrong shape", expected=expected, got=array.shape)
    strip = Filmstrip.from_points(project(original, azimuth)[None], observed[None], num_frames)
    combined = np.where(hidden[..., None], reconstructed, original)
    is_valid = observed & np.isfinite(combined).all(-1)
    combined = np.where(is_valid[..., None], combined, 0).astype(original.dtype)
    original_points = strip.arrange(project(original, azimuth))
    combined_points = strip.arrange(project(combined, azimuth))
    observed_shown, hidden_shown, valid_shown = (
        observed[strip.frames],
        hidden[strip.frames],
        is_valid[strip.frames],
    )

    row_names = ("Original", f"Masked\n{hidden[observed].mean():.0%} hidden", "Reconstructed")
    figure, (top, middle, bottom) = strip.figure(row_names, title)
    plot_skeletons(top, original_points, observed_shown, skeleton)
    plot_skeletons(middle, original_points, observed_shown, skeleton, hidden=hidden_shown)
    thin_gray: dict[str, Any] = {"colors": (PALE,) * 3, "bone_width": 1.0, "joint_area": 0.0}
    plot_skeletons(bottom, original_points, observed_shown, skeleton, **thin_gray)
    plot_skeletons(bottom, combined_points, valid_shown, skeleton, colors=(GREEN,) * 3)
    plot_skeletons(bottom, combined_points, valid_shown & ~hidden_shown, skeleton)
    strip.label_frames(bottom, fps)
    circle = {"color": PALE, "linewidth": 0, "markerfacecolor": "none"}
    line = {"color": PALE, "linewidth": 1, "marker": "None"}
    _add_legend(bottom, skeleton, hidden=circle, reconstructed={"color": GREEN}, original=line)
    return figure


def plot_recording(
    recording: SkeletonSequence, *, num_frames: int = 8, azimuth: float = 25.0, title: str | None = None
) -> Figure:
    """Plot a filmstrip of one recording with all its persons; the second person is lighter.

    Args:
        recording: The recording.
        num_frames: Number of frames to show, evenly spaced over those in which any joint was observed.
        azimuth: Rotation of 3D bodies about the vertical, in degrees.
        title: Title of the figure; by default the name and label of the recording.

    Raises:
        InputError: Nothing was observed, or matplotlib is not installed.
    """
    points = project(recording.positions, azimuth)
    strip = Filmstrip.from_points(points, recording.observed, num_frames)
    name_and_label = ": ".join(part for part in (recording.name, recording.label) if part)
    figure, (axes,) = strip.figure(("",), name_and_label if title is None else title)
    for person, (track, observed) in enumerate(zip(points, recording.observed, strict=True)):
        colors = PERSON_COLORS[person % len(PERSON_COLORS)]
        plot_skeletons(axes, strip.arrange(track), observed[strip.frames], recording.skeleton, colors=colors)
    strip.label_frames(axes, recording.fps)
    second = {"second_person": {"color": SKY}} if recording.num_persons > 1 else {}
    _add_legend(axes, recording.skeleton, **second)
    return figure


def _add_legend(axes: Axes, skeleton: Skeleton, **extra: dict[str, Any]) -> None:
    """Explain the colors in one line below the last row; `extra` gives the styles of what is not a side."""
    from matplotlib.lines import Line2D

    present = {side_of(joint) for joint in skeleton.joints}
    sides = {
        side: {"color": color} for side, color in zip(SIDES, PERSON_COLORS[0], strict=True) if side in present
    }
    default = {"linewidth": 2, "marker": "o", "markersize": 4}
    handles = [
        Line2D([], [], **default | style, label=name.replace("_", " ")) for name, style in (sides | extra).items()
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
