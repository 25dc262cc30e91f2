"""The settings of a training run."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from skeletonmae.config import Config


class TrainingConfig(Config):
    """How long, how fast, how exact."""

    epochs: int = Field(400, ge=1)
    """How often every recording is seen."""
    min_steps: int = Field(0, ge=0)
    """Epochs are added until there are at least so many steps: for very small sets."""
    batch_size: int = Field(128, ge=1)
    """Clips of one step, all processes and accumulated parts together."""
    accumulate: int = Field(1, ge=1)
    """Parts a step is computed in, one after the other, to need less memory."""
    lr: float = Field(1e-3, gt=0)
    """The highest learning rate."""
    warmup_epochs: float = Field(20.0, ge=0)
    """Epochs of linear growth from 0 to `lr`."""
    schedule: Literal["cosine", "constant", "steps"] = "cosine"
    """After the warm-up: half a cosine down to `final_lr`, `lr` to the end, or steps at `milestones`."""
    final_lr: float = Field(5e-4, ge=0)
    """The learning rate at the end of the half cosine."""
    milestones: tuple[float, ...] = ()
    """Of `steps`: the epochs, warm-up included, after which the learning rate is multiplied by `factor`. Where
    `min_steps` adds epochs, they move with the end."""
    factor: float = Field(0.1, gt=0, le=1)
    """Of `steps`."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """`adam` and `sgd` add the weight decay to the gradient (L2); `sgd` has a momentum."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Of `adamw` and `adam`."""
    momentum: float = Field(0.9, gt=0, lt=1)
    """Of `sgd`."""
    nesterov: bool = True
    """Whether the momentum of `sgd` looks ahead (Sutskever et al., ICML 2013)."""
    weight_decay: float = Field(0.05, ge=0)
    """Not applied to biases, norms and single vectors."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Each layer learns by this factor slower than the next (Clark et al., *ELECTRA*, ICLR 2020)."""
    clip_norm: float | None = Field(1.0, gt=0)
    """The gradient is scaled down to this norm."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights, which is then the result; 0 for none."""
    precision: Literal["float32", "bf16"] = "float32"
    """`bf16` computes matrix products in bfloat16; weights stay in float32."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of the first weights, the order, the crops, the masks and the augmentation."""
    checkpoint_seconds: float = Field(60.0, ge=0)
    """How often the state is saved; a killed run goes on from there."""

    @model_validator(mode="after")
    def _milestones_are_met(self) -> Self:
        if (self.schedule == "steps") != bool(self.milestones):
            raise ValueError(f"schedule steps needs milestones, and no other has any; got {self.milestones}")
        if any(low >= high for low, high in pairwise((0.0, *self.milestones, float(self.epochs)))):
            problem = f"milestones must ascend, above 0 and below epochs ({self.epochs})"
            raise ValueError(f"{problem}; got {self.milestones}")
        return self

    @model_validator(mode="after")
    def _parts_are_whole(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(f"accumulate must divide batch_size ({self.batch_size}); got {self.accumulate}")
        return self
