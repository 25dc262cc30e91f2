"""The settings of a pretext task, and the shape of the clips that it is built for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from skeletonmae.config import Config
from skeletonmae.masking import Masking

if TYPE_CHECKING:
    from skeletonmae.methods.method import Method


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
