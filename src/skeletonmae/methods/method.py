"""The interface of every pretext task, which is all that training and evaluation know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.methods.method_config import MethodConfig
from skeletonmae.methods.pooling import Pooling
from skeletonmae.skeletons import Skeleton

AnyConfig = TypeVar("AnyConfig", bound=Config)


@dataclass(frozen=True)
class MethodOutput:
    """The loss of a batch.

    Args:
        loss: A mean over `num_terms` terms.
        num_terms: Number of terms in the mean. It weights the micro-batches of a step, in all processes.
        logs: Values to write to the log. They stay on the device: they are read when a line is written.
    """

    loss: Float[Tensor, ""]
    num_terms: Float[Tensor, ""]
    logs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A masked clip and its reconstruction, for plotting.

    Args:
        hidden: Which joints were hidden in which frames, `(frame, joint)`.
        positions: The reconstructed clip, `(frame, joint, axis)`, in the unit of the batch. Joints that were not
            hidden keep their positions; hidden joints without a predicted position are NaN.
    """

    hidden: np.ndarray
    positions: np.ndarray


class Classifier(nn.Module, ABC):
    """An action classifier; made by `Method.classifier`."""

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """Compute the logits of each clip."""

    @abstractmethod
    def layer_id(self, parameter: str) -> int:
        """Return the layer of a parameter, for layer decay: 0 at the input, the largest number for the head.

        Args:
            parameter: Its name in `named_parameters()`.
        """

    def is_encoder(self, parameter: str) -> bool:
        """Return whether a parameter is a copy of one of the encoder, whose learning rate `encoder_lr` scales.

        Args:
            parameter: Its name in `named_parameters()`.
        """
        return parameter.startswith("encoder.")


class Method(nn.Module, ABC):
    """A pretext task with its networks.

    All that changes from step to step is a parameter or a buffer, so that it is in the state that a stopped run
    resumes from: the weights of a teacher, a queue, the number of steps seen.
    """

    couples_batch: bool = False
    """Whether the loss of a clip depends on the other clips of the batch, or of earlier batches. Such a method is
    trained on whole batches: several processes or micro-batches are refused."""

    @abstractmethod
    def forward(self, batch: Batch) -> MethodOutput:
        """Compute the loss of a batch. Random numbers come from `batch.rng` or `batch.track_rng`.

        Buffers do not change here but in `after_step`, because a step may be repeated or given up.
        """

    def after_step(self, step: int, num_steps: int) -> None:
        """Update what is not learned by gradients, such as a teacher or a queue, after a step of the optimizer.

        It is not called after a step that was given up because its loss or gradient was not finite.

        Args:
            step: Number of steps done, including this one.
            num_steps: Number of steps of the run.
        """

    def start_from(self, pretrained: Method) -> None:
        """Take over the weights of a checkpoint; called before the first step of a run with `init_from`.

        Args:
            pretrained: The method of the checkpoint.

        Raises:
            InputError: It has no weights that fit.
        """
        if type(pretrained) is not type(self):
            expected, got = type(self).__name__, type(pretrained).__name__
            raise InputError("the checkpoint is of another method", where="init_from", expected=expected, got=got)
        load_weights(self, pretrained)

    def layer_id(self, parameter: str) -> int:  # noqa: ARG002 - one layer, unless a method counts its blocks
        """Return the layer of a parameter, for `training.layer_decay` in pre-training; the last has the full rate.

        Args:
            parameter: Its name in `named_parameters()`.
        """
        return 0

    def use_settings(self, config: MethodConfig) -> None:
        """Use other settings, which differ from the present ones in those that affect evaluation alone.

        Args:
            config: What `MethodConfig.for_evaluation` returned.
        """

    def check_logs(self, logs: Mapping[str, float]) -> None:
        """Stop a run whose logged values show that it has failed; called when a line of the log is written.

        Args:
            logs: `MethodOutput.logs` of the last batch.

        Raises:
            InputError: The run has failed.
        """

    @abstractmethod
    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Compute one feature vector per clip with the encoder; zeros for a clip without observed persons.

        Args:
            batch: The clips.
            pooling: Which tokens are averaged.
            time_parts: Number of equal parts of the clip, whose means are concatenated.
            last_blocks: Number of encoder blocks, from the last, whose features are averaged.

        Raises:
            InputError: The clip has fewer time steps, or the method returns the features of fewer blocks.
        """

    @abstractmethod
    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build a classifier that starts from a copy of the current encoder.

        Args:
            num_classes: Number of actions.
            config: Settings from the method's entry in `CLASSIFIERS`; None for the defaults.

        Raises:
            InputError: The settings are those of another method's classifier.
        """

    def reconstruct(self, batch: Batch) -> Reconstruction | None:  # noqa: ARG002 - not every method reconstructs
        """Mask and reconstruct the first person of the first clip.

        Returns:
            None if the method does not predict positions, or if the first clip contains no observed person.
        """
        return None


def load_weights(module: nn.Module, pretrained: nn.Module) -> None:
    """Copy the weights of a module of the same shape.

    Raises:
        InputError: Names or shapes are different.
    """
    try:
        module.load_state_dict(pretrained.state_dict())
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        problem = f"the weights of the checkpoint do not fit the recipe ({reason})"
        raise InputError(problem, where="init_from") from error


def zero_loss(module: nn.Module) -> Float[Tensor, ""]:
    """Return 0 with a gradient of 0 for every parameter: the loss of a batch without observed persons.

    `DistributedDataParallel` expects a gradient for every parameter.
    """
    return torch.stack([parameter.sum() for parameter in module.parameters()]).sum() * 0.0


def resolve_config(config_class: type[AnyConfig], config: Config | None) -> AnyConfig:
    """Return the settings of a classifier, or the defaults if none are given.

    Args:
        config_class: The expected type.
        config: The settings.

    Raises:
        InputError: The settings have another type.
    """
    resolved = config_class() if config is None else config
    if not isinstance(resolved, config_class):
        expected, got = config_class.__name__, type(resolved).__name__
        raise InputError("the settings are those of another method's classifier", expected=expected, got=got)
    return resolved


def joint_names(skeletons: Sequence[Skeleton]) -> tuple[str, ...]:
    """Return the names of all joints of some layouts, each once."""
    return tuple(dict.fromkeys(joint for skeleton in skeletons for joint in skeleton.joints))
