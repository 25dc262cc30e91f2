"""How FFmpeg is told which file to open.

FFmpeg takes a name for an address: `http:/host/clip.mp4` opens a connection, `concat:` and `subfile:` open other
files, and `2026-11-27T10:30.mkv` has a protocol that it does not know.
"""

from __future__ import annotations

from pathlib import Path

LOCAL_ONLY = {"protocol_whitelist": "file"}
"""Options of an input: whatever it holds, only files are opened."""


def file_url(path: Path) -> str:
    """Return what FFmpeg opens as this file, whatever its name is.

    Args:
        path: The file.
    """
    return f"file:{path.absolute()}"
