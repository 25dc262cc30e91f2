"""The folder of a run: its log, the state that it resumes from, and a lock that keeps a second run out."""

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
from skeletonmae.files import atomic_file, name_full_disk, write_text

STATE = "state.pt"
STATE_FORMAT = 2
"""Version of the content of `state.pt`. Files of format 1 had no number."""
LOG = "log.csv"


@contextmanager
def lock_folder(folder: Path, rank: int = 0) -> Iterator[None]:
    """Hold the folder for the process `rank` of this run, and create it if it does not exist.

    Raises:
        InputError: Another process holds it.
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
    """Write what a run needs to resume, atomically, to `folder/state.pt`."""
    content = io.BytesIO()  # torch.save to a path would hide that the disk is full
    torch.save({"format": STATE_FORMAT} | state, content)
    with atomic_file(folder / STATE) as file:
        file.write_bytes(content.getbuffer())


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return what `save_state` wrote, or None if there is no state. No code in the file is run.

    Raises:
        InputError: The file is damaged, or another version of skeletonmae wrote it.
    """
    file = folder / STATE
    if not file.exists():
        return None
    problem = "damaged, or not the state of a run; delete it to start again"
    try:
        content = io.BytesIO(file.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=file) from error
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(problem, where=file) from error
    if not isinstance(state, dict) or not state.keys() & {"fingerprint", "identity"}:
        raise InputError(problem, where=file)
    version = state.pop("format", 1)
    if type(version) is not int or version != STATE_FORMAT:
        raise InputError(
            "written by another version of skeletonmae; resume with that version, or delete it to start again",
            where=file,
            expected=f"format {STATE_FORMAT}",
            got=f"format {str(version)[:40]}",
        )
    if not isinstance(state.get("fingerprint"), str):
        raise InputError(problem, where=file)
    return state


def saved_step(folder: Path) -> int | None:
    """Return the step of the state in the folder of a run; None if it has no state that can be read."""
    try:
        state = load_state(folder)
    except InputError:
        return None
    step = state.get("step") if state else None
    return step if isinstance(step, int) else None


class Log:
    """Rows of numbers, written to `log.csv` and, if TensorBoard is installed, to `tensorboard/`.

    Args:
        folder: The folder of the run.
        resume_step: The step that the run resumes from; rows of later steps are removed.
    """

    def __init__(self, folder: Path, resume_step: int) -> None:
        self.file = folder / LOG
        self.rows = [row for row in read_log(folder) if row["step"] <= resume_step]
        write_text(self.file, _to_csv(self.rows))
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.writer = None
        else:
            self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_step + 1)

    def add(self, row: dict[str, float]) -> None:
        """Append one row; all rows must have the same keys."""
        self.rows.append(row)
        with name_full_disk(self.file), self.file.open("a", encoding="utf-8", newline="") as file:
            file.write(_to_csv([row], header=len(self.rows) == 1))
        if self.writer:
            for name, value in row.items():
                self.writer.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self.writer:
            self.writer.close()


def read_log(folder: Path) -> list[dict[str, float]]:
    """Read the rows of a run's log, without an incomplete last line that a killed run may have left.

    Raises:
        InputError: The file is not the log of a run.
    """
    file = folder / LOG
    if not file.exists():
        return []
    problem = "not the log of a run; delete it to start a new one"
    try:
        text = file.read_text(encoding="utf-8")
        lines = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        rows = [{key: float(value) for key, value in line.items()} for line in lines]
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(problem, where=file) from error
    if any("step" not in row for row in rows):
        raise InputError(problem, where=file, expected="a column named step")
    return rows


def _to_csv(rows: list[dict[str, float]], header: bool = True) -> str:
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows({key: f"{value:.10g}" for key, value in row.items()} for row in rows)
    return text.getvalue()
