"""A run that a signal stops saves its state first, and goes on with the same bits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from skeletonmae.training import DistributedContext, Progress, TrainingConfig, TrainingStopped, read_log, train
from skeletonmae.training import stopping as stopping_module
from skeletonmae.training.run_folder import load_state
from skeletonmae.training.stopping import deferred_interrupts


class Output:
    def __init__(self, loss: torch.Tensor) -> None:
        self.loss, self.num_terms, self.logs = loss, torch.tensor(2.0), {}


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))

    def forward(self, batch: torch.Tensor) -> Output:
        return Output(self.net(batch).square().mean())


class Batches:
    """Four batches; `send` is called with the number of those that were taken."""

    def __init__(self, send: Any = lambda _: None) -> None:
        self.send, self.taken = send, 0

    def __len__(self) -> int:
        return 4

    def epoch(self, epoch: int, start: int) -> Iterator[torch.Tensor]:
        for index in range(start, 4):
            self.taken += 1
            self.send(self.taken)
            yield torch.full((2, 3), epoch + index / 10)


CONFIG = TrainingConfig(epochs=3, batch_size=2, warmup_epochs=1, ema_decay=0.9, checkpoint_seconds=1e9)


def kill_at(number: int, which: signal.Signals) -> Any:
    return lambda taken: os.kill(os.getpid(), which) if taken == number else None


@pytest.fixture
def sigterm_interrupts() -> Iterator[None]:
    """As the command line sets it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm_interrupts")
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_resumes_in_the_middle_of_an_epoch_with_the_same_bits(
    tmp_path: Path, alone: DistributedContext, which: signal.Signals
) -> None:
    expected = train(Model(), Batches(), CONFIG, alone, folder=tmp_path / "whole")
    with pytest.raises(TrainingStopped, match=r"stopped at step 6 of 12; the state is saved in .*state\.pt"):
        train(Model(), Batches(kill_at(6, which)), CONFIG, alone, folder=tmp_path / "stopped")
    state = load_state(tmp_path / "stopped")
    assert state
    assert state["step"] == 6
    rest = Batches()
    model = train(Model(), rest, CONFIG, alone, folder=tmp_path / "stopped")
    assert rest.taken == 6
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    rows = [[row[key] for key in ("step", "epoch", "loss")] for row in read_log(tmp_path / "stopped")]
    assert rows == [[row[key] for key in ("step", "epoch", "loss")] for row in read_log(tmp_path / "whole")]
    assert signal.getsignal(which) is signal.default_int_handler


def test_a_run_without_a_folder_has_nothing_to_save_and_stops_at_once(alone: DistributedContext) -> None:
    batches = Batches(kill_at(2, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(Model(), batches, CONFIG, alone)
    assert not isinstance(stopped.value, TrainingStopped)
    assert batches.taken == 2


def test_a_signal_after_the_last_step_is_not_lost(tmp_path: Path, alone: DistributedContext) -> None:
    def on_progress(progress: Progress) -> None:
        if progress.step == progress.total:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(Model(), Batches(), CONFIG, alone, folder=tmp_path, on_progress=on_progress)
    state = load_state(tmp_path)
    assert state
    assert state["step"] == 12


def test_a_second_signal_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []

    def run() -> None:
        with deferred_interrupts() as request:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)  # a moment later: the same Ctrl-C, passed on
            reached.append(request.is_set)
            monkeypatch.setattr(stopping_module, "IMPATIENT_SECONDS", -1.0)
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(False)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert reached == [True]


def test_a_handler_of_the_program_is_left_alone() -> None:
    received = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        with deferred_interrupts() as request:
            os.kill(os.getpid(), signal.SIGINT)
        assert received == [signal.SIGINT]
        assert not request.is_set
    finally:
        signal.signal(signal.SIGINT, before)
