"""The training loop: a model that turns a batch into a loss, and nothing that knows skeletons."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from skeletonmae.errors import InputError
from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.optimizer import build_optimizer, learning_rate
from skeletonmae.training.processes import Processes
from skeletonmae.training.run_folder import Log, load_state, save_state


class Batches(Protocol):
    """Where batches come from: batch `k` of an epoch is the same whenever it is asked for."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        """The batches of an epoch from number `start` on."""


class Loss(Protocol):
    """What a model answers to a batch: a mean, over how many terms, and numbers worth writing down."""

    @property
    def loss(self) -> Tensor:
        """The mean, a scalar with a gradient."""

    @property
    def weight(self) -> Tensor:
        """How many terms the mean is over."""

    @property
    def logs(self) -> dict[str, Tensor]:
        """Numbers worth writing down."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    step: int
    total: int
    epoch: int
    epochs: int
    loss: float
    lr: float
    batches_per_second: float
    seconds_left: float


CURE = "lower training.lr, use precision float32, or let `skeletonmae validate` look at the store"


class NotFiniteError(InputError):
    """The loss or its gradient is not a number any more; the weights are still those of the step before."""


def train(
    model: nn.Module,
    batches: Batches,
    config: TrainingConfig,
    processes: Processes,
    *,
    folder: Path | None = None,
    depth_of: Callable[[str], int] | None = None,
    report: Callable[[Progress], None] | None = None,
    identity: str = "",
) -> nn.Module:
    """Train `model` and return it with its final weights (the moving average, if there is one).

    A step is the same whether it is computed at once, in parts, or by several processes: each loss counts by the
    number of its terms. Randomness in the model is seeded by (seed, step, rank), so that a run which goes on from
    `folder` ends with the same bits as one that was never stopped.

    Args:
        model: called with a batch, answers with a `Loss`.
        batches: `config.accumulate` of them make a step.
        config: how to train.
        processes: who trains.
        folder: where the log and the state are kept; a run that is found there goes on. None keeps nothing.
        depth_of: parameter name -> depth, for `layer_decay`.
        report: told of the progress after every step.
        identity: what the run is; a state of another run is refused.

    Raises:
        NotFiniteError: the loss is infinite or not a number.
        InputError: there is nothing to train on, or to learn from, or the folder holds the state of another run.
    """
    if len(batches) == 0:
        raise InputError("there is nothing to train on: no recording is left", expected="at least one")
    per_epoch = math.ceil(len(batches) / config.accumulate)
    epochs = max(config.epochs, math.ceil(config.min_steps / per_epoch))
    total, warmup = epochs * per_epoch, round(config.warmup_epochs * per_epoch)
    run = _Run(model.to(processes.device), config, processes, depth_of)
    if folder and (state := load_state(folder)):
        run.go_on(state, identity, folder)
    log = Log(folder, run.step) if folder and processes.first else None
    first, started = run.step, time.perf_counter()
    saved = started
    model.train()
    while run.step < total:
        epoch, done = divmod(run.step, per_epoch)
        stream = batches.epoch(epoch, done * config.accumulate)
        for part in range(done, per_epoch):
            lr = learning_rate(run.step, total, warmup, config)
            num_parts = min(config.accumulate, len(batches) - part * config.accumulate)
            loss, logs = run.advance([next(stream) for _ in range(num_parts)], lr)
            now = time.perf_counter()
            speed = (run.step - first) / (now - started)
            if report and processes.first:
                left = (total - run.step) / speed
                per_second = speed * len(batches) / per_epoch
                report(Progress(run.step, total, epoch + 1, epochs, loss, lr, per_second, left))
            if part == per_epoch - 1:
                if not run.losses[1]:
                    raise InputError("a whole epoch had nothing to learn from: no clip shows what is asked for")
                if log:
                    row = {"step": run.step, "epoch": epoch + 1, "loss": run.mean_loss, "lr": lr}
                    log.add(row | {"batches_per_second": speed * len(batches) / per_epoch} | logs)
                run.losses = [0.0, 0.0]
            if folder and processes.first and (run.step == total or now - saved >= config.checkpoint_seconds):
                save_state(folder, run.state(identity))
                saved = now
    if log:
        log.close()
    processes.wait()
    return run.result()


class _Run:
    """What changes from step to step."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        processes: Processes,
        depth_of: Callable[[str], int] | None,
    ) -> None:
        self.model, self.config, self.processes = model, config, processes
        self.step = 0
        self.losses = [0.0, 0.0]  # of this epoch so far: their sum, and of how many terms
        self.optimizer = build_optimizer(model, config, depth_of)
        average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(model, multi_avg_fn=average) if config.ema else None
        self.parallel = DistributedDataParallel(model) if processes.world > 1 else model

    @property
    def mean_loss(self) -> float:
        return self.losses[0] / max(self.losses[1], 1.0)

    def advance(self, parts: list[Any], lr: float) -> tuple[float, dict[str, float]]:
        """One step of the optimizer; the mean loss over all its terms, and the logs of its last part."""
        torch.manual_seed(hash((self.config.seed, self.step, self.processes.rank)))
        self.optimizer.zero_grad()
        outputs = []
        for number, batch in enumerate(parts):
            with self._together(number == len(parts) - 1):
                output = self._loss(batch)
                torch.autograd.backward(output.loss * output.weight.to(output.loss.device))
            outputs.append(output)
        weight, total = self.processes.sum(
            torch.stack([output.weight for output in outputs]).sum(),
            torch.stack([output.loss.detach() * output.weight.to(output.loss.device) for output in outputs]).sum(),
        )
        loss = total / max(weight, 1.0)
        if not math.isfinite(loss):
            raise NotFiniteError(f"the loss is {loss} at step {self.step + 1}; {CURE}")
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        torch._foreach_mul_(gradients, self.processes.world / max(weight, 1.0))
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm or math.inf))
        if not math.isfinite(norm):
            raise NotFiniteError(f"the gradient is {norm} at step {self.step + 1}; {CURE}")
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.model)
        self.step += 1
        self.losses = [self.losses[0] + total, self.losses[1] + weight]
        return loss, {name: float(value) for name, value in outputs[-1].logs.items()}

    def _together(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Processes exchange their gradients after the last part alone."""
        if last or not isinstance(self.parallel, DistributedDataParallel):
            return contextlib.nullcontext()
        quiet: contextlib.AbstractContextManager[None] = self.parallel.no_sync()
        return quiet

    def _loss(self, batch: Any) -> Loss:
        device = self.processes.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.config.precision == "bf16"):
            output: Loss = self.parallel(batch)
        return output

    def state(self, identity: str) -> dict[str, Any]:
        return {
            "step": self.step,
            "identity": identity,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "losses": self.losses,
        }

    def go_on(self, state: dict[str, Any], identity: str, folder: Path) -> None:
        if state["identity"] != identity:
            problem = "holds a run of another recipe or of other data; name another folder"
            raise InputError(problem, where=folder, expected=identity, got=state["identity"])
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average:
                self.average.load_state_dict(state["average"])
            self.step, self.losses = int(state["step"]), [float(value) for value in state["losses"]]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError("the state is not sound; delete it to start anew", where=folder) from error

    def result(self) -> nn.Module:
        if self.average:
            self.model.load_state_dict(self.average.module.state_dict())
        return self.model.eval()
