"""The proportions of an average adult, which give the size of a body whatever its joints and its unit."""

from __future__ import annotations

from skeletonmae.skeletons.skeleton import Skeleton

BODY_SIZE = 0.5
"""Length of one body size in meters, for an adult of 1.70 m."""

_MIDDLE: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.0, 0.03, 0.0),
    "spine1": (0.0, 0.13, 0.0),
    "spine": (0.0, 0.25, 0.0),
    "spine2": (0.0, 0.25, 0.0),
    "spine3": (0.0, 0.32, 0.0),
    "shoulder_center": (0.0, 0.49, 0.0),
    "neck": (0.0, 0.53, 0.0),
    "head_base": (0.0, 0.60, 0.0),
    "head": (0.0, 0.69, 0.0),
    "head_top": (0.0, 0.80, 0.0),
    "nose": (0.0, 0.66, -0.10),
}
_RIGHT: dict[str, tuple[float, float, float]] = {
    "eye_inner": (0.02, 0.69, -0.08),
    "eye": (0.035, 0.69, -0.08),
    "eye_outer": (0.05, 0.69, -0.07),
    "ear": (0.07, 0.67, 0.0),
    "mouth": (0.025, 0.62, -0.08),
    "collar": (0.08, 0.47, 0.0),
    "shoulder": (0.18, 0.49, 0.0),
    "elbow": (0.20, 0.18, 0.0),
    "wrist": (0.21, -0.07, 0.0),
    "hand": (0.21, -0.15, 0.0),
    "hand_tip": (0.21, -0.25, 0.0),
    "thumb": (0.19, -0.18, -0.05),
    "thumb_ip": (0.195, -0.15, -0.04),
    "index_mcp": (0.205, -0.16, -0.02),
    "pinky_mcp": (0.215, -0.15, 0.03),
    "hip": (0.09, 0.0, 0.0),
    "knee": (0.09, -0.42, 0.0),
    "ankle": (0.09, -0.83, 0.0),
    "heel": (0.09, -0.89, 0.05),
    "foot": (0.09, -0.88, -0.12),
    "toe": (0.09, -0.89, -0.19),
    "big_toe": (0.08, -0.89, -0.19),
    "small_toe": (0.12, -0.89, -0.16),
}
AVERAGE_BODY: dict[str, tuple[float, float, float]] = (
    _MIDDLE
    | {f"right_{joint}": position for joint, position in _RIGHT.items()}
    | {f"left_{joint}": (-x, y, z) for joint, (x, y, z) in _RIGHT.items()}
)
"""Joint -> its place in meters in an adult of 1.70 m who stands with hanging arms and faces the camera, from the
middle of the hips: x to the person's right, y up, z away from the camera.

Segments are those of Drillis and Contini, *Body Segment Parameters*, 1966, as shares of the height (upper arm
0.186, forearm 0.146, thigh 0.245, shank 0.246), rounded to centimeters; joints of the face are rough.
"""

_LENGTHS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("shoulder", "hip"),
)
_INSTEAD = {"wrist": "hand", "ankle": "foot"}
"""What ends a limb in layouts that do not have the joint."""


def measured_lengths(skeleton: Skeleton) -> tuple[tuple[int, int, float], ...]:
    """Return the lengths that give the size of a body: two joints, by index, and their distance in body sizes.

    These are the segments of the limbs and the sides of the trunk, by name, whatever the tree of the layout is.
    """
    lengths = []
    for side in ("left", "right"):
        for one, other in _LENGTHS:
            ends = [f"{side}_{one}", f"{side}_{other}"]
            if ends[1] not in skeleton.index and other in _INSTEAD:
                ends[1] = f"{side}_{_INSTEAD[other]}"
            if all(joint in skeleton.index for joint in ends):
                first, second = (AVERAGE_BODY[joint] for joint in ends)
                distance = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5
                lengths.append((skeleton.index[ends[0]], skeleton.index[ends[1]], distance / BODY_SIZE))
    return tuple(lengths)
