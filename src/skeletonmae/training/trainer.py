"""One optimizer step, and the state that a run resumes from, in one or several processes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from skeletonmae.errors import InputError
from skeletonmae.training.compilation import compile_blocks
from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.distributed import DistributedContext
from skeletonmae.training.optimizer import build_optimizer
from skeletonmae.training.precision import autocast
from skeletonmae.training.run_folder import STATE, save_state
from skeletonmae.training.state_check import check_state
from skeletonmae.training.stopping import StopRequest

if TYPE_CHECKING:
    from skeletonmae.training.sharding import ShardedModel


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


NOT_FINITE_HINT = "lower training.lr, use precision float32, or check the store with `skeletonmae validate`"


@runtime_checkable
class StepHooks(Protocol):
    """What a model may have besides `forward`."""

    couples_batch: bool
    """Whether the loss of a sample depends on other samples, so that a step cannot be divided."""

    def after_step(self, step: int, num_steps: int) -> None:
        """Update what is not learned by gradients; called after each step of the optimizer."""

    def check_logs(self, logs: Mapping[str, float]) -> None:
        """Raise an InputError if logged values show that the run has failed."""


class NotFiniteError(InputError):
    """The loss or the gradient is infinite or NaN. The weights are those of the step before."""


class Trainer:
    """The model with everything else that changes from step to step."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        distributed: DistributedContext,
        layer_id: Callable[[str], int] | None,
        num_steps: int,
        lr_factor: Callable[[str], float] | None = None,
    ) -> None:
        self.config, self.distributed, self.num_steps = config, distributed, num_steps
        self.sharded: ShardedModel | None = None
        if config.parallel == "fsdp" and distributed.world_size > 1:
            from skeletonmae.training.sharding import ShardedModel  # slow, and rarely needed

            self.sharded = ShardedModel(model, distributed)
        self.model: nn.Module = self.sharded.module if self.sharded else model.to(distributed.device)
        self.step = 0
        self.is_stopped = False  # whether any process has been asked to stop
        self.loss_sum, self.num_terms = 0.0, 0.0  # of the current epoch
        self.optimizer = build_optimizer(self.model, config, layer_id, lr_factor)
        ema_update = get_ema_multi_avg_fn(config.ema_decay)  # type: ignore[no-untyped-call]
        self.ema_model = AveragedModel(self.model, multi_avg_fn=ema_update) if config.ema_decay else None
        if config.compile:
            compile_blocks(self.model)
        use_ddp = distributed.world_size > 1 and not self.sharded
        self.parallel_model = DistributedDataParallel(self.model) if use_ddp else self.model

    def train_step(
        self, micro_batches: list[Any], lr: float, stop: StopRequest
    ) -> tuple[float, dict[str, Tensor]]:
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
        total = torch.stack(loss_sums).sum()
        num_terms, total_loss, num_stopped = self.distributed.all_reduce_sum(
            torch.stack(term_counts).sum(), total, total.new_full((), float(stop.is_set))
        )
        mean_loss = total_loss / max(num_terms, 1.0)
        if not math.isfinite(mean_loss):
            raise NotFiniteError(f"the loss is {mean_loss} at step {self.step + 1}; {NOT_FINITE_HINT}")
        gradients = [param.grad for param in self.model.parameters() if param.grad is not None]
        # Gradients are averaged over processes: times world_size it is their sum, divided by all terms their mean.
        torch._foreach_mul_(gradients, self.distributed.world_size / max(num_terms, 1.0))
        max_norm = self.config.max_grad_norm or math.inf
        grad_norm = float(self._gather(nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)))
        if not math.isfinite(grad_norm):
            raise NotFiniteError(f"the gradient norm is {grad_norm} at step {self.step + 1}; {NOT_FINITE_HINT}")
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        self.optimizer.step()
        self.step += 1
        if isinstance(self.model, StepHooks):
            self.model.after_step(self.step, self.num_steps)
        if self.ema_model:
            self.ema_model.update_parameters(self.model)
        self.loss_sum += total_loss
        self.num_terms += num_terms
        self.is_stopped = num_stopped > 0
        return mean_loss, {name: value.detach() for name, value in output.logs.items()}

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
        with autocast(self.config.precision, self.distributed.device):
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

    def _gather(self, state: Any) -> Any:
        """Return `state` with whole tensors, if they are divided over the processes."""
        return self.sharded.gather(state) if self.sharded else state

    def state(self, fingerprint: str) -> dict[str, Any]:
        """Return all that a run needs to resume, with whole tensors however the run is divided."""
        return {
            "step": self.step,
            "fingerprint": fingerprint,
            "model": self._gather(self.model.state_dict()),
            "optimizer": self._gather(self.optimizer.state_dict()),
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
