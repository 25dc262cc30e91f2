from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from skeletonmae.cli import console
from skeletonmae.formats import VideoProgress


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "write",
    [
        lambda: console.print_output("text"),
        lambda: console.print_output_json('{"a": 1}'),
        lambda: console.print_output_table(["a"], [["1"]]),
    ],
)
def test_a_full_disk_is_that_of_standard_output(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as device:

        class Full:
            encoding = "utf-8"

            def write(self, text: str) -> int:
                return device.write(text.encode())

            def flush(self) -> None:
                pass

            def isatty(self) -> bool:
                return False

        monkeypatch.setattr("sys.stdout", Full())
        with pytest.raises(OSError, match="No space left on device: 'standard output'"):
            write()


def test_the_poses_of_a_video_are_a_line_when_they_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("a.mp4")
    for number in range(1, 31):
        console.video_progress(VideoProgress(path, number, 30, number / 20))
    assert capsys.readouterr().err == ""
    console.video_progress(VideoProgress(path, 30, 30, 1.5, True))
    assert capsys.readouterr().err == "poses of a.mp4: 30/30  20 frames/s\n"


def test_a_long_video_has_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    for second in range(1, 41):
        console.video_progress(VideoProgress(Path("b.mp4"), 30 * second, None, float(second)))
    assert capsys.readouterr().err == "poses of b.mp4: 480  30 frames/s\nposes of b.mp4: 960  30 frames/s\n"


def test_on_a_terminal_a_video_has_a_bar_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=60, highlight=False, markup=False)
    monkeypatch.setattr(console, "stderr", terminal)
    with console.progress_bar("prepare") as on_progress:
        on_progress(0, 2)
        console.video_progress(VideoProgress(Path("c.mp4"), 5, 10, 1.0))
        (display,) = console._displays
        assert [task.description for task in display.bars.tasks] == ["prepare", "poses of c.mp4"]
        assert display.bars.tasks[1].fields["text"] == "5 frames/s"
        console.video_progress(VideoProgress(Path("c.mp4"), 10, 10, 2.0, True))
        assert [task.description for task in display.bars.tasks] == ["prepare"]
    assert console._displays == []
    console.video_progress(VideoProgress(Path("d.mp4"), 5, 10, 1.0))
    console.video_progress(VideoProgress(Path("d.mp4"), 10, 10, 2.0, True))
    first, second = ("poses of d.mp4: 5/10  5 frames/s", "poses of d.mp4: 10/10  5 frames/s")
    assert terminal.file.getvalue().endswith(f"{first:59}\r{second:59}\n")  # type: ignore[attr-defined]


def test_a_message_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("kept here", "kept here", "kept there"):
        console.print_status_once(text)
    assert capsys.readouterr().err == "kept here\nkept there\n"
