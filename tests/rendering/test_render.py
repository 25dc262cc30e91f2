"""A rendered file has the right size, frames and times, and joints where they must be."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.rendering.colors import SIDE_COLORS
from skeletonmae.rendering.moving_picture import StagePicture
from skeletonmae.rendering.render import render_recording
from skeletonmae.rendering.settings import RenderSettings, parse_size
from skeletonmae.rendering.stage import Stage

SMALL = RenderSettings(size=(320, 240))


def near(image: np.ndarray, point: np.ndarray, color: tuple[int, int, int], tolerance: int) -> bool:
    x, y = np.rint(point).astype(int)
    return bool((np.abs(image[y, x].astype(int) - color) <= tolerance).all())


def test_an_mp4_has_every_frame_and_the_joints_in_their_places(
    make_standing: Any, decode: Any, tmp_path: Path
) -> None:
    recording = make_standing(frames=8)
    done = render_recording(recording, tmp_path / "a.mp4", settings=SMALL)
    images, times, about = decode(tmp_path / "a.mp4")
    assert done.num_frames == len(images) == 8
    assert images[0].shape == (240, 320, 3)
    assert about == {"codec": "h264", "format": "yuv420p", "rate": 25}
    np.testing.assert_allclose(times, np.arange(8) / 25, atol=1e-4)
    points = Stage.of(recording, 320, 240).points[0]
    for frame in (0, 7):
        for joint in ("left_knee", "right_knee", "left_wrist"):
            point = points[frame, recording.skeleton.index[joint]]
            assert near(images[frame], point, SIDE_COLORS[joint.partition("_")[0]], 60), (frame, joint)
    assert (images[0][:10] > 235).all()
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it is being loaded


def test_a_part_shows_the_times_of_the_whole(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions: list[str] = []
    monkeypatch.setattr(
        "skeletonmae.rendering.write_picture.write_sheet",
        lambda _path, _frames, _times, texts, _number: captions.extend(texts) or len(texts),
    )
    recording = make_standing(frames=50)
    render_recording(recording, tmp_path / "a.png", settings=RenderSettings(size=(320, 240), start=1.0, end=1.4))
    assert (captions[0], captions[-1]) == ("0:01.0", "0:01.3")


def test_a_joint_that_was_not_observed_is_not_drawn(make_standing: Any) -> None:
    recording = make_standing()
    knee = recording.skeleton.index["left_knee"]
    observed = recording.observed.copy()
    observed[0, 2, knee] = False
    lost = replace(
        recording, observed=observed, positions=np.where(observed[..., None], recording.positions, np.float32(0))
    )
    point = Stage.of(recording, 320, 240).points[0, 2, knee]
    whole = next(StagePicture(recording, width=320, height=240).frames([2]))
    image = next(StagePicture(lost, width=320, height=240).frames([2]))
    assert near(whole, point, SIDE_COLORS["left"], 0)
    assert near(image, point, (255, 255, 255), 0)


def test_a_gif_repeats_and_keeps_the_speed(make_standing: Any, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    recording = make_standing(frames=50)
    done = render_recording(recording, tmp_path / "a.gif", settings=SMALL)
    with pillow.open(tmp_path / "a.gif") as picture:
        assert picture.size == (320, 240)
        assert picture.n_frames == done.num_frames == 25
        assert picture.info["loop"] == 0
        seconds = 0
        for frame in range(picture.n_frames):
            picture.seek(frame)
            seconds += picture.info["duration"] / 1000
        picture.seek(24)
        last = np.asarray(picture.convert("RGB"))
    assert seconds == pytest.approx(2.0, abs=0.05)
    point = Stage.of(recording, 320, 240).points[0, 48, recording.skeleton.index["right_knee"]]
    assert near(last, point, SIDE_COLORS["right"], 12)


def test_a_sheet_shows_some_frames_in_rows(make_standing: Any, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    settings = RenderSettings(size=(100, 80), num_frames=6)
    done = render_recording(make_standing(frames=30), tmp_path / "a.png", settings=settings)
    assert done.num_frames == 6
    with pillow.open(tmp_path / "a.png") as picture:
        assert picture.size == (3 * 106 + 6, 2 * 86 + 6)


def test_a_part_of_a_recording(make_standing: Any, decode: Any, tmp_path: Path) -> None:
    recording = make_standing(frames=50)
    answers = tmp_path / "answers.csv"
    answers.write_text("recording,person,start,end,label,score\nclip,,10,30,wave,0.5\nclip,,30,50,rest,0.5\n")
    settings = RenderSettings(size=(320, 240), start=0.2, end=0.8)
    done = render_recording(recording, tmp_path / "a.mp4", answers, settings)
    assert done.num_frames == 15  # frames 5 to 19
    assert [(label.text, label.start, label.end) for label in done.labels] == [("wave", 5, 15)]
    assert len(decode(tmp_path / "a.mp4")[0]) == 15
    with pytest.raises(InputError, match=r"no frame in this interval; expected 0 to 2\.0 s; got 5 s to its end"):
        render_recording(recording, tmp_path / "a.mp4", settings=RenderSettings(start=5))


@pytest.mark.skipif(sys.platform == "win32", reason="no colons in names")
@pytest.mark.parametrize("name", ["x:1.mp4", "tcp:127.0.0.1:1.mp4", "2026-11-27T10:30.mp4"])
def test_the_name_of_a_file_is_no_address(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert render_recording(make_standing(frames=3), Path(name), settings=SMALL).num_frames == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_written_whole_or_not_at_all(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")
    draw = StagePicture.frames

    def broken(self: Any, wanted: Any) -> Any:
        yield from draw(self, list(wanted)[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(StagePicture, "frames", broken)
    with pytest.raises(KeyboardInterrupt):
        render_recording(make_standing(), path, settings=SMALL)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_rate_is_said(make_standing: Any, tmp_path: Path) -> None:
    done = render_recording(make_standing(fps=None), tmp_path / "a.mp4", settings=SMALL)
    assert "shown at 30 frames per second" in done.notes[0]


def test_a_build_without_h264_says_what_to_do(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with pytest.raises(InputError, match="no libx264; expected the PyAV of PyPI"):
        render_recording(make_standing(), tmp_path / "a.mp4", settings=SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("package", "name", "message"), [("av", "a.mp4", "PyAV"), ("PIL", "a.gif", "Pillow")])
def test_a_missing_package_is_named(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str, message: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(InputError, match=rf"{message}: pip install 'skeletonmae\[video\]'"):
        render_recording(make_standing(), tmp_path / name, settings=SMALL)


def test_other_suffixes_and_long_gifs_are_refused(
    make_standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"expected a file that ends in \.mp4, \.gif, \.png; got \.avi"):
        render_recording(make_standing(), tmp_path / "a.avi")
    monkeypatch.setattr("skeletonmae.rendering.picture_files.MAX_GIF_FRAMES", 20)
    with pytest.raises(InputError, match="too long for a GIF"):
        render_recording(make_standing(frames=100), tmp_path / "a.gif", settings=SMALL)


def test_sizes_are_even_and_checked() -> None:
    assert RenderSettings(size=parse_size("321x201")).size_for(Path("a.mp4")) == (320, 200)
    for text in ("320", "1x1", "99999x2", "-5x300"):
        with pytest.raises(InputError, match="--size is not a size"):
            parse_size(text)
    with pytest.raises(InputError, match="--end must be later than --start"):
        RenderSettings(start=3, end=2)
