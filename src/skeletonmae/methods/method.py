"""What every pretext task offers. Training and evaluation know nothing else of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.skeletons import Skeleton

Pooling = Literal["mean", "joints"]
"""Mean over persons, time and joints; or mean over persons and time, joints side by side."""


@dataclass(frozen=True)
class MethodOutput:
    """The loss of a batch.

    Args:
        loss: the mean of the terms.
        weight: how many terms that are. The batches of one step, over all processes, count by it.
        logs: numbers worth writing down.
    """

    loss: Float[Tensor, ""]
    weight: Float[Tensor, ""]
    logs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class InputSpec:
    """What a method's clips look like.

    Args:
        frames: of a clip.
        axes: coordinates of a joint.
        joints: names of all joints that come, of all layouts.
    """

    frames: int
    axes: int
    joints: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """What a method hid in a clip and what it put there, for pictures.

    Args:
        hidden: which joints of which frames were hidden, `(frame, joint)`.
        positions: the rebuilt clip, `(frame, joint, axis)`, in the units of the batch; what was not hidden is
            as it was.
    """

    hidden: np.ndarray
    positions: np.ndarray


class ClassifierConfig(Config):
    """How the downstream model is kept from learning by heart."""

    dropout: float = Field(0.3, ge=0, lt=1)
    """Of the head."""
    head_width: int = Field(2048, ge=1, le=65_536)
    """Hidden width of the head."""
    encoder_dropout: float = Field(0.0, ge=0, lt=1)
    """Of what each branch of the encoder adds."""
    drop_path: float = Field(0.3, ge=0, lt=1)
    """Of the last block; it grows from 0 at the first."""


class Classifier(nn.Module, ABC):
    """A network that names actions; made by `Method.classifier`."""

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """A score for every class."""

    @abstractmethod
    def depth_of(self, parameter: str) -> int:
        """How deep a parameter lies: 0 at the input, the largest number for the head."""


class Method(nn.Module, ABC):
    """A pretext task with its networks."""

    @abstractmethod
    def forward(self, batch: Batch) -> MethodOutput:
        """The loss of a batch; what is random comes from `batch.random(purpose)`."""

    @abstractmethod
    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Float[Tensor, "batch feature"]:
        """One feature vector a clip from the encoder; zeros for a clip that shows nobody."""

    @abstractmethod
    def classifier(self, num_classes: int, config: ClassifierConfig) -> Classifier:
        """A downstream model that starts from a copy of the encoder as it is now."""

    def rebuild(self, batch: Batch) -> Rebuilt | None:  # noqa: ARG002 - not every method rebuilds positions
        """The first person of the first clip, hidden and rebuilt; None if the method rebuilds no positions."""
        return None


def joint_names(skeletons: Sequence[Skeleton]) -> tuple[str, ...]:
    """The names of all joints of some layouts, each once."""
    return tuple(dict.fromkeys(joint for skeleton in skeletons for joint in skeleton.joints))
