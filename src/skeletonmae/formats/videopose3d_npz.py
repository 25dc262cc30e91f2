"""VideoPose3D `.npz`: Human3.6M and HumanEva in 3D, and keypoints in videos in 2D.

`data_3d_h36m.npz` holds `positions_3d`, {subject: {action: (frame, joint, 3)}}, in meters of the room with z up;
of the 32 joints of Human3.6M those 17 are kept that VideoPose3D keeps. `data_2d_*.npz` holds `positions_2d`,
{subject: {action: [(frame, joint, 2) of each camera]}} in pixels, and `metadata` with the name of the layout, or
at least with the joints that mirror each other, which tell it too; failing these, the name of the file does. In
files of own videos, the subject is the video and the action is `custom`. A recording is named `subject/action`,
with the camera's number behind it where there are several; subject and camera are tags. The label is the action
without the number of the take. Human3.6M has 50 frames per second and HumanEva 60, which the files do not state.
Pavllo et al., CVPR 2019. The objects in the file are pickles, of which nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_z_up
from skeletonmae.formats.decoders.npy import first_member, open_npz
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.layout_by_shape import layout_of_array
from skeletonmae.limits import check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, Skeleton

H36M_JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
"""Those of the 32 joints of Human3.6M that are not doubles of others or tips, in the order of `h36m17`."""
LAYOUT_NAMES = {"h36m": "h36m17", "coco": "coco17"}
"""Name of the layout in the metadata -> ours."""
FILE_NAME = re.compile(r"data_2d_.*(h36m|coco)")
"""The last name of a layout in the file's: `data_2d_h36m_gt`, `data_2d_h36m_detectron_pt_coco`."""
SUBJECTS = {r"S\d+": ("subject", 50.0), r"(Train|Validate)/S\d+( .*)?": ("subject", 60.0)}
"""Names of subjects of Human3.6M and HumanEva -> their tag and the frames per second of the set."""
EXPECTED = "{subject: {action: array or list of arrays (frame, joint, axis)}}"
OWN_VIDEO = "custom"
VIDEO_SUFFIX = re.compile(r"\.(avi|m4v|mkv|mov|mp4|mpe?g|mts|webm|wmv)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Clip:
    """Positions `(frame, joint, axis)` with the names that lead to them; the camera is None if there is one
    only."""

    subject: str
    action: str
    camera: int | None
    positions: np.ndarray


def _sniff(head: bytes) -> bool:
    return first_member(head) in ("positions_3d", "positions_2d")


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    with open_npz(file) as arrays:
        key = next((key for key in ("positions_3d", "positions_2d") if key in arrays), None)
        if key is None:
            got = ", ".join(arrays.names[:20])
            expected = "positions_3d or positions_2d"
            raise InputError("not the poses of VideoPose3D", where=file.path, expected=expected, got=got)
        subjects = arrays.objects(key)
        metadata = arrays.objects("metadata") if "metadata" in arrays else {}
    where = f"{file.path}, {key}"
    layout = options.layout or _declared_layout(metadata, file.path.stem)
    for clip in _clips(where, subjects):
        at = f"{where}, {clip.subject}, {clip.action}"
        try:
            yield _recording(at, clip, 3 if key == "positions_3d" else 2, layout)
        except InputError as error:
            options.on_error(error)


def _declared_layout(metadata: object, file_name: str) -> Skeleton | None:
    """The layout of 2D keypoints by its name, by which joints are left and right, or by the name of the file."""
    stated = metadata if isinstance(metadata, Mapping) else {}
    name = stated.get("layout_name")
    if isinstance(name, str) and name in LAYOUT_NAMES:
        return LAYOUTS[LAYOUT_NAMES[name]]
    sides = stated.get("keypoints_symmetry")
    if isinstance(sides, list | tuple) and len(sides) == 2:
        for layout in map(LAYOUTS.__getitem__, LAYOUT_NAMES.values()):
            if _has_side(layout, "left_", sides[0]) and _has_side(layout, "right_", sides[1]):
                return layout
    match = FILE_NAME.match(file_name)
    return LAYOUTS[LAYOUT_NAMES[match[1]]] if match else None


def _has_side(layout: Skeleton, side: str, indices: object) -> bool:
    """Whether `indices` are those of all joints of a side."""
    joints = [index for index, joint in enumerate(layout.joints) if joint.startswith(side)]
    return isinstance(indices, list | tuple) and sorted(map(str, indices)) == sorted(map(str, joints))


def _clips(where: str, subjects: object) -> Iterator[_Clip]:
    for subject, actions in _items(where, subjects):
        for action, cameras in _items(f"{where}, {subject}", actions):
            is_list = isinstance(cameras, list | tuple)
            views = list(cameras) if is_list else [cameras]
            for camera, positions in enumerate(views):
                if not isinstance(positions, np.ndarray):
                    got = type(positions).__name__
                    raise InputError(
                        "not an array", where=f"{where}, {subject}, {action}", expected=EXPECTED, got=got
                    )
                yield _Clip(subject, action, camera if len(views) > 1 else None, positions)


def _items(where: str, content: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(
            "not the poses of VideoPose3D", where=where, expected=EXPECTED, got=type(content).__name__
        )
    yield from content.items()


def _recording(where: str, clip: _Clip, num_axes: int, layout: Skeleton | None) -> SkeletonSequence:
    positions = clip.positions
    if positions.ndim != 3 or positions.dtype.kind not in "fiu" or positions.shape[2] < num_axes:
        got = f"{positions.dtype}{positions.shape}"
        raise InputError(
            "the array has the wrong shape", where=where, expected=f"numbers (frame, joint, {num_axes})", got=got
        )
    positions = positions[..., :num_axes]
    if num_axes == 3:
        if positions.shape[1] == 32 and (layout is None or layout.num_joints != 32):
            positions = positions[:, H36M_JOINTS]
            layout = layout or LAYOUTS["h36m17"]
        positions = turn_z_up(positions)
    skeleton, notes = layout_of_array(where, positions.shape[1], num_axes, layout)
    if num_axes == 2 and layout is None:
        note = f"the file does not state its layout: {skeleton.num_joints} joints were read as {skeleton.name}"
        notes = (note,)
    check_shape(where, (1, *positions.shape[:2]))
    known = next((about for pattern, about in SUBJECTS.items() if re.fullmatch(pattern, clip.subject)), None)
    is_own = clip.action == OWN_VIDEO
    parts = [VIDEO_SUFFIX.sub("", clip.subject)] if is_own else [clip.subject, clip.action]
    parts += [str(clip.camera)] * (clip.camera is not None)
    tags = {known[0]: clip.subject} if known else {}
    if clip.camera is not None:
        tags["camera"] = str(clip.camera)
    return SkeletonSequence.from_positions(
        positions,
        skeleton,
        observed=(positions != 0).any(-1),
        name="/".join(parts),
        unit="m" if num_axes == 3 else "px",
        fps=known[1] if known else None,
        label=re.sub(r"[ _]\d+$", "", clip.action) if not is_own else None,
        tags=tags,
        notes=notes,
    )


VIDEOPOSE3D_NPZ = Format(
    "videopose3d_npz",
    "VideoPose3D .npz: Human3.6M and HumanEva in 3D, keypoints in videos in 2D",
    (".npz",),
    _sniff,
    _parse,
    fixed_axes=True,
)
