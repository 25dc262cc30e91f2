"""The training loop: any model that turns a batch into a loss. Nothing here knows about skeletons."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from skeletonmae.errors import InputError
from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.distributed import DistributedContext
from skeletonmae.training.optimizer import learning_rate
from skeletonmae.training.run_folder import STATE, Log, load_state
from skeletonmae.training.stopping import StopRequest, TrainingStopped, deferred_interrupts
from skeletonmae.training.trainer import StepHooks, Trainer


class BatchSource(Protocol):
    """Where batches come from. Batch `k` of an epoch must be the same each time it is requested."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield the batches of an epoch, from index `start` on."""


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


def train(
    model: nn.Module,
    batches: BatchSource,
    config: TrainingConfig,
    distributed: DistributedContext,
    *,
    folder: Path | None = None,
    layer_id: Callable[[str], int] | None = None,
    lr_factor: Callable[[str], float] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    fingerprint: str = "",
    on_last_weights: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """Train `model` and return it with its final weights (their moving average, if `config.ema_decay` is set).

    A model may have the attributes of `StepHooks`, as a `Method` does.

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
        lr_factor: Maps a parameter's name to a further factor of its learning rate.
        on_progress: Called after every step, in the main process.
        fingerprint: Identifies the settings and the data; the state of another run is refused.
        on_last_weights: If there is a moving average of the weights, called at the end with the model, before it
            replaces its weights.

    Raises:
        TrainingStopped: SIGINT or SIGTERM arrived, and `folder` is given; the state is that of the last step.
        NotFiniteError: The loss or the gradient is infinite or NaN.
        InputError: There are no batches, an epoch has no loss term, the folder holds the state of another run, the
            model couples the samples of a batch but a step is divided, or its logged values show that it failed.
    """
    if len(batches) == 0:
        raise InputError("there is nothing to train on: no recording is left", expected="at least one recording")
    steps_per_epoch = math.ceil(len(batches) / config.gradient_accumulation_steps)
    epochs = max(config.epochs, math.ceil(config.min_steps / steps_per_epoch))
    total_steps = epochs * steps_per_epoch
    warmup_steps = round(config.warmup_epochs * steps_per_epoch)
    _check_whole_batches(model, config, distributed)
    trainer = Trainer(model, config, distributed, layer_id, total_steps, lr_factor)
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
                    log_values = {name: float(value) for name, value in logs.items()}
                    if log:
                        row = {"step": trainer.step, "epoch": epoch + 1, "loss": mean_loss, "lr": lr}
                        log.add(row | {"batches_per_second": batches_per_second} | log_values)
                    if isinstance(trainer.model, StepHooks):
                        trainer.model.check_logs(log_values)
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
    if on_last_weights and trainer.ema_model:
        on_last_weights(trainer.model)
    return trainer.final_model()


def _check_whole_batches(model: nn.Module, config: TrainingConfig, distributed: DistributedContext) -> None:
    """Refuse to divide the steps of a model that couples the samples of a batch."""
    if not isinstance(model, StepHooks) or not model.couples_batch:
        return
    for divided_over, count in (
        ("micro-batches (training.gradient_accumulation_steps)", config.gradient_accumulation_steps),
        ("processes", distributed.world_size),
    ):
        if count > 1:
            problem = "the loss of this method compares the clips of a batch, so a step cannot be divided"
            raise InputError(problem, expected=f"1 of {divided_over}", got=count)
