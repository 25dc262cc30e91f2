"""Which container a video file is, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable


def demuxer(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that a file begins with; None if it is no video that is read.

    Args:
        head: The first bytes of the file.
    """
    return next((name for name, is_one in CONTAINERS.items() if is_one(head)), None)


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
