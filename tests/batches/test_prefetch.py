"""On a GPU, the thread that makes batches uses a stream of its own, and the taker waits for each batch.

The errors and the order of `prefetch_batches` are tested with the loader. There is no GPU here: the streams are
stand-ins that record what happens.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.batches.prefetch import prefetch_batches
from skeletonmae.skeletons import NTU25


class FakeStream:
    def __init__(self, name: str, events: list[Any]) -> None:
        self.name, self.events = name, events

    def record_event(self) -> str:
        self.events.append(("complete", threading.current_thread().name))
        return "event"

    def wait_event(self, event: str) -> None:
        self.events.append((self.name, "waits for", event))


def clips() -> Batch:
    index = torch.arange(2)
    observed = torch.ones(2, 2, 4, 25, dtype=torch.bool)
    observed[0, 1] = False
    return Batch(torch.randn(2, 2, 4, 25, 3), observed, index, sample_keys(0, 0, index), NTU25)


def test_a_batch_for_a_gpu_is_complete_when_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Any] = []
    active: list[str] = []

    @contextmanager
    def enter(stream: FakeStream) -> Any:
        active.append(stream.name)
        yield
        active.pop()

    def make() -> Any:
        events.append(("made in", active[-1]))
        yield clips()

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream("own", events))
    monkeypatch.setattr(torch.cuda, "stream", enter)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: FakeStream("training", events))
    monkeypatch.setattr(Batch, "record_stream", lambda batch, stream: events.append(("kept for", stream.name)))
    (batch,) = prefetch_batches(make(), 1, torch.device("cuda"))
    assert events[0] == ("made in", "own")
    assert events[1][0] == "complete"
    assert events[1][1] != threading.current_thread().name
    assert events[2:] == [("training", "waits for", "event"), ("kept for", "training")]
    assert "tracks" in vars(batch)  # packed in the thread
    assert len(batch.tracks) == 3


def test_the_memory_of_all_tensors_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda tensor, stream: kept.append(id(tensor)), raising=False
    )
    batch = Batch(**(vars(clips()) | {"second_view": clips()}))
    stream: Any = FakeStream("training", [])
    batch.record_stream(stream)
    for view in (batch, batch.second_view):
        assert view is not None
        tensors = [value for owner in (view, view.tracks) for value in vars(owner).values()]
        assert {id(value) for value in tensors if isinstance(value, torch.Tensor)} <= set(kept)
