"""The loop of a camera: each frame is recognized, shown and kept."""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from skeletonmae.inference.stream import Decision
from skeletonmae.live.newest_frame import NewestFrame
from skeletonmae.live.page import LivePage
from skeletonmae.live.recognizer import LiveRecognizer, LiveResult
from skeletonmae.live.recorder import Recorder
from skeletonmae.live.sources import LiveFrame
from skeletonmae.live.view import LiveView

NUM_SHOWN = 12
"""Answers on the page."""


@dataclass
class LiveSummary:
    """What happened until the end.

    Args:
        num_frames: Frames that were recognized.
        num_read: Frames that the source gave.
        num_dropped: Frames that were left out, since newer ones were there.
        seconds: Time of the last frame.
        answers: The answers, the last ones at most.
        num_answers: Number of answers.
    """

    num_frames: int
    num_read: int
    num_dropped: int
    seconds: float
    answers: tuple[Decision, ...]
    num_answers: int


class LiveSession:
    """Runs until the source ends, or it is interrupted.

    As a context manager it keeps, however it ends, the answers that are not over yet.

    Args:
        recognizer: What recognizes.
        page: Where frames are shown, if they are.
        view: What draws them for the page.
        recorder: What keeps them, if it is wanted.
        on_result: Called after every frame.
    """

    def __init__(
        self,
        recognizer: LiveRecognizer,
        *,
        page: LivePage | None = None,
        view: LiveView | None = None,
        recorder: Recorder | None = None,
        on_result: Callable[[LiveResult, LiveSession], None] | None = None,
    ) -> None:
        self.recognizer, self.page, self.view, self.recorder = recognizer, page, view, recorder
        self.on_result = on_result
        self.num_read = self.num_dropped = self.num_frames = self.num_answers = 0
        self.seconds = 0.0
        self.answers: deque[Decision] = deque(maxlen=NUM_SHOWN)

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def run(self, frames: Iterable[LiveFrame], *, drop: bool = True) -> LiveSummary:
        """Recognize frames.

        Args:
            frames: The frames of a source.
            drop: Whether to leave out frames that are older than the newest; if not, each is recognized.
        """
        if not drop:
            self._follow(frames, None)
        else:
            with NewestFrame(frames) as newest:
                self._follow(newest, newest)
        return self.summary()

    def finish(self) -> None:
        """Keep the answers that are not over, and tell the page that this is the end."""
        left = self.recognizer.finish()
        if self.recorder:
            self.recorder.add_answers(left, self.seconds)
        if self.page:
            self.page.show(b"", self._state(None, ended=True))

    def summary(self) -> LiveSummary:
        """Return what happened so far."""
        return LiveSummary(
            self.num_frames, self.num_read, self.num_dropped, self.seconds, tuple(self.answers), self.num_answers
        )

    @property
    def budget_line(self) -> str:
        """Where the time goes, in one line."""
        return self.recognizer.budget.describe(self.num_read, self.num_dropped)

    def _follow(self, frames: Iterable[LiveFrame], newest: NewestFrame | None) -> None:
        for frame in frames:
            result = self.recognizer.update(frame)
            self.num_frames += 1
            self.num_read = newest.num_read if newest else self.num_frames
            self.num_dropped = newest.num_dropped if newest else 0
            self.seconds = frame.time
            self.answers.extend(result.decisions)
            self.num_answers += len(result.decisions)
            if self.recorder:
                self.recorder.add(result)
            self._show(result)
            if self.on_result:
                self.on_result(result, self)

    def _show(self, result: LiveResult) -> None:
        if not self.page or not self.view:
            return
        began = clock.perf_counter()
        picture = self.view.jpeg(result) if self.page.is_watched(clock.monotonic()) else b""
        self.page.show(picture, self._state(result))
        if picture:
            done = clock.perf_counter()
            self.recognizer.budget.add("draw", done - began, done)

    def _state(self, result: LiveResult | None, *, ended: bool = False) -> dict[str, Any]:
        persons = result.persons if result else ()
        return {
            "time": round(self.seconds, 3),
            "persons": [
                {
                    "number": person.number,
                    "label": person.answer.label if person.answer else None,
                    "probability": round(person.answer.probability, 3) if person.answer else None,
                    "latency": round(person.answer.latency, 2) if person.answer else None,
                }
                for person in persons
            ],
            "answers": [
                {
                    "time": round(answer.time, 2),
                    "person": answer.person,
                    "label": answer.label,
                    "probability": round(answer.probability, 3),
                }
                for answer in self.answers
            ],
            "budget": self.budget_line,
            "ended": ended,
        }
