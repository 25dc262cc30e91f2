"""What a person at a terminal sees: progress and tables. Answers go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from skeletonmae.training import Progress as TrainingProgress

OK, MISTAKE, INCOMPLETE = 0, 1, 3
"""What a command's exit status says: done; a mistake in what was given; done, but something was left out."""
SECONDS_BETWEEN_LINES = 15.0

stderr = Console(stderr=True, markup=False, highlight=False)


def shown(text: str) -> str:
    """The text without characters that steer a terminal, which names in files may hold."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def say(text: str) -> None:
    """A line for the person, not for a script."""
    stderr.print(shown(text), soft_wrap=True)


def answer(text: str) -> None:
    """What the command was asked for."""
    sys.stdout.write(shown(text) + "\n")
    sys.stdout.flush()


def answer_json(text: str) -> None:
    """What a script asked for: JSON in plain ASCII, which no terminal takes amiss."""
    sys.stdout.write(json.dumps(json.loads(text), indent=1) + "\n")
    sys.stdout.flush()


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """What the command was asked for, as a table."""
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(shown(cell).replace("\n", " ") for cell in row))
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done."""
    with _Shown() as shown:
        yield lambda done, total: shown.update(what, done, total, "")


@contextmanager
def trained() -> Iterator[Callable[[str, TrainingProgress], None]]:
    """Show loss, speed and time left of whatever is being trained."""
    with _Shown() as shown:

        def report(what: str, progress: TrainingProgress) -> None:
            text = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.4f}"
            text += f"  {progress.batches_per_second:.1f} batches/s  {_clock(progress.seconds_left)} left"
            shown.update(what, progress.step, progress.total, text)

        yield report


class _Shown:
    """A bar on a terminal, a line now and then elsewhere."""

    def __enter__(self) -> _Shown:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
        )
        self.bars = Progress(*columns, console=stderr, disable=not stderr.is_terminal)
        self.bars.start()
        self.what, self.last = "", 0.0
        self.task: TaskID | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def update(self, what: str, done: int, total: int, text: str) -> None:
        now, fresh = time.monotonic(), what != self.what
        if stderr.is_terminal:
            if fresh or self.task is None:
                self.task = self.bars.add_task(what, text="")
            self.bars.update(self.task, completed=done, total=total, text=text)
        elif fresh or done == total or now - self.last > SECONDS_BETWEEN_LINES:
            say(f"{what}: {done}/{total}  {text}".rstrip())
            self.last = now
        self.what = "" if done == total else what


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
