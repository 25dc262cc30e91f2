"""The training loop: any model that turns a batch into a loss. Nothing here knows about skeletons."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from skeletonmae.errors import InputError
from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.distributed import DistributedContext
from skeletonmae.training.optimizer import build_optimizer, learning_rate
from skeletonmae.training.run_folder import STATE, Log, load_state, save_state
from skeletonmae.training.state_check import check_state
from skeletonmae.training.stopping import StopRequest, TrainingStopped, deferred_interrupts

if TYPE_CHECKING:
    from skeletonmae.training.sharding import ShardedModel


class BatchSource(Protocol):
    """Where batches come from. Batch `k` of an epoch must be the same each time it is requested."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield the batches of an epoch, from index `start` on."""


class LossOutput(Protocol):
    """What a model returns for a batch."""

    @property
    def loss(self) -> Tensor:
        """The mean loss, a scalar with a gradient."""

    @property
    def num_terms(self) -> Tensor:
        """Number of terms that the mean is taken over."""

    @property
    def logs(self) -> dict[str, Tensor]:
        """Scalars to write to the log."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        step: Number of optimizer steps done.
        total: Number of optimizer steps of the run.
        epoch: Number of the current epoch, from 1.
        epochs: Number of epochs of the run.
        loss: Mean loss of the last step.
        lr: Learning rate of the last step.
        batches_per_second: Batches per second since the run started or resumed.
        seconds_left: Estimated time to the end of the run.
    """

    step: int
    total: int
    epoch: int
    epochs: int
    loss: float
    lr: float
    batches_per_second: float
    seconds_left: float


NOT_FINITE_HINT = "lower training.lr, use precision float32, or check the store with `skeletonmae validate`"


class NotFiniteError(InputError):
    """The loss or the gradient is infinite or NaN. The weights are those of the step before."""


def train(
    model: nn.Module,
    batches: BatchSource,
    config: TrainingConfig,
    distributed: DistributedContext,
    *,
    folder: Path | None = None,
    layer_id: Callable[[str], int] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    fingerprint: str = "",
) -> nn.Module:
    """Train `model` and return it with its final weights (their moving average, if `config.ema_decay` is set).

    A step gives the same result whether it is computed at once, in micro-batches, or by several processes, because
    each loss is weighted by its number of terms. Randomness in the model is seeded by (seed, step, rank), so that
    a run which resumes from `folder` ends with the same bits as one that was never stopped.

    Args:
        model: Takes a batch and returns a `LossOutput`.
        batches: The training data; `config.gradient_accumulation_steps` batches make a step.
        config: The training settings.
        distributed: This process among those that train together, and its device.
        folder: Where the log and the state are kept; a run found there is resumed. None writes no files.
        layer_id: Maps a parameter's name to the index of its layer, for `config.layer_decay`.
        on_progress: Called after every step, in the main process.
        fingerprint: Identifies the settings and the data; the state of another run is refused.

    Raises:
        TrainingStopped: SIGINT or SIGTERM arrived, and `folder` is given; the state is that of the last step.
        NotFiniteError: The loss or the gradient is infinite or NaN.
        InputError: There are no batches, an epoch has no loss term, or the folder holds the state of another run.
    """
    if len(batches) == 0:
        raise InputError("there is nothing to train on: no recording is left", expected="at least one recording")
    steps_per_epoch = math.ceil(len(batches) / config.gradient_accumulation_steps)
    epochs = max(config.epochs, math.ceil(config.min_steps / steps_per_epoch))
    total_steps = epochs * steps_per_epoch
    warmup_steps = round(config.warmup_epochs * steps_per_epoch)
    trainer = _Trainer(model, config, distributed, layer_id)
    if folder and (state := load_state(folder)):
        trainer.load_state(state, fingerprint, folder, total_steps)
    log = Log(folder, trainer.step) if folder and distributed.is_main else None
    interrupts = deferred_interrupts() if folder else contextlib.nullcontext(StopRequest())
    first_step, start_time = trainer.step, time.perf_counter()
    last_save = start_time
    trainer.model.train()
    with interrupts as stop:
        while trainer.step < total_steps:
            epoch, next_step = divmod(trainer.step, steps_per_epoch)
            stream = batches.epoch(epoch, next_step * config.gradient_accumulation_steps)
            for step_in_epoch in range(next_step, steps_per_epoch):
                lr = learning_rate(trainer.step, total_steps, warmup_steps, config)
                num_left = len(batches) - step_in_epoch * config.gradient_accumulation_steps
                num_micro_batches = min(config.gradient_accumulation_steps, num_left)
                loss, logs = trainer.train_step([next(stream) for _ in range(num_micro_batches)], lr, stop)
                now = time.perf_counter()
                steps_per_second = (trainer.step - first_step) / (now - start_time)
                batches_per_second = steps_per_second * len(batches) / steps_per_epoch
                if on_progress and distributed.is_main:
                    seconds_left = (total_steps - trainer.step) / steps_per_second
                    on_progress(
                        Progress(
                            trainer.step,
                            total_steps,
                            epoch + 1,
                            epochs,
                            loss,
                            lr,
                            batches_per_second,
                            seconds_left,
                        )
                    )
                if step_in_epoch == steps_per_epoch - 1:
                    mean_loss = trainer.finish_epoch()
                    if log:
                        row = {"step": trainer.step, "epoch": epoch + 1, "loss": mean_loss, "lr": lr}
                        log.add(row | {"batches_per_second": batches_per_second} | logs)
                is_due = trainer.step == total_steps or now - last_save >= config.checkpoint_seconds
                if folder and (trainer.agree(is_due) or trainer.is_stopped):
                    trainer.save(folder, fingerprint)
                    last_save = now
                if folder and trainer.is_stopped:
                    done = f"stopped at step {trainer.step} of {total_steps}"
                    raise TrainingStopped(f"{done}; the state is saved in {folder / STATE}")
    if log:
        log.close()
    distributed.barrier()
    return trainer.final_model()


class _Trainer:
    """The model with everything else that changes from step to step."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        distributed: DistributedContext,
        layer_id: Callable[[str], int] | None,
    ) -> None:
        self.config, self.distributed = config, distributed
        self.sharded: ShardedModel | None = None
        if config.parallel == "fsdp" and distributed.world_size > 1:
            from skeletonmae.training.sharding import ShardedModel  # slow, and rarely needed

            self.sharded = ShardedModel(model, distributed)
        self.model: nn.Module = self.sharded.module if self.sharded else model.to(distributed.device)
        self.step = 0
        self.is_stopped = False  # whether any process has been asked to stop
        self.loss_sum, self.num_terms = 0.0, 0.0  # of the current epoch
        self.optimizer = build_optimizer(self.model, config, layer_id)
        ema_update = get_ema_multi_avg_fn(config.ema_decay)  # type: ignore[no-untyped-call]
        self.ema_model = AveragedModel(self.model, multi_avg_fn=ema_update) if config.ema_decay else None
        use_ddp = distributed.world_size > 1 and not self.sharded
        self.parallel_model = DistributedDataParallel(self.model) if use_ddp else self.model

    def train_step(self, micro_batches: list[Any], lr: float, stop: StopRequest) -> tuple[float, dict[str, float]]:
        """Do one optimizer step.

        Args:
            micro_batches: The batches of this step; gradients are accumulated over them.
            lr: Learning rate, before the scale of each parameter group.
            stop: Whether this process has been asked to stop; processes agree on it in `is_stopped`.

        Returns:
            The mean loss over all terms of all processes, and the logs of the last micro-batch.

        Raises:
            NotFiniteError: The loss or the gradient is infinite or NaN; the weights are unchanged.
        """
        torch.manual_seed(hash((self.config.seed, self.step, self.distributed.rank)))
        self.optimizer.zero_grad()
        loss_sums, term_counts = [], []
        for index, batch in enumerate(micro_batches):
            with self._gradient_sync(is_last=index == len(micro_batches) - 1):
                output = self._forward(batch)
                loss_sum = output.loss * output.num_terms.to(output.loss.device)
                torch.autograd.backward(loss_sum)
            loss_sums.append(loss_sum.detach())
            term_counts.append(output.num_terms)
        num_terms, total_loss, num_stopped = self.distributed.all_reduce_sum(
            torch.stack(term_counts).sum(), torch.stack(loss_sums).sum(), torch.tensor(float(stop.is_set))
        )
        mean_loss = total_loss / max(num_terms, 1.0)
        if not math.isfinite(mean_loss):
            raise NotFiniteError(f"the loss is {mean_loss} at step {self.step + 1}; {NOT_FINITE_HINT}")
        gradients = [param.grad for param in self.model.parameters() if param.grad is not None]
        # Gradients are averaged over processes: times world_size it is their sum, divided by all terms their mean.
        torch._foreach_mul_(gradients, self.distributed.world_size / max(num_terms, 1.0))
        max_norm = self.config.max_grad_norm or math.inf
        grad_norm = float(self._whole(nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)))
        if not math.isfinite(grad_norm):
            raise NotFiniteError(f"the gradient norm is {grad_norm} at step {self.step + 1}; {NOT_FINITE_HINT}")
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        self.optimizer.step()
        if self.ema_model:
            self.ema_model.update_parameters(self.model)
        self.step += 1
        self.loss_sum += total_loss
        self.num_terms += num_terms
        self.is_stopped = num_stopped > 0
        return mean_loss, {name: float(value) for name, value in output.logs.items()}

    def finish_epoch(self) -> float:
        """Return the mean loss of the epoch and start counting the next one.

        Raises:
            InputError: The epoch had no loss term.
        """
        if not self.num_terms:
            problem = "a whole epoch had nothing to learn from: no clip contains an observed prediction target"
            raise InputError(problem)
        mean_loss = self.loss_sum / max(self.num_terms, 1.0)
        self.loss_sum, self.num_terms = 0.0, 0.0
        return mean_loss

    def _gradient_sync(self, *, is_last: bool) -> contextlib.AbstractContextManager[None]:
        """Let processes exchange gradients after the last micro-batch only."""
        if self.sharded:
            self.sharded.module.set_requires_gradient_sync(is_last)
        if is_last or not isinstance(self.parallel_model, DistributedDataParallel):
            return contextlib.nullcontext()
        no_sync: contextlib.AbstractContextManager[None] = self.parallel_model.no_sync()
        return no_sync

    def _forward(self, batch: Any) -> LossOutput:
        device_type = self.distributed.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            output: LossOutput = self.parallel_model(batch)
        return output

    def agree(self, flag: bool) -> bool:
        """Whether `flag` is True in any process, if all of them have to save a state together."""
        return flag if not self.sharded else self.distributed.all_reduce_sum(torch.tensor(float(flag)))[0] > 0

    def save(self, folder: Path, fingerprint: str) -> None:
        """Write the state. All processes call this, and the main process writes."""
        if self.distributed.is_main or self.sharded:
            state = self.state(fingerprint)
            if self.distributed.is_main:
                save_state(folder, state)

    def _whole(self, state: Any) -> Any:
        """Return `state` with whole tensors, if they are divided over the processes."""
        return self.sharded.gather(state) if self.sharded else state

    def state(self, fingerprint: str) -> dict[str, Any]:
        """Return all that a run needs to resume, with whole tensors however the run is divided."""
        return {
            "step": self.step,
            "fingerprint": fingerprint,
            "model": self._whole(self.model.state_dict()),
            "optimizer": self._whole(self.optimizer.state_dict()),
            "ema_model": self.ema_model.state_dict() if self.ema_model else None,
            "loss_sum": self.loss_sum,
            "num_terms": self.num_terms,
        }

    def load_state(self, state: dict[str, Any], fingerprint: str, folder: Path, total_steps: int) -> None:
        """Resume from `state`.

        Raises:
            InputError: It is the state of another run, or invalid.
        """
        if state["fingerprint"] != fingerprint:
            problem = "holds a run of another recipe or of other data; choose another folder"
            raise InputError(problem, where=folder, expected=fingerprint, got=state["fingerprint"])
        check_state(state, self.state(fingerprint), self.optimizer, total_steps, folder / STATE)
        moments = state["optimizer"]["state"]
        if self.sharded:
            self.sharded.load(state["model"])
            parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            moments = self.sharded.divide_moments(moments, parameters)
        else:
            self.model.load_state_dict(state["model"])
        # The settings come from the recipe, also those that another version of torch did not save.
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        if self.ema_model:
            self.ema_model.load_state_dict(state["ema_model"])
        self.step = state["step"]
        self.loss_sum, self.num_terms = float(state["loss_sum"]), float(state["num_terms"])

    def final_model(self) -> nn.Module:
        """Return the model in evaluation mode, with the averaged weights if there are any."""
        if self.ema_model:
            self.model.load_state_dict(self.ema_model.module.state_dict())
        model = self.sharded.finish(self.distributed) if self.sharded else self.model
        return model.eval()
