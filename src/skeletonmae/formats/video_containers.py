"""Which container a video file is, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

MAX_BOXES = 10_000
"""Boxes of an MP4 file that are looked at; those with pictures come early, or one after the other."""


def demuxer(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that a file begins with; None if it is no video that is read.

    Args:
        head: The first bytes of the file.
    """
    return next((name for name, is_one in CONTAINERS.items() if is_one(head)), None)


def breaks_off(path: Path, container: str) -> bool:
    """Return whether a file is shorter than its container states; False if it states nothing.

    Args:
        path: The file.
        container: FFmpeg's name of the container.
    """
    size = path.stat().st_size
    if container == "mov":
        return _box_ends_after(path, size)
    with path.open("rb") as file:
        head = file.read(4096)
    if container == "avi":
        return 8 + int.from_bytes(head[4:8], "little") > size
    if container == "matroska":
        return (_matroska_end(head) or 0) > size
    return False


def _box_ends_after(path: Path, size: int) -> bool:
    """Whether a box with the pictures or the index of an MP4 file is longer than the file."""
    position = 0
    with path.open("rb") as file:
        for _ in range(MAX_BOXES):
            file.seek(position)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if len(head) < 8 or length < 8:  # 0 is up to the end of the file
                return False
            position += length
            if position > size:
                return head[4:8] in (b"mdat", b"moov", b"moof")
    return False


def _matroska_end(head: bytes) -> int | None:
    """Where the segment of a Matroska file ends; None if that was not known when it was written."""
    header_length, position = _variable_length(head, 4)
    if header_length is None:
        return None
    position += header_length
    if head[position : position + 4] != b"\x18\x53\x80\x67":
        return None
    length, position = _variable_length(head, position + 4)
    return None if length is None else position + length


def _variable_length(data: bytes, position: int) -> tuple[int | None, int]:
    """Read a length of EBML: the zeros before the first bit say how many bytes it has; all ones are "unknown"."""
    first = data[position] if position < len(data) else 0
    num_bytes = 9 - first.bit_length()
    if not first or position + num_bytes > len(data):
        return None, position
    mask = (1 << 7 * num_bytes) - 1
    value = int.from_bytes(data[position : position + num_bytes], "big") & mask
    return (None if value == mask else value), position + num_bytes


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets of 188 bytes begin with their sync byte, or of 192 bytes as cameras write them."""
    return any(
        len(head) > start + 3 * size and all(head[start + size * number] == 0x47 for number in range(4))
        for start, size in ((0, 188), (4, 192))
    )


CONTAINERS: dict[str, Callable[[bytes], bool]] = {
    "mov": lambda head: (
        head[4:8] in (b"ftyp", b"moov", b"mdat")
        or (head[:1] == b"\0" and head[4:8] in (b"wide", b"free", b"skip"))
    ),
    "matroska": lambda head: head.startswith(b"\x1a\x45\xdf\xa3"),
    "avi": lambda head: head[:4] == b"RIFF" and head[8:11] == b"AVI",
    "asf": lambda head: head.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    "flv": lambda head: head.startswith(b"FLV\x01"),
    "ogg": lambda head: head.startswith(b"OggS"),
    "mpeg": lambda head: head.startswith(b"\x00\x00\x01\xba"),
    "mpegts": _is_transport_stream,
}
"""FFmpeg's name of a container -> whether a file begins as one."""
CONTAINER_NAMES = "MP4, QuickTime, Matroska, WebM, AVI, WMV, FLV, Ogg or MPEG"
