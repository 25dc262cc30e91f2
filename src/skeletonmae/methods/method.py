"""What every pretext task offers. Training and evaluation know nothing else of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking
from skeletonmae.skeletons import Skeleton

AnyConfig = TypeVar("AnyConfig", bound=Config)
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
            as it was, and a joint of which the method says no position is NaN.
    """

    hidden: np.ndarray
    positions: np.ndarray


class MethodConfig(Config, ABC):
    """The settings of a method, which build it."""

    hides_tokens: ClassVar[bool] = True
    """Whether the recipe's `masking` says what is hidden; else a recipe that has one is refused."""

    @abstractmethod
    def build(self, spec: InputSpec, masking: Masking) -> Method:
        """The method for clips of `spec`, with fresh weights.

        Raises:
            ValueError: the settings do not fit each other or the clips.
        """


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
    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """A downstream model that starts from a copy of the encoder as it is now.

        Args:
            num_classes: how many actions it tells apart.
            config: the method's entry in `CLASSIFIERS`; None for its defaults.

        Raises:
            InputError: the settings are those of another method's classifier.
        """

    def rebuild(self, batch: Batch) -> Rebuilt | None:  # noqa: ARG002 - not every method rebuilds positions
        """The first person of the first clip, hidden and rebuilt; None if the method rebuilds no positions."""
        return None


def nothing(module: nn.Module) -> Float[Tensor, ""]:
    """0, with a gradient of 0 for every parameter: the loss of a batch that shows nobody."""
    return torch.stack([parameter.sum() for parameter in module.parameters()]).sum() * 0.0


def of_kind(kind: type[AnyConfig], config: Config | None) -> AnyConfig:
    """The settings if they are of that kind, its defaults if there are none.

    Raises:
        InputError: they are of another kind.
    """
    made = kind() if config is None else config
    if not isinstance(made, kind):
        expected, got = kind.__name__, type(made).__name__
        raise InputError("the settings are those of another method's classifier", expected=expected, got=got)
    return made


def joint_names(skeletons: Sequence[Skeleton]) -> tuple[str, ...]:
    """The names of all joints of some layouts, each once."""
    return tuple(dict.fromkeys(joint for skeleton in skeletons for joint in skeleton.joints))
