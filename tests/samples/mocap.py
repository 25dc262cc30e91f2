"""A small BVH file: a chain of joints that are moved and not turned, so that places can be read off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

JOINTS = ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head")


def write_bvh(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import Skeleton

    places = values[:, : len(JOINTS)] * 4  # metres; bones of 32 cm
    text = "HIERARCHY\n"
    for depth, joint in enumerate(JOINTS):
        text += "  " * depth + ("ROOT " if depth == 0 else "JOINT ") + joint + "\n" + "  " * depth + "{\n"
        text += "  " * depth + f"  OFFSET 0 {30 * min(depth, 1)} 0\n"
        text += "  " * depth + "  CHANNELS 3 Xposition Yposition Zposition\n"
    text += "  " * len(JOINTS) + "End Site\n{\nOFFSET 0 10 0\n}\n" + "}\n" * len(JOINTS)
    text += f"MOTION\nFrames: {len(places)}\nFrame Time: 0.04\n"
    moved = np.diff(places, axis=1, prepend=0.0) * 100  # centimetres from the parent
    text += "".join(" ".join(repr(float(v)) for v in frame.ravel()) + "\n" for frame in moved)
    path.write_text(text)
    names = ("pelvis", "spine1", "spine2", "spine3", "neck", "head_base")
    layout = Skeleton("bvh6", names, dict(zip(names[1:], names, strict=False)))
    return [SkeletonSequence.from_positions(places * [-1, 1, -1], layout, name=path.stem, fps=25.0)]


def write_trc(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    names = {"pelvis": "HipCenter", "spine": "Spine", "shoulder_center": "ShoulderCenter", "head": "Head"}
    for joint in KINECT20.joints[4:]:
        side, part = joint.split("_")
        names[joint] = part.title() + side.title()
    observed = (values != 0).any(-1)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"60.00\t60.00\t{len(values)}\t20\tmm\t60.00\t1\t{len(values)}",
        "Frame#\tTime\t" + "\t\t\t".join(names[joint] for joint in KINECT20.joints) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{number}" for number in range(1, 21) for axis in "XYZ"),
        "",
    ]
    for number, (frame, is_observed) in enumerate(zip(values, observed, strict=True), start=1):
        cells = [
            f"{value * 1000!r}" if seen else ""
            for joint, seen in zip(frame.astype(float).tolist(), is_observed, strict=True)
            for value in joint
        ]
        lines.append("\t".join([str(number), f"{number / 60:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return [
        SkeletonSequence.from_positions(
            values * [-1, 1, -1], KINECT20, observed=observed, name=path.stem, fps=60.0
        )
    ]


ASF = """:version 1.10
:name sample
:units
  mass 1.0
  length 0.5
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lfemur
     direction 0 -1 0
     length 8
     axis 0 0 20 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
  end
  begin
     id 2
     name ltibia
     direction 0 -1 0
     length 7
     axis 0 0 0 XYZ
    dof rx
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""


def write_asf_amc(path: Path, values: np.ndarray) -> list[Any]:
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import Skeleton

    path.with_suffix(".asf").write_text(ASF)
    inches = 0.0254 / 0.5  # meters in the unit of the file
    roots = values[:, 0].astype(float)
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for number, root in zip((1, 2, 4), roots / inches, strict=False):  # frame 3 was lost
        moved = " ".join(repr(float(value)) for value in root)
        lines += [str(number), f"root {moved} 0 0 0", "lfemur 0 0 0", "ltibia 0"]
    path.write_text("\n".join(lines) + "\n")
    down = np.array([[0, 0, 0], [0, -8, 0], [0, -15, 0]]) * inches
    positions = np.full((4, 3, 3), np.nan)
    positions[[0, 1, 3]] = (roots[:3, None] + down) * [-1, 1, -1]
    joints = ("pelvis", "left_knee", "ltibia_end")
    layout = Skeleton("asf3", joints, dict(zip(joints[1:], joints, strict=False)))
    return [SkeletonSequence.from_positions(positions, layout, name=path.stem)]
