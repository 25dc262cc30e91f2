"""COCO keypoint JSON, annotations or results, AlphaPose's included: 17 joints in pixels, several persons.

Annotations are `{"images": [...], "annotations": [{"image_id", "keypoints": [x, y, v, ...], "track_id"?}]}`,
results `[{"image_id", "keypoints": [x, y, score, ...], "idx"?}]` (COCO's documents "Data format" and "Results
format"; AlphaPose's "Output format"). An image is a frame: its recording is its video, or what its file's name
(of results the `image_id`) says before the number of the frame. A joint of visibility or score 0 is unobserved.
The 26 joints of Halpe and the 133 or 136 of a whole body begin with COCO's 17, and those are read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import number_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.person_tracking import Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17

BEGIN_WITH_COCO17 = (17, 26, 133, 136)
PERSON_ID_KEYS = ("track_id", "idx", "instance_id", "person_id")
NUMBERED = re.compile(r"(?P<recording>.*?)[-_./]*(?P<frame>\d+)(?:\.[A-Za-z]\w*)?")
EXPECTED = "lists 'images' and 'annotations', or a list of results, with 'image_id' and 'keypoints'"

Place = tuple[str, int]


def _sniff(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        return b'"image_id"' in head and b'"keypoints"' in head
    return start == b"{" and (b'"images"' in head or b'"annotations"' in head)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content, path = read_json(file), file.path
    places: dict[Any, Place] | None = None
    if isinstance(content, dict):
        videos = {video["id"]: video for video in _listed(file, content, "videos")}
        places = {image["id"]: _place(image, videos) for image in _listed(file, content, "images")}
        if options.layout is None:
            _check_joints(file, _listed(file, content, "categories", needs_id=False))
        content = content.get("annotations")
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise InputError("not COCO keypoints", where=path, expected=EXPECTED)
    skeleton = options.layout or COCO17
    found: dict[str, dict[int, list[Pose]]] = defaultdict(lambda: defaultdict(list))
    for recording, frame in (places or {}).values():
        found[recording][frame] = []
    for number, one in enumerate(content):
        where, image = f"{path}, person {number}", one.get("image_id")
        if not _plain(image) or (places is not None and image not in places):
            raise InputError("its image is not listed", where=where, got=image)
        values = number_array(one.get("keypoints"), 3, where, "x, y, visibility of each joint")
        sizes = (skeleton.num_joints,) if options.layout else BEGIN_WITH_COCO17
        if len(values) and len(values) not in sizes:
            raise InputError("wrong number of joints", where=where, expected=sizes, got=len(values))
        recording, frame = places[image] if places is not None else _place({"file_name": image}, {})
        poses = found[recording][frame]
        if len(values):
            values = values[: skeleton.num_joints]
            who = next((one[key] for key in PERSON_ID_KEYS if key in one), -1)
            poses.append(Pose(values[:, :2], values[:, 2] > 0, parse_person_id(who)))
    if not found:
        raise InputError("there is no image in it", where=path, expected=EXPECTED)
    for recording, frames in found.items():
        yield recording_from_poses(frames, skeleton, 2, where=path, name=recording or path.stem, unit="px")


def _listed(file: InputFile, content: dict[str, Any], key: str, needs_id: bool = True) -> list[dict[str, Any]]:
    """The objects under a key."""
    found = content.get(key) or []
    named = isinstance(found, list) and all(
        isinstance(one, dict) and (_plain(one.get("id")) or not needs_id) for one in found
    )
    if not named:
        raise InputError(f"{key!r} is wrong", where=file.path, expected="a list of objects, each with an id")
    return found


def _plain(value: object) -> bool:
    return isinstance(value, int | str)


def _place(image: dict[str, Any], videos: dict[Any, Any]) -> Place:
    """The recording and the number of the frame that an image is."""
    match = NUMBERED.fullmatch(str(image.get("file_name", image.get("id"))))
    prefix, number = (match["recording"], int(match["frame"])) if match else (str(image.get("file_name")), 0)
    video = image.get("video_id", image.get("vid_id"))
    named = videos.get(video, {})
    recording = prefix if video is None else str(named.get("name", named.get("file_name", video)))
    return recording, image["frame_id"] if isinstance(image.get("frame_id"), int) else number


def _check_joints(file: InputFile, categories: list[dict[str, Any]]) -> None:
    """Refuse joints that are called otherwise than COCO's: PoseTrack's 17, for one, are others."""
    for category in categories:
        names = tuple(str(name).lower().replace(" ", "_") for name in category.get("keypoints", ()))
        if names and names[: COCO17.num_joints] != COCO17.joints:
            expected = f"{', '.join(COCO17.joints)}, or a layout to be named"
            raise InputError("not the joints of COCO", where=file.path, expected=expected, got=", ".join(names))


COCO_JSON = Format(
    "coco_json",
    "COCO keypoint JSON, annotations or results (AlphaPose too): 17 joints in 2D, several persons",
    (".json",),
    _sniff,
    _parse,
)
