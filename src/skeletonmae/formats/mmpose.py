"""MMPose 1.x predictions as JSON: frames of instances with keypoints and their scores, several persons.

`{"meta_info": {"keypoint_id2name", "skeleton_links"}, "instance_info": [{"frame_id", "instances": [...]}]}`, as
the demos write with `--save-predictions` (frames from 1; for an image, `instance_info` is its list of instances),
or the bare list of frames (from 0) or, for an image, of instances, which the inferencer writes to `pred_out_dir`.
An instance is `{"keypoints": [[x, y], ...], "keypoint_scores": [...], "bbox", "track_id"?}`. The joints are those
that `meta_info` names; without it, their number gives the layout. A joint with score 0 is unobserved.

Keypoints of three coordinates are those of a pose lifter, which turns the camera's axes to x left, y away, z up;
here they become x left, y up, z away. Three values without `keypoint_scores`, as MMPose 0.x dumped them, are x, y
and score.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, point_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import numbered_frame_files
from skeletonmae.formats.layout_by_shape import layout_of_poses
from skeletonmae.formats.named_skeletons import skeleton_from_names
from skeletonmae.formats.person_tracking import PERSON_ID_KEYS, Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, LAYOUTS, Skeleton

EXPECTED = "frames of instances, each with 'keypoints' as a list of [x, y]"
LIFTED_TO_KINECT = (0, 2, 1)
"""From x left, y away, z up to x left, y up, z away."""
H36M_NAMES = ("right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "spine", "thorax")

START = rb"^(?:\xef\xbb\xbf)?\s*"
FRAMES = re.compile(START + rb"\[\s*\{[^{]*\"instances\"\s*:")
FRAME_LISTS = re.compile(START + rb"\[[\s\[\],]*\[\s*\{\s*\"keypoints\"\s*:\s*\[\s*\[")
INSTANCES = re.compile(START + rb"\[\s*\{\s*\"keypoints\"\s*:\s*\[\s*\[")
WITH_NAMES = re.compile(START + rb"\{\s*\"(?:meta_info|instance_info)\"\s*:")


class Frames(NamedTuple):
    """What a file holds: its frames, and the names of their joints and the bones, if it states them."""

    instances: dict[int, list[Any]]
    names: tuple[str, ...]
    bones: list[Any]
    dataset: str
    is_image: bool


def _sniff(head: bytes) -> bool:
    return any(pattern.match(head) for pattern in (FRAMES, FRAME_LISTS, INSTANCES, WITH_NAMES))


def _sniff_frame(head: bytes) -> bool:
    """The instances of an image, for certain or, behind the names of the joints, perhaps."""
    return bool(INSTANCES.match(head) or WITH_NAMES.match(head))


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    if not file.frame_files:
        yield _recording(file, _frames(file), options, file.path.stem)
        return
    files = numbered_frame_files(file)
    if not _frames(file.frame_files[0]).is_image:  # numbered videos
        for video in files.values():
            try:
                yield _recording(video, _frames(video), options, video.path.stem)
            except InputError as error:
                options.on_error(error)
        return
    images = {number: _frames(image) for number, image in files.items()}
    first = next(iter(images.values()))
    for number, image in images.items():
        if not image.is_image or image.names != first.names:
            expected = "one image per file, with the same joints, as in the first file"
            raise InputError("not an image of the same recording", where=files[number].path, expected=expected)
    instances = {number: image.instances[0] for number, image in images.items()}
    yield _recording(file, first._replace(instances=instances), options, file.path.name)


def _frames(file: InputFile) -> Frames:
    content = read_json(file)
    meta: dict[str, Any] = {}
    if isinstance(content, dict):
        meta = json_object(content.get("meta_info") or {}, f"{file.path}, meta_info", "an object")
        content = content.get("instance_info")
    frames = json_list(content, file.path, EXPECTED)
    names = meta.get("keypoint_id2name") or {}
    if not isinstance(names, dict) or any(str(index) not in names for index in range(len(names))):
        raise InputError("the joints are not numbered from 0", where=f"{file.path}, keypoint_id2name")
    joints = tuple(str(names[str(index)]) for index in range(len(names)))
    links = meta.get("skeleton_links")
    stated = joints, links if isinstance(links, list) else [], str(meta.get("dataset_name") or "mmpose")
    if not frames:
        raise InputError("no frames", where=file.path, expected=EXPECTED)
    if all(isinstance(frame, dict) and "instances" not in frame and "keypoints" in frame for frame in frames):
        return Frames({0: frames}, *stated, True)
    instances: dict[int, list[Any]] = {}
    for index, frame in enumerate(frames):
        where = f"{file.path}, frame {index}"
        if isinstance(frame, list):
            instances[index] = frame
            continue
        number = json_object(frame, where, EXPECTED).get("frame_id", index)
        if not isinstance(number, int):
            raise InputError("not a frame number", where=where, expected="'frame_id'", got=describe(number))
        if number in instances:
            raise InputError(f"frame {number} is duplicated", where=where)
        instances[number] = json_list(frame.get("instances"), where, EXPECTED)
    return Frames(instances, *stated, False)


def _recording(file: InputFile, frames: Frames, options: ReadOptions, name: str) -> SkeletonSequence:
    poses = {
        number: [
            _pose(instance, f"{file.path}, frame {number}, instance {i}") for i, instance in enumerate(instances)
        ]
        for number, instances in frames.instances.items()
    }
    everyone = [pose for in_frame in poses.values() for pose in in_frame]
    if len(axes := {pose.positions.shape[1] for pose in everyone}) > 1:
        raise InputError("both 2D and 3D keypoints", where=file.path, expected="one kind")
    skeleton, notes = _layout(file, frames, everyone, options)
    joints = slice(skeleton.num_joints)
    is_3d = axes == {3}
    return recording_from_poses(
        {
            number: [
                pose._replace(positions=pose.positions[joints], observed=pose.observed[joints]) for pose in some
            ]
            for number, some in poses.items()
        },
        skeleton,
        3 if is_3d else 2,
        where=file.path,
        name=name,
        unit="unknown" if is_3d else "px",
        notes=notes,
    )


def _pose(instance: object, where: str) -> Pose:
    values = json_object(instance, where, EXPECTED)
    keypoints = point_array(values.get("keypoints"), (2, 3), where, EXPECTED)
    if values.get("keypoint_scores") is None:
        scores = keypoints[:, 2] if keypoints.shape[1] == 3 else np.ones(len(keypoints))
        positions = keypoints[:, :2]
    else:
        scores = point_array([values["keypoint_scores"]], (len(keypoints),), where, "a score for each keypoint")[0]
        positions = keypoints[:, LIFTED_TO_KINECT] if keypoints.shape[1] == 3 else keypoints
    person = next((values[key] for key in PERSON_ID_KEYS if key in values), -1)
    return Pose(positions, scores > 0, parse_person_id(person))


def _layout(
    file: InputFile, frames: Frames, poses: list[Pose], options: ReadOptions
) -> tuple[Skeleton, tuple[str, ...]]:
    """The layout of the joints that the file names, or else of as many joints as the poses have."""
    names = tuple(name.lower().replace(" ", "_") for name in frames.names)
    if options.layout or not names:
        shapes = [(pose.positions, pose.observed) for pose in poses]
        return layout_of_poses(shapes, file.path, options.layout) if shapes else (options.layout or COCO17, ())
    if wrong := [len(pose.observed) for pose in poses if len(pose.observed) != len(names)]:
        raise InputError("wrong number of joints", where=file.path, expected=len(names), got=wrong[0])
    if names[: COCO17.num_joints] == COCO17.joints:
        return LAYOUTS["halpe26"] if len(names) == 26 else COCO17, ()
    if len(names) == 17 and names[1:9] == H36M_NAMES:
        return LAYOUTS["h36m17"], ()
    if len(names) == 21 and names[:2] == ("wrist", "thumb1"):
        return HAND21, ()
    pairs = [bone for bone in frames.bones if isinstance(bone, list) and len(bone) == 2]
    bones = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]
    return skeleton_from_names(file, frames.dataset, frames.names, bones), ()


MMPOSE = Format(
    "mmpose",
    "MMPose 1.x JSON: predictions of a demo or inferencer, 2D or 3D, several persons",
    (".json",),
    _sniff,
    _parse,
    _sniff_frame,
    fixed_axes=True,
)
