from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import numbers
from samples.pose_video import image_of, write_images, write_video

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, VideoOptions, detect
from skeletonmae.formats.file_kinds import VIDEOS
from skeletonmae.formats.video_containers import demuxer

VIDEO = FORMATS["video"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypisom", "mov"),
        (b"\0\0\0\x08wide\0\0\1\0mdat", "mov"),
        (b"\x1a\x45\xdf\xa3rest", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"FLV\x01", "flv"),
        (b"OggS\0", "ogg"),
        (b"\0\0\x01\xba", "mpeg"),
        ((b"G" + bytes(187)) * 5, "mpegts"),
        (bytes(4) + (b"G" + bytes(191)) * 5, "mpegts"),
        (b"", None),
        (b"The free text of a table", None),
        (b"G" * 100, None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://example.org/1.ts\n", None),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"GIF89a", None),
    ],
)
def test_the_first_bytes_say_what_a_file_is(head: bytes, name: str | None) -> None:
    assert demuxer(head) == name
    assert VIDEO.sniff(head) == (name is not None)


def test_every_suffix_of_a_video_is_read() -> None:
    assert set(VIDEO.suffixes) == VIDEOS
    assert VIDEO.has_suffix("Walk.MOV")


def test_options_reach_the_recording(tmp_path: Path, pixel_estimator: Any) -> None:
    path = tmp_path / "walk.mkv"
    (expected,) = write_video(path, numbers())
    assert detect(path) is VIDEO
    (flat,) = VIDEO.read(path)
    np.testing.assert_array_equal(flat.positions, expected.positions)
    (deep,) = VIDEO.read(path, ReadOptions(video=VideoOptions(axes=3)))
    assert (deep.unit, deep.positions.shape[3]) == ("m", 3)
    np.testing.assert_array_equal(deep.observed, flat.observed)
    (slower,) = VIDEO.read(path, ReadOptions(fps=10, up="z"))
    assert slower.fps == 10
    np.testing.assert_array_equal(slower.positions, flat.positions)


def test_nobody_in_a_video_is_an_error_of_that_file(tmp_path: Path, pixel_estimator: Any) -> None:
    path = write_images(tmp_path / "empty room.mkv", [image_of([])] * 5)
    with pytest.raises(InputError, match=r"empty room.mkv: no person was seen in the video"):
        list(VIDEO.read(path))


@pytest.mark.parametrize("missing", ["av", "onnxruntime"])
def test_a_missing_extra_names_the_file_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    path = tmp_path / "walk.mkv"
    write_video(path, numbers())
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"walk.mkv: .*pip install 'skeletonmae\[video\]'"):
        list(VIDEO.read(path))
