"""What a model may do after a step of the optimizer, and when its steps may not be divided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skeletonmae.errors import InputError
from skeletonmae.training import DistributedContext, NotFiniteError, Progress, TrainingConfig, read_log, train

NUM_STEPS = 6  # two epochs of three batches


@dataclass
class Output:
    loss: Tensor
    num_terms: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


class Follower(nn.Module):
    """A weight that is learned, and a buffer that follows it."""

    couples_batch = False

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("teacher", torch.zeros(2))
        self.calls: list[tuple[int, int]] = []
        self.seen: list[Tensor] = []
        self.logs: list[Mapping[str, float]] = []

    def forward(self, batch: Tensor) -> Output:
        loss = (self.weight - batch).square().mean() + (self.weight - self.teacher).square().mean()
        return Output(loss, torch.tensor(1.0), {"largest": batch.max()})

    def after_step(self, step: int, num_steps: int) -> None:
        self.calls.append((step, num_steps))
        self.seen.append(self.weight.detach().clone())
        self.teacher.mul_(0.5).add_(self.weight.detach(), alpha=0.5)

    def check_logs(self, logs: Mapping[str, float]) -> None:
        self.logs.append(dict(logs))
        if logs["largest"] > 100:
            raise InputError("the run has failed")


class Batches:
    def __init__(self, spoiled: int = -1, value: float = math.nan) -> None:
        self.spoiled, self.value = spoiled, value

    def __len__(self) -> int:
        return 3

    def epoch(self, epoch: int, start: int) -> Iterator[Tensor]:
        batches = torch.randn(3, 2, generator=torch.Generator().manual_seed(epoch))
        if 0 <= self.spoiled - 3 * epoch < 3:
            batches[self.spoiled - 3 * epoch] = self.value
        return iter(list(batches[start:]))


def config(**settings: Any) -> TrainingConfig:
    fields = {"epochs": 2, "batch_size": 2, "lr": 0.1, "warmup_epochs": 0, "checkpoint_seconds": 0}
    return TrainingConfig.model_validate(fields | settings)


def test_the_hook_is_called_once_after_each_step_with_the_new_weights(alone: DistributedContext) -> None:
    model, after = Follower(), []
    train(model, Batches(), config(), alone, on_progress=lambda _: after.append(model.weight.detach().clone()))
    assert model.calls == [(step, NUM_STEPS) for step in range(1, NUM_STEPS + 1)]
    assert all(torch.equal(seen, weight) for seen, weight in zip(model.seen, after, strict=True))


def test_micro_batches_make_one_step_and_one_call(alone: DistributedContext) -> None:
    model = Follower()
    train(model, Batches(), config(gradient_accumulation_steps=2), alone)
    assert model.calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_step_that_is_given_up_has_no_call(alone: DistributedContext) -> None:
    model = Follower()
    with pytest.raises(NotFiniteError):
        train(model, Batches(spoiled=4), config(), alone)
    assert [step for step, _ in model.calls] == [1, 2, 3, 4]


def test_what_the_hook_changes_is_resumed_with_the_same_bits(alone: DistributedContext, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 5:
            raise Killed

    def run(folder: str, model: Follower, **settings: Any) -> dict[str, Tensor]:
        train(model, Batches(), config(**settings), alone, folder=tmp_path / folder)
        return model.state_dict()

    for settings in ({}, {"ema_decay": 0.9}):
        expected = run(f"whole{settings}", Follower(), **settings)
        stopped = tmp_path / f"stopped{settings}"
        with pytest.raises(Killed):
            train(Follower(), Batches(), config(**settings), alone, folder=stopped, on_progress=kill)
        resumed = Follower()
        got = run(stopped.name, resumed, **settings)
        assert resumed.calls[0] == (5, NUM_STEPS)  # the fifth step was lost
        assert got.keys() == expected.keys()
        assert all(torch.equal(got[name], expected[name]) for name in expected)
        assert got["teacher"].any()


def test_averaged_weights_keep_the_buffers_of_the_last_step(alone: DistributedContext) -> None:
    plain, averaged = Follower(), Follower()
    train(plain, Batches(), config(), alone)
    train(averaged, Batches(), config(ema_decay=0.9), alone)
    assert torch.equal(averaged.teacher, plain.teacher)
    assert not torch.equal(averaged.weight, plain.weight)


def test_logs_are_checked_when_a_line_is_written(alone: DistributedContext, tmp_path: Path) -> None:
    model = Follower()
    with pytest.raises(InputError, match="the run has failed"):
        train(model, Batches(spoiled=5, value=1000.0), config(), alone, folder=tmp_path)
    assert len(model.logs) == 2
    assert [row["largest"] for row in read_log(tmp_path)][-1] == 1000.0
    train(Follower(), Batches(spoiled=4, value=1000.0), config(), alone)  # only the last batch of an epoch


def test_a_model_that_couples_its_batch_is_not_divided(alone: DistributedContext) -> None:
    class Coupled(Follower):
        couples_batch = True

    train(Coupled(), Batches(), config(), alone)
    with pytest.raises(InputError, match=r"a step cannot be divided.*micro-batches.*2"):
        train(Coupled(), Batches(), config(gradient_accumulation_steps=2), alone)
    with pytest.raises(InputError, match=r"a step cannot be divided.*processes.*4"):
        train(Coupled(), Batches(), config(), DistributedContext(0, 4, torch.device("cpu")))
