"""What a file is that no reader recognizes, in words, and what its owner can do."""

from __future__ import annotations

import re
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.npy import first_member, sniff_header
from skeletonmae.formats.file_kinds import VIDEOS
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.video_containers import CONTAINER_NAMES

COLUMNS = (
    "columns frame, joint, x, y with a line per joint, or nose_x, nose_y, left_wrist_x, ... with a line per frame "
    "(docs/data.md)"
)
"""Columns by which a table of poses is recognized."""
EXPORTS = (
    (re.compile(rb"Format Version,"), "C3D or BVH, as Motive exports it too (File, Export Tracking Data)"),
    (re.compile(rb"NO_OF_FRAMES\t"), "C3D, as Qualisys Track Manager exports it too"),
    (re.compile(rb"Trajectories\b|Devices\b|Model Outputs\b"), "C3D, as Vicon Nexus exports it too"),
    (re.compile(rb"[^\n]*ElementType,"), "a table without the properties of the workflow; " + COLUMNS),
    (re.compile(rb"[^\n]*ACCELERATION#"), "TRex's tables of poses (poseX0, poseY0, ...) as " + COLUMNS),
)
"""Beginnings of files of programs that also export what is read -> what to export."""
OUTPUT_OF_DETECTRON = {"boxes", "segments", "keypoints"}
MAX_KEYS = 6
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')
NUMBERS = re.compile(rb"[\s\d.,;eE+-]*,[\s\d.,;eE+-]*\n")
"""A first line of numbers alone."""
MEMBER = re.compile(rb"PK\x03\x04.{26}([\w .-]{1,60}?)\.npy", re.DOTALL)


class UnknownFormatError(InputError):
    """No reader recognizes a file that holds something: it may hold no recordings at all."""


def describe_content(file: InputFile, head: bytes, root: Path | None = None) -> str:
    """How a file begins, in words; of a link to another place, only the size, since reports are passed on.

    Args:
        file: The file.
        head: Its first bytes.
        root: The folder that is read. Without it, any link counts as one to another place.
    """
    path = file.archive or file.path
    is_elsewhere = not path.resolve().is_relative_to(root.resolve()) if root else path.is_symlink()
    return f"is a link to another place, to {file.size} bytes" if is_elsewhere else describe_head(head)


def describe_head(head: bytes) -> str:
    """How a file begins, in words."""
    if not head.strip():
        return "is empty"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16: save it as UTF-8"
    if array := sniff_header(head):
        return f"is a numpy array of {array.dtype} with shape {array.shape}"
    if name := first_member(head):
        others = "".join(f", {other.decode()!r}" for other in MEMBER.findall(head)[1:MAX_KEYS])
        return f"is a .npz file that begins with the array {name!r}{others}"
    text = head.decode("utf-8-sig", "replace")
    if keys := _json_keys(text):
        return f"is JSON with the keys {', '.join(keys)}"
    line = text.lstrip("\r\n ")[:80].splitlines()[0]
    is_text = "\ufffd" not in line and line.replace("\t", " ").isprintable()
    return f"begins with {line!r}" if is_text else "does not begin with text"


def advice(name: str, head: bytes) -> str:
    """What would be read in place of a file that no reader recognizes.

    Args:
        name: Name of the file.
        head: Its first bytes.
    """
    ending = name.lower().rpartition(".")[2]
    if f".{ending}" in VIDEOS:
        return f"a video in {CONTAINER_NAMES}"
    text = head.removeprefix(b"\xef\xbb\xbf")
    if export := next((export for pattern, export in EXPORTS if pattern.match(text)), None):
        return export
    if (array := sniff_header(head)) is not None:
        count = len(array.shape)
        return (
            f"(sample, channel, frame, joint, person), which has 5 axes and not {count}; or a table with {COLUMNS}"
            if count != 5
            else "2 or 3 channels (sample, channel, frame, joint, person)"
        )
    if first_member(head):
        if first_member(head) in OUTPUT_OF_DETECTRON:
            return "the data_2d_custom_*.npz that VideoPose3D's prepare_data_2d_custom.py makes of such files"
        return "the .npz of AMASS (poses, trans), CTR-GCN (x_train, y_train) or VideoPose3D (positions_3d)"
    if ending in ("csv", "tsv", "txt") and NUMBERS.match(text):
        return f"a first line with the names of the columns: {COLUMNS}"
    if ending in ("csv", "tsv"):
        return COLUMNS
    if ending in ("json", "jsonl"):
        return "the JSON of a pose estimator (docs/data.md lists them), or a CSV table with " + COLUMNS
    return "a format that docs/data.md lists"


def _json_keys(text: str) -> list[str]:
    """The first keys of the first object in the beginning of a JSON text."""
    if text.lstrip()[:1] not in ("{", "["):
        return []
    keys: list[str] = []
    depth, level, last = 0, 0, ""
    for token in TOKEN.findall(text):
        if token in "{[":
            depth += 1
            level = level or (depth if token == "{" else 0)
        elif token in "}]":
            depth -= 1
            if level and depth < level:
                break
        elif token == ":" and last and depth == level:
            keys.append(last)
        last = token if token.startswith('"') and len(token) < 40 else ""
    more = ["..."] if len(keys) > MAX_KEYS else []
    return [*keys[:MAX_KEYS], *more]
