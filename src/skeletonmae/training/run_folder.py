"""The folder of a run: its log, its state to go on from, and a lock so that two runs do not share it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from skeletonmae.errors import InputError
from skeletonmae.files import whole_file, write_text

STATE = "state.pt"
LOG = "log.csv"


@contextmanager
def locked(folder: Path, rank: int = 0) -> Iterator[None]:
    """Hold the folder for the process of number `rank` of this run alone.

    Raises:
        InputError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".lock-{rank}", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError("another run is writing to this folder", where=folder) from None
    try:
        yield
    finally:
        lock.release()


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write what a run needs to go on, whole or not at all."""
    content = io.BytesIO()  # torch would hide that a disk is full
    torch.save(state, content)
    with whole_file(folder / STATE) as file:
        file.write_bytes(content.getbuffer())


def load_state(folder: Path) -> dict[str, Any] | None:
    """What `save_state` wrote, or None; opened without running any code that it might hold.

    Raises:
        InputError: the file is damaged.
    """
    file = folder / STATE
    if not file.exists():
        return None
    problem = "damaged, or not the state of a run; delete it to start anew"
    try:
        content = io.BytesIO(file.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=file) from error
    try:
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(problem, where=file) from error
    if not isinstance(state, dict) or "identity" not in state:
        raise InputError(problem, where=file)
    return state


class Log:
    """Rows of numbers: `log.csv` always, TensorBoard too when it is installed.

    Args:
        folder: of the run.
        after: rows of later steps are taken back, because the run goes on from there.
    """

    def __init__(self, folder: Path, after: int) -> None:
        self.file = folder / LOG
        self.rows = [row for row in read_log(folder) if row["step"] <= after]
        write_text(self.file, _as_csv(self.rows))
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.board = None
        else:
            self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1)

    def add(self, row: dict[str, float]) -> None:
        """Append one row; its keys are those of every other row."""
        self.rows.append(row)
        with self.file.open("a", encoding="utf-8", newline="") as file:
            file.write(_as_csv([row], header=len(self.rows) == 1))
        if self.board:
            for name, value in row.items():
                self.board.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Finish the TensorBoard file."""
        if self.board:
            self.board.close()


def read_log(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's log; an incomplete last line, from a kill, is left out."""
    file = folder / LOG
    if not file.exists():
        return []
    try:
        text = file.read_text(encoding="utf-8")
        lines = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        rows = [{key: float(value) for key, value in line.items()} for line in lines]
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError("not the log of a run; delete it to start a new one", where=file) from error
    if any("step" not in row for row in rows):
        raise InputError(
            "not the log of a run; delete it to start a new one", where=file, expected="a column step"
        )
    return rows


def _as_csv(rows: list[dict[str, float]], header: bool = True) -> str:
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows({key: f"{value:.10g}" for key, value in row.items()} for row in rows)
    return text.getvalue()
