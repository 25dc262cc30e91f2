from __future__ import annotations

import random
import socket
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.pose_video import write_images

from skeletonmae.errors import InputError
from skeletonmae.pose.display_orientation import Orientation
from skeletonmae.pose.video_reader import open_video, read_video

SIZE = 64, 48
"""Width and height."""


def corner(size: tuple[int, int] = SIZE) -> np.ndarray:
    """An image whose upper left quarter is white."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[: size[1] // 2, : size[0] // 2] = 255
    return image


def quarters(image: np.ndarray) -> list[list[bool]]:
    """Which quarters of an image are white."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    rows = (image[:height], image[height:])
    return [[bool(row[:, :width].mean() > 128), bool(row[:, width:].mean() > 128)] for row in rows]


def moving(num_frames: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Noise with a bright bar that moves by a pixel per frame."""
    rng = np.random.default_rng(0)
    images = []
    for index in range(num_frames):
        image = rng.integers(0, 80, (size[1], size[0], 3), dtype=np.uint8)
        image[:, index % size[0]] = 255
        images.append(image)
    return images


def read(path: Path, **settings: Any) -> tuple[Any, list[Any]]:
    with open_video(path, **settings) as video:
        return video, list(video)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("plain") / "plain.mkv", moving(8), fps=25)


def test_frames_come_whole_in_their_order_with_their_times(plain: Path) -> None:
    video, frames = read(plain)
    assert [frame.index for frame in frames] == list(range(8))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(8) / 25, atol=1e-3)
    for frame, image in zip(frames, moving(8), strict=True):
        np.testing.assert_array_equal(frame.image, image)
    assert (video.info.width, video.info.height, video.info.fps, video.info.rotation) == (*SIZE, 25, 0)
    assert (video.scale, video.notes) == ((1.0, 1.0), [])
    assert [frame.index for frame in read_video(plain)] == list(range(8))


@pytest.mark.parametrize(
    ("rotation", "mirrored", "white", "clockwise"),
    [
        (None, False, [[True, False], [False, False]], 0),
        (-90, False, [[False, True], [False, False]], 90),  # counterclockwise, as FFmpeg counts
        (90, False, [[False, False], [True, False]], 270),
        (180, False, [[False, False], [False, True]], 180),
        (0, True, [[False, True], [False, False]], 0),
    ],
)
def test_a_rotation_flag_is_applied(
    tmp_path: Path, rotation: float | None, mirrored: bool, white: list[list[bool]], clockwise: int
) -> None:
    path = write_images(
        tmp_path / "turned.mp4",
        [corner()] * 3,
        codec="libx264",
        pix_fmt="yuv420p",
        rotation=rotation,
        mirrored=mirrored,
    )
    video, frames = read(path)
    assert quarters(frames[1].image) == white
    upright = SIZE if clockwise in (0, 180) else SIZE[::-1]
    assert (video.info.width, video.info.height, video.info.rotation) == (*upright, clockwise)
    assert frames[1].image.shape == (upright[1], upright[0], 3)
    assert frames[1].image.flags.c_contiguous


@pytest.mark.parametrize("size", [(65, 47), (3, 5), (641, 3), (1281, 963)])
def test_odd_and_large_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_images(tmp_path / "odd.mkv", [corner(size)] * 2)
    video, frames = read(path)
    height, width = frames[0].image.shape[:2]
    assert (video.info.width, video.info.height) == size
    assert max(width, height) == min(640, max(size))
    assert width * video.scale[0] == pytest.approx(size[0])
    assert height * video.scale[1] == pytest.approx(size[1])
    assert {frame.scale for frame in frames} == {video.scale}
    whole = read(path, long_side=None)[1][0].image
    np.testing.assert_array_equal(whole, corner(size))


def test_pixels_become_square(tmp_path: Path) -> None:
    path = write_images(
        tmp_path / "wide.mkv", [corner()] * 2, codec="libx264", pix_fmt="yuv420p", aspect=Fraction(2)
    )
    video, frames = read(path)
    assert (video.info.width, video.info.height) == (128, 48)
    assert frames[0].image.shape == (48, 128, 3)
    assert quarters(frames[0].image) == [[True, False], [False, False]]


def test_times_of_a_variable_rate_are_those_of_the_file(tmp_path: Path) -> None:
    times = [100, 133, 167, 300, 305, 1000]
    _, frames = read(write_images(tmp_path / "phone.mkv", moving(6), times=times))
    np.testing.assert_allclose([frame.time for frame in frames], (np.array(times) - 100) / 1000, atol=1e-6)


def test_an_odd_rate(tmp_path: Path) -> None:
    video, frames = read(
        write_images(tmp_path / "odd.mp4", moving(30), fps=Fraction(2160, 77), codec="libx264", pix_fmt="yuv420p")
    )
    assert video.info.fps == pytest.approx(2160 / 77)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(30) * 77 / 2160, atol=1e-4)


class Frame:
    def __init__(self, time: float | None) -> None:
        self.time = time


@pytest.mark.parametrize(
    ("stamps", "times", "note"),
    [
        ([None, None, None], [0, 0.1, 0.2], "3 of 3 frames have no time stamp"),
        ([5.0, None, 5.2], [0, 0.1, 0.2], "1 of 3 frames have no time stamp"),
        ([None, 7.0, 7.1], [0, 0.1, 0.2], "1 of 3 frames have no time stamp"),
        ([1.0, 1.0, 1.1], [0, 0.05, 0.1], "1 of 3 frames have a time stamp that is not later"),
        (
            [1.0, 1.0, 0.5],
            [0, 0.05, 0.2],
            "the time stamps of the video do not increase: its frames count as regular, at 10 frames",
        ),
        (
            [1.0, 1.1, 1.1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
            [0, 0.1, 0.15, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6],
            "5 of 9 frames have a time stamp that is not later",
        ),
        ([0.0, 0.0, 0.0, 0.0, 0.0], [0, 0.05, 0.2, 0.3, 0.4], "the time stamps of the video do not increase"),
        ([0.0, float("nan"), 0.3], [0, 0.1, 0.3], "1 of 3 frames have no time stamp"),
    ],
)
def test_frames_without_a_usable_time_follow_at_the_rate(
    stamps: list[float | None], times: list[float], note: str, monkeypatch: Any
) -> None:
    from skeletonmae.pose import video_reader

    monkeypatch.setattr(video_reader, "rgb_image", lambda *_: corner())
    clock = video_reader.FrameClock(0.1)
    images = video_reader._images(
        Frame(stamps[0]),  # type: ignore[arg-type]
        iter([Frame(stamp) for stamp in stamps[1:]]),  # type: ignore[arg-type]
        clock,
        SIZE,
        Orientation(),
        (1.0, 1.0),
    )
    frames = list(images)
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=1e-12)
    decoder: Any = type("Decoder", (), {"failure": "", "num_failed": 0, "container": None})
    decoder.container = type("Container", (), {"format": type("Mov", (), {"name": "mov"})})
    info = video_reader.VideoInfo(*SIZE, 10, 3, None, 0)
    assert any(note in text for text in video_reader._notes(decoder, clock, info, frames[-1]))


def shown_as(suffix: str) -> dict[str, Any]:
    lossy = {"codec": "libx264", "pix_fmt": "yuv420p"}
    return {
        ".mp4": {**lossy, "options": {"movflags": "faststart"}},
        ".mkv": lossy,
        ".avi": {"codec": "mpeg4", "pix_fmt": "yuv420p"},
        ".webm": {"codec": "libvpx", "pix_fmt": "yuv420p"},
        ".mts": lossy,
        ".mpg": {"codec": "mpeg2video", "pix_fmt": "yuv420p"},
        ".wmv": {"codec": "wmv2", "pix_fmt": "yuv420p"},
        ".flv": {"codec": "flv1", "pix_fmt": "yuv420p"},
    }[suffix]


SUFFIXES = (".mp4", ".mkv", ".avi", ".webm", ".mts", ".mpg", ".wmv", ".flv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {
        suffix: write_images(
            folder / f"whole{suffix}", moving(60, (96, 64)), fps=25, **shown_as(suffix)
        ).read_bytes()
        for suffix in SUFFIXES
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_is_read_whatever_its_name(whole: dict[str, bytes], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "video.bin"
    path.write_bytes(whole[suffix])
    video, frames = read(path)
    assert len(frames) == 60
    assert not any("breaks off" in note or "damaged" in note for note in video.notes)
    if suffix != ".mpg":  # of which FFmpeg repeats and leaves out a time
        np.testing.assert_allclose(np.diff([frame.time for frame in frames]), 0.04, atol=2e-3)
        assert video.notes == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm", ".flv"])
def test_a_video_that_breaks_off_gives_what_there_is(whole: dict[str, bytes], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(whole[suffix][: len(whole[suffix]) * 3 // 5])
    video, frames = read(path)
    assert 0 < len(frames) < 45
    assert any("the video breaks off" in note and f"{len(frames)} " in note for note in video.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
def test_a_video_without_its_last_bytes_says_so(whole: dict[str, bytes], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[suffix][: len(whole[suffix]) * 49 // 50])
    video, frames = read(path)
    assert len(frames) > 50
    assert any("the video breaks off" in note and f"{len(frames)} " in note for note in video.notes)


ADDRESSES = (
    "http:/127.0.0.1:{port}/x.mkv",
    "tcp:127.0.0.1:{port}.mkv",
    "file:other.mkv",
    "concat:other.mkv|other.mkv",
    "subfile,,start,0,end,900,,:other.mkv",
    "pipe:0",
    "-i.mkv",
    "%03d.mkv",
    "2026-11-27T10:30.mkv",
)


@pytest.mark.skipif(sys.platform == "win32", reason="no colons in names")
@pytest.mark.parametrize("name", ADDRESSES)
def test_the_name_of_a_file_is_no_address(plain: Path, tmp_path: Path, monkeypatch: Any, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        path = Path(name.format(port=server.getsockname()[1]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plain.read_bytes())
        write_images(tmp_path / "other.mkv", [corner((32, 16))] * 3)
        video, frames = read(path)
        assert (video.info.width, video.info.height, len(frames)) == (*SIZE, 8)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


def test_what_a_video_holds_opens_files_alone(plain: Path, monkeypatch: Any) -> None:
    import av

    seen: list[dict[str, Any]] = []
    original = av.open
    monkeypatch.setattr(av, "open", lambda *args, **named: [seen.append(named), original(*args, **named)][1])
    read(plain)
    assert seen[0]["options"] == {"protocol_whitelist": "file"}


def test_damaged_packets_are_left_out_and_counted(whole: dict[str, bytes], tmp_path: Path) -> None:
    content = bytearray(whole[".mp4"])
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)
    path = tmp_path / "zeros.mp4"
    path.write_bytes(content)
    video, frames = read(path)
    assert 10 < len(frames) < 60
    assert any("damaged packets of the video were left out" in note for note in video.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "not a video; expected MP4, .*got an empty file"),
        ("text.mp4", b"The free text of a file", "not a video; expected MP4"),
        ("list.m3u8", b"#EXTM3U\nhttp://example.org/a.ts\n", "not a video; expected MP4"),
        (
            "head.mp4",
            b"\0\0\0\x18ftypmp42",
            r"cannot be opened \(Invalid data.*complete file: its index .*; got a file of 12",
        ),
        ("head.mkv", b"\x1a\x45\xdf\xa3" + bytes(90), "cannot be opened"),
        ("head.avi", b"RIFF\xff\xff\xff\x7fAVI LIST", "cannot be opened|no video stream"),
    ],
)
def test_what_is_not_a_video_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert str(error.value).startswith(str(path))


def test_a_file_without_pictures_is_said(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:  # type: ignore[attr-defined]
            container.mux(packet)
    with pytest.raises(InputError, match="no video stream; expected moving pictures; got audio"):
        read(path)


def test_frames_that_are_too_large_are_refused(whole: dict[str, bytes], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("skeletonmae.pose.video_streams.MAX_FRAME_PIXELS", 96 * 64 - 1)
    path = tmp_path / "large.mp4"
    path.write_bytes(whole[".mp4"])
    with pytest.raises(InputError, match="too large; expected at most 6,143 pixels; got 96 x 64"):
        read(path)


def test_a_missing_extra_says_how_to_get_it(plain: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"plain.mkv: .*pip install 'skeletonmae\[video\]'"):
        read(plain)


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    reach = rng.choice([len(changed), min(len(changed), 1500)])
    for _ in range(rng.choice([1, 4, 40])):
        changed[rng.randrange(reach)] = rng.choice([0, 127, 255, rng.randrange(256)])
    return bytes(changed)


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


@pytest.mark.parametrize("damage", [flipped, cut])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_containers_end_in_frames_or_a_message(
    whole: dict[str, bytes],
    tmp_path: Path,
    suffix: str,
    damage: Callable[[bytes, random.Random], bytes],
) -> None:
    rng = random.Random(suffix)
    path = tmp_path / "damaged"
    for _ in range(6):
        path.write_bytes(damage(whole[suffix], rng))
        message, frames = str(path), []
        try:
            _, frames = read(path)
        except InputError as error:
            message = str(error)
        assert str(path) in message
        assert len(frames) <= 120
        assert (np.diff([frame.time for frame in frames]) > 0).all()
        assert len({frame.image.shape for frame in frames}) <= 1
