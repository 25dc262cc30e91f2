"""Draw bodies: bones and joints, left and right in two colors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from skeletonmae.rendering.canvas import Color, Image, draw_disc, draw_line
from skeletonmae.rendering.colors import BLACK, OVERLAY_SIDE_COLORS, SIDE_COLORS
from skeletonmae.skeletons import Skeleton, side_of

BONE_WIDTH, JOINT_RADIUS = 0.024, 0.019
"""Shares of the height of a body."""
MIN_WIDTH, MAX_WIDTH = 1.6, 0.016
"""Of a bone: in pixels, and as a share of the height of the picture."""
FACE_SIZE = 0.55
"""How large bones and joints of the face are, compared with the others."""
OUTLINE, OUTLINE_OPACITY = 0.7, 0.55
"""Width of the dark outline on a video, as a share of the width of a bone on either side."""
FACE_WORDS = ("eye", "ear", "mouth", "nose")
HEADS = ("nose", "head")
"""Joints that shoulders hang on where there is no spine."""
NECK = "middle of the shoulders"


@dataclass(frozen=True, eq=False)
class BodyShape:
    """Which joints of a layout are connected when it is drawn, and in which colors.

    It differs from the tree of the layout where that would look odd. Of layouts without a spine, shoulders hang on
    the head: they are connected with each other instead, and their middle, the neck, with the head.

    Args:
        ends: Joints at both ends of each bone, `(bone, 2)`; the number of joints stands for the neck.
        bone_sides: Side of each bone.
        bone_sizes: 1, or less in the face.
        joint_sides: Side of each joint.
        joint_sizes: 1, or less in the face.
        is_arm: Which joints belong to an arm.
        shoulders: The joints whose middle is the neck; None if the layout has a spine.
    """

    ends: Int64[np.ndarray, "bone 2"]
    bone_sides: tuple[str, ...]
    bone_sizes: tuple[float, ...]
    joint_sides: tuple[str, ...]
    joint_sizes: tuple[float, ...]
    is_arm: Bool[np.ndarray, " joint"]
    shoulders: tuple[int, int] | None = None

    @classmethod
    def of(cls, skeleton: Skeleton) -> BodyShape:
        """Choose what to connect for a layout."""
        index, parents = skeleton.index, skeleton.parents
        bones = [(joint, parent) for joint, parent in skeleton.bones if not _looks_odd(joint, parent)]
        for name in ("shoulder", "hip", "mouth"):
            left, right = f"left_{name}", f"right_{name}"
            hangs_on = parents.get(left, "")
            if right in index and (hangs_on in HEADS or hangs_on == "left_shoulder"):
                bones.append((left, right))
        arms = {
            joint
            for part, names in skeleton.parts.items()
            if part.endswith("arm")
            for joint in names
            if not joint.endswith("_shoulder")
        }
        head = parents.get("left_shoulder", "")
        has_neck = head in HEADS and parents.get("right_shoulder") == head
        if has_neck:
            bones.append((NECK, head))
        place = index | {NECK: len(skeleton.joints)}
        size = {joint: FACE_SIZE if is_of_face(joint) else 1.0 for joint in skeleton.joints} | {NECK: 1.0}
        return cls(
            np.array([(place[joint], place[parent]) for joint, parent in bones], np.int64).reshape(-1, 2),
            tuple(_side_of_bone(joint, parent) for joint, parent in bones),
            tuple(size[joint] for joint, _ in bones),
            tuple(side_of(joint) for joint in skeleton.joints),
            tuple(size[joint] for joint in skeleton.joints),
            np.array([joint in arms for joint in skeleton.joints], bool),
            (index["left_shoulder"], index["right_shoulder"]) if has_neck else None,
        )


def _looks_odd(joint: str, parent: str) -> bool:
    """Whether a bone of a layout without a spine joins places that no line of a body joins."""
    return parent in HEADS and joint.endswith(("_shoulder", "_mouth"))


def _side_of_bone(joint: str, parent: str) -> str:
    """The side of a bone: that of its joint, unless it joins both sides."""
    sides = {side_of(joint), side_of(parent)}
    return "middle" if sides == {"left", "right"} else side_of(joint)


def is_of_face(joint: str) -> bool:
    """Whether a joint is a landmark of the face."""
    return any(word in FACE_WORDS for word in joint.lower().split("_"))


def body_height(points: Float32[np.ndarray, "joint 2"], observed: Bool[np.ndarray, " joint"]) -> float:
    """Return how large a body is in a picture: the longer side of what is observed of it, in pixels."""
    if not observed.any():
        return 0.0
    return float(np.ptp(points[observed], axis=0).max())


def draw_body(
    image: Image,
    points: Float32[np.ndarray, "joint 2"],
    observed: Bool[np.ndarray, " joint"],
    shape: BodyShape,
    height: float,
    *,
    outlined: bool = False,
    opacity: float = 1.0,
) -> None:
    """Draw one person. A joint that was not observed is not drawn, nor are its bones.

    Args:
        image: What to draw on.
        points: Joints in pixels.
        observed: Which of them were observed.
        shape: What to connect.
        height: How large the body is in the picture, in pixels, which sets the width of the lines.
        outlined: Whether to give lines a dark outline, and lighter colors, for any background.
        opacity: From 0 to 1.
    """
    width = float(np.clip(BONE_WIDTH * height, MIN_WIDTH, max(MIN_WIDTH, MAX_WIDTH * image.shape[0])))
    radius = JOINT_RADIUS / BONE_WIDTH * width
    colors = OVERLAY_SIDE_COLORS if outlined else SIDE_COLORS
    joints = np.flatnonzero(observed).tolist()
    if shape.shoulders:
        both = list(shape.shoulders)
        points = np.concatenate([points, points[both].mean(0, keepdims=True)])
        observed = np.append(observed, observed[both].all())
    bones = [bone for bone, ends in enumerate(shape.ends) if observed[ends].all()]

    def lines(extra: float, of_side: dict[str, Color] | None, opacity: float) -> None:
        for bone in bones:
            start, end = points[shape.ends[bone]]
            color = of_side[shape.bone_sides[bone]] if of_side else BLACK
            draw_line(image, start, end, width * shape.bone_sizes[bone] + 2 * extra, color, opacity)
        for joint in joints:
            color = of_side[shape.joint_sides[joint]] if of_side else BLACK
            draw_disc(image, points[joint], radius * shape.joint_sizes[joint] + extra, color, opacity)

    if outlined:
        lines(OUTLINE * width / 2, None, OUTLINE_OPACITY * opacity)
    lines(0.0, colors, opacity)
