"""The interface of every pretext task, which is all that training and evaluation know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class InputSpec:
    """The shape of the clips of a method.

    Args:
        frames: Number of frames of a clip.
        axes: Number of coordinates of a joint.
        joints: Names of all joints, of all layouts.
        num_recordings: Number of recordings that the method is trained on, which limits the size of a queue; None
            if it is not known.
        persons: Maximum number of persons per clip.
        bones: (joint, parent) of every bone, from which networks on graphs start.
    """

    frames: int
    axes: int
    joints: tuple[str, ...]
    num_recordings: int | None = None
    persons: int = 2
    bones: tuple[tuple[str, str], ...] = ()


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


class MethodConfig(Config, ABC):
    """The settings of a method."""

    masks_tokens: ClassVar[bool] = True
    """Whether the method uses the `masking` section of a recipe. If not, a recipe that has one is refused."""
    compares_recordings: ClassVar[bool] = False
    """Whether the method tells the clips of one recording, and of its exact copies, from those of others."""
    classifier_kind: ClassVar[str | None] = None
    """Kind of the settings of its classifier in `CLASSIFIERS`; None for that of the method."""
    has_pretext_task: ClassVar[bool] = True
    """Whether the method can be pre-trained. If not, it only builds classifiers."""
    pools_statistics: ClassVar[bool] = False
    """Whether `Method.embed` has the pooling `statistics`."""

    @property
    def uses_mask(self) -> bool:
        """Whether the loss of these settings depends on the mask. If not, a recipe that sets one is refused."""
        return self.masks_tokens

    @property
    def ineffective_settings(self) -> list[str]:
        """Settings that were changed but have no effect beside the others; a recipe that has some is refused."""
        return []

    def num_time_steps(self, frames: int) -> int:
        """Return the number of time steps of the features of a clip, the most parts that it can be divided into.

        Args:
            frames: Number of frames of a clip.
        """
        return frames

    @property
    def reads_any_layout(self) -> bool:
        """Whether clips may have any layout, unit and number of axes."""
        return False

    def known_joints(self, joints: tuple[str, ...]) -> tuple[str, ...]:
        """Return the joints that a model has weights for.

        Args:
            joints: Those of the layouts that it is trained on.
        """
        return joints

    @property
    def num_feature_blocks(self) -> int:
        """Number of encoder blocks, from the last, whose features `Method.embed` can average."""
        return 1

    @abstractmethod
    def build(self, spec: InputSpec, masking: Masking) -> Method:
        """Build the method with newly initialized weights.

        Args:
            spec: The shape of the clips.
            masking: The masking strategy.

        Raises:
            ValueError: The settings do not fit each other or the clips.
        """

    kind: str
    """Name of the method in `METHODS`."""

    @property
    def num_views(self) -> Literal[1, 2]:
        """Number of views of each clip that a batch must have; with 2, it has a `second_view`."""
        return 1

    def starting_from(self, pretrained: MethodConfig) -> MethodConfig:  # noqa: ARG002 - few leave anything open
        """Return the settings of a run that starts from a checkpoint, which may leave some to it.

        Args:
            pretrained: The settings of the checkpoint's method.

        Raises:
            InputError: They do not fit.
        """
        return self

    def for_evaluation(self, recipe: MethodConfig) -> MethodConfig:  # noqa: ARG002 - few methods have such settings
        """Return these settings, those of a checkpoint, with the ones that affect evaluation alone from a recipe.

        Args:
            recipe: The settings of the recipe, which may be those of another method.
        """
        return self


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
