"""A state that is a valid file of nonsense is refused in a sentence and leaves the run as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skeletonmae.errors import InputError
from skeletonmae.training import DistributedContext, Progress, TrainingConfig, train

NAN, INF = float("nan"), float("inf")


@dataclass
class Output:
    loss: Tensor
    num_terms: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))

    def forward(self, batch: Tensor) -> Output:
        return Output(self.net(batch).square().mean(), torch.tensor(4.0))


class Batches:
    def __len__(self) -> int:
        return 3

    def epoch(self, epoch: int, start: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(epoch)
        return iter(list(torch.randn(3, 4, 3, generator=generator))[start:])


class StoppedError(Exception):
    """Raised in the middle of a run."""


def run(folder: Path, alone: DistributedContext, stop_at: int = -1, **settings: Any) -> nn.Module:
    def on_progress(progress: Progress) -> None:
        if progress.step == stop_at:
            raise StoppedError

    config = TrainingConfig(epochs=2, batch_size=4, warmup_epochs=0, checkpoint_seconds=0, ema_decay=0.5)
    config = config.model_copy(update=settings)
    return train(Toy(), Batches(), config, alone, folder=folder, on_progress=on_progress, fingerprint="x")


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, alone: DistributedContext) -> dict[str, dict[str, Any]]:
    """The state in the middle of the second epoch, for each optimizer."""
    found = {}
    for optimizer in ("adamw", "adam", "sgd"):
        folder = tmp_path_factory.mktemp(optimizer)
        with pytest.raises(StoppedError):
            run(folder, alone, stop_at=5, optimizer=optimizer)  # the state of step 4 is saved
        found[optimizer] = torch.load(folder / "state.pt", weights_only=True)
    return found


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_a_sound_state_is_resumed_at_every_step(
    tmp_path: Path, alone: DistributedContext, optimizer: str, ema_decay: float
) -> None:
    settings = {"optimizer": optimizer, "ema_decay": ema_decay}
    expected = run(tmp_path / "whole", alone, **settings).state_dict()
    for step in range(1, 7):
        with pytest.raises(StoppedError):
            run(tmp_path / "stopped", alone, stop_at=step, **settings)
    for _ in range(2):  # the second finds the state of the last step
        resumed = run(tmp_path / "stopped", alone, **settings).state_dict()
        assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_a_state_of_an_optimizer_without_a_later_setting_is_resumed(
    tmp_path: Path, alone: DistributedContext, states: dict[str, dict[str, Any]]
) -> None:
    """A newer torch may have settings that an older one did not write."""
    state = copy.deepcopy(states["adamw"])
    for group in state["optimizer"]["param_groups"]:
        del group["capturable"]
    torch.save(state, tmp_path / "state.pt")
    resumed = run(tmp_path, alone, optimizer="adamw").state_dict()
    expected = run(tmp_path / "whole", alone, optimizer="adamw").state_dict()
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one entry of a state."""

    def change(state: dict[str, Any]) -> None:
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = value

    return change


def drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        for key in path[:-1]:
            state = state[key]
        del state[path[-1]]

    return change


WEIGHT = ("model", "net.0.weight")
CHANGES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (put("optimizer", value=5), "optimizer.*expected a mapping; got int"),
    (put("optimizer", value={}), "optimizer.*expected an entry 'state'; got none"),
    (put("optimizer", "state", value=[]), "optimizer.state.*expected a mapping; got list"),
    (put("optimizer", "state", value={}), r"optimizer\.state"),
    (put("optimizer", "param_groups", value=[]), "param_groups.*expected 2 groups; got 0 groups"),
    (put("optimizer", "param_groups", value=5), "param_groups.*got int"),
    (put("optimizer", "param_groups", 0, value=5), "param_groups.0.*got int"),
    (put("optimizer", "param_groups", 0, "params", value=[7]), "param_groups.0.params"),
    (drop("optimizer", "param_groups", 0, "params"), "param_groups.0.params"),
    (put("optimizer", "param_groups", 0, "lr_scale", value=NAN), "lr_scale"),
    (put("optimizer", "param_groups", 0, "weight_decay", value=torch.ones(2)), "weight_decay"),
    (put("optimizer", "state", 0, value=3), "state.0.*expected a mapping"),
    (put("optimizer", "state", 0, "exp_avg", value=torch.full((2,), NAN)), "exp_avg.*finite values"),
    (put("optimizer", "state", 0, "exp_avg", value=torch.zeros(9)), "exp_avg.*expected torch.float32"),
    (put("optimizer", "state", 0, "exp_avg_sq", value=torch.full((2,), -1.0)), "exp_avg_sq.*negative"),
    (put("optimizer", "state", 0, "step", value=torch.tensor(-1.0)), "step.*expected 1 to 4; got -1"),
    (put("optimizer", "state", 0, "step", value=torch.tensor(0.0)), "step.*expected 1 to 4; got 0"),
    (put("optimizer", "state", 0, "step", value=torch.tensor(INF)), "step.*finite"),
    (put("optimizer", "state", 0, "step", value=4), "state.0.step.*expected a tensor"),
    (drop("optimizer", "state", 0, "step"), "state.0.*expected an entry 'step'"),
    (drop("optimizer", "state", 1), "optimizer.state.*expected an entry 1"),
    (put("optimizer", "state", 99, value={}), "optimizer.state.*additional entry '99'"),
    (put("step", value=INF), "step.*a whole number; got float"),
    (put("step", value=-1), "step.*from 0 to 6; got -1"),
    (put("step", value=7), "step.*from 0 to 6; got 7"),
    (put("step", value=10**400), "step.*from 0 to 6; got 1000"),
    (put("step", value=3.0), "step.*a whole number; got float"),
    (put("step", value=True), "step.*got bool"),
    (put("step", value=torch.tensor(3)), "step.*got Tensor"),
    (put("step", value=0), r"n_averaged|optimizer\.state"),
    (put("num_terms", value=NAN), "num_terms.*finite number; got nan|num_terms.*got nan"),
    (put("num_terms", value=-2.0), "num_terms.*got -2"),
    (put("num_terms", value=INF), "num_terms.*got inf"),
    (put("num_terms", value="many"), "num_terms.*a number; got str"),
    (put("num_terms", value=0.0), "loss_sum.*expected 0"),
    (put("loss_sum", value=NAN), "loss_sum.*got nan"),
    (put("loss_sum", value=None), "loss_sum.*got NoneType"),
    (put(*WEIGHT, value=torch.full((2, 3), NAN)), "model.net.0.weight.*finite values; got infinity or NaN"),
    (put(*WEIGHT, value=torch.zeros(3, 2)), r"model.net.0.weight.*float32 \(2, 3\); got torch.float32 \(3, 2\)"),
    (put(*WEIGHT, value=torch.zeros(1).expand(10**6, 10**6)), "model.net.0.weight"),
    (put(*WEIGHT, value=torch.zeros(2, 3, dtype=torch.int64)), "got torch.int64"),
    (put(*WEIGHT, value=torch.zeros(2, 3).to_sparse()), "model.net.0.weight.*expected a tensor"),
    (put(*WEIGHT, value=[[0.0] * 3] * 2), "model.net.0.weight.*got list"),
    (put("model", "net.1.running_var", value=torch.full((2,), -1.0)), "running_var.*variances; got a negative"),
    (put("model", value=None), "model.*expected a mapping"),
    (put("model", "net.0.more", value=torch.zeros(1)), "model.*additional entry 'net.0.more'"),
    (drop(*WEIGHT), "model.*expected an entry 'net.0.weight'"),
    (put("ema_model", value=None), "ema_model.*expected a mapping; got NoneType"),
    (put("ema_model", "module.net.0.weight", value=torch.full((2, 3), NAN)), "ema_model.*finite values"),
    (put("ema_model", "n_averaged", value=torch.tensor(0)), "n_averaged.*expected the step, 4; got 0"),
    (drop("ema_model"), "expected an entry 'ema_model'"),
    (drop("step"), "expected an entry 'step'"),
    (put("more", value=1), "additional entry 'more'"),
    (put(5, value=1), "additional entry '5'"),
    (put("fingerprint", value="y"), "another recipe"),
    (put("fingerprint", value=torch.zeros(2)), "delete it"),
    (put("format", value=torch.zeros(2)), "another version"),
    (put("format", value=2.0), "another version"),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_nonsense_is_refused(
    tmp_path: Path, alone: DistributedContext, states: dict[str, dict[str, Any]], number: int
) -> None:
    change, message = CHANGES[number]
    state = copy.deepcopy(states["adamw"])
    change(state)
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(InputError, match=f"(?s){message}") as caught:
        run(tmp_path, alone)
    text = str(caught.value)
    assert len(text) < 500
    assert "another recipe" in text or ("state.pt" in text and "delete" in text)
    assert not (tmp_path / "log.csv").exists()


def test_a_moving_average_that_the_recipe_does_not_have_is_refused(
    tmp_path: Path, alone: DistributedContext, states: dict[str, dict[str, Any]]
) -> None:
    torch.save(states["adamw"], tmp_path / "state.pt")
    with pytest.raises(InputError, match="ema_model; delete this file to start over; expected None"):
        run(tmp_path, alone, ema_decay=0.0)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_moments_of_another_optimizer_are_refused(
    tmp_path: Path, alone: DistributedContext, states: dict[str, dict[str, Any]], optimizer: str
) -> None:
    torch.save(states["sgd" if optimizer == "adam" else "adam"], tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"optimizer\.(state|param_groups)"):
        run(tmp_path, alone, optimizer=optimizer)
