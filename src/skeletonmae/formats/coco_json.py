"""COCO keypoint JSON, annotations or results, AlphaPose's included: 17 or 26 joints in pixels, several persons.

Annotations are `{"images": [...], "annotations": [{"image_id", "keypoints": [x, y, v, ...], "track_id"?}]}`,
results `[{"image_id", "keypoints": [x, y, score, ...], "idx"?}]` (COCO's documents "Data format" and "Results
format"; AlphaPose's "Output format"). An image is a frame: its recording is its video, or what its file name (of
results the `image_id`) says besides the frame number; a file of a single image is a recording of its own. A
joint with visibility or score 0 is unobserved. Whole-body sets begin with the joints of the body, which are
read: of 133 joints COCO's 17, of 136 Halpe's 26.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import describe, json_list, json_object, number_array, read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_files import number_frames
from skeletonmae.formats.person_tracking import PERSON_ID_KEYS, Pose, parse_person_id, recording_from_poses
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, LAYOUTS, Skeleton

LAYOUT_BY_COUNT = {17: COCO17, 26: LAYOUTS["halpe26"], 133: COCO17, 136: LAYOUTS["halpe26"]}
EXPECTED = "lists 'images' and 'annotations', or a list of results, with 'image_id' and 'keypoints'"

Frame = tuple[str, int]
"""Recording and number of a frame."""


def _sniff(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        return b'"image_id"' in head and b'"keypoints"' in head
    return start == b"{" and (b'"images"' in head or b'"annotations"' in head)


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content, path = read_json(file), file.path
    listed: dict[int | str, Frame] | None = None
    if isinstance(content, dict):
        if options.layout is None:
            _check_joint_names(file, content)
        listed = _frames_of_images(file, content)
        content = content.get("annotations")
        if content is None:
            raise InputError("not COCO keypoints", where=path, expected=EXPECTED)
    records = json_list(content, path, EXPECTED)
    image_ids = [_image_id(record, f"{path}, person {index}") for index, record in enumerate(records)]
    frames = _numbered(image_ids) if listed is None else listed
    poses: dict[str, dict[int, list[Pose]]] = defaultdict(lambda: defaultdict(list))
    for recording, number in frames.values():
        poses[recording][number] = []
    skeleton: Skeleton | None = options.layout
    for index, (record, image_id) in enumerate(zip(records, image_ids, strict=True)):
        where = f"{path}, person {index}"
        if image_id not in frames:
            expected_id = "the 'id' of an entry of 'images'"
            raise InputError("the person's image is not listed", where=where, expected=expected_id, got=image_id)
        values = number_array(record.get("keypoints"), 3, where, "x, y, visibility of each joint")
        if not len(values):
            continue
        layout = options.layout or LAYOUT_BY_COUNT.get(len(values))
        if layout is None or (skeleton and layout is not skeleton) or len(values) < layout.num_joints:
            expected = skeleton.num_joints if skeleton else f"one of {tuple(LAYOUT_BY_COUNT)}"
            raise InputError("wrong number of joints", where=where, expected=expected, got=len(values))
        skeleton = layout
        values = values[: layout.num_joints]
        person = next((record[key] for key in PERSON_ID_KEYS if key in record), -1)
        recording, number = frames[image_id]
        poses[recording][number].append(Pose(values[:, :2], values[:, 2] > 0, parse_person_id(person)))
    if not poses:
        raise InputError("the file holds neither images nor persons", where=path, expected=EXPECTED)
    for recording, in_recording in poses.items():
        name = recording if recording and len(frames) > 1 else path.stem  # a file for each image says nothing more
        yield recording_from_poses(in_recording, skeleton or COCO17, 2, where=path, name=name, unit="px")


def _image_id(record: object, where: str) -> int | str:
    image_id = json_object(record, where, EXPECTED).get("image_id")
    return _number_or_text(image_id, f"{where}, image_id")


def _number_or_text(value: Any, where: str) -> int | str:
    if not isinstance(value, int | str):
        raise InputError("not a number or a text", where=where, got=describe(value))
    return value


def _numbered(names: list[int | str]) -> dict[int | str, Frame]:
    """Image name -> its recording and frame, by what the names have in common."""
    distinct = list(dict.fromkeys(names))
    return dict(zip(distinct, number_frames([str(name) for name in distinct]), strict=True))


def _frames_of_images(file: InputFile, content: dict[str, Any]) -> dict[int | str, Frame]:
    """`id` of each image -> its recording and frame: those of its video, or of its file name."""
    names: dict[int | str, str] = {}
    for index, video in enumerate(json_list(content.get("videos"), f"{file.path}, videos", "a list of videos")):
        where = f"{file.path}, videos, record {index}"
        video_id = _number_or_text(json_object(video, where, "a video").get("id"), f"{where}, id")
        name = video.get("name", video.get("file_name", video_id))
        names[video_id] = str(_number_or_text(name, f"{where}, name"))
    images = json_list(content.get("images"), f"{file.path}, images", "a list of images")
    ids: list[int | str] = []
    files: list[int | str] = []
    for index, image in enumerate(images):
        where = f"{file.path}, images, record {index}"
        ids.append(_number_or_text(json_object(image, where, "an image").get("id"), f"{where}, id"))
        files.append(_number_or_text(image.get("file_name", ids[-1]), f"{where}, file_name"))
    by_name = _numbered(files)
    frames: dict[int | str, Frame] = {}
    for index, (image_id, file_name, image) in enumerate(zip(ids, files, images, strict=True)):
        recording, number = by_name[file_name]
        video = image.get("video_id", image.get("vid_id"))
        if video is not None:
            video = _number_or_text(video, f"{file.path}, images, record {index}, video_id")
            recording = names.get(video, str(video))
        frame_id = image.get("frame_id")
        frames[image_id] = recording, frame_id if isinstance(frame_id, int) else number
    return frames


def _check_joint_names(file: InputFile, content: dict[str, Any]) -> None:
    """Refuse joints with other names than COCO's, such as the 17 of PoseTrack."""
    categories = json_list(content.get("categories"), f"{file.path}, categories", "a list of categories")
    for index, record in enumerate(categories):
        where = f"{file.path}, categories, record {index}"
        category = json_object(record, where, "a category")
        keypoints = json_list(category.get("keypoints"), where, "names of joints")
        names = tuple(str(name).lower().replace(" ", "_") for name in keypoints)
        if names and names[: COCO17.num_joints] != COCO17.joints:
            expected = f"{', '.join(COCO17.joints)}; use --layout for others"
            raise InputError("not the joints of COCO", where=where, expected=expected, got=", ".join(names))


COCO_JSON = Format(
    "coco_json",
    "COCO keypoint JSON, annotations or results (AlphaPose too): 17 or 26 joints in 2D, several persons",
    (".json",),
    _sniff,
    _parse,
)
