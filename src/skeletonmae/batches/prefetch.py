"""Batches that a thread makes in advance; on a GPU, in a CUDA stream of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import torch

from skeletonmae.batches.batch import Batch


class _Prefetched(NamedTuple):
    batch: Batch
    is_made: torch.cuda.Event | None
    """Happens on the GPU when the batch is complete."""


def prefetch_batches(
    batches: Iterator[Batch], num_ahead: int, device: torch.device | None = None
) -> Iterator[Batch]:
    """Yield the same batches, while a thread makes up to `num_ahead` of them in advance.

    In the stream of the training step, each copy to the GPU would wait until the step is done.

    Args:
        batches: Makes the batches.
        num_ahead: Number of batches that are made in advance.
        device: Where the batches are. The persons of a batch are packed in advance if it is a GPU, because their
            number has to be read from it.
    """
    ready: queue.Queue[_Prefetched | BaseException | None] = queue.Queue(num_ahead)
    stopped = threading.Event()
    on_gpu = device is not None and device.type == "cuda"
    stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]

    def put(item: _Prefetched | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            with torch.cuda.stream(stream) if stream else nullcontext():
                for batch in batches:
                    put(_Prefetched(*_complete(batch, stream)))
                    if stopped.is_set():
                        return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes the batches
            put(error)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            if item.is_made:
                taker = torch.cuda.current_stream(device)
                taker.wait_event(item.is_made)
                item.batch.record_stream(taker)
            yield item.batch
    finally:
        stopped.set()
        thread.join()


def _complete(batch: Batch, stream: torch.cuda.Stream | None) -> tuple[Batch, torch.cuda.Event | None]:
    """Pack the persons of a batch, and return it with the event of its completion."""
    if stream is None:
        return batch, None
    for view in (batch, batch.second_view):
        _ = view and view.tracks  # keeps them
    return batch, stream.record_event()
