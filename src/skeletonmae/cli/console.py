"""Terminal output: results go to stdout; progress and messages go to stderr."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from skeletonmae.files import name_full_disk

if TYPE_CHECKING:
    from skeletonmae.formats import VideoProgress
    from skeletonmae.training import Progress as TrainingProgress

OK, USER_ERROR, INCOMPLETE = 0, 1, 3
"""Exit statuses: success; invalid input; success, but something was left out."""
SECONDS_BETWEEN_LINES = 15.0
"""Seconds between progress lines where there is no terminal."""
STDOUT = Path("standard output")
TABLE_WIDTH = 160
"""Columns of a table where there is no terminal."""

stderr = Console(stderr=True, markup=False, highlight=False)
_displays: list[_ProgressDisplay] = []
"""Those that are shown, the innermost last."""
_last_line: dict[str, float] = {}
"""What is in progress without a display -> seconds from its start to its last line."""
_printed: set[str] = set()
"""What `print_status_once` has printed."""


def escape_control(text: str) -> str:
    """Escape control characters, which names in files may contain."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def print_status(text: str) -> None:
    """Print a message for the user to stderr."""
    stderr.print(escape_control(text), soft_wrap=True)


def print_output(text: str) -> None:
    """Print a result to stdout."""
    _write(escape_control(text) + "\n")


def print_output_json(text: str) -> None:
    """Print JSON to stdout, in ASCII."""
    _write(json.dumps(json.loads(text), indent=1) + "\n")


def print_output_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout."""
    table = Table(box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape_control(cell).replace("\n", " ") for cell in row))
    with name_full_disk(STDOUT):
        Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else TABLE_WIDTH).print(table)


def _write(text: str) -> None:
    with name_full_disk(STDOUT):
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress. The yielded function takes the number of completed items and the total."""
    with _ProgressDisplay() as display:
        yield lambda completed, total: display.update(description, completed, total, "")


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of several things. The yielded function takes which, and as that of `progress_bar`."""
    with _ProgressDisplay() as display:
        yield lambda description, completed, total: display.update(description, completed, total, "")


@contextmanager
def training_progress() -> Iterator[Callable[[str, TrainingProgress], None]]:
    """Show loss, speed and remaining time. The yielded function takes what is being trained and its progress."""
    with _ProgressDisplay() as display:

        def on_progress(description: str, progress: TrainingProgress) -> None:
            text = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.4f}"
            text += f"  {progress.batches_per_second:.1f} batches/s  {_clock(progress.seconds_left)} left"
            display.update(description, progress.step, progress.total, text)

        yield on_progress


def video_progress(progress: VideoProgress) -> None:
    """Show how far the poses of a video are, with frames per second: within the progress that is shown, if any."""
    if stderr.is_terminal and multiprocessing.parent_process() is not None:
        return  # a worker would draw over the bars of its parent
    description = f"poses of {progress.path.name}"
    rate = f"{progress.num_frames / max(progress.seconds, 1e-3):.0f} frames/s"
    count = f"{progress.num_frames}/{progress.total}" if progress.total else f"{progress.num_frames}"
    if _displays and stderr.is_terminal:
        _displays[-1].update_part(description, progress.num_frames, progress.total, rate, progress.is_done)
    elif progress.is_done or progress.seconds - _last_line.get(description, 0) > _seconds_between_lines():
        _last_line[description] = progress.seconds
        if progress.is_done:
            del _last_line[description]
        text = escape_control(f"{description}: {count}  {rate}")
        if stderr.is_terminal:
            end = "\n" if progress.is_done else "\r"
            stderr.print(text.ljust(stderr.width - 1), end=end, overflow="ellipsis", no_wrap=True)
        else:
            print_status(text)


def print_status_once(text: str) -> None:
    """Print a message to stderr, unless it was printed before."""
    if text not in _printed:
        _printed.add(text)
        print_status(text)


def _seconds_between_lines() -> float:
    return 0.2 if stderr.is_terminal else SECONDS_BETWEEN_LINES


class _ProgressDisplay:
    """Progress bars on a terminal; elsewhere a line every few seconds."""

    def __enter__(self) -> _ProgressDisplay:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
        )
        self.bars = Progress(*columns, console=stderr, disable=not stderr.is_terminal)
        self.bars.start()
        self.description, self.last_line = "", 0.0
        self.task: TaskID | None = None
        self.parts: dict[str, TaskID] = {}
        _displays.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _displays.remove(self)
        self.bars.stop()

    def update_part(self, description: str, completed: int, total: int | None, text: str, is_done: bool) -> None:
        """Show a bar beside the others, until it is done."""
        if description not in self.parts:
            self.parts[description] = self.bars.add_task(description, text="")
        self.bars.update(self.parts[description], completed=completed, total=total, text=text)
        if is_done:
            self.bars.remove_task(self.parts.pop(description))

    def update(self, description: str, completed: int, total: int, text: str) -> None:
        now, is_new = time.monotonic(), description != self.description
        if stderr.is_terminal:
            if is_new or self.task is None:
                self.task = self.bars.add_task(description, text="")
            self.bars.update(self.task, completed=completed, total=total, text=text)
        elif is_new or completed == total or now - self.last_line > SECONDS_BETWEEN_LINES:
            print_status(f"{description}: {completed}/{total}  {text}".rstrip())
            self.last_line = now
        self.description = "" if completed == total else description


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
