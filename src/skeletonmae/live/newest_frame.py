"""The newest frame of a source: whoever is slow misses frames instead of falling behind."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from skeletonmae.live.sources import LiveFrame


class NewestFrame:
    """Reads frames in a thread of its own, and keeps only the newest.

    Iterating yields the newest frame each time, and waits if there is none since the last; it ends with the
    frames, and raises what the source raised.

    Args:
        frames: The frames of a source.
    """

    def __init__(self, frames: Iterable[LiveFrame]) -> None:
        self._frames = frames
        self._changed = threading.Condition()
        self._frame: LiveFrame | None = None
        self._error: BaseException | None = None
        self._has_ended = self._is_closed = False
        self.num_read = self.num_dropped = 0
        """Frames that were read, and those of them that nobody got."""
        self._thread = threading.Thread(target=self._read, name="frames", daemon=True)

    def __enter__(self) -> NewestFrame:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
        self._thread.join(timeout=2.0)  # a camera that hangs must not keep the program

    def _read(self) -> None:
        try:
            for frame in self._frames:
                with self._changed:
                    if self._is_closed:
                        return
                    self.num_read += 1
                    self.num_dropped += self._frame is not None
                    self._frame = frame
                    self._changed.notify()
        except BaseException as error:  # noqa: BLE001 - raised again where the frames are used
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify()

    def __iter__(self) -> Iterator[LiveFrame]:
        while True:
            with self._changed:
                # Waits in parts, since a Ctrl-C does not end a wait without a limit on every system.
                while self._frame is None and not self._has_ended:
                    self._changed.wait(timeout=0.2)
                frame, self._frame = self._frame, None
                error = self._error
            if frame is None:
                if error:
                    raise error
                return
            yield frame
