"""The settings of a training run."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from skeletonmae.config import Config


class TrainingConfig(Config):
    """Length, optimizer, learning rate and precision of a training run."""

    epochs: int = Field(400, ge=1)
    """Number of passes over the recordings."""
    min_steps: int = Field(0, ge=0)
    """Minimum number of optimizer steps; epochs are added until it is reached. Useful for very small sets."""
    batch_size: int = Field(128, ge=1)
    """Number of clips per optimizer step, over all processes and micro-batches together."""
    gradient_accumulation_steps: int = Field(1, ge=1)
    """Number of micro-batches that a step is computed in, one after the other, to save memory."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    warmup_epochs: float = Field(20.0, ge=0)
    """Number of epochs in which the learning rate grows linearly from 0 to `lr`."""
    schedule: Literal["cosine", "constant", "steps"] = "cosine"
    """Learning rate after the warm-up: `cosine` decays it to `final_lr` along half a cosine, `constant` keeps
    `lr`, and `steps` multiplies it by `gamma` at each of the `milestones`."""
    final_lr: float = Field(5e-4, ge=0)
    """Learning rate at the end of the `cosine` schedule."""
    milestones: tuple[float, ...] = ()
    """Epochs, warm-up included, after which the `steps` schedule multiplies the learning rate by `gamma`. Where
    `min_steps` adds epochs, the milestones move in proportion."""
    gamma: float = Field(0.1, gt=0, le=1)
    """Factor of the learning rate at each milestone of the `steps` schedule."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """`adam` and `sgd` add the weight decay to the gradient (L2 penalty); `sgd` uses `momentum`."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Coefficients of the running averages of `adamw` and `adam`."""
    momentum: float = Field(0.9, gt=0, lt=1)
    """Momentum of `sgd`."""
    nesterov: bool = True
    """Whether `sgd` uses Nesterov momentum (Sutskever et al., ICML 2013)."""
    weight_decay: float = Field(0.05, ge=0)
    """Weight decay; not applied to biases, normalization weights and other vectors."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Ratio of the learning rate of each layer to that of the next (Clark et al., *ELECTRA*, ICLR 2020)."""
    max_grad_norm: float | None = Field(1.0, gt=0)
    """Norm that the gradient is clipped to; null disables clipping."""
    ema_decay: float = Field(0.0, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is then the result; 0 disables it."""
    precision: Literal["float32", "bf16"] = "float32"
    """`bf16` computes matrix products in bfloat16; weights stay in float32."""
    compile: bool = False
    """Whether torch compiles the blocks of the model when training starts (`torch.compile`). The result is the
    same up to rounding. `docs/performance.md` says what it costs and where it pays."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """How several processes share a model: with `ddp`, each holds all of it. `fsdp` divides weights, gradients and
    moments of the optimizer among them, for models that do not fit (torch's FSDP2); it has no `ema_decay`."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Seed of the initial weights, the order of the clips, crops, masks and augmentation."""
    checkpoint_seconds: float = Field(60.0, ge=0)
    """Seconds between two saves of the state that a stopped run resumes from."""

    @model_validator(mode="after")
    def _check_milestones(self) -> Self:
        if (self.schedule == "steps") != bool(self.milestones):
            problem = "schedule steps needs milestones, and other schedules take none"
            raise ValueError(f"{problem}; got schedule {self.schedule}, milestones {self.milestones}")
        if any(low >= high for low, high in pairwise((0.0, *self.milestones, float(self.epochs)))):
            problem = f"milestones must increase, from above 0 to below epochs ({self.epochs})"
            raise ValueError(f"{problem}; got {self.milestones}")
        return self

    @model_validator(mode="after")
    def _check_parallel(self) -> Self:
        if self.parallel == "fsdp" and self.ema_decay:
            raise ValueError(f"parallel fsdp has no moving average; ema_decay must be 0; got {self.ema_decay}")
        if self.parallel == "fsdp" and self.compile:
            raise ValueError("parallel fsdp does not compile; compile must be false; got true")
        return self

    @model_validator(mode="after")
    def _check_micro_batches(self) -> Self:
        if self.batch_size % self.gradient_accumulation_steps:
            problem = f"gradient_accumulation_steps must divide batch_size ({self.batch_size})"
            raise ValueError(f"{problem}; got {self.gradient_accumulation_steps}")
        return self
