"""Who is slow misses frames and never falls behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.live.newest_frame import NewestFrame
from skeletonmae.live.sources import LiveFrame, _camera_frames, open_camera, open_file


def frame(number: int) -> LiveFrame:
    return LiveFrame(np.zeros((2, 2, 3), np.uint8), float(number), 0.0, 0.0)


def test_old_frames_are_dropped() -> None:
    taken, given = threading.Event(), threading.Event()

    def source() -> Iterator[LiveFrame]:
        yield frame(0)
        taken.wait(5)
        for number in range(1, 6):
            yield frame(number)
        given.set()

    with NewestFrame(source()) as newest:
        frames = iter(newest)
        seen = [next(frames).time]
        taken.set()
        given.wait(5)
        newest._thread.join(5)
        seen += [one.time for one in frames]
    assert seen == [0, 5]
    assert (newest.num_read, newest.num_dropped) == (6, 4)


def test_an_error_of_the_source_comes_after_its_last_frame() -> None:
    def source() -> Iterator[LiveFrame]:
        yield frame(0)
        raise InputError("camera 0 gives no more frames")

    with NewestFrame(source()) as newest:
        newest._thread.join(5)
        frames = iter(newest)
        assert next(frames).time == 0
        with pytest.raises(InputError, match="gives no more frames"):
            next(frames)


def test_a_source_that_never_ends_is_left() -> None:
    def source() -> Iterator[LiveFrame]:
        number = 0
        while True:
            yield frame(number)
            number += 1

    with NewestFrame(source()) as newest:
        next(iter(newest))
    assert not newest._thread.is_alive()


class Camera:
    """A camera that gives `images` and then fails; its clock says that a wait takes 10 s and decoding 0.5 s."""

    def __init__(self, images: list[Any]) -> None:
        self.images = images
        self.now = 100.0

    def grab(self) -> bool:
        self.now += 10
        return bool(self.images)

    def retrieve(self) -> tuple[bool, Any]:
        self.now += 0.5
        image = self.images.pop(0)
        return image is not None, image


def test_a_camera_gives_rgb_with_increasing_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.live.sources.PAUSE", 0.0)
    blue = np.zeros((4, 6, 3), np.uint8)
    blue[..., 0] = 255  # BGR
    frames = _camera_frames(Camera([blue, None, blue, np.full((4, 6), 7, np.uint8)]), 3)
    first, second, gray = (next(frames) for _ in range(3))
    assert first.image[0, 0].tolist() == [0, 0, 255]
    assert gray.image[0, 0].tolist() == [7, 7, 7]
    assert 0 == first.time < second.time < gray.time
    with pytest.raises(InputError, match="camera 3 gives no more frames; expected a camera that stays connected"):
        next(frames)


def test_the_wait_for_a_camera_is_not_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera([np.zeros((4, 6, 3), np.uint8)] * 2)
    monkeypatch.setattr("skeletonmae.live.sources.clock.perf_counter", lambda: camera.now)
    frames = list(islice(_camera_frames(camera, 0), 2))
    assert [frame.time for frame in frames] == [0, 10.5]
    assert [frame.arrived for frame in frames] == [110.5, 121]
    assert [frame.decoding_seconds for frame in frames] == [0.5, 0.5]


def test_no_camera_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    with (
        pytest.raises(InputError, match=r"--camera: camera 97 cannot be opened; expected a connected camera"),
        open_camera(97),
    ):
        pass
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with (
        pytest.raises(InputError, match=r"a camera needs OpenCV: pip install 'skeletonmae\[video\]'"),
        open_camera(0),
    ):
        pass


def test_a_file_is_played_as_fast_as_a_camera_or_as_fast_as_possible(tmp_path: Any, monkeypatch: Any) -> None:
    from fake_poses import write_video

    video, waits = write_video(tmp_path / "a.mp4", 6), []
    monkeypatch.setattr("skeletonmae.live.sources.clock.sleep", waits.append)
    with open_file(video, in_real_time=False) as frames:
        assert [round(one.time, 3) for one in frames] == [0, 0.05, 0.1, 0.15, 0.2, 0.25]
    assert not waits
    with open_file(video) as frames:
        assert len(list(frames)) == 6
    assert len(waits) >= 3
    assert all(0 < wait < 0.3 for wait in waits)


def test_a_large_file_is_reduced_and_says_by_how_much(tmp_path: Any) -> None:
    from fake_poses import write_video

    with open_file(write_video(tmp_path / "a.mp4", 2, (1920, 1080)), in_real_time=False) as source:
        frame = next(iter(source))
    assert source.fps == 20
    assert frame.image.shape == (360, 640, 3)
    assert frame.scale == (3.0, 3.0)
